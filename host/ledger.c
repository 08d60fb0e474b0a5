// SPDX-License-Identifier: GPL-2.0-or-later
/* The books themselves; figures are gathered in ledger_read.c. */
#include "host/ledger.h"

#include <assert.h>

static const struct {
	const char *title, *key;
} lines[] = {
	[LEDGER_FREE] = { "free", "free" },
	[LEDGER_GUEST_SMALL] = { "guests, 4K pages", "guest-4k" },
	[LEDGER_GUEST_THP] = { "guests, transparent huge pages", "guest-thp" },
	[LEDGER_GUEST_2M] = { "guests, 2M pages of a pool", "guest-2m" },
	[LEDGER_GUEST_1G] = { "guests, 1G pages of a pool", "guest-1g" },
	[LEDGER_GUEST_MERGED] = { "guests, merged pages (KSM)", "guest-merged" },
	[LEDGER_VMM] = { "their VMMs", "vmm" },
	[LEDGER_POOL_FREE] = { "huge page pools, free", "pool-free" },
	[LEDGER_POOL_RESERVED] = { "huge page pools, promised", "pool-reserved" },
	[LEDGER_POOL_OTHER] = { "huge page pools, others'", "pool-other" },
	[LEDGER_PROGRAMS] = { "other programs", "programs" },
	[LEDGER_SHARED] = { "shared memory, tmpfs", "shared" },
	[LEDGER_CACHE] = { "page cache", "cache" },
	[LEDGER_SECOND_TABLES] = { "guests' page tables (KVM)", "second-tables" },
	[LEDGER_TABLES] = { "page tables", "tables" },
	[LEDGER_SLAB] = { "kernel objects (slab)", "slab" },
	[LEDGER_STACKS] = { "kernel stacks", "stacks" },
	[LEDGER_REST] = { "not accounted", "rest" },
};
static_assert(sizeof(lines) / sizeof(lines[0]) == LEDGER_LINES, "a row for each line");

const char *ledger_line_title(enum ledger_line line)
{
	return lines[line].title;
}

const char *ledger_line_key(enum ledger_line line)
{
	return lines[line].key;
}

static uint64_t known(uint64_t value)
{
	return value == MEMINFO_UNKNOWN ? 0 : value;
}

/* Takes up to @wanted out of what is left of a kernel's count. */
static int64_t take(uint64_t *left, uint64_t wanted)
{
	uint64_t taken = wanted < *left ? wanted : *left;

	*left -= taken;
	return (int64_t)taken;
}

void ledger_make(const struct ledger_figures *figures, struct ledger *ledger)
{
	const struct meminfo *memory = &figures->memory;
	uint64_t anon = known(memory->anon), shared = known(memory->shmem), file = known(memory->file);
	int64_t sum = 0;

	*ledger = (struct ledger){ .total = known(memory->total) };
	ledger->line[LEDGER_FREE] = (int64_t)(known(memory->free) + figures->at_hand);
	/* merged pages first: guests' figures are without them, and they count as the kernel's own memory of a process */
	ledger->line[LEDGER_GUEST_MERGED] = take(&anon, figures->merged);
	ledger->line[LEDGER_GUEST_THP] = take(&anon, figures->thp);
	ledger->line[LEDGER_GUEST_SMALL] = take(&anon, figures->small_own) + take(&shared, figures->small_shared);
	ledger->line[LEDGER_VMM] = take(&anon, figures->vmm);
	ledger->line[LEDGER_PROGRAMS] = (int64_t)anon;
	ledger->line[LEDGER_SHARED] = (int64_t)shared;
	ledger->line[LEDGER_CACHE] = (int64_t)(file > known(memory->shmem) ? file - known(memory->shmem) : 0);
	for (int size = 0; size < 2; size++) {
		uint64_t idle = figures->pool_free[size], used = figures->pool[size] > idle ? figures->pool[size] - idle : 0;

		ledger->line[LEDGER_POOL_RESERVED] += take(&idle, figures->pool_reserved[size]);
		ledger->line[LEDGER_POOL_FREE] += (int64_t)idle;
		ledger->line[size ? LEDGER_GUEST_1G : LEDGER_GUEST_2M] =
			take(&used, size ? figures->huge_1g : figures->huge_2m);
		ledger->line[LEDGER_POOL_OTHER] += (int64_t)used;
	}
	ledger->line[LEDGER_SECOND_TABLES] = (int64_t)known(memory->second_tables);
	ledger->line[LEDGER_TABLES] = (int64_t)known(memory->page_tables);
	ledger->line[LEDGER_SLAB] = (int64_t)known(memory->slab);
	ledger->line[LEDGER_STACKS] = (int64_t)known(memory->kernel_stacks);
	for (int line = 0; line < LEDGER_REST; line++)
		sum += ledger->line[line];
	ledger->line[LEDGER_REST] = (int64_t)ledger->total - sum;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The figures of the books: meminfo and pools of each node, and of each guest how much of its RAM is on which node, by
 * the size of its pages. What KSM keeps, huge pages and the VMM's own memory are known of a guest as a whole: they are
 * parted as the guest's small pages are.
 */
#include <stdlib.h>
#include <string.h>

#include "host/ksm.h"
#include "host/ledger.h"
#include "host/proc.h"
#include "host/qmp.h"
#include "host/zoneinfo.h"
#include "lib/size.h"
#include "lib/xalloc.h"

enum kind { SMALL, HUGE_2M, HUGE_1G, KINDS };

static const uint64_t page_sizes[KINDS] = { [SMALL] = 4 * KIB, [HUGE_2M] = 2 * MIB, [HUGE_1G] = GIB };

/* ---- a guest -------------------------------------------------------------------------------- */

/* A guest's RAM by kind and node: bytes[kind * nodes + node]. The caller frees. *@gone: none could be looked at. */
static uint64_t *locate(const struct guest *guest, const struct machine *machine, unsigned int samples, bool *gone)
{
	uint64_t *bytes = xcalloc((size_t)KINDS * machine->node_count + 1, sizeof(*bytes));
	struct guest_ram *some = xcalloc(guest->ram_count + 1, sizeof(*some));

	for (int kind = 0; kind < KINDS; kind++) {
		struct guest part = *guest;
		struct guest_memory_map map;

		part.ram = some;
		part.ram_count = 0;
		for (unsigned int i = 0; i < guest->ram_count; i++)
			if (guest->ram[i].page_size == page_sizes[kind])
				some[part.ram_count++] = guest->ram[i];
		if (!part.ram_count)
			continue;
		if (guest_map_read(&part, machine, samples, &map) < 0) {
			*gone = true;
			continue;
		}
		for (unsigned int node = 0; node < map.node_count; node++)
			bytes[(unsigned int)kind * machine->node_count + node] = map.node_bytes[node];
		guest_map_release(&map);
	}
	free(some);
	return bytes;
}

static uint64_t sum_of(const uint64_t *bytes, unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += bytes[i];
	return sum;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Private or of memory files; what the process has beside is its VMM's. */
static void part_small(const struct root *root, const struct guest *guest, uint64_t small, struct guest_memory *memory)
{
	char text[8192];
	uint64_t anon = small, shared = 0;

	if (root_read(root, text, sizeof(text), "/proc/%d/status", (int)guest->pid) > 0) {
		anon = proc_field_bytes(text, "RssAnon");
		shared = proc_field_bytes(text, "RssShmem");
		anon = anon == PROC_UNKNOWN ? small : anon;
		shared = shared == PROC_UNKNOWN ? 0 : shared;
	}
	memory->small_shared = least(shared, small);
	memory->small_own = least(small - memory->small_shared, anon);
	memory->vmm = anon - memory->small_own + shared - memory->small_shared;
}

/* Of the small private pages: shared with others, and part of huge ones. */
static void part_own(struct guest *guest, const struct root *root, struct guest_memory *memory)
{
	guest_refresh_huge(root, guest);
	memory->merged = guest->ksm_pages == GUEST_UNKNOWN ? 0 : least(guest->ksm_pages * KSM_PAGE, memory->small_own);
	memory->small_own -= memory->merged;
	memory->thp = guest->anon_huge == GUEST_UNKNOWN ? 0 : least(guest->anon_huge, memory->small_own);
	memory->small_own -= memory->thp;
}

/* /proc/PID/ksm_stat, Linux 6.1: "ksm_process_profit -64", bytes. */
static int64_t profit_of(const struct root *root, const struct guest *guest)
{
	char text[1024], *at;

	if (root_read(root, text, sizeof(text), "/proc/%d/ksm_stat", (int)guest->pid) <= 0)
		return INT64_MIN;
	at = strstr(text, "ksm_process_profit ");
	return at ? strtoll(at + strlen("ksm_process_profit "), NULL, 10) : INT64_MIN;
}

/* Bytes that our vmm has given back by free page reporting. */
static uint64_t ask_reported(const struct guest *guest, int timeout_ms)
{
	struct qmp *qmp = guest->qmp && guest->handles ? qmp_connect(guest->qmp, timeout_ms, NULL) : NULL;
	json_t *answer = qmp ? qmp_call(qmp, "x-query-balloon", NULL, NULL) : NULL;
	json_t *bytes = json_object_get(json_object_get(answer, "reporting"), "discarded");
	uint64_t reported = json_is_integer(bytes) && json_integer_value(bytes) >= 0 ? (uint64_t)json_integer_value(bytes)
										     : GUEST_UNKNOWN;

	json_decref(answer);
	qmp_close(qmp);
	return reported;
}

/*
 * By the guest's word, and no more than it has. With deflate-on-oom Linux counts what is in the balloon as used memory
 * of its own: then its total is still all that it was given.
 */
static uint64_t working_set(const struct guest *guest, uint64_t ballooned, const struct guest_stats *stats)
{
	uint64_t used, balloon = ballooned == GUEST_UNKNOWN ? 0 : ballooned;

	if (stats->total == GUEST_UNKNOWN || stats->available == GUEST_UNKNOWN || stats->available > stats->total)
		return GUEST_UNKNOWN;
	used = stats->total - stats->available;
	if (stats->total > guest->configured - balloon)
		used -= least(balloon, used);
	return least(used, guest->configured);
}

void guest_memory_ask(struct guest *guest, int timeout_ms, struct guest_memory *memory)
{
	struct guest_stats stats;

	if (memory->gone)
		return;
	guest_refresh_balloon(guest, timeout_ms);
	guest_read_stats(guest, timeout_ms, &stats);
	memory->ballooned = guest->balloon == GUEST_UNKNOWN ? GUEST_UNKNOWN
		: guest->configured - least(guest->balloon, guest->configured);
	memory->working = working_set(guest, memory->ballooned, &stats);
	memory->idle = memory->working == GUEST_UNKNOWN || stats.free == GUEST_UNKNOWN ? GUEST_UNKNOWN
		: least(stats.free, stats.available);
	memory->reported = ask_reported(guest, timeout_ms);
}

/* *@bytes: locate()'s, the caller frees. */
static void read_guest(const struct root *root, const struct machine *machine, const struct guest *guest,
	unsigned int samples, struct guest_memory *memory, uint64_t **bytes)
{
	struct guest copy = *guest;
	unsigned int nodes = machine->node_count;
	bool gone = false;

	*bytes = locate(guest, machine, samples, &gone);
	*memory = (struct guest_memory){
		.configured = guest->configured,
		.huge_2m = sum_of(*bytes + HUGE_2M * nodes, nodes),
		.huge_1g = sum_of(*bytes + HUGE_1G * nodes, nodes),
		.merge_profit = profit_of(root, guest),
		.ballooned = GUEST_UNKNOWN, .reported = GUEST_UNKNOWN, .working = GUEST_UNKNOWN,
		.idle = GUEST_UNKNOWN, .gone = gone,
	};
	if (gone) {
		memset(*bytes, 0, KINDS * nodes * sizeof(**bytes));
		memory->huge_2m = memory->huge_1g = 0;
		return;
	}
	part_small(root, guest, sum_of(*bytes, nodes), memory);
	part_own(&copy, root, memory);
	memory->resident = memory->small_own + memory->small_shared + memory->thp + memory->merged + memory->huge_2m +
		memory->huge_1g;
}

/* ---- the nodes ------------------------------------------------------------------------------ */

static void read_node(const struct root *root, const struct machine_node *node, const char *zoneinfo,
	struct ledger_figures *figures)
{
	static const uint64_t sizes[2] = { 2 * MIB, GIB };

	meminfo_read_node(root, node->os, &figures->memory);
	figures->at_hand = zoneinfo_sum(zoneinfo, node->os, ZONEINFO_AT_HAND);
	for (int i = 0; i < 2; i++) {
		const struct machine_pool *pool = machine_pool_of(node, sizes[i]);

		figures->pool[i] = pool ? pool->total * sizes[i] : 0;
		figures->pool_free[i] = pool ? pool->free * sizes[i] : 0;
	}
}

/* Promises are the machine's, not a node's: they are laid on nodes in order, as far as these have free pages. */
static void part_promises(const struct root *root, struct ledger_figures *figures, unsigned int count)
{
	static const char *const directories[2] = { "hugepages-2048kB", "hugepages-1048576kB" };
	static const uint64_t sizes[2] = { 2 * MIB, GIB };

	for (int i = 0; i < 2; i++) {
		uint64_t pages, bytes;

		if (root_read_u64(root, &pages, "/sys/kernel/mm/hugepages/%s/resv_hugepages", directories[i]) < 0)
			continue;
		bytes = pages * sizes[i];
		for (unsigned int node = 0; node < count; node++) {
			figures[node].pool_reserved[i] = least(bytes, figures[node].pool_free[i]);
			bytes -= figures[node].pool_reserved[i];
		}
	}
}

/* Adds a guest to the nodes. */
static void add_guest(const struct guest_memory *memory, const uint64_t *bytes, unsigned int nodes,
	struct ledger_figures *figures)
{
	uint64_t small = sum_of(bytes, nodes);

	for (unsigned int node = 0; node < nodes; node++) {
		double share = small ? (double)bytes[node] / (double)small : 1.0 / nodes;

		figures[node].small_own += (uint64_t)(share * (double)memory->small_own);
		figures[node].small_shared += (uint64_t)(share * (double)memory->small_shared);
		figures[node].thp += (uint64_t)(share * (double)memory->thp);
		figures[node].vmm += (uint64_t)(share * (double)memory->vmm);
		figures[node].huge_2m += bytes[HUGE_2M * nodes + node];
		figures[node].huge_1g += bytes[HUGE_1G * nodes + node];
	}
}

struct ledger *ledger_read(const struct root *root, const struct machine *machine, const struct guest_list *guests,
	unsigned int samples, struct guest_memory *memory)
{
	unsigned int nodes = machine->node_count;
	struct ledger_figures *figures = xcalloc(nodes + 1, sizeof(*figures));
	struct ledger *ledgers = xcalloc(nodes + 1, sizeof(*ledgers));
	uint64_t anon_all = 0;
	struct ksm ksm;
	char *zoneinfo;

	for (unsigned int i = 0; i < guests->count; i++) {
		uint64_t *bytes;

		read_guest(root, machine, &guests->guests[i], samples, &memory[i], &bytes);
		add_guest(&memory[i], bytes, nodes, figures);
		free(bytes);
	}
	/* beside the guests' figures, so that all are of about the same moment */
	zoneinfo = root_read_all(root, NULL, ZONEINFO_FILE);
	ksm_read(root, &ksm);
	for (unsigned int node = 0; node < nodes; node++) {
		read_node(root, &machine->nodes[node], zoneinfo, &figures[node]);
		anon_all += figures[node].memory.anon == MEMINFO_UNKNOWN ? 0 : figures[node].memory.anon;
	}
	part_promises(root, figures, nodes);
	for (unsigned int node = 0; node < nodes; node++) {
		uint64_t anon = figures[node].memory.anon;

		if (ksm.pages_shared != KSM_UNKNOWN && anon_all && anon != MEMINFO_UNKNOWN)
			figures[node].merged = (uint64_t)((double)ksm.pages_shared * KSM_PAGE * (double)anon /
				(double)anon_all);
		ledger_make(&figures[node], &ledgers[node]);
	}
	free(zoneinfo);
	free(figures);
	return ledgers;
}

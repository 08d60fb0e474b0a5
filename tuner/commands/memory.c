// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune memory: the books of the host's memory, by node, and each guest's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/guest.h"
#include "host/ksm.h"
#include "host/ledger.h"
#include "host/machine.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/command.h"
#include "tuner/profile/profile.h"
#include "tuner/state.h"

#define SAMPLES 4096 /* pages asked for of each guest */
#define QMP_MS  500
#define KEPT    10   /* percent of what a guest needs that it keeps beyond that */

struct books {
	struct machine *machine;
	struct guest_list guests;
	struct guest_memory *memory; /* of each guest */
	uint64_t *floors;            /* of each guest, by the applied profile; 0: none */
	struct ledger *nodes;
	struct ksm ksm;
};

/* ---- gathering ------------------------------------------------------------------------------ */

/* The balloon_floor of the profile that was applied last, if any. */
static void read_floors(const struct root *root, struct books *books)
{
	char saved[PATH_MAX];
	struct profile *profile = state_profile(root, saved) ? profile_read(saved, NULL) : NULL;

	for (unsigned int i = 0; profile && i < books->guests.count; i++)
		for (unsigned int vm = 0; vm < profile->vm_count; vm++)
			if (!strcmp(profile->vms[vm].name, books->guests.guests[i].name))
				books->floors[i] = profile->vms[vm].balloon_floor;
	profile_free(profile);
}

static int books_read(const struct root *root, struct books *books, struct error *err)
{
	books->machine = machine_read(root, err);
	if (!books->machine)
		return -EIO;
	guests_read(root, &books->guests);
	books->memory = xcalloc(books->guests.count + 1, sizeof(*books->memory));
	books->floors = xcalloc(books->guests.count + 1, sizeof(*books->floors));
	read_floors(root, books);
	books->nodes = ledger_read(root, books->machine, &books->guests, SAMPLES, books->memory);
	ksm_read(root, &books->ksm);
	/* after the counting, for a VMM may take its time */
	for (unsigned int i = 0; i < books->guests.count; i++)
		guest_memory_ask(&books->guests.guests[i], QMP_MS, &books->memory[i]);
	return 0;
}

static void books_release(struct books *books)
{
	free(books->memory);
	free(books->floors);
	free(books->nodes);
	guests_release(&books->guests);
	machine_free(books->machine);
}

static uint64_t ksm_saved(const struct ksm *ksm)
{
	return ksm->pages_sharing == KSM_UNKNOWN ? 0 : ksm->pages_sharing * KSM_PAGE;
}

/* For every page that KSM knows of. */
static uint64_t ksm_metadata(const struct ksm *ksm)
{
	const uint64_t counts[] = { ksm->pages_shared, ksm->pages_sharing, ksm->pages_unshared, ksm->pages_volatile };
	uint64_t pages = 0;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		pages += counts[i] == KSM_UNKNOWN ? 0 : counts[i];
	return pages * KSM_ITEM;
}

/* What the guest could give back and keep its own kernel at ease; GUEST_UNKNOWN: it does not say what it needs. */
static uint64_t could_give(const struct guest_memory *memory, uint64_t floor)
{
	uint64_t has = memory->configured - (memory->ballooned == GUEST_UNKNOWN ? 0 : memory->ballooned), keeps;

	if (memory->working == GUEST_UNKNOWN)
		return GUEST_UNKNOWN;
	keeps = memory->working + memory->working * KEPT / 100;
	keeps = keeps > floor ? keeps : floor;
	return has > keeps ? has - keeps : 0;
}

/* Of that, what the guest would have to drop of its page cache. */
static uint64_t costs_cache(const struct guest_memory *memory, uint64_t give)
{
	return memory->idle == GUEST_UNKNOWN || give == GUEST_UNKNOWN ? GUEST_UNKNOWN
		: give > memory->idle ? give - memory->idle : 0;
}

/* ---- for people ----------------------------------------------------------------------------- */

static const char *mib(char buf[SIZE_TEXT_MAX], uint64_t bytes)
{
	if (bytes == GUEST_UNKNOWN)
		snprintf(buf, SIZE_TEXT_MAX, "?");
	else
		snprintf(buf, SIZE_TEXT_MAX, "%.1f", (double)bytes / MIB);
	return buf;
}

static bool any_node_has(const struct books *books, int line)
{
	for (unsigned int node = 0; node < books->machine->node_count; node++)
		if (books->nodes[node].line[line])
			return true;
	return false;
}

static void print_nodes(const struct books *books)
{
	printf("%-32s", "MiB");
	for (unsigned int node = 0; node < books->machine->node_count; node++)
		printf("%6s%-5u", "node ", books->machine->nodes[node].os);
	putchar('\n');
	for (int line = 0; line < LEDGER_LINES; line++) {
		if (!any_node_has(books, line))
			continue;
		printf("%-32s", ledger_line_title((enum ledger_line)line));
		for (unsigned int node = 0; node < books->machine->node_count; node++)
			printf("%10.1f ", (double)books->nodes[node].line[line] / MIB);
		putchar('\n');
	}
	printf("%-32s", "total");
	for (unsigned int node = 0; node < books->machine->node_count; node++)
		printf("%10.1f ", (double)books->nodes[node].total / MIB);
	putchar('\n');
}

static void print_saved(const struct books *books)
{
	uint64_t ballooned = 0, reported = 0;

	for (unsigned int i = 0; i < books->guests.count; i++) {
		const struct guest_memory *memory = &books->memory[i];

		ballooned += memory->ballooned == GUEST_UNKNOWN ? 0 : memory->ballooned;
		reported += memory->reported == GUEST_UNKNOWN ? 0 : memory->reported;
	}
	printf("\nsaved by KSM %.1f MiB, for %.1f of metadata; given back by balloons %.1f; by free page reporting %.1f so far\n",
		(double)ksm_saved(&books->ksm) / MIB, (double)ksm_metadata(&books->ksm) / MIB, (double)ballooned / MIB,
		(double)reported / MIB);
}

static void print_guests(const struct books *books)
{
	char text[8][SIZE_TEXT_MAX];

	if (!books->guests.count)
		return;
	printf("\n%-20s %9s %9s %9s %9s %9s %5s %9s %9s %9s\n", "GUEST, MiB", "HAS", "RESIDENT", "PRIVATE", "MERGED", "BALLOON",
		"HUGE", "NEEDS", "FLOOR", "CAN GIVE");
	for (unsigned int i = 0; i < books->guests.count; i++) {
		const struct guest_memory *memory = &books->memory[i];
		uint64_t huge = memory->thp + memory->huge_2m + memory->huge_1g, give = could_give(memory, books->floors[i]);
		uint64_t cache = costs_cache(memory, give);

		if (memory->gone) {
			printf("%-20s could not be looked at: it has ended, or you may not (root may)\n", books->guests.guests[i].name);
			continue;
		}
		printf("%-20s %9s %9s %9s %9s %9s %4.0f%% %9s %9s %9s", books->guests.guests[i].name,
			mib(text[0], memory->configured), mib(text[1], memory->resident),
			mib(text[2], memory->resident - memory->merged), mib(text[3], memory->merged),
			mib(text[4], memory->ballooned), memory->resident ? 100 * (double)huge / (double)memory->resident : 0,
			mib(text[5], memory->working), books->floors[i] ? mib(text[6], books->floors[i]) : "-", mib(text[7], give));
		if (give && cache != GUEST_UNKNOWN && give != GUEST_UNKNOWN && cache >= MIB)
			printf("  of which %s of its page cache", mib(text[0], cache));
		putchar('\n');
	}
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *figure(uint64_t value)
{
	return value == GUEST_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *node_json(const struct books *books, unsigned int node)
{
	json_t *lines = json_object();

	for (int line = 0; line < LEDGER_LINES; line++)
		json_object_set_new(lines, ledger_line_key((enum ledger_line)line),
			json_integer((json_int_t)books->nodes[node].line[line]));
	return json_pack("{s:i, s:I, s:o}", "node", (int)books->machine->nodes[node].os, "total",
		(json_int_t)books->nodes[node].total, "lines", lines);
}

static json_t *guest_json(const struct books *books, unsigned int i)
{
	const struct guest_memory *memory = &books->memory[i];
	uint64_t give = could_give(memory, books->floors[i]);

	return json_pack("{s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:s*, s:o, s:o, s:o}",
		"name", books->guests.guests[i].name, "pid", (int)books->guests.guests[i].pid,
		"gone", memory->gone, "configured", (json_int_t)memory->configured,
		"resident", (json_int_t)memory->resident, "private", (json_int_t)(memory->resident - memory->merged),
		"merged", (json_int_t)memory->merged,
		"merge-profit", memory->merge_profit == INT64_MIN ? json_null() : json_integer(memory->merge_profit),
		"ballooned", figure(memory->ballooned), "reported", figure(memory->reported),
		"thp", (json_int_t)memory->thp, "huge-2m", (json_int_t)memory->huge_2m,
		"huge-1g", (json_int_t)memory->huge_1g, "vmm", (json_int_t)memory->vmm,
		"working-set", figure(memory->working), "working-set-by", memory->working == GUEST_UNKNOWN ? NULL : "guest",
		"floor", books->floors[i] ? json_integer((json_int_t)books->floors[i]) : json_null(),
		"can-give", figure(give), "costs-cache", figure(costs_cache(memory, give)));
}

static json_t *to_json(const struct books *books)
{
	json_t *nodes = json_array(), *guests = json_array();

	for (unsigned int node = 0; node < books->machine->node_count; node++)
		json_array_append_new(nodes, node_json(books, node));
	for (unsigned int i = 0; i < books->guests.count; i++)
		json_array_append_new(guests, guest_json(books, i));
	return json_pack("{s:o, s:I, s:I, s:o}", "nodes", nodes, "ksm-saved", (json_int_t)ksm_saved(&books->ksm),
		"ksm-metadata", (json_int_t)ksm_metadata(&books->ksm), "guests", guests);
}

int memory_command(int argc, char **argv)
{
	struct command_common common = { 0 };
	struct books books = { 0 };
	struct error err;
	int operands, status = command_begin(argc, argv, NULL, &common, &operands);

	if (status >= 0)
		return status;
	status = books_read(&common.root, &books, &err) < 0 ? command_failed(argv[0], &err) : EXIT_SUCCESS;
	if (status == EXIT_SUCCESS && common.json) {
		command_print_json(to_json(&books));
	} else if (status == EXIT_SUCCESS) {
		print_nodes(&books);
		print_saved(&books);
		print_guests(&books);
	}
	books_release(&books);
	return status;
}

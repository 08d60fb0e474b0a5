// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of the host's memory: huge pages, fragmentation, swap, KSM, NUMA settings. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"
#include "tuner/doctor/text.h"
#include "tuner/home.h"

#define FRAGMENT_MIN     (512 * MIB) /* a node with less free memory is full, not fragmented */
#define FRAGMENT_PERCENT 50
#define FALLBACK_MIN     1000        /* page faults; fewer say nothing */
#define FALLBACK_PERCENT 10
#define SWAP_LITTLE      (64 * MIB)  /* what idle daemons leave there */

static const char *knob(const struct facts *facts, const char *name)
{
	return snapshot_knob(facts->snapshot, name);
}

/* The setting as a number; false when it is not known. */
static bool number(const struct facts *facts, const char *name, long long *value)
{
	const char *text = knob(facts, name);

	*value = text ? strtoll(text, NULL, 10) : 0;
	return text != NULL;
}

/* The setting's value, or NULL after having said that it is unknown. */
static const char *knob_or_say(const struct facts *facts, struct findings *findings, const char *name)
{
	const char *value = knob(facts, name);

	if (!value)
		finding_unknown(findings, xasprintf("the setting %s cannot be read, or this kernel has "
			"none", name));
	return value;
}

static unsigned int memory_nodes(const struct facts *facts)
{
	const struct machine *machine = facts->snapshot->machine;
	unsigned int count = 0;

	for (unsigned int i = 0; i < machine->node_count; i++)
		count += machine->nodes[i].memory > 0;
	return count;
}

/* Where there is but one, nothing can be on the wrong one. */
static bool one_node(const struct facts *facts, struct findings *findings)
{
	if (memory_nodes(facts) > 1)
		return false;
	finding_passed(findings, xstrdup("one node with memory"));
	return true;
}

/* ---- huge pages --------------------------------------------------------------------------------- */

/* The kernel compacts in the background when asked; beyond that only by hand or at boot. */
static struct fix compact(const struct facts *facts)
{
	static const char *const steps[] = {"20", "40"};
	const char *by_hand = "echo 1 > /proc/sys/vm/compact_memory; better: reserve the pool at boot";
	long long now;

	if (number(facts, "compaction_proactiveness", &now))
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			if (now < strtoll(steps[i], NULL, 10))
				return fix_setting(facts, "compaction_proactiveness", steps[i], by_hand);
	return fix_text(FIX_HAND, "%s", by_hand);
}

static void fragmentation(const struct facts *facts, struct findings *findings)
{
	bool bad = false;

	if (!facts->block_count) {
		finding_missing(findings, facts, "/proc/buddyinfo");
		return;
	}
	for (unsigned int i = 0; i < facts->block_count; i++) {
		const struct node_blocks *blocks = &facts->blocks[i];
		char huge[SIZE_ABOUT_MAX], all[SIZE_ABOUT_MAX];

		if (blocks->free < FRAGMENT_MIN || percent(blocks->huge, blocks->free) >= FRAGMENT_PERCENT)
			continue;
		bad = true;
		finding_found(findings, xasprintf("node %u: %s of %s free is in blocks of 2M (%u%%)",
			blocks->node, size_about(huge, blocks->huge), size_about(all, blocks->free),
			percent(blocks->huge, blocks->free)), compact(facts));
	}
	if (!bad)
		finding_passed(findings, xasprintf("on no node is more than half of what is free in pieces "
			"below 2M (nodes with less than %d MiB free left out)", (int)(FRAGMENT_MIN / MIB)));
}

static void thp_fallback(const struct facts *facts, struct findings *findings)
{
	uint64_t got = facts->thp_fault_alloc, missed = facts->thp_fault_fallback;
	char *measured;

	if (got == FACT_UNKNOWN || missed == FACT_UNKNOWN) {
		finding_missing(findings, facts, "what became of page faults for 2M (/proc/vmstat)");
		return;
	}
	measured = xasprintf("since boot %" PRIu64 " of %" PRIu64 " page faults that wanted 2M got 4K "
		"(%u%%)", missed, got + missed, percent(missed, got + missed));
	if (got + missed < FALLBACK_MIN || percent(missed, got + missed) < FALLBACK_PERCENT)
		finding_passed(findings, measured);
	else if (knob(facts, "thp_defrag") && !strcmp(knob(facts, "thp_defrag"), "defer+madvise"))
		finding_found(findings, measured, compact(facts));
	else
		finding_found(findings, measured, fix_setting(facts, "thp_defrag", "defer+madvise",
			"use pages = 2M, from a pool reserved at boot"));
}

static bool wants_thp(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->ram_count; i++)
		if (guest->ram[i].page_size < 2 * MIB && guest->configured >= BIG_GUEST)
			return true;
	return false;
}

static void thp_off(const struct facts *facts, struct findings *findings)
{
	const struct guest_list *list = &facts->snapshot->guests;
	const char *value = knob_or_say(facts, findings, "thp_enabled");
	struct text names = {0};
	unsigned int count = 0;
	char *measured;

	if (!value)
		return;
	if (strcmp(value, "never") != 0) {
		finding_passed(findings, xasprintf("thp_enabled is %s", value));
		return;
	}
	for (unsigned int i = 0; i < list->count; i++)
		if (wants_thp(&list->guests[i]) && ++count <= LISTED_MAX)
			text_add(&names, "%s%s", names.text ? ", " : "", list->guests[i].name);
	measured = count ? xasprintf("thp_enabled is never; %u guest%s of 1G and more on 4K pages: %s%s",
				count, count == 1 ? "" : "s", names.text, count > LISTED_MAX ? ", ..." : "")
			 : xstrdup("thp_enabled is never; no big guest on 4K pages now");
	finding_add(findings, count ? findings->check->grade : GRADE_NOTE, measured,
		fix_setting(facts, "thp_enabled", "madvise", "use pages = 2M"));
	free(names.text);
}

/* ---- swap --------------------------------------------------------------------------------------- */

/* Compressed memory is a way to pack guests tightly, and is used on purpose. */
static bool all_in_ram(const char *swaps)
{
	const char *line = swaps ? strchr(swaps, '\n') : NULL;

	if (!line)
		return false;
	for (; line; line = strchr(line + 1, '\n'))
		if (strncmp(line + 1, "/dev/zram", 9) != 0)
			return false;
	return true;
}

struct fix fix_swap(const struct facts *facts)
{
	const char *by_hand = "fewer or smaller guests (balloon), or more memory";
	long long now;

	if (number(facts, "swappiness", &now) && now > 10)
		return fix_setting(facts, "swappiness", "10", by_hand);
	return fix_text(FIX_HAND, "%s", by_hand);
}

static void swap(const struct facts *facts, struct findings *findings)
{
	char used[SIZE_ABOUT_MAX], total[SIZE_ABOUT_MAX];
	char *measured;

	if (facts->swap_total == FACT_UNKNOWN) {
		finding_missing(findings, facts, "swap in /proc/meminfo");
		return;
	}
	if (!facts->swap_total) {
		finding_passed(findings, xstrdup("there is no swap"));
		return;
	}
	measured = xasprintf("%s of %s in use", size_about(used, facts->swap_used),
		size_about(total, facts->swap_total));
	if (!facts->swap_used)
		finding_passed(findings, measured);
	else if (all_in_ram(facts->swaps))
		finding_add(findings, GRADE_NOTE, measured, fix_text(FIX_HAND,
			"it is compressed memory (zram): nothing to do where that is on purpose"));
	else
		finding_add(findings, facts->swap_used > SWAP_LITTLE ? findings->check->grade : GRADE_NOTE,
			measured, fix_swap(facts));
}

/* ---- KSM and NUMA ------------------------------------------------------------------------------- */

static void ksm_nodes(const struct facts *facts, struct findings *findings)
{
	const char *across, *run;

	if (one_node(facts, findings))
		return;
	run = knob_or_say(facts, findings, "ksm_run");
	if (run && strcmp(run, "1") != 0) {
		finding_passed(findings, xasprintf("KSM is not merging (ksm_run is %s)", run));
		return;
	}
	across = run ? knob_or_say(facts, findings, "ksm_merge_across_nodes") : NULL;
	if (!across)
		return;
	if (!strcmp(across, "0"))
		finding_passed(findings, xstrdup("KSM merges within nodes"));
	else
		finding_found(findings, xasprintf("ksm_merge_across_nodes is %s on %u nodes", across,
			memory_nodes(facts)), fix_setting(facts, "ksm_merge_across_nodes", "0",
			"this kernel cannot keep nodes apart: stop KSM (ksm_run = 0)"));
}

static void zone_reclaim(const struct facts *facts, struct findings *findings)
{
	const char *value;

	if (one_node(facts, findings))
		return;
	value = knob_or_say(facts, findings, "zone_reclaim_mode");
	if (value && strcmp(value, "0") != 0)
		finding_found(findings, xasprintf("zone_reclaim_mode is %s on %u nodes", value,
			memory_nodes(facts)), fix_setting(facts, "zone_reclaim_mode", "0",
			"boot a kernel that has the setting"));
	else if (value)
		finding_passed(findings, xstrdup("zone_reclaim_mode is 0"));
}

/* Whether every vCPU of every guest may run on the CPUs of one node only. */
static bool all_bound(const struct facts *facts)
{
	const struct guest_list *list = &facts->snapshot->guests;

	for (unsigned int i = 0; i < list->count; i++)
		for (unsigned int j = 0; j < list->guests[i].thread_count; j++) {
			const struct guest_thread *thread = &list->guests[i].threads[j];
			struct idset nodes = nodes_of_cpus(facts->snapshot->machine, &thread->allowed);

			if (thread->kind == THREAD_VCPU && idset_count(&nodes) != 1)
				return false;
		}
	return list->count > 0;
}

static void numa_balancing(const struct facts *facts, struct findings *findings)
{
	const char *value;

	if (one_node(facts, findings))
		return;
	value = knob_or_say(facts, findings, "numa_balancing");
	if (value && !strcmp(value, "1") && all_bound(facts))
		finding_found(findings, xstrdup("numa_balancing is 1; every vCPU is bound to one node"),
			fix_setting(facts, "numa_balancing", "0", "boot with numa_balancing=disable"));
	else if (value)
		finding_passed(findings, xasprintf("numa_balancing is %s", value));
}

const struct check memory_checks[] = {
	{"swap", GRADE_WARNING, "the host swaps",
		"A guest that touches a page in swap stands still until the disk has read it, and does not "
		"know why.", swap},
	{"fragmentation", GRADE_WARNING, "free memory is in small pieces",
		"New guests get 4K pages, or no huge page pool, though there is memory: each TLB miss of a "
		"guest then walks two page tables to their ends.", fragmentation},
	{"thp-fallback", GRADE_WARNING, "2M pages are often not to be had",
		"What was meant to be in 2M pages is in 4K pages, for as long as khugepaged has not found it.",
		thp_fallback},
	{"thp-off", GRADE_WARNING, "transparent huge pages are off",
		"Big guests whose memory is no pool of huge pages run on 4K pages: up to 20 % slower where "
		"they touch much memory. madvise gives 2M pages to guests that ask, as QEMU and vmm do.",
		thp_off},
	{"ksm-nodes", GRADE_WARNING, "KSM merges pages of different nodes",
		"Guests then read their own memory from another node, whatever node they were bound to.",
		ksm_nodes},
	{"zone-reclaim", GRADE_WARNING, "a full node reclaims before it uses another",
		"Page cache and guest memory are thrown out or swapped while other nodes are free.",
		zone_reclaim},
	{"numa-balancing", GRADE_NOTE, "the kernel looks for better places of bound guests",
		"It unmaps guest memory again and again to see who uses it, each time a storm of exits, and "
		"can move nothing: all guests are bound.", numa_balancing},
	{0},
};

// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of each guest's memory: on its node, in large pages, in RAM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"
#include "tuner/doctor/guest_name.h"
#include "tuner/doctor/text.h"
#include "tuner/home.h"

#define LIST_TEXT       256
#define REMOTE_LITTLE   5  /* percent: firmware, shared libraries, what the sample cannot tell */
#define REMOTE_MUCH     50
#define SMALL_MUCH      50 /* percent of RAM in 4K pages */
#define SWAPPED_LITTLE  MIB

static void guests_seen(const struct facts *facts, struct findings *findings)
{
	const struct guest_list *list = &facts->snapshot->guests;

	if (!facts->told)
		finding_unknown(findings, xstrdup("no machine was looked at for guests"));
	else if (list->hidden)
		finding_unknown(findings, xasprintf("%u processes could not be looked into and may be "
			"guests; run as root", list->hidden));
	else
		finding_passed(findings, xasprintf("%u guest%s, nothing hidden", list->count,
			list->count == 1 ? "" : "s"));
}

/* ---- where memory is ---------------------------------------------------------------------------- */

static void check_place(const struct facts *facts, const struct guest_facts *row,
	struct findings *findings)
{
	char nodes[LIST_TEXT], remote_text[SIZE_ABOUT_MAX], all[SIZE_ABOUT_MAX], name[GUEST_NAME_MAX];
	const struct guest_memory_map *map = &row->map;
	struct idset home;
	uint64_t remote;
	bool bound;

	if (!map->node_bytes) {
		finding_unknown(findings, xasprintf("%s: the kernel does not tell where its pages are",
			row->guest->name));
		return;
	}
	home = home_of(facts->snapshot->machine, row->guest, &bound);
	if (idset_empty(&home)) {
		finding_unknown(findings, xasprintf("%s: no vCPU thread was found", row->guest->name));
		return;
	}
	idset_format(&home, nodes, sizeof(nodes));
	remote = home_bytes_outside(facts->snapshot->machine, map, &home);
	if (percent(remote, map->resident) <= REMOTE_LITTLE) {
		finding_passed(findings, xasprintf("%s: %u%% of its memory is elsewhere than its vCPUs "
			"(node %s)", row->guest->name, percent(remote, map->resident), nodes));
		return;
	}
	guest_operand(name, row->guest);
	/* Where an unbound vCPU ran last is a moment's look: reason to warn, no more. */
	finding_add(findings, bound && percent(remote, map->resident) >= REMOTE_MUCH
			? GRADE_ERROR : findings->check->grade,
		xasprintf("%s: %s of %s (%u%%) is not on node %s, where its vCPUs %s", row->guest->name,
			size_about(remote_text, remote), size_about(all, map->resident),
			percent(remote, map->resident), nodes, bound ? "are bound" : "ran last"),
		fix_text(FIX_COMMAND, "%svmtune move %s %s",
			bound ? "" : "(pin its vCPUs first: vmtune pin) ", name, nodes));
}

static void guest_node(const struct facts *facts, struct findings *findings)
{
	const struct snapshot *snapshot = facts->snapshot;

	if (!findings_have_guests(findings, facts))
		return;
	if (snapshot->machine->node_count < 2) {
		finding_passed(findings, xstrdup("one node"));
		return;
	}
	for (unsigned int i = 0; i < snapshot->guests.count; i++)
		check_place(facts, &facts->guests[i], findings);
}

/* ---- page size ---------------------------------------------------------------------------------- */

static struct fix larger_pages(const struct facts *facts)
{
	const char *by_hand = "start it with pages = 2M, from a pool of huge pages";
	const char *thp = snapshot_knob(facts->snapshot, "thp_enabled");
	const char *sleep = snapshot_knob(facts->snapshot, "khugepaged_scan_sleep_millisecs");

	if (thp && strcmp(thp, "always") != 0)
		return fix_setting(facts, "thp_enabled", !strcmp(thp, "never") ? "madvise" : "always",
			by_hand);
	if (sleep && strtoll(sleep, NULL, 10) > 1000)
		return fix_setting(facts, "khugepaged_scan_sleep_millisecs", "1000", by_hand);
	return fix_text(FIX_HAND, "%s", by_hand);
}

/* Why a guest is on small pages by choice, or NULL. */
static const char *small_on_purpose(const struct guest *guest)
{
	if (guest->ksm_pages != GUEST_UNKNOWN && guest->ksm_pages)
		return "KSM merges its pages, which takes 4K pages: decide for one, ksm = false or this";
	for (char **word = guest->argv; word && *word; word++)
		if (strcasestr(*word, "pages=4k"))
			return "it was started so: pages = THP or 2M in its vm section, at its next start";
	return NULL;
}

static void check_pages(const struct facts *facts, const struct guest *guest, struct findings *findings)
{
	char huge_text[SIZE_ABOUT_MAX], all[SIZE_ABOUT_MAX];
	uint64_t huge, total;
	char *measured;

	if (guest->configured && guest->configured < BIG_GUEST) {
		finding_passed(findings, xasprintf("%s: small (%s)", guest->name,
			size_about(all, guest->configured)));
		return;
	}
	if (!guest->configured || guest->rss == GUEST_UNKNOWN || guest->anon_huge == GUEST_UNKNOWN ||
		guest->hugetlb == GUEST_UNKNOWN) {
		finding_unknown(findings, xasprintf("%s: how large its pages are cannot be read",
			guest->name));
		return;
	}
	/* Pool pages are not part of the resident set. */
	huge = guest->anon_huge + guest->hugetlb;
	total = guest->rss + guest->hugetlb;
	measured = xasprintf("%s: %s of %s resident is in huge pages (%u%%)", guest->name,
		size_about(huge_text, huge), size_about(all, total), percent(huge, total));
	if (total < BIG_GUEST / 2 || percent(huge, total) > 100 - SMALL_MUCH)
		finding_passed(findings, measured);
	else if (small_on_purpose(guest))
		finding_add(findings, GRADE_NOTE, measured,
			fix_text(FIX_HAND, "%s", small_on_purpose(guest)));
	else
		finding_found(findings, measured, larger_pages(facts));
}

static void guest_pages(const struct facts *facts, struct findings *findings)
{
	const struct guest_list *list = &facts->snapshot->guests;

	if (!findings_have_guests(findings, facts))
		return;
	for (unsigned int i = 0; i < list->count; i++)
		check_pages(facts, &list->guests[i], findings);
}

/* ---- swap --------------------------------------------------------------------------------------- */

static void check_swapped(const struct facts *facts, const struct guest_facts *row,
	struct findings *findings)
{
	char bytes[SIZE_ABOUT_MAX];
	char *measured;

	if (row->swapped == FACT_UNKNOWN) {
		finding_unknown(findings, xasprintf("%s: how much of it is swapped cannot be read",
			row->guest->name));
		return;
	}
	measured = xasprintf("%s: %s in swap", row->guest->name, size_about(bytes, row->swapped));
	if (row->swapped < SWAPPED_LITTLE)
		finding_passed(findings, measured);
	else
		finding_found(findings, measured, fix_swap(facts));
}

static void guest_swap(const struct facts *facts, struct findings *findings)
{
	if (!findings_have_guests(findings, facts))
		return;
	for (unsigned int i = 0; i < facts->snapshot->guests.count; i++)
		check_swapped(facts, &facts->guests[i], findings);
}

const struct check guest_checks[] = {
	{"guests-seen", GRADE_WARNING, "not all guests can be seen",
		"What is said of guests below is only said of those that could be looked into.", guests_seen},
	{"guest-node", GRADE_WARNING, "a guest's memory is on another node than its vCPUs",
		"Each cache miss to another node takes 1.5 to 3 times as long, and loads the links "
		"between packages for everybody.", guest_node},
	{"guest-pages", GRADE_WARNING, "a big guest runs on small pages",
		"On 4K pages a TLB miss of a guest walks up to 24 page table entries, and misses come 512 "
		"times sooner than on 2M pages.", guest_pages},
	{"guest-swap", GRADE_ERROR, "guest memory is swapped out",
		"The vCPU that touches it stands still until the disk has read it; the guest sees stolen "
		"time and lock-ups.", guest_swap},
	{0},
};

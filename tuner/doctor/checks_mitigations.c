// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of what keeps a hostile guest from reading or stopping others: CPU vulnerabilities. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"
#include "tuner/doctor/text.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

static const char *vulnerability(const struct facts *facts, const char *name)
{
	for (unsigned int i = 0; i < facts->vulnerability_count; i++)
		if (!strcmp(facts->vulnerabilities[i].name, name))
			return facts->vulnerabilities[i].text;
	return NULL;
}

/* "NAME (what the kernel says)" of all whose text has @words, joined; NULL when none has. */
static char *join(const struct facts *facts, const char *words, unsigned int *count)
{
	struct text text = {0};

	*count = 0;
	for (unsigned int i = 0; i < facts->vulnerability_count; i++) {
		const struct vulnerability *row = &facts->vulnerabilities[i];

		if (!strstr(row->text, words))
			continue;
		++*count;
		text_add(&text, "%s%s (%s)", text.text ? ", " : "", row->name, row->text);
	}
	return text.text;
}

static void vulnerable(const struct facts *facts, struct findings *findings)
{
	unsigned int count;
	char *rows;

	if (!facts->vulnerability_count) {
		finding_missing(findings, facts, VULNERABILITIES);
		return;
	}
	rows = join(facts, "Vulnerable", &count);
	if (rows)
		finding_found(findings, xasprintf("%u of %u: %s", count, facts->vulnerability_count, rows),
			fix_text(FIX_HAND, "update microcode (firmware) and kernel; check the kernel command "
				"line for what switches mitigations off"));
	else
		finding_passed(findings, xasprintf("%u known, none open", facts->vulnerability_count));
	free(rows);
}

/* The last word of the command line that begins with @prefix: it is the one the kernel obeys. */
static char *last_word(const char *cmdline, const char *prefix)
{
	char *copy = xstrdup(cmdline), *rest = NULL, *found = NULL;

	for (char *word = strtok_r(copy, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (!strncmp(word, prefix, strlen(prefix))) {
			free(found);
			found = xstrdup(word);
		}
	free(copy);
	return found;
}

/* Linux 6.17: "mitigations=auto,no_guest_host" leaves out what protects the host from guests. */
static void mitigations_off(const struct facts *facts, struct findings *findings)
{
	char *word;

	if (!facts->cmdline) {
		finding_missing(findings, facts, "/proc/cmdline");
		return;
	}
	word = last_word(facts->cmdline, "mitigations=");
	if (word && (strstr(word, "=off") || strstr(word, ",no_guest_")))
		finding_found(findings, xasprintf("booted with %s", word),
			fix_text(FIX_BOOT, "mitigations=auto (in place of %s)", word));
	else
		finding_passed(findings, xstrdup(word ? word : "left to the kernel"));
	free(word);
}

static void smt_leaks(const struct facts *facts, struct findings *findings)
{
	unsigned int count;
	char *rows;

	if (!facts->vulnerability_count || !facts->smt) {
		finding_missing(findings, facts, facts->smt ? VULNERABILITIES
							    : "/sys/devices/system/cpu/smt/active");
		return;
	}
	if (strcmp(facts->smt, "1") != 0) {
		finding_passed(findings, xstrdup("SMT is not active"));
		return;
	}
	rows = join(facts, "SMT vulnerable", &count);
	if (rows)
		finding_found(findings, xasprintf("%u: %s", count, rows), fix_setting(facts, "smt", "off",
			"mitigations=auto,nosmt on the kernel command line"));
	else
		finding_passed(findings, xstrdup("SMT is active; no vulnerability is named with it"));
	free(rows);
}

/* "never" (Linux 6.6) is said at load time and cannot be changed while the module stays. */
static struct fix nx_fix(const struct facts *facts, const char *now, const char *then)
{
	const char *reload = "load kvm with nx_huge_pages=auto";

	return strcmp(now, "never") ? fix_setting(facts, "kvm_nx_huge_pages", then, reload)
				    : fix_text(FIX_HAND, "%s", reload);
}

/* Two questions: does the CPU need it, is it on. */
static void nx_huge_pages(const struct facts *facts, struct findings *findings)
{
	const char *value = snapshot_knob(facts->snapshot, "kvm_nx_huge_pages");
	const char *multihit = vulnerability(facts, "itlb_multihit");
	bool on, needed;
	char *measured;

	if (!value || !multihit) {
		finding_missing(findings, facts, value ? VULNERABILITIES "/itlb_multihit"
						       : "the setting nx_huge_pages of kvm");
		return;
	}
	on = strcmp(value, "0") != 0 && strcmp(value, "never") != 0;
	needed = strcmp(multihit, "Not affected") != 0;
	measured = xasprintf("kvm nx_huge_pages = %s; itlb_multihit: %s", value, multihit);
	if (on == needed)
		finding_passed(findings, measured);
	else
		finding_add(findings, needed ? GRADE_ERROR : findings->check->grade, measured,
			nx_fix(facts, value, needed ? "1" : "0"));
}

const struct check mitigation_checks[] = {
	{"vulnerable", GRADE_WARNING, "the CPU has vulnerabilities that nothing mitigates",
		"A guest may read memory of the host or of other guests.", vulnerable},
	{"mitigations-off", GRADE_WARNING, "mitigations against guests are switched off",
		"A hostile guest can then read what the host or other guests left in the CPU. Right only "
		"where every guest is trusted.", mitigations_off},
	{"smt-leaks", GRADE_NOTE, "guests on sibling threads can spy on each other",
		"These leaks cross the two threads of a core. Keep guests of different owners off one core "
		"(dedicated = true does), or switch SMT off for half the threads.", smt_leaks},
	{"nx-huge-pages", GRADE_WARNING, "the iTLB multihit mitigation does not fit the CPU",
		"On where it is not needed, it splits huge pages of guests into 4K pieces for nothing. Off "
		"on an affected CPU, a guest can stop the whole host.", nx_huge_pages},
	{0},
};

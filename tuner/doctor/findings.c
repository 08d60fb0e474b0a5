// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of findings, and running the checks into it. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"

static const struct check *const tables[] = {
	host_checks, mitigation_checks, memory_checks, guest_checks, placement_checks,
};

#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

static const char *const grade_names[] = {
	[GRADE_ERROR] = "error",     [GRADE_WARNING] = "warning", [GRADE_NOTE] = "note",
	[GRADE_UNKNOWN] = "unknown", [GRADE_PASSED] = "passed",
};
static_assert(sizeof(grade_names) / sizeof(grade_names[0]) == GRADE_COUNT, "a name for each grade");

static const struct {
	const char *name, *lead;
} fix_kinds[] = {
	[FIX_NONE] = {"none", ""},
	[FIX_PROFILE] = {"profile", ""},
	[FIX_BOOT] = {"boot", "kernel command line: "},
	[FIX_MODULE] = {"module", "no profile line: in /etc/modprobe.d: "},
	[FIX_COMMAND] = {"command", "no profile line: run: "},
	[FIX_HAND] = {"hand", "no profile line: "},
};
static_assert(sizeof(fix_kinds) / sizeof(fix_kinds[0]) == FIX_COUNT, "a name for each kind");

const char *grade_name(enum grade grade)
{
	return grade_names[grade];
}

const char *fix_kind_name(enum fix_kind kind)
{
	return fix_kinds[kind].name;
}

const char *fix_lead(enum fix_kind kind)
{
	return fix_kinds[kind].lead;
}

/* Names of guests and files are other people's: no escapes to the terminal, nothing JSON cannot hold. */
static char *harmless(char *text)
{
	json_t *utf8 = text ? json_string(text) : NULL;

	for (char *at = text; at && *at; at++)
		if (iscntrl((unsigned char)*at) || (!utf8 && (unsigned char)*at >= 0x80))
			*at = '?';
	json_decref(utf8);
	return text;
}

void finding_add(struct findings *findings, enum grade grade, char *measured, struct fix fix)
{
	findings->rows = xreallocarray(findings->rows, findings->count + 1, sizeof(*findings->rows));
	findings->rows[findings->count++] = (struct finding){
		.check = findings->check,
		.grade = grade,
		.measured = harmless(measured),
		.fix = {.kind = fix.kind, .text = harmless(fix.text)},
	};
}

void finding_found(struct findings *findings, char *measured, struct fix fix)
{
	finding_add(findings, findings->check->grade, measured, fix);
}

void finding_passed(struct findings *findings, char *measured)
{
	finding_add(findings, GRADE_PASSED, measured, fix_none());
}

void finding_unknown(struct findings *findings, char *what)
{
	finding_add(findings, GRADE_UNKNOWN, what, fix_none());
}

void finding_missing(struct findings *findings, const struct facts *facts, const char *what)
{
	finding_unknown(findings, xasprintf(facts->saved ? "%s: the file does not hold it"
							 : "%s cannot be read", what));
}

bool findings_have_guests(struct findings *findings, const struct facts *facts)
{
	const struct guest_list *list = &facts->snapshot->guests;

	if (!facts->told)
		finding_unknown(findings, xstrdup("no machine was looked at for guests"));
	else if (!list->count && list->hidden)
		finding_unknown(findings, xstrdup("no guest can be seen; there may be hidden ones"));
	else if (!list->count)
		finding_passed(findings, xstrdup("no guest runs"));
	return facts->told && list->count;
}

struct fix fix_none(void)
{
	return (struct fix){.kind = FIX_NONE};
}

struct fix fix_text(enum fix_kind kind, const char *fmt, ...)
{
	struct fix fix = {.kind = kind};
	va_list args;

	va_start(args, fmt);
	fix.text = xvasprintf(fmt, args);
	va_end(args);
	return fix;
}

struct fix fix_setting(const struct facts *facts, const char *name, const char *value,
	const char *otherwise)
{
	const struct knob *knob = knob_find(name);

	const char *now = snapshot_knob(facts->snapshot, name);

	if (!knob || !now || knob->undo > CLASS_PRECONDITION || knob_same(knob, now, value))
		return fix_text(FIX_HAND, "%s", otherwise);
	return fix_text(FIX_PROFILE, "%s = %s", name, value);
}

static void run(const struct check *check, const struct facts *facts, struct findings *findings)
{
	findings->check = check;
	check->run(facts, findings);
	findings->check = NULL;
}

/* Worst first; stable, so that findings of one grade keep the table's order (insertion sort: few rows). */
static void sort(struct findings *findings)
{
	for (size_t i = 1; i < findings->count; i++) {
		struct finding row = findings->rows[i];
		size_t j = i;

		for (; j > 0 && findings->rows[j - 1].grade > row.grade; j--)
			findings->rows[j] = findings->rows[j - 1];
		findings->rows[j] = row;
	}
}

void doctor_run(const struct facts *facts, struct findings *findings)
{
	doctor_run_one(NULL, facts, findings);
}

void doctor_run_one(const char *id, const struct facts *facts, struct findings *findings)
{
	memset(findings, 0, sizeof(*findings));
	for (size_t table = 0; table < TABLE_COUNT; table++)
		for (const struct check *check = tables[table]; check->id; check++)
			if (!id || !strcmp(check->id, id))
				run(check, facts, findings);
	sort(findings);
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->rows[i].measured);
		free(findings->rows[i].fix.text);
	}
	free(findings->rows);
	memset(findings, 0, sizeof(*findings));
}

size_t findings_count(const struct findings *findings, enum grade grade)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->rows[i].grade == grade;
	return count;
}

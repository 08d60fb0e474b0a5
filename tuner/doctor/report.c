// SPDX-License-Identifier: GPL-2.0-or-later
/* Findings as text of 80 columns and as JSON. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tuner/doctor/doctor.h"

#define WIDTH  79
#define INDENT 13

/* The length of what fits into @room: whole words, or one that is longer than a line. */
static size_t line_length(const char *text, size_t room)
{
	size_t fits = 0;

	for (size_t at = 0; text[at];) {
		size_t end = at + strspn(text + at, " ");

		end += strcspn(text + end, " ");
		if (end > room && fits)
			break;
		fits = at = end;
	}
	return fits;
}

/* @text from @column on, further lines below it. */
static void print_wrapped(const char *text, int column)
{
	while (*text) {
		size_t length = line_length(text, (size_t)(WIDTH - column));

		printf("%.*s\n", (int)length, text);
		text += length;
		text += strspn(text, " ");
		if (*text)
			printf("%*s", column, "");
	}
}

static void print_field(const char *label, const char *text)
{
	printf("    %-*s", INDENT - 4, label);
	print_wrapped(text, INDENT);
}

static void print_fix(const struct fix *fix)
{
	char text[1024];

	if (fix->kind == FIX_NONE)
		return;
	snprintf(text, sizeof(text), "%s%s", fix_lead(fix->kind), fix->text);
	print_field("fix", text);
}

/* "WARNING swap: "; returns its width. */
static int print_head(const struct finding *finding)
{
	const char *name = grade_name(finding->grade);

	for (const char *at = name; *at; at++)
		putchar(toupper((unsigned char)*at));
	return (int)strlen(name) + printf(" %s: ", finding->check->id);
}

static void print_finding(const struct finding *finding)
{
	print_head(finding);
	printf("%s\n", finding->check->title);
	print_field("found", finding->measured);
	print_field("why", finding->check->why);
	print_fix(&finding->fix);
	putchar('\n');
}

/* Passed and unknown: nothing is wrong, so the title, which says what is, would mislead. */
static void print_state(const struct finding *finding)
{
	print_wrapped(finding->measured, print_head(finding));
}

void report_print(const struct findings *findings, bool all)
{
	bool states = false;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->rows[i];

		if (finding->grade < GRADE_UNKNOWN)
			print_finding(finding);
		else if (finding->grade == GRADE_UNKNOWN || all) {
			print_state(finding);
			states = true;
		}
	}
	if (states)
		putchar('\n');
}

void report_summary(const struct findings *findings)
{
	printf("%zu errors, %zu warnings, %zu notes, %zu passed, %zu unknown\n",
		findings_count(findings, GRADE_ERROR), findings_count(findings, GRADE_WARNING),
		findings_count(findings, GRADE_NOTE), findings_count(findings, GRADE_PASSED),
		findings_count(findings, GRADE_UNKNOWN));
}

static json_t *finding_json(const struct finding *finding)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "id", finding->check->id, "severity",
		grade_name(finding->grade), "title", finding->check->title, "measured", finding->measured);

	if (json && finding->grade < GRADE_UNKNOWN) {
		json_object_set_new(json, "why", json_string(finding->check->why));
		json_object_set_new(json, "fix-kind", json_string(fix_kind_name(finding->fix.kind)));
		json_object_set_new(json, "fix", json_string(finding->fix.text));
	}
	return json;
}

json_t *report_json(const struct findings *findings)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < findings->count; i++)
		json_array_append_new(rows, finding_json(&findings->rows[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "errors",
		(json_int_t)findings_count(findings, GRADE_ERROR), "warnings",
		(json_int_t)findings_count(findings, GRADE_WARNING), "notes",
		(json_int_t)findings_count(findings, GRADE_NOTE), "passed",
		(json_int_t)findings_count(findings, GRADE_PASSED), "unknown",
		(json_int_t)findings_count(findings, GRADE_UNKNOWN), "findings", rows);
}

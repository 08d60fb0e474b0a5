/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two placements side by side. "More VMs" are copies of a section that may live anywhere; how many of
 * them fit is found by doubling and halving, for what does not fit does not with still more either.
 */
#include "tuner/what_if.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/command.h"
#include "tuner/plan/plan.h"

#define STEPS_SHOWN 8 /* lines of the table "how many more" */
#define PLACE_TEXT  24

/* ---- what is asked ---------------------------------------------------------------------------- */

static int parse_more(struct what_if *what, const char *text, struct error *err)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	unsigned long count = digits ? strtoul(colon + 1, NULL, 10) : 0;

	if (colon && (colon[1 + digits] || !count || count > WHAT_IF_MORE_MAX))
		return error_set(err, EINVAL, "'%s' says no number; write more=VM, or more=VM:N with N from 1 to %d",
			text, WHAT_IF_MORE_MAX);
	what->more = xasprintf("%.*s", (int)(colon ? colon - text : (long)strlen(text)), text);
	what->count = (unsigned int)count;
	return 0;
}

int what_if_parse(struct what_if *what, const char *text, struct error *err)
{
	const struct {
		const char *key, *given;
		const char **value; /* NULL: more */
	} rows[] = {
		{ "profile=", what->profile, &what->profile },
		{ "host=", what->host, &what->host },
		{ "more=", what->more, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t length = strlen(rows[i].key);

		if (strncmp(text, rows[i].key, length) != 0 || !text[length])
			continue;
		if (rows[i].given)
			return error_set(err, EINVAL, "'%s' is a second %.*s; each can be given once", text,
				(int)length - 1, rows[i].key);
		if (!rows[i].value)
			return parse_more(what, text + length, err);
		*rows[i].value = text + length;
		return 0;
	}
	return error_set(err, EINVAL, "'%s' asks nothing; write profile=FILE, host=SOURCE, more=VM or more=VM:N", text);
}

void what_if_release(struct what_if *what)
{
	free(what->more);
	what->more = NULL;
}

/* ---- a placement ------------------------------------------------------------------------------ */

struct outcome {
	const struct profile *profile;
	struct placed_vm *vms;
};

static int outcome_make(struct outcome *outcome, const struct profile *profile, const struct snapshot *snapshot,
	struct error *err)
{
	*outcome = (struct outcome){ profile, xcalloc(profile->vm_count + 1, sizeof(*outcome->vms)) };
	return placement_make(profile, snapshot, outcome->vms, err);
}

static void outcome_release(struct outcome *outcome)
{
	if (outcome->vms)
		placed_vms_free(outcome->vms, outcome->profile->vm_count);
	*outcome = (struct outcome){ 0 };
}

static double total_of(const struct outcome *outcome)
{
	double sum = 0;

	for (unsigned int i = 0; i < outcome->profile->vm_count; i++)
		sum += placed_loses(&outcome->vms[i]);
	return sum;
}

static const struct placed_vm *find(const struct outcome *outcome, const char *name)
{
	for (unsigned int i = 0; i < outcome->profile->vm_count; i++)
		if (!strcmp(outcome->profile->vms[i].name, name))
			return &outcome->vms[i];
	return NULL;
}

/* ---- more VMs --------------------------------------------------------------------------------- */

/* A profile with copies of one of its VMs behind the others; rows are shared, names of copies are owned. */
struct crowd {
	struct profile profile;
	unsigned int own;
};

static void crowd_make(struct crowd *crowd, const struct profile *profile, const struct profile_vm *like,
	unsigned int count)
{
	*crowd = (struct crowd){ *profile, profile->vm_count };
	crowd->profile.vms = xcalloc(profile->vm_count + count + 1, sizeof(*crowd->profile.vms));
	memcpy(crowd->profile.vms, profile->vms, profile->vm_count * sizeof(*profile->vms));
	for (unsigned int i = 0; i < count; i++) {
		struct profile_vm *copy = &crowd->profile.vms[profile->vm_count + i];

		*copy = *like;
		copy->name = xasprintf("%s+%u", like->name, i + 1);
		copy->placement = PLACE_AUTO;
		copy->pins = NULL;
		copy->pin_count = 0;
		copy->attach = NULL;
		copy->guest_pid = 0;
		memset(&copy->io_cpus, 0, sizeof(copy->io_cpus));
		crowd->profile.vm_count++;
	}
}

static void crowd_release(struct crowd *crowd)
{
	for (unsigned int i = crowd->own; i < crowd->profile.vm_count; i++)
		free(crowd->profile.vms[i].name);
	free(crowd->profile.vms);
}

struct question {
	const struct profile *profile;
	const struct snapshot *snapshot;
	const struct profile_vm *like;
};

/* What is lost in all with @count more, or negative when they do not fit (why is in @err). */
static double lost_with(const struct question *question, unsigned int count, struct error *err)
{
	struct outcome outcome;
	struct crowd crowd;
	double lost = -1;

	crowd_make(&crowd, question->profile, question->like, count);
	if (outcome_make(&outcome, &crowd.profile, question->snapshot, err) == 0)
		lost = total_of(&outcome);
	outcome_release(&outcome);
	crowd_release(&crowd);
	return lost;
}

/* The most that fit; @refusal says why one more does not. */
static unsigned int most_that_fit(const struct question *question, struct error *refusal)
{
	unsigned int fit = 0, step = 1;

	while (fit + step <= WHAT_IF_MORE_MAX && lost_with(question, fit + step, refusal) >= 0) {
		fit += step;
		step *= 2;
	}
	for (; step; step /= 2)
		if (fit + step <= WHAT_IF_MORE_MAX && lost_with(question, fit + step, refusal) >= 0)
			fit += step;
	if (fit < WHAT_IF_MORE_MAX)
		lost_with(question, fit + 1, refusal);
	return fit;
}

static int show_most(const struct question *question, bool json)
{
	struct error refusal = { "" };
	unsigned int fit = most_that_fit(question, &refusal), shown = fit < STEPS_SHOWN ? fit : STEPS_SHOWN;
	json_t *steps = json_array();

	if (!json)
		printf("%u more like %s fit\n", fit, question->like->name);
	if (!json && fit)
		printf("\n  more  lost vCPUs in all\n");
	for (unsigned int i = 0; i <= shown && fit; i++) {
		unsigned int count = (unsigned int)((unsigned long)fit * i / shown);
		struct error err;
		double lost = lost_with(question, count, &err);

		if (json)
			json_array_append_new(steps, json_pack("{s:i, s:f}", "more", (int)count, "loses", lost));
		else
			printf("%6u  %.2f\n", count, lost);
	}
	if (json) {
		command_print_json(json_pack("{s:s, s:i, s:s, s:o}", "vm", question->like->name, "fit", (int)fit,
			"refusal", refusal.text, "steps", steps));
	} else {
		printf("\none more: %s\n", fit < WHAT_IF_MORE_MAX ? refusal.text : "not tried");
		json_decref(steps);
	}
	return 0;
}

/* ---- side by side ----------------------------------------------------------------------------- */

static const char *place_text(const struct placed_vm *placed, char text[PLACE_TEXT])
{
	struct idset nodes = { 0 };
	char list[PLACE_TEXT - 7];

	if (!placed)
		return "-";
	nodes = placed_nodes(placed);
	snprintf(text, PLACE_TEXT, "node%s %s", idset_count(&nodes) > 1 ? "s" : "",
		idset_format(&nodes, list, sizeof(list)));
	return text;
}

/* The term that grew most, or shrank most when the sum shrank; NULL when nothing changed to speak of. */
static const char *main_term(const struct placed_vm *now, const struct placed_vm *then)
{
	double difference = placed_loses(then) - placed_loses(now), sign = difference < 0 ? -1 : 1, most = 0;
	const char *name = NULL;

	if (sign * difference < LOSS_WORTH_TELLING)
		return NULL;
	for (int term = 0; term < PLANNER_TERMS; term++) {
		double more = sign * (then->lost[term] - now->lost[term]);

		if (more > most) {
			most = more;
			name = planner_term_name(term);
		}
	}
	return name;
}

static void print_row(const char *name, const struct placed_vm *now, const struct placed_vm *then)
{
	char here[PLACE_TEXT], there[PLACE_TEXT];
	const char *term = now && then ? main_term(now, then) : NULL;

	printf("%-16s  %-12s", name, place_text(now, here));
	if (now)
		printf(" %8.2f", placed_loses(now));
	else
		printf(" %8s", "");
	printf("  %-12s", place_text(then, there));
	if (then)
		printf(" %8.2f", placed_loses(then));
	if (term)
		printf("  %+.2f %s", placed_loses(then) - placed_loses(now), term);
	putchar('\n');
}

static void print_both(const struct outcome *now, const struct outcome *then)
{
	printf("%-16s  %-12s %8s  %-12s %8s\n", "VM", "now", "loses", "then", "loses");
	for (unsigned int i = 0; i < now->profile->vm_count; i++)
		print_row(now->profile->vms[i].name, &now->vms[i], find(then, now->profile->vms[i].name));
	for (unsigned int i = 0; i < then->profile->vm_count; i++)
		if (!find(now, then->profile->vms[i].name))
			print_row(then->profile->vms[i].name, NULL, &then->vms[i]);
	printf("%-16s  %-12s %8.2f  %-12s %8.2f  %+.2f\n", "all", "", total_of(now), "", total_of(then),
		total_of(then) - total_of(now));
}

static json_t *outcome_json(const struct outcome *outcome)
{
	json_t *vms = json_array();

	for (unsigned int i = 0; i < outcome->profile->vm_count; i++)
		json_array_append_new(vms, placed_vm_json(&outcome->vms[i]));
	return json_pack("{s:o, s:f}", "vms", vms, "loses", total_of(outcome));
}

static int show_both(const struct profile *profile, const struct snapshot *snapshot, const struct profile *other,
	const struct snapshot *there, bool json, struct error *err)
{
	struct outcome now, then = { 0 };
	int rc = outcome_make(&now, profile, snapshot, err);

	if (rc == 0) {
		rc = outcome_make(&then, other, there, err);
		if (rc < 0)
			error_prefix(err, "then");
	}
	if (rc == 0 && json) {
		command_print_json(json_pack("{s:o, s:o}", "now", outcome_json(&now), "then", outcome_json(&then)));
	} else if (rc == 0) {
		print_both(&now, &then);
	}
	outcome_release(&now);
	outcome_release(&then);
	return rc;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static const struct profile_vm *vm_named(const struct profile *profile, const char *name, struct error *err)
{
	for (unsigned int i = 0; i < profile->vm_count; i++)
		if (!strcmp(profile->vms[i].name, name))
			return &profile->vms[i];
	error_set(err, ENOENT, "%s has no VM '%s'", profile->file, name);
	return NULL;
}

static int show_more(const struct what_if *what, const struct profile *profile, const struct snapshot *snapshot,
	const struct profile *other, const struct snapshot *there, bool json, struct error *err)
{
	struct question question = { other, there, vm_named(other, what->more, err) };
	struct crowd crowd;
	int rc;

	if (!question.like)
		return -ENOENT;
	if (!what->count)
		return show_most(&question, json);
	crowd_make(&crowd, other, question.like, what->count);
	rc = show_both(profile, snapshot, &crowd.profile, there, json, err);
	crowd_release(&crowd);
	return rc;
}

int what_if_run(const struct what_if *what, const struct profile *profile, struct snapshot *snapshot,
	bool json, struct error *err)
{
	struct snapshot *there = what->host ? snapshot_load(what->host, err) : NULL;
	struct profile *other = NULL;
	int rc = what->host && !there ? -EINVAL : 0;
	const char *file = what->profile ? what->profile : profile->file;

	/* Another machine has other guests: sections that attach are looked up there. */
	if (rc == 0 && (what->profile || there)) {
		other = profile_read(file, err);
		rc = other ? attach_guests(other, there ? there : snapshot, ATTACH_ALL, err) : -EINVAL;
	}
	if (rc == 0 && what->more)
		rc = show_more(what, profile, snapshot, other ? other : profile, there ? there : snapshot, json, err);
	else if (rc == 0)
		rc = show_both(profile, snapshot, other ? other : profile, there ? there : snapshot, json, err);
	profile_free(other);
	snapshot_free(there);
	return rc;
}

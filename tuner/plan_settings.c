/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host settings of a plan: those that differ, in an order that the kernel accepts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/plan_internal.h"

/*
 * Settings that depend on each other: with an advisor KSM's pages_to_scan cannot be written, and
 * merging begins when everything else about it is as wanted. Others keep the profile's order.
 */
enum { FIRST, USUAL, LATE, LAST };

static const struct {
	const char *name, *value;
	int rank;
} ranks[] = {
	{ "ksm_run", "0", FIRST },
	{ "ksm_run", "2", FIRST },
	{ "ksm_advisor_mode", "none", FIRST },
	{ "ksm_advisor_mode", "scan-time", LATE },
	{ "ksm_run", "1", LAST },
};

static int rank_of(const struct profile_setting *setting)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		if (!strcmp(ranks[i].name, setting->knob->name) &&
		    knob_same(setting->knob, ranks[i].value, setting->value))
			return ranks[i].rank;
	return USUAL;
}

static const struct profile_setting *setting_of(const struct profile *profile, const char *name)
{
	for (unsigned int i = 0; i < profile->setting_count; i++)
		if (!strcmp(profile->settings[i].knob->name, name))
			return &profile->settings[i];
	return NULL;
}

static int check_advisor(const struct profile *profile, const struct snapshot *snapshot,
	const struct profile_setting *setting, struct error *err)
{
	const struct profile_setting *mode = setting_of(profile, "ksm_advisor_mode");
	const char *now = snapshot_knob(snapshot, "ksm_advisor_mode");
	const char *then = mode ? mode->value : now;

	if (strcmp(setting->knob->name, "ksm_pages_to_scan") || !then || !strcmp(then, "none"))
		return 0;
	return profile_fault(&setting->at, &setting->at, err, "ksm_pages_to_scan is the advisor's while "
		"ksm_advisor_mode is %s; add ksm_advisor_mode = none, or leave this out", then);
}

/* What cannot be done is refused here, before anything is changed. */
static int check_setting(const struct profile *profile, const struct snapshot *snapshot,
	const struct profile_setting *setting, const char *now, struct error *err)
{
	const struct knob *knob = setting->knob;

	if (snapshot->machine->live && !now)
		return profile_fault(&setting->at, &setting->at, err, "%s: this kernel%s%s has no %s; leave it "
			"out", knob->name, *snapshot->kernel ? " " : "", snapshot->kernel, knob->path);
	if (now && knob_same(knob, now, setting->value))
		return 0;
	if (knob->undo == CLASS_MODULE_RELOAD || knob->undo == CLASS_BOOT)
		return profile_fault(&setting->at, &setting->at, err, "%s is %s and cannot be changed while "
			"the host runs guests; set it where the %s is configured, and leave it out here",
			knob->name, now ? now : "unknown",
			knob->undo == CLASS_BOOT ? "boot loader" : "module");
	return check_advisor(profile, snapshot, setting, err);
}

static void add_setting(struct action_list *list, const struct profile_setting *setting, const char *now)
{
	const struct knob *knob = setting->knob;
	char value[KNOB_VALUE_MAX];

	knob_spell(knob, setting->value, value, sizeof(value));
	if (now && knob_same(knob, now, value))
		return;
	action_add(list, ACTION_SETTING, knob->undo, xstrdup(knob->path), NULL, now ? xstrdup(now) : NULL,
		xstrdup(value), xasprintf("%s:%d", setting->at.file, setting->at.line), NULL);
}

int plan_settings(struct action_list *list, const struct profile *profile,
	const struct snapshot *snapshot, struct error *err)
{
	for (unsigned int i = 0; i < profile->setting_count; i++) {
		const struct profile_setting *setting = &profile->settings[i];
		int rc = check_setting(profile, snapshot, setting,
			snapshot_knob(snapshot, setting->knob->name), err);

		if (rc < 0)
			return rc;
	}
	for (int rank = FIRST; rank <= LAST; rank++)
		for (unsigned int i = 0; i < profile->setting_count; i++)
			if (rank_of(&profile->settings[i]) == rank)
				add_setting(list, &profile->settings[i],
					snapshot_knob(snapshot, profile->settings[i].knob->name));
	return 0;
}

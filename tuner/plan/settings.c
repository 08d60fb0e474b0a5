/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host settings of a plan: those that differ, in an order that the kernel accepts. */
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/plan/internal.h"

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
	{ "cpu_governor", "powersave", FIRST },
	{ "cpu_governor", "schedutil", FIRST },
	{ "cpu_governor", "performance", LATE }, /* it then owns cpu_energy_preference */
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

/*
 * Settings that belong to another one: the kernel refuses @name (unless it is to be @harmless) while
 * @owner is, or is not, @value.
 */
static const struct owned {
	const char *name, *harmless;
	const char *owner, *value;
	bool must_be; /* @owner must have that value; else it must not */
} owned[] = {
	{ "ksm_pages_to_scan", NULL, "ksm_advisor_mode", "none", true },
	{ "cpu_energy_preference", "performance", "cpu_governor", "performance", false },
};

static int check_owner(const struct profile *profile, const struct snapshot *snapshot,
	const struct profile_setting *setting, const struct owned *rule, struct error *err)
{
	const struct profile_setting *owner = setting_of(profile, rule->owner);
	const char *then = owner ? owner->value : snapshot_knob(snapshot, rule->owner);

	if (strcmp(setting->knob->name, rule->name) != 0 || !then || setting->some ||
	    (owner && owner->some) || /* of different CPUs, maybe: the kernel will say */
	    !strcmp(then, rule->value) == rule->must_be ||
	    (rule->harmless && !strcmp(setting->value, rule->harmless)))
		return 0;
	return profile_fault(&setting->at, &setting->at, err, "%s is %s's while that is %s; %s %s = %s, or "
		"leave this out", rule->name, rule->owner, then, rule->must_be ? "add" : "do not set",
		rule->owner, rule->value);
}

static bool differs(const struct knob *knob, const char *now, const char *wanted)
{
	return !now || !knob_same(knob, now, wanted);
}

/* The numbers of a setting are those of files that there are. */
static int check_numbers(const struct snapshot *snapshot, const struct profile_setting *setting,
	struct error *err)
{
	const struct knob_value *row = snapshot_knob_row(snapshot, setting->knob);
	struct idset missing = setting->numbers;
	char list[256];

	for (unsigned int i = 0; i < row->file_count; i++)
		if (profile_setting_covers(setting, row->files[i].path))
			idset_remove(&missing, (unsigned int)knob_file_number(setting->knob, row->files[i].path));
	if (!setting->some || !row->file_count || idset_empty(&missing))
		return 0;
	return profile_fault(&setting->at, &setting->at, err, "%s: there is no %s for %s; leave these out",
		setting->knob->name, setting->knob->path, idset_format(&missing, list, sizeof(list)));
}

/* What cannot be done is refused here, before anything is changed. */
static int check_setting(const struct profile *profile, const struct snapshot *snapshot,
	const struct profile_setting *setting, struct error *err)
{
	const struct knob *knob = setting->knob;
	const char *now = snapshot_knob(snapshot, knob->name);
	int rc = check_numbers(snapshot, setting, err);

	if (rc < 0)
		return rc;
	if (snapshot->machine->live && !now)
		return profile_fault(&setting->at, &setting->at, err, "%s: this kernel%s%s has no %s; leave it "
			"out", knob->name, *snapshot->kernel ? " " : "", snapshot->kernel, knob->path);
	if (!differs(knob, now, setting->value))
		return 0;
	for (size_t i = 0; rc == 0 && i < sizeof(owned) / sizeof(owned[0]); i++)
		rc = check_owner(profile, snapshot, setting, &owned[i], err);
	return rc;
}

static void add_file(struct action_list *list, const struct profile_setting *setting, const char *path,
	const char *now)
{
	const struct knob *knob = setting->knob;
	char value[KNOB_VALUE_MAX];

	knob_spell(knob, setting->value, value, sizeof(value));
	if (differs(knob, now, value))
		action_add(list, ACTION_SETTING, knob->undo, xstrdup(path), NULL,
			now ? xstrdup(now) : NULL, xstrdup(value),
			xasprintf("%s:%d", setting->at.file, setting->at.line), NULL);
}

/* An action for each file. What cannot be written at run time is only told. */
static void add_setting(struct action_list *list, struct plan_notes *notes,
	const struct profile_setting *setting, const struct knob_value *row)
{
	const char *now = *row->value ? row->value : NULL;

	if (row->knob->undo == CLASS_MODULE_RELOAD) {
		if (differs(row->knob, now, setting->value))
			plan_note_parameter(notes, row, setting);
		return;
	}
	for (unsigned int i = 0; i < row->file_count; i++)
		if (profile_setting_covers(setting, row->files[i].path))
			add_file(list, setting, row->files[i].path, row->files[i].value);
	if (!row->file_count)
		add_file(list, setting, row->knob->path, now);
}

int plan_settings(struct action_list *list, struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot, struct error *err)
{
	for (unsigned int i = 0; i < profile->setting_count; i++) {
		int rc = check_setting(profile, snapshot, &profile->settings[i], err);

		if (rc < 0)
			return rc;
	}
	for (int rank = FIRST; rank <= LAST; rank++)
		for (unsigned int i = 0; i < profile->setting_count; i++)
			if (rank_of(&profile->settings[i]) == rank &&
			    !services_holder(&snapshot->services, profile->settings[i].knob->name))
				add_setting(list, notes, &profile->settings[i],
					snapshot_knob_row(snapshot, profile->settings[i].knob));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verify: the host's settings and the words of its kernel command line. A value that no write can
 * bring about is not drift but pending: a boot, or a module that has to be loaded again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host/cmdline.h"
#include "lib/xalloc.h"
#include "tuner/verify/verify.h"

/* Why a setting is not as wanted. */
static const char *state_of(const struct verify *verify, const struct knob_value *row)
{
	if (services_holder(&verify->snapshot->services, row->knob->name))
		return "conflict";
	if (!*row->value)
		return "unsupported";
	if (row->knob->undo != CLASS_MODULE_RELOAD)
		return "drifted";
	return row->built_in ? "pending reboot" : "pending module reload";
}

/* True when none differs. Names the first of several files that differs, and how many there are: "cpu_governor (3 of 8 files)". */
static bool verify_files(struct verify *verify, const struct profile_setting *setting,
	const struct knob_value *row)
{
	const struct knob_file *first = NULL;
	unsigned int count = 0, all = 0;
	char *what, *found;

	for (unsigned int i = 0; i < row->file_count; i++) {
		if (!profile_setting_covers(setting, row->files[i].path))
			continue;
		all++;
		if (knob_same(row->knob, row->files[i].value, setting->value))
			continue;
		first = first ? first : &row->files[i];
		count++;
	}
	if (!first)
		return true;
	what = xasprintf("%s (%u of %u files)", row->knob->name, count, all);
	found = xasprintf("%s in %s", first->value, first->path);
	verify_state(verify, "host", what, setting->value, found, state_of(verify, row));
	free(what);
	free(found);
	return false;
}

static bool verify_setting(struct verify *verify, const struct profile_setting *setting)
{
	const struct knob_value *row = snapshot_knob_row(verify->snapshot, setting->knob);

	if (*row->value && knob_same(row->knob, row->value, setting->value))
		return true;
	if (row->file_count)
		return verify_files(verify, setting, row);
	verify_state(verify, "host", row->knob->name, setting->value, *row->value ? row->value : NULL,
		state_of(verify, row));
	return false;
}

static void verify_settings(struct verify *verify)
{
	const struct profile *profile = verify->profile;
	unsigned int good = 0;

	for (unsigned int i = 0; i < profile->setting_count; i++)
		good += verify_setting(verify, &profile->settings[i]);
	if (profile->setting_count)
		verify_summary(verify, "host: %u of %u settings as wanted", good, profile->setting_count);
}

static void verify_words(struct verify *verify)
{
	const struct profile *profile = verify->profile;
	const char *cmdline = verify->snapshot->cmdline ? verify->snapshot->cmdline : "";
	unsigned int good = 0;

	for (unsigned int i = 0; i < profile->word_count; i++) {
		const char *word = profile->words[i].text;
		char found[CMDLINE_WORD_MAX];
		enum cmdline_state state = cmdline_look(cmdline, word, found);

		if (state == CMDLINE_PRESENT)
			good++;
		else
			verify_state(verify, "host", "kernel command line", word,
				state == CMDLINE_OTHER ? found : NULL, "pending reboot");
	}
	if (profile->word_count)
		verify_summary(verify, "host: %u of %u words on the kernel command line", good,
			profile->word_count);
}

void verify_host(struct verify *verify)
{
	verify_settings(verify);
	verify_words(verify);
}

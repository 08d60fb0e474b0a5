// SPDX-License-Identifier: GPL-2.0-or-later
/* A profile out of findings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/writeall.h"
#include "tuner/doctor/doctor.h"
#include "tuner/doctor/text.h"
#include "tuner/profile/profile.h"

static const struct {
	enum fix_kind kind;
	const char *head;
} lists[] = {
	{FIX_BOOT, "# Only at boot. Add to the kernel command line:\n"},
	{FIX_MODULE, "# Only when the module is loaded again. Add to a file in /etc/modprobe.d:\n"},
	{FIX_COMMAND, "# Of guests that run, by command:\n"},
	{FIX_HAND, "# By hand:\n"},
};

/* Length of the key in "KEY = VALUE". */
static size_t key_length(const char *line)
{
	return strcspn(line, " =");
}

/* The finding before @index that already has a line in force for the same setting, or NULL. */
static const struct finding *answered(const struct findings *findings, size_t index)
{
	const char *line = findings->rows[index].fix.text;

	for (size_t i = 0; i < index; i++) {
		const struct finding *other = &findings->rows[i];

		if (other->fix.kind == FIX_PROFILE && other->grade < GRADE_NOTE &&
			key_length(other->fix.text) == key_length(line) &&
			!strncmp(other->fix.text, line, key_length(line)))
			return other;
	}
	return NULL;
}

static void add_line(struct text *text, const struct findings *findings, size_t index)
{
	const struct finding *finding = &findings->rows[index], *other = answered(findings, index);

	text_add(text, "\n\t# %s %s: %s\n\t# found: %s\n", grade_name(finding->grade), finding->check->id,
		finding->check->title, finding->measured);
	if (other && !strcmp(other->fix.text, finding->fix.text))
		text_add(text, "\t# %s is above already\n", finding->fix.text);
	else if (other)
		text_add(text, "\t# %s would do, but %s is above\n", finding->fix.text, other->fix.text);
	else if (finding->grade == GRADE_NOTE)
		text_add(text, "\t# a choice; to make it, take the # away:\n\t# %s\n", finding->fix.text);
	else
		text_add(text, "\t%s\n", finding->fix.text);
}

static void add_list(struct text *text, const struct findings *findings, size_t list)
{
	bool any = false;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->rows[i];

		if (finding->fix.kind != lists[list].kind)
			continue;
		if (!any)
			text_add(text, "\n%s", lists[list].head);
		any = true;
		text_add(text, "#     %s\n#         (%s %s: %s)\n", finding->fix.text,
			grade_name(finding->grade), finding->check->id, finding->measured);
	}
}

char *fix_profile(const struct findings *findings)
{
	struct text text = {0};

	text_add(&text, "# Written by vmtune doctor from what it found. Look at what it would change with\n"
		"# vmtune plan, make it so with vmtune apply, take it back with vmtune revert.\n\nhost {\n"
		"\t# What can be set while the host runs.\n");
	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].fix.kind == FIX_PROFILE)
			add_line(&text, findings, i);
	text_add(&text, "}\n");
	for (size_t list = 0; list < sizeof(lists) / sizeof(lists[0]); list++)
		add_list(&text, findings, list);
	return text.text;
}

int fix_write(const struct findings *findings, const char *path, struct error *err)
{
	char *text = fix_profile(findings);
	struct profile *profile = profile_parse(text, strlen(text), path, err);
	int rc = -EINVAL;

	if (profile)
		rc = write_new_file(path, text, err);
	if (rc == -EEXIST)
		error_set(err, EEXIST, "%s is there already; name a file that is not", path);
	profile_free(profile);
	free(text);
	return rc;
}

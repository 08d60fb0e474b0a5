/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan only tells: module parameters, words of the kernel command line, conflicts. */
#include "tuner/plan/notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmdline.h"
#include "lib/xalloc.h"

#define MODPROBE_FILE "/etc/modprobe.d/vmtune.conf"

static const char *const kind_names[] = {
	[NOTE_MODULE_RELOAD] = "needs a module reload",
	[NOTE_BOOT] = "needs a boot",
	[NOTE_CONFLICT] = "conflict",
	[NOTE_RESIDUAL] = "residual",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == NOTE_KIND_COUNT, "every kind has a name");

void plan_note_add(struct plan_notes *notes, enum plan_note_kind kind, char *what, char *todo,
	char *reason)
{
	notes->notes = xreallocarray(notes->notes, notes->count + 1, sizeof(*notes->notes));
	notes->notes[notes->count++] = (struct plan_note){kind, what, todo, reason};
}

void plan_notes_release(struct plan_notes *notes)
{
	for (unsigned int i = 0; i < notes->count; i++) {
		free(notes->notes[i].what);
		free(notes->notes[i].todo);
		free(notes->notes[i].reason);
	}
	free(notes->notes);
	*notes = (struct plan_notes){0};
}

char *plan_notes_cmdline(const struct plan_notes *notes)
{
	char *words = NULL;

	for (unsigned int i = 0; i < notes->count; i++) {
		char *longer;

		if (notes->notes[i].kind != NOTE_BOOT)
			continue;
		longer = xasprintf("%s%s%s", words ? words : "", words ? " " : "", notes->notes[i].what);
		free(words);
		words = longer;
	}
	return words;
}

void plan_notes_print(const struct plan_notes *notes)
{
	char *words = plan_notes_cmdline(notes);

	if (notes->count)
		puts("\napply does not do this:");
	for (unsigned int i = 0; i < notes->count; i++) {
		const struct plan_note *note = &notes->notes[i];

		printf("  -  %s\n     %s; %s\n     %s\n", note->what, kind_names[note->kind], note->reason,
			note->todo);
	}
	if (words)
		printf("kernel command line: %s\n", words);
	free(words);
}

json_t *plan_notes_json(const struct plan_notes *notes)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < notes->count; i++) {
		const struct plan_note *note = &notes->notes[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "class",
			kind_names[note->kind], "what", note->what, "todo", note->todo,
			"reason", note->reason));
	}
	return list;
}

/* ---- module parameters ---------------------------------------------------------------------- */

/* kvm_intel and kvm_amd hold kvm, so that they must go first; any other module goes alone. */
static char *reload_command(const char *module)
{
	if (!strcmp(module, "kvm"))
		return xstrdup("modprobe -r kvm_intel kvm_amd kvm; modprobe kvm_intel || modprobe kvm_amd");
	return xasprintf("modprobe -r %s && modprobe %s", module, module);
}

void plan_note_parameter(struct plan_notes *notes, const struct knob_value *row,
	const struct profile_setting *setting)
{
	char module[64], value[KNOB_VALUE_MAX];
	const char *parameter;
	char *reason = xasprintf("%s:%d", setting->at.file, setting->at.line), *command, *todo;

	knob_spell(setting->knob, setting->value, value, sizeof(value));
	if (!knob_module(setting->knob, module, &parameter)) {
		free(reason);
		return;
	}
	if (row->built_in) {
		plan_note_add(notes, NOTE_BOOT, xasprintf("%s.%s=%s", module, parameter, value),
			xasprintf("%s is part of the kernel: add this to its command line in place of %s",
				module, *row->value ? row->value : "what it has"), reason);
		return;
	}
	command = reload_command(module);
	todo = xasprintf("write \"options %s %s=%s\" to " MODPROBE_FILE ", end all guests, then: %s",
		module, parameter, value, command);
	plan_note_add(notes, NOTE_MODULE_RELOAD, xasprintf("%s: %s -> %s", setting->knob->name,
		*row->value ? row->value : "unknown", value), todo, reason);
	free(command);
}

/* ---- the kernel command line ---------------------------------------------------------------- */

void plan_note_words(struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot)
{
	for (unsigned int i = 0; i < profile->word_count; i++) {
		const struct profile_word *word = &profile->words[i];
		const struct cmdline_word *known = cmdline_word_find(word->text);
		const char *cmdline = snapshot->cmdline ? snapshot->cmdline : "";
		char found[CMDLINE_WORD_MAX], *where;
		enum cmdline_state state = cmdline_look(cmdline, word->text, found);

		if (state == CMDLINE_PRESENT)
			continue;
		where = state == CMDLINE_OTHER ? xasprintf("in place of %s", found)
					       : xstrdup("and boot again");
		plan_note_add(notes, NOTE_BOOT, xstrdup(word->text),
			xasprintf("add this to the kernel command line %s%s%s%s", where,
				known ? " (" : "", known ? known->what : "", known ? ")" : ""),
			xasprintf("%s:%d", word->at.file, word->at.line));
		free(where);
	}
}

/* ---- conflicts ------------------------------------------------------------------------------ */

/* The keys of the profile that a daemon manages: "ksm_run, ksm_pages_to_scan". */
struct claim {
	const struct service *service;
	char *keys;
	const struct profile_at *at; /* of the first */
};

static void claim_key(struct claim *claim, const char *key, const struct profile_at *at)
{
	char *longer;

	if (!service_manages(claim->service, key))
		return;
	longer = xasprintf("%s%s%s", claim->keys ? claim->keys : "", claim->keys ? ", " : "", key);
	free(claim->keys);
	claim->keys = longer;
	claim->at = claim->at ? claim->at : at;
}

static void note_conflict(struct plan_notes *notes, const struct profile *profile,
	const struct service_found *found, pid_t answering)
{
	struct claim claim = {.service = found->service};

	for (unsigned int i = 0; i < profile->setting_count; i++)
		claim_key(&claim, profile->settings[i].knob->name, &profile->settings[i].at);
	/* One that answers is told what the profile wants: no conflict. */
	if (profile->irq_policy != IRQ_KEEP && found->pid != answering)
		claim_key(&claim, "irq_affinity", &profile->at_irq);
	if (profile->vm_count)
		claim_key(&claim, "vm", &profile->vms[0].at);
	if (!claim.keys)
		return;
	plan_note_add(notes, NOTE_CONFLICT, xasprintf("%s (PID %d) manages %s as well%s",
		found->service->name, (int)found->pid, claim.keys, found->service->rewrites
		? "; while it runs, that is left to it" : ""), xstrdup(found->service->todo),
		xasprintf("%s:%d", claim.at->file, claim.at->line));
	free(claim.keys);
}

void plan_note_conflicts(struct plan_notes *notes, const struct profile *profile,
	const struct snapshot *snapshot)
{
	for (unsigned int i = 0; i < snapshot->services.count; i++)
		note_conflict(notes, profile, &snapshot->services.found[i], snapshot->irqbalance.pid);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Profiles out of what is there already: guests that run, QEMU command lines, libvirt's domain XML. All
 * of them are written as attached guests, so that an administrator starts from today's state. What a
 * profile cannot say, or says differently, is in a comment.
 */
#ifndef VMTUNE_TUNER_IMPORT_H
#define VMTUNE_TUNER_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/snapshot.h"
#include "lib/error.h"
#include "lib/idset.h"
#include "tuner/action.h"
#include "tuner/profile/profile.h"

/* One vm section to be. Zero: not known, left out. */
struct imported {
	char *name, *attach;      /* name: of the section */
	unsigned int vcpus;
	uint64_t memory;          /* bytes; written rounded down to what a profile takes */
	bool has_pages, keep;
	enum page_choice pages;
	struct idset pins[PROFILE_VCPUS_MAX]; /* written when each of vcpus has one */
	struct idset nodes;       /* written when there are no pins: memory follows those */
	struct idset io_cpus;
	uint64_t cpu_weight, cpu_quota;
	char *notes;              /* lines, each ends with a newline */
};

struct imported *imported_new(void);
void imported_free(struct imported *imported);
/* Adds a line to the comment before the section. */
void imported_note(struct imported *imported, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether each vCPU has CPUs. */
bool imported_pinned(const struct imported *imported);
/* The section as text; the caller frees. */
char *imported_text(const struct imported *imported);
/* Whether @text can stand in double quotes of a profile as it is. */
bool imported_plain(const char *text);

/*
 * The guests of this machine, all of them or those named (by name or PID). The profile was planned: it
 * changes nothing. The caller frees; NULL with @err.
 */
char *import_running(struct snapshot *snapshot, char *const *names, unsigned int count,
	const struct action_context *context, struct error *err);

/* A QEMU command line: words as for a shell, or separated by NUL as in /proc/PID/cmdline. */
char *import_qemu(const char *text, size_t length, struct error *err);

/* libvirt's domain XML, as of `virsh dumpxml`. */
char *import_libvirt(const char *xml, size_t length, struct error *err);

#endif

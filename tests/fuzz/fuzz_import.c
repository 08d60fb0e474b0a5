/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a QEMU command line or a domain of libvirt: refused with a reason, or a profile.
 *
 * sources: tuner/import/import.c tuner/import/qemu.c tuner/import/libvirt.c
 * sources: tuner/profile/profile.c tuner/profile/check.c tuner/profile/schema.c host/knob.c host/knob_table.c
 * sources: host/root.c lib/error.c lib/idset.c lib/size.c lib/xalloc.c
 * libraries: -I/usr/include/libxml2 -lconfuse -lxml2 -ljansson
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/import/import.h"

#define PROMISE(holds) do { if (!(holds)) { fprintf(stderr, "broken: %s\n", #holds); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(char *text, const struct error *why)
{
	struct error err = { { 0 } };
	struct profile *profile;

	if (!text) {
		PROMISE(*why->text);
		return;
	}
	profile = profile_parse(text, strlen(text), "x.conf", &err);
	if (!profile)
		fprintf(stderr, "%s for\n%s", err.text, text);
	PROMISE(profile && profile->vm_count == 1 && profile->vms[0].attach);
	profile_free(profile);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { { 0 } };
	/* as from a file: a NUL follows */
	char *text = calloc(size + 8, 1), *line;

	if (!text)
		return 0;
	memcpy(text, data, size);
	check(import_libvirt(text, size, &err), &err);
	line = calloc(size + 8, 1);
	if (line) {
		memcpy(line, "qemu ", 5);
		memcpy(line + 5, data, size);
		check(import_qemu(line, size + 5, &err), &err);
	}
	free(line);
	free(text);
	return 0;
}

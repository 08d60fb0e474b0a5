/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vm section as text, whatever it was imported from. */
#include "tuner/import/import.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"

#define LIST_TEXT  (IDSET_MAX * 3) /* every second number */
#define PLAIN_MAX  512             /* longer than any name or socket */
#define MEMORY_MAX (16 * TIB)      /* of a profile */

struct imported *imported_new(void)
{
	return xcalloc(1, sizeof(struct imported));
}

void imported_free(struct imported *imported)
{
	if (!imported)
		return;
	free(imported->name);
	free(imported->attach);
	free(imported->notes);
	free(imported);
}

void imported_note(struct imported *imported, const char *fmt, ...)
{
	char *old = imported->notes, *line;
	va_list args;

	va_start(args, fmt);
	line = xvasprintf(fmt, args);
	va_end(args);
	for (char *at = line; *at; at++) /* names come from others: one line stays one */
		if (iscntrl((unsigned char)*at))
			*at = '?';
	imported->notes = xasprintf("%s%s\n", old ? old : "", line);
	free(line);
	free(old);
}

bool imported_pinned(const struct imported *imported)
{
	for (unsigned int i = 0; i < imported->vcpus && i < PROFILE_VCPUS_MAX; i++)
		if (idset_empty(&imported->pins[i]))
			return false;
	return imported->vcpus && imported->vcpus <= PROFILE_VCPUS_MAX;
}

bool imported_plain(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isprint((unsigned char)*at) || strchr("\"\\$", *at))
			return false;
	return *text && strlen(text) < PLAIN_MAX;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_notes(FILE *out, const char *notes)
{
	for (const char *at = notes; at && *at; at += strcspn(at, "\n") + 1)
		fprintf(out, "# %.*s\n", (int)strcspn(at, "\n"), at);
}

/* pins = "0=2,1=3-4+8" */
static void print_pins(FILE *out, const struct imported *imported)
{
	char list[LIST_TEXT];

	fprintf(out, "\tpins = \"");
	for (unsigned int i = 0; i < imported->vcpus; i++) {
		idset_format(&imported->pins[i], list, sizeof(list));
		for (char *at = list; *at; at++)
			if (*at == ',')
				*at = '+';
		fprintf(out, "%s%u=%s", i ? "," : "", i, list);
	}
	fprintf(out, "\"\n");
}

static void print_size(FILE *out, const struct imported *imported)
{
	uint64_t step = page_choice_step(imported->pages);
	char size[SIZE_TEXT_MAX];

	if (imported->vcpus)
		fprintf(out, "\tvcpus = %u\n", imported->vcpus);
	if (imported->memory >= step && imported->memory <= MEMORY_MAX)
		fprintf(out, "\tmemory = %s\n", size_format(size, imported->memory / step * step));
	if (imported->has_pages)
		fprintf(out, "\tpages = %s\n", page_choice_name(imported->pages));
}

static void print_place(FILE *out, const struct imported *imported)
{
	char list[LIST_TEXT];

	if (imported->keep)
		fprintf(out, "\tplacement = keep\n");
	else if (imported_pinned(imported))
		print_pins(out, imported);
	else if (!idset_empty(&imported->nodes))
		fprintf(out, "\tnodes = \"%s\"\n", idset_format(&imported->nodes, list, sizeof(list)));
	if (!imported->keep && !idset_empty(&imported->io_cpus))
		fprintf(out, "\tio_cpus = \"%s\"\n", idset_format(&imported->io_cpus, list, sizeof(list)));
}

char *imported_text(const struct imported *imported)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	print_notes(out, imported->notes);
	fprintf(out, "vm %s {\n\tattach = \"%s\"\n", imported->name, imported->attach);
	print_size(out, imported);
	print_place(out, imported);
	if (imported->cpu_weight)
		fprintf(out, "\tcpu_weight = %" PRIu64 "\n", imported->cpu_weight);
	if (imported->cpu_quota)
		fprintf(out, "\tcpu_quota = %" PRIu64 "\n", imported->cpu_quota);
	fprintf(out, "}\n");
	fclose(out);
	return text;
}

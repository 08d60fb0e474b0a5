/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is printed between two moments, as text. */
#ifndef VMTUNE_TESTS_STDOUT_H
#define VMTUNE_TESTS_STDOUT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct printed {
	FILE *file;
	int saved;
};

static inline void printed_begin(struct printed *printed)
{
	printed->saved = dup(STDOUT_FILENO);
	printed->file = tmpfile();
	assert_non_null(printed->file);
	fflush(stdout);
	dup2(fileno(printed->file), STDOUT_FILENO);
}

/* The caller frees. */
static inline char *printed_end(struct printed *printed)
{
	char *text;
	long size;

	fflush(stdout);
	dup2(printed->saved, STDOUT_FILENO);
	close(printed->saved);
	fseek(printed->file, 0, SEEK_END);
	size = ftell(printed->file);
	rewind(printed->file);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, printed->file), size);
	fclose(printed->file);
	return text;
}

#endif

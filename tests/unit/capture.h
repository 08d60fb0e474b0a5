/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captured machines (tests/data/NAME.capture) as trees for --sysroot. Tests run in the project's root. */
#ifndef VMTUNE_TESTS_UNIT_CAPTURE_H
#define VMTUNE_TESTS_UNIT_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "host/root.h"

static char capture_dir[] = "/tmp/vmtune-test-XXXXXX";

/* Expands tests/data/NAME.capture into a fresh directory. Returns 0, or -1. */
static inline int capture_open(struct root *root, const char *name)
{
	char command[256];

	if (!mkdtemp(capture_dir))
		return -1;
	snprintf(command, sizeof(command), "tests/data/expand tests/data/%s.capture %s", name, capture_dir);
	if (system(command) != 0)
		return -1;
	return root_init(root, capture_dir, NULL);
}

static inline void capture_close(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", capture_dir);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", capture_dir);
	snprintf(capture_dir, sizeof(capture_dir), "/tmp/vmtune-test-XXXXXX");
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of CPU or NUMA node numbers, written the way the kernel writes cpulist files: "0-3,8".
 * A plain value: copy it by assignment, nothing to free; all zero bits is the empty set.
 */
#ifndef VMTUNE_LIB_IDSET_H
#define VMTUNE_LIB_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define IDSET_MAX 4096 /* KVM's own limit of vCPUs on x86 and more than CONFIG_NR_CPUS of Debian */

struct idset {
	uint64_t words[IDSET_MAX / 64];
};

/*
 * Parses a kernel list ("0-3,8", also "0-7:2/4" strides as the kernel allows; blanks around are
 * ignored, the empty text is the empty set). Returns 0, or -EINVAL / -ERANGE with @err filled;
 * *@set is only written on success.
 */
int idset_parse(const char *text, struct idset *set, struct error *err);

/* Writes the list form. Returns @buf; text that does not fit is cut with "..." at the end. */
const char *idset_format(const struct idset *set, char *buf, size_t size);

/*
 * The same with the kernel's masks: hexadecimal, a comma before every eighth digit from the end ("3",
 * "ff,00000000"). -EINVAL or -ERANGE when @text is none; @buf takes IDSET_MAX / 4 digits and commas.
 */
int idset_parse_mask(const char *text, struct idset *set);
const char *idset_format_mask(const struct idset *set, char *buf, size_t size);

void idset_add(struct idset *set, unsigned int id);
void idset_remove(struct idset *set, unsigned int id);
bool idset_has(const struct idset *set, unsigned int id);
bool idset_empty(const struct idset *set);
unsigned int idset_count(const struct idset *set);
bool idset_equal(const struct idset *a, const struct idset *b);
/* True when every member of @part is in @whole. */
bool idset_within(const struct idset *part, const struct idset *whole);
void idset_union(struct idset *into, const struct idset *other);
void idset_intersect(struct idset *into, const struct idset *other);
void idset_subtract(struct idset *into, const struct idset *other);
/* The smallest member greater than @previous (-1 to begin); -1 when there is none. */
int idset_next(const struct idset *set, int previous);

#define idset_for_each(id, set) \
	for (int id = idset_next((set), -1); id >= 0; id = idset_next((set), id))

#endif

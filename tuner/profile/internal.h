/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by profile.c (reading), profile/schema.c (keys and types) and profile/check.c (sense). */
#ifndef VMTUNE_TUNER_PROFILE_INTERNAL_H
#define VMTUNE_TUNER_PROFILE_INTERNAL_H

#include <stddef.h>

#include "tuner/profile/profile.h"

/*
 * One key of a section: how its text becomes a checked value at @offset of the section's struct, and
 * where its place in the file is kept (@at).
 */
struct profile_key {
	const char *name;
	const char *type;      /* for people: "size", "true|false", "quoted list" */
	const char *fallback;  /* the default, as one would write it; NULL: none */
	const char *help;
	/* Returns 0, or negative with @err saying what is wrong and what would be right. */
	int (*set)(const struct profile_key *key, void *target, const char *text, struct error *err);
	size_t offset;
	size_t at;             /* offset of the struct profile_at; PROFILE_NO_AT */
	uint64_t min, max;     /* of numbers and sizes */
	uint64_t multiple;     /* sizes: must divide by it; 0 any */
	const char *choices;   /* of choices: blank-separated, in the order of the enum */
	bool list;             /* takes { "a", "b" }: set is called for each */
	bool path;             /* relative to the profile's folder; profile.c resolves it */
};

#define PROFILE_NO_AT ((size_t)-1)

/* Each ends with name NULL. The host section has the knobs besides its keys; their target is the profile. */
extern const struct profile_key profile_vm_keys[], profile_host_keys[], profile_pool_keys[];

/* Fills in the defaults of @keys. */
void profile_defaults(const struct profile_key *keys, void *target);

/* The name among @count nearest to @text by edit distance, or NULL when none is near. */
const char *profile_nearest(const char *text, const char *const *names, size_t count);

/*
 * The rules that need to know how large the VM is; for attached ones once the guest is found. Returns 0,
 * or negative with @err.
 */
int profile_check_size(struct profile_vm *vm, struct error *err);

/* Sense across keys and sections. Returns 0, or negative with @err. */
int profile_check(struct profile *profile, struct error *err);

#endif

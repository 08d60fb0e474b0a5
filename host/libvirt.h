/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains of libvirt, read and changed through libvirt itself, so that what it shows stays what is. Its
 * library is loaded when a guest of it is met; a host without libvirt needs nothing of it.
 *
 * A property is a word of virsh and, where there are several, a number:
 *   "vcpupin 0", "emulatorpin", "iothreadpin 1"  CPUs, a list ("0-3,8")
 *   "numa_nodeset"                               nodes, a list; empty: not restricted
 *   "numa_mode"                                  a number of libvirt's enum, read only
 *   "cpu_shares", "global_period", "global_quota", "soft_limit", "hard_limit"
 *                                                numbers; limits in KiB, periods and quotas in microseconds
 * Only the domain that runs is read and changed, never its stored definition.
 */
#ifndef VMTUNE_HOST_LIBVIRT_H
#define VMTUNE_HOST_LIBVIRT_H

#include "lib/error.h"

#define LIBVIRT_URI "qemu:///system" /* where root's domains are */

/* One property as libvirt reports it. */
struct libvirt_value {
	char *word, *value;
};

struct libvirt_values {
	struct libvirt_value *list;
	unsigned int count;
};

/*
 * Whether the domain of this UUID runs at @uri. Returns 0, or negative with @err: no library, no daemon,
 * no such domain. The connection stays open for later calls.
 */
int libvirt_find(const char *uri, const char *uuid, struct error *err);
/*
 * A property's value; the caller frees. NULL with @err and errno: ESRCH, the domain does not run; ENOENT,
 * it has no such property; EAGAIN, libvirt does not answer.
 */
char *libvirt_read(const char *uri, const char *uuid, const char *word, struct error *err);
/* Changes a property of the running domain. Returns 0, or negative with @err in libvirt's words. */
int libvirt_write(const char *uri, const char *uuid, const char *word, const char *value,
	struct error *err);
/* Every property of a domain with @vcpus vCPUs that libvirt has a value for. 0, or negative with @err. */
int libvirt_read_all(const char *uri, const char *uuid, unsigned int vcpus, struct libvirt_values *values,
	struct error *err);

/* The value of a property, or NULL. */
const char *libvirt_value_of(const struct libvirt_values *values, const char *word);
/* Appends; copies both. */
void libvirt_value_add(struct libvirt_values *values, const char *word, const char *value);
void libvirt_values_release(struct libvirt_values *values);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties of systemd's units, set until the next boot, over the system bus (org.freedesktop.systemd1(5)). Names
 * and meanings are those of systemd.resource-control(5) as D-Bus spells them.
 */
#ifndef VMTUNE_TUNER_UNIT_H
#define VMTUNE_TUNER_UNIT_H

#include <stdint.h>

#include <systemd/sd-bus.h>

#include "lib/error.h"
#include "lib/idset.h"

#define UNIT_MANAGER   "org.freedesktop.systemd1"
#define UNIT_OBJECT    "/org/freedesktop/systemd1"
#define UNIT_INTERFACE UNIT_MANAGER ".Manager"

/* The system bus; the caller closes it with sd_bus_flush_close_unref(). 0, or negative with @err. */
int unit_bus(sd_bus **bus, struct error *err);
/* Sets @err from what the bus said (@bus_error may be NULL) or from @status. Returns -errno. */
int unit_failed(int status, const sd_bus_error *bus_error, const char *what, struct error *err);

/* A property that is a number, -1 of 64 bits: not set. 0, or negative with @err. */
int unit_get_number(const char *unit, const char *property, uint64_t *value, struct error *err);
int unit_set_number(const char *unit, const char *property, uint64_t value, struct error *err);

/*
 * AllowedCPUs of a slice or a scope; none: not set, as many as there are. Unset again it leaves an empty assignment
 * among systemd's own files in /run. 0, or negative with @err.
 */
int unit_get_cpus(const char *unit, struct idset *cpus, struct error *err);
int unit_set_cpus(const char *unit, const struct idset *cpus, struct error *err);

#endif

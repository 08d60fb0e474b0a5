/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routing of guest accesses to devices: one bus for port I/O, one for MMIO. Ranges are added and
 * (for PCI BARs) moved while the guest runs; lookups come from every vCPU thread at once. A
 * read-write lock guards the table during the lookup only, so a handler may itself add and remove
 * ranges (a config space write that arrives through ECAM moves a BAR of the same bus). The price: a
 * handler may still be running on another vCPU when bus_remove() returns, so what @opaque points to
 * lives until the vCPUs have ended.
 */
#ifndef VMTUNE_VMM_BUS_H
#define VMTUNE_VMM_BUS_H

#include <pthread.h>
#include <stdint.h>

#include "lib/error.h"

/*
 * @offset is relative to the range; @size is 1, 2, 4 or 8; handlers get no straddling access. Either
 * may be NULL (reads as ones, writes vanish).
 */
struct bus_ops {
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, unsigned int size, uint64_t value);
};

struct bus_range {
	uint64_t base, size;
	const struct bus_ops *ops;
	void *opaque;
	const char *name;
};

struct bus {
	pthread_rwlock_t lock;
	struct bus_range *ranges; /* sorted by base, never overlapping */
	unsigned int count;
};

void bus_init(struct bus *bus);
void bus_release(struct bus *bus);

/* Adds a range; @name and @opaque must outlive it. -EEXIST with @err when it overlaps another. */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops, void *opaque,
	const char *name, struct error *err);
/* Removes the range that starts at @base; nothing happens when there is none. */
void bus_remove(struct bus *bus, uint64_t base);

/* An access of @size bytes from a vCPU. Unclaimed reads give all ones, unclaimed writes vanish. */
void bus_read(struct bus *bus, uint64_t address, void *data, unsigned int size);
void bus_write(struct bus *bus, uint64_t address, const void *data, unsigned int size);

#endif

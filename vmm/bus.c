// SPDX-License-Identifier: GPL-2.0-or-later
/* Address ranges in a sorted table, found by binary search. */
#include "vmm/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

void bus_init(struct bus *bus)
{
	*bus = (struct bus){0};
	pthread_rwlock_init(&bus->lock, NULL);
}

void bus_release(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
	free(bus->ranges);
	bus->ranges = NULL;
	bus->count = 0;
}

/* Index of the first range that ends after @address: the one that holds it, or the next above. */
static unsigned int find(const struct bus *bus, uint64_t address)
{
	unsigned int low = 0, high = bus->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (address - bus->ranges[middle].base < bus->ranges[middle].size ||
			address < bus->ranges[middle].base)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int insert(struct bus *bus, const struct bus_range *range, struct error *err)
{
	unsigned int at = find(bus, range->base);

	if (at < bus->count && bus->ranges[at].base <= range->base + (range->size - 1))
		return error_set(err, EEXIST, "%s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64,
			range->name, range->base, bus->ranges[at].name, bus->ranges[at].base);
	bus->ranges = xreallocarray(bus->ranges, bus->count + 1, sizeof(*bus->ranges));
	memmove(bus->ranges + at + 1, bus->ranges + at, (bus->count - at) * sizeof(*bus->ranges));
	bus->ranges[at] = *range;
	bus->count++;
	return 0;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops, void *opaque,
	const char *name, struct error *err)
{
	struct bus_range range = {base, size, ops, opaque, name};
	int ret;

	if (!size || base + (size - 1) < base)
		return error_set(err, EINVAL, "%s at 0x%" PRIx64 " has the impossible size 0x%" PRIx64, name,
			base, size);
	pthread_rwlock_wrlock(&bus->lock);
	ret = insert(bus, &range, err);
	pthread_rwlock_unlock(&bus->lock);
	return ret;
}

void bus_remove(struct bus *bus, uint64_t base)
{
	unsigned int at;

	pthread_rwlock_wrlock(&bus->lock);
	at = find(bus, base);
	if (at < bus->count && bus->ranges[at].base == base) {
		bus->count--;
		memmove(bus->ranges + at, bus->ranges + at + 1, (bus->count - at) * sizeof(*bus->ranges));
	}
	pthread_rwlock_unlock(&bus->lock);
}

/* Copies out the range that holds all of the access. */
static bool lookup(struct bus *bus, uint64_t address, unsigned int size, struct bus_range *range)
{
	bool found = false;
	unsigned int at;

	pthread_rwlock_rdlock(&bus->lock);
	at = find(bus, address);
	if (at < bus->count && bus->ranges[at].base <= address &&
		size <= bus->ranges[at].size - (address - bus->ranges[at].base)) {
		*range = bus->ranges[at];
		found = true;
	}
	pthread_rwlock_unlock(&bus->lock);
	return found;
}

static bool is_natural(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

void bus_read(struct bus *bus, uint64_t address, void *data, unsigned int size)
{
	struct bus_range range;
	uint64_t value;

	if (!is_natural(size)) {
		/* KVM splits an access at a page boundary; odd pieces go byte by byte. */
		for (unsigned int i = 0; i < size; i++)
			bus_read(bus, address + i, (uint8_t *)data + i, 1);
		return;
	}
	memset(data, 0xff, size);
	if (!lookup(bus, address, size, &range) || !range.ops->read)
		return;
	value = range.ops->read(range.opaque, address - range.base, size);
	memcpy(data, &value, size);
}

void bus_write(struct bus *bus, uint64_t address, const void *data, unsigned int size)
{
	struct bus_range range;
	uint64_t value = 0;

	if (!is_natural(size)) {
		for (unsigned int i = 0; i < size; i++)
			bus_write(bus, address + i, (const uint8_t *)data + i, 1);
		return;
	}
	if (!lookup(bus, address, size, &range) || !range.ops->write)
		return;
	memcpy(&value, data, size);
	range.ops->write(range.opaque, address - range.base, size, value);
}

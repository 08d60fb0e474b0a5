/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI devices of a machine and the NUMA node each is nearest to, as hwloc found them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/machine_internal.h"
#include "lib/xalloc.h"

void machine_want_devices(hwloc_topology_t topology)
{
	/* These would start drivers to ask them for names that nobody needs here. */
	static const char *const unwanted[] = { "cuda", "gl", "levelzero", "nvml", "opencl", "rsmi" };

	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, unwanted[i]);
	hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
}

/*
 * The node that the device's place in the tree has. Firmware that does not tell hangs the device at the
 * whole machine, or at a package of several nodes: then there is no nearest one.
 */
static int nearest_node(const struct machine *machine, hwloc_topology_t topology, hwloc_obj_t device)
{
	hwloc_obj_t place = hwloc_get_non_io_ancestor_obj(topology, device);
	int cpu = place ? hwloc_bitmap_first(place->cpuset) : -1, node = MACHINE_NO_NODE;

	for (; cpu >= 0 && cpu < IDSET_MAX; cpu = hwloc_bitmap_next(place->cpuset, cpu)) {
		const struct machine_cpu *own = machine_cpu_of(machine, (unsigned int)cpu);

		if (!own || own->node == node)
			continue;
		if (node != MACHINE_NO_NODE)
			return MACHINE_NO_NODE;
		node = own->node;
	}
	return node;
}

static void add_device(struct machine *machine, hwloc_topology_t topology, hwloc_obj_t pci, const char *name)
{
	const struct hwloc_pcidev_attr_s *at = &pci->attr->pcidev;

	machine->devices = xreallocarray(machine->devices, machine->device_count + 1, sizeof(*machine->devices));
	machine->devices[machine->device_count++] = (struct machine_device){
		.name = name ? xstrdup(name) : NULL,
		.address = xasprintf("%04x:%02x:%02x.%01x", at->domain, at->bus, at->dev, at->func),
		.node = nearest_node(machine, topology, pci),
	};
}

void machine_fill_devices(struct machine *machine, hwloc_topology_t topology)
{
	hwloc_obj_t pci = NULL, child;

	while ((pci = hwloc_get_next_pcidev(topology, pci))) {
		unsigned int before = machine->device_count;

		for (child = pci->io_first_child; child; child = child->next_sibling)
			if (child->type == HWLOC_OBJ_OS_DEVICE && child->name)
				add_device(machine, topology, pci, child->name);
		if (machine->device_count == before)
			add_device(machine, topology, pci, NULL);
	}
}

void machine_free_devices(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->device_count; i++) {
		free(machine->devices[i].name);
		free(machine->devices[i].address);
	}
	free(machine->devices);
}

/* lspci(8) leaves the domain out where all devices are in 0000. */
static bool is_address(const char *address, const char *text)
{
	return !strcasecmp(address, text) || (!strncmp(address, "0000:", 5) && !strcasecmp(address + 5, text));
}

const struct machine_device *machine_device_of(const struct machine *machine, const char *name)
{
	for (unsigned int i = 0; i < machine->device_count; i++) {
		const struct machine_device *device = &machine->devices[i];

		if ((device->name && !strcmp(device->name, name)) || is_address(device->address, name))
			return device;
	}
	return NULL;
}

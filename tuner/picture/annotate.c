/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's topology with the VMs written into it, in the terms that lstopo draws: an info
 * "lstopoStyle" colours a box, the subtype of an object stands in place of its type, and Misc objects are
 * boxes with a name, below the memory they lie in or, as the legend, below the machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/picture/internal.h"

#define SEVERAL_STYLE "Background=#e8e0c8;Text=#000000" /* paper: no VM's colour */
#define SHARERS_MAX   5                                 /* marks that a CPU's box has room for */

static void colour(hwloc_obj_t object, const struct picture_colour *colour)
{
	char style[64];

	snprintf(style, sizeof(style), "Background=%s;Text=%s", colour->background, colour->text);
	hwloc_obj_add_info(object, "lstopoStyle", style);
}

static void rename_type(hwloc_obj_t object, char *type)
{
	free(object->subtype);
	object->subtype = type; /* hwloc frees it */
}

/* "A3" for vCPU 3 of A; "B+C" where both may run. */
static void annotate_cpu(const struct picture *picture, unsigned int number, hwloc_obj_t pu)
{
	const struct picture_cpu *cpu = &picture->cpus[number];
	char *sharers;

	if (!cpu->vms)
		return;
	if (cpu->vms == 1 && cpu->vcpu >= 0) {
		rename_type(pu, xasprintf("%c%d", picture_mark((unsigned int)cpu->vm), cpu->vcpu));
	} else if (cpu->vms <= SHARERS_MAX) {
		sharers = picture_sharers(picture, number, "+");
		rename_type(pu, sharers);
	} else {
		rename_type(pu, xasprintf("%u VMs", cpu->vms));
	}
	if (cpu->vms == 1)
		colour(pu, picture_colour((unsigned int)cpu->vm));
	else
		hwloc_obj_add_info(pu, "lstopoStyle", SEVERAL_STYLE);
}

/* A box with a name; without colour when @vm is PICTURE_NONE. Takes @name. */
static hwloc_obj_t add_box(hwloc_topology_t topology, hwloc_obj_t parent, char *name, int vm)
{
	hwloc_obj_t box = hwloc_topology_insert_misc_object(topology, parent, name);

	if (box && vm >= 0)
		colour(box, picture_colour((unsigned int)vm));
	free(name);
	return box;
}

static void annotate_node(const struct picture *picture, const struct machine_node *node,
	hwloc_topology_t topology, hwloc_obj_t object)
{
	const struct { const char *what; uint64_t bytes; } rest[] = {
		{ "in use", picture_used(picture, node) }, { "left", picture_left(picture, node) },
	};
	char size[16];

	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		const struct placed_vm *placed = &picture->plan->vms[i];
		uint64_t bytes = picture_memory(placed, node);

		if (bytes)
			add_box(topology, object, xasprintf("%c %s %s", picture_mark(i), placed->vm->name,
				picture_size(size, bytes)), (int)i);
	}
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		if (rest[i].bytes)
			add_box(topology, object, xasprintf("%s %s",
				picture_size(size, rest[i].bytes), rest[i].what), PICTURE_NONE);
}

static void annotate_legend(const struct picture *picture, hwloc_topology_t topology)
{
	hwloc_obj_t root = hwloc_get_root_obj(topology);

	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		char *text = picture_legend(&picture->plan->vms[i]);

		add_box(topology, root, xasprintf("%c  %s", picture_mark(i), text), (int)i);
		free(text);
	}
	for (unsigned int i = 0; i < picture->machine->cpu_count; i++)
		if (picture_cpu_mark(&picture->cpus[i]) == PICTURE_SEVERAL) {
			hwloc_obj_add_info(add_box(topology, root, xstrdup("A+B  a CPU where several VMs may run"),
				PICTURE_NONE), "lstopoStyle", SEVERAL_STYLE);
			break;
		}
}

static void annotate(const struct picture *picture, hwloc_topology_t topology)
{
	const struct machine *machine = picture->machine;
	hwloc_obj_t object;

	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if ((object = hwloc_get_pu_obj_by_os_index(topology, machine->cpus[i].os)))
			annotate_cpu(picture, i, object);
	for (unsigned int i = 0; i < machine->node_count; i++)
		if ((object = hwloc_get_numanode_obj_by_os_index(topology, machine->nodes[i].os)))
			annotate_node(picture, &machine->nodes[i], topology, object);
	annotate_legend(picture, topology);
}

hwloc_topology_t picture_annotate(const struct picture *picture, struct error *err)
{
	const char *xml = picture->machine->xml;
	hwloc_topology_t topology;

	if (!xml || hwloc_topology_init(&topology) < 0) {
		error_set(err, EINVAL, "%s: hwloc has no description of it to draw", picture->machine->source);
		return NULL;
	}
	hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
	hwloc_topology_set_type_filter(topology, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_ALL);
	/* A cache of each core's own says nothing here. */
	hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
	hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
	if (hwloc_topology_set_xmlbuffer(topology, xml, (int)strlen(xml) + 1) < 0 ||
		hwloc_topology_load(topology) < 0) {
		hwloc_topology_destroy(topology);
		error_set(err, EINVAL, "%s: hwloc cannot read its own description of it",
			picture->machine->source);
		return NULL;
	}
	annotate(picture, topology);
	return topology;
}

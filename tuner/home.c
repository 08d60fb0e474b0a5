// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/home.h"

struct idset nodes_of_cpus(const struct machine *machine, const struct idset *cpus)
{
	struct idset nodes = {0};

	idset_for_each(id, cpus) {
		const struct machine_cpu *cpu = machine_cpu_of(machine, (unsigned int)id);

		if (cpu && cpu->node != MACHINE_NO_NODE)
			idset_add(&nodes, (unsigned int)cpu->node);
	}
	return nodes;
}

struct idset home_of(const struct machine *machine, const struct guest *guest, bool *bound)
{
	struct idset home = {0};
	bool all_bound = true;

	for (unsigned int i = 0; i < guest->thread_count; i++) {
		const struct guest_thread *thread = &guest->threads[i];
		struct idset nodes = nodes_of_cpus(machine, &thread->allowed), here = {0};

		if (thread->kind != THREAD_VCPU)
			continue;
		if (idset_count(&nodes) != 1) {
			all_bound = false;
			if (thread->cpu >= 0)
				idset_add(&here, (unsigned int)thread->cpu);
			here = nodes_of_cpus(machine, &here);
		}
		idset_union(&home, idset_empty(&here) ? &nodes : &here);
	}
	if (bound)
		*bound = all_bound;
	return home;
}

uint64_t home_bytes_outside(const struct machine *machine, const struct guest_memory_map *map,
	const struct idset *home)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < map->node_count && i < machine->node_count; i++)
		if (!idset_has(home, machine->nodes[i].os))
			bytes += map->node_bytes[i];
	return bytes;
}

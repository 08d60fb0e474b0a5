/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From hwloc's tree of objects to the flat tables of struct machine. The same code serves this
 * machine, a captured one, an XML file and a synthetic string.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/machine_internal.h"
#include "lib/size.h"
#include "lib/xalloc.h"

/* ---- CPUs ------------------------------------------------------------------------------------- */

/*
 * Dense numbers from 0 for objects, in order of first sight. The PUs come sorted, so numbers follow
 * the CPUs. (hwloc's logical index will not do for caches: the LLC may be an L3 here and an L2 there.)
 */
struct numbering {
	hwloc_uint64_t *seen;
	unsigned int count;
};

static unsigned int number_of(struct numbering *numbering, hwloc_uint64_t object)
{
	for (unsigned int i = numbering->count; i > 0; i--)
		if (numbering->seen[i - 1] == object)
			return i - 1;
	numbering->seen[numbering->count] = object;
	return numbering->count++;
}

static hwloc_obj_t last_level_cache(hwloc_obj_t pu)
{
	hwloc_obj_t found = NULL;

	for (hwloc_obj_t at = pu->parent; at; at = at->parent)
		if (hwloc_obj_type_is_dcache(at->type))
			found = at;
	return found;
}

static hwloc_obj_t ancestor(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_obj_type_t type)
{
	return hwloc_get_ancestor_obj_by_type(topology, type, pu);
}

/* Position of the PU among the PUs of its core. */
static unsigned int thread_of(hwloc_topology_t topology, hwloc_obj_t core, hwloc_obj_t pu)
{
	hwloc_obj_t other = NULL;
	unsigned int before = 0;

	if (!core)
		return 0;
	while ((other = hwloc_get_next_obj_inside_cpuset_by_type(topology, core->cpuset, HWLOC_OBJ_PU,
			other)))
		if (other->os_index < pu->os_index)
			before++;
	return before;
}

static int by_os(const void *a, const void *b)
{
	const struct machine_cpu *left = a, *right = b;

	return left->os < right->os ? -1 : left->os > right->os;
}

static int fill_cpus(struct machine *machine, hwloc_topology_t topology, struct error *err)
{
	int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
	struct numbering packages, caches, cores;
	hwloc_obj_t pu = NULL;

	if (count <= 0 || count > IDSET_MAX)
		return error_set(err, EINVAL, "%s: %d CPUs; this program knows 1 to %d", machine->source,
			count, IDSET_MAX);
	packages = caches = cores = (struct numbering){0};
	packages.seen = xcalloc((size_t)count, sizeof(*packages.seen));
	caches.seen = xcalloc((size_t)count, sizeof(*caches.seen));
	cores.seen = xcalloc((size_t)count, sizeof(*cores.seen));
	machine->cpus = xcalloc((size_t)count, sizeof(*machine->cpus));
	while ((pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu))) {
		hwloc_obj_t package = ancestor(topology, pu, HWLOC_OBJ_PACKAGE);
		hwloc_obj_t core = ancestor(topology, pu, HWLOC_OBJ_CORE);
		hwloc_obj_t cache = last_level_cache(pu);
		hwloc_obj_t root = hwloc_get_root_obj(topology);
		struct machine_cpu *cpu = &machine->cpus[machine->cpu_count];

		if (pu->os_index >= IDSET_MAX)
			continue;
		machine->cpu_count++;
		if (!package)
			package = root;
		cpu->os = pu->os_index;
		cpu->node = MACHINE_NO_NODE;
		cpu->package = number_of(&packages, package->gp_index);
		cpu->llc = number_of(&caches, (cache ? cache : package)->gp_index);
		cpu->core = number_of(&cores, (core ? core : pu)->gp_index);
		cpu->thread = thread_of(topology, core, pu);
		cpu->kind = hwloc_cpukinds_get_by_cpuset(topology, pu->cpuset, 0);
		if (cpu->kind < 0)
			cpu->kind = -1;
		if (cache && !machine->llc_bytes)
			machine->llc_bytes = cache->attr->cache.size;
		idset_add(&machine->online, cpu->os);
	}
	machine->package_count = packages.count;
	machine->llc_count = caches.count;
	machine->core_count = cores.count;
	qsort(machine->cpus, machine->cpu_count, sizeof(*machine->cpus), by_os);
	free(packages.seen);
	free(caches.seen);
	free(cores.seen);
	return 0;
}

static void to_idset(hwloc_const_bitmap_t bitmap, struct idset *set)
{
	int id;

	memset(set, 0, sizeof(*set));
	if (!bitmap)
		return;
	for (id = hwloc_bitmap_first(bitmap); id >= 0 && id < IDSET_MAX; id = hwloc_bitmap_next(bitmap, id))
		idset_add(set, (unsigned int)id);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static void fill_pools(struct machine_node *node, hwloc_obj_t object)
{
	const struct hwloc_numanode_attr_s *attr = &object->attr->numanode;

	for (unsigned int i = 0; i < attr->page_types_len; i++) {
		struct machine_pool *pool = &node->pools[node->pool_count];

		if (attr->page_types[i].size <= 4 * KIB || node->pool_count == MACHINE_POOLS_MAX)
			continue;
		pool->page_size = attr->page_types[i].size;
		pool->total = pool->free = attr->page_types[i].count;
		node->pool_count++;
	}
}

/* Memory that is in no hugepage pool. */
static uint64_t ordinary_memory(const struct machine_node *node)
{
	uint64_t left = node->memory;

	for (unsigned int i = 0; i < node->pool_count; i++) {
		uint64_t size = node->pools[i].page_size, count = node->pools[i].total;

		left = count > left / size ? 0 : left - count * size;
	}
	return left;
}

static int nodes_by_os(const void *a, const void *b)
{
	hwloc_obj_t left = *(const hwloc_obj_t *)a, right = *(const hwloc_obj_t *)b;

	return left->os_index < right->os_index ? -1 : left->os_index > right->os_index;
}

/*
 * What kind of memory it is, and how fast from the CPUs nearest to it. hwloc names the kind where the
 * firmware tells them apart (HMAT, or a Xeon Phi); its figures are in ns and MB/s as the kernel's.
 */
static void fill_tier(struct machine_node *node, hwloc_topology_t topology, hwloc_obj_t object)
{
	struct hwloc_location nearest;
	hwloc_uint64_t value;

	snprintf(node->tier, sizeof(node->tier), "%s", object->subtype ? object->subtype : "");
	if (!hwloc_memattr_get_best_initiator(topology, HWLOC_MEMATTR_ID_LATENCY, object, 0, &nearest, &value))
		node->latency = value;
	if (!hwloc_memattr_get_best_initiator(topology, HWLOC_MEMATTR_ID_BANDWIDTH, object, 0, &nearest, &value))
		node->bandwidth = value;
}

/* Memory that a guest would only get for a reason: anything known not to be ordinary. */
static bool is_special(const struct machine_node *node)
{
	return node->tier[0] && strcmp(node->tier, "DRAM") != 0;
}

/*
 * The node of each CPU. hwloc gives a node without CPUs those of the place it hangs at, so several
 * nodes can claim a CPU: the one with the fewest CPUs is the CPU's own, then ordinary memory, then the
 * lower number (firmware numbers the ordinary memory first).
 */
static void share_out_cpus(struct machine *machine, hwloc_obj_t *objects)
{
	for (unsigned int c = 0; c < machine->cpu_count; c++) {
		struct machine_cpu *cpu = &machine->cpus[c];
		struct machine_node *best = NULL;
		int best_weight = 0;

		for (unsigned int n = 0; n < machine->node_count; n++) {
			int weight = hwloc_bitmap_weight(objects[n]->cpuset);

			if (hwloc_bitmap_isset(objects[n]->cpuset, cpu->os) &&
				(!best || weight < best_weight || (weight == best_weight &&
				is_special(best) && !is_special(&machine->nodes[n])))) {
				best = &machine->nodes[n];
				best_weight = weight;
			}
		}
		if (best) {
			cpu->node = (int)best->os;
			idset_add(&best->cpus, cpu->os);
		}
	}
}

/*
 * Whose CPUs memory without CPUs is local to, when these are one node's: the firmware says it (HMAT, or a
 * memory-side cache), and better than a SLIT whose author wrote 20 everywhere.
 */
static void find_neighbours(struct machine *machine, hwloc_obj_t *objects)
{
	for (unsigned int i = 0; i < machine->node_count; i++) {
		struct machine_node *node = &machine->nodes[i];

		node->beside = MACHINE_NO_NODE;
		for (unsigned int j = 0; idset_empty(&node->cpus) && j < machine->node_count; j++) {
			struct idset local;

			to_idset(objects[i]->cpuset, &local);
			if (idset_empty(&local) || !idset_within(&local, &machine->nodes[j].cpus))
				continue;
			node->beside = (int)machine->nodes[j].os;
		}
	}
}

static bool in_one_package(hwloc_topology_t topology, hwloc_obj_t a, hwloc_obj_t b)
{
	hwloc_obj_t package = NULL;

	while ((package = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PACKAGE, package)))
		if (hwloc_bitmap_isincluded(a->cpuset, package->cpuset) &&
			hwloc_bitmap_isincluded(b->cpuset, package->cpuset))
			return true;
	return false;
}

/*
 * Without a SLIT, as firmware usually has it: nodes of one package, where there are others, are near to
 * each other, and memory without CPUs is slower than the memory it hangs beside.
 */
static unsigned int default_distance(const struct machine *machine, hwloc_topology_t topology,
	hwloc_obj_t *objects, unsigned int i, unsigned int j)
{
	bool beside = idset_empty(&machine->nodes[i].cpus) || idset_empty(&machine->nodes[j].cpus);
	unsigned int distance = 20;

	if (i == j)
		return 10;
	if (hwloc_bitmap_intersects(objects[i]->cpuset, objects[j]->cpuset))
		distance = beside ? 10 : 11;
	else if (machine->package_count > 1 && in_one_package(topology, objects[i], objects[j]))
		distance = 12;
	return beside ? distance + 5 : distance;
}

static void default_distances(struct machine *machine, hwloc_topology_t topology, hwloc_obj_t *objects)
{
	for (unsigned int i = 0; i < machine->node_count; i++) {
		machine->nodes[i].distance = xcalloc(machine->node_count, sizeof(unsigned int));
		for (unsigned int j = 0; j < machine->node_count; j++)
			machine->nodes[i].distance[j] = default_distance(machine, topology, objects, i, j);
	}
}

static void fill_distances(struct machine *machine, hwloc_topology_t topology, hwloc_obj_t *objects)
{
	struct hwloc_distances_s *matrix;
	unsigned int found = 1;

	default_distances(machine, topology, objects);
	if (hwloc_distances_get_by_name(topology, "NUMALatency", &found, &matrix, 0) < 0 || !found)
		return;
	for (unsigned int i = 0; i < machine->node_count; i++)
		for (unsigned int j = 0; j < machine->node_count; j++) {
			hwloc_uint64_t forth, back;

			if (!hwloc_distances_obj_pair_values(matrix, objects[i], objects[j], &forth, &back) &&
				forth > 0 && forth < 256)
				machine->nodes[i].distance[j] = (unsigned int)forth;
		}
	hwloc_distances_release(topology, matrix);
}

static int fill_nodes(struct machine *machine, hwloc_topology_t topology, struct error *err)
{
	int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
	hwloc_obj_t *objects, object = NULL;
	unsigned int n = 0;

	if (count <= 0 || count > IDSET_MAX)
		return error_set(err, EINVAL, "%s: %d NUMA nodes; this program knows 1 to %d",
			machine->source, count, IDSET_MAX);
	objects = xcalloc((size_t)count, sizeof(hwloc_obj_t));
	while ((object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)))
		if (object->os_index < IDSET_MAX)
			objects[n++] = object;
	qsort(objects, n, sizeof(hwloc_obj_t), nodes_by_os);
	machine->nodes = xcalloc(n, sizeof(*machine->nodes));
	machine->node_count = n;
	for (unsigned int i = 0; i < n; i++) {
		struct machine_node *node = &machine->nodes[i];

		node->os = objects[i]->os_index;
		node->memory = objects[i]->attr->numanode.local_memory;
		fill_pools(node, objects[i]);
		fill_tier(node, topology, objects[i]);
		node->free = node->available = ordinary_memory(node);
	}
	share_out_cpus(machine, objects);
	find_neighbours(machine, objects);
	fill_distances(machine, topology, objects);
	free(objects);
	return 0;
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void fill_model(struct machine *machine, hwloc_topology_t topology)
{
	hwloc_obj_t package = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PACKAGE, NULL);
	const char *model = NULL;

	if (package)
		model = hwloc_obj_get_info_by_name(package, "CPUModel");
	if (!model)
		model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
	machine->model = model ? xstrdup(model) : NULL;
}

static void fill_xml(struct machine *machine, hwloc_topology_t topology)
{
	char *buffer;
	int length;

	if (hwloc_topology_export_xmlbuffer(topology, &buffer, &length, 0) < 0)
		return;
	machine->xml = xstrdup(buffer);
	hwloc_free_xmlbuffer(topology, buffer);
}

int machine_fill(struct machine *machine, hwloc_topology_t topology, struct error *err)
{
	int result = fill_cpus(machine, topology, err);

	if (!result)
		result = fill_nodes(machine, topology, err);
	if (result < 0)
		return result;
	to_idset(hwloc_topology_get_allowed_cpuset(topology), &machine->allowed);
	idset_intersect(&machine->allowed, &machine->online);
	machine_fill_devices(machine, topology);
	fill_model(machine, topology);
	fill_xml(machine, topology);
	return 0;
}

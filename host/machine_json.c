/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine as JSON: hwloc's XML for the structure, and beside it the counters XML has no place for.
 * The file may come from anywhere, so every figure is checked against the topology it belongs to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/machine_internal.h"

static json_t *idset_to_json(const struct idset *set)
{
	char text[IDSET_MAX * 6];

	return json_string(idset_format(set, text, sizeof(text)));
}

static json_t *pools_to_json(const struct machine_node *node)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < node->pool_count; i++) {
		const struct machine_pool *pool = &node->pools[i];

		json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I}",
			"page-size", (json_int_t)pool->page_size, "total", (json_int_t)pool->total,
			"free", (json_int_t)pool->free, "surplus", (json_int_t)pool->surplus));
	}
	return list;
}

static json_t *node_to_json(const struct machine *machine, const struct machine_node *node)
{
	json_t *distance = json_array();

	for (unsigned int i = 0; i < machine->node_count; i++)
		json_array_append_new(distance, json_integer(node->distance[i]));
	return json_pack("{s:i, s:o, s:I, s:I, s:I, s:o, s:o}", "node", (int)node->os,
		"cpus", idset_to_json(&node->cpus), "memory", (json_int_t)node->memory,
		"free", (json_int_t)node->free, "available", (json_int_t)node->available,
		"pools", pools_to_json(node), "distance", distance);
}

json_t *machine_to_json(const struct machine *machine)
{
	json_t *nodes = json_array();

	for (unsigned int i = 0; i < machine->node_count; i++)
		json_array_append_new(nodes, node_to_json(machine, &machine->nodes[i]));
	return json_pack("{s:s, s:b, s:s*, s:o, s:o, s:o, s:o, s:s*}", "source", machine->source,
		"live", machine->live, "model", machine->model,
		"online", idset_to_json(&machine->online), "allowed", idset_to_json(&machine->allowed),
		"isolated", idset_to_json(&machine->isolated), "nodes", nodes, "xml", machine->xml);
}

/* ---- back ------------------------------------------------------------------------------------- */

/* A non-negative number, or -EINVAL. A missing member leaves *@value. */
static int get_u64(const json_t *object, const char *key, uint64_t *value, struct error *err)
{
	const json_t *member = json_object_get(object, key);

	if (!member)
		return 0;
	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return error_set(err, EINVAL, "'%s' is not a whole number of 0 or more", key);
	*value = (uint64_t)json_integer_value(member);
	return 0;
}

static int get_idset(const json_t *object, const char *key, struct idset *set, struct error *err)
{
	const json_t *member = json_object_get(object, key);

	if (!member)
		return 0;
	if (!json_is_string(member))
		return error_set(err, EINVAL, "'%s' is not a CPU list", key);
	if (idset_parse(json_string_value(member), set, err) < 0) {
		error_prefix(err, "'%s'", key);
		return -EINVAL;
	}
	return 0;
}

static int pools_from_json(const json_t *list, struct machine_node *node, struct error *err)
{
	size_t count = json_array_size(list);

	if (!list)
		return 0;
	if (!json_is_array(list) || count > MACHINE_POOLS_MAX)
		return error_set(err, EINVAL, "'pools' is not a list of at most %d", MACHINE_POOLS_MAX);
	node->pool_count = (unsigned int)count;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		struct machine_pool *pool = &node->pools[i];

		memset(pool, 0, sizeof(*pool));
		if (get_u64(item, "page-size", &pool->page_size, err) ||
			get_u64(item, "total", &pool->total, err) || get_u64(item, "free", &pool->free, err) ||
			get_u64(item, "surplus", &pool->surplus, err))
			return -EINVAL;
		if (pool->page_size < 4096 || (pool->page_size & (pool->page_size - 1)))
			return error_set(err, EINVAL, "'page-size' %llu is not a page size",
				(unsigned long long)pool->page_size);
	}
	return 0;
}

static int distance_from_json(const json_t *list, const struct machine *machine,
	struct machine_node *node, struct error *err)
{
	if (!list)
		return 0;
	if (json_array_size(list) != machine->node_count)
		return error_set(err, EINVAL, "'distance' does not have %u numbers", machine->node_count);
	for (unsigned int i = 0; i < machine->node_count; i++) {
		json_int_t value = json_integer_value(json_array_get(list, i));

		if (value < 1 || value > 255)
			return error_set(err, EINVAL, "'distance' has a value outside 1 to 255");
		node->distance[i] = (unsigned int)value;
	}
	return 0;
}

static int node_from_json(const json_t *item, struct machine *machine, struct error *err)
{
	uint64_t os = UINT64_MAX;
	struct machine_node *node;

	if (get_u64(item, "node", &os, err))
		return -EINVAL;
	node = (struct machine_node *)machine_node_of(machine, os <= IDSET_MAX ? (int)os : -1);
	if (!node)
		return error_set(err, EINVAL, "its XML has no such NUMA node");
	if (get_u64(item, "memory", &node->memory, err) || get_u64(item, "free", &node->free, err) ||
		get_u64(item, "available", &node->available, err) ||
		get_idset(item, "cpus", &node->cpus, err) ||
		pools_from_json(json_object_get(item, "pools"), node, err) ||
		distance_from_json(json_object_get(item, "distance"), machine, node, err))
		return -EINVAL;
	idset_intersect(&node->cpus, &machine->online);
	machine_set_node_cpus(machine, node, &node->cpus);
	return 0;
}

static int fill_counters(struct machine *machine, const json_t *json, struct error *err)
{
	const json_t *nodes = json_object_get(json, "nodes");
	size_t i;
	json_t *item;

	json_array_foreach(nodes, i, item) {
		if (node_from_json(item, machine, err) < 0) {
			error_prefix(err, "machine.nodes[%zu]", i);
			return -EINVAL;
		}
	}
	if (get_idset(json, "allowed", &machine->allowed, err) ||
		get_idset(json, "isolated", &machine->isolated, err))
		return -EINVAL;
	idset_intersect(&machine->allowed, &machine->online);
	machine->live = json_is_true(json_object_get(json, "live"));
	return 0;
}

struct machine *machine_from_json(const json_t *json, const char *source, struct error *err)
{
	const char *xml = json_string_value(json_object_get(json, "xml"));
	struct machine *machine;

	if (!xml) {
		error_set(err, EINVAL, "%s: 'machine.xml' (hwloc's XML export) is missing", source);
		return NULL;
	}
	machine = machine_from_xml(xml, source, err);
	if (machine && fill_counters(machine, json, err) < 0) {
		error_prefix(err, "%s", source);
		machine_free(machine);
		return NULL;
	}
	return machine;
}

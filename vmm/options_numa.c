// SPDX-License-Identifier: GPL-2.0-or-later
/* --memory, --numa and --pin: the guest's nodes, where they live, and where its CPUs do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "vmm/options_internal.h"
#include "vmm/suboptions.h"

#define DEFAULT_MEMORY  (512 * MIB)
#define DISTANCE_SELF   10 /* ACPI 6.4, 5.2.17 */
#define DISTANCE_OTHER  20
#define DISTANCE_MAX    254

/* What the keys of --numa are set into. */
struct numa_target {
	struct parse *parse;
	unsigned int index;
	struct memory_node_config *node;
};

static int set_cpus(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;

	return suboption_list(text, &numa->node->cpus, err);
}

static int set_size(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;

	return size_parse(text, &numa->node->size, err);
}

static int set_host_node(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;

	return suboption_list(text, &numa->node->host_nodes, err);
}

/* One of @words; *@choice is its index. */
static int choose(const char *text, const char *const *words, unsigned int *choice,
	const char *right, struct error *err)
{
	for (*choice = 0; words[*choice]; ++*choice)
		if (!strcasecmp(text, words[*choice]))
			return 0;
	return error_set(err, EINVAL, "'%s' is not one of %s", text, right);
}

static int set_policy(void *target, const char *text, struct error *err)
{
	static const char *const words[] = {"default", "bind", "preferred", "interleave", NULL};
	struct numa_target *numa = target;
	unsigned int choice;

	if (choose(text, words, &choice, "bind, preferred, interleave", err) < 0)
		return -EINVAL;
	numa->node->policy = (enum memory_policy)choice;
	return 0;
}

static int set_pages(void *target, const char *text, struct error *err)
{
	static const char *const words[] = {"4K", "THP", "2M", "1G", NULL};
	struct numa_target *numa = target;
	unsigned int choice;

	if (choose(text, words, &choice, "4K, THP, 2M, 1G", err) < 0)
		return -EINVAL;
	numa->node->pages = (enum memory_pages)choice;
	numa->parse->has_pages[numa->index] = true;
	return 0;
}

static int set_mergeable(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;

	(void)text;
	(void)err;
	numa->node->mergeable = true;
	return 0;
}

static int set_shared(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;

	(void)text;
	(void)err;
	numa->node->shared = true;
	return 0;
}

/* "10+21+31": from this node to nodes 0, 1, 2. */
static int set_distance(void *target, const char *text, struct error *err)
{
	struct numa_target *numa = target;
	char *copy = xstrdup(text), *rest = copy, *item;
	unsigned int count = 0, value;
	int ret = 0;

	while (!ret && (item = strsep(&rest, "+"))) {
		if (count == MEMORY_NODES_MAX)
			ret = error_set(err, EINVAL, "more than %u distances", MEMORY_NODES_MAX);
		else
			ret = suboption_number(item, DISTANCE_SELF, DISTANCE_MAX, &value, err);
		if (!ret)
			numa->parse->distance[numa->index][count++] = (uint8_t)value;
	}
	numa->parse->distance_count[numa->index] = count;
	free(copy);
	return ret;
}

static const struct suboption_row numa_rows[] = {
	{"cpus", "LIST", set_cpus},
	{"memory", "SIZE", set_size},
	{"host-node", "LIST", set_host_node},
	{"policy", "POLICY", set_policy},
	{"pages", "PAGES", set_pages},
	{"mergeable", NULL, set_mergeable},
	{"shared", NULL, set_shared},
	{"distance", "ROW", set_distance},
	{NULL, NULL, NULL},
};

static int add_node(struct parse *parse, const char *text, struct error *err)
{
	struct numa_target numa = {.parse = parse, .index = parse->config->node_count};

	if (numa.index == MEMORY_NODES_MAX)
		return error_set(err, EINVAL, "more than %u guest nodes", MEMORY_NODES_MAX);
	numa.node = &parse->config->nodes[numa.index];
	parse->config->node_count++;
	return suboptions_parse(text, numa_rows, &numa, err);
}

int option_numa(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	if (parse->has_memory)
		return error_set(err, EINVAL, "--memory is for a guest of one node; give each --numa its own");
	return add_node(parse, text, err);
}

/* "SIZE[,KEY...]" is one node with the keys of --numa. */
int option_memory(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;
	char *numa;
	int ret;

	if (parse->config->node_count)
		return error_set(err, EINVAL, "%s",
			parse->has_memory ? "given twice" : "give each --numa its own memory=SIZE instead");
	parse->has_memory = true;
	numa = xasprintf("memory=%s", text);
	ret = add_node(parse, numa, err);
	free(numa);
	return ret;
}

/* One "VCPUS=HOSTCPUS" of --pin. */
static int pin_one(struct vm_config *config, char *item, struct error *err)
{
	char *host = strchr(item, '=');
	struct idset vcpus, cpus;

	if (!host)
		return error_set(err, EINVAL, "'%s' is not VCPU=HOSTCPUS, such as 0=2 or 0-3=8-11", item);
	*host++ = '\0';
	if (suboption_list(item, &vcpus, err) < 0 || suboption_list(host, &cpus, err) < 0)
		return -EINVAL;
	idset_for_each (vcpu, &vcpus) {
		if (vcpu >= VM_CPUS_MAX)
			return error_set(err, EINVAL, "vCPU %d: there are at most %d", vcpu, VM_CPUS_MAX);
		if (!idset_empty(&config->pin[vcpu]))
			return error_set(err, EINVAL, "vCPU %d is pinned twice", vcpu);
		config->pin[vcpu] = cpus;
	}
	return 0;
}

int option_pin(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;
	char *copy = xstrdup(text), *rest = copy, *item;
	int ret = 0;

	while (!ret && (item = strsep(&rest, ",")))
		ret = pin_one(parse->config, item, err);
	free(copy);
	return ret;
}

/* ---- when all options are known ---------------------------------------------------------------- */

static bool any_node_has_cpus(const struct vm_config *config)
{
	for (unsigned int i = 0; i < config->node_count; i++)
		if (!idset_empty(&config->nodes[i].cpus))
			return true;
	return false;
}

/* Nobody said which CPU is where: the same number to each node, in order. */
static void spread_cpus(struct vm_config *config)
{
	for (unsigned int cpu = 0; cpu < config->cpus; cpu++)
		idset_add(&config->nodes[cpu * config->node_count / config->cpus].cpus, cpu);
}

/* --cpus may be left to the nodes' lists. */
static int count_cpus(struct parse *parse, struct error *err)
{
	struct vm_config *config = parse->config;
	struct idset all = {0};

	for (unsigned int i = 0; i < config->node_count; i++)
		idset_union(&all, &config->nodes[i].cpus);
	if (!parse->has_cpus && !idset_empty(&all))
		config->cpus = idset_count(&all);
	if (config->cpus > VM_CPUS_MAX)
		return error_set(err, EINVAL, "--numa: %u vCPUs; at most %u", config->cpus, VM_CPUS_MAX);
	return 0;
}

static int check_cpus(const struct vm_config *config, struct error *err)
{
	struct idset seen = {0};

	for (unsigned int i = 0; i < config->node_count; i++) {
		idset_for_each (cpu, &config->nodes[i].cpus) {
			if ((unsigned int)cpu >= config->cpus)
				return error_set(err, EINVAL, "--numa: node %u has vCPU %d; with --cpus %u the last is %u",
					i, cpu, config->cpus, config->cpus - 1);
			if (idset_has(&seen, (unsigned int)cpu))
				return error_set(err, EINVAL, "--numa: vCPU %d is in two nodes", cpu);
			idset_add(&seen, (unsigned int)cpu);
		}
	}
	for (unsigned int cpu = 0; cpu < config->cpus; cpu++)
		if (!idset_has(&seen, cpu))
			return error_set(err, EINVAL, "--numa: vCPU %u is in no node; add it to a cpus=LIST", cpu);
	for (unsigned int cpu = config->cpus; cpu < VM_CPUS_MAX; cpu++)
		if (!idset_empty(&config->pin[cpu]))
			return error_set(err, EINVAL, "--pin: there is no vCPU %u; the last is %u", cpu,
				config->cpus - 1);
	return 0;
}

static int finish_node(struct parse *parse, unsigned int index, struct error *err)
{
	struct memory_node_config *node = &parse->config->nodes[index];
	bool placed = !idset_empty(&node->host_nodes);

	if (!node->size)
		return error_set(err, EINVAL, "--numa: node %u needs memory=SIZE", index);
	if (node->policy != MEMORY_POLICY_DEFAULT && !placed)
		return error_set(err, EINVAL, "node %u: a policy needs host-node=LIST to apply to", index);
	if (node->policy == MEMORY_POLICY_DEFAULT && placed)
		node->policy = MEMORY_POLICY_BIND;
	/* The fastest that needs no preparation; KSM would only have to split it up again. */
	if (!parse->has_pages[index])
		node->pages = node->mergeable ? MEMORY_PAGES_4K : MEMORY_PAGES_THP;
	if (placed && !parse->has_prefault)
		parse->config->prefault = true;
	return 0;
}

/* Rows that were given win; what is missing is taken from the other direction, else 10 and 20. */
static int finish_distances(struct parse *parse, struct error *err)
{
	struct vm_config *config = parse->config;

	for (unsigned int from = 0; from < config->node_count; from++) {
		if (parse->distance_count[from] > config->node_count)
			return error_set(err, EINVAL, "--numa: node %u has %u distances; there are %u nodes", from,
				parse->distance_count[from], config->node_count);
		for (unsigned int to = 0; to < config->node_count; to++) {
			uint8_t value = from == to ? DISTANCE_SELF : DISTANCE_OTHER;

			if (to < parse->distance_count[from])
				value = parse->distance[from][to];
			else if (from < parse->distance_count[to])
				value = parse->distance[to][from];
			if ((from == to) != (value == DISTANCE_SELF))
				return error_set(err, EINVAL,
					"--numa: the distance from node %u to node %u cannot be %u: it is 10 to "
					"itself and more to others",
					from, to, value);
			config->distance[from][to] = value;
		}
	}
	return 0;
}

int options_finish_nodes(struct parse *parse, struct error *err)
{
	struct vm_config *config = parse->config;

	if (!config->node_count) {
		config->node_count = 1;
		config->nodes[0].size = DEFAULT_MEMORY;
	}
	if (count_cpus(parse, err) < 0)
		return -EINVAL;
	if (!any_node_has_cpus(config))
		spread_cpus(config);
	if (check_cpus(config, err) < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < config->node_count; i++)
		if (finish_node(parse, i, err) < 0)
			return -EINVAL;
	return finish_distances(parse, err);
}

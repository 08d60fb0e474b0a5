// SPDX-License-Identifier: GPL-2.0-or-later
/* QMP commands that only look: negotiation and the query-* family. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/virtio_balloon.h>

#include "lib/idset.h"
#include "lib/version.h"
#include "vmm/cpuid.h"
#include "vmm/options.h"
#include "vmm/qmp/command.h"
#include "vmm/vcpu.h"
#include "vmm/virtio/balloon.h"

json_t *qmp_version(void)
{
	/* Clients of QEMU look for a member "qemu"; "package" says what this really is. */
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "micro", VMTUNE_VERSION_MICRO, "minor",
		VMTUNE_VERSION_MINOR, "major", VMTUNE_VERSION_MAJOR, "package", "vmtune vmm " VMTUNE_VERSION);
}

/* There are no capabilities to enable; the greeting offers none. */
int qmp_capabilities(struct qmp_call *call, struct error *err)
{
	json_t *enable = json_object_get(call->arguments, "enable"), *first = json_array_get(enable, 0);

	if (json_array_size(enable) && !json_is_string(first))
		return qmp_check_type("enable", first, QMP_STRING, err);
	if (json_array_size(enable))
		return error_set(err, EINVAL, "Parameter 'enable' does not accept value '%s'",
			json_string_value(first));
	call->session->negotiated = true;
	return 0;
}

int qmp_query_commands(struct qmp_call *call, struct error *err)
{
	(void)err;
	call->result = json_array();
	for (const struct qmp_command *row = qmp_commands; row->name; row++)
		json_array_append_new(call->result, json_pack("{s:s}", "name", row->name));
	return 0;
}

int qmp_query_version(struct qmp_call *call, struct error *err)
{
	(void)err;
	call->result = qmp_version();
	return 0;
}

int qmp_query_name(struct qmp_call *call, struct error *err)
{
	const char *name = call->vm->config->name;

	(void)err;
	if (name)
		call->result = json_pack("{s:s}", "name", name);
	return 0;
}

int qmp_query_kvm(struct qmp_call *call, struct error *err)
{
	(void)err;
	call->result = json_pack("{s:b, s:b}", "enabled", 1, "present", 1);
	return 0;
}

int qmp_query_status(struct qmp_call *call, struct error *err)
{
	enum run_state state = vm_state(call->vm);

	(void)err;
	call->result = json_pack("{s:s, s:b}", "status", run_state_name(state), "running",
		state == RUN_STATE_RUNNING);
	return 0;
}

/* ---- vCPUs ---------------------------------------------------------------------------------------- */

static unsigned int node_of_cpu(const struct vm_config *config, unsigned int cpu)
{
	for (unsigned int node = 0; node < config->node_count; node++)
		if (idset_has(&config->nodes[node].cpus, cpu))
			return node;
	return 0;
}

static json_t *cpu_info(const struct vm *vm, const struct vcpu *vcpu,
	const struct cpu_topology *topology)
{
	unsigned int id = topology->apic_id[vcpu->index];
	char path[48];

	snprintf(path, sizeof(path), "/machine/unattached/device[%u]", vcpu->index);
	return json_pack("{s:i, s:s, s:i, s:s, s:{s:i, s:i, s:i, s:i}}", "cpu-index", (int)vcpu->index,
		"qom-path", path, "thread-id", (int)vcpu->tid, "target", "x86_64", "props", "node-id",
		(int)node_of_cpu(vm->config, vcpu->index), "socket-id", (int)(id >> topology->core_bits),
		"core-id", (int)(id & ((1u << topology->core_bits) - 1)), "thread-id", 0);
}

int qmp_query_cpus_fast(struct qmp_call *call, struct error *err)
{
	struct cpu_topology topology;

	(void)err;
	cpu_topology_init(&topology, call->vm->config);
	call->result = json_array();
	for (unsigned int i = 0; i < call->vm->vcpu_count; i++)
		json_array_append_new(call->result, cpu_info(call->vm, &call->vm->vcpus[i], &topology));
	return 0;
}

/* ---- memory --------------------------------------------------------------------------------------- */

int qmp_query_memory_size_summary(struct qmp_call *call, struct error *err)
{
	(void)err;
	call->result = json_pack("{s:I, s:i}", "base-memory", (json_int_t)call->vm->memory.size,
		"plugged-memory", 0);
	return 0;
}

/* Memory that was plugged in: none can be. */
int qmp_query_memory_devices(struct qmp_call *call, struct error *err)
{
	(void)err;
	call->result = json_array();
	return 0;
}

int qmp_query_balloon(struct qmp_call *call, struct error *err)
{
	if (qmp_need_balloon(call, err) < 0)
		return -ENODEV;
	call->result = json_pack("{s:I}", "actual", (json_int_t)balloon_actual(call->vm->balloon));
	return 0;
}

/* QEMU's names of the features that a driver may or may not accept. */
static const struct {
	unsigned int bit;
	const char *name;
} balloon_features[] = {
	{VIRTIO_BALLOON_F_MUST_TELL_HOST, "must-tell-host"},
	{VIRTIO_BALLOON_F_STATS_VQ, "guest-stats"},
	{VIRTIO_BALLOON_F_DEFLATE_ON_OOM, "deflate-on-oom"},
	{VIRTIO_BALLOON_F_FREE_PAGE_HINT, "free-page-hint"},
	{VIRTIO_BALLOON_F_PAGE_POISON, "page-poison"},
	{VIRTIO_BALLOON_F_REPORTING, "free-page-reporting"},
};

static json_t *accepted_features(uint64_t features)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(balloon_features) / sizeof(balloon_features[0]); i++)
		if (features >> balloon_features[i].bit & 1)
			json_array_append_new(list, json_string(balloon_features[i].name));
	return list;
}

/* How old and how sane the statistics are that qom-get guest-stats shows. "age-ms" only if there are any. */
static json_t *statistics_info(struct balloon *balloon, const struct balloon_info *info)
{
	json_t *object = json_object(), *clamped = json_array();
	struct balloon_stats stats;

	balloon_get_stats(balloon, &stats);
	for (unsigned int tag = 0; tag < BALLOON_STATS; tag++)
		if (stats.clamped >> tag & 1)
			json_array_append_new(clamped, json_string(balloon_stat_name(tag)));
	if (info->stats_age_ms >= 0)
		json_object_set_new(object, "age-ms", json_integer(info->stats_age_ms));
	json_object_set_new(object, "silent", json_boolean(info->stats_silent));
	json_object_set_new(object, "clamped", clamped);
	return object;
}

static const char *const hint_states[] = {
	[BALLOON_HINT_NONE] = "none",
	[BALLOON_HINT_ASKED] = "asked",
	[BALLOON_HINT_RUNNING] = "running",
	[BALLOON_HINT_DONE] = "done",
	[BALLOON_HINT_TIMED_OUT] = "timed-out",
};

int qmp_x_query_balloon(struct qmp_call *call, struct error *err)
{
	struct balloon_info info;

	if (qmp_need_balloon(call, err) < 0)
		return -ENODEV;
	balloon_get_info(call->vm->balloon, &info);
	call->result = json_pack("{s:I, s:I, s:I, s:b, s:o, s:I, s:{s:I, s:I}, s:o, s:{s:I, s:I, s:I}, "
				 "s:{s:s, s:I, s:I}}",
		"ram", (json_int_t)info.ram, "actual", (json_int_t)info.actual, "target",
		(json_int_t)info.target, "driver", info.driver, "features",
		accepted_features(info.features), "poison", (json_int_t)info.poison, "inflated", "discarded",
		(json_int_t)info.discarded, "discards", (json_int_t)info.discards, "statistics",
		statistics_info(call->vm->balloon, &info), "reporting", "reported",
		(json_int_t)info.report.reported, "discarded", (json_int_t)info.report.discarded, "discards",
		(json_int_t)info.report.discards, "hinting", "state", hint_states[info.hint_state], "hinted",
		(json_int_t)info.hinted, "resident", (json_int_t)info.hinted_resident);
	return 0;
}

static const char *const policy_names[] = {
	[MEMORY_POLICY_DEFAULT] = "default",
	[MEMORY_POLICY_BIND] = "bind",
	[MEMORY_POLICY_PREFERRED] = "preferred",
	[MEMORY_POLICY_INTERLEAVE] = "interleave",
};

static const int page_sizes[] = {
	[MEMORY_PAGES_4K] = 4096,
	[MEMORY_PAGES_THP] = 4096, /* a wish for larger ones, not a promise: see "thp" */
	[MEMORY_PAGES_2M] = 2 << 20,
	[MEMORY_PAGES_1G] = 1 << 30,
};

static json_t *host_nodes(const struct idset *set)
{
	json_t *list = json_array();

	idset_for_each(id, set)
		json_array_append_new(list, json_integer(id));
	return list;
}

static json_t *regions_of(const struct guest_memory *memory, unsigned int node)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < memory->region_count; i++) {
		const struct memory_region *region = &memory->regions[i];

		if (region->node == node)
			json_array_append_new(list, json_pack("{s:I, s:I, s:I}", "gpa",
				(json_int_t)region->gpa, "size", (json_int_t)region->size, "host-address",
				(json_int_t)(uintptr_t)region->host));
	}
	return list;
}

/* Where guest RAM lies in this process: what a tuner needs to verify it page by page. */
int qmp_x_query_memory(struct qmp_call *call, struct error *err)
{
	const struct vm_config *config = call->vm->config;
	json_t *nodes = json_array();

	(void)err;
	for (unsigned int i = 0; i < config->node_count; i++) {
		const struct memory_node_config *node = &config->nodes[i];

		json_array_append_new(nodes, json_pack("{s:i, s:I, s:o, s:s, s:i, s:b, s:b, s:b, s:o}", "node",
			(int)i, "size", (json_int_t)node->size, "host-nodes", host_nodes(&node->host_nodes),
			"policy", policy_names[node->policy], "page-size", page_sizes[node->pages], "thp",
			node->pages == MEMORY_PAGES_THP, "shared", node->shared, "mergeable",
			memory_is_mergeable(&call->vm->memory, i), "regions",
			regions_of(&call->vm->memory, i)));
	}
	call->result = json_pack("{s:i, s:o}", "pid", (int)getpid(), "nodes", nodes);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests as JSON, for snapshots and for --json; unknown figures are null. And back, checked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/guest.h"
#include "host/guest_internal.h"
#include "lib/xalloc.h"

static json_t *figure(uint64_t value)
{
	return value == GUEST_UNKNOWN || value > INT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *text_or_null(const char *text)
{
	json_t *value = text ? json_string(text) : NULL; /* NULL also for text that is not UTF-8 */

	return value ? value : json_null();
}

/* Names come from other people's command lines and need not be UTF-8. */
static json_t *any_text(const char *text)
{
	json_t *value = json_string(text);
	char *clean;

	if (value)
		return value;
	clean = xstrdup(text);
	for (char *at = clean; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	value = json_string(clean);
	free(clean);
	return value;
}

static json_t *thread_to_json(const struct guest_thread *thread)
{
	char cpus[IDSET_MAX * 6];

	return json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "tid", (int)thread->tid,
		"start", figure(thread->start), "kind", thread_kind_name(thread->kind),
		"vcpu", thread->vcpu < 0 ? json_null() : json_integer(thread->vcpu),
		"guest-node", thread->guest_node < 0 ? json_null() : json_integer(thread->guest_node),
		"comm", any_text(thread->comm),
		"allowed", idset_format(&thread->allowed, cpus, sizeof(cpus)),
		"cpu", thread->cpu < 0 ? json_null() : json_integer(thread->cpu),
		"cpu-ns", figure(thread->cpu_ns), "wait-ns", figure(thread->wait_ns));
}

static json_t *ram_to_json(const struct guest_ram *ram)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:o}", "start", figure(ram->start),
		"size", figure(ram->size), "page-size", figure(ram->page_size),
		"mergeable", ram->mergeable, "thp", ram->thp,
		"guest-node", ram->guest_node < 0 ? json_null() : json_integer(ram->guest_node));
}

static json_t *nodes_to_json(const struct guest *guest)
{
	json_t *nodes = guest->node_bytes ? json_array() : json_null();

	for (unsigned int i = 0; guest->node_bytes && i < guest->node_count; i++)
		json_array_append_new(nodes, figure(guest->node_bytes[i]));
	return nodes;
}

static json_t *argv_to_json(char *const *argv)
{
	json_t *list = argv ? json_array() : json_null();

	for (; argv && *argv; argv++)
		json_array_append_new(list, any_text(*argv));
	return list;
}

static json_t *domain_to_json(const struct guest_domain *domain)
{
	json_t *values = json_object();

	for (unsigned int i = 0; domain && i < domain->values.count; i++)
		json_object_set_new(values, domain->values.list[i].word, any_text(domain->values.list[i].value));
	if (domain)
		return json_pack("{s:o, s:o, s:o, s:o}", "uuid", any_text(domain->uuid),
			"uri", text_or_null(domain->uri), "why", text_or_null(domain->why), "values", values);
	json_decref(values);
	return json_null();
}

static json_t *cpusets_to_json(const struct guest *guest)
{
	json_t *list = json_array();
	char mems[IDSET_MAX];

	for (unsigned int i = 0; i < guest->cpuset_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:s}",
			"group", any_text(guest->cpusets[i].group), "file", any_text(guest->cpusets[i].file),
			"mems", idset_format(&guest->cpusets[i].mems, mems, sizeof(mems))));
	return list;
}

static json_t *guest_to_json(const struct guest *guest)
{
	json_t *threads = json_array(), *ram = json_array();
	char bound[IDSET_MAX];

	for (unsigned int i = 0; i < guest->thread_count; i++)
		json_array_append_new(threads, thread_to_json(&guest->threads[i]));
	for (unsigned int i = 0; i < guest->ram_count; i++)
		json_array_append_new(ram, ram_to_json(&guest->ram[i]));
	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
		"name", any_text(guest->name), "pid", (int)guest->pid, "start", figure(guest->start),
		"vmm", any_text(guest->vmm), "qmp", text_or_null(guest->qmp),
		"cgroup", text_or_null(guest->cgroup), "libvirt", domain_to_json(guest->domain),
		"argv", argv_to_json(guest->argv), "vcpus", (int)guest->vcpu_count,
		"configured", figure(guest->configured), "rss", figure(guest->rss),
		"anon-huge", figure(guest->anon_huge), "hugetlb", figure(guest->hugetlb),
		"ksm-pages", figure(guest->ksm_pages), "balloon", figure(guest->balloon),
		"exits", figure(guest->exits), "age-ms", figure(guest->age_ms), "node-bytes", nodes_to_json(guest),
		"threads", threads, "ram", ram, "cpusets", cpusets_to_json(guest),
		"bound", idset_format(&guest->bound, bound, sizeof(bound)));
}

json_t *guests_to_json(const struct guest_list *list)
{
	json_t *guests = json_array();

	for (unsigned int i = 0; i < list->count; i++)
		json_array_append_new(guests, guest_to_json(&list->guests[i]));
	return guests;
}

/* ---- back ------------------------------------------------------------------------------------- */

/* null and a missing member are unknown. */
static uint64_t get_figure(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) && json_integer_value(value) >= 0
		? (uint64_t)json_integer_value(value) : GUEST_UNKNOWN;
}

/* A number of 0 to @max, else -1. */
static int get_int(const json_t *object, const char *key, int max)
{
	const json_t *value = json_object_get(object, key);
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

	return number < 0 || number > max ? -1 : (int)number;
}

static char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? xstrdup(text) : NULL;
}

static int thread_from_json(const json_t *json, struct guest_thread *thread, struct error *err)
{
	const char *kind = json_string_value(json_object_get(json, "kind"));
	const char *comm = json_string_value(json_object_get(json, "comm"));
	const char *allowed = json_string_value(json_object_get(json, "allowed"));
	int found = -1;

	for (int i = THREAD_VCPU; i <= THREAD_WORKER; i++)
		if (kind && !strcmp(kind, thread_kind_name((enum thread_kind)i)))
			found = i;
	if (found < 0)
		return error_set(err, EINVAL, "thread kind '%s' is unknown", kind ? kind : "");
	thread->kind = (enum thread_kind)found;
	thread->tid = get_int(json, "tid", INT32_MAX);
	thread->vcpu = get_int(json, "vcpu", GUEST_VCPUS_MAX - 1);
	thread->guest_node = get_int(json, "guest-node", IDSET_MAX - 1);
	thread->cpu = get_int(json, "cpu", IDSET_MAX - 1);
	thread->start = get_figure(json, "start");
	thread->cpu_ns = get_figure(json, "cpu-ns");
	thread->wait_ns = get_figure(json, "wait-ns");
	snprintf(thread->comm, sizeof(thread->comm), "%.15s", comm ? comm : "");
	return allowed ? idset_parse(allowed, &thread->allowed, err) : 0;
}

static int ram_from_json(const json_t *json, struct guest_ram *ram, struct error *err)
{
	ram->start = get_figure(json, "start");
	ram->size = get_figure(json, "size");
	ram->page_size = get_figure(json, "page-size");
	ram->mergeable = json_is_true(json_object_get(json, "mergeable"));
	ram->thp = json_is_true(json_object_get(json, "thp"));
	ram->guest_node = get_int(json, "guest-node", IDSET_MAX - 1);
	if (ram->start == GUEST_UNKNOWN || ram->size == GUEST_UNKNOWN || ram->page_size == GUEST_UNKNOWN ||
		ram->page_size < 4096 || (ram->page_size & (ram->page_size - 1)) ||
		ram->size > UINT64_MAX - ram->start)
		return error_set(err, EINVAL, "a RAM mapping without proper start, size and page-size");
	return 0;
}

static char **argv_from_json(const json_t *json)
{
	size_t count = json_array_size(json);
	char **argv = count ? xcalloc(count + 1, sizeof(*argv)) : NULL;

	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(json, i));

		argv[i] = xstrdup(text ? text : "");
	}
	return argv;
}

static void nodes_from_json(const json_t *json, struct guest *guest)
{
	size_t count = json_array_size(json);

	guest->node_bytes = count ? xcalloc(count, sizeof(*guest->node_bytes)) : NULL;
	for (size_t i = 0; i < count; i++) {
		json_int_t bytes = json_integer_value(json_array_get(json, i));

		guest->node_bytes[guest->node_count++] = bytes > 0 ? (uint64_t)bytes : 0;
	}
}

static struct guest_domain *domain_from_json(const json_t *json)
{
	const char *uuid = json_string_value(json_object_get(json, "uuid"));
	json_t *values = json_object_get(json, "values"), *value;
	struct guest_domain *domain;
	const char *word;

	if (!uuid)
		return NULL;
	domain = guest_domain_new(uuid);
	domain->uri = get_text(json, "uri");
	domain->why = get_text(json, "why");
	json_object_foreach(values, word, value)
		libvirt_value_add(&domain->values, word,
			json_string_value(value) ? json_string_value(value) : "");
	return domain;
}

static int cpuset_from_json(const json_t *json, struct guest_cpuset *cpuset, struct error *err)
{
	const char *mems = json_string_value(json_object_get(json, "mems"));

	cpuset->group = get_text(json, "group");
	cpuset->file = get_text(json, "file");
	if (!cpuset->group || !cpuset->file || !mems)
		return error_set(err, EINVAL, "a cpuset without group, file or mems");
	return idset_parse(mems, &cpuset->mems, err);
}

static int guest_from_json(const json_t *json, struct guest *guest, struct error *err)
{
	const json_t *threads = json_object_get(json, "threads"), *ram = json_object_get(json, "ram");
	const json_t *cpusets = json_object_get(json, "cpusets");
	const char *bound = json_string_value(json_object_get(json, "bound"));
	int vcpus = get_int(json, "vcpus", GUEST_VCPUS_MAX);

	guest->pid = get_int(json, "pid", INT32_MAX);
	guest->name = get_text(json, "name");
	guest->vmm = get_text(json, "vmm");
	if (!guest->name || !guest->vmm || guest->pid <= 0 || vcpus < 0)
		return error_set(err, EINVAL, "name, vmm, pid or vcpus is missing or wrong");
	guest->vcpu_count = (unsigned int)vcpus;
	guest->qmp = get_text(json, "qmp");
	guest->cgroup = get_text(json, "cgroup");
	guest->domain = domain_from_json(json_object_get(json, "libvirt"));
	guest->argv = argv_from_json(json_object_get(json, "argv"));
	guest->start = get_figure(json, "start");
	guest->configured = get_figure(json, "configured");
	guest->rss = get_figure(json, "rss");
	guest->anon_huge = get_figure(json, "anon-huge");
	guest->hugetlb = get_figure(json, "hugetlb");
	guest->ksm_pages = get_figure(json, "ksm-pages");
	guest->balloon = get_figure(json, "balloon");
	guest->exits = get_figure(json, "exits");
	guest->age_ms = get_figure(json, "age-ms");
	nodes_from_json(json_object_get(json, "node-bytes"), guest);
	guest->threads = xcalloc(json_array_size(threads), sizeof(*guest->threads));
	guest->ram = xcalloc(json_array_size(ram), sizeof(*guest->ram));
	guest->cpusets = xcalloc(json_array_size(cpusets), sizeof(*guest->cpusets));
	for (size_t i = 0; i < json_array_size(cpusets); i++)
		if (cpuset_from_json(json_array_get(cpusets, i), &guest->cpusets[guest->cpuset_count++], err) < 0)
			return -EINVAL;
	if (bound && idset_parse(bound, &guest->bound, err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(threads); i++, guest->thread_count++)
		if (thread_from_json(json_array_get(threads, i), &guest->threads[i], err) < 0)
			return -EINVAL;
	for (size_t i = 0; i < json_array_size(ram); i++, guest->ram_count++)
		if (ram_from_json(json_array_get(ram, i), &guest->ram[i], err) < 0)
			return -EINVAL;
	return 0;
}

int guests_from_json(const json_t *json, struct guest_list *list, struct error *err)
{
	size_t count = json_array_size(json);

	memset(list, 0, sizeof(*list));
	if (json && !json_is_array(json))
		return error_set(err, EINVAL, "guests is not a list");
	list->guests = xcalloc(count, sizeof(*list->guests));
	for (size_t i = 0; i < count; i++) {
		list->count++;
		if (guest_from_json(json_array_get(json, i), &list->guests[i], err) < 0) {
			error_prefix(err, "guests[%zu]", i);
			guests_release(list);
			return -EINVAL;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/service.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "host/proc.h"
#include "lib/xalloc.h"

const struct service services[] = {
	{ "irqbalance", "irq_affinity", true,
	  "systemctl stop irqbalance, or leave irq_affinity out and give it IRQBALANCE_BANNED_CPULIST" },
	{ "ksmtuned", "ksm_run ksm_pages_to_scan ksm_sleep_millisecs", true,
	  "systemctl stop ksmtuned, or leave these out" },
	{ "numad", "vm numa_balancing khugepaged_scan_sleep_millisecs", false,
	  "systemctl stop numad, or tell it of each guest: numad -x PID; it binds processes to nodes" },
	{ "tuned", "cpu_* cpufreq_* cpuidle_* intel_pstate_* platform_profile thp_enabled swappiness "
	  "dirty_* numa_balancing sched_* timer_migration nmi_watchdog stat_interval net_busy_* "
	  "workqueue_* machinecheck_ignore_ce irq_* ksm_run nvme_read_ahead_kb sd_read_ahead_kb", false,
	  "tuned-adm off, or leave out what its profile has: it writes that when it starts" },
};

const size_t service_count = sizeof(services) / sizeof(services[0]);

static const struct service *service_find(const char *name)
{
	for (size_t i = 0; i < service_count; i++)
		if (!strcmp(services[i].name, name))
			return &services[i];
	return NULL;
}

static void add(struct service_list *list, const struct service *service, pid_t pid)
{
	list->found = xreallocarray(list->found, list->count + 1, sizeof(*list->found));
	list->found[list->count++] = (struct service_found){service, pid};
}

/* ---- reading ---------------------------------------------------------------------------------- */

struct visit {
	const struct root *root;
	struct service_list *list;
};

/* Anyone may call a process what he likes; only root's can write what we write. */
static bool runs_as_root(const struct root *root, pid_t pid)
{
	char *status = root_read_all(root, NULL, "/proc/%d/status", pid), ids[64];
	bool yes = status && proc_field(status, "Uid", ids, sizeof(ids)) && !strtoul(ids, NULL, 10);

	free(status);
	return yes;
}

static void visit_process(void *opaque, unsigned int pid)
{
	struct visit *visit = opaque;
	const struct service *service;
	char comm[64];

	if (root_read_line(visit->root, comm, sizeof(comm), "/proc/%u/comm", pid) <= 0)
		return;
	service = service_find(comm);
	if (service && runs_as_root(visit->root, (pid_t)pid))
		add(visit->list, service, (pid_t)pid);
}

void services_read(const struct root *root, struct service_list *list)
{
	struct visit visit = {root, list};

	*list = (struct service_list){0};
	proc_each_number(root, "/proc", visit_process, &visit);
}

void services_release(struct service_list *list)
{
	free(list->found);
	*list = (struct service_list){0};
}

json_t *services_to_json(const struct service_list *list)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < list->count; i++)
		json_array_append_new(array, json_pack("{s:s, s:i}", "name", list->found[i].service->name,
			"pid", (int)list->found[i].pid));
	return array;
}

void services_from_json(const json_t *json, struct service_list *list)
{
	const json_t *row;
	size_t i;

	*list = (struct service_list){0};
	json_array_foreach (json, i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		const struct service *service = name ? service_find(name) : NULL;

		if (service)
			add(list, service, (pid_t)json_integer_value(json_object_get(row, "pid")));
	}
}

/* ---- who manages what ------------------------------------------------------------------------- */

bool service_manages(const struct service *service, const char *key)
{
	char *patterns = xstrdup(service->manages), *state, *pattern;
	bool yes = false;

	for (pattern = strtok_r(patterns, " ", &state); pattern && !yes;
		pattern = strtok_r(NULL, " ", &state))
		yes = !fnmatch(pattern, key, 0);
	free(patterns);
	return yes;
}

const struct service_found *services_holder(const struct service_list *list, const char *key)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->found[i].service->rewrites && service_manages(list->found[i].service, key))
			return &list->found[i];
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Every QMP command with its arguments, by name. docs/qmp.md describes them. */
#include "vmm/qmp/command.h"

const struct qmp_command qmp_commands[] = {
	{"balloon", qmp_balloon, {{"value", QMP_INTEGER, false}}},
	{"cont", qmp_cont, {}},
	{"qmp_capabilities", qmp_capabilities, {{"enable", QMP_LIST, true}}},
	{"qom-get", qmp_qom_get, {{"path", QMP_STRING, false}, {"property", QMP_STRING, false}}},
	{"qom-list", qmp_qom_list, {{"path", QMP_STRING, false}}},
	{"qom-set", qmp_qom_set,
		{{"path", QMP_STRING, false}, {"property", QMP_STRING, false}, {"value", QMP_ANY, false}}},
	{"query-balloon", qmp_query_balloon, {}},
	{"query-commands", qmp_query_commands, {}},
	{"query-cpus-fast", qmp_query_cpus_fast, {}},
	{"query-kvm", qmp_query_kvm, {}},
	{"query-memory-devices", qmp_query_memory_devices, {}},
	{"query-memory-size-summary", qmp_query_memory_size_summary, {}},
	{"query-name", qmp_query_name, {}},
	{"query-status", qmp_query_status, {}},
	{"query-version", qmp_query_version, {}},
	{"quit", qmp_quit, {}},
	{"stop", qmp_stop_guest, {}},
	{"system_powerdown", qmp_system_powerdown, {}},
	{"system_reset", qmp_system_reset, {}},
	{"x-balloon-hint", qmp_x_balloon_hint, {}},
	{"x-ksm", qmp_x_ksm, {{"enable", QMP_BOOLEAN, false}}},
	{"x-query-balloon", qmp_x_query_balloon, {}},
	{"x-query-memory", qmp_x_query_memory, {}},
	{},
};

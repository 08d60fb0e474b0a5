// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control group of a guest: what a profile's weights and limits mean in v1 and in v2, and the few
 * libcgroup calls that make, enter and remove a group in every tree it must be in.
 */
#include "tuner/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libcgroup.h>

#include "lib/xalloc.h"
#include "tuner/cgroup_group.h"

#define QUOTA_PERIOD_US 100000 /* the kernel's default period, v1 and v2 */
#define V1_SHARES_MIN   2
#define PAGE_MASK_4K    UINT64_C(4095)

static const char *const controllers[] = {"cpu", "memory"};
#define CONTROLLER_COUNT (sizeof(controllers) / sizeof(controllers[0]))

/* ---- planning ------------------------------------------------------------------------------- */

static uint64_t weight(const struct profile_vm *vm)
{
	return vm->cpu_weight;
}

/* v2's weight 100 and v1's 1024 shares are both the default. */
static uint64_t shares(const struct profile_vm *vm)
{
	uint64_t value = (uint64_t)vm->cpu_weight * 1024 / 100;

	return value && value < V1_SHARES_MIN ? V1_SHARES_MIN : value;
}

static uint64_t quota(const struct profile_vm *vm)
{
	return vm->cpu_quota * (QUOTA_PERIOD_US / 100);
}

static uint64_t memory_high(const struct profile_vm *vm)
{
	return vm->memory_high & ~PAGE_MASK_4K;
}

static uint64_t memory_max(const struct profile_vm *vm)
{
	return vm->memory_max & ~PAGE_MASK_4K;
}

uint64_t cgroup_cpu_shares(const struct profile_vm *vm, enum cgroup_version version)
{
	return version == CGROUP_V1 ? shares(vm) : weight(vm);
}

/* One value of a group in both versions; 0 from @value: the profile leaves it alone. */
static const struct {
	uint64_t (*value)(const struct profile_vm *vm);
	enum cgroup_version version;
	const char *controller, *file;
	bool period; /* "QUOTA PERIOD" */
} values[] = {
	{weight, CGROUP_V2, "cpu", "cpu.weight", false},
	{quota, CGROUP_V2, "cpu", "cpu.max", true},
	{memory_high, CGROUP_V2, "memory", "memory.high", false},
	{memory_max, CGROUP_V2, "memory", "memory.max", false},
	{shares, CGROUP_V1, "cpu", "cpu.shares", false},
	{quota, CGROUP_V1, "cpu", "cpu.cfs_quota_us", false},
	{memory_high, CGROUP_V1, "memory", "memory.soft_limit_in_bytes", false},
	{memory_max, CGROUP_V1, "memory", "memory.limit_in_bytes", false},
};

char *cgroup_name(const char *guest)
{
	return xasprintf(CGROUP_PARENT "/%s", guest);
}

unsigned int cgroup_plan_values(struct action_list *list, const struct profile_vm *vm,
	const struct snapshot *snapshot, const char *group)
{
	bool v1 = snapshot->cgroup == CGROUP_V1;
	unsigned int count = 0;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t value = values[i].version == snapshot->cgroup ? values[i].value(vm) : 0;

		if (!value)
			continue;
		count++;
		action_add(list, ACTION_CGROUP_VALUE, CLASS_REVERSIBLE,
			xasprintf("%s%s%s%s/%s", snapshot->cgroup_mount, v1 ? "/" : "",
				v1 ? values[i].controller : "", group, values[i].file),
			NULL, NULL,
			values[i].period ? xasprintf("%" PRIu64 " %d", value, QUOTA_PERIOD_US)
					 : xasprintf("%" PRIu64, value),
			xasprintf("%s: %s of its group", vm->name, values[i].controller), vm->name);
	}
	return count;
}

static void plan_controllers(struct action_list *list, const struct snapshot *snapshot, const char *group)
{
	action_add(list, ACTION_CGROUP_CONTROLLERS, CLASS_REVERSIBLE,
		xasprintf("%s%s/cgroup.subtree_control", snapshot->cgroup_mount, group), NULL, NULL,
		xstrdup("cpu memory"), xstrdup("guests get groups of their own"), NULL);
}

static void plan_group(struct action_list *list, char *name, const char *vm)
{
	action_add(list, ACTION_CGROUP, CLASS_REVERSIBLE, name, NULL, xstrdup("absent"),
		xstrdup("present"), xasprintf("%s gets a group of its own", vm ? vm : "every guest"),
		vm);
}

void cgroup_plan(struct action_list *list, const struct profile_vm *vm, const struct snapshot *snapshot)
{
	bool first = true;
	char *group;

	if (snapshot->cgroup == CGROUP_NONE)
		return;
	for (unsigned int i = 0; i < list->count; i++)
		if (list->actions[i].kind == ACTION_CGROUP)
			first = false;
	if (first) {
		if (snapshot->cgroup == CGROUP_V2)
			plan_controllers(list, snapshot, "");
		plan_group(list, xstrdup(CGROUP_PARENT), NULL);
		if (snapshot->cgroup == CGROUP_V2)
			plan_controllers(list, snapshot, "/" CGROUP_PARENT);
	}
	plan_group(list, cgroup_name(vm->name), vm->name);
	group = xasprintf("/" CGROUP_PARENT "/%s", vm->name);
	cgroup_plan_values(list, vm, snapshot, group);
	free(group);
}

/* ---- groups --------------------------------------------------------------------------------- */

/* Initialises libcgroup once; it reads /proc/mounts. */
static int ready(struct error *err)
{
	static int status = -1;

	if (status < 0)
		status = cgroup_init();
	if (status)
		return error_set(err, ENOTSUP, "control groups cannot be used: %s",
			cgroup_strerror(status));
	return 0;
}

/* A libcgroup handle with the controllers that have a tree here. The caller frees it. */
static struct cgroup *handle(const char *name, struct error *err)
{
	struct cgroup *group;
	unsigned int found = 0;

	if (ready(err) < 0)
		return NULL;
	group = cgroup_new_cgroup(name);
	for (size_t i = 0; group && i < CONTROLLER_COUNT; i++) {
		char *mount = NULL;

		if (cgroup_get_subsys_mount_point(controllers[i], &mount) == 0 &&
		    cgroup_add_controller(group, controllers[i]))
			found++;
		free(mount);
	}
	if (group && found)
		return group;
	cgroup_free(&group);
	error_set(err, ENOTSUP, "this machine has neither a cpu nor a memory control group");
	return NULL;
}

bool cgroup_exists(const char *name)
{
	bool exists = false;

	if (ready(NULL) < 0)
		return false;
	for (size_t i = 0; i < CONTROLLER_COUNT; i++) {
		char *mount = NULL, *path;
		struct stat status;

		if (cgroup_get_subsys_mount_point(controllers[i], &mount))
			continue;
		path = xasprintf("%s/%s", mount, name);
		exists = exists || stat(path, &status) == 0;
		free(path);
		free(mount);
	}
	return exists;
}

/* libcgroup says ECGOTHER and keeps the errno to itself. */
static int failed(int code, const char *what, const char *name, struct error *err)
{
	int errnum = code == ECGOTHER ? cgroup_get_last_errno() : 0;

	return error_set(err, errnum > 0 ? errnum : EIO, "%s control group %s: %s", what, name,
		errnum > 0 ? strerror(errnum) : cgroup_strerror(code));
}

int cgroup_make(const char *name, struct error *err)
{
	struct cgroup *group = handle(name, err);
	int code;

	if (!group)
		return -ENOTSUP;
	code = cgroup_create_cgroup(group, 0);
	cgroup_free(&group);
	return code ? failed(code, "making", name, err) : 0;
}

int cgroup_remove(const char *name, struct error *err)
{
	struct cgroup *group = handle(name, err);
	int code;

	if (!group)
		return -ENOTSUP;
	code = cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY);
	cgroup_free(&group);
	return code ? failed(code, "removing", name, err) : 0;
}

/*
 * Of KVM or vhost, in the group of the guest they serve: they end with it, a moment later. They have no program, as
 * little as a process that has ended.
 */
static bool is_kernel_thread(pid_t pid)
{
	char path[64], program[2];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, program, sizeof(program)) < 0 && errno == ENOENT;
}

static unsigned int without_kernel_threads(const pid_t *pids, int found)
{
	unsigned int count = 0;

	for (int i = 0; i < found; i++)
		count += !is_kernel_thread(pids[i]);
	return count;
}

unsigned int cgroup_population(const char *name)
{
	unsigned int count = 0;

	if (ready(NULL) < 0)
		return 0;
	for (size_t i = 0; i < CONTROLLER_COUNT; i++) {
		char *group = xstrdup(name), *controller = xstrdup(controllers[i]);
		pid_t *pids = NULL;
		unsigned int here = 0;
		int found = 0;

		if (cgroup_get_procs(group, controller, &pids, &found) == 0)
			here = without_kernel_threads(pids, found);
		count = here > count ? here : count;
		free(pids);
		free(group);
		free(controller);
	}
	return count;
}

int cgroup_enter(const char *name, pid_t pid, struct error *err)
{
	struct cgroup *group = handle(name, err);
	int code;

	if (!group)
		return -ENOTSUP;
	code = cgroup_attach_task_pid(group, pid);
	cgroup_free(&group);
	return code ? failed(code, "entering", name, err) : 0;
}

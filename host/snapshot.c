/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking a snapshot of this machine or a captured one. Saving and loading: snapshot_file.c. */
#include "host/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/xalloc.h"

void snapshot_knob_join(struct knob_value *row)
{
	bool same = true;

	for (unsigned int i = 1; i < row->file_count; i++)
		same = same && knob_same(row->knob, row->files[0].value, row->files[i].value);
	snprintf(row->value, sizeof(row->value), "%s",
		!row->file_count ? "" : same ? row->files[0].value : "mixed");
}

static void read_knob(struct knob_value *row, const struct root *root)
{
	if (knob_many(row->knob)) {
		row->file_count = knob_read_files(root, row->knob, &row->files);
		snapshot_knob_join(row);
	} else if (knob_read(root, row->knob, row->value, sizeof(row->value)) < 0) {
		row->value[0] = '\0';
	}
	row->built_in = row->value[0] && knob_built_in(root, row->knob);
}

static void read_knobs(struct snapshot *snapshot, const struct root *root)
{
	snapshot->knobs = xcalloc(knob_count, sizeof(*snapshot->knobs));
	for (size_t i = 0; i < knob_count; i++) {
		snapshot->knobs[i].knob = &knobs[i];
		read_knob(&snapshot->knobs[i], root);
	}
}

/* A mount point in /proc/mounts has blanks as \040; no sane cgroup mount does, such a line is skipped. */
static bool mount_of(const char *mounts, const char *type, const char *controller, char *where,
	size_t size)
{
	for (const char *line = mounts; line && *line; line = strchr(line, '\n')) {
		char dir[256], kind[32], options[512];

		line += *line == '\n';
		if (sscanf(line, "%*s %255s %31s %511s", dir, kind, options) != 3 || strcmp(kind, type) ||
			(controller && !strstr(options, controller)))
			continue;
		snprintf(where, size, "%s", dir);
		return true;
	}
	return false;
}

/*
 * Where CPU and memory control is. A hybrid machine has a v2 mount too, but its controllers are v1's;
 * v2 counts only when its root lists the memory controller or there is no v1 one.
 */
static void find_cgroups(struct snapshot *snapshot, const struct root *root)
{
	char *mounts = root_read_all(root, NULL, "/proc/mounts"), *slash;
	char *where = snapshot->cgroup_mount;

	snapshot->cgroup = CGROUP_NONE;
	if (mounts && mount_of(mounts, "cgroup", "memory", where, sizeof(snapshot->cgroup_mount))) {
		slash = strrchr(where, '/');
		if (slash && slash != where)
			*slash = '\0';
		snapshot->cgroup = CGROUP_V1;
	} else if (mounts && mount_of(mounts, "cgroup2", NULL, where, sizeof(snapshot->cgroup_mount))) {
		snapshot->cgroup = CGROUP_V2;
	}
	free(mounts);
}

struct snapshot *snapshot_read(const struct root *root, struct error *err)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
	char path[PATH_MAX];
	struct stat status;

	snapshot->machine = machine_read(root, err);
	if (!snapshot->machine) {
		snapshot_free(snapshot);
		return NULL;
	}
	snapshot->taken = (long long)time(NULL);
	root_read_line(root, snapshot->boot_id, sizeof(snapshot->boot_id),
		"/proc/sys/kernel/random/boot_id");
	root_read_line(root, snapshot->kernel, sizeof(snapshot->kernel), "/proc/sys/kernel/osrelease");
	snapshot->cmdline = root_read_all(root, NULL, "/proc/cmdline");
	irqs_read(root, &snapshot->irqs);
	services_read(root, &snapshot->services);
	read_knobs(snapshot, root);
	find_cgroups(snapshot, root);
	if (snapshot->cgroup == CGROUP_V2)
		host_groups_read(root, snapshot->cgroup_mount, &snapshot->groups);
	/* sd_booted(3) */
	snapshot->systemd = !stat(root_path(root, path, "/run/systemd/system"), &status) && S_ISDIR(status.st_mode);
	snapshot->has_kvm = !stat(root_path(root, path, "/dev/kvm"), &status);
	guests_read(root, &snapshot->guests);
	return snapshot;
}

void snapshot_ask_irqbalance(struct snapshot *snapshot, const struct root *root)
{
	const struct service_found *holder = services_holder(&snapshot->services, "irq_affinity");

	if (holder)
		irqbalance_read(root, holder->pid, &snapshot->irqbalance);
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	machine_free(snapshot->machine);
	guests_release(&snapshot->guests);
	for (size_t i = 0; snapshot->knobs && i < knob_count; i++)
		knob_files_free(snapshot->knobs[i].files, snapshot->knobs[i].file_count);
	free(snapshot->knobs);
	irqs_release(&snapshot->irqs);
	services_release(&snapshot->services);
	host_groups_release(&snapshot->groups);
	free(snapshot->cmdline);
	free(snapshot);
}

const struct knob_value *snapshot_knob_row(const struct snapshot *snapshot, const struct knob *knob)
{
	return snapshot->knobs && knob ? &snapshot->knobs[knob - knobs] : NULL;
}

const char *snapshot_knob(const struct snapshot *snapshot, const char *name)
{
	const struct knob_value *row = snapshot_knob_row(snapshot, knob_find(name));

	return row && row->value[0] ? row->value : NULL;
}

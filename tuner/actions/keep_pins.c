// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/actions/keep_pins.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

struct pin {
	pid_t tid;
	unsigned int group; /* index of dirs */
	struct idset cpus;
};

struct pins {
	char **dirs;
	struct pin *pins;
	unsigned int dir_count, count;
};

static bool affinity(pid_t tid, struct idset *cpus)
{
	*cpus = (struct idset){ 0 };
	return sched_getaffinity(tid, sizeof(cpus->words), (cpu_set_t *)cpus->words) == 0;
}

/* The CPUs that a group can use: its own list, or that of the nearest above that has the controller. */
static struct idset usable(const struct root *root, const char *dir)
{
	char *at = xstrdup(dir), *slash;
	struct idset cpus = { 0 };
	int status;

	while ((status = root_read_idset(root, &cpus, "%s/cpuset.cpus.effective", at)) < 0 &&
		(slash = strrchr(at, '/')) && slash != at)
		*slash = '\0';
	if (status < 0)
		root_read_idset(root, &cpus, "/sys/devices/system/cpu/online");
	free(at);
	return cpus;
}

static void remember_group(struct pins *pins, const struct root *root, const char *dir)
{
	char *threads = root_read_all(root, NULL, "%s/cgroup.threads", dir), *rest = NULL;
	struct idset all = usable(root, dir);

	pins->dirs = xreallocarray(pins->dirs, pins->dir_count + 1, sizeof(*pins->dirs));
	pins->dirs[pins->dir_count] = xstrdup(dir);
	for (char *line = threads ? strtok_r(threads, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		struct pin pin = { .tid = atoi(line), .group = pins->dir_count };

		if (pin.tid <= 0 || !affinity(pin.tid, &pin.cpus) || idset_equal(&pin.cpus, &all))
			continue;
		pins->pins = xreallocarray(pins->pins, pins->count + 1, sizeof(*pins->pins));
		pins->pins[pins->count++] = pin;
	}
	pins->dir_count++;
	free(threads);
}

static void remember_below(struct pins *pins, const struct root *root, const char *dir)
{
	DIR *folder = root_opendir(root, "%s", dir);
	struct dirent *entry;

	remember_group(pins, root, dir);
	while (folder && (entry = readdir(folder))) {
		char *below;

		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		below = xasprintf("%s/%s", dir, entry->d_name);
		remember_below(pins, root, below);
		free(below);
	}
	if (folder)
		closedir(folder);
}

struct pins *pins_remember(const struct root *root, const char *dir)
{
	struct pins *pins = xcalloc(1, sizeof(*pins));

	if (root_is_live(root)) /* a captured machine's threads are not here */
		remember_below(pins, root, dir);
	return pins;
}

struct pins *pins_remember_beside(const struct root *root, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dir = xasprintf("%.*s", slash ? (int)(slash - file) : 0, file);
	struct pins *pins = pins_remember(root, dir);

	free(dir);
	return pins;
}

/* Forgotten: it may use all of its group now. One that someone else has pinned meanwhile is left alone. */
static void put_back(const struct pin *pin, const struct idset *all)
{
	struct idset now, wanted = pin->cpus;

	idset_intersect(&wanted, all);
	if (idset_empty(&wanted) || idset_equal(&wanted, all) || !affinity(pin->tid, &now) || !idset_equal(&now, all))
		return;
	sched_setaffinity(pin->tid, sizeof(wanted.words), (const cpu_set_t *)wanted.words); /* or it has ended */
}

void pins_put_back(const struct root *root, struct pins *pins)
{
	unsigned int group = 0;
	struct idset all = { 0 };

	for (unsigned int i = 0; i < pins->count; i++) {
		if (!i || pins->pins[i].group != group)
			all = usable(root, pins->dirs[group = pins->pins[i].group]);
		put_back(&pins->pins[i], &all);
	}
	for (unsigned int i = 0; i < pins->dir_count; i++)
		free(pins->dirs[i]);
	free(pins->dirs);
	free(pins->pins);
	free(pins);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hwloc's own drawing: lstopo(1) draws an XML file that has the VMs in it. It is run without a shell, and
 * draws beside the wanted file, which is replaced only by a whole one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "tuner/picture/internal.h"

#define LSTOPO "lstopo"

static const char *const formats[] = { "svg", "png", "pdf" };

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

static const char *format_of(const char *path)
{
	const char *ending = strrchr(path, '.');

	for (size_t i = 0; ending && i < FORMAT_COUNT; i++)
		if (!strcasecmp(ending + 1, formats[i]))
			return formats[i];
	return NULL;
}

int picture_check_name(const char *path, struct error *err)
{
	if (format_of(path))
		return 0;
	return error_set(err, EINVAL, "%s: a picture's file ends in .svg, .png or .pdf; - draws it here", path);
}

/* Runs lstopo; *@said gets the first line of what it complained about. Returns its wait status or -errno. */
static int run(char *const argv[], char *said, size_t size)
{
	posix_spawn_file_actions_t files;
	int complaints[2], status, rc;
	size_t used = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(complaints, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, complaints[1], STDERR_FILENO);
	rc = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(complaints[1]);
	while (!rc && used + 1 < size && ((got = read(complaints[0], said + used, size - 1 - used)) > 0 ||
		(got < 0 && errno == EINTR)))
		used += got > 0 ? (size_t)got : 0;
	close(complaints[0]);
	said[used] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int draw(const char *xml, const char *format, const char *title, const char *out, struct error *err)
{
	const char *const argv[] = {
		LSTOPO, "--input-format", "xml", "--input", xml, "--disallowed", "--physical",
		"--no-factorize", "--no-bridges", "--children-order", "memory:above,io:right,misc:below:rect",
		"--no-default-legend", "--append-legend", title, "--output-format", format, "--force", out, NULL,
	};
	char said[512] = "";
	struct stat made;
	int status = run((char *const *)(uintptr_t)argv, said, sizeof(said));

	if (status == -ENOENT)
		return error_set(err, ENOENT, "no program " LSTOPO " here, which draws it: install hwloc");
	if (status < 0)
		return error_errno(err, -status, LSTOPO);
	/* lstopo without graphics knows no PNG, and says so; it ends well even when it wrote nothing. */
	if (status || stat(out, &made) < 0 || !made.st_size)
		return error_set(err, EIO, LSTOPO " cannot draw a %s here%s%s (Debian's package hwloc can, "
			"hwloc-nox only .svg)", format, *said ? ": " : "", said);
	return 0;
}

/* A new empty file beside @name; the caller frees its name and removes it. NULL with @err. */
static char *temporary(const char *name, struct error *err)
{
	char *path = xasprintf("%s.XXXXXX", name);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0) {
		error_errno(err, errno, "%s", name);
		free(path);
		return NULL;
	}
	close(fd);
	return path;
}

/* Draws the topology into a file beside @path and renames that. */
static int draw_beside(hwloc_topology_t topology, const char *title, const char *path, struct error *err)
{
	const char *folder = getenv("TMPDIR");
	char *name = xasprintf("%s/vmtune-picture", folder && *folder ? folder : "/tmp");
	char *xml = temporary(name, err), *out = xml ? temporary(path, err) : NULL;
	int rc = -EIO;

	if (out && hwloc_topology_export_xml(topology, xml, 0) < 0)
		rc = error_errno(err, errno, "%s", xml);
	else if (out)
		rc = draw(xml, format_of(path), title, out, err);
	if (out && rc == 0 && (chmod(out, 0644) < 0 || rename(out, path) < 0))
		rc = error_errno(err, errno, "%s", path);
	if (out && rc < 0)
		unlink(out);
	if (xml)
		unlink(xml);
	free(out);
	free(xml);
	free(name);
	return rc;
}

int picture_write(const struct plan *plan, const struct machine *machine, const char *title,
	const char *path, struct error *err)
{
	hwloc_topology_t topology;
	struct picture picture;
	int rc = picture_check_name(path, err);

	if (rc < 0)
		return rc;
	picture_init(&picture, plan, machine);
	topology = picture_annotate(&picture, err);
	rc = topology ? draw_beside(topology, title, path, err) : -EINVAL;
	if (topology)
		hwloc_topology_destroy(topology);
	picture_release(&picture);
	return rc;
}

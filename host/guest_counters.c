/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's own counters of a guest.
 *
 * KVM_GET_STATS_FD answers only the process that made the VM, but a statistics file which that
 * process keeps open (vmm does, QEMU from 8.1 does) can be copied with pidfd_getfd(2) and read from
 * here: about 0.1 us a vCPU, no debugfs, works under lockdown. debugfs is the second source.
 *
 * The file's format is KVM's "binary stats" (Documentation/virt/kvm/api.rst, 4.135): a header, then
 * descriptors with names, then the values. Descriptors never change, so the place of a value is
 * looked up once.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/guest_internal.h"
#include "host/proc.h"
#include "lib/xalloc.h"

#define NAME_SIZE_MAX   256
#define DESCRIPTORS_MAX 4096

#define STARTING_SECONDS 5 /* until then a VMM may still add vCPUs, map memory, open its socket */

struct counter {
	int fd;
	off_t offset; /* of "exits" in the file */
};

struct guest_handles {
	pid_t pid;
	int vm_fd_number;       /* names the debugfs directory */
	unsigned int vcpu_fds;  /* how many vCPUs there were */
	bool starting;          /* the process was younger than STARTING_SECONDS */
	struct counter *exits;  /* one a vCPU; count 0 when there are no statistics files */
	unsigned int count;
};

/* Where the value of @name is, or -1. Everything read is checked: the file is another process's. */
static off_t find_value(int fd, const char *name)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc desc;
		char name[NAME_SIZE_MAX + 1];
	} row;
	size_t row_size;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) || !header.name_size ||
		header.name_size > NAME_SIZE_MAX || header.num_desc > DESCRIPTORS_MAX)
		return -1;
	row_size = sizeof(row.desc) + header.name_size;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		off_t at = (off_t)header.desc_offset + (off_t)(i * row_size);

		memset(&row, 0, sizeof(row));
		if (pread(fd, &row, row_size, at) != (ssize_t)row_size)
			return -1;
		if (!strcmp(row.desc.name, name))
			return row.desc.size ? (off_t)header.data_offset + (off_t)row.desc.offset : -1;
	}
	return -1;
}

/* Whether our copy really is a KVM statistics file (the number may have been reused since). */
static bool is_stats_file(int fd)
{
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link) - 1) > 0 && !strncmp(link, "anon_inode:kvm-vcpu-stats", 25);
}

static void open_counters(struct guest_handles *handles, const struct guest_fds *fds)
{
	int pidfd = (int)syscall(SYS_pidfd_open, handles->pid, 0);

	if (pidfd < 0)
		return;
	handles->exits = xcalloc(fds->vcpu_count, sizeof(*handles->exits));
	for (unsigned int i = 0; i < fds->vcpu_count; i++) {
		struct counter *counter = &handles->exits[handles->count];

		if (fds->vcpu_stats[i] < 0)
			continue;
		counter->fd = (int)syscall(SYS_pidfd_getfd, pidfd, fds->vcpu_stats[i], 0);
		if (counter->fd < 0)
			continue;
		counter->offset = is_stats_file(counter->fd) ? find_value(counter->fd, "exits") : -1;
		if (counter->offset < 0)
			close(counter->fd);
		else
			handles->count++;
	}
	close(pidfd);
}

struct guest_handles *guest_handles_open(const struct root *root, pid_t pid, uint64_t start,
	const struct guest_fds *fds)
{
	struct guest_handles *handles;

	if (!root_is_live(root))
		return NULL;
	handles = xcalloc(1, sizeof(*handles));
	handles->pid = pid;
	handles->vm_fd_number = fds->vm;
	handles->vcpu_fds = fds->vcpu_count;
	handles->starting = proc_age(root, start) < STARTING_SECONDS;
	if (fds->vcpu_count)
		open_counters(handles, fds);
	/* A sum over some of the vCPUs would look like the whole. */
	if (handles->count < fds->vcpu_count)
		guest_handles_let_go(handles);
	return handles;
}

bool guest_handles_current(const struct guest_handles *handles, const struct guest_fds *fds)
{
	return handles && !handles->starting && handles->vcpu_fds == fds->vcpu_count;
}

void guest_handles_let_go(struct guest_handles *handles)
{
	for (unsigned int i = 0; handles && i < handles->count; i++)
		close(handles->exits[i].fd);
	if (handles)
		handles->count = 0;
}

void guest_handles_close(struct guest_handles *handles)
{
	if (!handles)
		return;
	guest_handles_let_go(handles);
	free(handles->exits);
	free(handles);
}

uint64_t guest_handles_exits(const struct guest_handles *handles, const struct root *root)
{
	uint64_t sum = 0, value;

	if (!handles)
		return GUEST_UNKNOWN;
	if (!handles->count)
		return root_read_u64(root, &value, "/sys/kernel/debug/kvm/%d-%d/exits", handles->pid,
			       handles->vm_fd_number) < 0 ? GUEST_UNKNOWN : value;
	for (unsigned int i = 0; i < handles->count; i++) {
		if (pread(handles->exits[i].fd, &value, sizeof(value), handles->exits[i].offset) !=
			(ssize_t)sizeof(value))
			return GUEST_UNKNOWN;
		sum += value;
	}
	return sum;
}

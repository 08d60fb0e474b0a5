/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding guests: a process with an "anon_inode:kvm-vm" descriptor is one, whatever its name. Where we
 * may not look at descriptors, a process named like a VMM with threads named like vCPUs is listed
 * too, with what the world may read of it.
 */
#include "host/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/guest_internal.h"
#include "host/proc.h"
#include "host/qmp.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define DEMAND_AGE_MS 60000 /* a guest that boots says little of what it will need */

/* ---- descriptors ------------------------------------------------------------------------------ */

struct fd_visit {
	const struct root *root;
	pid_t pid;
	struct guest_fds *fds;
};

/* Notes that descriptor @fd belongs to vCPU @text; grows both columns together. */
static void note_vcpu(struct guest_fds *fds, const char *text, unsigned int fd, bool stats)
{
	char *end;
	unsigned long vcpu = strtoul(text, &end, 10);

	if (end == text || *end || vcpu >= GUEST_VCPUS_MAX)
		return;
	if (vcpu >= fds->vcpu_count) {
		unsigned int count = (unsigned int)vcpu + 1;

		fds->vcpu = xreallocarray(fds->vcpu, count, sizeof(int));
		fds->vcpu_stats = xreallocarray(fds->vcpu_stats, count, sizeof(int));
		for (unsigned int i = fds->vcpu_count; i < count; i++)
			fds->vcpu[i] = fds->vcpu_stats[i] = -1;
		fds->vcpu_count = count;
	}
	*(stats ? &fds->vcpu_stats[vcpu] : &fds->vcpu[vcpu]) = (int)fd;
}

static void visit_fd(void *opaque, unsigned int fd)
{
	static const char vcpu[] = "anon_inode:kvm-vcpu:", stats[] = "anon_inode:kvm-vcpu-stats:";
	struct fd_visit *visit = opaque;
	char path[PATH_MAX], link[64];
	ssize_t length;

	visit->fds->any = true;
	root_path(visit->root, path, "/proc/%d/fd/%u", visit->pid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length <= 0)
		return;
	link[length] = '\0';
	if (!strcmp(link, "anon_inode:kvm-vm") && visit->fds->vm < 0)
		visit->fds->vm = (int)fd;
	else if (!strcmp(link, "anon_inode:kvm-vm-stats") && visit->fds->vm_stats < 0)
		visit->fds->vm_stats = (int)fd;
	else if (!strncmp(link, vcpu, sizeof(vcpu) - 1))
		note_vcpu(visit->fds, link + sizeof(vcpu) - 1, fd, false);
	else if (!strncmp(link, stats, sizeof(stats) - 1))
		note_vcpu(visit->fds, link + sizeof(stats) - 1, fd, true);
}

void guest_fds_read(const struct root *root, pid_t pid, struct guest_fds *fds)
{
	struct fd_visit visit = { .root = root, .pid = pid, .fds = fds };
	char dir[64];

	*fds = (struct guest_fds){ .vm = -1, .vm_stats = -1 };
	snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	fds->readable = proc_each_number(root, dir, visit_fd, &visit) != -EACCES;
}

void guest_fds_release(struct guest_fds *fds)
{
	free(fds->vcpu);
	free(fds->vcpu_stats);
}

/* ---- one guest -------------------------------------------------------------------------------- */

static void guest_clear(struct guest *guest)
{
	guest_handles_close(guest->handles);
	free(guest->name);
	free(guest->vmm);
	free(guest->qmp);
	free(guest->cgroup);
	guest_domain_free(guest->domain);
	guest_cpusets_release(guest);
	for (char **arg = guest->argv; arg && *arg; arg++)
		free(*arg);
	free(guest->argv);
	free(guest->threads);
	free(guest->ram);
	free(guest->node_bytes);
	memset(guest, 0, sizeof(*guest));
}

static void read_memory(const struct root *root, struct guest *guest)
{
	char status[8192];

	guest->rss = guest->hugetlb = GUEST_UNKNOWN;
	if (root_read(root, status, sizeof(status), "/proc/%d/status", guest->pid) > 0) {
		guest->rss = proc_field_bytes(status, "VmRSS");
		guest->hugetlb = proc_field_bytes(status, "HugetlbPages");
	}
	if (root_read_u64(root, &guest->ksm_pages, "/proc/%d/ksm_merging_pages", guest->pid) < 0)
		guest->ksm_pages = GUEST_UNKNOWN;
}

/* With @fds it also looks again for vCPUs whose threads are not known yet (a guest started paused). */
static bool refresh(const struct root *root, struct guest *guest, const struct guest_fds *fds)
{
	struct proc_stat stat;
	double age;

	if (proc_stat_read(root, guest->pid, 0, &stat) < 0 || stat.start != guest->start ||
		stat.state == 'Z' || !guest_threads_read(root, guest, fds))
		return false;
	read_memory(root, guest);
	age = proc_age(root, guest->start);
	guest->age_ms = age > 0 ? (uint64_t)(age * 1000) : 0;
	guest->exits = guest_handles_exits(guest->handles, root);
	return true;
}

double guest_demand(const struct guest *guest)
{
	uint64_t busy = 0;

	if (guest->age_ms == GUEST_UNKNOWN || guest->age_ms < DEMAND_AGE_MS)
		return -1;
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].kind == THREAD_VCPU && guest->threads[i].cpu_ns != GUEST_UNKNOWN)
			busy += guest->threads[i].cpu_ns;
	return (double)busy / 1e6 / (double)guest->age_ms;
}

bool guest_refresh(const struct root *root, struct guest *guest)
{
	return refresh(root, guest, NULL);
}

void guest_refresh_balloon(struct guest *guest, int timeout_ms)
{
	struct qmp *qmp = guest->qmp && guest->handles ? qmp_connect(guest->qmp, timeout_ms, NULL) : NULL;
	json_t *answer = qmp ? qmp_call(qmp, "query-balloon", NULL, NULL) : NULL;
	const json_t *actual = json_object_get(answer, "actual");

	guest->balloon = json_is_integer(actual) && json_integer_value(actual) >= 0
		? (uint64_t)json_integer_value(actual) : GUEST_UNKNOWN;
	json_decref(answer);
	qmp_close(qmp);
}

/* Reads all of a guest into @guest, which is to be cleared on false (it ended meanwhile). */
static bool read_guest(const struct root *root, struct guest *guest, const struct guest_fds *fds,
	const struct proc_stat *stat)
{
	uint64_t configured = guest_identify(root, guest, stat->comm);

	guest_cpusets_read(root, guest);
	guest->start = stat->start;
	guest->balloon = GUEST_UNKNOWN;
	if (!guest_threads_read(root, guest, fds))
		return false;
	guest_ram_read(root, guest, configured);
	read_memory(root, guest);
	guest_refresh_huge(root, guest);
	guest->handles = guest_handles_open(root, guest->pid, guest->start, fds);
	guest->exits = guest_handles_exits(guest->handles, root);
	return true;
}

/* ---- the machine's guests --------------------------------------------------------------------- */

struct sweep {
	const struct root *root;
	struct guest_list *list;
	struct guest_list *before; /* known from the last sweep, or NULL; taken out as they are met again */
	struct { pid_t owner, pid; } *vhosts; /* kernel threads "vhost-OWNER" */
	unsigned int vhost_count;
};

static void note_vhost(struct sweep *sweep, const struct proc_stat *stat, pid_t pid)
{
	char *end;
	long owner;

	if (strncmp(stat->comm, "vhost-", 6))
		return;
	owner = strtol(stat->comm + 6, &end, 10);
	if (end == stat->comm + 6 || *end)
		return;
	sweep->vhosts = xreallocarray(sweep->vhosts, sweep->vhost_count + 1, sizeof(*sweep->vhosts));
	sweep->vhosts[sweep->vhost_count].owner = (pid_t)owner;
	sweep->vhosts[sweep->vhost_count++].pid = pid;
}

/* Whether a process we may not look into looks like a guest: a VMM's name and a vCPU thread. */
static bool looks_like_guest(const struct guest *guest, const char *comm)
{
	return guest_vmm_name(comm) && guest->thread_count && guest->threads[0].kind == THREAD_VCPU;
}

static void add_guest(struct guest_list *list, const struct guest *guest)
{
	list->guests = xreallocarray(list->guests, list->count + 1, sizeof(*guest));
	list->guests[list->count++] = *guest;
}

/* Moves a guest that is known and unchanged over to the new list. */
static bool keep_known(struct sweep *sweep, pid_t pid, const struct guest_fds *fds)
{
	for (unsigned int i = 0; sweep->before && i < sweep->before->count; i++) {
		struct guest *guest = &sweep->before->guests[i];

		if (guest->pid != pid)
			continue;
		if (!guest_handles_current(guest->handles, fds) || !refresh(sweep->root, guest, fds))
			return false;
		add_guest(sweep->list, guest);
		*guest = sweep->before->guests[--sweep->before->count];
		return true;
	}
	return false;
}

static void visit_process(void *opaque, unsigned int number)
{
	struct sweep *sweep = opaque;
	struct guest guest = { .pid = (pid_t)number };
	struct proc_stat stat;
	struct guest_fds fds;
	bool found;

	guest_fds_read(sweep->root, guest.pid, &fds);
	found = fds.vm >= 0;
	if ((!found && fds.readable && fds.any) ||
		proc_stat_read(sweep->root, guest.pid, 0, &stat) < 0)
		goto out;
	if (!fds.any && fds.readable)
		note_vhost(sweep, &stat, guest.pid);
	if (!fds.readable) {
		sweep->list->hidden++;
		if (guest_vmm_name(stat.comm) && guest_threads_read(sweep->root, &guest, &fds))
			found = looks_like_guest(&guest, stat.comm);
	}
	if (found && keep_known(sweep, guest.pid, &fds))
		guest_clear(&guest);
	else if (found && read_guest(sweep->root, &guest, &fds, &stat))
		add_guest(sweep->list, &guest);
	else
		guest_clear(&guest);
out:
	guest_fds_release(&fds);
}

static int by_name(const void *a, const void *b)
{
	const struct guest *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : left->pid < right->pid ? -1 : left->pid > right->pid;
}

static bool has_thread(const struct guest *guest, pid_t tid)
{
	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].tid == tid)
			return true;
	return false;
}

static void sweep_machine(const struct root *root, struct guest_list *before, struct guest_list *list)
{
	struct sweep sweep = { .root = root, .list = list, .before = before };

	memset(list, 0, sizeof(*list));
	proc_each_number(root, "/proc", visit_process, &sweep);
	for (unsigned int i = 0; i < sweep.vhost_count; i++)
		for (unsigned int j = 0; j < list->count; j++)
			if (list->guests[j].pid == sweep.vhosts[i].owner &&
				!has_thread(&list->guests[j], sweep.vhosts[i].pid))
				guest_add_vhost(root, &list->guests[j], sweep.vhosts[i].pid);
	free(sweep.vhosts);
	if (list->count)
		qsort(list->guests, list->count, sizeof(*list->guests), by_name);
}

void guests_read(const struct root *root, struct guest_list *list)
{
	sweep_machine(root, NULL, list);
}

void guests_update(const struct root *root, struct guest_list *list)
{
	struct guest_list before = *list;

	sweep_machine(root, &before, list);
	guests_release(&before);
}

void guests_release(struct guest_list *list)
{
	for (unsigned int i = 0; i < list->count; i++)
		guest_clear(&list->guests[i]);
	free(list->guests);
	memset(list, 0, sizeof(*list));
}

void guests_let_go(struct guest_list *list)
{
	for (unsigned int i = 0; i < list->count; i++)
		guest_handles_let_go(list->guests[i].handles);
}

struct guest *guest_by_pid(const struct guest_list *list, pid_t pid)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->guests[i].pid == pid)
			return &list->guests[i];
	return NULL;
}

const struct guest *guest_find(const struct guest_list *list, const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	for (unsigned int i = 0; i < list->count; i++)
		if (!strcmp(list->guests[i].name, name))
			return &list->guests[i];
	return end != name && !*end ? guest_by_pid(list, (pid_t)pid) : NULL;
}

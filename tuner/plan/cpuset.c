/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest whose control group does not allow the nodes it is to be moved to. The group is widened to the
 * old and the new nodes, the memory moved in between at our pace, and the group narrowed to the new ones
 * last: a group that is simply given other nodes makes the kernel move everything at once (cgroup v2), and
 * in both versions it rebinds the memory policies of the guest by position: the first allowed node of
 * before becomes the first of after.
 *
 * With one node before and one after that is what is wanted. A guest that is bound to several nodes
 * would end with all of it on one, for good; its group stays wide, or is refused when widening alone would
 * rebind it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/plan/internal.h"

#define LIST_TEXT 512

/*
 * libvirt's enum virDomainNumatuneMemMode: these two are made of cpusets. With strict libvirt has also told
 * QEMU to bind its memory, and therefore does not change it while the domain runs.
 */
#define MODE_STRICT      "0"
#define MODE_RESTRICTIVE "3"

/* Something that keeps memory on some nodes: a group, or libvirt's numatune, which is several of them. */
struct fence {
	const struct guest_cpuset *cpuset; /* NULL: libvirt's */
	struct idset mems;
	bool strict;                       /* libvirt's, for the domain's life */
};

/* ---- which ---------------------------------------------------------------------------------- */

static bool libvirt_fence(const struct guest *guest, struct fence *fence)
{
	const struct guest_domain *domain = plan_domain(guest);
	const char *nodes = domain ? libvirt_value_of(&domain->values, "numa_nodeset") : NULL;
	const char *mode = domain ? libvirt_value_of(&domain->values, "numa_mode") : NULL;

	*fence = (struct fence){ .strict = mode && !strcmp(mode, MODE_STRICT) };
	return nodes && *nodes && mode && (fence->strict || !strcmp(mode, MODE_RESTRICTIVE)) &&
		idset_parse(nodes, &fence->mems, NULL) == 0;
}

/* The fences that exclude some of @nodes, outermost first. The caller frees. */
static struct fence *fences_of(const struct guest *guest, const struct idset *nodes, unsigned int *count)
{
	struct fence *fences = xcalloc(guest->cpuset_count + 1, sizeof(*fences)), fence;

	*count = 0;
	if (libvirt_fence(guest, &fence)) {
		if (!idset_within(nodes, &fence.mems))
			fences[(*count)++] = fence;
		return fences; /* its groups are libvirt's to set */
	}
	for (unsigned int i = 0; i < guest->cpuset_count; i++)
		if (!idset_empty(&guest->cpusets[i].mems) && !idset_within(nodes, &guest->cpusets[i].mems))
			fences[(*count)++] = (struct fence){ .cpuset = &guest->cpusets[i],
				.mems = guest->cpusets[i].mems };
	return fences;
}

bool plan_fenced(const struct guest *guest, const struct machine *machine, struct idset *allowed)
{
	struct idset all = { 0 };
	struct fence *fences;
	unsigned int count;

	for (unsigned int i = 0; i < machine->node_count; i++)
		if (machine->nodes[i].memory)
			idset_add(&all, machine->nodes[i].os);
	fences = fences_of(guest, &all, &count);
	*allowed = all;
	for (unsigned int i = 0; i < count; i++)
		idset_intersect(allowed, &fences[i].mems);
	free(fences);
	return count > 0;
}

/* ---- rebinding ------------------------------------------------------------------------------ */

/* Narrowing binds what the VMM has bound to the new nodes by position: right with one of each only. */
static bool may_narrow(const struct guest *guest, const struct idset *nodes)
{
	unsigned int bound = idset_count(&guest->bound);

	return !bound || (bound == 1 && idset_count(nodes) == 1);
}

/* Whether a node that comes in shifts the position of one that is bound. */
static bool widening_rebinds(const struct guest *guest, const struct idset *mems, const struct idset *nodes)
{
	struct idset incoming = *nodes;

	idset_subtract(&incoming, mems);
	idset_for_each(bound, &guest->bound)
		if (idset_next(&incoming, -1) >= 0 && idset_next(&incoming, -1) < bound)
			return true;
	return false;
}

/* ---- the steps ------------------------------------------------------------------------------ */

static void set_fence(struct action_list *list, const struct placed_vm *placed, const struct guest *guest,
	const struct fence *fence, const struct idset *from, const struct idset *to, char *reason)
{
	char before[LIST_TEXT], after[LIST_TEXT];

	idset_format(from, before, sizeof(before));
	idset_format(to, after, sizeof(after));
	if (fence->cpuset)
		action_add(list, ACTION_CPUSET_MEMS, CLASS_REVERSIBLE, xstrdup(fence->cpuset->file),
			plan_target(placed->vm), xstrdup(before), xstrdup(after), reason, placed->vm->name);
	else
		plan_libvirt_value(list, placed->vm->name, guest, "numa_nodeset", before, after, reason);
}

/* A group above the guest's own holds others as well. */
static int check(const struct placed_vm *placed, const struct snapshot *snapshot, const struct guest *guest,
	const struct fence *fence, const struct idset *nodes, struct error *err)
{
	const struct profile_vm *vm = placed->vm;
	char list[LIST_TEXT], has[LIST_TEXT];

	idset_format(nodes, list, sizeof(list));
	idset_format(&fence->mems, has, sizeof(has));
	if (fence->strict)
		return profile_fault(&vm->at_attach, &vm->at, err, "%s (PID %d) cannot be moved to node %s: libvirt "
			"keeps it on node %s by numatune mode strict, for as long as it runs; make that restrictive "
			"(virsh edit) and start it anew, or choose another node", vm->name, (int)guest->pid, list, has);
	if (fence->cpuset && guest->domain)
		return profile_fault(&vm->at_attach, &vm->at, err, "%s (PID %d) cannot be moved to node %s: libvirt "
			"keeps it on node %s, and cannot be told otherwise now (is its daemon there, does libvirt_uri "
			"name it?); or choose another node", vm->name, (int)guest->pid, list, has);
	if (fence->cpuset && !plan_own_group(fence->cpuset->group, snapshot, guest))
		return profile_fault(&vm->at_attach, &vm->at, err, "%s (PID %d) cannot be moved to node %s: the "
			"control group %s allows node %s only, and is not its own; widen that one's cpuset.mems "
			"by hand, or choose another node", vm->name, (int)guest->pid, list, fence->cpuset->group, has);
	if (!may_narrow(guest, nodes) && widening_rebinds(guest, &fence->mems, nodes))
		return profile_fault(&vm->at_attach, &vm->at, err, "%s (PID %d) cannot be moved to node %s: its "
			"group allows node %s only, and to let it use others would rebind what its VMM has "
			"bound to several nodes; start it anew with other nodes", vm->name, (int)guest->pid, list,
			has);
	return 0;
}

int plan_widen(struct action_list *list, const struct placed_vm *placed, const struct snapshot *snapshot,
	const struct guest *guest, struct error *err)
{
	struct idset nodes = placed_nodes(placed);
	bool narrow = may_narrow(guest, &nodes);
	unsigned int count;
	struct fence *fences = fences_of(guest, &nodes, &count);
	int rc = 0;

	for (unsigned int i = 0; i < count && rc == 0; i++) {
		struct idset both = fences[i].mems;

		idset_union(&both, &nodes);
		rc = check(placed, snapshot, guest, &fences[i], &nodes, err);
		if (rc == 0)
			set_fence(list, placed, guest, &fences[i], &fences[i].mems, &both,
				xasprintf("%s: its memory is to move between these nodes%s", placed->vm->name, narrow
					? "" : "; stays so, for to narrow it would rebind what its VMM has bound"));
	}
	free(fences);
	return rc;
}

void plan_narrow(struct action_list *list, const struct placed_vm *placed, const struct guest *guest)
{
	struct idset nodes = placed_nodes(placed);
	unsigned int count = 0;
	struct fence *fences = may_narrow(guest, &nodes) ? fences_of(guest, &nodes, &count) : NULL;

	while (count--) {
		struct idset both = fences[count].mems;

		idset_union(&both, &nodes);
		set_fence(list, placed, guest, &fences[count], &both, &nodes,
			xasprintf("%s: so that new pages go where it is", placed->vm->name));
	}
	free(fences);
}

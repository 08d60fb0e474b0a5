/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /sys/kernel/irq says which handlers an interrupt has, /proc/irq where it may go, and the PCI devices
 * say which numbers are theirs: by message in msi_irqs/, otherwise by the line in their file irq.
 */
#include "host/irq.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/proc.h"
#include "lib/xalloc.h"

#define PCI "/sys/bus/pci/devices"

/* ---- owners: which device has which numbers --------------------------------------------------- */

struct owner {
	unsigned int number;
	char device[32];
	int node;
};

struct owners {
	struct owner *list;
	unsigned int count;
	const char *device; /* of the device being read */
	int node;
};

static void add_owner(void *opaque, unsigned int number)
{
	struct owners *owners = opaque;
	struct owner *owner;

	owners->list = xreallocarray(owners->list, owners->count + 1, sizeof(*owners->list));
	owner = &owners->list[owners->count++];
	*owner = (struct owner){.number = number, .node = owners->node};
	snprintf(owner->device, sizeof(owner->device), "%s", owners->device);
}

static int device_node(const struct root *root, const char *device)
{
	char text[32];

	/* "-1" is the kernel's own word for unknown */
	return root_read_line(root, text, sizeof(text), PCI "/%s/numa_node", device) > 0 ? atoi(text)
											 : IRQ_NO_NODE;
}

/* A line may be shared by several devices: the first that says so counts, the handlers tell the rest. */
static void read_device(const struct root *root, struct owners *owners)
{
	unsigned int before = owners->count;
	char dir[PATH_MAX];
	uint64_t line;

	owners->node = device_node(root, owners->device);
	snprintf(dir, sizeof(dir), PCI "/%s/msi_irqs", owners->device);
	proc_each_number(root, dir, add_owner, owners);
	if (owners->count == before && !root_read_u64(root, &line, PCI "/%s/irq", owners->device) && line)
		add_owner(owners, (unsigned int)line);
}

static int by_number(const void *a, const void *b)
{
	const struct owner *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return strcmp(left->device, right->device);
}

static void read_owners(const struct root *root, struct owners *owners)
{
	DIR *dir = root_opendir(root, PCI);
	struct dirent *entry;

	*owners = (struct owners){0};
	while (dir && (entry = readdir(dir))) {
		owners->device = entry->d_name;
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof(owners->list->device))
			read_device(root, owners);
	}
	if (dir)
		closedir(dir);
	if (owners->count)
		qsort(owners->list, owners->count, sizeof(*owners->list), by_number);
}

static void set_owner(struct irq *irq, const struct owners *owners)
{
	snprintf(irq->device, sizeof(irq->device), IRQ_NO_DEVICE);
	irq->node = IRQ_NO_NODE;
	for (unsigned int i = 0; i < owners->count; i++)
		if (owners->list[i].number == irq->number) {
			memcpy(irq->device, owners->list[i].device, sizeof(irq->device));
			irq->node = owners->list[i].node;
			return;
		}
}

/* ---- reading ---------------------------------------------------------------------------------- */

struct visit {
	const struct root *root;
	const struct owners *owners;
	struct irq_list *list;
};

/* A number without a handler brings no interrupt, one without a list (of a CPU's own) cannot be moved. */
static void visit_irq(void *opaque, unsigned int number)
{
	struct visit *visit = opaque;
	struct irq irq = {.number = number};

	if (root_read_line(visit->root, irq.name, sizeof(irq.name), "/sys/kernel/irq/%u/actions", number) <= 0 ||
		root_read_idset(visit->root, &irq.allowed, "/proc/irq/%u/smp_affinity_list", number) < 0)
		return;
	set_owner(&irq, visit->owners);
	visit->list->irqs = xreallocarray(visit->list->irqs, visit->list->count + 1, sizeof(irq));
	visit->list->irqs[visit->list->count++] = irq;
}

static int irq_by_number(const void *a, const void *b)
{
	const struct irq *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

void irqs_read(const struct root *root, struct irq_list *list)
{
	struct owners owners;
	struct visit visit = {root, &owners, list};

	*list = (struct irq_list){0};
	read_owners(root, &owners);
	proc_each_number(root, "/proc/irq", visit_irq, &visit);
	if (list->count)
		qsort(list->irqs, list->count, sizeof(*list->irqs), irq_by_number);
	free(owners.list);
}

void irqs_release(struct irq_list *list)
{
	free(list->irqs);
	*list = (struct irq_list){0};
}

/* ---- identity --------------------------------------------------------------------------------- */

char *irq_identity(const struct irq *irq)
{
	return xasprintf("%u %s %s", irq->number, irq->device, irq->name);
}

static bool owns(const struct root *root, const char *device, unsigned int number)
{
	char text[32];
	uint64_t line;

	return root_read(root, text, sizeof(text), PCI "/%s/msi_irqs/%u", device, number) >= 0 ||
		(!root_read_u64(root, &line, PCI "/%s/irq", device) && line == number);
}

/* The usual case, without looking at all the others: @whose ("DEVICE NAME") has that number still. */
static bool unchanged(const struct root *root, unsigned int number, const char *whose)
{
	char device[32], handlers[128];
	int name = 0;

	return sscanf(whose, "%31s %n", device, &name) == 1 && name &&
		root_read_line(root, handlers, sizeof(handlers), "/sys/kernel/irq/%u/actions", number) > 0 &&
		!strcmp(handlers, whose + name) &&
		(!strcmp(device, IRQ_NO_DEVICE) || owns(root, device, number));
}

int irq_find(const struct root *root, const char *identity)
{
	struct irq_list list;
	unsigned int number, same = 0;
	int found = -ENOENT, whose = 0;

	if (sscanf(identity, "%u %n", &number, &whose) != 1 || !whose)
		return -EINVAL;
	if (unchanged(root, number, identity + whose))
		return (int)number;
	irqs_read(root, &list);
	for (unsigned int i = 0; i < list.count; i++) {
		char *text = irq_identity(&list.irqs[i]);

		if (!strcmp(strchr(text, ' ') + 1, identity + whose)) {
			same++;
			found = (int)list.irqs[i].number;
		}
		free(text);
	}
	irqs_release(&list);
	return same == 1 ? found : -ENOENT;
}

/* ---- JSON ------------------------------------------------------------------------------------- */

json_t *irqs_to_json(const struct irq_list *list)
{
	json_t *array = json_array();
	char cpus[IDSET_MAX * 6];

	for (unsigned int i = 0; i < list->count; i++) {
		const struct irq *irq = &list->irqs[i];

		json_array_append_new(array, json_pack("{s:i, s:s, s:s, s:i, s:s}",
			"number", (int)irq->number, "device", irq->device, "name", irq->name,
			"node", irq->node, "cpus", idset_format(&irq->allowed, cpus, sizeof(cpus))));
	}
	return array;
}

void irqs_from_json(const json_t *json, struct irq_list *list)
{
	const json_t *row;
	size_t i;

	*list = (struct irq_list){.irqs = xcalloc(json_array_size(json) + 1, sizeof(*list->irqs))};
	json_array_foreach (json, i, row) {
		struct irq *irq = &list->irqs[list->count];
		const char *device, *name, *cpus;
		int number;

		if (json_unpack((json_t *)(uintptr_t)row, "{s:i, s:s, s:s, s:i, s:s}", "number", &number,
			    "device", &device, "name", &name, "node", &irq->node, "cpus", &cpus) < 0 ||
			number < 0 || idset_parse(cpus, &irq->allowed, NULL) < 0)
			continue;
		irq->number = (unsigned int)number;
		snprintf(irq->device, sizeof(irq->device), "%s", device);
		snprintf(irq->name, sizeof(irq->name), "%s", name);
		list->count++;
	}
}

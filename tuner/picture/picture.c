/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is where: what both pictures of a plan show. */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/placement/capacity.h"
#include "tuner/picture/internal.h"

#define WIDTH_MIN 80
#define WIDTH_MAX 240

/* Colours that stay apart for most eyes, and in print; neighbours differ in brightness as well. */
static const struct picture_colour colours[] = {
	{ "#4e79a7", "#ffffff", 67, true },   { "#f28e2b", "#000000", 208, false },
	{ "#59a14f", "#ffffff", 71, true },   { "#edc948", "#000000", 221, false },
	{ "#b07aa1", "#ffffff", 139, true },  { "#76b7b2", "#000000", 116, false },
	{ "#e15759", "#ffffff", 167, true },  { "#ff9da7", "#000000", 217, false },
	{ "#9c755f", "#ffffff", 95, true },   { "#a0cbe8", "#000000", 153, false },
	{ "#2b5c3f", "#ffffff", 22, true },   { "#d4a6c8", "#000000", 182, false },
};

#define COLOUR_COUNT (sizeof(colours) / sizeof(colours[0]))

static const char marks[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

char picture_mark(unsigned int vm)
{
	return vm < sizeof(marks) - 1 ? marks[vm] : '*';
}

const struct picture_colour *picture_colour(unsigned int vm)
{
	return &colours[vm % COLOUR_COUNT];
}

char picture_cpu_mark(const struct picture_cpu *cpu)
{
	if (cpu->closed)
		return PICTURE_CLOSED;
	return !cpu->vms ? PICTURE_FREE : cpu->vms > 1 ? PICTURE_SEVERAL
		: picture_mark((unsigned int)cpu->vm);
}

/* All CPUs that a VM's vCPUs may run on. */
static struct idset cpus_of(const struct placed_vm *placed)
{
	struct idset cpus = { 0 };

	for (unsigned int i = 0; i < placed->vm->vcpus; i++)
		idset_union(&cpus, &placed->pins[i]);
	return cpus;
}

static struct picture_cpu *find_cpu(const struct picture *picture, int os)
{
	const struct machine_cpu *cpu = machine_cpu_of(picture->machine, (unsigned int)os);

	return cpu ? &picture->cpus[cpu - picture->machine->cpus] : NULL;
}

static void add_vm(struct picture *picture, unsigned int number)
{
	const struct placed_vm *placed = &picture->plan->vms[number];
	struct idset cpus = cpus_of(placed);
	struct picture_cpu *cpu;

	idset_for_each(os, &cpus) {
		cpu = find_cpu(picture, os);
		if (cpu && !cpu->vms++)
			cpu->vm = (int)number;
	}
	for (unsigned int vcpu = 0; placed->vm->dedicated && vcpu < placed->vm->vcpus; vcpu++) {
		cpu = find_cpu(picture, idset_next(&placed->pins[vcpu], -1));
		if (cpu && idset_count(&placed->pins[vcpu]) == 1)
			cpu->vcpu = (int)vcpu;
	}
}

void picture_init(struct picture *picture, const struct plan *plan, const struct machine *machine)
{
	bool fenced = !idset_empty(&machine->allowed);

	*picture = (struct picture){ .plan = plan, .machine = machine };
	picture->cpus = xcalloc(machine->cpu_count, sizeof(*picture->cpus));
	for (unsigned int i = 0; i < machine->cpu_count; i++) {
		unsigned int os = machine->cpus[i].os;

		picture->cpus[i] = (struct picture_cpu){
			.os = os, .vm = PICTURE_NONE, .vcpu = PICTURE_NONE,
			.closed = machine->cpus[i].node == MACHINE_NO_NODE ||
				!idset_has(&machine->online, os) ||
				(fenced && !idset_has(&machine->allowed, os)),
		};
	}
	for (unsigned int i = 0; i < plan->vm_count; i++)
		add_vm(picture, i);
}

void picture_release(struct picture *picture)
{
	free(picture->cpus);
}

char *picture_sharers(const struct picture *picture, unsigned int cpu, const char *between)
{
	char *text = xstrdup("");

	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		struct idset cpus = cpus_of(&picture->plan->vms[i]);
		char *longer;

		if (!idset_has(&cpus, picture->cpus[cpu].os))
			continue;
		longer = xasprintf("%s%s%c", text, *text ? between : "", picture_mark(i));
		free(text);
		text = longer;
	}
	return text;
}

/* ---- memory ---- */

uint64_t picture_memory(const struct placed_vm *placed, const struct machine_node *node)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < placed->node_count; i++)
		if (placed->nodes[i].host_node == (int)node->os)
			bytes += placed->nodes[i].memory;
	return bytes;
}

/* What of a guest that runs is on the node now: what stays there, and what will be moved away. */
static uint64_t present(const struct picture *picture, const struct placed_vm *placed, const struct machine_node *node)
{
	uint64_t bytes = placed->leaving ? placed->leaving[node - picture->machine->nodes] : 0;

	for (unsigned int i = 0; placed->running && i < placed->node_count; i++)
		if (placed->nodes[i].host_node == (int)node->os)
			bytes += placed->nodes[i].memory - placed->nodes[i].incoming;
	return bytes;
}

static uint64_t less(uint64_t from, uint64_t amount)
{
	return amount < from ? from - amount : 0;
}

uint64_t picture_used(const struct picture *picture, const struct machine_node *node)
{
	uint64_t used = less(node->memory, node_available(node));

	for (unsigned int i = 0; i < node->pool_count; i++)
		used = less(used, node->pools[i].free * node->pools[i].page_size);
	for (unsigned int i = 0; i < picture->plan->vm_count; i++)
		used = less(used, present(picture, &picture->plan->vms[i], node));
	return used;
}

uint64_t picture_left(const struct picture *picture, const struct machine_node *node)
{
	uint64_t left = less(node->memory, picture_used(picture, node));

	for (unsigned int i = 0; i < picture->plan->vm_count; i++)
		left = less(left, picture_memory(&picture->plan->vms[i], node));
	return left;
}

const char *picture_size(char buf[16], uint64_t bytes)
{
	static const struct { uint64_t size; char letter; } units[] = {
		{ TIB, 'T' }, { GIB, 'G' }, { MIB, 'M' }, { KIB, 'K' },
	};
	size_t unit = 0;
	double value;

	while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes < units[unit].size)
		unit++;
	value = (double)bytes / (double)units[unit].size;
	snprintf(buf, 16, "%.*f", value < 99.95, value);
	if (strstr(buf, ".0"))
		*strstr(buf, ".0") = '\0';
	snprintf(buf + strlen(buf), 16 - strlen(buf), "%c", units[unit].letter);
	return buf;
}

/* ---- words ---- */

char *picture_legend(const struct placed_vm *placed)
{
	const struct profile_vm *vm = placed->vm;
	struct idset nodes = placed_nodes(placed);
	char size[SIZE_TEXT_MAX], list[256];

	return xasprintf("%s: %u vCPU%s%s; %s in %s pages%s%s%s", vm->name, vm->vcpus, vm->vcpus == 1 ? "" : "s",
		vm->dedicated ? ", dedicated" : "", size_format(size, vm->memory), page_choice_name(vm->pages),
		idset_empty(&nodes) ? "" : idset_count(&nodes) > 1 ? " on nodes " : " on node ",
		idset_empty(&nodes) ? "" : idset_format(&nodes, list, sizeof(list)),
		placed->running ? "; runs" : "");
}

struct picture_options picture_options_for(FILE *out)
{
	const char *refused = getenv("NO_COLOR"); /* https://no-color.org: any value but the empty one */
	bool terminal = isatty(fileno(out));
	struct winsize window;
	int width = WIDTH_MIN;

	setlocale(LC_CTYPE, "");
	if (terminal && !ioctl(fileno(out), TIOCGWINSZ, &window))
		width = window.ws_col;
	return (struct picture_options){
		.width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width,
		.colour = terminal && !(refused && *refused),
		.unicode = !strcmp(nl_langinfo(CODESET), "UTF-8"),
	};
}

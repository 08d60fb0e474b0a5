/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan in characters. A package is a frame, a node a frame in it; there each pair of brackets is a
 * last-level cache, each character a CPU, a blank ends a core of several threads; below lies the node's
 * memory as a bar. Nodes stand beside each other where the terminal is wide enough. A machine too large
 * for that gets a line a node.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/picture/canvas.h"
#include "tuner/picture/internal.h"

#define INNER_MIN   30  /* columns inside of a node's frame, for the bar and the words */
#define LABEL       4   /* of them, "cpu " and "mem " */
#define FRAME       4   /* a frame and a blank on each side */
#define CPUS_MAX    512 /* more CPUs or nodes than these: a line a node */
#define NODES_MAX   32
#define LINE_CPUS   32  /* that line's characters for CPUs, and for memory */
#define LINE_MEMORY 16

struct drawing {
	struct picture picture;
	const struct picture_options *options;
};

/* One character of a bar or a box. */
struct mark {
	char character;
	int vm; /* its colour, or PICTURE_NONE */
};

static void put_mark(struct canvas *canvas, int x, int y, struct mark mark)
{
	canvas_put(canvas, x, y, (const char[]){ mark.character, '\0' }, mark.vm);
}

static struct mark cpu_mark(const struct picture_cpu *cpu)
{
	bool one = !cpu->closed && cpu->vms == 1;

	return (struct mark){ picture_cpu_mark(cpu), one ? cpu->vm : PICTURE_NONE };
}

/* ---- memory ---- */

/*
 * Whose the byte at @position of a node is, when what is in use lies first, then VM after VM, then what
 * is left.
 */
static struct mark memory_mark(const struct picture *picture, const struct machine_node *node,
	uint64_t position)
{
	uint64_t end = picture_used(picture, node);

	if (position < end)
		return (struct mark){ PICTURE_USED, PICTURE_NONE };
	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		end += picture_memory(&picture->plan->vms[i], node);
		if (position < end)
			return (struct mark){ picture_mark(i), (int)i };
	}
	return (struct mark){ PICTURE_FREE, PICTURE_NONE };
}

/* "[AAAABB....]" of @length characters. Returns the column after it. */
static int draw_memory(struct canvas *canvas, int x, int y, int length, const struct picture *picture,
	const struct machine_node *node)
{
	uint64_t slice = node->memory / (uint64_t)length;

	x = canvas_text(canvas, x, y, "[");
	for (int i = 0; i < length; i++)
		put_mark(canvas, x++, y, memory_mark(picture, node, slice * (uint64_t)i + slice / 2));
	return canvas_text(canvas, x, y, "]");
}

/* "A 48G, B 8G, 5.9G left". The caller frees. */
static char *memory_words(const struct picture *picture, const struct machine_node *node)
{
	char *text = xstrdup(""), size[16], *longer;

	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		uint64_t bytes = picture_memory(&picture->plan->vms[i], node);

		if (!bytes)
			continue;
		longer = xasprintf("%s%c %s, ", text, picture_mark(i), picture_size(size, bytes));
		free(text);
		text = longer;
	}
	longer = xasprintf("%s%s left", text, picture_size(size, picture_left(picture, node)));
	free(text);
	return longer;
}

/* ---- a node in its frame ---- */

/* Rows of machine->cpus that belong together, in the order of caches, cores and threads. */
struct group {
	unsigned int *rows;
	unsigned int count;
};

static int by_topology(const void *a, const void *b, void *machine)
{
	const struct machine_cpu *cpus = ((const struct machine *)machine)->cpus;

	return machine_cpu_compare(&cpus[*(const unsigned int *)a], &cpus[*(const unsigned int *)b]);
}

/* The CPUs of a node; of no node with MACHINE_NO_NODE. The caller frees ->rows. */
static struct group cpus_of_node(const struct machine *machine, int node)
{
	struct group group = { xcalloc(machine->cpu_count, sizeof(unsigned int)), 0 };

	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (machine->cpus[i].node == node)
			group.rows[group.count++] = i;
	if (group.count)
		qsort_r(group.rows, group.count, sizeof(*group.rows), by_topology, (void *)machine);
	return group;
}

/* The CPUs at @begin that share a cache, or with @core a core. */
static unsigned int run_length(const struct machine *machine, const struct group *group, unsigned int begin,
	bool core)
{
	const struct machine_cpu *first = &machine->cpus[group->rows[begin]];
	unsigned int end = begin;

	while (end < group->count) {
		const struct machine_cpu *cpu = &machine->cpus[group->rows[end]];

		if (cpu->llc != first->llc || (core && cpu->core != first->core))
			break;
		end++;
	}
	return end - begin;
}

/* How the cores of one cache are set: in lines of about equal length, none longer than @most. */
struct setting {
	int threads; /* of the widest core */
	int step;    /* columns from core to core */
	int cores;   /* in a line */
};

static struct setting set_cores(const struct machine *machine, const struct group *group, unsigned int begin,
	unsigned int count, int most)
{
	struct setting setting = { .threads = 1, .step = 1 };
	int cores = 0, lines;

	for (unsigned int i = begin; i < begin + count; cores++) {
		unsigned int threads = run_length(machine, group, i, true);

		if ((int)threads > setting.threads)
			setting.threads = (int)threads;
		i += threads;
	}
	if (setting.threads > 1)
		setting.step = setting.threads + 1;
	lines = 1;
	while ((cores + lines - 1) / lines > 1 && (cores + lines - 1) / lines * setting.step + 1 > most)
		lines++;
	setting.cores = (cores + lines - 1) / lines;
	return setting;
}

/* The canvas of one cache: "[AA AA BB ..]", in several lines where it is longer than @most. */
static void draw_cache(struct canvas *canvas, const struct picture *picture, const struct group *group,
	unsigned int begin, unsigned int count, int most)
{
	struct setting set = set_cores(picture->machine, group, begin, count, most);
	int x = 1, y = 0, core = 0, gap = set.step - set.threads;

	canvas_init(canvas, set.cores * set.step - gap + 2);
	canvas_text(canvas, 0, 0, "[");
	for (unsigned int i = begin; i < begin + count; core++) {
		unsigned int end = i + run_length(picture->machine, group, i, true);

		if (core == set.cores) {
			core = 0;
			x = 1;
			y++;
		}
		for (int thread = 0; i < end; i++, thread++)
			put_mark(canvas, x + thread, y, cpu_mark(&picture->cpus[group->rows[i]]));
		x += set.step;
	}
	canvas_text(canvas, x - gap, y, "]");
}

/* Every cache of the node on a canvas of its own. The caller releases and frees. */
static struct canvas *draw_caches(const struct picture *picture, const struct group *group, int most,
	unsigned int *count)
{
	struct canvas *caches = xcalloc(group->count + 1, sizeof(*caches));

	*count = 0;
	for (unsigned int i = 0, length; i < group->count; i += length) {
		length = run_length(picture->machine, group, i, false);
		draw_cache(&caches[(*count)++], picture, group, i, length, most);
	}
	return caches;
}

/* "+ is B, C", once for each different company that shares CPUs of the node. Returns the next line. */
static int draw_sharers(struct canvas *canvas, int y, int right, const struct picture *picture,
	const struct group *group)
{
	char *last = NULL;

	for (unsigned int i = 0; i < group->count; i++) {
		const struct picture_cpu *cpu = &picture->cpus[group->rows[i]];
		char *sharers, *text;

		if (cpu->closed || cpu->vms < 2)
			continue;
		sharers = picture_sharers(picture, group->rows[i], ", ");
		if (!last || strcmp(last, sharers) != 0) {
			text = xasprintf("%c%s %s", PICTURE_SEVERAL, last ? " elsewhere" : "", sharers);
			y = canvas_wrap(canvas, 2 + LABEL, y, right, text);
			free(text);
		}
		free(last);
		last = sharers;
	}
	free(last);
	return y;
}

static char *node_title(const struct machine_node *node)
{
	char size[16];

	if (!node)
		return xstrdup("CPUs of no node");
	if (!node->memory)
		return xasprintf("node %u, no memory", node->os);
	return xasprintf("node %u, %s%s%s%s", node->os, picture_size(size, node->memory), *node->tier ? " " : "",
		node->tier, idset_empty(&node->cpus) ? ", no CPUs" : "");
}

/* A node in its frame, at most @most wide. @node NULL: the CPUs of no node. */
static void draw_node(struct canvas *canvas, const struct drawing *drawing, const struct machine_node *node,
	int most)
{
	const struct picture *picture = &drawing->picture;
	struct group group = cpus_of_node(picture->machine, node ? (int)node->os : MACHINE_NO_NODE);
	unsigned int count;
	struct canvas *caches = draw_caches(picture, &group, most - FRAME - LABEL, &count);
	char *title = node_title(node), *words;
	int inner = INNER_MIN, y = 1, right;

	if ((int)strlen(title) + 5 > inner + FRAME)
		inner = (int)strlen(title) + 5 - FRAME;
	for (unsigned int i = 0; i < count; i++)
		inner = caches[i].width + LABEL > inner ? caches[i].width + LABEL : inner;
	canvas_init(canvas, inner + FRAME);
	canvas_text(canvas, 2, y, count ? "cpu" : "");
	y = canvas_flow(canvas, 2 + LABEL, y, inner - LABEL, caches, count, &right);
	y = draw_sharers(canvas, y, inner + 2, picture, &group);
	if (node && node->memory) {
		canvas_text(canvas, 2, y, "mem");
		draw_memory(canvas, 2 + LABEL, y++, inner - LABEL - 2, picture, node);
		words = memory_words(picture, node);
		y = canvas_wrap(canvas, 2 + LABEL, y, inner + 2, words);
		free(words);
	}
	canvas_frame(canvas, 0, 0, inner + FRAME, y + 1, title, drawing->options->unicode);
	for (unsigned int i = 0; i < count; i++)
		canvas_release(&caches[i]);
	free(caches);
	free(title);
	free(group.rows);
}

/* ---- packages ---- */

/* The node with CPUs that memory without CPUs is nearest to; any other node is itself. */
static const struct machine_node *host_of(const struct machine *machine, const struct machine_node *node)
{
	const struct machine_node *best = machine_node_of(machine, node->beside);
	unsigned int distance = 0;

	if (best)
		return best;
	best = node;
	for (unsigned int i = 0; idset_empty(&node->cpus) && i < machine->node_count; i++) {
		const struct machine_node *other = &machine->nodes[i];
		unsigned int now = machine_distance(machine, (int)node->os, (int)other->os);

		if (!idset_empty(&other->cpus) && (best == node || now < distance)) {
			best = other;
			distance = now;
		}
	}
	return best;
}

/* The packages that a node's CPUs are in (of its host, when it has none). */
static struct idset packages_of(const struct machine *machine, const struct machine_node *node)
{
	const struct machine_node *host = host_of(machine, node);
	struct idset packages = { 0 };

	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (machine->cpus[i].node == (int)host->os)
			idset_add(&packages, machine->cpus[i].package);
	return packages;
}

/* A package with its nodes; or several, where one node spans them. */
struct housing {
	struct idset packages;
	struct canvas *nodes;
	unsigned int count;
};

struct housings {
	struct housing *list;
	unsigned int count;
};

static void add_node(struct housings *housings, const struct idset *packages, struct canvas node)
{
	struct housing *housing = NULL;

	for (unsigned int i = 0; i < housings->count && !housing; i++) {
		struct idset common = housings->list[i].packages;

		idset_intersect(&common, packages);
		if (!idset_empty(&common) || idset_equal(&housings->list[i].packages, packages))
			housing = &housings->list[i];
	}
	if (!housing) {
		housings->list = xreallocarray(housings->list, housings->count + 1, sizeof(*housings->list));
		housing = &housings->list[housings->count++];
		*housing = (struct housing){ 0 };
	}
	idset_union(&housing->packages, packages);
	housing->nodes = xreallocarray(housing->nodes, housing->count + 1, sizeof(*housing->nodes));
	housing->nodes[housing->count++] = node;
}

/* A node, and after it the memory that hangs beside it. */
static void house_with_memory(struct housings *housings, const struct drawing *drawing,
	const struct machine_node *node)
{
	const struct machine *machine = drawing->picture.machine;
	struct idset packages = packages_of(machine, node);
	int most = drawing->options->width - FRAME;
	struct canvas canvas;

	draw_node(&canvas, drawing, node, most);
	add_node(housings, &packages, canvas);
	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *other = &machine->nodes[i];

		if (other == node || host_of(machine, other) != node)
			continue;
		draw_node(&canvas, drawing, other, most);
		add_node(housings, &packages, canvas);
	}
}

static int by_package(const void *a, const void *b)
{
	return idset_next(&((const struct housing *)a)->packages, -1) -
		idset_next(&((const struct housing *)b)->packages, -1);
}

static struct housings house(const struct drawing *drawing)
{
	const struct machine *machine = drawing->picture.machine;
	struct housings housings = { 0 };
	struct idset homeless = { 0 };
	struct canvas canvas;

	for (unsigned int i = 0; i < machine->node_count; i++)
		if (host_of(machine, &machine->nodes[i]) == &machine->nodes[i])
			house_with_memory(&housings, drawing, &machine->nodes[i]);
	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (machine->cpus[i].node == MACHINE_NO_NODE)
			idset_add(&homeless, machine->cpus[i].package);
	if (!idset_empty(&homeless)) {
		draw_node(&canvas, drawing, NULL, drawing->options->width - FRAME);
		add_node(&housings, &homeless, canvas);
	}
	if (housings.count)
		qsort(housings.list, housings.count, sizeof(*housings.list), by_package);
	return housings;
}

static void draw_housing(struct canvas *canvas, const struct housing *housing,
	const struct picture_options *options)
{
	int inner = options->width - FRAME, right, y;
	char list[256], *title;
	struct canvas rows;

	canvas_init(&rows, options->width);
	y = canvas_flow(&rows, 2, 1, inner, housing->nodes, housing->count, &right);
	canvas_init(canvas, right + 2);
	canvas_paste(canvas, 0, 0, &rows);
	canvas_release(&rows);
	title = idset_empty(&housing->packages) ? xstrdup("no package")
		: xasprintf("package%s %s", idset_count(&housing->packages) > 1 ? "s" : "",
			idset_format(&housing->packages, list, sizeof(list)));
	canvas_frame(canvas, 0, 0, right + 2, y + 1, title, options->unicode);
	free(title);
}

static void draw_packages(struct canvas *canvas, const struct drawing *drawing)
{
	struct housings housings = house(drawing);
	struct canvas *packages = xcalloc(housings.count + 1, sizeof(*packages));
	int right;

	for (unsigned int i = 0; i < housings.count; i++)
		draw_housing(&packages[i], &housings.list[i], drawing->options);
	canvas_flow(canvas, 0, 0, drawing->options->width, packages, housings.count, &right);
	for (unsigned int i = 0; i < housings.count; i++) {
		for (unsigned int j = 0; j < housings.list[i].count; j++)
			canvas_release(&housings.list[i].nodes[j]);
		free(housings.list[i].nodes);
		canvas_release(&packages[i]);
	}
	free(packages);
	free(housings.list);
}

/* ---- a line a node ---- */

/* What most of the CPUs from @begin to @end are. */
static struct mark most_common(const struct picture *picture, const struct group *group, unsigned int begin,
	unsigned int end)
{
	struct mark best = { PICTURE_FREE, PICTURE_NONE };
	unsigned int best_count = 0;

	for (unsigned int i = begin; i < end; i++) {
		struct mark mark = cpu_mark(&picture->cpus[group->rows[i]]);
		unsigned int count = 0;

		for (unsigned int j = begin; j < end; j++)
			count += picture_cpu_mark(&picture->cpus[group->rows[j]]) == mark.character;
		if (count > best_count) {
			best = mark;
			best_count = count;
		}
	}
	return best;
}

static int draw_cpu_bar(struct canvas *canvas, int x, int y, const struct picture *picture,
	const struct machine_node *node)
{
	struct group group = cpus_of_node(picture->machine, (int)node->os);
	unsigned int length = group.count < LINE_CPUS ? group.count : LINE_CPUS;

	x = canvas_text(canvas, x, y, "[");
	for (unsigned int i = 0; i < length; i++)
		put_mark(canvas, x + (int)i, y, most_common(picture, &group, group.count * i / length,
			group.count * (i + 1) / length));
	canvas_text(canvas, x + (int)length, y, "]");
	free(group.rows);
	return x + LINE_CPUS + 2;
}

static void draw_lines(struct canvas *canvas, const struct picture *picture)
{
	const struct machine *machine = picture->machine;
	char text[64], size[16];

	for (unsigned int i = 0; i < machine->node_count; i++) {
		const struct machine_node *node = &machine->nodes[i];
		int x;

		snprintf(text, sizeof(text), "node %-3u %4u CPU%s", node->os, idset_count(&node->cpus),
			idset_count(&node->cpus) == 1 ? "" : "s");
		canvas_text(canvas, 0, (int)i, text);
		x = draw_cpu_bar(canvas, 19, (int)i, picture, node);
		snprintf(text, sizeof(text), "%5s ", picture_size(size, node->memory));
		x = canvas_text(canvas, x, (int)i, text);
		if (node->memory)
			draw_memory(canvas, x, (int)i, LINE_MEMORY, picture, node);
	}
}

/* ---- the whole ---- */

static bool has_mark(const struct picture *picture, char mark)
{
	for (unsigned int i = 0; i < picture->machine->cpu_count; i++)
		if (picture_cpu_mark(&picture->cpus[i]) == mark)
			return true;
	for (unsigned int i = 0; i < picture->machine->node_count && mark == PICTURE_USED; i++)
		if (picture_used(picture, &picture->machine->nodes[i]))
			return true;
	return mark == PICTURE_FREE;
}

/* The VMs, then those signs that the drawing can have. */
static void draw_legend(struct canvas *canvas, const struct picture *picture)
{
	static const struct { char mark; const char *what; } signs[] = {
		{ PICTURE_SEVERAL, "a CPU of several VMs" }, { PICTURE_FREE, "no vCPU, or memory left" },
		{ PICTURE_USED, "memory in use already" }, { PICTURE_CLOSED, "a CPU not for VMs" },
	};
	int y = canvas->height + 1;

	for (unsigned int i = 0; i < picture->plan->vm_count; i++) {
		char *text = picture_legend(&picture->plan->vms[i]);

		put_mark(canvas, 0, y, (struct mark){ picture_mark(i), (int)i });
		y = canvas_wrap(canvas, 3, y, canvas->width, text);
		free(text);
	}
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (has_mark(picture, signs[i].mark)) {
			put_mark(canvas, 0, y, (struct mark){ signs[i].mark, PICTURE_NONE });
			canvas_text(canvas, 3, y++, signs[i].what);
		}
}

void picture_print(const struct plan *plan, const struct machine *machine,
	const struct picture_options *options, FILE *out)
{
	struct drawing drawing = { .options = options };
	struct canvas canvas;

	picture_init(&drawing.picture, plan, machine);
	canvas_init(&canvas, options->width);
	if (machine->cpu_count > CPUS_MAX || machine->node_count > NODES_MAX)
		draw_lines(&canvas, &drawing.picture);
	else
		draw_packages(&canvas, &drawing);
	draw_legend(&canvas, &drawing.picture);
	canvas_print(&canvas, options->colour, out);
	canvas_release(&canvas);
	picture_release(&drawing.picture);
}

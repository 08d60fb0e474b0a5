/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's domain XML as a vm section. The file may come from anywhere: no network, a tree of bounded
 * size, and no document type: libvirt writes none, and entities can grow without end when they are read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/import/import.h"

#define SIZE_LIMIT (16 * MIB)
#define LIST_TEXT  512

/* ---- the tree ------------------------------------------------------------------------------- */

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

/* The next element of that name: @after, or from the first child of @parent. */
static xmlNode *next(const xmlNode *parent, const xmlNode *after, const char *name)
{
	xmlNode *node = after ? after->next : parent ? parent->children : NULL;

	while (node && !is(node, name))
		node = node->next;
	return node;
}

/* The element at "a/b" below @node, or NULL. */
static xmlNode *at(xmlNode *node, const char *path)
{
	char *copy = xstrdup(path), *rest = copy, *name;

	while (node && (name = strsep(&rest, "/")))
		node = next(node, NULL, name);
	free(copy);
	return node;
}

/* The caller frees; NULL: there is none. */
static char *attribute(xmlNode *node, const char *name)
{
	xmlChar *value = node ? xmlGetProp(node, (const xmlChar *)name) : NULL;
	char *copy = value ? xstrdup((const char *)value) : NULL;

	xmlFree(value);
	return copy;
}

static char *content(xmlNode *node)
{
	xmlChar *value = node ? xmlNodeGetContent(node) : NULL;
	char *copy = xstrdup(value ? (const char *)value : ""), *begin = copy + strspn(copy, " \t\r\n"), *trimmed;
	size_t length = strlen(begin);

	while (length && strchr(" \t\r\n", begin[length - 1]))
		length--;
	trimmed = xasprintf("%.*s", (int)length, begin);
	free(copy);
	xmlFree(value);
	return trimmed;
}

/* A whole number of an element or, with @name, of its attribute; @otherwise when it is none. */
static uint64_t number(xmlNode *node, const char *name, uint64_t otherwise)
{
	char *text = name ? attribute(node, name) : content(node), *end = NULL;
	uint64_t value = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	bool good = end && !*end;

	free(text);
	return good ? value : otherwise;
}

/* ---- values --------------------------------------------------------------------------------- */

/* libvirt's units: KiB where none is given, powers of 1000 with a plain B. 0: not understood. */
static uint64_t bytes(uint64_t value, const char *unit)
{
	static const struct { const char *name; uint64_t factor; } units[] = {
		{ "b", 1 }, { "bytes", 1 }, { "KB", 1000 }, { "k", KIB }, { "KiB", KIB }, { "MB", 1000000 },
		{ "M", MIB }, { "MiB", MIB }, { "GB", 1000000000 }, { "G", GIB }, { "GiB", GIB },
		{ "TB", UINT64_C(1000000000000) }, { "T", TIB }, { "TiB", TIB },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcasecmp(unit ? unit : "KiB", units[i].name))
			return value <= UINT64_MAX / units[i].factor ? value * units[i].factor : 0;
	return 0;
}

static uint64_t sized(xmlNode *node, const char *name)
{
	char *unit = attribute(node, "unit");
	uint64_t size = node ? bytes(number(node, name, 0), unit) : 0;

	free(unit);
	return size;
}

/* "0-3,^2,8": '^' takes out. */
static bool parse_set(const char *text, struct idset *set)
{
	char *copy = xstrdup(text), *rest = copy, *item;
	bool good = true;

	*set = (struct idset){ 0 };
	while (good && (item = strsep(&rest, ","))) {
		struct idset one;
		bool out;

		item += strspn(item, " ");
		out = *item == '^';
		good = idset_parse(item + out, &one, NULL) == 0;
		if (good && out)
			idset_subtract(set, &one);
		else if (good)
			idset_union(set, &one);
	}
	free(copy);
	return good && !idset_empty(set);
}

/* Adds the attribute's list to @set. False when there is none that can be understood. */
static bool take_set(xmlNode *node, const char *name, struct idset *set)
{
	char *text = attribute(node, name);
	struct idset one;
	bool good = text && parse_set(text, &one);

	if (good)
		idset_union(set, &one);
	free(text);
	return good;
}

/* ---- what it says --------------------------------------------------------------------------- */

static void take_vcpus(struct imported *vm, xmlNode *domain)
{
	xmlNode *vcpu = at(domain, "vcpu");
	uint64_t count = number(vcpu, "current", number(vcpu, NULL, 1));
	struct idset all = { 0 };

	vm->vcpus = count >= 1 && count <= PROFILE_VCPUS_MAX ? (unsigned int)count : 0;
	if (!vm->vcpus)
		imported_note(vm, "%" PRIu64 " vCPUs are more than a profile takes", count);
	if (!take_set(vcpu, "cpuset", &all))
		return;
	for (unsigned int i = 0; i < vm->vcpus; i++)
		vm->pins[i] = all;
	vm->io_cpus = all; /* it holds for the emulator as well, where nothing else is said */
}

static void take_pins(struct imported *vm, xmlNode *domain)
{
	xmlNode *tune = at(domain, "cputune");

	for (xmlNode *pin = next(tune, NULL, "vcpupin"); pin; pin = next(tune, pin, "vcpupin")) {
		uint64_t vcpu = number(pin, "vcpu", PROFILE_VCPUS_MAX);
		struct idset cpus = { 0 };

		if (vcpu < PROFILE_VCPUS_MAX && take_set(pin, "cpuset", &cpus))
			vm->pins[vcpu] = cpus;
	}
	for (unsigned int i = 0; i < vm->vcpus && !imported_pinned(vm); i++)
		if (idset_empty(&vm->pins[i]))
			imported_note(vm, "vCPU %u is not pinned; a profile pins all vCPUs or none", i);
}

static void take_io(struct imported *vm, xmlNode *domain)
{
	xmlNode *tune = at(domain, "cputune");
	struct idset emulator = { 0 }, threads = { 0 };

	take_set(at(tune, "emulatorpin"), "cpuset", &emulator);
	for (xmlNode *pin = next(tune, NULL, "iothreadpin"); pin; pin = next(tune, pin, "iothreadpin"))
		take_set(pin, "cpuset", &threads);
	if (!idset_empty(&emulator) && !idset_empty(&threads) && !idset_equal(&emulator, &threads))
		imported_note(vm, "emulatorpin and iothreadpin differ; io_cpus has the CPUs of both");
	idset_union(&emulator, &threads);
	if (!idset_empty(&emulator))
		vm->io_cpus = emulator;
}

static void take_nodes(struct imported *vm, xmlNode *domain)
{
	xmlNode *tune = at(domain, "numatune"), *memory = at(tune, "memory");
	char *mode = attribute(memory, "mode"), list[LIST_TEXT];

	take_set(memory, "nodeset", &vm->nodes);
	for (xmlNode *cell = next(tune, NULL, "memnode"); cell; cell = next(tune, cell, "memnode"))
		take_set(cell, "nodeset", &vm->nodes);
	if (next(tune, NULL, "memnode"))
		imported_note(vm, "memnode: which guest node is on which host node is not changed from outside");
	if (mode && strcmp(mode, "strict") != 0)
		imported_note(vm, "numatune mode is %s; vmtune moves memory to the nodes", mode);
	if (!idset_empty(&vm->nodes) && imported_pinned(vm))
		imported_note(vm, "numatune nodeset is %s; with pins memory follows the vCPUs",
			idset_format(&vm->nodes, list, sizeof(list)));
	free(mode);
}

static void take_pages(struct imported *vm, xmlNode *domain)
{
	xmlNode *huge = at(domain, "memoryBacking/hugepages"), *page = next(huge, NULL, "page");
	uint64_t size = sized(page, "size");

	if (!huge)
		return;
	vm->has_pages = true;
	vm->pages = size >= GIB ? PAGES_1G : PAGES_2M;
	if (next(huge, page, "page") && page)
		imported_note(vm, "huge pages of several sizes; pages says the first");
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void take_shares(struct imported *vm, xmlNode *domain)
{
	xmlNode *tune = at(domain, "cputune");
	uint64_t shares = number(at(tune, "shares"), NULL, 0), quota = number(at(tune, "quota"), NULL, 0);
	uint64_t period = number(at(tune, "period"), NULL, 100000), whole = number(at(tune, "global_quota"), NULL, 0);
	uint64_t whole_period = number(at(tune, "global_period"), NULL, 100000);

	if (shares) {
		vm->cpu_weight = clamp(shares * 100 / 1024, 1, 10000);
		imported_note(vm, "shares %" PRIu64 " (1024 is usual) are weight %" PRIu64 " (100 is usual)",
			shares, vm->cpu_weight);
	}
	if (whole && whole_period)
		vm->cpu_quota = clamp(whole * 100 / whole_period, 1, 100 * IDSET_MAX);
	else if (quota && period && vm->vcpus)
		vm->cpu_quota = clamp(quota * 100 / period * vm->vcpus, 1, 100 * IDSET_MAX);
}

static char *import_domain(xmlNode *domain)
{
	static void (*const takers[])(struct imported *, xmlNode *) = {
		take_vcpus, take_pins, take_io, take_nodes, take_pages, take_shares,
	};
	struct imported *vm = imported_new();
	char *name = content(at(domain, "name")), *text;

	vm->name = profile_fit_name(NULL, name);
	vm->attach = xasprintf("name:%s", imported_plain(name) ? name : vm->name);
	vm->memory = sized(at(domain, "memory"), NULL);
	for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++)
		takers[i](vm, domain);
	text = imported_text(vm);
	imported_free(vm);
	free(name);
	return text;
}

char *import_libvirt(const char *xml, size_t length, struct error *err)
{
	xmlDoc *doc = length <= SIZE_LIMIT ? xmlReadMemory(xml, (int)length, "domain.xml", NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA) : NULL;
	xmlNode *top = doc ? xmlDocGetRootElement(doc) : NULL;
	const xmlError *fault = xmlGetLastError();
	char *text = NULL;

	/* `virsh dumpxml` of a live domain may be wrapped in <domstatus> (libvirt's own state file) */
	if (top && is(top, "domstatus"))
		top = next(top, NULL, "domain");
	if (doc && doc->intSubset)
		error_set(err, EINVAL, "it has a document type, which no domain of libvirt has");
	else if (top && is(top, "domain"))
		text = import_domain(top);
	else if (!doc && fault && fault->message)
		error_set(err, EINVAL, "line %d: %.*s", fault->line, (int)strcspn(fault->message, "\n"),
			fault->message);
	else
		error_set(err, EINVAL, "this is no domain of libvirt; 'virsh dumpxml NAME' writes one");
	xmlFreeDoc(doc);
	return text;
}

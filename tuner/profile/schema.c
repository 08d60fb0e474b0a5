/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema of profiles: every key of a section with its type, limits, default and help, and the
 * setters of the types. The host section also has the rows of host/knob.h.
 * `vmtune help profile` prints these tables; man/vmtune.conf.5 explains them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/cmdline.h"
#include "host/libvirt.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/profile/internal.h"

#define FIELD(target, key, type) ((type *)((char *)(target) + (key)->offset))
#define NEAR_MAX 128 /* longest text a suggestion is looked for */

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance; both texts are shorter than NEAR_MAX. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1], width = strlen(b);

	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t above = row[j];

			row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[width];
}

const char *profile_nearest(const char *text, const char *const *names, size_t count)
{
	size_t length = strlen(text), best = length / 3 + 2;
	const char *nearest = NULL;

	if (length >= NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t distance = strlen(names[i]) < NEAR_MAX ? edit_distance(text, names[i]) : best;

		if (distance < best && distance < length) {
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}

/* A decimal number in the key's limits; @unit may follow it. */
static int parse_number(const struct profile_key *key, const char *text, const char *unit,
	uint64_t *value, struct error *err)
{
	char *end = NULL;

	errno = 0;
	*value = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
	if (end && *unit && !strcmp(end, unit))
		end += strlen(end);
	if (!end || *end || errno || *value < key->min || *value > key->max)
		return error_set(err, EINVAL, "'%s' is wrong; write a whole number from %" PRIu64
			" to %" PRIu64, text, key->min, key->max);
	return 0;
}

static int set_count(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	uint64_t value;
	int rc = parse_number(key, text, "", &value, err);

	if (rc == 0)
		*FIELD(target, key, unsigned int) = (unsigned int)value;
	return rc;
}

static int set_percent(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	return parse_number(key, text, "%", FIELD(target, key, uint64_t), err);
}

/* "1.5": vCPUs a CPU, with at most two decimals. */
static int set_ratio(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	size_t whole = strspn(text, "0123456789"), decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	double value = whole && whole < 6 ? strtod(text, NULL) : 0;

	if (text[whole + (decimals ? decimals + 1 : 0)] || decimals > 2 || value < (double)key->min ||
	    value > (double)key->max)
		return error_set(err, EINVAL, "'%s' is wrong; write vCPUs for each CPU, from %" PRIu64 " to %" PRIu64
			", such as 1.5", text, key->min, key->max);
	memcpy((char *)target + key->offset, &value, sizeof(value));
	return 0;
}

static int set_demand(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	if (strcasecmp(text, "measured"))
		return parse_number(key, text, "%", FIELD(target, key, uint64_t), err);
	*FIELD(target, key, uint64_t) = PROFILE_DEMAND_MEASURED;
	return 0;
}

static int set_size(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	char low[SIZE_TEXT_MAX], high[SIZE_TEXT_MAX], step[SIZE_TEXT_MAX];
	uint64_t bytes;
	int rc = size_parse(text, &bytes, err);

	if (rc < 0)
		return rc;
	if (bytes < key->min || bytes > key->max)
		return error_set(err, EINVAL, "%s is out of range; write %s to %s", text,
			size_format(low, key->min), size_format(high, key->max));
	if (key->multiple && bytes % key->multiple)
		return error_set(err, EINVAL, "%s is no multiple of %s; nearest are %" PRIu64
			"M and %" PRIu64 "M", text, size_format(step, key->multiple),
			bytes / key->multiple * key->multiple / MIB,
			(bytes / key->multiple + 1) * key->multiple / MIB);
	*FIELD(target, key, uint64_t) = bytes;
	return 0;
}

static int set_bool(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i])) {
			*FIELD(target, key, bool) = i & 1;
			return 0;
		}
	return error_set(err, EINVAL, "'%s' is neither true nor false; write true or false", text);
}

/* Position of @text among the key's choices, or -1; sets @names to them for a suggestion. */
static int choice_index(const char *choices, const char *text)
{
	size_t length = strlen(text);
	int index = 0;

	for (const char *at = choices; *at; at += strspn(at, " "), index++) {
		size_t word = strcspn(at, " ");

		if (word == length && !strncasecmp(at, text, length))
			return index;
		at += word;
	}
	return -1;
}

static int set_choice(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	int index = choice_index(key->choices, text);

	if (index < 0)
		return error_set(err, EINVAL, "'%s' is no choice here; write one of: %s", text, key->choices);
	*FIELD(target, key, int) = index;
	return 0;
}

static int set_page_size(const struct profile_key *key, void *target, const char *text,
	struct error *err)
{
	int index = choice_index("2M 1G", text);

	if (index < 0)
		return error_set(err, EINVAL, "'%s' is no huge page size; write 2M or 1G", text);
	*FIELD(target, key, uint64_t) = index ? GIB : 2 * MIB;
	return 0;
}

static int set_text(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	if (strlen(text) > key->max)
		return error_set(err, EINVAL, "is %zu characters long; at most %" PRIu64 " can be passed on",
			strlen(text), key->max);
	for (const char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			return error_set(err, EINVAL, "holds a control character (code %d)", *at);
	if (key->path && !*text)
		return error_set(err, EINVAL, "is empty; write a file name, or leave the key out");
	free(*FIELD(target, key, char *));
	*FIELD(target, key, char *) = xstrdup(text);
	return 0;
}

/* "name:db": which of them there is, and that something follows. */
static int set_attach(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	char *way = xasprintf("%.*s", (int)(colon ? colon - text : 0), text);
	bool good = colon && colon[1] && choice_index(key->choices, way) >= 0;

	free(way);
	if (good && !strncmp(text, "pid:", 4) && strspn(text + 4, "0123456789") != strlen(text + 4))
		return error_set(err, EINVAL, "'%s' is no process; write \"pid:1234\"", text);
	if (good)
		return set_text(key, target, text, err);
	return error_set(err, EINVAL, "'%s' names no guest; write \"name:X\", \"pid:N\", \"cgroup:PATH\" "
		"or \"qmp:SOCKET\"", text);
}

/* Guests run here: a libvirt of another machine ("qemu+ssh://HOST/system") knows nothing of them. */
static int set_uri(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	const char *path = strstr(text, ":///");

	if (path && path != text)
		return set_text(key, target, text, err);
	return error_set(err, EINVAL, "'%s' is no libvirt on this machine; write \"qemu:///system\" or "
		"\"qemu:///session\"", text);
}

static int set_idset(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct idset set;
	int rc = idset_parse(text, &set, err);

	if (rc < 0)
		return rc;
	if (idset_empty(&set))
		return error_set(err, EINVAL, "is empty; write numbers like \"0-3,8\", or leave the key out");
	*FIELD(target, key, struct idset) = set;
	return 0;
}

static int set_pool_node(const struct profile_key *key, void *target, const char *text,
	struct error *err)
{
	uint64_t value = 0;
	int rc = strcasecmp(text, "all") ? parse_number(key, text, "", &value, err) : 0;

	if (rc == 0)
		*FIELD(target, key, int) = strcasecmp(text, "all") ? (int)value : PROFILE_ALL_NODES;
	return rc;
}

static int set_pool_count(const struct profile_key *key, void *target, const char *text,
	struct error *err)
{
	struct profile_pool *pool = target;

	pool->at_least = !strcmp(key->name, "at_least");
	return parse_number(key, text, "", &pool->count, err);
}

static void add_pin(struct profile_vm *vm, unsigned int vcpu, const struct idset *cpus)
{
	if (vcpu >= vm->pin_count) {
		vm->pins = xreallocarray(vm->pins, vcpu + 1, sizeof(*vm->pins));
		memset(vm->pins + vm->pin_count, 0, (vcpu + 1 - vm->pin_count) * sizeof(*vm->pins));
		vm->pin_count = vcpu + 1;
	}
	vm->pins[vcpu] = *cpus;
}

/* One "VCPU=CPUS" of the long form; the comma is taken, so CPUs are joined by '+'. */
static int add_named_pin(struct profile_vm *vm, char *item, struct error *err)
{
	struct idset cpus;
	char *end;
	unsigned long vcpu = isdigit((unsigned char)*item) ? strtoul(item, &end, 10) : ULONG_MAX;

	for (char *at = strchr(item, '+'); at; at = strchr(at, '+'))
		*at = ',';
	if (vcpu >= PROFILE_VCPUS_MAX || *end != '=' || idset_parse(end + 1, &cpus, err) < 0 ||
	    idset_empty(&cpus))
		return error_set(err, EINVAL, "'%s' is no pin; write VCPU=CPU, VCPU=CPU-CPU or VCPU=CPU+CPU, such as "
			"\"0=2,1=3\"", item);
	if (vcpu < vm->pin_count && !idset_empty(&vm->pins[vcpu]))
		return error_set(err, EINVAL, "vCPU %lu is pinned twice", vcpu);
	add_pin(vm, (unsigned int)vcpu, &cpus);
	return 0;
}

/* The short form "2,3,6-7": the host CPU of vCPU 0, 1, 2 and so on, in the order written. */
static int add_ordered_pin(struct profile_vm *vm, const char *item, struct error *err)
{
	struct idset range;

	if (idset_parse(item, &range, err) < 0 || idset_empty(&range))
		return error_set(err, EINVAL,
			"'%s' is no host CPU; write \"2,3\" or \"0=2,1=3\"", item);
	idset_for_each(cpu, &range) {
		struct idset one = {0};

		if (vm->pin_count >= PROFILE_VCPUS_MAX)
			return error_set(err, EINVAL, "more than %d vCPUs are pinned", PROFILE_VCPUS_MAX);
		idset_add(&one, (unsigned int)cpu);
		add_pin(vm, vm->pin_count, &one);
	}
	return 0;
}

static int set_pins(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct profile_vm *vm = target;
	bool named = strchr(text, '=') != NULL;
	char *copy = xstrdup(text), *rest = copy, *item;
	int rc = 0;

	(void)key;
	while (rc == 0 && (item = strsep(&rest, ",")))
		rc = named ? add_named_pin(vm, item + strspn(item, " "), err)
			   : add_ordered_pin(vm, item + strspn(item, " "), err);
	free(copy);
	return rc;
}

static int add_disk(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct profile_vm *vm = target;
	struct profile_disk disk = {0};
	size_t length = strlen(text);

	disk.readonly = length > 3 && !strcmp(text + length - 3, ":ro");
	if (disk.readonly)
		length -= 3;
	if (!length || length >= PATH_MAX)
		return error_set(err, EINVAL, "'%s' is no disk; write \"FILE\" or \"FILE:ro\"", text);
	if (vm->disk_count == key->max)
		return error_set(err, EINVAL, "more than %" PRIu64 " disks", key->max);
	disk.path = xasprintf("%.*s", (int)length, text);
	vm->disks = xreallocarray(vm->disks, vm->disk_count + 1, sizeof(*vm->disks));
	vm->disks[vm->disk_count++] = disk;
	return 0;
}

static int add_net(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct profile_vm *vm = target;
	bool tap = !strncmp(text, "tap:", 4);
	size_t length = tap ? strlen(text + 4) : 0;

	if (tap ? !length || length >= IFNAMSIZ || strpbrk(text + 4, "/, ") : strcmp(text, "user") != 0)
		return error_set(err, EINVAL, "'%s' is no network; write \"user\" or \"tap:NAME\"", text);
	if (vm->net_count == key->max)
		return error_set(err, EINVAL, "more than %" PRIu64 " networks", key->max);
	vm->nets = xreallocarray(vm->nets, vm->net_count + 1, sizeof(*vm->nets));
	vm->nets[vm->net_count++].tap = tap ? xstrdup(text + 4) : NULL;
	return 0;
}

static int add_near(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct profile_vm *vm = target;

	if (!*text || strpbrk(text, " /,"))
		return error_set(err, EINVAL, "'%s' is no device; write a name such as \"eth2\" or a PCI address such "
			"as \"0000:3b:00.0\"", text);
	if (vm->near_count == key->max)
		return error_set(err, EINVAL, "more than %" PRIu64 " devices", key->max);
	vm->near = xreallocarray(vm->near, vm->near_count + 1, sizeof(*vm->near));
	vm->near[vm->near_count++] = xstrdup(text);
	return 0;
}

static int add_word(const struct profile_key *key, void *target, const char *text, struct error *err)
{
	struct profile *profile = target;
	int rc = cmdline_word_check(text, err);

	(void)key;
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < profile->word_count; i++)
		if (!strcmp(profile->words[i].text, text))
			return error_set(err, EINVAL, "'%s' is there twice; keep one", text);
	profile->words = xreallocarray(profile->words, profile->word_count + 1, sizeof(*profile->words));
	profile->words[profile->word_count++] = (struct profile_word){ .text = xstrdup(text) };
	return 0;
}

#define AT_VM(field) .offset = offsetof(struct profile_vm, field)
#define LINE_OF(field) .at = offsetof(struct profile_vm, field)
#define NO_LINE .at = PROFILE_NO_AT

const struct profile_key profile_vm_keys[] = {
	{ "attach", "\"name:X\", \"pid:N\", \"cgroup:PATH\" or \"qmp:SOCKET\"", NULL,
	  "a guest of any VMM that runs already: it is placed, not started; without kernel", set_attach,
	  AT_VM(attach), LINE_OF(at_attach), .max = PATH_MAX - 1, .choices = "name pid cgroup qmp" },
	{ "vcpus", "1-255", "1", "virtual CPUs", set_count, AT_VM(vcpus), LINE_OF(at_vcpus),
	  .min = 1, .max = PROFILE_VCPUS_MAX },
	{ "memory", "size", "512M", "memory, a multiple of 2M", set_size, AT_VM(memory),
	  LINE_OF(at_memory), .min = 2 * MIB, .max = 16 * TIB, .multiple = 2 * MIB },
	{ "kernel", "file", NULL, "bzImage or ELF kernel to boot; must be given, unless attach is", set_text,
	  AT_VM(kernel), LINE_OF(at_kernel), .max = PATH_MAX - 1, .path = true },
	{ "initrd", "file", NULL, "initial RAM disk", set_text, AT_VM(initrd), LINE_OF(at_initrd),
	  .max = PATH_MAX - 1, .path = true },
	{ "append", "text", NULL, "kernel command line", set_text, AT_VM(append), NO_LINE, .max = 2047 },
	{ "disks", "{ \"FILE\", \"FILE:ro\" }", NULL, "raw disk images, as virtio disks in this order",
	  add_disk, 0, NO_LINE, .max = 16, .list = true },
	{ "nets", "{ \"user\", \"tap:NAME\" }", NULL, "networks: user mode or a tap device by name",
	  add_net, 0, NO_LINE, .max = 8, .list = true },
	{ "placement", "auto|nodes|pins|keep", NULL,
	  "who chooses the place: vmtune, or you by nodes or pins (implied when one of them is given); keep "
	  "leaves an attached guest where it is",
	  set_choice, AT_VM(placement), LINE_OF(at_placement), .choices = "auto nodes pins keep" },
	{ "nodes", "\"0-1\"", NULL, "host NUMA nodes; memory and vCPUs are spread in equal parts",
	  set_idset, AT_VM(nodes), LINE_OF(at_nodes) },
	{ "pins", "\"2,3\" or \"0=2,1=3\"", NULL,
	  "host CPU of vCPU 0, 1, ... in order, or for each vCPU by number; memory follows",
	  set_pins, 0, LINE_OF(at_pins) },
	{ "guest_nodes", "1-64", NULL,
	  "NUMA nodes the guest sees; default: as many as host nodes it lies on", set_count,
	  AT_VM(guest_nodes), LINE_OF(at_guest_nodes), .min = 1, .max = PROFILE_NODES_MAX },
	{ "dedicated", "true|false", "false", "a host CPU for each vCPU that nothing else of vmtune uses",
	  set_bool, AT_VM(dedicated), LINE_OF(at_dedicated) },
	{ "io_cpus", "\"0,4\"", NULL, "host CPUs of the I/O thread; default: chosen near the vCPUs",
	  set_idset, AT_VM(io_cpus), LINE_OF(at_io_cpus) },
	{ "goal", "balanced|latency|bandwidth|density", "balanced",
	  "what the place shall be good for: short waits for memory, much of it in a second, or many VMs on few "
	  "nodes", set_choice, AT_VM(goal), LINE_OF(at_goal), .choices = "balanced latency bandwidth density" },
	{ "demand", "percent or measured", "100",
	  "how busy each vCPU is expected to be; measured: what a guest that runs has used so far", set_demand,
	  AT_VM(demand), LINE_OF(at_demand), .min = 1, .max = 100 },
	{ "overcommit", "vCPUs a CPU", NULL,
	  "most vCPUs of all VMs for each CPU that they share where this one lives: 1.5; default: no limit",
	  set_ratio, AT_VM(overcommit), LINE_OF(at_overcommit), .min = 1, .max = 1000 },
	{ "near", "{ \"eth2\", \"0000:3b:00.0\" }", NULL,
	  "devices whose node is preferred: a network or disk name, or a PCI address", add_near, 0,
	  LINE_OF(at_near), .max = 16, .list = true },
	{ "apart", "name", NULL, "VMs with the same name here never share a node", set_text, AT_VM(apart),
	  LINE_OF(at_apart), .max = PROFILE_NAME_MAX },
	{ "together", "name", NULL, "VMs with the same name here talk much: near each other", set_text,
	  AT_VM(together), LINE_OF(at_together), .max = PROFILE_NAME_MAX },
	{ "pages", "4K|THP|2M|1G", "THP",
	  "host pages behind the memory: small, transparent huge, or from the 2M or 1G pool", set_choice,
	  AT_VM(pages), LINE_OF(at_pages), .choices = "4K THP 2M 1G" },
	{ "ksm", "true|false", "false", "marks the memory for merging; pages = 4K or THP only", set_bool,
	  AT_VM(ksm), LINE_OF(at_ksm) },
	{ "balloon", "size", NULL, "memory the guest shall keep, the rest is taken by its balloon",
	  set_size, AT_VM(balloon_target), LINE_OF(at_balloon), .min = 2 * MIB, .max = 16 * TIB },
	{ "balloon_floor", "size", NULL, "the balloon never takes the guest below this", set_size,
	  AT_VM(balloon_floor), LINE_OF(at_floor), .min = 2 * MIB, .max = 16 * TIB },
	{ "cpu_weight", "1-10000", NULL, "share of CPU time under contention (cgroup v2 scale, 100 is usual)",
	  set_count, AT_VM(cpu_weight), NO_LINE, .min = 1, .max = 10000 },
	{ "cpu_quota", "percent", NULL, "most CPU time, in percent of one CPU: 250 is two and a half",
	  set_percent, AT_VM(cpu_quota), NO_LINE, .min = 1, .max = 100 * IDSET_MAX },
	{ "memory_high", "size", NULL, "cgroup limit above which the VM's memory is reclaimed", set_size,
	  AT_VM(memory_high), LINE_OF(at_memory_high), .min = 2 * MIB, .max = 32 * TIB },
	{ "memory_max", "size", NULL, "cgroup limit above which the VM is killed", set_size,
	  AT_VM(memory_max), LINE_OF(at_memory_max), .min = 2 * MIB, .max = 32 * TIB },
	{ 0 },
};

const struct profile_key profile_host_keys[] = {
	{ "kernel_cmdline", "{ \"NAME=VALUE\", \"NAME\" }", NULL,
	  "words the kernel shall have been started with; told when missing, never written", add_word, 0,
	  NO_LINE, .list = true },
	{ "irq_affinity", "keep|housekeeping|node", "keep",
	  "moves interrupts off the CPUs of dedicated vCPUs, and with node to the node of their device",
	  set_choice, .offset = offsetof(struct profile, irq_policy), .at = offsetof(struct profile, at_irq),
	  .choices = "keep housekeeping node" },
	{ "isolate", "true|false", "false",
	  "keeps the host's other work off the CPUs of dedicated vCPUs: cpusets of its slices or control groups",
	  set_bool, .offset = offsetof(struct profile, isolate), .at = offsetof(struct profile, at_isolate) },
	{ "attach_all", "true|false", "false", "attaches to every guest that runs and has no vm section",
	  set_bool, .offset = offsetof(struct profile, attach_all),
	  .at = offsetof(struct profile, at_attach_all) },
	{ "libvirt_uri", "URI", LIBVIRT_URI, "the libvirt whose domains are pinned through it: vmtune's attached "
	  "guests that it has started", set_uri, .offset = offsetof(struct profile, libvirt_uri), NO_LINE,
	  .max = 255 },
	{ 0 },
};

#define AT_POOL(field) .offset = offsetof(struct profile_pool, field)

const struct profile_key profile_pool_keys[] = {
	{ "node", "number|all", "all", "host NUMA node of the pool", set_pool_node, AT_POOL(node), NO_LINE,
	  .max = 1023 },
	{ "size", "2M|1G", "2M", "page size", set_page_size, AT_POOL(page_size), NO_LINE },
	{ "count", "number", NULL, "pages the pool shall have, neither more nor less", set_pool_count,
	  AT_POOL(count), NO_LINE, .max = UINT64_C(1) << 32 },
	{ "at_least", "number", NULL,
	  "instead of count: pages it shall have at least; what guests need is added", set_pool_count,
	  AT_POOL(count), NO_LINE, .max = UINT64_C(1) << 32 },
	{ 0 },
};

void profile_defaults(const struct profile_key *keys, void *target)
{
	for (; keys->name; keys++)
		if (keys->fallback)
			keys->set(keys, target, keys->fallback, NULL);
}

static void print_keys(const char *section, const struct profile_key *keys)
{
	printf("%s\n", section);
	for (; keys->name; keys++) {
		printf("  %s = %s\n      %s", keys->name, keys->type, keys->help);
		if (keys->fallback)
			printf(" (default %s)", keys->fallback);
		putchar('\n');
	}
	putchar('\n');
}

/* "always madvise never" -> "always|madvise|never" */
static void join_choices(const char *choices, char *buf, size_t size)
{
	snprintf(buf, size, "%s", choices);
	for (char *at = buf; *at; at++)
		if (*at == ' ')
			*at = '|';
}

static void print_knob(const struct knob *knob)
{
	char type[80] = "text";

	if (knob->shape == KNOB_NUMBER && knob->max < INT32_MAX)
		snprintf(type, sizeof(type), "%lld-%lld", knob->min, knob->max);
	else if (knob->shape == KNOB_NUMBER)
		snprintf(type, sizeof(type), "number from %lld", knob->min);
	else if (knob->shape == KNOB_BOOL)
		snprintf(type, sizeof(type), "0|1");
	else if (knob->shape == KNOB_MASK)
		snprintf(type, sizeof(type), "hexadecimal CPU mask");
	else if (knob->shape == KNOB_CHOICE && knob->choices)
		join_choices(knob->choices, type, sizeof(type));
	printf("  %s = %s%s\n      %s\n      class: %s%s%s\n      source: %s\n", knob->name, type,
		knob_numbered(knob) ? ", maybe @CPUS" : "", knob->what, action_class_name(knob->undo), knob->undo == CLASS_PRECONDITION ? ": " : "",
		knob->undo == CLASS_PRECONDITION ? knob->precondition : "", knob->source);
}

void profile_print_schema(void)
{
	printf("A profile says what a host shall be set to and which virtual machines it shall run:\n\n"
	       "  host {\n"
	       "          ksm_run = 1\n"
	       "          hugepages { node = 0 size = 2M count = 512 }\n"
	       "  }\n"
	       "  vm db {\n"
	       "          vcpus = 2\n"
	       "          memory = 1G\n"
	       "          kernel = vmlinuz\n"
	       "          append = \"root=/dev/vda console=ttyS0\"\n"
	       "          disks = { \"db.img\" }\n"
	       "          pages = 2M\n"
	       "          dedicated = true\n"
	       "  }\n\n"
	       "Lists and values with blanks or any of , = + ( ) # are in quotes. Sizes take K, M, G or T.\n"
	       "File names are relative to the profile's folder.\n\n");
	print_keys("vm NAME { ... }", profile_vm_keys);
	print_keys("host { hugepages { ... } }, as often as wanted", profile_pool_keys);
	print_keys("host { ... }", profile_host_keys);
	printf("host { kernel_cmdline }: words for KVM hosts; all others the kernel knows can be written, too\n");
	for (size_t i = 0; i < cmdline_word_count; i++)
		printf("  %s\n      %s\n      source: %s\n", cmdline_words[i].name, cmdline_words[i].what,
			cmdline_words[i].source);
	printf("\nhost { ... }: a value for each setting that shall change\n");
	for (size_t i = 0; i < knob_count; i++)
		print_knob(&knobs[i]);
}

uint64_t page_choice_bytes(enum page_choice pages)
{
	return pages == PAGES_1G ? GIB : pages == PAGES_2M ? 2 * MIB : 4 * KIB;
}

const char *page_choice_name(enum page_choice pages)
{
	static const char *const names[] = { "4K", "THP", "2M", "1G" };

	return names[pages];
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QEMU command line as a vm section: name, size, host nodes and huge pages of its memory. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "host/guest.h"
#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/import/import.h"

#define WORDS_MAX 4096
#define VALUE_MAX 512

struct words {
	char *list[WORDS_MAX];
	unsigned int count;
};

/* ---- words ---------------------------------------------------------------------------------- */

static void words_release(struct words *words)
{
	for (unsigned int i = 0; i < words->count; i++)
		free(words->list[i]);
	words->count = 0;
}

static void add_word(struct words *words, char *word)
{
	if (words->count < WORDS_MAX)
		words->list[words->count++] = word;
	else
		free(word);
}

static void split_nul(struct words *words, const char *text, size_t length)
{
	for (size_t at = 0; at < length; at += strnlen(text + at, length - at) + 1)
		add_word(words, xasprintf("%.*s", (int)strnlen(text + at, length - at), text + at));
}

/* As a shell does: quotes, backslashes, and a backslash at a line's end. Nothing is expanded. */
static int split_shell(struct words *words, const char *text, size_t length, struct error *err)
{
	char *word = xmalloc(length + 1), quote = 0;
	size_t used = 0;
	bool inside = false;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '\\' && quote != '\'' && i + 1 < length) {
			if (text[++i] != '\n') {
				word[used++] = text[i];
				inside = true;
			}
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			inside = true;
		} else if (quote || !isspace((unsigned char)c)) {
			word[used++] = c;
			inside = true;
		} else if (inside) {
			add_word(words, xasprintf("%.*s", (int)used, word));
			used = 0;
			inside = false;
		}
	}
	if (inside)
		add_word(words, xasprintf("%.*s", (int)used, word));
	free(word);
	return quote ? error_set(err, EINVAL, "a quote (%c) that is never closed", quote) : 0;
}

/* The value of the @nth occurrence of an option, "-name X" or "--name X"; NULL: none. */
static const char *option(const struct words *words, const char *name, unsigned int nth)
{
	for (unsigned int i = 0; i + 1 < words->count; i++) {
		const char *word = words->list[i];

		if (*word == '-' && !strcmp(word + 1 + (word[1] == '-'), name) && nth-- == 0)
			return words->list[i + 1];
	}
	return NULL;
}

static bool part(const char *text, const char *key, char value[VALUE_MAX])
{
	return guest_suboption(text, key, value, VALUE_MAX);
}

static unsigned int number(const char *text, const char *key, unsigned int otherwise)
{
	char value[VALUE_MAX], *end;
	unsigned long count;

	if (!part(text, key, value))
		return otherwise;
	count = strtoul(value, &end, 10);
	return *value && !*end && count <= PROFILE_VCPUS_MAX ? (unsigned int)count : otherwise;
}

/* ---- what they say -------------------------------------------------------------------------- */

static void take_smp(struct imported *vm, const char *smp)
{
	static const char *const levels[] = { "sockets", "dies", "clusters", "cores", "threads" };
	unsigned int product = 1;

	vm->vcpus = number(smp, NULL, number(smp, "cpus", 0));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		product *= number(smp, levels[i], 1);
	if (!vm->vcpus)
		vm->vcpus = product <= PROFILE_VCPUS_MAX ? product : 0;
}

/* -m counts in MiB where nothing is said. */
static void take_memory(struct imported *vm, const char *text)
{
	char value[VALUE_MAX];

	vm->memory = 128 * MIB; /* QEMU's default */
	if (!text || (!part(text, "size", value) && !part(text, NULL, value)) ||
	    size_parse(value, &vm->memory, NULL) < 0)
		return;
	if (isdigit((unsigned char)value[strlen(value) - 1]))
		vm->memory *= MIB;
}

static void take_name(struct imported *vm, const struct words *words)
{
	const char *program = words->list[0] ? words->list[0] : "";
	const char *text = option(words, "name", 0), *qmp = option(words, "qmp", 0), *slash;
	char name[VALUE_MAX] = "", socket[VALUE_MAX];

	if (text && !part(text, "guest", name) && !part(text, NULL, name))
		name[0] = '\0';
	if (!*name && qmp && !strncmp(qmp, "unix:", 5) && part(qmp + 5, NULL, socket) && imported_plain(socket)) {
		vm->attach = xasprintf("qmp:%s", socket);
		slash = strrchr(socket, '/');
		vm->name = profile_fit_name(NULL, slash ? slash + 1 : socket);
		return;
	}
	slash = strrchr(program, '/');
	if (!*name) /* as the kernel calls the process */
		strncat(name, slash ? slash + 1 : program, 15);
	vm->name = profile_fit_name(NULL, name);
	vm->attach = xasprintf("name:%s", imported_plain(name) ? name : vm->name);
}

static void take_huge(struct imported *vm, uint64_t size)
{
	vm->has_pages = true;
	vm->pages = size >= GIB ? PAGES_1G : PAGES_2M;
}

static void take_policy(struct imported *vm, const char *policy)
{
	if (policy && strcmp(policy, "bind") != 0)
		imported_note(vm, "its memory's policy is %s; vmtune moves it to the nodes", policy);
}

/* "memory-backend-file,id=m0,size=1G,host-nodes=0-1,policy=bind,mem-path=/dev/hugepages" */
static void take_backend(struct imported *vm, const char *text)
{
	char value[VALUE_MAX];
	struct idset nodes;
	uint64_t size = 2 * MIB;

	if (part(text, "host-nodes", value) && idset_parse(value, &nodes, NULL) == 0)
		idset_union(&vm->nodes, &nodes);
	if (part(text, "policy", value))
		take_policy(vm, value);
	if (part(text, "hugetlbsize", value))
		size_parse(value, &size, NULL);
	if ((part(text, "hugetlb", value) && !strcmp(value, "on")) ||
	    (part(text, "mem-path", value) && strstr(value, "huge")))
		take_huge(vm, size);
}

/* The same as libvirt writes it, as JSON. */
static void take_json(struct imported *vm, const json_t *object)
{
	const json_t *nodes = json_object_get(object, "host-nodes"), *node;
	const char *path = json_string_value(json_object_get(object, "mem-path"));
	json_int_t size = json_integer_value(json_object_get(object, "hugetlbsize"));
	size_t i;

	json_array_foreach(nodes, i, node)
		if (json_integer_value(node) >= 0 && json_integer_value(node) < IDSET_MAX)
			idset_add(&vm->nodes, (unsigned int)json_integer_value(node));
	take_policy(vm, json_string_value(json_object_get(object, "policy")));
	if (json_is_true(json_object_get(object, "hugetlb")) || (path && strstr(path, "huge")))
		take_huge(vm, size > 0 ? (uint64_t)size : 2 * MIB);
}

static void take_object(struct imported *vm, const char *text)
{
	json_t *object = *text == '{' ? json_loads(text, 0, NULL) : NULL;
	const char *type = json_string_value(json_object_get(object, "qom-type"));

	if (type && !strncmp(type, "memory-backend-", 15))
		take_json(vm, object);
	else if (!strncmp(text, "memory-backend-", 15))
		take_backend(vm, text);
	json_decref(object);
}

static char *import_words(const struct words *words)
{
	struct imported *vm = imported_new();
	const char *text;
	char *section;

	take_name(vm, words);
	text = option(words, "smp", 0);
	vm->vcpus = 1;
	if (text)
		take_smp(vm, text);
	take_memory(vm, option(words, "m", 0));
	for (unsigned int i = 0; (text = option(words, "object", i)); i++)
		take_object(vm, text);
	text = option(words, "mem-path", 0);
	if (text && strstr(text, "huge"))
		take_huge(vm, 2 * MIB);
	imported_note(vm, "from a QEMU command line: vCPUs are not pinned there, vmtune chooses CPUs%s",
		idset_empty(&vm->nodes) ? " and nodes" : "");
	section = imported_text(vm);
	imported_free(vm);
	return section;
}

char *import_qemu(const char *text, size_t length, struct error *err)
{
	struct words words = { .count = 0 };
	char *section = NULL;
	int rc = 0;

	if (memchr(text, '\0', length))
		split_nul(&words, text, length);
	else
		rc = split_shell(&words, text, length, err);
	if (rc == 0 && (!words.count || *words.list[0] == '-' || !strstr(words.list[0], "qemu")))
		rc = error_set(err, EINVAL, "this is no QEMU command line: it should begin with its program, such "
			"as qemu-system-x86_64");
	if (rc == 0)
		section = import_words(&words);
	words_release(&words);
	return section;
}

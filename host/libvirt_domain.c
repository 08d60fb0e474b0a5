/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt by dlopen(3). The header says what each function is; the table below has one pointer of that
 * type for each that is used, filled by name. A row of properties[] is a word with the way to read and to
 * write it.
 */
#include "host/libvirt_domain.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "lib/idset.h"
#include "lib/xalloc.h"

#define LIBRARY   "libvirt.so.0"
#define LIST_TEXT 4096
#define FLAGS     VIR_DOMAIN_AFFECT_LIVE

/* ---- the library ---------------------------------------------------------------------------- */

#define FUNCTIONS(F) \
	F(virConnectOpen) F(virConnectClose) F(virConnectIsAlive) F(virSetErrorFunc) F(virGetLastErrorMessage) \
	F(virGetLastErrorCode) F(virNodeGetCPUMap) F(virDomainLookupByUUIDString) F(virDomainFree) \
	F(virDomainIsActive) F(virDomainGetVcpuPinInfo) F(virDomainPinVcpu) F(virDomainGetEmulatorPinInfo) \
	F(virDomainPinEmulator) F(virDomainGetIOThreadInfo) F(virDomainIOThreadInfoFree) \
	F(virDomainPinIOThread) F(virDomainGetSchedulerType) F(virDomainGetSchedulerParametersFlags) \
	F(virDomainSetSchedulerParametersFlags) \
	F(virDomainGetMemoryParameters) F(virDomainSetMemoryParameters) F(virDomainGetNumaParameters) \
	F(virDomainSetNumaParameters) F(virTypedParamsFree)

static struct {
#define POINTER(name) __typeof__(name) *name;
	FUNCTIONS(POINTER)
#undef POINTER
} lib;

/* libvirt prints every error by itself unless told not to. */
static void quiet(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

/* POSIX lets a function pointer come out of dlsym(3); ISO C has no cast for it. */
static bool load_function(void *library, const char *name, void *pointer)
{
	void *function = dlsym(library, name);

	memcpy(pointer, &function, sizeof(function));
	return function != NULL;
}

/* Once; what has failed is tried again, for libvirt may be installed while a daemon runs. */
static int load(struct error *err)
{
	static void *library;
	const char *missing = NULL;

	if (library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return error_set(err, ENOENT, "libvirt's library is not installed (" LIBRARY ")");
#define LOAD(name) if (!load_function(library, #name, &lib.name)) missing = #name;
	FUNCTIONS(LOAD)
#undef LOAD
	if (missing) {
		dlclose(library);
		library = NULL;
		return error_set(err, ENOSYS, "libvirt is too old: it has no %s", missing);
	}
	lib.virSetErrorFunc(NULL, quiet);
	return 0;
}

/* Returns -errno: -ESRCH when the domain has gone, -EAGAIN when libvirt itself could not be asked. */
static int failed(struct error *err, const char *what)
{
	int code = lib.virGetLastErrorCode(), errnum = EAGAIN;

	if (code == VIR_ERR_NO_DOMAIN)
		errnum = ESRCH;
	else if (code == VIR_ERR_OPERATION_INVALID || code == VIR_ERR_INVALID_ARG ||
		code == VIR_ERR_CONFIG_UNSUPPORTED || code == VIR_ERR_OPERATION_UNSUPPORTED ||
		code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_OVERFLOW)
		errnum = EINVAL;
	error_set(err, errnum, "libvirt, %s: %s", what, lib.virGetLastErrorMessage());
	errno = errnum;
	return -errnum;
}

static int absent(struct error *err, const char *what)
{
	error_set(err, ENOENT, "libvirt has no %s for this domain", what);
	errno = ENOENT;
	return -ENOENT;
}

/* ---- connection and domain ------------------------------------------------------------------ */

/* One connection, kept for the program's life: the next action asks the same libvirt. */
static virConnectPtr connected(const char *uri, struct error *err)
{
	static virConnectPtr connection;
	static char *where;

	if (load(err) < 0)
		return NULL;
	if (connection && !strcmp(where, uri) && lib.virConnectIsAlive(connection) == 1)
		return connection;
	if (connection)
		lib.virConnectClose(connection);
	free(where);
	where = xstrdup(uri);
	connection = lib.virConnectOpen(uri);
	if (!connection)
		failed(err, uri);
	return connection;
}

int domain_open(struct domain *domain, const char *uri, const char *uuid, struct error *err)
{
	domain->connection = connected(uri, err);
	if (!domain->connection)
		return -EAGAIN; /* also without a library: a revert waits for it */
	domain->pointer = lib.virDomainLookupByUUIDString(domain->connection, uuid);
	if (!domain->pointer)
		return failed(err, uri);
	if (lib.virDomainIsActive(domain->pointer) == 1)
		return 0;
	lib.virDomainFree(domain->pointer);
	return error_set(err, ESRCH, "libvirt, %s: the domain %s does not run", uri, uuid);
}

void domain_close(struct domain *domain)
{
	lib.virDomainFree(domain->pointer);
}

/* ---- CPU maps ------------------------------------------------------------------------------- */

/* Bytes of a map that has a bit for every CPU of the host; 0 with @err. */
static int map_length(const struct domain *domain, struct error *err)
{
	int cpus = lib.virNodeGetCPUMap(domain->connection, NULL, NULL, 0);

	if (cpus > 0 && cpus <= IDSET_MAX)
		return VIR_CPU_MAPLEN(cpus);
	if (cpus <= 0) {
		failed(err, "CPUs of the host");
	} else {
		error_set(err, E2BIG, "libvirt counts %d CPUs, more than the %d that vmtune knows", cpus, IDSET_MAX);
		errno = E2BIG;
	}
	return 0;
}

static char *map_text(const unsigned char *map, int length)
{
	struct idset set = { 0 };
	char text[LIST_TEXT];

	for (int cpu = 0; cpu < length * 8; cpu++)
		if (VIR_CPU_USED(map, cpu))
			idset_add(&set, (unsigned int)cpu);
	return xstrdup(idset_format(&set, text, sizeof(text)));
}

static unsigned char *map_parse(const char *text, int length, struct error *err)
{
	unsigned char *map;
	struct idset set;

	if (idset_parse(text, &set, err) < 0)
		return NULL;
	if (idset_empty(&set)) {
		error_set(err, EINVAL, "libvirt: no CPU is left to run on");
		return NULL;
	}
	map = xcalloc((size_t)length, 1);
	idset_for_each(cpu, &set) {
		if (cpu >= length * 8) {
			free(map);
			error_set(err, EINVAL, "libvirt: this host has no CPU %d", cpu);
			return NULL;
		}
		VIR_USE_CPU(map, cpu);
	}
	return map;
}

static char *read_vcpu(const struct domain *domain, unsigned int vcpu, struct error *err)
{
	int length = map_length(domain, err), count;
	unsigned char *maps;
	char *text = NULL;

	if (!length)
		return NULL;
	maps = xcalloc(vcpu + 1, (size_t)length);
	count = lib.virDomainGetVcpuPinInfo(domain->pointer, (int)vcpu + 1, maps, length, FLAGS);
	if (count > (int)vcpu)
		text = map_text(maps + (size_t)vcpu * (size_t)length, length);
	else if (count < 0)
		failed(err, "vcpupin");
	else
		absent(err, "such vCPU");
	free(maps);
	return text;
}

static char *read_emulator(const struct domain *domain, unsigned int number, struct error *err)
{
	int length = map_length(domain, err);
	unsigned char *map = length ? xcalloc((size_t)length, 1) : NULL;
	char *text = NULL;

	(void)number;
	if (map && lib.virDomainGetEmulatorPinInfo(domain->pointer, map, length, FLAGS) >= 0)
		text = map_text(map, length);
	else if (map)
		failed(err, "emulatorpin");
	free(map);
	return text;
}

static char *read_iothread(const struct domain *domain, unsigned int id, struct error *err)
{
	virDomainIOThreadInfoPtr *threads = NULL;
	int count = lib.virDomainGetIOThreadInfo(domain->pointer, &threads, FLAGS);
	char *text = NULL;

	if (count < 0) {
		failed(err, "iothreadpin");
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		if (threads[i]->iothread_id == id)
			text = map_text(threads[i]->cpumap, threads[i]->cpumaplen);
		lib.virDomainIOThreadInfoFree(threads[i]);
	}
	free(threads);
	if (!text)
		absent(err, "such IOThread");
	return text;
}

static int pin_vcpu(virDomainPtr domain, unsigned int vcpu, unsigned char *map, int length)
{
	return lib.virDomainPinVcpu(domain, vcpu, map, length); /* the running domain only */
}

static int pin_emulator(virDomainPtr domain, unsigned int number, unsigned char *map, int length)
{
	(void)number;
	return lib.virDomainPinEmulator(domain, map, length, FLAGS);
}

static int pin_iothread(virDomainPtr domain, unsigned int id, unsigned char *map, int length)
{
	return lib.virDomainPinIOThread(domain, id, map, length, FLAGS);
}

/* ---- typed parameters ----------------------------------------------------------------------- */

enum kind { PINS, SCHEDULER, MEMORY, NUMA };

static int get_parameters(enum kind kind, virDomainPtr domain, virTypedParameterPtr list, int *count)
{
	switch (kind) {
	case SCHEDULER:
		return lib.virDomainGetSchedulerParametersFlags(domain, list, count, FLAGS);
	case MEMORY:
		return lib.virDomainGetMemoryParameters(domain, list, count, FLAGS);
	default:
		return lib.virDomainGetNumaParameters(domain, list, count, FLAGS);
	}
}

static int set_parameter(enum kind kind, virDomainPtr domain, virTypedParameterPtr parameter)
{
	switch (kind) {
	case SCHEDULER:
		return lib.virDomainSetSchedulerParametersFlags(domain, parameter, 1, FLAGS);
	case MEMORY:
		return lib.virDomainSetMemoryParameters(domain, parameter, 1, FLAGS);
	default:
		return lib.virDomainSetNumaParameters(domain, parameter, 1, FLAGS);
	}
}

/* How many there are: of the scheduler's another call knows, of the others the same with no list. */
static int count_parameters(enum kind kind, virDomainPtr domain)
{
	int count = 0;
	char *type;

	if (kind != SCHEDULER)
		return get_parameters(kind, domain, NULL, &count) < 0 ? -1 : count;
	type = lib.virDomainGetSchedulerType(domain, &count);
	free(type);
	return type ? count : -1;
}

/* All parameters of a kind; the caller frees them by virTypedParamsFree. */
static virTypedParameterPtr get_all(const struct domain *domain, enum kind kind, int *count)
{
	virTypedParameterPtr list;

	*count = count_parameters(kind, domain->pointer);
	if (*count < 0)
		return NULL;
	list = xcalloc((size_t)*count + 1, sizeof(*list));
	if (get_parameters(kind, domain->pointer, list, count) >= 0)
		return list;
	free(list);
	return NULL;
}

static virTypedParameterPtr find_parameter(virTypedParameterPtr list, int count, const char *word,
	struct error *err)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(list[i].field, word))
			return &list[i];
	absent(err, word);
	return NULL;
}

static char *parameter_text(const virTypedParameter *parameter)
{
	switch (parameter->type) {
	case VIR_TYPED_PARAM_INT:
		return xasprintf("%d", parameter->value.i);
	case VIR_TYPED_PARAM_UINT:
		return xasprintf("%u", parameter->value.ui);
	case VIR_TYPED_PARAM_LLONG:
		return xasprintf("%lld", parameter->value.l);
	case VIR_TYPED_PARAM_ULLONG:
		return xasprintf("%llu", parameter->value.ul);
	case VIR_TYPED_PARAM_STRING:
		return xstrdup(parameter->value.s ? parameter->value.s : "");
	default:
		return NULL;
	}
}

/* In the type that libvirt itself has reported. */
static int parameter_parse(virTypedParameterPtr parameter, const char *value)
{
	char *end = NULL;

	errno = 0;
	switch (parameter->type) {
	case VIR_TYPED_PARAM_LLONG:
		parameter->value.l = strtoll(value, &end, 10);
		break;
	case VIR_TYPED_PARAM_ULLONG:
		parameter->value.ul = strtoull(value, &end, 10);
		break;
	case VIR_TYPED_PARAM_UINT:
		parameter->value.ui = (unsigned int)strtoul(value, &end, 10);
		break;
	case VIR_TYPED_PARAM_STRING:
		parameter->value.s = (char *)(uintptr_t)value; /* set_parameter only reads it */
		return 0;
	default:
		break;
	}
	return errno || !end || end == value || *end ? -EINVAL : 0;
}

static char *read_parameter(const struct domain *domain, enum kind kind, const char *word, struct error *err)
{
	int count;
	virTypedParameterPtr list = get_all(domain, kind, &count), found;
	char *text = NULL;

	if (!list) {
		failed(err, word);
		return NULL;
	}
	found = find_parameter(list, count, word, err);
	if (found)
		text = parameter_text(found);
	lib.virTypedParamsFree(list, count);
	return text;
}

static int write_parameter(const struct domain *domain, enum kind kind, const char *word, const char *value,
	struct error *err)
{
	int count, status = -ENOENT;
	virTypedParameterPtr list = get_all(domain, kind, &count), found;

	if (!list)
		return failed(err, word);
	found = find_parameter(list, count, word, err);
	if (found) {
		virTypedParameter wanted = *found;

		if (parameter_parse(&wanted, value) < 0)
			status = error_set(err, EINVAL, "libvirt: '%s' is no %s", value, word);
		else
			status = set_parameter(kind, domain->pointer, &wanted) < 0 ? failed(err, word) : 0;
	}
	lib.virTypedParamsFree(list, count);
	return status;
}

/* ---- properties ----------------------------------------------------------------------------- */

static const struct property {
	const char *word;
	bool numbered;
	enum kind kind;
	char *(*read)(const struct domain *domain, unsigned int number, struct error *err);
	int (*pin)(virDomainPtr domain, unsigned int number, unsigned char *map, int length);
} properties[] = {
	{ "vcpupin", true, PINS, read_vcpu, pin_vcpu },
	{ "emulatorpin", false, PINS, read_emulator, pin_emulator },
	{ "iothreadpin", true, PINS, read_iothread, pin_iothread },
	{ "cpu_shares", false, SCHEDULER, NULL, NULL },
	{ "global_period", false, SCHEDULER, NULL, NULL },
	{ "global_quota", false, SCHEDULER, NULL, NULL },
	{ "soft_limit", false, MEMORY, NULL, NULL },
	{ "hard_limit", false, MEMORY, NULL, NULL },
	{ "numa_nodeset", false, NUMA, NULL, NULL },
	{ "numa_mode", false, NUMA, NULL, NULL },
};

/* The row of "vcpupin 3", and its number. */
static const struct property *property_of(const char *word, unsigned int *number, struct error *err)
{
	size_t length = strcspn(word, " ");

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		const struct property *row = &properties[i];

		if (strlen(row->word) != length || strncmp(row->word, word, length) != 0 ||
			(word[length] == ' ') != row->numbered)
			continue;
		*number = row->numbered ? (unsigned int)strtoul(word + length, NULL, 10) : 0;
		return row;
	}
	error_set(err, EINVAL, "libvirt has no '%s' for us", word);
	return NULL;
}

static char *read_property(const struct domain *domain, const struct property *row, unsigned int number,
	struct error *err)
{
	return row->kind == PINS ? row->read(domain, number, err)
				 : read_parameter(domain, row->kind, row->word, err);
}

char *domain_read(const struct domain *domain, const char *word, struct error *err)
{
	unsigned int number;
	const struct property *row = property_of(word, &number, err);

	if (row)
		return read_property(domain, row, number, err);
	errno = EINVAL;
	return NULL;
}

static int write_pins(const struct domain *domain, const struct property *row, unsigned int number,
	const char *value, struct error *err)
{
	int length = map_length(domain, err), status = 0;
	unsigned char *map = length ? map_parse(value, length, err) : NULL;

	if (!map)
		return -EINVAL;
	if (row->pin(domain->pointer, number, map, length) < 0)
		status = failed(err, row->word);
	free(map);
	return status;
}

int domain_write(const struct domain *domain, const char *word, const char *value, struct error *err)
{
	unsigned int number;
	const struct property *row = property_of(word, &number, err);

	if (!row)
		return -EINVAL;
	return row->kind == PINS ? write_pins(domain, row, number, value, err)
				 : write_parameter(domain, row->kind, row->word, value, err);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void add_property(struct libvirt_values *values, const struct domain *domain,
	const struct property *row, unsigned int number)
{
	char *value = read_property(domain, row, number, NULL);
	char *word = row->numbered ? xasprintf("%s %u", row->word, number) : xstrdup(row->word);

	if (value)
		libvirt_value_add(values, word, value);
	free(word);
	free(value);
}

static void add_iothreads(struct libvirt_values *values, const struct domain *domain,
	const struct property *row)
{
	virDomainIOThreadInfoPtr *threads = NULL;
	int count = lib.virDomainGetIOThreadInfo(domain->pointer, &threads, FLAGS);

	for (int i = 0; i < count; i++) {
		add_property(values, domain, row, threads[i]->iothread_id);
		lib.virDomainIOThreadInfoFree(threads[i]);
	}
	free(threads);
}

void domain_read_all(const struct domain *domain, unsigned int vcpus, struct libvirt_values *values)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		const struct property *row = &properties[i];

		if (row->read == read_iothread)
			add_iothreads(values, domain, row);
		else
			for (unsigned int number = 0; number < (row->numbered ? vcpus : 1); number++)
				add_property(values, domain, row, number);
	}
}

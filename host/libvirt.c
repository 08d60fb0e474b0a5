/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of libvirt, each call with an end; libvirt_domain.c has what is in them. */
#include "host/libvirt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/libvirt_domain.h"
#include "host/patience.h"
#include "lib/xalloc.h"

#define READ_S  10
#define WRITE_S 120 /* other nodes for a domain: the kernel moves its memory before libvirt answers */

/* ---- calls, each with an end ---------------------------------------------------------------- */

/* What a call is given and gives back. All of it is its own: one that was given up still uses it. */
struct call {
	int (*work)(struct call *call, const struct domain *domain);
	char *uri, *uuid, *word;
	unsigned int vcpus;
	char *text; /* to write, or as read */
	struct libvirt_values values;
	struct error err;
};

static void call_free(void *opaque)
{
	struct call *call = opaque;

	free(call->uri);
	free(call->uuid);
	free(call->word);
	free(call->text);
	libvirt_values_release(&call->values);
	free(call);
}

static int call_run(void *opaque)
{
	struct call *call = opaque;
	struct domain domain;
	int status = domain_open(&domain, call->uri, call->uuid, &call->err);

	if (status < 0)
		return status;
	status = call->work(call, &domain);
	domain_close(&domain);
	return status;
}

static struct call *call_new(const char *uri, const char *uuid, const char *word,
	int (*work)(struct call *call, const struct domain *domain))
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->work = work;
	call->word = word ? xstrdup(word) : NULL;
	call->uri = xstrdup(uri);
	call->uuid = xstrdup(uuid);
	return call;
}

/* Makes the call. NULL with @err and errno: there is no result, and the call is freed. */
static struct call *call_make(struct call *call, unsigned int seconds, struct error *err)
{
	static struct patience patience = PATIENCE_INITIALIZER;
	int status = patience_run(&patience, seconds, call_run, call, call_free);

	if (status >= 0)
		return call;
	if (status == -ETIMEDOUT) {
		error_set(err, EAGAIN, "libvirt has not answered for %u s", seconds);
	} else if (status == -EBUSY) {
		error_set(err, EAGAIN, "libvirt has not answered an earlier call yet");
	} else if (err) {
		*err = call->err;
	}
	if (status != -ETIMEDOUT)
		call_free(call);
	errno = status == -ETIMEDOUT || status == -EBUSY ? EAGAIN : -status;
	return NULL;
}

static int look(struct call *call, const struct domain *domain)
{
	(void)call;
	(void)domain;
	return 0;
}

int libvirt_find(const char *uri, const char *uuid, struct error *err)
{
	struct call *call = call_make(call_new(uri, uuid, NULL, look), READ_S, err);

	if (!call)
		return -errno;
	call_free(call);
	return 0;
}

static int read_one(struct call *call, const struct domain *domain)
{
	errno = 0;
	call->text = domain_read(domain, call->word, &call->err);
	return call->text ? 0 : errno ? -errno : -EIO;
}

char *libvirt_read(const char *uri, const char *uuid, const char *word, struct error *err)
{
	struct call *call = call_make(call_new(uri, uuid, word, read_one), READ_S, err);
	char *text;

	if (!call)
		return NULL;
	text = call->text;
	call->text = NULL;
	call_free(call);
	return text;
}

static int write_one(struct call *call, const struct domain *domain)
{
	return domain_write(domain, call->word, call->text, &call->err);
}

int libvirt_write(const char *uri, const char *uuid, const char *word, const char *value, struct error *err)
{
	struct call *call = call_new(uri, uuid, word, write_one);

	call->text = xstrdup(value);
	call = call_make(call, WRITE_S, err);
	if (!call)
		return -errno;
	call_free(call);
	return 0;
}

static int read_values(struct call *call, const struct domain *domain)
{
	domain_read_all(domain, call->vcpus, &call->values);
	return 0;
}

int libvirt_read_all(const char *uri, const char *uuid, unsigned int vcpus, struct libvirt_values *values,
	struct error *err)
{
	struct call *call = call_new(uri, uuid, NULL, read_values);

	*values = (struct libvirt_values){ 0 };
	call->vcpus = vcpus;
	call = call_make(call, READ_S, err);
	if (!call)
		return -errno;
	*values = call->values;
	call->values = (struct libvirt_values){ 0 };
	call_free(call);
	return 0;
}

/* ---- lists of values ------------------------------------------------------------------------ */

const char *libvirt_value_of(const struct libvirt_values *values, const char *word)
{
	for (unsigned int i = 0; i < values->count; i++)
		if (!strcmp(values->list[i].word, word))
			return values->list[i].value;
	return NULL;
}

void libvirt_value_add(struct libvirt_values *values, const char *word, const char *value)
{
	values->list = xreallocarray(values->list, values->count + 1, sizeof(*values->list));
	values->list[values->count++] = (struct libvirt_value){ xstrdup(word), xstrdup(value) };
}

void libvirt_values_release(struct libvirt_values *values)
{
	for (unsigned int i = 0; i < values->count; i++) {
		free(values->list[i].word);
		free(values->list[i].value);
	}
	free(values->list);
	*values = (struct libvirt_values){ 0 };
}

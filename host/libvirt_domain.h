/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain of libvirt and its properties, whose words host/libvirt.h has. Any of these may wait for ever. */
#ifndef VMTUNE_HOST_LIBVIRT_DOMAIN_H
#define VMTUNE_HOST_LIBVIRT_DOMAIN_H

#include <libvirt/libvirt.h>

#include "host/libvirt.h"

struct domain {
	virConnectPtr connection;
	virDomainPtr pointer;
};

/* One that runs. 0, or -errno with @err: -ESRCH, there is none; -EAGAIN, libvirt could not be asked. */
int domain_open(struct domain *domain, const char *uri, const char *uuid, struct error *err);
void domain_close(struct domain *domain);

/* The caller frees. NULL with @err and errno. */
char *domain_read(const struct domain *domain, const char *word, struct error *err);
/* 0, or -errno with @err. */
int domain_write(const struct domain *domain, const char *word, const char *value, struct error *err);
/* Adds those there are. */
void domain_read_all(const struct domain *domain, unsigned int vcpus, struct libvirt_values *values);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests that libvirt has started, by libvirt's own word. */
#include <stdlib.h>

#include "host/guest_internal.h"
#include "lib/xalloc.h"

struct guest_domain *guest_domain_new(const char *uuid)
{
	struct guest_domain *domain = xcalloc(1, sizeof(*domain));

	domain->uuid = xstrdup(uuid);
	return domain;
}

void guest_domain_free(struct guest_domain *domain)
{
	if (!domain)
		return;
	free(domain->uuid);
	free(domain->uri);
	free(domain->why);
	libvirt_values_release(&domain->values);
	free(domain);
}

void guest_ask_libvirt(struct guest *guest, const char *uri)
{
	struct guest_domain *domain = guest->domain;
	struct error err;

	if (!domain || !guest->handles)
		return;
	free(domain->uri);
	free(domain->why);
	domain->uri = domain->why = NULL;
	libvirt_values_release(&domain->values);
	if (libvirt_read_all(uri, domain->uuid, guest->vcpu_count, &domain->values, &err) < 0)
		domain->why = xstrdup(err.text);
	else
		domain->uri = xstrdup(uri);
}

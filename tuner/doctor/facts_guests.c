// SPDX-License-Identifier: GPL-2.0-or-later
/* What the doctor asks about each guest: on which node its pages are, how large they are, what is swapped. */
#include <stdlib.h>

#include "host/proc.h"
#include "tuner/doctor/facts_internal.h"

/* Shares to about two percent, whatever the guest's size; see host/guest_map.c. */
#define SAMPLES 2048

static uint64_t swapped(const struct root *root, const struct guest *guest)
{
	char *status = root_read_all(root, NULL, "/proc/%d/status", (int)guest->pid);
	uint64_t bytes = status ? proc_field_bytes(status, "VmSwap") : PROC_UNKNOWN;

	free(status);
	return bytes == PROC_UNKNOWN ? FACT_UNKNOWN : bytes;
}

void facts_read_guests(struct facts *facts, const struct root *root)
{
	struct snapshot *snapshot = facts->snapshot;

	for (unsigned int i = 0; i < snapshot->guests.count; i++) {
		struct guest *guest = &snapshot->guests.guests[i];
		struct guest_facts *row = &facts->guests[i];

		row->swapped = swapped(root, guest);
		if (!root_is_live(root)) /* move_pages(2) would ask a process of this machine */
			continue;
		guest_refresh_huge(root, guest);
		(void)guest_map_read(guest, snapshot->machine, SAMPLES, &row->map); /* empty when it cannot be read */
	}
}

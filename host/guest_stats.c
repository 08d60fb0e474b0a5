// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest says of itself: the statistics its balloon driver sends (virtio 5.5.6.4), as the VMM's
 * control socket gives them. QEMU asks the driver only where guest-stats-polling-interval was set, which
 * libvirt does (memballoon, stats period); that is left as it is.
 */
#include <string.h>

#include "host/guest.h"
#include "host/qmp.h"

/* Devices with an id, and without one. */
static const char *const containers[] = {"/machine/peripheral", "/machine/peripheral-anon"};

static json_t *get_stats(struct qmp *qmp, const char *container, const char *device)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", container, device);
	return qmp_call(qmp, "qom-get", json_pack("{s:s, s:s}", "path", path, "property", "guest-stats"),
		NULL);
}

static json_t *find_stats(struct qmp *qmp)
{
	json_t *stats = NULL, *row;
	size_t index;

	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]) && !stats; i++) {
		json_t *rows = qmp_call(qmp, "qom-list", json_pack("{s:s}", "path", containers[i]), NULL);

		json_array_foreach(rows, index, row) {
			const char *type = json_string_value(json_object_get(row, "type"));
			const char *name = json_string_value(json_object_get(row, "name"));

			if (!stats && type && name && !strncmp(type, "child<virtio-balloon", 20))
				stats = get_stats(qmp, containers[i], name);
		}
		json_decref(rows);
	}
	return stats;
}

/*
 * QEMU writes 2^64-1 for what the guest does not report. That is no integer to jansson, and the client then
 * takes all numbers of the answer as real ones: exact up to 2^53, which counters of bytes do not reach.
 */
static uint64_t figure(const json_t *stats, const char *name)
{
	const json_t *value = json_object_get(json_object_get(stats, "stats"), name);
	double number = json_number_value(value);

	return json_is_number(value) && number >= 0 && number < (double)INT64_MAX ? (uint64_t)number
										  : GUEST_UNKNOWN;
}

void guest_read_stats(const struct guest *guest, int timeout_ms, struct guest_stats *stats)
{
	struct qmp *qmp = guest->qmp && guest->handles ? qmp_connect(guest->qmp, timeout_ms, NULL) : NULL;
	json_t *answer = qmp ? find_stats(qmp) : NULL;
	bool asked = json_number_value(json_object_get(answer, "last-update")) > 0;

	memset(stats, 0xff, sizeof(*stats)); /* GUEST_UNKNOWN */
	if (asked) {
		stats->total = figure(answer, "stat-total-memory");
		stats->free = figure(answer, "stat-free-memory");
		stats->available = figure(answer, "stat-available-memory");
		stats->major_faults = figure(answer, "stat-major-faults");
		stats->swap_in = figure(answer, "stat-swap-in");
		stats->swap_out = figure(answer, "stat-swap-out");
	}
	json_decref(answer);
	qmp_close(qmp);
}

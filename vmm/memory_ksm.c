// SPDX-License-Identifier: GPL-2.0-or-later
/* KSM marks at run time. The kernel takes MADV_MERGEABLE for any memory and ignores it for most. */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/memory_internal.h"

/* Why KSM cannot merge @node, or NULL. */
static const char *obstacle(const struct memory_node *node)
{
	if (memory_is_hugetlb(node))
		return "hugetlb pages";
	return node->config.shared ? "shared memory" : NULL;
}

static int mark(const struct memory_region *region, bool mergeable, struct error *err)
{
	if (madvise(region->host, region->size, mergeable ? MADV_MERGEABLE : MADV_UNMERGEABLE) < 0)
		return error_errno(err, errno, "guest node %u: cannot %s it for KSM%s", region->node,
			mergeable ? "mark" : "unmark",
			errno == EINVAL ? " (this kernel does not do KSM)" : "");
	return 0;
}

int memory_set_mergeable(struct guest_memory *memory, bool mergeable, struct error *err)
{
	for (unsigned int i = 0; i < memory->node_count; i++) {
		const char *why = obstacle(&memory->nodes[i]);

		if (why)
			return error_set(err, EINVAL,
				"guest node %u has %s; KSM merges only private memory of normal pages", i, why);
	}
	for (unsigned int i = 0; i < memory->region_count; i++) {
		struct memory_region *region = &memory->regions[i];

		if (mark(region, mergeable, err) < 0)
			return -EINVAL;
		memory->nodes[region->node].config.mergeable = mergeable;
	}
	return 0;
}

bool memory_is_mergeable(const struct guest_memory *memory, unsigned int node)
{
	return memory->nodes[node].config.mergeable;
}

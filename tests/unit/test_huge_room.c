// SPDX-License-Identifier: GPL-2.0-or-later
/* How many huge pages a node can give, from the kernel's lists of free pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/huge_room.h"
#include "lib/size.h"
#include "tests/unit/tree.h"

static struct root root;

static int setup(void **state)
{
	(void)state;
	if (tree_open(&root))
		return -1;
	tree_put(&root, "/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 4194304 kB\nNode 0 MemFree: 1048576 kB\n"
		"Node 0 Active(file): 65536 kB\nNode 0 Inactive(file): 65536 kB\n");
	tree_put(&root, "/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 4194304 kB\nNode 1 MemFree: 2048 kB\n"
		"Node 1 Active(file): 0 kB\nNode 1 Inactive(file): 0 kB\n");
	tree_put(&root, "/proc/buddyinfo",
		"Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3\n"
		"Node 0, zone   Normal   3933   8425   4741   1692   1024    504    261    143    105     10     20\n"
		"Node 1, zone   Normal    512      0      0      0      0      0      0      0      0      0      0\n");
	tree_put(&root, "/proc/pagetypeinfo",
		"Page block order: 9\n"
		"Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10\n"
		"Node    0, zone   Normal, type    Unmovable    256    128      0      0      0      0      0      0      0      7      9\n"
		"Node    0, zone   Normal, type      Movable >100000   1626   1372    986    639    375    181     38      6      0      0\n"
		"Node    0, zone   Normal, type  Reclaimable      0      0      0      0      0      0      0      0      2      0      0\n"
		"Node    1, zone   Normal, type    Unmovable    512      0      0      0      0      0      0      0      0      0      0\n"
		"\nNumber of blocks type     Unmovable      Movable  Reclaimable\n"
		"Node 0, zone   Normal          149        10429          174\n"
		"\nNumber of mixed blocks    Unmovable      Movable  Reclaimable\n" /* with page_owner */
		"Node 0, zone   Normal            7           77            7\n");
	tree_put(&root, "/proc/zoneinfo",
		"Node 0, zone      DMA\n  per-node stats\n      nr_low 999\n        min      10\n        low      256\n        high     16\n"
		"Node 0, zone   Normal\n        low      256\n              count:    1024\n              high:     0\n"
		"Node 1, zone   Normal\n        low      512\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&root);
}

static int read_room(unsigned int node, struct huge_room *room)
{
	struct huge_lists lists;
	int status;

	huge_lists_read(&root, &lists);
	status = huge_room_read(&root, &lists, node, room);
	huge_lists_release(&lists);
	return status;
}

static void room_is_read_by_node(void **state)
{
	struct huge_room room;

	(void)state;
	assert_int_equal(read_room(0, &room), 0);
	assert_int_equal(room.free, GIB + 4 * MIB);
	assert_int_equal(room.cache, 128 * MIB);
	assert_int_equal(room.whole, (1 + 10) * 2 * MIB + (3 + 20) * 4 * MIB);
	assert_int_equal(room.fixed, (149 + 174) * 2 * MIB);
	assert_int_equal(room.kept, 2 * MIB);
	assert_int_equal(read_room(2, &room), -ENOENT);
}

/* Pieces of free memory, most page cache and what CPUs have at hand count: all these become huge pages when the node is compacted. */
static void what_can_be_brought_together_counts(void **state)
{
	struct huge_room room;

	(void)state;
	read_room(0, &room);
	assert_int_equal(huge_room_now(&room, 2 * MIB), 11 + 46 - 1);
	assert_int_equal(huge_room_pages(&room, 2 * MIB), 514 + 64 - 1 - 81 - 1);
}

static void a_node_with_nothing_gives_nothing(void **state)
{
	struct huge_room room;

	(void)state;
	read_room(1, &room);
	assert_int_equal(huge_room_now(&room, 2 * MIB), 0);
	assert_int_equal(huge_room_pages(&room, 2 * MIB), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_is_read_by_node),
		cmocka_unit_test(what_can_be_brought_together_counts),
		cmocka_unit_test(a_node_with_nothing_gives_nothing),
	};

	return cmocka_run_group_tests_name("huge room", tests, setup, teardown);
}

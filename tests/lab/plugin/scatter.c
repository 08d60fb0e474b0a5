// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes a process's large mappings apart, for tests/lab/compare: `scatter PID NODE...` moves each 2M of them to the
 * next of the nodes in turn, so that whoever wants the memory together has to move some of it.
 */
#include <linux/mempolicy.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE  4096UL
#define BLOCK (2UL << 20)
#define LARGE (64UL << 20)
#define PAGES (BLOCK / PAGE)

static void move_block(int pid, uint64_t start, int node)
{
	void *page[PAGES];
	int to[PAGES], said[PAGES];

	for (unsigned long i = 0; i < PAGES; i++) {
		page[i] = (void *)(uintptr_t)(start + i * PAGE);
		to[i] = node;
	}
	/* A huge page comes along with its first part; of one that does not move, or was never touched, nothing is said. */
	syscall(SYS_move_pages, pid, 1UL, page, to, said, MPOL_MF_MOVE);
	syscall(SYS_move_pages, pid, PAGES - 1, page + 1, to + 1, said + 1, MPOL_MF_MOVE);
}

int main(int argc, char **argv)
{
	unsigned long start, end, turn = 0;
	char path[64], line[512];
	int pid = argc > 2 ? atoi(argv[1]) : 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = pid > 0 ? fopen(path, "r") : NULL;
	if (!maps) {
		fprintf(stderr, "usage: scatter PID NODE...\n");
		return 2;
	}
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx rw", &start, &end) != 2 || end - start < LARGE)
			continue;
		for (uint64_t at = (start + BLOCK - 1) / BLOCK * BLOCK; at + BLOCK <= end; at += BLOCK, turn++)
			move_block(pid, at, atoi(argv[2 + turn % (unsigned long)(argc - 2)]));
	}
	fclose(maps);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fragments the machine's memory, for tests of huge pages: `fragment MIB KEEP UNMOVABLE` takes MIB of memory in 4K
 * pages, has the kernel keep one page of UNMOVABLE in a hundred of the 2M (the buffer of a pipe, which cannot be
 * moved), and gives back all but KEEP percent of the others. Says "ready" and holds what it has until it is killed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE   ((size_t)4096)
#define BLOCK  ((size_t)2 << 20)
#define PAGES  (BLOCK / PAGE)

static char page[PAGE];

/* One page for a pipe, that was given back the moment before. */
static int hold_page(void)
{
	int fd[2];

	return pipe(fd) < 0 || write(fd[1], page, PAGE) != (ssize_t)PAGE;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	size_t size = argc == 4 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	unsigned int keep = argc == 4 ? (unsigned int)atoi(argv[2]) : 0, unmovable = size ? (unsigned int)atoi(argv[3]) : 0;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		files.rlim_cur = files.rlim_max;
	if (memory == MAP_FAILED || setrlimit(RLIMIT_NOFILE, &files) < 0) {
		fprintf(stderr, "usage (as root): fragment MIB KEEP UNMOVABLE\n");
		return 2;
	}
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += PAGE)
		memory[at] = 1;
	srandom(1);
	for (size_t block = 0; block + BLOCK <= size; block += BLOCK) {
		if ((unsigned int)random() % 100 >= unmovable)
			continue;
		madvise(memory + block + (size_t)random() % PAGES * PAGE, PAGE, MADV_DONTNEED);
		if (hold_page())
			perror("fragment: pipe");
	}
	for (size_t at = 0; at < size; at += PAGE)
		if ((unsigned int)random() % 100 >= keep)
			madvise(memory + at, PAGE, MADV_DONTNEED);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

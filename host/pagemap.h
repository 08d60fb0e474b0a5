/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst), and choosing pages for a sample. */
#ifndef VMTUNE_HOST_PAGEMAP_H
#define VMTUNE_HOST_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGEMAP_PAGE    UINT64_C(4096) /* bytes that an entry stands for */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FILE    (UINT64_C(1) << 61)       /* of a file or shared memory */
#define PAGEMAP_FRAME   ((UINT64_C(1) << 55) - 1) /* 0 for who may not know it */

/* A descriptor, the caller's to close; negative with errno. */
int pagemap_open(pid_t pid);
/* Entry @index of such a file, or of one of the others that have 8 bytes a page. False: it cannot be read. */
bool pagemap_read(int fd, uint64_t index, uint64_t *entry);

/*
 * A page somewhere in strip @i of @count equal strips of @pages, for a sample that leaves no part out. *@length: how
 * many pages it stands for; 0, and then there is none, where there are more strips than pages.
 */
uint64_t sample_page(uint64_t pages, uint64_t count, uint64_t i, uint64_t *length);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages with known contents (job fill). */
#ifndef VMTUNE_GUEST_FILL_H
#define VMTUNE_GUEST_FILL_H

#include "guest/guest.h"

/* Writes the job's pages [first, end). */
void fill_pages(struct guest *guest, uint64_t first, uint64_t end);
/* Writes other contents to a page, for job rewrite. */
void fill_anew(struct guest *guest, uint64_t page, uint64_t pass);
/* Compares all pages of the job with what fill wrote; returns how many differ. */
uint64_t fill_verify(struct guest *guest);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes of a profile as written one for the guests that run: each vm section with "attach" gets its
 * guest, and with attach_all there is a section for every other one. Before planning and verifying,
 * which speak of guests by identity and know how large they are.
 */
#ifndef VMTUNE_TUNER_ATTACH_H
#define VMTUNE_TUNER_ATTACH_H

#include "host/snapshot.h"
#include "lib/error.h"
#include "tuner/profile/profile.h"

enum attach_missing {
	ATTACH_ALL,     /* a section whose guest does not run is an error */
	ATTACH_PRESENT, /* it stays without one (guest_pid 0): for verify, which then says so */
};

/*
 * Finds the guests of @snapshot, asks those that run here for their threads (QMP) and where their pages
 * are, and fills in what the sections leave open. Returns 0, or negative with @err ("FILE:LINE: no such
 * guest, or more than one, or it is not what the section says").
 */
int attach_guests(struct profile *profile, struct snapshot *snapshot, enum attach_missing missing,
	struct error *err);

/* The guest that the text of an attach key names: how many match, and in *@found the first. */
unsigned int attach_find(const struct guest_list *guests, const char *attach, const struct guest **found);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine as it would be without the limits that vmtune itself has put on the host's other work (the profile's
 * isolate). vmtune runs among that work: it would find that the CPUs it gave away are not for it to give, and
 * take a limit of its own for the administrator's.
 */
#ifndef VMTUNE_TUNER_OWN_LIMITS_H
#define VMTUNE_TUNER_OWN_LIMITS_H

#include "host/root.h"
#include "host/snapshot.h"

/*
 * Sets ->foreign of the snapshot's groups by what the journal says was there before, where what is there now is
 * vmtune's; and gives ->machine->allowed back the CPUs that this process lost with its group. Reads the journal;
 * without one nothing changes.
 */
void own_limits_lift(struct snapshot *snapshot, const struct root *root);

#endif

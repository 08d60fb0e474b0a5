/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that read the doctor's facts. */
#ifndef VMTUNE_TUNER_DOCTOR_FACTS_INTERNAL_H
#define VMTUNE_TUNER_DOCTOR_FACTS_INTERNAL_H

#include "tuner/doctor/facts.h"

void facts_read_guests(struct facts *facts, const struct root *root);

#endif

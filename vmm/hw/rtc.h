/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's real-time clock: what firmware and kernels read the time of day from at start. */
#ifndef VMTUNE_VMM_HW_RTC_H
#define VMTUNE_VMM_HW_RTC_H

#include "lib/error.h"
#include "vmm/vm.h"

struct rtc;

struct rtc *rtc_new(struct vm *vm, struct error *err);
void rtc_free(struct rtc *rtc);

#endif

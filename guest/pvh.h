/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader tells a PVH guest (Xen's public/arch-x86/hvm/start_info.h): memory map, command
 * line, RSDP, modules; copied, because it may lie where the guest puts other things.
 */
#ifndef VMTUNE_GUEST_PVH_H
#define VMTUNE_GUEST_PVH_H

#include "guest/types.h"

#define PVH_CMDLINE 4096
#define PVH_RANGES  128

struct range {
	uint64_t start, end;
};

struct pvh_info {
	char cmdline[PVH_CMDLINE];
	uint64_t rsdp;                   /* 0: unknown */
	struct range ram[PVH_RANGES];    /* sorted, not overlapping */
	unsigned int ram_count;
	struct range module[PVH_RANGES]; /* loaded beside the guest, not to be overwritten */
	unsigned int module_count;
};

/* Returns NULL, or what is wrong with the start info at @address. */
const char *pvh_read(struct pvh_info *info, uint64_t address);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The version of the whole toolkit: --version of each program, and QMP's greeting. */
#ifndef VMTUNE_LIB_VERSION_H
#define VMTUNE_LIB_VERSION_H

#define VMTUNE_VERSION_MAJOR 0
#define VMTUNE_VERSION_MINOR 1
#define VMTUNE_VERSION_MICRO 0
#define VMTUNE_VERSION       "0.1.0"

#endif

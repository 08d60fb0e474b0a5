# SPDX-License-Identifier: GPL-2.0-or-later
# A triple fault: an undefined instruction, and no interrupt table.
	.include "tests/vm/payload/pvh.inc"

start:
	mov	$'T', %al
	putc
	lidt	none
	ud2
none:	.word	0
	.long	0

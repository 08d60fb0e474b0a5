# SPDX-License-Identifier: GPL-2.0-or-later
# Prints "ready\n", then each byte that comes in, upper case; 'q' powers off.
	.include "tests/vm/payload/pvh.inc"

start:
	mov	$hello, %esi
1:	lodsb
	test	%al, %al
	jz	2f
	putc
	jmp	1b
2:	mov	$0x3fd, %dx
	in	(%dx), %al
	test	$1, %al
	jz	2b
	mov	$0x3f8, %dx
	in	(%dx), %al
	cmp	$'q', %al
	je	3f
	and	$0xdf, %al
	putc
	jmp	2b
3:	poweroff
	jmp	3b
hello:	.asciz	"ready\n"

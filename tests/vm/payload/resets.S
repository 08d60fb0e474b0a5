# SPDX-License-Identifier: GPL-2.0-or-later
# Resets the machine in every way there is, one after another. A count in RAM, which a reset leaves
# alone, says which is next; each life prints its digit, and the last one powers off.
	.include "tests/vm/payload/pvh.inc"
	.set	count, 0x30000

start:
	mov	count, %ebx
	cmp	$0x600d0000, %ebx	# the first life finds zero
	jae	1f
	mov	$0x600d0000, %ebx
1:	mov	%bl, %al
	add	$'0', %al
	putc
	movzbl	%bl, %ecx
	inc	%ebx
	mov	%ebx, count
	cmp	$3, %ecx
	ja	4f
	jmp	*ways(, %ecx, 4)

acpi:	mov	$0x602, %dx		# the FADT's reset register and value
	mov	$0x42, %al
	out	%al, (%dx)
	jmp	stuck
i8042:	mov	$0xfe, %al
	out	%al, $0x64
	jmp	stuck
chipset:
	mov	$0xcf9, %dx
	mov	$0x06, %al
	out	%al, (%dx)
	jmp	stuck
vector:	ljmp	$0x10, $0xffff0		# flat, not real mode; the code there runs in both
stuck:	mov	$'!', %al		# the reset comes before the next instruction
	putc
	hlt
	jmp	stuck

4:	poweroff
	jmp	stuck

ways:	.long	acpi, i8042, chipset, vector

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loops that the jobs measure, and nothing else, between job_loops_start and job_loops_end
 * (guest.ld): an observer that counts the memory accesses of this address range counts the
 * benchmark. In assembler, so that the number of accesses per step is what the comments say,
 * whatever the compiler; the stack is used only by call and ret.
 */
	.section .loops, "ax", @progbits
	.code64

	/* void *loop_chase(void *line, uint64_t steps): one load a step; steps a multiple of 16. */
	.globl loop_chase
	.align 64
loop_chase:
	.rept 16
	mov	(%rdi), %rdi
	.endr
	sub	$16, %rsi
	jnz	loop_chase
	mov	%rdi, %rax
	ret

	/*
	 * void loop_triad(double *a, const double *b, const double *c, uint64_t count): a = b + 3 c;
	 * 64 bytes of each array a round: eight loads and four stores of 16 bytes; count a multiple
	 * of 8, arrays aligned to 16 bytes.
	 */
	.globl loop_triad
	.align 64
loop_triad:
	mov	$3, %eax
	cvtsi2sd %eax, %xmm8
	unpcklpd %xmm8, %xmm8
	xor	%eax, %eax
	.align 32
1:
	.irp n, 0, 1, 2, 3
	movapd	16 * \n(%rdx,%rax,8), %xmm\n
	mulpd	%xmm8, %xmm\n
	addpd	16 * \n(%rsi,%rax,8), %xmm\n
	movapd	%xmm\n, 16 * \n(%rdi,%rax,8)
	.endr
	add	$8, %rax
	cmp	%rcx, %rax
	jb	1b
	ret

	/* void loop_set(double *to, uint64_t count, uint64_t value): one store of 8 bytes a step. */
	.globl loop_set
	.align 64
loop_set:
	cvtsi2sd %rdx, %xmm0
1:	movsd	%xmm0, (%rdi)
	add	$8, %rdi
	dec	%rsi
	jnz	1b
	ret

	/* void loop_write(void *page, uint64_t pages): one store of 8 bytes a page. */
	.globl loop_write
	.align 64
loop_write:
	movq	%rsi, (%rdi)
	add	$4096, %rdi
	dec	%rsi
	jnz	loop_write
	ret

	/* void loop_read(const void *page, uint64_t pages): one load of 8 bytes a page. */
	.globl loop_read
	.align 64
loop_read:
	mov	(%rdi), %rax
	add	$4096, %rdi
	dec	%rsi
	jnz	loop_read
	ret

	/* void loop_spin(uint64_t rounds): no memory access at all. */
	.globl loop_spin
	.align 64
loop_spin:
	dec	%rdi
	jnz	loop_spin
	ret

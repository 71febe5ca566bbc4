# The one trap path. A trap of a program lands at the end of its struct context (cpu.c puts that
# into the TSS); a trap of the kernel is an interrupt that ends a halt, or the end.

    .section .text, "ax"

# void context_run(struct context *c): returns when the program traps.
    .globl context_run
context_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, kernel_rsp
    mov %rdi, %rsp
    xor %eax, %eax              # selectors are not part of a context: clear them
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    jmp leave

    # First no flag of the program: not its direction, nor its AC, which opens user memory. The word
    # for that is where rax comes; there is no room below the context.
    .macro save
    push $2
    popfq
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

trap:
    save
    testb $3, 144(%rsp)         # cs
    jz from_kernel
    mov kernel_rsp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

# Non-maskable interrupt, double fault, machine check: the end, whoever was running.
fatal:
    save
from_kernel:
    mov %rsp, %rdi
    call x86_kernel_trap
leave:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

# One stub for each vector, 16 bytes apart; those with an error code come with it.
    .globl trap_stubs
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
    .else
    push $0
    .endif
    push $vector
    .if (vector == 2) || (vector == 8) || (vector == 18)
    jmp fatal
    .else
    jmp trap
    .endif
    .set vector, vector + 1
    .endr

    .section .bss, "aw", @nobits
    .balign 8
kernel_rsp:
    .skip 8

    .section .note.GNU-stack, "", @progbits

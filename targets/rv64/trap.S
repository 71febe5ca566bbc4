# The one trap path. While a program runs, sscratch points to its struct context; in the kernel it
# is zero, and a trap there is the end.

#define KERNEL_SP 280

    .section .text, "ax"

# void context_enter(struct context *c): returns when the program traps.
    .globl context_enter
context_enter:
    addi sp, sp, -112
    sd ra, 0(sp)
    sd s0, 8(sp)
    sd s1, 16(sp)
    sd s2, 24(sp)
    sd s3, 32(sp)
    sd s4, 40(sp)
    sd s5, 48(sp)
    sd s6, 56(sp)
    sd s7, 64(sp)
    sd s8, 72(sp)
    sd s9, 80(sp)
    sd s10, 88(sp)
    sd s11, 96(sp)
    sd sp, KERNEL_SP(a0)
    csrw sscratch, a0
    ld t0, 256(a0)
    csrw sepc, t0
    li t0, 0x100                # sstatus.SPP = U
    csrc sstatus, t0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, 8*\n(a0)
    .endr
    ld a0, 80(a0)
    sret

    .globl trap_entry
    .balign 4
trap_entry:
    csrrw a0, sscratch, a0
    beqz a0, from_kernel
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, 8*\n(a0)
    .endr
    csrrw t0, sscratch, zero
    sd t0, 80(a0)
    csrr t0, sepc
    sd t0, 256(a0)
    csrr t0, scause
    sd t0, 264(a0)
    csrr t0, stval
    sd t0, 272(a0)
    ld sp, KERNEL_SP(a0)
    ld ra, 0(sp)
    ld s0, 8(sp)
    ld s1, 16(sp)
    ld s2, 24(sp)
    ld s3, 32(sp)
    ld s4, 40(sp)
    ld s5, 48(sp)
    ld s6, 56(sp)
    ld s7, 64(sp)
    ld s8, 72(sp)
    ld s9, 80(sp)
    ld s10, 88(sp)
    ld s11, 96(sp)
    addi sp, sp, 112
    ret

# A trap of the kernel itself, perhaps because its stack ran over: on a stack of its own.
from_kernel:
    la a0, trap_registers
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, 8*\n(a0)
    .endr
    csrrw t0, sscratch, zero
    sd t0, 80(a0)
    la sp, panic_stack_top
    call rv64_panic

    .section .bss, "aw", @nobits
    .balign 16
trap_registers:
    .skip 256
panic_stack:
    .skip 4096
panic_stack_top:

# The first instructions of rv64. The kernel always runs in supervisor mode: the image for
# `-bios none` is entered in machine mode and has a prologue that delegates everything; the image
# for OpenSBI (-DOPENSBI) starts after it. Both get a0 = hart, a1 = device tree.

    .section .text.boot, "ax"
    .globl _start
_start:
#ifndef OPENSBI
    csrw mie, zero
    la t0, machine_trap
    csrw mtvec, t0
    li t0, -1                   # one PMP entry over everything, or U and S may touch nothing
    csrw pmpaddr0, t0
    li t1, 0x1f
    csrw pmpcfg0, t1
    csrw medeleg, t0
    csrw mideleg, t0
    csrw mcounteren, t0
    li t1, 1 << 63              # menvcfg.STCE: stimecmp
    csrs 0x30a, t1
    li t0, 3 << 11              # mstatus.MPP = S
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret

# Nothing is left to machine mode; what traps here all the same ends the run with the panic status.
    .balign 4
machine_trap:
    li t0, 0x100000
    li t1, 0x253333
    sw t1, 0(t0)
1:  j 1b
#endif

supervisor:
    csrw sie, zero
    csrw sscratch, zero
    la t0, trap_entry
    csrw stvec, t0
    # Firmware's settings are too wide for programs: no counters (there is a system call for the
    # time), no floating point and vector registers, which are not saved. And for the kernel: no
    # access to user memory, no interrupts, which are only polled.
    csrw scounteren, zero
    li t0, 0xc6642              # sstatus.MXR, SUM, FS, VS, UBE, SIE
    csrc sstatus, t0
    la sp, kernel_stack_top
    mv a0, a1
    call rv64_main

# What every program of this target is linked with: the header of the image, the first instructions
# of a program, and the system call.

    .section .user_header, "ax"
    .dword programs, programs_count, user_entry

    .section .text, "ax"

# a0 = argc, a1 = argv, a2 = main; its result is the exit status.
    .globl user_entry
user_entry:
    jalr a2
    mv a1, a0
    li a0, 1                    # SYS_EXIT
    call drywire_syscall

# int64_t drywire_syscall(nr, a, b, c, d, e): already in the registers of a system call.
    .globl drywire_syscall
drywire_syscall:
    ecall
    ret

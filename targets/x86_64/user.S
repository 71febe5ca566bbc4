# What every program of this target is linked with: the header of the image, the first instructions
# of a program, and the system call.

    .section .user_header, "ax"
    .quad programs, programs_count, user_entry

    .section .text, "ax"

# rdi = argc, rsi = argv, rdx = main; its result is the exit status.
    .globl user_entry
user_entry:
    call *%rdx
    movslq %eax, %rsi
    mov $1, %edi                # SYS_EXIT
    call drywire_syscall

# int64_t drywire_syscall(nr, a, b, c, d, e)
    .globl drywire_syscall
drywire_syscall:
    mov %rdi, %rax
    int $0x80                   # rax; rsi, rdx, rcx, r8, r9
    ret

    .section .note.GNU-stack, "", @progbits

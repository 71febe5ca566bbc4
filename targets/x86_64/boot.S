# The first instructions of x86-64: the PVH entry (32 bits, paging off, ebx = start info) and the
# way into long mode on a first map of the low gigabyte; paging.c makes the real one.

    .section .note.pvh, "a", @note
    .long 4, 4, 18              # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    mov $first_directory, %edi
    mov $0x83, %eax             # present, writable, 2 MiB
    mov $512, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    movl $first_pointers + 3, first_map
    movl $first_directory + 3, first_pointers
    mov $first_map, %eax
    mov %eax, %cr3
    # Whole registers: what firmware allowed is not what programs are allowed.
    mov $0x24, %eax             # PAE; no time stamps for programs (they have a system call)
    mov %eax, %cr4
    mov $0xc0000080, %ecx       # EFER: long mode, no-execute
    mov $0x900, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80010035, %eax       # paging, write protection in the kernel too, and no x87 and MMX:
    mov %eax, %cr0              # their registers are not saved
    lgdt boot_gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    xor %eax, %eax
    lldt %ax                    # after a reset the local table is valid and at address 0
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $kernel_stack_top, %rsp
    mov %ebx, %edi
    call x86_main

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff    # kernel text
    .quad 0x00cf92000000ffff    # kernel data
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss, "aw", @nobits
    .balign 4096
first_map:
    .skip 4096
first_pointers:
    .skip 4096
first_directory:
    .skip 4096

    .section .note.GNU-stack, "", @progbits

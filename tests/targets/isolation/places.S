# Where the kernel's parts lie, from its linker script.

    .section .rodata
    .balign 8
    .globl kernel_place
kernel_place:
    .quad kernel_text, kernel_rodata, kernel_data, kernel_stack, kernel_end

    .section .note.GNU-stack, "", %progbits

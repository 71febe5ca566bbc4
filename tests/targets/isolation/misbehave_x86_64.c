/*
 * What can go wrong on x86-64 only: see misbehave.h.
 */
#include "../../../core/base/array.h"
#include "misbehave.h"

enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_DATA = 0x1b, USER_CODE = 0x23, TASK = 0x28 };

enum {
    FLAG_TRAP = 1 << 8,
    FLAG_INTERRUPTS = 1 << 9,
    FLAG_DIRECTION = 1 << 10,
    FLAG_IOPL = 3 << 12,
    FLAG_NESTED = 1 << 14,
    FLAG_ALIGNMENT = 1 << 18,
};

#define LAPIC ((char *)0xfee00000)

/* One statement that must not get past its own instruction. */
#define ACT(name, text, ...)                                                                       \
    static const char *name(void)                                                                  \
    {                                                                                              \
        __asm__ volatile(text __VA_ARGS__);                                                        \
        return survived;                                                                           \
    }

/* ---- instructions that are the kernel's ---- */

ACT(cli, "cli")
ACT(hlt, "hlt")
ACT(write_cr3, "mov %0, %%cr3", ::"r"(UINT64_C(0)))
ACT(read_cr0, "mov %%cr0, %0", : "=r"((uint64_t){0}))
ACT(write_msr, "wrmsr", ::"a"(0), "d"(0), "c"(0xc0000080))
ACT(load_idt, "lidt %0", ::"m"(*(char *)STACK_BASE))
ACT(load_task, "ltr %w0", ::"r"(TASK))
ACT(port_in, "inb %%dx, %%al", ::"a"(0), "d"(0x3f8))
ACT(port_out, "outb %%al, %%dx", ::"a"(0x10), "d"(0xf4))
ACT(read_time, "rdtsc", ::: "eax", "edx")

/* ---- ways into the kernel ---- */

ACT(int_timer, "int $0x20")
ACT(int_device, "int $0x21")
ACT(int_double_fault, "int $8")
ACT(int_page_fault, "int $14") /* would push no error code */
ACT(int_spurious, "int $0xff")
ACT(breakpoint, "int3")
ACT(syscall, "syscall", ::: "rcx", "r11")
ACT(sysenter, "sysenter")
ACT(call_kernel, "lcall *%0", ::"m"(*(const char *)&(const uint32_t[]){0x200000, KERNEL_CODE}))
ACT(load_kernel_data, "mov %0, %%ds", ::"r"(KERNEL_DATA))
ACT(load_local, "mov %0, %%es", ::"r"(7)) /* of the local table that a reset leaves at address 0 */
ACT(load_stack, "mov %0, %%ss", ::"r"(0))

/* iretq to `cs`, at the next instruction. */
#define RETURN_TO(cs)                                                                              \
    "mov %%rsp, %%rax\n"                                                                           \
    "pushq $0x1b\n"                                                                                \
    "pushq %%rax\n"                                                                                \
    "pushq $0x3202\n" /* with an I/O privilege level that would open all ports */                  \
    "pushq $" cs "\n"                                                                              \
    "pushq $1f\n"                                                                                  \
    "iretq\n"                                                                                      \
    "1:\n"

ACT(return_to_kernel, RETURN_TO("0x08"), ::: "rax", "memory")

static const char *return_to_self(void)
{
    uint64_t flags;

    __asm__ volatile(RETURN_TO("0x23") "pushfq\n"
                                       "pop %0"
                     : "=r"(flags)::"rax", "memory");
    return flags & FLAG_IOPL ? "io-privilege" : NULL;
}

/* ---- exceptions ---- */

ACT(illegal, "ud2")
ACT(divide, "div %b0", ::"q"(0), "a"(1))
ACT(divide_overflow, "div %0", ::"r"(1), "a"(0), "d"(1))
ACT(x87, "fldpi")
ACT(mmx, "movq %%rax, %%mm0", :)
ACT(sse, "xorps %%xmm0, %%xmm0", :)
ACT(bad_stack, "mov %0, %%rsp\npush %%rax", ::"r"(UINT64_C(1) << 63))
ACT(kernel_stack, "mov %0, %%rsp\npush %%rax", ::"r"(kernel_place.end))

/* ---- flags ---- */

static uint64_t flags_set(uint64_t set, uint64_t clear)
{
    uint64_t flags;

    __asm__ volatile("pushfq\n"
                     "orq %1, (%%rsp)\n"
                     "andq %2, (%%rsp)\n"
                     "popfq\n"
                     "pushfq\n"
                     "pop %0"
                     : "=&r"(flags)
                     : "r"(set), "r"(~clear)
                     : "memory", "cc");
    return flags;
}

ACT(single_step, "pushfq\norq %0, (%%rsp)\npopfq\nnop", ::"i"(FLAG_TRAP) : "memory")

/* The step is due inside the kernel: after mov to ss, and after the trap itself. */
ACT(single_step_call,
    "pushfq\norq %0, (%%rsp)\nmov %%ss, %%ecx\npopfq\nmov %%ecx, %%ss\nint $0x80\nnop",
    ::"i"(FLAG_TRAP), "a"(SYS_CLOCK)
    : "memory", "ecx")

/* Neither interrupts off nor I/O privilege: popf silently leaves both unchanged. */
static const char *flags_popf(void)
{
    uint64_t flags = flags_set(FLAG_IOPL, FLAG_INTERRUPTS);

    return !(flags & FLAG_INTERRUPTS) ? "interrupts" : flags & FLAG_IOPL ? "io-privilege" : NULL;
}

/* The kernel copies upwards, whatever the program's direction is. */
static const char *flags_direction(void)
{
    static const char text[] = "misbehave: a line that is copied upwards, by words and bytes\n";
    uint64_t flags;
    int64_t n;

    __asm__ volatile("std\n"
                     "int $0x80\n"
                     "pushfq\n"
                     "cld\n"
                     "pop %1\n"
                     : "=a"(n), "=r"(flags)
                     : "0"((int64_t)SYS_WRITE), "S"((int64_t)FD_OUTPUT), "d"(text),
                       "c"(sizeof(text) - 1)
                     : "memory");
    return n <= 0 ? "write" : flags & FLAG_DIRECTION ? NULL : "lost";
}

static const char *flags_alignment(void)
{
    volatile char bytes[16] = {0};
    uint64_t flags = flags_set(FLAG_ALIGNMENT, 0);
    int64_t now = (int64_t)sys_clock();
    uint64_t v;

    __asm__ volatile("mov %1, %0"
                     : "=r"(v)
                     : "m"(*(volatile uint64_t *)(void *)(uintptr_t)(bytes + 1)));
    flags_set(0, FLAG_ALIGNMENT);
    return now <= 0 ? "clock" : flags & FLAG_ALIGNMENT && !v ? NULL : "lost";
}

/* iretq out of the kernel with this flag set would be a task switch, which long mode refuses. */
static const char *flags_nested(void)
{
    flags_set(FLAG_NESTED, 0);
    sys_clock();
    flags_set(0, FLAG_NESTED);
    return NULL;
}

/* ---- registers ---- */

#define SEGMENT_READ(name)                                                                         \
    ({                                                                                             \
        uint32_t value_;                                                                           \
        __asm__ volatile("mov %%" name ", %0" : "=r"(value_));                                     \
        value_;                                                                                    \
    })
#define SEGMENT_WRITE(name, value) __asm__ volatile("mov %0, %%" name ::"r"(value))

/* A selector that a program loads is cleared by a trap: no message to the next one. */
static const char *segments(void)
{
    SEGMENT_WRITE("ds", USER_DATA);
    SEGMENT_WRITE("es", USER_CODE);
    SEGMENT_WRITE("fs", USER_DATA);
    SEGMENT_WRITE("gs", 3);
    if ((int64_t)sys_clock() <= 0)
        return "clock";
    return SEGMENT_READ("ds") | SEGMENT_READ("es") | SEGMENT_READ("fs") | SEGMENT_READ("gs")
               ? "left-over"
               : NULL;
}

/* The kernel needs no stack of a program: this one is at no address at all. */
static const char *call_without_stack(void)
{
    int64_t now;

    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "mov %2, %%rsp\n"
                     "int $0x80\n"
                     "mov %%rbx, %%rsp\n"
                     : "=a"(now)
                     : "0"((int64_t)SYS_CLOCK), "r"(UINT64_C(1) << 63)
                     : "rbx", "memory");
    return now > 0 ? NULL : "clock";
}

/* ---- devices ---- */

static const char *read_device(void)
{
    return read_at(LAPIC);
}

static const char *write_device(void)
{
    return write_at(LAPIC);
}

const struct kind machine_kinds[] = {
    {"cli", cli},
    {"hlt", hlt},
    {"write-cr3", write_cr3},
    {"read-cr0", read_cr0},
    {"write-msr", write_msr},
    {"load-idt", load_idt},
    {"load-task", load_task},
    {"port-in", port_in},
    {"port-out", port_out},
    {"read-time", read_time},
    {"int-timer", int_timer},
    {"int-device", int_device},
    {"int-double-fault", int_double_fault},
    {"int-page-fault", int_page_fault},
    {"int-spurious", int_spurious},
    {"breakpoint", breakpoint},
    {"syscall", syscall},
    {"sysenter", sysenter},
    {"call-kernel", call_kernel},
    {"load-kernel-data", load_kernel_data},
    {"load-local", load_local},
    {"load-stack", load_stack},
    {"return-to-kernel", return_to_kernel},
    {"return-to-self", return_to_self},
    {"illegal", illegal},
    {"divide", divide},
    {"divide-overflow", divide_overflow},
    {"x87", x87},
    {"mmx", mmx},
    {"sse", sse},
    {"bad-stack", bad_stack},
    {"kernel-stack", kernel_stack},
    {"single-step", single_step},
    {"single-step-call", single_step_call},
    {"flags-popf", flags_popf},
    {"flags-direction", flags_direction},
    {"flags-alignment", flags_alignment},
    {"flags-nested", flags_nested},
    {"segments", segments},
    {"call-without-stack", call_without_stack},
    {"read-device", read_device},
    {"write-device", write_device},
};

const unsigned machine_kinds_count = ARRAY_COUNT(machine_kinds);

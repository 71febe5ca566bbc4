/*
 * Descriptor tables, traps and programs of x86-64. Only programs and a halting kernel are ever
 * interrupted.
 */
#include "machine.h"
#include "../../core/base/array.h"

enum {
    KERNEL_CODE = 0x08,
    USER_DATA = 0x18 | 3,
    USER_CODE = 0x20 | 3,
    TASK = 0x28,
    VECTORS = 256,
    STUB_SIZE = 16,
    PANIC_STACK = 4096,
    FLAGS_INTERRUPTS = 0x202,
    CPUID_FEATURES = 7,
    CPUID_SMEP = 1 << 7, /* ebx */
    CPUID_SMAP = 1 << 20,
    CPUID_UMIP = 1 << 2, /* ecx */
    CR4_UMIP = 1 << 11,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
};

static uint64_t gdt[7] = {
    0,
    0x00af9a000000ffff, /* kernel text */
    0x00cf92000000ffff, /* kernel data */
    0x00cff2000000ffff, /* user data */
    0x00affa000000ffff, /* user text */
};

static struct {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed)) tss;

static struct {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
} idt[VECTORS];

static uint8_t panic_stack[PANIC_STACK] __attribute__((aligned(16)));
extern const char trap_stubs[];

static void load_tables(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdtr = {sizeof(gdt) - 1, (uintptr_t)gdt},
                              idtr = {sizeof(idt) - 1, (uintptr_t)idt};

    __asm__ volatile("lgdt %0\n"
                     "lidt %1\n"
                     "ltr %w2\n" ::"m"(gdtr),
                     "m"(idtr), "r"(TASK)
                     : "memory");
}

/* If the processor supports it: the kernel neither executes nor accesses user memory, and programs
 * cannot read the addresses of its tables. */
static void protect(void)
{
    uint32_t leaf = 0, b, c = 0, d;
    uint64_t cr4;

    __asm__("cpuid" : "+a"(leaf), "=b"(b), "+c"(c), "=d"(d));
    if (leaf < CPUID_FEATURES)
        return;
    leaf = CPUID_FEATURES;
    c = 0;
    __asm__("cpuid" : "+a"(leaf), "=b"(b), "+c"(c), "=d"(d));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 |= b & CPUID_SMEP ? CR4_SMEP : 0;
    cr4 |= b & CPUID_SMAP ? CR4_SMAP : 0;
    cr4 |= c & CPUID_UMIP ? CR4_UMIP : 0;
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
}

void cpu_start(void)
{
    uint64_t base = (uintptr_t)&tss, limit = sizeof(tss) - 1;

    gdt[5] = limit | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
    gdt[6] = base >> 32;
    tss.io_map = sizeof(tss); /* no port for programs */
    tss.ist[0] = (uintptr_t)panic_stack + PANIC_STACK;
    for (unsigned i = 0; i < VECTORS; i++) {
        uint64_t at = (uintptr_t)trap_stubs + i * STUB_SIZE;

        idt[i].offset_low = (uint16_t)at;
        idt[i].offset_middle = (uint16_t)(at >> 16);
        idt[i].offset_high = (uint32_t)(at >> 32);
        idt[i].selector = KERNEL_CODE;
        /* Not caused by a program (trap.S): on a stack of its own, because the kernel's may have
         * overflowed. */
        idt[i].stack = i == VECTOR_NMI || i == VECTOR_DOUBLE_FAULT || i == VECTOR_MACHINE_CHECK;
        idt[i].type = i == VECTOR_SYSCALL ? 0xee : 0x8e;
    }
    load_tables();
    protect();
}

static uint64_t fault_address(void)
{
    uint64_t address;

    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

/* ---- programs ---- */

void context_init(struct context *c, uint64_t entry, uint64_t sp, uint64_t argc, uint64_t argv,
                  uint64_t main)
{
    *c = (struct context){
        .rip = entry,
        .rsp = sp,
        .rdi = argc,
        .rsi = argv,
        .rdx = main,
        .cs = USER_CODE,
        .ss = USER_DATA,
        .rflags = FLAGS_INTERRUPTS,
        .vector = VECTOR_TIMER, /* there is no system call to return from */
    };
}

void context_result(struct context *c, int64_t result)
{
    if (c->vector == VECTOR_SYSCALL)
        c->rax = (uint64_t)result;
}

void context_enter(struct context *c)
{
    tss.rsp[0] = (uintptr_t)(c + 1); /* its trap is saved in it */
    context_run(c);
}

void context_stop(const struct context *c, struct process_stop *out)
{
    *out = (struct process_stop){.kind = PROCESS_FAULT, .cause = c->vector};
    if (c->vector == VECTOR_SYSCALL) {
        out->kind = PROCESS_SYSCALL;
        out->nr = c->rax;
        out->args[0] = c->rsi;
        out->args[1] = c->rdx;
        out->args[2] = c->rcx;
        out->args[3] = c->r8;
        out->args[4] = c->r9;
    } else if (c->vector >= VECTOR_DEVICE) {
        out->kind = PROCESS_TICK;
        interrupt_taken(c->vector);
    } else {
        out->address = c->vector == VECTOR_PAGE_FAULT ? fault_address() : c->rip;
    }
}

/* ---- a trap of the kernel ---- */

static const char *vector_word(uint64_t vector)
{
    static const char *const words[] = {
        "divide-error",
        "debug",
        "nmi",
        "breakpoint",
        "overflow",
        "bound",
        "illegal-instruction",
        "no-fpu",
        "double-fault",
        "?",
        "invalid-tss",
        "no-segment",
        "stack-segment",
        "general-protection",
        "page-fault",
        "?",
        "fpu",
        "alignment",
        "machine-check",
        "simd",
    };

    return vector < ARRAY_COUNT(words) ? words[vector] : "trap";
}

void x86_kernel_trap(struct context *c)
{
    static const char *const names[] = {
        "r15", "r14", "r13", "r12", "r11",    "r10",   "r9",  "r8", "rbp",    "rdi", "rsi",
        "rdx", "rcx", "rbx", "rax", "vector", "error", "rip", "cs", "rflags", "rsp", "ss"};

    if (c->vector >= VECTOR_DEVICE) {
        interrupt_taken(c->vector);
        return;
    }
    panic_registers(names, &c->r15, ARRAY_COUNT(names));
    panic(vector_word(c->vector), c->rip, fault_address());
}

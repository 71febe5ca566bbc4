/* Sv39 page tables: see paging.h. */
#include "paging.h"
#include "../../core/base/array.h"
#include "../common/port.h"
#include "csr.h"

enum {
    V = 1 << 0,
    R = 1 << 1,
    W = 1 << 2,
    X = 1 << 3,
    U = 1 << 4,
    A = 1 << 6,
    D = 1 << 7,
    ENTRIES = 512,
    KERNEL_TABLES = 7, /* 2 MiB each; link.ld checks that the kernel fits */
    EXIT_BASE = 0x00100000,
};

#define MEGAPAGE (UINT64_C(1) << 21)
#define GIGAPAGE (UINT64_C(1) << 30)

typedef uint64_t table[ENTRIES];

static table root __attribute__((aligned(PAGE_SIZE)));
static table devices __attribute__((aligned(PAGE_SIZE)));
static table lowest __attribute__((aligned(PAGE_SIZE)));
static table dma_directory __attribute__((aligned(PAGE_SIZE)));
static table dma_pages[2] __attribute__((aligned(PAGE_SIZE))); /* it may lie across 2 MiB */
static table memory __attribute__((aligned(PAGE_SIZE)));
static table kernel[KERNEL_TABLES] __attribute__((aligned(PAGE_SIZE)));
static table user __attribute__((aligned(PAGE_SIZE)));
static table user_pages __attribute__((aligned(PAGE_SIZE)));
static table stack_pages __attribute__((aligned(PAGE_SIZE)));

extern const char kernel_text[], kernel_rodata[], kernel_data[], kernel_stack_guard[],
    kernel_stack[], kernel_end[], dma_end[], user_image[], user_image_rodata[], user_image_end[];

static uint64_t entry(uint64_t address, unsigned flags)
{
    return address >> 12 << 10 | flags | V;
}

static uint64_t leaf(uint64_t address, unsigned flags)
{
    return entry(address, flags | A | D);
}

static void map_kernel(const char *from, const char *to, unsigned flags)
{
    uint64_t base = (uintptr_t)kernel_text & ~(MEGAPAGE - 1);

    for (uint64_t at = (uintptr_t)from; at < (uintptr_t)to; at += PAGE_SIZE)
        kernel[(at - base) / MEGAPAGE][at / PAGE_SIZE % ENTRIES] = leaf(at, flags);
}

static void map_dma(void)
{
    uint64_t base = (uintptr_t)kernel_end & ~(MEGAPAGE - 1);

    for (uint64_t at = (uintptr_t)kernel_end; at < (uintptr_t)dma_end; at += PAGE_SIZE)
        dma_pages[(at - base) / MEGAPAGE][at / PAGE_SIZE % ENTRIES] = leaf(at, R | W);
    for (unsigned i = 0; i < 2; i++)
        dma_directory[base / MEGAPAGE % ENTRIES + i] = entry((uintptr_t)dma_pages[i], 0);
    root[(base + DMA_WINDOW) / GIGAPAGE] = entry((uintptr_t)dma_directory, 0);
}

static void map_devices(void)
{
    /* PLIC; I/O ports of PCI; UART and virtio slots; PCI configuration of bus 0. */
    static const struct {
        uint32_t base;
        unsigned count;
    } window[] = {{0x0c000000, 2}, {0x03000000, 1}, {0x10000000, 1}, {0x30000000, 1}};

    for (unsigned i = 0; i < ARRAY_COUNT(window); i++)
        for (unsigned k = 0; k < window[i].count; k++) {
            uint64_t at = (window[i].base & ~(MEGAPAGE - 1)) + k * MEGAPAGE;

            devices[at / MEGAPAGE] = leaf(at, R | W);
        }
    lowest[EXIT_BASE / PAGE_SIZE] = leaf(EXIT_BASE, R | W); /* alone: a null pointer traps */
    devices[0] = entry((uintptr_t)lowest, 0);
    root[0] = entry((uintptr_t)devices, 0);
    root[1] = leaf(GIGAPAGE, R | W); /* PCI memory window */
}

static void map_user(void)
{
    uint64_t size = (uint64_t)(user_image_end - user_image);

    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        user_pages[at / PAGE_SIZE] =
            leaf((uintptr_t)user_image + at,
                 U | R | (user_image + at < user_image_rodata ? (unsigned)X : 0));
    user[0] = entry((uintptr_t)user_pages, 0);
    user[1] = entry((uintptr_t)stack_pages, 0);
    root[USER_BASE / GIGAPAGE] = entry((uintptr_t)user, 0);
}

void paging_start(void)
{
    uint64_t base = (uintptr_t)kernel_text & ~(MEGAPAGE - 1);

    map_kernel(kernel_text, kernel_rodata, R | X);
    map_kernel(kernel_rodata, kernel_data, R);
    map_kernel(kernel_data, kernel_stack_guard, R | W);
    map_kernel(kernel_stack, kernel_end, R | W);
    for (unsigned i = 0; i < KERNEL_TABLES; i++)
        memory[(base + i * MEGAPAGE) / MEGAPAGE % ENTRIES] = entry((uintptr_t)kernel[i], 0);
    root[base / GIGAPAGE] = entry((uintptr_t)memory, 0);
    map_dma();
    map_devices();
    map_user();
    __asm__ volatile("sfence.vma" ::: "memory");
    CSR_WRITE("satp", UINT64_C(8) << 60 | (uintptr_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

void context_map_stack(uint8_t *stack)
{
    for (unsigned i = 0; i < USER_STACK_SIZE / PAGE_SIZE; i++)
        stack_pages[1 + i] = leaf((uintptr_t)stack + i * PAGE_SIZE, U | R | W);
    __asm__ volatile("sfence.vma" ::: "memory");
}

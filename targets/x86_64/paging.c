/* Four-level page tables: see paging.h. */
#include "paging.h"
#include "../common/port.h"

#define P  UINT64_C(1)
#define W  (UINT64_C(1) << 1)
#define U  (UINT64_C(1) << 2)
#define CD (UINT64_C(1) << 4) /* not cached */
#define PS (UINT64_C(1) << 7) /* a leaf of 2 MiB */
#define NX (UINT64_C(1) << 63)

enum { ENTRIES = 512, KERNEL_TABLES = 7 /* 2 MiB each; link.ld checks that the kernel fits */ };

#define MEGAPAGE (UINT64_C(1) << 21)
#define GIGAPAGE (UINT64_C(1) << 30)

/* Device memory: the window for PCI, then everything from the top 32 MiB: I/O APICs, virtio slots,
 * BARs that firmware placed, local APIC. */
#define PCI_WINDOW_BASE UINT64_C(0xc0000000)
#define PCI_WINDOW_SIZE (16 * MEGAPAGE)
#define TOP_BASE        UINT64_C(0xfe000000)
#define TOP_END         UINT64_C(0x100000000)

typedef uint64_t table[ENTRIES];

static table root __attribute__((aligned(PAGE_SIZE)));
static table pointers __attribute__((aligned(PAGE_SIZE)));
static table low __attribute__((aligned(PAGE_SIZE)));
static table kernel[KERNEL_TABLES] __attribute__((aligned(PAGE_SIZE)));
static table dma_directory __attribute__((aligned(PAGE_SIZE)));
static table dma_pages[2] __attribute__((aligned(PAGE_SIZE))); /* it may lie across 2 MiB */
static table devices __attribute__((aligned(PAGE_SIZE)));
static table user __attribute__((aligned(PAGE_SIZE)));
static table user_pages __attribute__((aligned(PAGE_SIZE)));
static table stack_pages __attribute__((aligned(PAGE_SIZE)));

extern const char kernel_text[], kernel_rodata[], kernel_data[], kernel_stack_guard[],
    kernel_stack[], kernel_end[], dma_end[], user_image[], user_image_rodata[], user_image_end[];

static void map_kernel(const char *from, const char *to, uint64_t flags)
{
    uint64_t base = (uintptr_t)kernel_text & ~(MEGAPAGE - 1);

    for (uint64_t at = (uintptr_t)from; at < (uintptr_t)to; at += PAGE_SIZE)
        kernel[(at - base) / MEGAPAGE][at / PAGE_SIZE % ENTRIES] = at | flags | P;
}

static void map_dma(void)
{
    uint64_t base = (uintptr_t)kernel_end & ~(MEGAPAGE - 1);

    for (uint64_t at = (uintptr_t)kernel_end; at < (uintptr_t)dma_end; at += PAGE_SIZE)
        dma_pages[(at - base) / MEGAPAGE][at / PAGE_SIZE % ENTRIES] = at | P | W | NX;
    for (unsigned i = 0; i < 2; i++)
        dma_directory[base / MEGAPAGE + i] = (uintptr_t)dma_pages[i] | P | W;
    pointers[DMA_WINDOW / GIGAPAGE] = (uintptr_t)dma_directory | P | W;
}

static void map_devices(uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += MEGAPAGE)
        devices[at % GIGAPAGE / MEGAPAGE] = at | P | W | CD | PS | NX;
}

static void map_user(void)
{
    uint64_t size = (uint64_t)(user_image_end - user_image), at = USER_BASE % GIGAPAGE / MEGAPAGE;

    for (uint64_t i = 0; i < size; i += PAGE_SIZE)
        user_pages[i / PAGE_SIZE] =
            ((uintptr_t)user_image + i) | P | U | (user_image + i < user_image_rodata ? 0 : NX);
    user[at] = (uintptr_t)user_pages | P | W | U;
    user[at + 1] = (uintptr_t)stack_pages | P | W | U;
    pointers[USER_BASE / GIGAPAGE] = (uintptr_t)user | P | W | U;
}

void paging_start(void)
{
    uint64_t base = (uintptr_t)kernel_text & ~(MEGAPAGE - 1);

    map_kernel(kernel_text, kernel_rodata, 0);
    map_kernel(kernel_rodata, kernel_data, NX);
    map_kernel(kernel_data, kernel_stack_guard, W | NX);
    map_kernel(kernel_stack, kernel_end, W | NX);
    for (unsigned i = 0; i < KERNEL_TABLES; i++)
        low[base / MEGAPAGE + i] = (uintptr_t)kernel[i] | P | W;
    pointers[0] = (uintptr_t)low | P | W;
    map_dma();
    map_devices(PCI_WINDOW_BASE, PCI_WINDOW_BASE + PCI_WINDOW_SIZE);
    map_devices(TOP_BASE, TOP_END);
    pointers[3] = (uintptr_t)devices | P | W;
    map_user();
    root[0] = (uintptr_t)pointers | P | W | U;
    __asm__ volatile("mov %0, %%cr3" ::"r"(root) : "memory");
}

void context_map_stack(uint8_t *stack)
{
    for (uint64_t i = 0; i < USER_STACK_SIZE / PAGE_SIZE; i++) {
        stack_pages[1 + i] = ((uintptr_t)stack + i * PAGE_SIZE) | P | W | U | NX;
        __asm__ volatile("invlpg (%0)" ::"r"(USER_STACK_BASE + i * PAGE_SIZE) : "memory");
    }
}

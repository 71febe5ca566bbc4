/*
 * The devices of QEMU's q35 and microvm: UART, exit, registers; and the first C function, which
 * reads what PVH says.
 */
#include "io.h"
#include "machine.h"
#include "paging.h"

enum {
    UART_BASE = 0x3f8,
    UART_THR = UART_BASE + 0,
    UART_FCR = UART_BASE + 2,
    UART_LSR = UART_BASE + 5,
    UART_LSR_THRE = 0x20,
    UART_LSR_TEMT = 0x40,
    UART_FIFO = 16,

    EXIT_PORT = 0xf4, /* isa-debug-exit: the status is 2 * value + 1 */

    PCI_ADDRESS = 0xcf8,

    /* microvm: with ACPI 24 slots on the second I/O APIC, without it 8 on lines from 5 on. */
    SLOT_STEP = 0x200,
    SLOTS = 24,
    SLOT_LINE_ACPI = 24,
    SLOT_LINE = 5,
};

#define SLOT_BASE UINT64_C(0xfeb00000)

#define START_INFO_MAGIC UINT32_C(0x336ec578)

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, cmdline, rsdp;
};

void port_uart_write(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % UART_FIFO == 0)
            while (!(in8(UART_LSR) & UART_LSR_THRE))
                ;
        out8(UART_THR, (uint8_t)bytes[i]);
    }
}

_Noreturn void port_exit(unsigned status)
{
    while (!(in8(UART_LSR) & UART_LSR_TEMT))
        ;
    out8(EXIT_PORT, (uint8_t)(status >> 1));
    for (;;)
        ;
}

uint32_t port_reg_read(void *ctx, uint64_t addr, unsigned size)
{
    (void)ctx;
    return size == 1   ? *(volatile uint8_t *)addr
           : size == 2 ? *(volatile uint16_t *)addr
                       : *(volatile uint32_t *)addr;
}

void port_reg_write(void *ctx, uint64_t addr, unsigned size, uint32_t value)
{
    (void)ctx;
    if (size == 1)
        *(volatile uint8_t *)addr = (uint8_t)value;
    else if (size == 2)
        *(volatile uint16_t *)addr = (uint16_t)value;
    else
        *(volatile uint32_t *)addr = value;
}

/* Loads and stores stay in order, but for a load that overtakes a store. */
void port_barrier(void *ctx, enum barrier kind)
{
    (void)ctx;
    if (kind == BARRIER_FULL)
        __asm__ volatile("mfence" ::: "memory");
    else
        __asm__ volatile("" ::: "memory");
}

void port_relax(void *ctx)
{
    (void)ctx;
    __asm__ volatile("pause" ::: "memory");
}

static bool has(const char *text, const char *word)
{
    for (; *text; text++) {
        unsigned i = 0;

        while (word[i] && text[i] == word[i])
            i++;
        if (!word[i])
            return true;
    }
    return false;
}

/* Only the first bytes answer the question whether there is a PCI host bridge at these ports. */
static bool has_pci(void)
{
    out32(PCI_ADDRESS, UINT32_C(0x80000000));
    return in32(PCI_ADDRESS) == UINT32_C(0x80000000);
}

static void find_slots(struct boot *boot)
{
    bool acpi = !has(boot->cmdline, "virtio_mmio.device=");

    for (unsigned i = 0; i < SLOTS; i++) {
        boot->slots[i].base = SLOT_BASE + i * SLOT_STEP;
        boot->slots[i].irq = i + (acpi ? SLOT_LINE_ACPI : SLOT_LINE);
    }
    boot->slot_count = SLOTS;
}

_Noreturn void x86_main(const void *start_info)
{
    static struct boot boot = {.target = "x86_64"};
    const struct start_info *info = start_info;

    out8(UART_FCR, 1);
    if (info->magic != START_INFO_MAGIC)
        boot.wrong = "start-info";
    else if (info->cmdline)
        boot_set_cmdline(&boot, (const char *)info->cmdline);
    cpu_start();
    paging_start();
    interrupts_start();
    if (!has_pci())
        find_slots(&boot);
    machine_main(&boot);
}

/*
 * The devices of QEMU's q35 and microvm: UART, exit, registers; and the first C function, which
 * reads the PVH start info.
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

    PCI_FIRST_IRQ = 20, /* q35: PIRQE to PIRQH, for slots 0 to 24 */

    EXIT_PORT = 0xf4, /* isa-debug-exit: the status is 2 * value + 1 */

    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,

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

/* Configuration space is accessed by a pair of ports: the address, then the data. */
static uint16_t config_port(uint64_t addr)
{
    out32(PCI_ADDRESS, UINT32_C(0x80000000) | (uint32_t)(addr >> 12 << 8) | (addr & 0xfc));
    return (uint16_t)(PCI_DATA + (addr & 3));
}

uint32_t port_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    uint16_t port = (uint16_t)addr;

    (void)ctx;
    if (space == REG_MMIO)
        return size == 1   ? *(volatile uint8_t *)addr
               : size == 2 ? *(volatile uint16_t *)addr
                           : *(volatile uint32_t *)addr;
    if (space == REG_PCI)
        port = config_port(addr);
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

static void memory_write(uint64_t addr, unsigned size, uint32_t value)
{
    if (size == 1)
        *(volatile uint8_t *)addr = (uint8_t)value;
    else if (size == 2)
        *(volatile uint16_t *)addr = (uint16_t)value;
    else
        *(volatile uint32_t *)addr = value;
}

void port_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)addr;

    (void)ctx;
    if (space == REG_MMIO) {
        memory_write(addr, size, value);
        return;
    }
    if (space == REG_PCI)
        port = config_port(addr);
    if (size == 1)
        out8(port, (uint8_t)value);
    else if (size == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, value);
}

struct virtio_msix port_msix(void)
{
    return (struct virtio_msix){.wanted = true, .address = 0xfee00000, .data = VECTOR_DEVICE};
}

/* Loads and stores stay in order, except that a load may overtake a store. */
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

/* Reads the first bytes to detect a PCI host bridge at these ports. */
static bool has_pci(void)
{
    out32(PCI_ADDRESS, UINT32_C(0x80000000));
    return in32(PCI_ADDRESS) == UINT32_C(0x80000000);
}

static void find_slots(struct boot *boot)
{
    bool acpi = !has(boot->cmdline, "virtio_mmio.device=");

    for (unsigned i = 0; i < SLOTS; i++) {
        boot->places.slots[i].base = SLOT_BASE + i * SLOT_STEP;
        boot->places.slots[i].irq = i + (acpi ? SLOT_LINE_ACPI : SLOT_LINE);
    }
    boot->places.slot_count = SLOTS;
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
    boot.places.has_pci = has_pci();
    boot.places.pci = (struct pci_host){
        .mmio_base = 0xc0000000, .mmio_size = 32 << 20, .io_base = 0x1000, .io_size = 0x1000};
    boot.places.pci_irq = PCI_FIRST_IRQ;
    if (!boot.places.has_pci)
        find_slots(&boot);
    machine_main(&boot);
}

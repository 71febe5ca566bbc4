/*
 * The devices of QEMU's `virt` machine: UART, exit, registers; and the first C function.
 */
#include "../common/port.h"
#include "machine.h"
#include "paging.h"

enum {
    UART_BASE = 0x10000000,
    UART_THR = 0,
    UART_FCR = 2,
    UART_LSR = 5,
    UART_LSR_THRE = 0x20,
    UART_LSR_TEMT = 0x40,
    UART_FIFO = 16,

    PCI_FIRST_IRQ = 32,

    EXIT_BASE = 0x00100000,
    EXIT_CODE = 0x3333, /* with the status above it */
};

/* A device tree is larger than this only by mistake. */
enum { TREE_MAX = 1 << 20 };

static volatile uint8_t *uart(unsigned reg)
{
    return (volatile uint8_t *)(uintptr_t)(UART_BASE + reg);
}

void port_uart_write(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % UART_FIFO == 0)
            while (!(*uart(UART_LSR) & UART_LSR_THRE))
                ;
        *uart(UART_THR) = (uint8_t)bytes[i];
    }
}

_Noreturn void port_exit(unsigned status)
{
    while (!(*uart(UART_LSR) & UART_LSR_TEMT))
        ;
    *(volatile uint32_t *)(uintptr_t)EXIT_BASE = status << 16 | EXIT_CODE;
    for (;;)
        ;
}

uint64_t timebase_hz, pci_config_base, pci_port_base;

/* I/O ports and configuration space are windows in memory, from the device tree. */
static uint64_t window(enum reg_space space, uint64_t addr)
{
    return space == REG_PORT  ? pci_port_base + addr
           : space == REG_PCI ? pci_config_base + addr
                              : addr;
}

uint32_t port_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    uint64_t at = window(space, addr);

    (void)ctx;
    return size == 1   ? *(volatile uint8_t *)at
           : size == 2 ? *(volatile uint16_t *)at
                       : *(volatile uint32_t *)at;
}

void port_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size, uint32_t value)
{
    uint64_t at = window(space, addr);

    (void)ctx;
    if (size == 1)
        *(volatile uint8_t *)at = (uint8_t)value;
    else if (size == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *(volatile uint32_t *)at = value;
}

/* No controller for messages. */
struct virtio_msix port_msix(void)
{
    return (struct virtio_msix){.wanted = false};
}

void port_barrier(void *ctx, enum barrier kind)
{
    (void)ctx;
    if (kind == BARRIER_WRITE)
        __asm__ volatile("fence ow, ow" ::: "memory");
    else if (kind == BARRIER_READ)
        __asm__ volatile("fence ir, ir" ::: "memory");
    else
        __asm__ volatile("fence iorw, iorw" ::: "memory");
}

void port_relax(void *ctx)
{
    (void)ctx;
    __asm__ volatile("nop" ::: "memory");
}

static void read_tree(const void *tree, struct boot *boot)
{
    static struct discovered d;

    boot->wrong = discover(tree, TREE_MAX, &d);
    timebase_hz = d.timebase_hz;
    pci_config_base = d.pci_config_base;
    pci_port_base = d.pci_port_base;
    boot->places = d.places;
    boot->places.pci_irq = PCI_FIRST_IRQ;
    if (d.bootargs)
        boot_set_cmdline(boot, d.bootargs);
}

_Noreturn void rv64_main(const void *device_tree)
{
    static struct boot boot = {.target = "rv64"};

    *uart(UART_FCR) = 1;
    read_tree(device_tree, &boot);
    paging_start();
    interrupts_start();
    machine_main(&boot);
}

/* QEMU as the machine under the core: see qtest_machine.h. */
#include "qtest_machine.h"
#include "../base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* QEMU 7.2 is the first version with all features used here, and the oldest one tested. */
enum { QEMU_OLDEST = 7 * 1000 + 2 };

enum { RAM_SIZE = 16 << 20, DMA_AT = 4 << 20, DMA_SIZE = 8 << 20, PAGE = 4096, DMA_FILL = 0xa5 };

/* Address ranges for BARs; the ports are free on both machines. */
enum { PCI_MEMORY_SIZE = 16 << 20, PCI_IO_BASE = 0x1000, PCI_IO_SIZE = 0x1000 };

/* PCI configuration mechanism #1. */
enum { PCI_ADDRESS = 0xcf8, PCI_DATA = 0xcfc };

/* RISC-V: wfi; j -4. x86: cli; hlt; jmp -3, where the processor starts, 16 bytes below 4 GiB. */
#define RV64_SLEEP                                                                                 \
    .firmware_hex = "73005010"                                                                     \
                    "6ff0dfff",                                                                    \
    .firmware_size = 8
#define X86_SLEEP .firmware_hex = "faf4ebfd", .firmware_at = 0xfff0, .firmware_size = 0x10000

#define RV64(name_, ...)                                                                           \
    {                                                                                              \
        .name = "rv64-" name_, .qemu = "qemu-system-riscv64", .machine = "virt",                   \
        .ram = 0x80000000, .ports = 0x3000000, .ecam = 0x30000000, .pci_memory = 0x40000000,       \
        RV64_SLEEP, __VA_ARGS__                                                                    \
    }
#define X86(name_, machine_, ...)                                                                  \
    {                                                                                              \
        .name = "x86-" name_, .qemu = "qemu-system-x86_64", .machine = machine_,                   \
        .pci_memory = 0xc0000000, X86_SLEEP, __VA_ARGS__                                           \
    }
#define MMIO(nic_, slot_, legacy_)                                                                 \
    .device = "virtio-net-device,bus=virtio-mmio-bus.0",                                           \
    .rng = "virtio-rng-device,bus=virtio-mmio-bus.1", .nic = nic_, .slot = slot_,                  \
    .global = "virtio-mmio.force-legacy=" legacy_
#define PCI(keys_) .device = "virtio-net-pci,romfile=" keys_, .rng = "virtio-rng-pci" keys_

const struct board boards[] = {
    RV64("mmio", MMIO(0x10001000, 0x1000, "false")),
    RV64("mmio-legacy", MMIO(0x10001000, 0x1000, "true")),
    RV64("pci-modern", PCI(",disable-legacy=on")),
    RV64("pci-transitional", PCI("")),
    RV64("pci-legacy", PCI(",disable-modern=on")),
    X86("mmio", "microvm", MMIO(0xfeb00000, 0x200, "false")),
    X86("mmio-legacy", "microvm", MMIO(0xfeb00000, 0x200, "true")),
    X86("pci-modern", "q35", PCI(",disable-legacy=on")),
    X86("pci-transitional", "q35", PCI("")),
    X86("pci-legacy", "q35", PCI(",disable-modern=on")),
    {0},
};

/* ---- platform.h ---- */

/* Mechanism #1 has the fields of `addr` in the same order, with a register field four bits
 * narrower. */
static uint32_t machine_pci_address(uint64_t addr)
{
    return UINT32_C(1) << 31 | (uint32_t)(addr >> 12) << 8 | (addr & 0xfc);
}

static uint32_t qtest_machine_reg_read(void *ctx, enum reg_space space, uint64_t addr,
                                       unsigned size)
{
    struct qtest_machine *m = ctx;
    const struct board *b = m->board;

    switch (space) {
    case REG_MMIO:
        return qtest_read(&m->qemu, QTEST_MEMORY, addr, size);
    case REG_PORT:
        return b->ports ? qtest_read(&m->qemu, QTEST_MEMORY, b->ports + addr, size)
                        : qtest_read(&m->qemu, QTEST_PORT, addr, size);
    case REG_PCI:
        if (b->ecam)
            return qtest_read(&m->qemu, QTEST_MEMORY, b->ecam + addr, size);
        qtest_write(&m->qemu, QTEST_PORT, PCI_ADDRESS, 4, machine_pci_address(addr));
        return qtest_read(&m->qemu, QTEST_PORT, PCI_DATA + (addr & 3), size);
    }
    return UINT32_MAX;
}

static void qtest_machine_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                                    uint32_t value)
{
    struct qtest_machine *m = ctx;
    const struct board *b = m->board;

    switch (space) {
    case REG_MMIO:
        qtest_write(&m->qemu, QTEST_MEMORY, addr, size, value);
        break;
    case REG_PORT:
        if (b->ports)
            qtest_write(&m->qemu, QTEST_MEMORY, b->ports + addr, size, value);
        else
            qtest_write(&m->qemu, QTEST_PORT, addr, size, value);
        break;
    case REG_PCI:
        if (b->ecam) {
            qtest_write(&m->qemu, QTEST_MEMORY, b->ecam + addr, size, value);
            break;
        }
        qtest_write(&m->qemu, QTEST_PORT, PCI_ADDRESS, 4, machine_pci_address(addr));
        qtest_write(&m->qemu, QTEST_PORT, PCI_DATA + (addr & 3), size, value);
        break;
    }
}

static uint64_t qtest_machine_bus_address(void *ctx, const void *ptr)
{
    struct qtest_machine *m = ctx;

    return m->dma_bus + (uint64_t)((const uint8_t *)ptr - m->dma);
}

/* The device is a thread of another process that maps the same memory. */
static void qtest_machine_barrier(void *ctx, enum barrier kind)
{
    (void)ctx;
    switch (kind) {
    case BARRIER_WRITE:
        __atomic_thread_fence(__ATOMIC_RELEASE);
        break;
    case BARRIER_READ:
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        break;
    case BARRIER_FULL:
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        break;
    }
}

/* The register access before it has already waited for QEMU's main loop. */
static void qtest_machine_relax(void *ctx)
{
    (void)ctx;
}

static uint64_t qtest_machine_entropy(void *ctx)
{
    struct qtest_machine *m = ctx;

    return rng_next(&m->entropy);
}

static void qtest_machine_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct qtest_machine *m = ctx;

    m->listener.trace(id, args, count);
}

static void qtest_machine_line(void *ctx, const char *text, size_t len)
{
    struct qtest_machine *m = ctx;

    m->listener.line(text, len);
}

/* ---- QEMU ---- */

/* An anonymous file that QEMU inherits; `path` is its path for QEMU. */
static int machine_shared_file(const char *name, size_t size, char *path, size_t path_size)
{
    int fd = memfd_create(name, 0);

    if (fd < 0 || ftruncate(fd, (off_t)size))
        return -1;
    snprintf(path, path_size, "/proc/self/fd/%d", fd);
    return fd;
}

static int machine_make_firmware(const struct board *b, char *path, size_t path_size)
{
    int fd = machine_shared_file("firmware", b->firmware_size, path, path_size);

    for (size_t i = 0; fd >= 0 && b->firmware_hex[2 * i]; i++) {
        char digits[3] = {b->firmware_hex[2 * i], b->firmware_hex[2 * i + 1], 0};
        uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);

        if (pwrite(fd, &byte, 1, (off_t)(b->firmware_at + i)) != 1)
            return -1;
    }
    return fd;
}

/* DMA memory between two guard pages. */
static uint8_t *machine_map_dma(int ram)
{
    uint8_t *p = mmap(NULL, DMA_SIZE + 2 * PAGE, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED || mmap(p + PAGE, DMA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                ram, DMA_AT) == MAP_FAILED)
        return NULL;
    memset(p + PAGE, DMA_FILL, DMA_SIZE);
    return p + PAGE;
}

static int machine_start_qemu(struct qtest_machine *m, const struct qtest_machine_config *c,
                              int ram, const char *ram_path, const char *firmware_path)
{
    const struct board *b = c->board;
    char machine[64], memory[128], size[16], netdev[KEYS_MAX + 64], device[KEYS_MAX + 128],
        rng[128], words[200];
    const char *argv[] = {
        b->qemu,       "-accel", "tcg",         "-M",         machine, "-m",         size,
        "-object",     memory,   "-nodefaults", "-display",   "none",  "-no-reboot", "-bios",
        firmware_path, "-qtest", "stdio",       "-qtest-log", "none",  "-netdev",    netdev,
        "-device",     device,   NULL,          NULL,         NULL,    NULL,         NULL};
    size_t argc = 0;

    while (argv[argc])
        argc++;
    if (b->global) {
        argv[argc++] = "-global";
        argv[argc++] = b->global;
    }
    if (c->rng) {
        argv[argc++] = "-device";
        argv[argc++] = rng;
    }
    snprintf(rng, sizeof(rng), "%s%s", b->rng, c->packed ? ",packed=on" : "");

    snprintf(machine, sizeof(machine), "%s,memory-backend=m", b->machine);
    snprintf(size, sizeof(size), "%dM", RAM_SIZE >> 20);
    snprintf(memory, sizeof(memory), "memory-backend-file,id=m,size=%dM,mem-path=%s,share=on",
             RAM_SIZE >> 20, ram_path);
    /* Hermetic: nothing of the host's network is reached, and IPv6 advertises nothing. */
    snprintf(netdev, sizeof(netdev), "user,id=n,restrict=on,ipv6=off%s%s", c->user ? "," : "",
             c->user ? c->user : "");
    /* The simulator's address. */
    snprintf(device, sizeof(device), "%s,netdev=n,mac=02:00:00:00:00:01%s%s%s", b->device,
             c->packed ? ",packed=on" : "", c->device ? "," : "", c->device ? c->device : "");
    m->dma = machine_map_dma(ram);
    if (!m->dma) {
        fprintf(stderr, "qtest: out of memory\n");
        return EXIT_HARNESS;
    }
    if (qtest_start(&m->qemu, argv)) {
        qtest_stop(&m->qemu);
        fprintf(stderr, "qtest: %s did not start: %s\n", b->qemu,
                qtest_words(&m->qemu, words, sizeof(words)));
        return c->user || c->device ? EXIT_USAGE : EXIT_HARNESS;
    }
    return 0;
}

/* Check for a usable QEMU. */
static int machine_check_version(struct qtest_machine *m, const struct board *b)
{
    int version = qtest_version(b->qemu, m->version, sizeof(m->version));

    if (version == 0)
        fprintf(stderr, "qtest: %s is missing; as root on Debian: apt-get install -y %s\n", b->qemu,
                strcmp(b->qemu, "qemu-system-x86_64") ? "qemu-system-misc" : "qemu-system-x86");
    else if (version < 0)
        fprintf(stderr, "qtest: '%s --version' prints no version\n", b->qemu);
    else if (version < QEMU_OLDEST)
        fprintf(stderr, "qtest: %s is version %s, older than 7.2\n", b->qemu, m->version);
    else
        return 0;
    return EXIT_CANNOT_TEST;
}

int qtest_machine_start(struct qtest_machine *m, const struct qtest_machine_config *c,
                        const struct qtest_listener *listener)
{
    char ram_path[40], firmware_path[40];
    int code, ram, firmware;

    memset(m, 0, sizeof(*m));
    m->board = c->board;
    m->listener = *listener;
    m->rng = c->rng;
    m->dma_bus = c->board->ram + DMA_AT;
    m->qemu.pid = m->qemu.fd = -1;
    rng_init(&m->entropy, c->seed, 0); /* as in the simulator */
    m->platform = (struct platform){
        .ctx = m,
        .reg_read = qtest_machine_reg_read,
        .reg_write = qtest_machine_reg_write,
        .bus_address = qtest_machine_bus_address,
        .barrier = qtest_machine_barrier,
        .relax = qtest_machine_relax,
        .entropy = qtest_machine_entropy,
        .trace = qtest_machine_trace,
        .line = qtest_machine_line,
    };
    code = machine_check_version(m, c->board);
    if (code)
        return code;
    ram = machine_shared_file("ram", RAM_SIZE, ram_path, sizeof(ram_path));
    firmware = machine_make_firmware(c->board, firmware_path, sizeof(firmware_path));
    if (ram < 0 || firmware < 0 || processes_allocate(&m->processes)) {
        fprintf(stderr, "qtest: out of memory\n");
        return EXIT_HARNESS;
    }
    code = machine_start_qemu(m, c, ram, ram_path, firmware_path);
    close(ram);
    close(firmware);
    return code;
}

/* ---- power ---- */

static uint64_t machine_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t qtest_machine_now(const struct qtest_machine *m)
{
    return machine_clock_ns() - m->start_ns + QTEST_POWER_ON_NS;
}

int qtest_machine_boot(struct qtest_machine *m, const struct guest_ops *guest)
{
    uint64_t nic = m->board->nic;
    struct guest_place places[] = {{.address = nic}, {.address = nic + m->board->slot}};
    struct guest_config config = {
        .platform = &m->platform,
        .processes = &m->processes.ops,
        .places = places,
        .place_count = !nic     ? 0
                       : m->rng ? 2
                                : 1,
        .dma = m->dma,
        .dma_size = DMA_SIZE,
        .pci = m->board->nic == 0,
        .pci_mmio_base = m->board->pci_memory,
        .pci_mmio_size = PCI_MEMORY_SIZE,
        .pci_io_base = PCI_IO_BASE,
        .pci_io_size = PCI_IO_SIZE,
    };

    m->state = malloc(guest->size);
    m->buffers = malloc(guest->buffers_size ? guest->buffers_size : 1);
    if (!m->state || !m->buffers) {
        fprintf(stderr, "qtest: out of memory\n");
        exit(EXIT_HARNESS);
    }
    memset(m->state, DMA_FILL, guest->size); /* code must not rely on zeros */
    memset(m->buffers, DMA_FILL, guest->buffers_size);
    config.buffers = m->buffers;
    config.buffers_size = guest->buffers_size;
    m->start_ns = machine_clock_ns();
    return guest->boot(m->state, &config, qtest_machine_now(m));
}

void qtest_machine_end(struct qtest_machine *m)
{
    qtest_stop(&m->qemu);
    if (m->dma)
        munmap(m->dma - PAGE, DMA_SIZE + 2 * PAGE);
    m->dma = NULL;
    processes_free(&m->processes);
    free(m->state);
    free(m->buffers);
    m->state = m->buffers = NULL;
}

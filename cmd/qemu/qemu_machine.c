/* Machines of QEMU and the argument vector: see qemu_machine.h. */
#include "qemu_machine.h"
#include "../../core/base/array.h"
#include "../../sim/fake_device/rng.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const net_words[] = {"world", "user", "host", NULL};
const char *const journal_mode_words[] = {"off", "on", "dump", NULL};

/* The time for an incoming connection from its start, which counts from the machine's first
 * frame. */
#define DIAL_NS (1500 * NS_PER_MS)

/* With the NUL at its end: CMDLINE_MAX of targets/common/port.h. */
enum { KERNEL_CMDLINE_MAX = 2048 };

#define X86_EXIT "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"

static const struct qemu_machine machines[] = {
    {"q35",
     "x86_64",
     "qemu-system-x86_64",
     {"-M", "q35", "-bios", "qboot.rom", X86_EXIT},
     "x86_64/kernel.elf",
     .pci = true,
     .transport = TRANSPORT_PCI_MODERN},
    {"microvm",
     "x86_64",
     "qemu-system-x86_64",
     {"-M", "microvm", X86_EXIT},
     "x86_64/kernel.elf",
     .mmio = true,
     .transport = TRANSPORT_MMIO,
     .slots = 24},
    {"q35-seabios",
     "x86_64",
     "qemu-system-x86_64",
     {"-M", "q35", X86_EXIT},
     "x86_64/kernel.elf",
     .pci = true,
     .transport = TRANSPORT_PCI_MODERN},
    {"virt",
     "rv64",
     "qemu-system-riscv64",
     {"-M", "virt", "-bios", "none"},
     "rv64/kernel.elf",
     .mmio = true,
     .pci = true,
     .transport = TRANSPORT_MMIO},
    {"virt-opensbi",
     "rv64",
     "qemu-system-riscv64",
     {"-M", "virt", "-bios", "default"},
     "rv64/kernel-opensbi.elf",
     .mmio = true,
     .pci = true,
     .transport = TRANSPORT_MMIO},
};
enum { MACHINES = ARRAY_COUNT(machines) };

/* Arguments of every machine: only TCG, no default devices, the serial line to this process. */
static const char *const common_arguments[] = {
    "-accel",   "tcg",  "-m",      "128",   "-nodefaults", "-no-reboot",
    "-display", "none", "-serial", "stdio", NULL,
};

/* ---- text ---- */

static void __attribute__((format(printf, 2, 3)))
qemu_add_text(struct qemu_command *c, const char *format, ...)
{
    size_t room = sizeof(c->text) - c->used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(c->text + c->used, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room)
        c->full = true;
    else
        c->used += (size_t)n;
}

static void qemu_add(struct qemu_command *c, const char *argument)
{
    if (c->argc == QEMU_ARGUMENTS_MAX)
        c->full = true;
    else
        c->argv[c->argc++] = argument;
    c->argv[c->argc] = NULL;
}

/* Add the argument built with qemu_add_text() since `start`. */
static void qemu_add_made(struct qemu_command *c, size_t start)
{
    qemu_add(c, c->text + start);
    if (c->used + 1 < sizeof(c->text))
        c->text[c->used++] = 0;
    else
        c->full = true;
}

/* ---- the device ---- */

static bool qemu_is_pci(enum transport_kind t)
{
    return t >= TRANSPORT_PCI_MODERN;
}

static bool qemu_has_bus(const struct qemu_machine *m, enum transport_kind t)
{
    return qemu_is_pci(t) ? m->pci : m->mmio;
}

static int qemu_cannot(const struct scenario *sc, const struct qemu_machine *m, const char *what)
{
    value_message(stderr, "drywire: %s: machine %s %s\n", sc->path, m->name, what);
    return EXIT_USAGE;
}

/* The bytes that QEMU's entropy device gives in each period of whole milliseconds. */
static bool qemu_can_rng(const struct fake_rng_options *o)
{
    return o->bytes ? o->delay_ns % NS_PER_MS == 0 : o->delay_ns == 0;
}

/* Keys of a body that the emulator's device does not have. */
static int qemu_check_own(const struct scenario *sc, const struct qemu_machine *m,
                          const struct device_options *d)
{
    static const uint64_t none[FAKE_OPTIONS_WORDS];
    char text[200];
    size_t used;

    if (!memcmp(d->own, none, sizeof(none)))
        return 0;
    if (d->body->type == VIRTIO_ID_ENTROPY)
        return qemu_can_rng((const void *)d->own)
                   ? 0
                   : qemu_cannot(sc, m,
                                 "has delay= of virtio-rng with bytes= only, and in whole "
                                 "milliseconds");
    used = (size_t)snprintf(text, sizeof(text),
                            "has a %s of its own; for the simulator only:", d->body->name);
    for (const struct key *k = d->body->keys; k->name && used < sizeof(text); k++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=", k->name);
    return qemu_cannot(sc, m, text);
}

/* Device settings that the emulator does not support. */
static int qemu_check_device(const struct scenario *sc, const struct qemu_machine *m,
                             const struct device_options *d, enum transport_kind t)
{
    if (!qemu_has_bus(m, t))
        return qemu_cannot(sc, m, qemu_is_pci(t) ? "has no PCI bus" : "has no virtio-mmio");
    if (!device_is_net(d))
        return qemu_check_own(sc, m, d);
    if (!d->net.mac_feature)
        return qemu_cannot(sc, m, "always has a MAC address: mac=none is for the simulator");
    if (d->queue_given && !qemu_is_pci(t) && d->queue_size != 1024)
        return qemu_cannot(sc, m, "always has queues of 1024 on virtio-mmio");
    if (d->queue_given && qemu_is_pci(t) && d->queue_size != 256 && d->queue_size != 512 &&
        d->queue_size != 1024)
        return qemu_cannot(sc, m, "has queues of 256, 512 or 1024 on PCI");
    return 0;
}

/* Scenario actions that the emulator's device does not support. */
static int qemu_check_actions(const struct scenario *sc)
{
    for (unsigned i = 0; i < sc->action_count; i++)
        if (sc->actions[i].kind == ACTION_KILL || sc->actions[i].kind == ACTION_LINK) {
            value_message(stderr, "%s:%u: %s works only in the simulator\n", sc->path,
                          sc->actions[i].line,
                          sc->actions[i].kind == ACTION_KILL ? "kill" : "link");
            return EXIT_USAGE;
        }
    return 0;
}

static const char *qemu_on_off(bool on)
{
    return on ? "on" : "off";
}

/* The transport of a device: that of its line, or that of the machine. */
static enum transport_kind qemu_transport_of(const struct device_options *d,
                                             const struct qemu_machine *m)
{
    return d->transport_given ? d->transport : m->transport;
}

/* Without a wire what it sends goes nowhere. A hub of its own would do the same, but QEMU 7.2 hands
 * qboot the start of the kernel from a stack frame that has ended, and with a hub others write
 * there: the firmware halts. */
static void qemu_add_net(struct qemu_command *c, const struct device_options *d, bool wire,
                         bool pci)
{
    if (wire)
        qemu_add_text(c, ",netdev=n");
    qemu_add_text(c, ",mac=%02x:%02x:%02x:%02x:%02x:%02x", d->net.mac[0], d->net.mac[1],
                  d->net.mac[2], d->net.mac[3], d->net.mac[4], d->net.mac[5]);
    if (d->net.mtu)
        qemu_add_text(c, ",host_mtu=%u", d->net.mtu);
    if (pci)
        qemu_add_text(c, ",romfile=");
    if (pci && d->queue_given)
        qemu_add_text(c, ",rx_queue_size=%u", d->queue_size);
}

/* A request gets what its period has left: the first one does not wait. */
static void qemu_add_rng(struct qemu_command *c, const struct fake_rng_options *o)
{
    uint64_t period_ms = o->delay_ns / NS_PER_MS;

    if (o->bytes)
        qemu_add_text(c, ",max-bytes=%u,period=%" PRIu64, o->bytes, period_ms ? period_ms : 1);
}

/* One of `last` + 1. */
static void qemu_add_device(struct qemu_command *c, const struct device_options *d, unsigned index,
                            unsigned last, enum transport_kind t, bool recipe)
{
    bool pci = qemu_is_pci(t);
    size_t start;

    qemu_add(c, "-device");
    start = c->used;
    qemu_add_text(c, "%s-%s", d->body->name, pci ? "pci" : "device");
    if (device_is_net(d))
        qemu_add_net(c, d, index == 0, pci);
    if (d->body->type == VIRTIO_ID_ENTROPY)
        qemu_add_rng(c, (const void *)d->own);
    if (last && c->machine->slots && !pci)
        qemu_add_text(c, ",bus=virtio-mmio-bus.%u", c->machine->slots - 1 - last + index);
    qemu_add_text(c, ",packed=%s,event_idx=%s,indirect_desc=%s",
                  qemu_on_off(d->ring == RING_PACKED), qemu_on_off(d->event_idx == TOGGLE_ON),
                  qemu_on_off(d->indirect == TOGGLE_ON));
    if (transport_legacy(t) && d->any_layout == TOGGLE_OFF)
        qemu_add_text(c, ",any_layout=off");
    if (pci)
        qemu_add_text(c, "%s",
                      t == TRANSPORT_PCI_MODERN   ? ",disable-legacy=on"
                      : t == TRANSPORT_PCI_LEGACY ? ",disable-modern=on"
                                                  : "");
    if (recipe && device_is_net(d))
        qemu_add_text(c, ",tx=timer");
    if (recipe && pci)
        qemu_add_text(c, ",ioeventfd=off");
    qemu_add_made(c, start);
}

/* All devices, in the order of the scenario: the core finds them in this order. */
static int qemu_add_devices(struct qemu_command *c, const struct scenario *sc, bool recipe)
{
    const struct qemu_machine *m = c->machine;
    enum transport_kind first = qemu_transport_of(&sc->device, m);
    bool mmio = false, legacy = false;

    for (unsigned i = 0; i < scenario_device_count(sc); i++) {
        const struct device_options *d = scenario_device(sc, i);
        enum transport_kind t = d->transport_given ? d->transport : first;

        if (qemu_check_device(sc, m, d, t))
            return EXIT_USAGE;
        if (!qemu_is_pci(t) && mmio && legacy != transport_legacy(t))
            return qemu_cannot(sc, m,
                               "has virtio-mmio devices of one version, mmio or mmio-legacy");
        if (!qemu_is_pci(t) && !mmio) {
            mmio = true;
            legacy = transport_legacy(t);
            qemu_add(c, "-global");
            qemu_add(c,
                     legacy ? "virtio-mmio.force-legacy=true" : "virtio-mmio.force-legacy=false");
            if (recipe) {
                qemu_add(c, "-global");
                qemu_add(c, "virtio-mmio.ioeventfd=off");
            }
        }
        qemu_add_device(c, d, i, sc->more_count, t, recipe);
    }
    return 0;
}

/* ---- the kernel command line ---- */

/* A word of a program: separators of the kernel's parser are escaped (targets/common/options.h). */
static void qemu_add_word(struct qemu_command *c, const char *word)
{
    for (; *word; word++) {
        bool plain = *word > ' ' && *word < 0x7f && !strchr(",%\"", *word);

        qemu_add_text(c, plain ? "%c" : "%%%02x", (unsigned char)*word);
    }
}

static void qemu_add_programs(struct qemu_command *c, const struct scenario *sc)
{
    for (unsigned i = 0; i < sc->program_count; i++) {
        const struct scenario_program *p = &sc->programs[i];

        qemu_add_text(c, " %s", p->daemon ? "daemon" : "run");
        if (p->at_ns)
            qemu_add_text(c, "@%" PRIu64, p->at_ns / NS_PER_US);
        for (unsigned k = 0; k < p->count; k++) {
            qemu_add_text(c, k ? "," : "=");
            qemu_add_word(c, p->words[k]);
        }
    }
}

/* How long the machine must run: incoming connections start after the programs. */
static uint64_t qemu_until_ns(const struct scenario *sc)
{
    uint64_t until = sc->until_ns;

    for (unsigned i = 0; i < sc->dial_count; i++)
        if (sc->dials[i].at_ns + DIAL_NS > until)
            until = sc->dials[i].at_ns + DIAL_NS;
    return until;
}

static void qemu_add_cmdline(struct qemu_command *c, const struct scenario *sc,
                             const struct qemu_settings *s, const char *run)
{
    size_t start = c->used;

    qemu_add(c, "-append");
    qemu_add_text(c, "id=%s seed=%" PRIu64, run, scenario_secret(sc, s->choice.seed));
    if (sc->device.interrupts == TOGGLE_ON)
        qemu_add_text(c, " interrupts=%s", sc->device.msix == TOGGLE_ON ? "msi" : "line");
    if (s->detail)
        qemu_add_text(c, " trace=all");
    if (s->journal)
        qemu_add_text(c, " journal=%s", journal_mode_words[s->journal]);
    if (qemu_until_ns(sc))
        qemu_add_text(c, " until=%" PRIu64, qemu_until_ns(sc) / NS_PER_US);
    qemu_add_programs(c, sc);
    c->full = c->full || c->used - start >= KERNEL_CMDLINE_MAX;
    qemu_add_made(c, start);
}

/* ---- the whole ---- */

/* A capture by the emulator at the device. */
static void qemu_add_dump(struct qemu_command *c, const char *id, const char *file)
{
    size_t start = c->used;

    qemu_add(c, "-object");
    qemu_add_text(c, "filter-dump,id=%s,netdev=n,file=", id);
    for (; *file; file++)
        qemu_add_text(c, *file == ',' ? ",," : "%c", *file); /* a comma in a value is doubled */
    qemu_add_made(c, start);
}

/* The name of a machine in the options: its own, or its target's. */
static const char *qemu_wanted_name(const struct qemu_settings *s, const struct qemu_machine *m)
{
    return s->machine ? m->name : m->target;
}

static bool qemu_is_wanted(const struct qemu_settings *s, const struct qemu_machine *m)
{
    return !strcmp(qemu_wanted_name(s, m), s->machine ? s->machine : s->target);
}

const char *qemu_emulator(const struct qemu_settings *s)
{
    const char *names[MACHINES + 1] = {0}, *near, *word = s->machine ? s->machine : s->target;

    for (unsigned i = 0; i < MACHINES; i++) {
        names[i] = qemu_wanted_name(s, &machines[i]);
        if (qemu_is_wanted(s, &machines[i]))
            return machines[i].emulator;
    }
    near = nearest_word(word, names);
    value_message(stderr, "drywire: unknown %s '%s'%s%s%s; targets: x86_64 rv64; machines:",
                  s->machine ? "machine" : "target", word, near ? ", did you mean '" : "",
                  near ? near : "", near ? "'?" : "");
    for (unsigned i = 0; i < MACHINES; i++)
        value_message(stderr, " %s", machines[i].name);
    fputc('\n', stderr);
    return NULL;
}

/* The machine of the options, or the first of their target with the scenario's bus; it exists
 * (qemu_emulator()), as every target has both buses. */
static const struct qemu_machine *qemu_choose(const struct scenario *sc,
                                              const struct qemu_settings *s)
{
    const struct qemu_machine *m = machines;

    while (!qemu_is_wanted(s, m) ||
           (!s->machine && sc->device.transport_given && !qemu_has_bus(m, sc->device.transport)))
        m++;
    return m;
}

int qemu_command_make(struct qemu_command *c, const struct scenario *sc,
                      const struct qemu_settings *s, const char *images, const char *netdev,
                      const char *run)
{
    const struct qemu_machine *m = qemu_choose(sc, s);
    size_t start;

    if (qemu_check_actions(sc))
        return EXIT_USAGE;
    *c = (struct qemu_command){.machine = m};
    qemu_add(c, m->emulator);
    for (unsigned i = 0; common_arguments[i]; i++)
        qemu_add(c, common_arguments[i]);
    for (unsigned i = 0; m->arguments[i]; i++)
        qemu_add(c, m->arguments[i]);
    if (s->icount != NO_ICOUNT) {
        qemu_add(c, "-icount");
        start = c->used;
        qemu_add_text(c, "shift=%" PRIu64 ",sleep=off", s->icount);
        qemu_add_made(c, start);
        qemu_add(c, "-rtc");
        qemu_add(c, "clock=vm,base=2024-01-01T00:00:00");
    }
    if (s->gdb) {
        qemu_add(c, "-s");
        qemu_add(c, "-S");
    }
    qemu_add(c, "-kernel");
    start = c->used;
    if (s->kernel)
        qemu_add_text(c, "%s", s->kernel);
    else
        qemu_add_text(c, "%s/%.*s%s.elf", images, (int)strlen(m->image) - 4, m->image,
                      s->journal ? "-journal" : "");
    c->image = c->text + start;
    qemu_add_made(c, start);
    qemu_add(c, "-netdev");
    qemu_add(c, netdev);
    if (s->net != NET_WORLD && s->pcap)
        qemu_add_dump(c, "f", s->pcap);
    if (s->nic_pcap)
        qemu_add_dump(c, "g", s->nic_pcap);
    if (qemu_add_devices(c, sc, s->icount != NO_ICOUNT))
        return EXIT_USAGE;
    qemu_add_cmdline(c, sc, s, run);
    for (unsigned i = 0; i < s->args.count; i++)
        qemu_add(c, s->args.word[i]);
    if (c->full) {
        value_message(
            stderr, "drywire: %s: the programs' arguments are too long for a kernel command line\n",
            sc->path);
        return EXIT_USAGE;
    }
    return 0;
}

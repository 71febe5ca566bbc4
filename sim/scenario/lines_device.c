/* `device NAME KEY...`: the devices of the machine. See scenario_lines.h. */
#include "scenario_lines.h"
#include "../fake_device/bodies.h"
#include <string.h>

/* True if the device has this lie, with any transport. */
static bool lie_fits_device(const struct device_options *d, bool wire)
{
#define LIE_WHO(id, word, where, who) who,
    static const enum lie_device who[] = {LIE_BY_ANY, DEVICE_LIES(LIE_WHO)};
#undef LIE_WHO

    switch (who[d->lie]) {
    case LIE_BY_ANY:
        return true;
    case LIE_BY_WIRE:
        return wire;
    case LIE_BY_NET:
        return device_is_net(d);
    case LIE_BY_CONFIG:
        return d->body->config_size;
    case LIE_BY_FIRST:
        return wire || !device_is_net(d);
    case LIE_BY_SECOND:
        return wire || (!device_is_net(d) && d->body->queues > 1);
    }
    return false;
}

/* The same for its transport. */
static bool lie_fits_transport(const struct device_options *d)
{
#define LIE_WHERE(id, word, where, who) where
    static const char where[] = "A" DEVICE_LIES(LIE_WHERE);
#undef LIE_WHERE

    switch (where[d->lie]) {
    case 'P':
        return d->transport == TRANSPORT_PCI_MODERN;
    case 'X':
        return d->transport == TRANSPORT_PCI_MODERN && d->msix == TOGGLE_ON;
    case 'M':
        return d->transport == TRANSPORT_MMIO || d->transport == TRANSPORT_MMIO_LEGACY;
    case 'N':
        return d->transport == TRANSPORT_MMIO || d->transport == TRANSPORT_PCI_MODERN;
    case 'S':
        return d->ring == RING_SPLIT && d->transport != TRANSPORT_PCI_TRANSITIONAL;
    default:
        return d->lie == LIE_NONE || d->transport != TRANSPORT_PCI_TRANSITIONAL;
    }
}

static const char *const device_transports[] = {
    "mmio", "mmio-legacy", "pci-modern", "pci-transitional", "pci-legacy", NULL};

#define LIE_WORD(id, word, where, who) word,
static const char *const device_lies[] = {"none", DEVICE_LIES(LIE_WORD) NULL};
#undef LIE_WORD

/* The keys of a device line. Those from KEY_PROFILE on are settings of the machine, on the first
 * line only; those from KEYS_OWN on belong to the body. */
enum {
    KEY_ANY_LAYOUT,
    KEY_TRANSPORT,
    KEY_QUEUE,
    KEY_RING,
    KEY_EVENT_IDX,
    KEY_INDIRECT,
    KEY_LIE,
    KEYS_COMMON,

    KEY_PROFILE = KEYS_COMMON,
    KEY_INTERRUPTS,
    KEY_MSIX,
    KEYS_OWN,
};

/* Check that the keys in `given` are valid together; others have valid values. */
static bool device_fits(struct reader *r, const struct device_options *d, uint32_t given)
{
    if (d->ring == RING_PACKED && transport_legacy(d->transport))
        return reader_wrong(r, "ring=packed needs a modern device; transport=%s is legacy",
                            device_transports[d->transport]);
    if (d->ring == RING_SPLIT && d->queue_size & (d->queue_size - 1))
        return reader_wrong(r, "queue=%u is not a power of two from 2 to 1024", d->queue_size);
    if (given & 1u << KEY_ANY_LAYOUT && d->transport != TRANSPORT_MMIO_LEGACY &&
        d->transport != TRANSPORT_PCI_LEGACY)
        return reader_wrong(r, "any-layout= is for mmio-legacy and pci-legacy only");
    if (given & 1u << KEY_MSIX && d->transport < TRANSPORT_PCI_MODERN)
        return reader_wrong(r, "msix= is for the pci transports only");
    if (!lie_fits_transport(d) || !lie_fits_device(d, d == &r->s->device))
        return reader_wrong(r, "lie=%s is not available for this device; see docs/scenarios.md",
                            device_lies[d->lie]);
    return true;
}

/* mac= has its own format; it is removed before a table reads the rest. */
static bool read_mac(struct reader *r, struct device_options *d)
{
    bool given = false;

    for (unsigned i = 2; i < r->count; i++) {
        struct word w = r->words[i];

        if (w.quoted || strncmp(w.text, "mac=", 4))
            continue;
        if (given)
            return reader_wrong(r, "'mac' is already given");
        given = true;
        d->net.mac_feature = strcmp(w.value, "none") != 0;
        if (d->net.mac_feature && !value_mac(w.value, d->net.mac))
            return reader_wrong(r, "mac=%.40s is not an address such as 02:00:00:00:00:01, or none",
                                w.value);
        if (d->net.mac_feature && d->net.mac[0] & 1)
            return reader_wrong(r, "mac=%s is a group address; a station needs an individual one",
                                w.value);
        memmove(&r->words[i], &r->words[i + 1], (r->count - i - 1) * sizeof(w));
        r->count--;
        i--;
    }
    return true;
}

/* A further device. Its missing keys are set when the first line is known. */
static struct device_options *device_add(struct reader *r, const struct fake_body_ops *body)
{
    struct scenario *s = r->s;
    struct device_options *d;

    if (s->more_count == SCENARIO_DEVICES_MAX - 1) {
        reader_wrong(r, "a machine has %d devices at most", SCENARIO_DEVICES_MAX);
        return NULL;
    }
    s->more = reader_add(s, s->more, &s->more_count, sizeof(*s->more));
    d = &s->more[s->more_count - 1];
    *d = (struct device_options){.body = body, .line = r->line};
    if (device_is_net(d))
        d->net = (struct fake_net_options){.mac = {2, 0, 0, 0, 0, (uint8_t)(1 + s->more_count)},
                                           .mac_feature = true};
    return d;
}

#define DEVICE(field) FIELD(device_options, field)

static bool device_keys(struct reader *r, struct device_options *d)
{
    static const char *const rings[] = {"split", "packed", NULL};
    static const char *const profiles[] = {"strict", "qemu", NULL};
    static const struct key known[] = {
        [KEY_ANY_LAYOUT] = {"any-layout", VALUE_TOGGLE, DEVICE(any_layout)},
        [KEY_TRANSPORT] = {"transport", VALUE_CHOICE, DEVICE(transport),
                           .choices = device_transports},
        [KEY_QUEUE] = {"queue", VALUE_NUMBER, DEVICE(queue_size), NUMBERS(1, 1024)},
        [KEY_RING] = {"ring", VALUE_CHOICE, DEVICE(ring), .choices = rings},
        [KEY_EVENT_IDX] = {"event_idx", VALUE_TOGGLE, DEVICE(event_idx)},
        [KEY_INDIRECT] = {"indirect", VALUE_TOGGLE, DEVICE(indirect)},
        [KEY_LIE] = {"lie", VALUE_CHOICE, DEVICE(lie), .choices = device_lies},
        [KEY_PROFILE] = {"profile", VALUE_CHOICE, DEVICE(profile), .choices = profiles},
        [KEY_INTERRUPTS] = {"interrupts", VALUE_TOGGLE, DEVICE(interrupts)},
        [KEY_MSIX] = {"msix", VALUE_TOGGLE, DEVICE(msix)},
    };
    struct key keys[KEYS_OWN + FAKE_KEYS_MAX + 1] = {0};

    memcpy(keys, known, sizeof(known));
    for (unsigned i = 0; d->body->keys && d->body->keys[i].name; i++) {
        keys[KEYS_OWN + i] = d->body->keys[i];
        keys[KEYS_OWN + i].offset += offsetof(struct device_options, own);
    }
    d->given = 0;
    return line_keys(r, keys, 2, d, &d->given);
}

static bool device_machine_keys(const struct device_options *d)
{
    return d->given & ((1u << KEYS_OWN) - (1u << KEYS_COMMON));
}

bool line_device(struct reader *r)
{
    const char *names[FAKE_BODY_COUNT + 1] = {0};
    const struct fake_body_ops *body = NULL;
    struct device_options *d = &r->s->device;
    bool first;

    for (unsigned i = 0; i < FAKE_BODY_COUNT; i++) {
        names[i] = fake_bodies[i]->name;
        if (word_is(&r->words[1], names[i]))
            body = fake_bodies[i];
    }
    if (!body)
        return reader_unknown(r, "device", r->words[1].text, names);
    first = body == d->body && !r->network_device;
    r->network_device |= first;
    if (first)
        d->line = r->line;
    else
        d = device_add(r, body);
    if (!d || (device_is_net(d) && !read_mac(r, d)) || !device_keys(r, d))
        return false;
    if (!first && device_machine_keys(d))
        return reader_wrong(r, "profile=, interrupts= and msix= are for the first network device: "
                               "they are of the whole machine");
    if (!first)
        return true;
    d->transport_given |= d->given >> KEY_TRANSPORT & 1;
    d->queue_given |= d->given >> KEY_QUEUE & 1;
    return device_fits(r, d, d->given);
}

bool devices_settle(struct reader *r)
{
    const struct device_options *first = &r->s->device;
    unsigned liars = first->lie != LIE_NONE;

    for (unsigned i = 0; i < r->s->more_count; i++) {
        struct device_options *d = &r->s->more[i];
        uint32_t given = d->given;

        if (!(given >> KEY_TRANSPORT & 1))
            d->transport = first->transport;
        d->transport_given = first->transport_given || given >> KEY_TRANSPORT & 1;
        if (!(given >> KEY_RING & 1))
            d->ring = transport_legacy(d->transport) ? RING_SPLIT : first->ring;
        if (!(given >> KEY_QUEUE & 1))
            d->queue_size = d->ring == first->ring ? first->queue_size : DEVICE_QUEUE_SIZE;
        if (!(given >> KEY_EVENT_IDX & 1))
            d->event_idx = first->event_idx;
        if (!(given >> KEY_INDIRECT & 1))
            d->indirect = first->indirect;
        if (!(given >> KEY_ANY_LAYOUT & 1))
            d->any_layout = first->any_layout;
        d->msix = first->msix;
        liars += d->lie != LIE_NONE;
        if (device_is_net(d) && d->net.mrg_rxbuf == TOGGLE_DRAW)
            d->net.mrg_rxbuf = first->net.mrg_rxbuf;
        r->line = d->line;
        if (device_is_net(d) && d->transport < TRANSPORT_PCI_MODERN &&
            first->transport >= TRANSPORT_PCI_MODERN)
            return reader_wrong(r,
                                "a network device on virtio-mmio is found before those on pci, and "
                                "the first that is found is the stack's: name it first");
        if (!device_fits(r, d, given & ((1u << KEYS_COMMON) - 1)))
            return false;
        if (liars > 1)
            return reader_wrong(r, "another device has a lie= already; one of them can lie");
    }
    return true;
}

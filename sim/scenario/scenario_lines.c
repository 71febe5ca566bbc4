/*
 * The lines of a scenario: one function for each first word, and the table that names them
 * (`directives`, at the end). A function finds its line in reader->words, fills its part of the
 * scenario and returns true, or reports what is wrong and returns false.
 */
#include "scenario_lines.h"
#include "../engine/oracle_table.h"
#include "../../user/programs.h"
#include "../frame/decode.h"
#include "../frame/malform.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces that several lines share ---- */

static bool is(const struct word *w, const char *keyword)
{
    return !w->quoted && !strcmp(w->text, keyword);
}

static bool read_keys(struct reader *r, const struct key *keys, unsigned from, void *base,
                      uint32_t *given)
{
    char problem[320];

    if (keys_read(keys, r->words + from, r->count - from, base, given, problem, sizeof(problem)))
        return true;
    return reader_wrong(r, "%s", problem);
}

static bool read_duration(struct reader *r, const struct word *w, const char *what, uint64_t *out)
{
    if (value_duration(w->text, out))
        return true;
    return reader_wrong(r, "%s '%.40s' is not a duration such as 200us, 13ms or 1.5s", what,
                        w->text);
}

static bool read_direction(struct reader *r, const struct word *w, enum direction *out)
{
    static const char *const names[] = {"tx", "rx", NULL};

    *out = is(w, "tx") ? DIRECTION_TX : DIRECTION_RX;
    return is(w, "tx") || is(w, "rx") || reader_unknown(r, "direction", w->text, names);
}

static bool is_program(const char *name)
{
    for (unsigned i = 0; i < programs_count; i++)
        if (!strcmp(name, programs[i].name))
            return true;
    return false;
}

static bool read_program(struct reader *r, unsigned from, uint64_t at_ns, bool is_daemon)
{
    struct scenario *s = r->s;
    const char *name = r->words[from].text;

    if (!is_program(name)) {
        const char **names = reader_take(s, (programs_count + 1) * sizeof(*names));

        for (unsigned i = 0; i < programs_count; i++)
            names[i] = programs[i].name;
        return reader_unknown(r, "program", name, names);
    }

    unsigned count = r->count - from;
    const char **words = reader_take(s, count * sizeof(*words));

    for (unsigned i = 0; i < count; i++) {
        words[i] = r->words[from + i].text;
        if (strlen(words[i]) != r->words[from + i].len)
            return reader_wrong(r, "an argument holds a zero byte");
    }
    s->programs = reader_add(s, s->programs, &s->program_count, sizeof(*s->programs));
    s->programs[s->program_count - 1] =
        (struct scenario_program){words, count, at_ns, is_daemon, r->line};
    r->something = true;
    return true;
}

#define FIELD(type, field)                                                                         \
    .offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define NUMBERS(low, high)  .min = (low), .max = (high)
#define LENGTH(type, field) .length_at = offsetof(struct type, field)

/* ---- title, format, memory, limit, until, oracle ---- */

static bool line_format(struct reader *r)
{
    for (unsigned i = 0; i < DIRECTIVES; i++)
        if (r->given[i] && r->given[i] != r->line)
            return reader_wrong(r, "'format' is the first line or absent");
    if (!is(&r->words[1], "1"))
        return reader_wrong(r, "format '%.20s' is not known, this is format 1", r->words[1].text);
    return true;
}

static bool line_title(struct reader *r)
{
    r->s->title = r->rest;
    return true;
}

static bool line_memory(struct reader *r)
{
    static const char *const names[] = {"weak", "strong", NULL};

    if (is(&r->words[1], "weak"))
        r->s->weak_memory = TOGGLE_ON;
    else if (is(&r->words[1], "strong"))
        r->s->weak_memory = TOGGLE_OFF;
    else
        return reader_unknown(r, "memory", r->words[1].text, names);
    return true;
}

static bool line_limit(struct reader *r)
{
    if (!read_duration(r, &r->words[1], "limit", &r->s->limit_ns))
        return false;
    return r->s->limit_ns > 0 || reader_wrong(r, "a limit of 0 leaves no time to run");
}

static bool line_until(struct reader *r)
{
    r->something = true;
    return read_duration(r, &r->words[1], "until", &r->s->until_ns);
}

/* `heal never`, or when. */
static bool line_heal(struct reader *r)
{
    r->heal_line = r->line;
    r->s->heal_ns = SIM_NEVER;
    return is(&r->words[1], "never") || read_duration(r, &r->words[1], "heal", &r->s->heal_ns);
}

static bool line_allow(struct reader *r)
{
    for (unsigned i = 0; i < ALLOW_COUNT; i++)
        if (is(&r->words[1], allowance_words[i])) {
            r->s->allowed |= 1u << i;
            return true;
        }
    return reader_unknown(r, "thing to allow", r->words[1].text, allowance_words);
}

static bool line_oracle(struct reader *r)
{
    struct scenario *s = r->s;
    const char *names[ORACLE_COUNT + 1];
    unsigned count = 0;
    bool known = false;

    if (!is(&r->words[1], "off"))
        return reader_wrong(r, "an oracle can only be switched off: oracle off NAME");
    for (unsigned i = 0; i < ORACLE_COUNT; i++) {
        if (oracle_table[i].watch != WATCH_WIRE)
            continue;
        names[count++] = oracle_table[i].name;
        known |= strcmp(r->words[2].text, oracle_table[i].name) == 0;
    }
    names[count] = NULL;
    if (!known) {
        const char *near = nearest_word(r->words[2].text, names);

        return reader_wrong(r, "there is no oracle '%.40s' that can be switched off%s%s%s",
                            r->words[2].text, near ? ", did you mean '" : "", near ? near : "",
                            near ? "'?" : "");
    }
    s->oracles_off = reader_add(s, s->oracles_off, &s->oracles_off_count, sizeof(*s->oracles_off));
    s->oracles_off[s->oracles_off_count - 1] = r->words[2].text;
    return true;
}

/* ---- world, device ---- */

/* Where a file that a line names is: relative names count from the scenario's folder. */
static const char *beside(struct reader *r, const char *file)
{
    const char *slash = *file == '/' ? NULL : strrchr(r->path, '/');
    int folder = slash ? (int)(slash + 1 - r->path) : 0;
    size_t size = (size_t)folder + strlen(file) + 1;
    char *path = reader_take(r->s, size);

    snprintf(path, size, "%.*s%s", folder, r->path, file);
    return path;
}

/* The files that the scenario may name, or NULL after a message. */
static const struct source *files_of(struct reader *r)
{
    if (!r->how->files)
        reader_wrong(r, "a scenario that is not a file of its own cannot name files");
    return r->how->files;
}

/* A capture that a line names. */
static bool read_capture(struct reader *r, const char *path, bool cut, struct capture *c)
{
    const struct source *files = files_of(r);
    char problem[200];

    if (!files)
        return false;
    return !capture_from(c, files, path, cut, problem, sizeof(problem)) ||
           reader_wrong(r, "%.200s: %s", path, problem);
}

/* A capture that the peer has; cut frames are there as far as they go. */
static bool native_capture(struct reader *r, const char *file, struct capture *c)
{
    return !file || read_capture(r, beside(r, file), true, c);
}

static bool world_native_line(struct reader *r)
{
#define NATIVE(field) FIELD(native_options, field)
    static const struct key keys[] = {
        {"lease", VALUE_SECONDS, NATIVE(lease_s), NUMBERS(1, UINT32_MAX - 1),
         .all_ones = "forever"},
        {"t1", VALUE_SECONDS, NATIVE(t1_s), NUMBERS(0, UINT32_MAX)},
        {"t2", VALUE_SECONDS, NATIVE(t2_s), NUMBERS(0, UINT32_MAX)},
        {"nak", VALUE_NUMBER, NATIVE(nak_requests), NUMBERS(0, UINT_MAX)},
        {"dhcp-silent", VALUE_NUMBER, NATIVE(silent_requests), NUMBERS(0, UINT_MAX - 1),
         .all_ones = "all"},
        {"renew-silent", VALUE_FLAG, NATIVE(renew_silent)},
        {"rebind-silent", VALUE_FLAG, NATIVE(rebind_silent)},
        {"nak-renew", VALUE_FLAG, NATIVE(nak_renew)},
        {"second-addr", VALUE_ADDRESS, NATIVE(second_address)},
        {"unicast-reply", VALUE_FLAG, NATIVE(unicast_reply)},
        {"second-server", VALUE_FLAG, NATIVE(second_server)},
        {"foreign-xid", VALUE_FLAG, NATIVE(foreign_xid)},
        {"arp-silent", VALUE_FLAG, NATIVE(arp_silent)},
        {"arp-silent", VALUE_NUMBER, NATIVE(arp_silent_first), NUMBERS(0, UINT_MAX)},
        {"mss", VALUE_NUMBER, NATIVE(mss), NUMBERS(1, UINT16_MAX)},
        {"window", VALUE_NUMBER, NATIVE(window), NUMBERS(1, UINT16_MAX)},
        {"zero-window", VALUE_DURATION, NATIVE(zero_window_ns)},
        {"pad", VALUE_FLAG, NATIVE(pad)},
        {"latency", VALUE_DURATION, NATIVE(latency_ns)},
        {"observe", VALUE_TEXT, NATIVE(observe)},
        {"play", VALUE_TEXT, NATIVE(play)},
        {"sha256", VALUE_TEXT, NATIVE(sha256)},
        {0},
    };
    struct native_options *o = &r->s->native;
    uint32_t given = 0;

    if (!read_keys(r, keys, 2, o, &given))
        return false;
    if (o->sha256 && !o->play)
        return reader_wrong(r, "sha256= goes with play=CAPTURE");
    return native_capture(r, o->observe, &o->observed) && native_capture(r, o->play, &o->played);
}

static bool world_slirp_line(struct reader *r)
{
#define SLIRP(field) FIELD(slirp_options, field)
    static const struct key keys[] = {
        {"restrict", VALUE_TOGGLE, SLIRP(restricted)},
        {0},
    };
    uint32_t given = 0;

    return read_keys(r, keys, 2, &r->s->slirp, &given);
}

/* The capture is read at once: what is wrong with it is wrong with the scenario. */
static bool world_replay_line(struct reader *r)
{
#define REPLAY(field) FIELD(replay_options, field)
    static const struct key keys[] = {
        {"file", VALUE_TEXT, REPLAY(file)},
        {"seed", VALUE_NUMBER, REPLAY(seed), NUMBERS(0, UINT64_MAX)},
        {0},
    };
    struct replay_options *o = &r->s->replay;
    uint32_t given = 0;
    const char *path;

    if (!read_keys(r, keys, 2, o, &given))
        return false;
    if (!o->file || !*o->file)
        return reader_wrong(r, "world replay needs file=CAPTURE");
    o->path = path = beside(r, o->file);
    if (!read_capture(r, path, false, &o->capture))
        return false;
    for (size_t i = 0; i < o->capture.count; i++)
        if (o->capture.frames[i].len > REPLAY_FRAME_MAX)
            return reader_wrong(r, "%.200s: frame %zu has %zu bytes, the wire carries %d", path,
                                i + 1, o->capture.frames[i].len, REPLAY_FRAME_MAX);
    return true;
}

static bool line_world(struct reader *r)
{
    static const char *const names[] = {
        [WORLD_SLIRP] = "slirp", [WORLD_NATIVE] = "native", [WORLD_REPLAY] = "replay", NULL};
    bool (*const read[])(struct reader *) = {
        [WORLD_SLIRP] = world_slirp_line,
        [WORLD_NATIVE] = world_native_line,
        [WORLD_REPLAY] = world_replay_line,
    };

    for (unsigned i = 0; names[i]; i++)
        if (is(&r->words[1], names[i])) {
            r->s->world = i;
            r->s->world_line = r->line;
            return read[i](r);
        }
    return reader_unknown(r, "world", r->words[1].text, names);
}

/* Can a device of this kind lie so? */
static bool lie_fits(const struct device_options *d)
{
#define LIE_WHERE(id, word, where) where
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

static bool line_device(struct reader *r)
{
    static const char *const names[] = {"virtio-net", NULL};
    static const char *const transports[] = {
        "mmio", "mmio-legacy", "pci-modern", "pci-transitional", "pci-legacy", NULL};
    static const char *const profiles[] = {"strict", "qemu", NULL};
    static const char *const rings[] = {"split", "packed", NULL};
#define LIE_WORD(id, word, where) word,
    static const char *const lies[] = {"none", DEVICE_LIES(LIE_WORD) NULL};
#undef LIE_WORD
#define DEVICE(field) FIELD(device_options, field)
    enum { KEY_ANY_LAYOUT, KEY_MTU, KEY_MSIX, KEY_TRANSPORT, KEY_QUEUE };
    static const struct key keys[] = {
        [KEY_ANY_LAYOUT] = {"any-layout", VALUE_TOGGLE, DEVICE(any_layout)},
        [KEY_MTU] = {"mtu", VALUE_NUMBER, DEVICE(mtu), NUMBERS(68, UINT16_MAX)},
        [KEY_MSIX] = {"msix", VALUE_TOGGLE, DEVICE(msix)},
        [KEY_TRANSPORT] = {"transport", VALUE_CHOICE, DEVICE(transport), .choices = transports},
        [KEY_QUEUE] = {"queue", VALUE_NUMBER, DEVICE(queue_size), NUMBERS(1, 1024)},
        {"profile", VALUE_CHOICE, DEVICE(profile), .choices = profiles},
        {"ring", VALUE_CHOICE, DEVICE(ring), .choices = rings},
        {"event_idx", VALUE_TOGGLE, DEVICE(event_idx)},
        {"indirect", VALUE_TOGGLE, DEVICE(indirect)},
        {"interrupts", VALUE_TOGGLE, DEVICE(interrupts)},
        {"mrg-rxbuf", VALUE_TOGGLE, DEVICE(mrg_rxbuf)},
        {"lie", VALUE_CHOICE, DEVICE(lie), .choices = lies},
        {0},
    };
    struct device_options *d = &r->s->device;
    uint32_t given = 0;
    bool mac_given = false;

    if (!is(&r->words[1], names[0]))
        return reader_unknown(r, "device", r->words[1].text, names);

    /* mac= has a form of its own; it is taken out before the table reads the rest. */
    for (unsigned i = 2; i < r->count; i++) {
        struct word w = r->words[i];

        if (w.quoted || strncmp(w.text, "mac=", 4))
            continue;
        if (mac_given)
            return reader_wrong(r, "'mac' is given twice");
        mac_given = true;
        d->mac_feature = strcmp(w.value, "none") != 0;
        if (d->mac_feature && !value_mac(w.value, d->mac))
            return reader_wrong(r, "mac=%.40s is not an address such as 02:00:00:00:00:01, or none",
                                w.value);
        if (d->mac_feature && d->mac[0] & 1)
            return reader_wrong(r, "mac=%s is a group address, no station has one", w.value);
        memmove(&r->words[i], &r->words[i + 1], (r->count - i - 1) * sizeof(w));
        r->count--;
        i--;
    }
    if (!read_keys(r, keys, 2, d, &given))
        return false;
    d->transport_given |= given >> KEY_TRANSPORT & 1;
    d->queue_given |= given >> KEY_QUEUE & 1;
    if (d->ring == RING_PACKED && transport_legacy(d->transport))
        return reader_wrong(r, "ring=packed needs a modern device, transport=%s is none",
                            transports[d->transport]);
    if (d->ring == RING_SPLIT && d->queue_size & (d->queue_size - 1))
        return reader_wrong(r, "queue=%u is not a power of two from 2 to 1024", d->queue_size);
    if (given & 1u << KEY_ANY_LAYOUT && d->transport != TRANSPORT_MMIO_LEGACY &&
        d->transport != TRANSPORT_PCI_LEGACY)
        return reader_wrong(r, "any-layout= is for mmio-legacy and pci-legacy only");
    if (given & 1u << KEY_MSIX && d->transport < TRANSPORT_PCI_MODERN)
        return reader_wrong(r, "msix= is for the pci transports only");
    if (!lie_fits(d))
        return reader_wrong(r, "lie=%s does not fit this device; docs/scenarios.md lists which do",
                            lies[d->lie]);
    return true;
}

/* ---- run, daemon, serve, peer ---- */

enum { SCRIPT_FILE_MAX = 64 << 20 };

static bool line_run(struct reader *r)
{
    return read_program(r, 1, 0, false);
}

static bool line_daemon(struct reader *r)
{
    return read_program(r, 1, 0, true);
}

static bool is_datagram(enum service_kind kind)
{
    return kind == SERVICE_UDP_ECHO;
}

/* What the lines of a script with bytes= say. */
static bool read_side_file(struct reader *r, struct service *s)
{
    const char *path = beside(r, s->file);
    const struct source *files = files_of(r);
    char problem[200], *kept;
    uint8_t *bytes;
    size_t len;

    if (!files)
        return false;
    if (files->read(files->ctx, path, SCRIPT_FILE_MAX, &bytes, &len, problem, sizeof(problem)))
        return reader_wrong(r, "%.200s: %s", path, problem);
    if (len > SCRIPT_FILE_MAX)
        return reader_wrong(r, "%.200s: is larger than 64 MiB", path);
    kept = reader_take(r->s, len + 1);
    memcpy(kept, bytes, len);
    free(bytes);
    s->file_bytes = kept;
    s->file_len = len;
    return true;
}

static bool line_serve(struct reader *r)
{
    static const char *const names[] = {
        [SERVICE_HTTP] = "http",
        [SERVICE_TCP_ECHO] = "tcp-echo",
        [SERVICE_SINK] = "sink",
        [SERVICE_UDP_ECHO] = "udp-echo",
        [SERVICE_REFUSE] = "refuse",
        [SERVICE_BLACKHOLE] = "blackhole",
        [SERVICE_UNREACHABLE] = "unreachable",
        [SERVICE_SCRIPT] = "script",
        NULL,
    };
    static const char *const modes[] = {"length", "chunked", "close", NULL};
#define SERVE(field) FIELD(service, field)
    enum { KEY_LATENCY, KEY_BODY, KEY_SIZE, KEY_CHUNK, KEY_FILE };
    static const struct key keys[] = {
        [KEY_LATENCY] = {"latency", VALUE_DURATION, SERVE(latency_ns)},
        [KEY_BODY] = {"body", VALUE_STRING, SERVE(body), LENGTH(service, body_len)},
        [KEY_SIZE] = {"size", VALUE_SCALED, SERVE(body_len), NUMBERS(0, UINT64_C(1) << 40)},
        [KEY_CHUNK] = {"chunk", VALUE_NUMBER, SERVE(chunk), NUMBERS(1, 1000000)},
        [KEY_FILE] = {"file", VALUE_TEXT, SERVE(file)},
        {"path", VALUE_TEXT, SERVE(path)},
        {"status", VALUE_NUMBER, SERVE(status), NUMBERS(100, 599)},
        {"mode", VALUE_CHOICE, SERVE(framing), .choices = modes},
        {"delay", VALUE_DURATION, SERVE(delay_ns)},
        {"rate", VALUE_SCALED, SERVE(rate_Bps), NUMBERS(0, UINT64_C(1) << 40)},
        {"reset-after", VALUE_SCALED, SERVE(reset_after), NUMBERS(0, UINT64_C(1) << 40)},
        {0},
    };
    struct scenario *sc = r->s;
    struct service s = {.path = "/",
                        .body = "",
                        .status = 200,
                        .chunk = 1000,
                        .reset_after = UINT64_MAX,
                        .line = r->line};
    uint32_t given = 0;
    unsigned kind = 0;

    while (names[kind] && !is(&r->words[1], names[kind]))
        kind++;
    if (!names[kind])
        return reader_unknown(r, "service", r->words[1].text, names);
    s.kind = kind;
    if (!value_endpoint(r->words[2].text, &s.addr, &s.port))
        return reader_wrong(r, "'%.40s' is not an address and port such as 10.0.2.2:8080",
                            r->words[2].text);
    if (!read_keys(r, keys, 3, &s, &given))
        return false;
    if (s.kind == SERVICE_SCRIPT ? given & ~(1u << KEY_LATENCY | 1u << KEY_FILE)
                                 : s.kind != SERVICE_HTTP && given & ~(1u << KEY_LATENCY))
        return reader_wrong(r, "of these keys, serve %s takes only latency=%s", names[kind],
                            s.kind == SERVICE_SCRIPT ? " and file=" : "");
    if (s.kind == SERVICE_HTTP && given & 1u << KEY_FILE)
        return reader_wrong(r, "file= is for serve script only");
    if (s.file && !read_side_file(r, &s))
        return false;
    if (given & 1u << KEY_BODY && given & 1u << KEY_SIZE)
        return reader_wrong(r, "body= and size= exclude each other");
    if (given & 1u << KEY_CHUNK && s.framing != HTTP_CHUNKED)
        return reader_wrong(r, "chunk= is for mode=chunked only");
    if (s.path[0] != '/')
        return reader_wrong(r, "path=%.40s does not begin with '/'", s.path);
    for (unsigned i = 0; i < sc->service_count; i++) {
        const struct service *o = &sc->services[i];

        if (o->addr == s.addr && o->port == s.port && is_datagram(o->kind) == is_datagram(s.kind))
            return reader_wrong(r, "%s is already served, on line %u", r->words[2].text, o->line);
    }
    s.pattern = given & 1u << KEY_SIZE;
    sc->services = reader_add(sc, sc->services, &sc->service_count, sizeof(*sc->services));
    sc->services[sc->service_count - 1] = s;
    return true;
}

/* The script at an endpoint, or NULL. */
static struct service *script_of(struct scenario *sc, uint32_t addr, uint16_t port)
{
    for (unsigned i = 0; i < sc->service_count; i++) {
        struct service *s = &sc->services[i];

        if (s->kind == SERVICE_SCRIPT && s->addr == addr && s->port == port)
            return s;
    }
    return NULL;
}

/* What a step says comes from the script's file, in turn. */
static bool step_from_file(struct reader *r, struct service *s, struct script_step *step,
                           uint64_t bytes)
{
    if (!s->file)
        return reader_wrong(r, "bytes= takes from a file: serve script %.40s file=NAME",
                            r->words[1].text);
    if (bytes > s->file_len - s->file_used)
        return reader_wrong(r, "%.100s has only %llu bytes left here", s->file,
                            (unsigned long long)(s->file_len - s->file_used));
    step->bytes = s->file_bytes + s->file_used;
    step->len = bytes;
    s->file_used += bytes;
    return true;
}

static bool line_peer(struct reader *r)
{
    struct given_step {
        struct script_step step;
        uint64_t bytes;
        bool closes, resets;
    } g = {.bytes = 0};
#define STEP(field) FIELD(given_step, step.field)
    static const struct key keys[] = {
        {"send", VALUE_STRING, STEP(bytes), LENGTH(given_step, step.len)},
        {"bytes", VALUE_NUMBER, FIELD(given_step, bytes), NUMBERS(1, SCRIPT_FILE_MAX)},
        {"after", VALUE_NUMBER, STEP(after), NUMBERS(0, UINT64_MAX)},
        {"wait", VALUE_DURATION, STEP(wait_ns)},
        {"late", VALUE_DURATION, STEP(late_ns)},
        {"lost", VALUE_FLAG, STEP(lost)},
        {"twice", VALUE_FLAG, STEP(twice)},
        {"close", VALUE_FLAG, FIELD(given_step, closes)},
        {"reset", VALUE_FLAG, FIELD(given_step, resets)},
        {0},
    };
    struct script_step *last;
    struct service *s;
    uint32_t addr, given = 0;
    uint16_t port;

    if (is(&r->words[1], "dhcp"))
        return line_peer_dhcp(r);
    if (!value_endpoint(r->words[1].text, &addr, &port) || !(s = script_of(r->s, addr, port)))
        return reader_wrong(r, "no line before this one says 'serve script %.40s'",
                            r->words[1].text);
    if (!read_keys(r, keys, 2, &g, &given))
        return false;
    if ((g.step.len > 0) + (g.bytes > 0) + g.closes + g.resets != 1)
        return reader_wrong(r, "a peer line has one of send=\"...\", bytes=N, close and reset");
    if (!(g.step.len || g.bytes) && (g.step.lost || g.step.twice || g.step.late_ns))
        return reader_wrong(r, "lost, twice and late= are for lines that send");
    last = s->step_count ? &s->steps[s->step_count - 1] : NULL;
    if (last && last->kind != SCRIPT_SAYS)
        return reader_wrong(r, "%.40s has closed or reset already", r->words[1].text);
    if (g.bytes && !step_from_file(r, s, &g.step, g.bytes))
        return false;
    g.step.kind = g.closes ? SCRIPT_CLOSES : g.resets ? SCRIPT_RESETS : SCRIPT_SAYS;
    g.step.at = s->said;
    g.step.line = r->line;
    s->said += g.step.len;
    s->steps = reader_add(r->s, s->steps, &s->step_count, sizeof(*s->steps));
    s->steps[s->step_count - 1] = g.step;
    return true;
}

/* ---- wire, at ---- */

static bool line_wire(struct reader *r)
{
#define WIRE(field) FIELD(wire_options, field)
    static const struct key keys[] = {
        {"delay", VALUE_DURATION, WIRE(delay_ns)},
        {"jitter", VALUE_DURATION, WIRE(jitter_ns)},
        {"drop", VALUE_PERCENT, WIRE(drop)},
        {"dup", VALUE_PERCENT, WIRE(duplicate)},
        {"reorder", VALUE_PERCENT, WIRE(reorder)},
        {"corrupt", VALUE_PERCENT, WIRE(corrupt)},
        {"bandwidth", VALUE_SCALED, WIRE(bandwidth_bps), NUMBERS(0, UINT64_C(1) << 40)},
        {0},
    };
    enum direction first = DIRECTION_TX, last = DIRECTION_RX;
    bool directed = !r->words[1].value;

    if (directed) {
        if (!read_direction(r, &r->words[1], &first))
            return false;
        last = first;
        if (r->count < 3)
            return reader_wrong(r, "'wire %s' says nothing about it: wire [tx|rx] KEY=VALUE ...",
                                r->words[1].text);
    }
    for (unsigned d = first; d <= last; d++)
        if (!read_keys(r, keys, directed ? 2 : 1, &r->s->wire[d], &r->wire_given[d]))
            return false;
    return true;
}

static bool at_dial(struct reader *r, uint64_t at_ns)
{
#define DIAL(field) FIELD(scenario_dial, field)
    static const struct key keys[] = {
        {"send", VALUE_STRING, DIAL(send), LENGTH(scenario_dial, send_len)},
        {"expect", VALUE_STRING, DIAL(expect), LENGTH(scenario_dial, expect_len)},
        {"from", VALUE_TEXT, DIAL(from)},
        {0},
    };
    struct scenario *s = r->s;
    struct scenario_dial d = {.at_ns = at_ns, .send = "", .expect = "", .line = r->line};
    uint32_t given = 0;
    uint64_t port;

    d.datagram = is(&r->words[2], "datagram");
    if (r->count < 4 || !value_number(r->words[3].text, &port) || port < 1 || port > UINT16_MAX)
        return reader_wrong(r, "%s needs a port of the machine, from 1 to 65535", r->words[2].text);
    d.port = (uint16_t)port;

    /* `close` says aloud what a dial does anyway when everything expected came back. */
    if (!d.datagram && is(&r->words[r->count - 1], "close"))
        r->count--;
    if (!read_keys(r, keys, 4, &d, &given))
        return false;
    if (d.from && (d.datagram || d.send_len || d.expect_len))
        return reader_wrong(r, "from= plays a script, which says what is sent, over a connection");
    if (d.from && (!value_endpoint(d.from, &d.from_addr, &d.from_port) ||
                   !script_of(s, d.from_addr, d.from_port)))
        return reader_wrong(r, "no line before this one says 'serve script %.40s'", d.from);
    s->dials = reader_add(s, s->dials, &s->dial_count, sizeof(*s->dials));
    s->dials[s->dial_count - 1] = d;
    r->something = true;
    return true;
}

static bool at_echo(struct reader *r, uint64_t at_ns)
{
    static const struct key keys[] = {
        {"id", VALUE_NUMBER, DIAL(id), NUMBERS(0, UINT16_MAX)},
        {"seq", VALUE_NUMBER, DIAL(seq), NUMBERS(0, UINT16_MAX)},
        {"send", VALUE_STRING, DIAL(send), LENGTH(scenario_dial, send_len)},
        {0},
    };
    struct scenario *s = r->s;
    struct scenario_dial d = {.at_ns = at_ns, .echo = true, .send = "", .line = r->line};
    uint32_t given = 0;

    if (!read_keys(r, keys, 3, &d, &given))
        return false;
    if (d.send_len > ECHO_MAX)
        return reader_wrong(r, "send= has %zu bytes, an echo request carries %d", d.send_len,
                            ECHO_MAX);
    s->dials = reader_add(s, s->dials, &s->dial_count, sizeof(*s->dials));
    s->dials[s->dial_count - 1] = d;
    r->something = true;
    return true;
}

/* The letters of flags=; false for another one. */
static bool segment_flags(const char *letters, uint8_t *out)
{
    static const char names[] = "FSRPA"; /* from the lowest bit on */

    for (*out = 0; *letters; letters++) {
        const char *at = strchr(names, *letters);

        if (!at)
            return false;
        *out |= (uint8_t)(1 << (at - names));
    }
    return true;
}

static bool at_segment(struct reader *r, uint64_t at_ns)
{
    struct given_segment {
        struct scenario_dial dial;
        const char *flags;
        uint32_t ahead, behind, ack_ahead, ack_behind;
    } g = {.dial = {.at_ns = at_ns, .segment = true, .send = "", .expect = "", .line = r->line}};
#define GIVEN(field) FIELD(given_segment, field)
    enum { KEY_WINDOW = 5 };
    static const struct key keys[] = {
        {"flags", VALUE_TEXT, GIVEN(flags)},
        {"ahead", VALUE_NUMBER, GIVEN(ahead), NUMBERS(1, INT32_MAX)},
        {"behind", VALUE_NUMBER, GIVEN(behind), NUMBERS(1, INT32_MAX)},
        {"ack-ahead", VALUE_NUMBER, GIVEN(ack_ahead), NUMBERS(1, INT32_MAX)},
        {"ack-behind", VALUE_NUMBER, GIVEN(ack_behind), NUMBERS(1, INT32_MAX)},
        [KEY_WINDOW] = {"window", VALUE_NUMBER, GIVEN(dial.window), NUMBERS(0, UINT16_MAX)},
        {"send", VALUE_STRING, GIVEN(dial.send), LENGTH(given_segment, dial.send_len)},
        {0},
    };
    struct scenario *s = r->s;
    uint32_t given = 0;

    if (r->count < 5)
        return reader_wrong(r, "'segment' is written: at T segment A:P flags=LETTERS ...");
    g.dial.from = r->words[3].text;
    if (!value_endpoint(g.dial.from, &g.dial.from_addr, &g.dial.from_port) ||
        !script_of(s, g.dial.from_addr, g.dial.from_port))
        return reader_wrong(r, "no line before this one says 'serve script %.40s'", g.dial.from);
    g.dial.window = UINT16_MAX;
    if (!read_keys(r, keys, 4, &g, &given))
        return false;
    if (!g.flags || !segment_flags(g.flags, &g.dial.flags))
        return reader_wrong(r, "a segment needs flags= with letters of SAFRP");
    if ((g.ahead && g.behind) || (g.ack_ahead && g.ack_behind))
        return reader_wrong(r, "a number lies ahead or behind, not both");
    if (g.dial.send_len > SEGMENT_MAX)
        return reader_wrong(r, "send= has %zu bytes, a segment carries %d", g.dial.send_len,
                            SEGMENT_MAX);
    g.dial.seq_offset = g.ahead - g.behind;
    g.dial.ack_offset = g.ack_ahead - g.ack_behind;
    s->dials = reader_add(s, s->dials, &s->dial_count, sizeof(*s->dials));
    s->dials[s->dial_count - 1] = g.dial;
    r->something = true;
    return true;
}

/* DIR MATCH [by=T] [to=BYTES] [count=N] [skip=N], from word 3 on. */
static bool at_frames(struct reader *r, struct scenario_action *a)
{
#define ACTION(field) FIELD(scenario_action, field)
    enum { KEY_BY, KEY_TO, KEY_FIELD };
    static const struct key keys[] = {
        [KEY_BY] = {"by", VALUE_DURATION, ACTION(by_ns)},
        [KEY_TO] = {"to", VALUE_NUMBER, ACTION(to), NUMBERS(1, 65535)},
        [KEY_FIELD] = {"field", VALUE_CHOICE, ACTION(field), .choices = malform_fields},
        {"count", VALUE_NUMBER, ACTION(count), NUMBERS(1, UINT64_MAX), .all_ones = "all"},
        {"skip", VALUE_NUMBER, ACTION(skip), NUMBERS(0, UINT64_MAX)},
        {0},
    };
    const char *name = r->words[2].text;
    uint32_t given = 0;
    bool by, to;

    if (r->count < 5)
        return reader_wrong(r, "'%s' is written: at T %s tx|rx MATCH [KEY=VALUE]...", name, name);
    if (!read_direction(r, &r->words[3], &a->direction))
        return false;
    a->match = r->words[4].text;
    for (unsigned i = 0; strcmp(decode_words[i], a->match); i++)
        if (!decode_words[i + 1])
            return reader_unknown(r, "kind of frame", a->match, decode_words);
    if (!read_keys(r, keys, 5, a, &given))
        return false;
    by = given & 1u << KEY_BY;
    to = given & 1u << KEY_TO;
    if (by != (a->kind == ACTION_DELAY))
        return reader_wrong(r, by ? "by= is for delay only" : "delay needs by=T");
    if (by && !a->by_ns)
        return reader_wrong(r, "by=0s delays nothing");
    if (to != (a->kind == ACTION_TRUNCATE))
        return reader_wrong(r, to ? "to= is for truncate only" : "truncate needs to=BYTES");
    if ((given & 1u << KEY_FIELD) && a->kind != ACTION_CORRUPT)
        return reader_wrong(r, "field= is for corrupt only");
    return true;
}

static bool line_at(struct reader *r)
{
    static const char *const names[] = {
        [ACTION_DROP] = "drop",
        [ACTION_DUPLICATE] = "dup",
        [ACTION_DELAY] = "delay",
        [ACTION_CORRUPT] = "corrupt",
        [ACTION_TRUNCATE] = "truncate",
        [ACTION_CUT] = "cut",
        [ACTION_HEAL] = "heal",
        [ACTION_KILL] = "kill",
        [ACTION_LINK] = "link",
        "run",
        "dial",
        "datagram",
        "echo",
        "segment",
        NULL,
    };
    struct scenario *s = r->s;
    struct scenario_action a = {.count = 1, .line = r->line};
    const struct word *verb = &r->words[2];
    unsigned kind = 0;

    if (!read_duration(r, &r->words[1], "time", &a.at_ns))
        return false;
    while (names[kind] && !is(verb, names[kind]))
        kind++;
    if (!names[kind])
        return reader_unknown(r, "action", verb->text, names);
    if (is(verb, "run") && r->count < 4)
        return reader_wrong(r, "'run' is written: at T run PROGRAM [ARGUMENT]...");
    if (is(verb, "run"))
        return read_program(r, 3, a.at_ns, false);
    if (is(verb, "dial") || is(verb, "datagram"))
        return at_dial(r, a.at_ns);
    if (is(verb, "echo"))
        return at_echo(r, a.at_ns);
    if (is(verb, "segment"))
        return at_segment(r, a.at_ns);

    a.kind = kind;
    if (a.kind <= ACTION_TRUNCATE) {
        if (!at_frames(r, &a))
            return false;
    } else {
        bool operand = a.kind == ACTION_KILL || a.kind == ACTION_LINK;

        if (r->count != (operand ? 4u : 3u))
            return reader_wrong(r, "'%s' takes %s", verb->text,
                                a.kind == ACTION_KILL   ? "one program"
                                : a.kind == ACTION_LINK ? "one word, up or down"
                                                        : "nothing else");
        a.match = operand ? r->words[3].text : NULL;
        if (a.kind == ACTION_LINK && !is(&r->words[3], "up") && !is(&r->words[3], "down"))
            return reader_wrong(r, "link '%.20s' is neither up nor down", a.match);
        a.to = a.kind == ACTION_LINK && is(&r->words[3], "up");
    }
    s->actions = reader_add(s, s->actions, &s->action_count, sizeof(*s->actions));
    s->actions[s->action_count - 1] = a;
    return true;
}

/* ---- expect, never ---- */

/* Take `by T`, `after T` and `count=N` off the end of the line. */
static bool expect_options(struct reader *r, struct scenario_expect *e)
{
    bool by = false, after = false, count = false;

    for (;;) {
        const struct word *last = &r->words[r->count - 1];
        const struct word *before = last - 1;

        if (r->count > 2 && !count && !last->quoted && !strncmp(last->text, "count=", 6)) {
            uint64_t n;

            if (e->never)
                return reader_wrong(r, "never means not once, it takes no count=");
            if (!value_number(last->value, &n) || n < 1 || n > UINT_MAX)
                return reader_wrong(r, "%.40s is not a number from 1 on", last->text);
            e->count = (unsigned)n;
            count = true;
            r->count--;
        } else if (r->count > 3 && ((is(before, "by") && !by) || (is(before, "after") && !after))) {
            bool is_by = is(before, "by");

            if (!value_duration(last->text, is_by ? &e->by_ns : &e->after_ns))
                return reader_wrong(
                    r,
                    "'%.40s' is not a duration such as 13s (to expect the word '%s' "
                    "itself, put it in quotes)",
                    last->text, before->text);
            *(is_by ? &by : &after) = true;
            r->count -= 2;
        } else {
            break;
        }
    }
    for (unsigned i = 2; i + 1 < r->count; i++) {
        const char *word = r->words[i].text, *next = r->words[i + 1].text;
        uint64_t t;

        if ((is(&r->words[i], "by") || is(&r->words[i], "after")) && value_duration(next, &t))
            return reader_wrong(r,
                                "'%s %.40s' belongs at the end of the line (to expect the word "
                                "'%s' itself, put it in quotes)",
                                word, next, word);
    }
    if (e->by_ns < e->after_ns)
        return reader_wrong(r, "'by' is earlier than 'after'");
    return true;
}

static bool is_component(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-')))
            return false;
    }
    return len > 0;
}

static bool line_expect(struct reader *r)
{
    struct scenario *s = r->s;
    struct scenario_expect e = {
        .never = is(&r->words[0], "never"), .by_ns = SIM_NEVER, .count = 1, .line = r->line};
    const struct word *name = &r->words[1];

    if (!expect_options(r, &e))
        return false;
    if (!name->len || name->text[name->len - 1] != ':')
        return reader_wrong(r, "'%.40s' has no colon: %s COMPONENT: TOKEN ...", name->text,
                            r->words[0].text);
    if (!is_component(name->text, name->len - 1))
        return reader_wrong(r, "'%.40s' is not a component, that is letters, digits, - and _",
                            name->text);

    char *component = reader_take(s, name->len);
    const char **tokens = reader_take(s, r->count * sizeof(*tokens));

    memcpy(component, name->text, name->len - 1);
    for (unsigned i = 2; i < r->count; i++) {
        const struct word *w = &r->words[i];

        for (size_t j = 0; j < w->len; j++)
            if (w->text[j] <= ' ' || w->text[j] > '~')
                return reader_wrong(r,
                                    "token %u can never match: tokens are printable ASCII without "
                                    "blanks",
                                    i - 1);
        if (!w->len)
            return reader_wrong(r, "token %u is empty", i - 1);
        tokens[e.token_count++] = w->text;
    }
    e.component = component;
    e.tokens = tokens;
    s->expects = reader_add(s, s->expects, &s->expect_count, sizeof(*s->expects));
    s->expects[s->expect_count - 1] = e;
    r->something = true;
    return true;
}

/* ---- lines ---- */

const struct directive directives[DIRECTIVES] = {
    {"format", line_format, true, 2, 2, "format 1"},
    {"title", line_title, true, 2, 0, "title TEXT"},
    {"world", line_world, true, 2, 0, "world slirp|native|replay [KEY=VALUE]..."},
    {"device", line_device, true, 2, 0, "device virtio-net [KEY=VALUE]..."},
    {"run", line_run, false, 2, 0, "run PROGRAM [ARGUMENT]..."},
    {"daemon", line_daemon, false, 2, 0, "daemon PROGRAM [ARGUMENT]..."},
    {"serve", line_serve, false, 3, 0, "serve KIND ADDRESS:PORT [KEY=VALUE]..."},
    {"peer", line_peer, false, 3, 0, "peer ADDRESS:PORT|dhcp KEY[=VALUE]..."},
    {"wire", line_wire, false, 2, 0, "wire [tx|rx] KEY=VALUE ..."},
    {"at", line_at, false, 3, 0, "at T ACTION ..."},
    {"expect", line_expect, false, 2, 0, "expect COMPONENT: TOKEN ... [after T] [by T] [count=N]"},
    {"never", line_expect, false, 2, 0, "never COMPONENT: TOKEN ... [after T] [by T]"},
    {"memory", line_memory, true, 2, 2, "memory weak|strong"},
    {"limit", line_limit, true, 2, 2, "limit T"},
    {"until", line_until, true, 2, 2, "until T"},
    {"heal", line_heal, true, 2, 2, "heal T|never"},
    {"allow", line_allow, false, 2, 2, "allow idle-fault|exit|idle-line|nothing"},
    {"oracle", line_oracle, false, 3, 3, "oracle off NAME"},
};

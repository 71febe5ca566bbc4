/*
 * The scenario reader: one flat text file, one line one thing, into one struct scenario.
 *
 * A line is split into words, its first word picks a row of `directives`, and that row's function
 * fills its part of the struct. What a word can mean is in scenario_values.c. The first mistake
 * ends the reading with one line `path:line: message`. docs/scenarios.md is the reference of the
 * language and changes with this file.
 *
 * All memory hangs in one chain (struct block) on scenario->memory.
 */
#include "scenario.h"
#include "../user/programs.h"
#include "decode.h"
#include "scenario_values.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 128, FILE_SIZE_MAX = 1 << 20 };

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "string lengths are stored as 64 bits");

struct block {
    struct block *next;
    max_align_t data[];
};

struct reader {
    struct scenario *s;
    const char *path;
    FILE *errors;
    unsigned line;
    bool something;         /* a line said what must happen */
    unsigned given[16];     /* by directive: the line where it stood, 0: not yet */
    uint32_t wire_given[2]; /* by direction: keys of `wire` lines so far */
    const char *rest;       /* the line behind its first word, NUL-terminated, not split */
    struct word words[WORDS_MAX];
    unsigned count;
};

/* ---- memory and messages ---- */

static void *take(struct scenario *s, size_t size)
{
    struct block *b = calloc(1, sizeof(*b) + size);

    if (!b) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
    b->next = s->memory;
    s->memory = b;
    return b->data;
}

/* Room for one more item behind `count` of them; the array doubles at every power of two. */
static void *add(struct scenario *s, void *array, unsigned *count, size_t item)
{
    unsigned n = (*count)++;

    if (n & (n - 1))
        return array;

    void *bigger = take(s, (n ? (size_t)n * 2 : 1) * item);

    if (n)
        memcpy(bigger, array, n * item);
    return bigger;
}

/* Always false, so that a line function can return it. */
static bool __attribute__((format(printf, 2, 3))) wrong(struct reader *r, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    fprintf(r->errors, "%s:%u: %s\n", r->path, r->line, text);
    return false;
}

static bool unknown(struct reader *r, const char *what, const char *word, const char *const *words)
{
    char near[80];

    return wrong(r, "unknown %s '%.60s'%s", what, word,
                 did_you_mean(word, words, near, sizeof(near)));
}

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
    return wrong(r, "%s", problem);
}

static bool read_duration(struct reader *r, const struct word *w, const char *what, uint64_t *out)
{
    if (value_duration(w->text, out))
        return true;
    return wrong(r, "%s '%.40s' is not a duration such as 200us, 13ms or 1.5s", what, w->text);
}

static bool read_direction(struct reader *r, const struct word *w, enum direction *out)
{
    static const char *const names[] = {"tx", "rx", NULL};

    *out = is(w, "tx") ? DIRECTION_TX : DIRECTION_RX;
    return is(w, "tx") || is(w, "rx") || unknown(r, "direction", w->text, names);
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
        const char **names = take(s, (programs_count + 1) * sizeof(*names));

        for (unsigned i = 0; i < programs_count; i++)
            names[i] = programs[i].name;
        return unknown(r, "program", name, names);
    }

    unsigned count = r->count - from;
    const char **words = take(s, count * sizeof(*words));

    for (unsigned i = 0; i < count; i++) {
        words[i] = r->words[from + i].text;
        if (strlen(words[i]) != r->words[from + i].len)
            return wrong(r, "an argument holds a zero byte");
    }
    s->programs = add(s, s->programs, &s->program_count, sizeof(*s->programs));
    s->programs[s->program_count - 1] =
        (struct scenario_program){words, count, at_ns, is_daemon, r->line};
    r->something = true;
    return true;
}

#define FIELD(type, field)  offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define NUMBERS(low, high)  .min = (low), .max = (high)
#define LENGTH(type, field) .length_at = offsetof(struct type, field)

/* ---- title, format, memory, limit, until, oracle ---- */

static bool line_format(struct reader *r)
{
    for (unsigned i = 0; i < sizeof(r->given) / sizeof(r->given[0]); i++)
        if (r->given[i] && r->given[i] != r->line)
            return wrong(r, "'format' is the first line or absent");
    if (!is(&r->words[1], "1"))
        return wrong(r, "format '%.20s' is not known, this is format 1", r->words[1].text);
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
        return unknown(r, "memory", r->words[1].text, names);
    return true;
}

static bool line_limit(struct reader *r)
{
    if (!read_duration(r, &r->words[1], "limit", &r->s->limit_ns))
        return false;
    return r->s->limit_ns > 0 || wrong(r, "a limit of 0 leaves no time to run");
}

static bool line_until(struct reader *r)
{
    r->something = true;
    return read_duration(r, &r->words[1], "until", &r->s->until_ns);
}

static bool line_oracle(struct reader *r)
{
    struct scenario *s = r->s;

    if (!is(&r->words[1], "off"))
        return wrong(r, "an oracle can only be switched off: oracle off NAME");
    s->oracles_off = add(s, s->oracles_off, &s->oracles_off_count, sizeof(*s->oracles_off));
    s->oracles_off[s->oracles_off_count - 1] = r->words[2].text;
    return true;
}

/* ---- world, device ---- */

static bool line_world(struct reader *r)
{
    static const char *const names[] = {"slirp", "native", NULL};
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
        {0},
    };
    uint32_t given = 0;

    if (is(&r->words[1], "native")) {
        r->s->world = WORLD_NATIVE;
        return read_keys(r, keys, 2, &r->s->native, &given);
    }
    if (!is(&r->words[1], "slirp"))
        return unknown(r, "world", r->words[1].text, names);
    r->s->world = WORLD_SLIRP;
    if (r->count > 2)
        return wrong(r, "'%.40s': world slirp takes no keys; they are for world native",
                     r->words[2].text);
    return true;
}

static bool line_device(struct reader *r)
{
    static const char *const names[] = {"virtio-net", NULL};
    static const char *const transports[] = {"mmio", "mmio-legacy", NULL};
    static const char *const rings[] = {"split", NULL};
#define DEVICE(field) FIELD(device_options, field)
    enum { KEY_ANY_LAYOUT, KEY_MTU };
    static const struct key keys[] = {
        [KEY_ANY_LAYOUT] = {"any-layout", VALUE_TOGGLE, DEVICE(any_layout)},
        [KEY_MTU] = {"mtu", VALUE_NUMBER, DEVICE(mtu), NUMBERS(68, UINT16_MAX)},
        {"transport", VALUE_CHOICE, DEVICE(transport), .choices = transports},
        {"ring", VALUE_CHOICE, 0, 0, .choices = rings}, /* the only kind there is: no field */
        {"queue", VALUE_NUMBER, DEVICE(queue_size), NUMBERS(2, 1024)},
        {"mrg-rxbuf", VALUE_TOGGLE, DEVICE(mrg_rxbuf)},
        {0},
    };
    struct device_options *d = &r->s->device;
    uint32_t given = 0;
    bool mac_given = false;

    if (!is(&r->words[1], names[0]))
        return unknown(r, "device", r->words[1].text, names);

    /* mac= has a form of its own; it is taken out before the table reads the rest. */
    for (unsigned i = 2; i < r->count; i++) {
        struct word w = r->words[i];

        if (w.quoted || strncmp(w.text, "mac=", 4))
            continue;
        if (mac_given)
            return wrong(r, "'mac' is given twice");
        mac_given = true;
        d->mac_feature = strcmp(w.value, "none") != 0;
        if (d->mac_feature && !value_mac(w.value, d->mac))
            return wrong(r, "mac=%.40s is not an address such as 02:00:00:00:00:01, or none",
                         w.value);
        if (d->mac_feature && d->mac[0] & 1)
            return wrong(r, "mac=%s is a group address, no station has one", w.value);
        memmove(&r->words[i], &r->words[i + 1], (r->count - i - 1) * sizeof(w));
        r->count--;
        i--;
    }
    if (!read_keys(r, keys, 2, d, &given))
        return false;
    if (d->queue_size & (d->queue_size - 1))
        return wrong(r, "queue=%u is not a power of two from 2 to 1024", d->queue_size);
    if (given & 1u << KEY_ANY_LAYOUT && d->transport != TRANSPORT_MMIO_LEGACY)
        return wrong(r, "any-layout= is for transport=mmio-legacy only");
    return true;
}

/* ---- run, daemon, serve ---- */

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

static bool line_serve(struct reader *r)
{
    static const char *const names[] = {
        [SERVICE_HTTP] = "http",           [SERVICE_TCP_ECHO] = "tcp-echo",
        [SERVICE_SINK] = "sink",           [SERVICE_UDP_ECHO] = "udp-echo",
        [SERVICE_REFUSE] = "refuse",       [SERVICE_BLACKHOLE] = "blackhole",
        [SERVICE_UNREACHABLE] = "unreachable", NULL,
    };
    static const char *const modes[] = {"length", "chunked", "close", NULL};
#define SERVE(field) FIELD(service, field)
    enum { KEY_LATENCY, KEY_BODY, KEY_SIZE, KEY_CHUNK, KEY_PATH };
    static const struct key keys[] = {
        [KEY_LATENCY] = {"latency", VALUE_DURATION, SERVE(latency_ns)},
        [KEY_BODY] = {"body", VALUE_STRING, SERVE(body), LENGTH(service, body_len)},
        [KEY_SIZE] = {"size", VALUE_SCALED, SERVE(body_len), NUMBERS(0, UINT64_C(1) << 40)},
        [KEY_CHUNK] = {"chunk", VALUE_NUMBER, SERVE(chunk), NUMBERS(1, 1000000)},
        [KEY_PATH] = {"path", VALUE_STRING, SERVE(path), LENGTH(service, delay_ns)},
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
        return unknown(r, "service", r->words[1].text, names);
    s.kind = kind;
    if (!value_endpoint(r->words[2].text, &s.addr, &s.port))
        return wrong(r, "'%.40s' is not an address and port such as 10.0.2.2:8080",
                     r->words[2].text);
    if (!read_keys(r, keys, 3, &s, &given))
        return false;
    if (s.kind != SERVICE_HTTP && given & ~(1u << KEY_LATENCY))
        return wrong(r, "of these keys, serve %s takes only latency=", names[kind]);
    if (given & 1u << KEY_BODY && given & 1u << KEY_SIZE)
        return wrong(r, "body= and size= exclude each other");
    if (given & 1u << KEY_CHUNK && s.framing != HTTP_CHUNKED)
        return wrong(r, "chunk= is for mode=chunked only");
    if (s.path[0] != '/')
        return wrong(r, "path=%.40s does not begin with '/'", s.path);
    for (unsigned i = 0; i < sc->service_count; i++) {
        const struct service *o = &sc->services[i];

        if (o->addr == s.addr && o->port == s.port && is_datagram(o->kind) == is_datagram(s.kind))
            return wrong(r, "%s is already served, on line %u", r->words[2].text, o->line);
    }
    s.pattern = given & 1u << KEY_SIZE;
    sc->services = add(sc, sc->services, &sc->service_count, sizeof(*sc->services));
    sc->services[sc->service_count - 1] = s;
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
            return wrong(r, "'wire %s' says nothing about it: wire [tx|rx] KEY=VALUE ...",
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
        {0},
    };
    struct scenario *s = r->s;
    struct scenario_dial d = {.at_ns = at_ns, .send = "", .expect = "", .line = r->line};
    uint32_t given = 0;
    uint64_t port;

    d.datagram = is(&r->words[2], "datagram");
    if (r->count < 4 || !value_number(r->words[3].text, &port) || port < 1 || port > UINT16_MAX)
        return wrong(r, "%s needs a port of the machine, from 1 to 65535", r->words[2].text);
    d.port = (uint16_t)port;

    /* `close` says aloud what a dial does anyway when everything expected came back. */
    if (!d.datagram && is(&r->words[r->count - 1], "close"))
        r->count--;
    if (!read_keys(r, keys, 4, &d, &given))
        return false;
    s->dials = add(s, s->dials, &s->dial_count, sizeof(*s->dials));
    s->dials[s->dial_count - 1] = d;
    r->something = true;
    return true;
}

/* DIR MATCH [by=T] [to=BYTES] [count=N] [skip=N], from word 3 on. */
static bool at_frames(struct reader *r, struct scenario_action *a)
{
#define ACTION(field) FIELD(scenario_action, field)
    enum { KEY_BY, KEY_TO };
    static const struct key keys[] = {
        [KEY_BY] = {"by", VALUE_DURATION, ACTION(by_ns)},
        [KEY_TO] = {"to", VALUE_NUMBER, ACTION(to), NUMBERS(0, 65535)},
        {"count", VALUE_NUMBER, ACTION(count), NUMBERS(1, UINT64_MAX), .all_ones = "all"},
        {"skip", VALUE_NUMBER, ACTION(skip), NUMBERS(0, UINT64_MAX)},
        {0},
    };
    const char *name = r->words[2].text;
    uint32_t given = 0;
    bool by, to;

    if (r->count < 5)
        return wrong(r, "'%s' is written: at T %s tx|rx MATCH [KEY=VALUE]...", name, name);
    if (!read_direction(r, &r->words[3], &a->direction))
        return false;
    a->match = r->words[4].text;
    for (unsigned i = 0; strcmp(decode_words[i], a->match); i++)
        if (!decode_words[i + 1])
            return unknown(r, "kind of frame", a->match, decode_words);
    if (!read_keys(r, keys, 5, a, &given))
        return false;
    by = given & 1u << KEY_BY;
    to = given & 1u << KEY_TO;
    if (by != (a->kind == ACTION_DELAY))
        return wrong(r, by ? "by= is for delay only" : "delay needs by=T");
    if (to != (a->kind == ACTION_TRUNCATE))
        return wrong(r, to ? "to= is for truncate only" : "truncate needs to=BYTES");
    return true;
}

static bool line_at(struct reader *r)
{
    static const char *const names[] = {
        [ACTION_DROP] = "drop",         [ACTION_DUPLICATE] = "dup", [ACTION_DELAY] = "delay",
        [ACTION_CORRUPT] = "corrupt",   [ACTION_TRUNCATE] = "truncate",
        [ACTION_CUT] = "cut",           [ACTION_HEAL] = "heal",     [ACTION_KILL] = "kill",
        [ACTION_LINK] = "link",         "run", "dial", "datagram",  NULL,
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
        return unknown(r, "action", verb->text, names);
    if (is(verb, "run") && r->count < 4)
        return wrong(r, "'run' is written: at T run PROGRAM [ARGUMENT]...");
    if (is(verb, "run"))
        return read_program(r, 3, a.at_ns, false);
    if (is(verb, "dial") || is(verb, "datagram"))
        return at_dial(r, a.at_ns);

    a.kind = kind;
    if (a.kind <= ACTION_TRUNCATE) {
        if (!at_frames(r, &a))
            return false;
    } else {
        bool operand = a.kind == ACTION_KILL || a.kind == ACTION_LINK;

        if (r->count != (operand ? 4u : 3u))
            return wrong(r, "'%s' takes %s", verb->text,
                         a.kind == ACTION_KILL   ? "one program"
                         : a.kind == ACTION_LINK ? "one word, up or down"
                                                 : "nothing else");
        a.match = operand ? r->words[3].text : NULL;
        if (a.kind == ACTION_LINK && !is(&r->words[3], "up") && !is(&r->words[3], "down"))
            return wrong(r, "link '%.20s' is neither up nor down", a.match);
        a.to = a.kind == ACTION_LINK && is(&r->words[3], "up");
    }
    s->actions = add(s, s->actions, &s->action_count, sizeof(*s->actions));
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
                return wrong(r, "never means not once, it takes no count=");
            if (!value_number(last->value, &n) || n < 1 || n > UINT_MAX)
                return wrong(r, "%.40s is not a number from 1 on", last->text);
            e->count = (unsigned)n;
            count = true;
            r->count--;
        } else if (r->count > 3 && ((is(before, "by") && !by) || (is(before, "after") && !after))) {
            bool is_by = is(before, "by");

            if (!value_duration(last->text, is_by ? &e->by_ns : &e->after_ns))
                return wrong(r, "'%.40s' is not a duration such as 13s (to expect the word '%s' "
                                "itself, put it in quotes)",
                             last->text, before->text);
            *(is_by ? &by : &after) = true;
            r->count -= 2;
        } else {
            break;
        }
    }
    if (e->by_ns < e->after_ns)
        return wrong(r, "'by' is earlier than 'after'");
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
        return wrong(r, "'%.40s' has no colon: %s COMPONENT: TOKEN ...", name->text,
                     r->words[0].text);
    if (!is_component(name->text, name->len - 1))
        return wrong(r, "'%.40s' is not a component, that is letters, digits, - and _", name->text);

    char *component = take(s, name->len);
    const char **tokens = take(s, r->count * sizeof(*tokens));

    memcpy(component, name->text, name->len - 1);
    for (unsigned i = 2; i < r->count; i++) {
        const struct word *w = &r->words[i];

        for (size_t j = 0; j < w->len; j++)
            if (w->text[j] <= ' ' || w->text[j] > '~')
                return wrong(r, "token %u can never match: tokens are printable ASCII without "
                                "blanks",
                             i - 1);
        if (!w->len)
            return wrong(r, "token %u is empty", i - 1);
        tokens[e.token_count++] = w->text;
    }
    e.component = component;
    e.tokens = tokens;
    s->expects = add(s, s->expects, &s->expect_count, sizeof(*s->expects));
    s->expects[s->expect_count - 1] = e;
    r->something = true;
    return true;
}

/* ---- lines ---- */

static const struct directive {
    const char *name;
    bool (*read)(struct reader *r);
    bool once;
    unsigned min, max; /* words on the line, the first included; max 0: any number */
    const char *form;
} directives[] = {
    {"format", line_format, true, 2, 2, "format 1"},
    {"title", line_title, true, 2, 0, "title TEXT"},
    {"world", line_world, true, 2, 0, "world slirp | world native [KEY=VALUE]..."},
    {"device", line_device, true, 2, 0, "device virtio-net [KEY=VALUE]..."},
    {"run", line_run, false, 2, 0, "run PROGRAM [ARGUMENT]..."},
    {"daemon", line_daemon, false, 2, 0, "daemon PROGRAM [ARGUMENT]..."},
    {"serve", line_serve, false, 3, 0, "serve KIND ADDRESS:PORT [KEY=VALUE]..."},
    {"wire", line_wire, false, 2, 0, "wire [tx|rx] KEY=VALUE ..."},
    {"at", line_at, false, 3, 0, "at T ACTION ..."},
    {"expect", line_expect, false, 2, 0, "expect COMPONENT: TOKEN ... [after T] [by T] [count=N]"},
    {"never", line_expect, false, 2, 0, "never COMPONENT: TOKEN ... [after T] [by T]"},
    {"memory", line_memory, true, 2, 2, "memory weak|strong"},
    {"limit", line_limit, true, 2, 2, "limit T"},
    {"until", line_until, true, 2, 2, "until T"},
    {"oracle", line_oracle, false, 3, 3, "oracle off NAME"},
};
enum { DIRECTIVES = sizeof(directives) / sizeof(directives[0]) };

_Static_assert(DIRECTIVES <= sizeof(((struct reader *)0)->given) / sizeof(unsigned),
               "reader.given has a place for every directive");

/* Split [p, end) into words, into memory of the scenario. A quote opens a string at the start of a
 * word and right behind its first '='; elsewhere it is a character like any other. */
static bool split(struct reader *r, const char *p, const char *end)
{
    char *out = take(r->s, (size_t)(end - p) + 2);

    r->count = 0;
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p == end || *p == '#')
            return true;
        if (r->count == WORDS_MAX)
            return wrong(r, "more than %d words on a line", WORDS_MAX);

        struct word w = {.text = out, .quoted = *p == '"'};
        bool string = w.quoted;

        while (p < end && *p != ' ' && *p != '\t') {
            if (string) {
                const char *problem;

                p++;
                problem = value_string(&p, end, out, &w.len);
                if (problem)
                    return wrong(r, "%s", problem);
                if (p < end && *p != ' ' && *p != '\t')
                    return wrong(r, "a blank is missing behind the closing quote");
                break;
            }
            out[w.len++] = *p++;
            if (p[-1] == '=' && !w.value) {
                w.value = out + w.len;
                string = p < end && *p == '"';
            }
        }
        out[w.len] = '\0';
        if (w.value)
            w.value_len = w.len - (size_t)(w.value - w.text);
        out += w.len + 1;
        r->words[r->count++] = w;
    }
}

/* The text behind the first word, as it stands: a title needs no quotes and has no comments. */
static const char *rest_of_line(struct reader *r, const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && *p != ' ' && *p != '\t')
        p++;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;

    char *text = take(r->s, (size_t)(end - p) + 1);

    memcpy(text, p, (size_t)(end - p));
    return text;
}

static bool is_title(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return end - p >= 5 && !memcmp(p, "title", 5) && (end - p == 5 || p[5] == ' ' || p[5] == '\t');
}

static bool read_line(struct reader *r, const char *p, const char *end)
{
    const struct directive *d = directives;
    const char *names[DIRECTIVES + 1];

    if (end > p && end[-1] == '\r')
        end--;
    for (const char *c = p; c < end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return wrong(r, "control character 0x%02x; in a string it is written \\x%02x",
                         (unsigned char)*c, (unsigned char)*c);
    if (is_title(p, end)) {
        r->rest = rest_of_line(r, p, end);
        r->words[0] = (struct word){.text = "title", .len = 5};
        r->count = r->rest[0] ? 2 : 1;
    } else if (!split(r, p, end)) {
        return false;
    }
    if (!r->count)
        return true;

    for (unsigned i = 0; i < DIRECTIVES; i++)
        names[i] = directives[i].name;
    names[DIRECTIVES] = NULL;
    while (d < directives + DIRECTIVES && !is(&r->words[0], d->name))
        d++;
    if (d == directives + DIRECTIVES)
        return unknown(r, "word", r->words[0].text, names);
    if (r->count < d->min || (d->max && r->count > d->max))
        return wrong(r, "'%s' is written: %s", d->name, d->form);

    unsigned *given = &r->given[d - directives];

    if (d->once && *given)
        return wrong(r, "'%s' stands already on line %u", d->name, *given);
    *given = r->line;
    return d->read(r);
}

/* ---- the whole ---- */

static int by_time(const void *a, const void *b)
{
    const struct scenario_action *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* A moment that the run never reaches is a mistake. */
static bool within_limit(struct reader *r, unsigned line, uint64_t at_ns, const char *what)
{
    char at[32], limit[32];

    r->line = line;
    if (at_ns <= r->s->limit_ns || at_ns == SIM_NEVER)
        return true;
    return wrong(r, "%s %s is beyond the limit of the run, %s: a line 'limit %s' moves it", what,
                 value_duration_text(at_ns, at, sizeof(at)),
                 value_duration_text(r->s->limit_ns, limit, sizeof(limit)), at);
}

/* What can only be judged when every line is known. */
static bool check_whole(struct reader *r)
{
    struct scenario *s = r->s;
    unsigned last = r->line;

    for (unsigned i = 0; i < s->action_count; i++) {
        const struct scenario_action *a = &s->actions[i];
        bool started = a->kind != ACTION_KILL;

        if (!within_limit(r, a->line, a->at_ns, "at"))
            return false;
        for (unsigned p = 0; p < s->program_count && !started; p++)
            started = !strcmp(s->programs[p].words[0], a->match);
        if (!started)
            return wrong(r, "no line starts a program '%.40s' that could be killed", a->match);
    }
    for (unsigned i = 0; i < s->program_count; i++)
        if (!within_limit(r, s->programs[i].line, s->programs[i].at_ns, "at"))
            return false;
    for (unsigned i = 0; i < s->dial_count; i++)
        if (!within_limit(r, s->dials[i].line, s->dials[i].at_ns, "at"))
            return false;
    for (unsigned i = 0; i < s->expect_count; i++)
        if (!within_limit(r, s->expects[i].line, s->expects[i].by_ns, "by") ||
            !within_limit(r, s->expects[i].line, s->expects[i].after_ns, "after"))
            return false;
    if (!within_limit(r, last, s->until_ns, "until"))
        return false;
    if (!r->something)
        return wrong(r, "nothing to do: no line runs a program, expects anything or says 'until'");
    if (s->action_count)
        qsort(s->actions, s->action_count, sizeof(*s->actions), by_time);
    return true;
}

static struct scenario *scenario_new(const char *path)
{
    struct scenario *s = calloc(1, sizeof(*s));
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

    if (!s) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
    s->path = strcpy(take(s, strlen(path) + 1), path);
    s->title = "";
    s->world = WORLD_NATIVE;
    s->native.lease_s = 86400;
    s->native.mss = 1460;
    s->native.window = 65535;
    s->native.latency_ns = 200 * NS_PER_US;
    s->device.queue_size = 256;
    s->device.any_layout = TOGGLE_ON;
    s->device.mrg_rxbuf = TOGGLE_OFF;
    s->device.mac_feature = true;
    memcpy(s->device.mac, mac, sizeof(mac));
    s->limit_ns = 900 * NS_PER_S;
    return s;
}

int scenario_parse(const char *path, const char *text, size_t len, struct scenario **out,
                   FILE *errors)
{
    struct scenario *s = scenario_new(path);
    struct reader *r = take(s, sizeof(*r));
    const char *end = text + len;
    bool good = true;

    *r = (struct reader){.s = s, .path = path, .errors = errors};
    while (text < end && good) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        r->line++;
        good = read_line(r, text, newline ? newline : end);
        text = newline ? newline + 1 : end;
    }
    if (!r->line) {
        r->line = 1;
        good = wrong(r, "the file is empty");
    }
    if (!good || !check_whole(r)) {
        scenario_free(s);
        return 2;
    }
    *out = s;
    return 0;
}

int scenario_read(const char *path, struct scenario **out, FILE *errors)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(FILE_SIZE_MAX + 1);
    size_t len = 0;
    int result = 2;

    errno = text ? errno : ENOMEM;
    if (f && text)
        len = fread(text, 1, FILE_SIZE_MAX + 1, f);
    if (!f || !text || ferror(f))
        fprintf(errors, "%s: cannot be read: %s\n", path, strerror(errno));
    else if (len > FILE_SIZE_MAX)
        fprintf(errors, "%s: is larger than a scenario can be (1 MiB)\n", path);
    else
        result = scenario_parse(path, text, len, out, errors);
    free(text);
    if (f)
        fclose(f);
    return result;
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    for (struct block *b = s->memory; b;) {
        struct block *next = b->next;

        free(b);
        b = next;
    }
    free(s);
}

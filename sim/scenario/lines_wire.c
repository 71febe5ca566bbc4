/* `wire` and `at` lines: faults by rate and at a time, and other actions at a time. See
 * scenario_lines.h. */
#include "scenario_lines.h"
#include "../frame/decode.h"
#include "../frame/malform.h"
#include <string.h>

bool line_wire(struct reader *r)
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
        if (!line_direction(r, &r->words[1], &first))
            return false;
        last = first;
        if (r->count < 3)
            return reader_wrong(r, "'wire %s' needs a key: wire [tx|rx] KEY=VALUE ...",
                                r->words[1].text);
    }
    for (unsigned d = first; d <= last; d++)
        if (!line_keys(r, keys, directed ? 2 : 1, &r->s->wire[d], &r->wire_given[d]))
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

    d.datagram = word_is(&r->words[2], "datagram");
    if (r->count < 4 || !value_number(r->words[3].text, &port) || port < 1 || port > UINT16_MAX)
        return reader_wrong(r, "%s needs a port of the machine, from 1 to 65535", r->words[2].text);
    d.port = (uint16_t)port;

    /* `close` is the default: a dial closes when all expected bytes have arrived. */
    if (!d.datagram && word_is(&r->words[r->count - 1], "close"))
        r->count--;
    if (!line_keys(r, keys, 4, &d, &given))
        return false;
    if (d.from && (d.datagram || d.send_len || d.expect_len))
        return reader_wrong(
            r, "from= plays a script over a TCP connection: it excludes send=, expect= and udp");
    if (d.from && (!value_endpoint(d.from, &d.from_addr, &d.from_port) ||
                   !line_script(s, d.from_addr, d.from_port)))
        return reader_wrong(r, "no line before this one is 'serve script %.40s'", d.from);
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

    if (!line_keys(r, keys, 3, &d, &given))
        return false;
    if (d.send_len > ECHO_MAX)
        return reader_wrong(r, "send= has %zu bytes, more than an echo request can have (%d)",
                            d.send_len, ECHO_MAX);
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
        return reader_wrong(r, "usage: at T segment A:P flags=LETTERS ...");
    g.dial.from = r->words[3].text;
    if (!value_endpoint(g.dial.from, &g.dial.from_addr, &g.dial.from_port) ||
        !line_script(s, g.dial.from_addr, g.dial.from_port))
        return reader_wrong(r, "no line before this one is 'serve script %.40s'", g.dial.from);
    g.dial.window = UINT16_MAX;
    if (!line_keys(r, keys, 4, &g, &given))
        return false;
    if (!g.flags || !segment_flags(g.flags, &g.dial.flags))
        return reader_wrong(r, "a segment needs flags= with letters of SAFRP");
    if ((g.ahead && g.behind) || (g.ack_ahead && g.ack_behind))
        return reader_wrong(r, "ahead= and behind= exclude each other");
    if (g.dial.send_len > SEGMENT_MAX)
        return reader_wrong(r, "send= has %zu bytes, more than a segment can have (%d)",
                            g.dial.send_len, SEGMENT_MAX);
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
        return reader_wrong(r, "usage of '%s': at T %s tx|rx MATCH [KEY=VALUE]...", name, name);
    if (!line_direction(r, &r->words[3], &a->direction))
        return false;
    a->match = r->words[4].text;
    for (unsigned i = 0; strcmp(decode_words[i], a->match); i++)
        if (!decode_words[i + 1])
            return reader_unknown(r, "kind of frame", a->match, decode_words);
    if (!line_keys(r, keys, 5, a, &given))
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

static bool at_link(struct reader *r, struct scenario_action *a)
{
    static const struct key keys[] = {
        {"device", VALUE_NUMBER, FIELD(scenario_action, device),
         NUMBERS(0, SCENARIO_DEVICES_MAX - 1)},
        {0},
    };
    uint32_t given = 0;

    if (r->count < 4)
        return reader_wrong(r, "'link' takes one word, up or down, and device=N");
    a->to = word_is(&r->words[3], "up");
    if (!a->to && !word_is(&r->words[3], "down"))
        return reader_wrong(r, "unknown link state '%.20s'; use up or down", r->words[3].text);
    return line_keys(r, keys, 4, a, &given);
}

bool line_at(struct reader *r)
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

    if (!line_duration(r, &r->words[1], "time", &a.at_ns))
        return false;
    while (names[kind] && !word_is(verb, names[kind]))
        kind++;
    if (!names[kind])
        return reader_unknown(r, "action", verb->text, names);
    if (word_is(verb, "run") && r->count < 4)
        return reader_wrong(r, "usage: at T run PROGRAM [ARGUMENT]...");
    if (word_is(verb, "run"))
        return line_program(r, 3, a.at_ns, false);
    if (word_is(verb, "dial") || word_is(verb, "datagram"))
        return at_dial(r, a.at_ns);
    if (word_is(verb, "echo"))
        return at_echo(r, a.at_ns);
    if (word_is(verb, "segment"))
        return at_segment(r, a.at_ns);

    a.kind = kind;
    if (a.kind <= ACTION_TRUNCATE) {
        if (!at_frames(r, &a))
            return false;
    } else if (a.kind == ACTION_LINK) {
        if (!at_link(r, &a))
            return false;
    } else {
        bool kill = a.kind == ACTION_KILL;

        if (r->count != (kill ? 4u : 3u))
            return reader_wrong(r, "'%s' takes %s", verb->text,
                                kill ? "one program" : "nothing else");
        a.match = kill ? r->words[3].text : NULL;
    }
    s->actions = reader_add(s, s->actions, &s->action_count, sizeof(*s->actions));
    s->actions[s->action_count - 1] = a;
    return true;
}

/*
 * The scenario reader: reads a flat text file, one statement per line, into one struct scenario.
 *
 * A line is split into words, its first word selects a row of `directives` (scenario_lines.c), and
 * that row's function fills its part of the struct. Words are parsed by sim/text/values.c and
 * scenario_keys.c. Reading stops at the first mistake with one line `path:line: message`.
 * docs/scenarios.md is the reference of the language; change it with these files.
 *
 * All memory is in one list (struct block) at scenario->memory.
 */
#include "scenario_lines.h"
#include "../fake_device/bodies.h"
#include "../base/memory.h"
#include "../text/values.h"
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "string lengths are stored as 64 bits");

struct block {
    struct block *next;
    max_align_t data[];
};

/* ---- memory and messages ---- */

void *reader_take(struct scenario *s, size_t size)
{
    struct block *b = memory_new(1, sizeof(*b) + size);

    b->next = s->memory;
    s->memory = b;
    return b->data;
}

/* Room for one more item after `count` of them; the array doubles at every power of two. */
void *reader_add(struct scenario *s, void *array, unsigned *count, size_t item)
{
    unsigned n = (*count)++;

    if (n & (n - 1))
        return array;

    void *bigger = reader_take(s, (n ? (size_t)n * 2 : 1) * item);

    if (n)
        memcpy(bigger, array, n * item);
    return bigger;
}

/* Always false, so that a line function can return it. */
bool reader_wrong(struct reader *r, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    value_message(r->errors, "%s:%u: %s\n", r->path, r->line, text);
    return false;
}

bool reader_unknown(struct reader *r, const char *what, const char *word, const char *const *words)
{
    char near[80];

    for (unsigned i = 0; words[i]; i++)
        if (!strcmp(words[i], word))
            return reader_wrong(r, "unknown %s \"%s\": a word in quotes is never a keyword", what,
                                word);
    return reader_wrong(r, "unknown %s '%.60s'%s", what, word,
                        did_you_mean(word, words, near, sizeof(near)));
}

/* ---- lines ---- */

/* Split [p, end) into words, into memory of the scenario. A quote opens a string at the start of a
 * word and right after its first '='; elsewhere it is an ordinary character. */
static bool split(struct reader *r, const char *p, const char *end)
{
    char *out = reader_take(r->s, (size_t)(end - p) + 2);

    r->count = 0;
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p == end || *p == '#')
            return true;
        if (r->count == WORDS_MAX)
            return reader_wrong(r, "more than %d words on a line", WORDS_MAX);

        struct word w = {.text = out, .quoted = *p == '"'};
        bool string = w.quoted;

        while (p < end && *p != ' ' && *p != '\t') {
            if (string) {
                const char *problem;

                p++;
                problem = value_string(&p, end, out, &w.len);
                if (problem)
                    return reader_wrong(r, "%s", problem);
                if (p < end && *p != ' ' && *p != '\t')
                    return reader_wrong(r, "a blank is missing after the closing quote");
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

/* The text after the first word, unchanged: a title needs no quotes and has no comments. */
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

    char *text = reader_take(r->s, (size_t)(end - p) + 1);

    memcpy(text, p, (size_t)(end - p));
    return text;
}

static bool is_title(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return end - p >= 5 && !memcmp(p, "title", 5) && (end - p == 5 || p[5] == ' ' || p[5] == '\t');
}

/* Words of an untrusted file are printed on terminals. */
static bool check_text(struct reader *r, const char *p, const char *end)
{
    while (p < end) {
        uint32_t c;
        size_t n = value_character(p, end, &c);

        if (!n)
            return reader_wrong(r, "byte 0x%02x is not UTF-8; in a string it is written \\x%02x",
                                (uint8_t)*p, (uint8_t)*p);
        if (c != '\t' && value_hidden(c) && n == 1)
            return reader_wrong(r, "control character 0x%02x; in a string it is written \\x%02x", c,
                                c);
        if (c != '\t' && value_hidden(c))
            return reader_wrong(
                r, "control character U+%04X; in a string its bytes are written \\xNN", c);
        p += n;
    }
    return true;
}

static bool read_line(struct reader *r, const char *p, const char *end)
{
    const struct directive *d = directives;
    const char *names[DIRECTIVES + 1];

    if (end > p && end[-1] == '\r')
        end--;
    if (!check_text(r, p, end))
        return false;
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
    while (d < directives + DIRECTIVES && (r->words[0].quoted || strcmp(r->words[0].text, d->name)))
        d++;
    if (d == directives + DIRECTIVES)
        return reader_unknown(r, "word", r->words[0].text, names);
    if (r->count < d->min || (d->max && r->count > d->max))
        return reader_wrong(r, "usage: %s", d->form);

    unsigned *given = &r->given[d - directives];

    if (d->once && *given)
        return reader_wrong(r, "'%s' is already given on line %u", d->name, *given);
    *given = r->line;
    return d->read(r);
}

/* ---- faults ---- */

const char *const peer_fault_words[PEER_FAULTS] = {
    [PEER_NAK] = "nak",
    [PEER_SILENT] = "dhcp-silent",
    [PEER_RENEW_SILENT] = "renew-silent",
    [PEER_REBIND_SILENT] = "rebind-silent",
    [PEER_NAK_RENEW] = "nak-renew",
    [PEER_SECOND_SERVER] = "second-server",
    [PEER_FOREIGN_XID] = "foreign-xid",
    [PEER_ARP_SILENT] = "arp-silent",
    [PEER_ZERO_WINDOW] = "zero-window",
};

const char *const allowance_words[ALLOW_COUNT + 1] = {
    [ALLOW_IDLE_FAULT] = "idle-fault",
    [ALLOW_EXIT] = "exit",
    [ALLOW_IDLE_LINE] = "idle-line",
    [ALLOW_NOTHING] = "nothing",
};

bool scenario_peer_fault(const struct scenario *s, enum peer_fault fault)
{
    const struct native_options *o = &s->native;
    const bool asked[PEER_FAULTS] = {
        [PEER_NAK] = o->nak_requests,
        [PEER_SILENT] = o->silent_requests,
        [PEER_RENEW_SILENT] = o->renew_silent,
        [PEER_REBIND_SILENT] = o->rebind_silent,
        [PEER_NAK_RENEW] = o->nak_renew,
        [PEER_SECOND_SERVER] = o->second_server,
        [PEER_FOREIGN_XID] = o->foreign_xid,
        [PEER_ARP_SILENT] = o->arp_silent || o->arp_silent_first,
        [PEER_ZERO_WINDOW] = o->zero_window_ns,
    };

    return asked[fault];
}

static bool has_rates(const struct scenario *s)
{
    for (unsigned dir = 0; dir < 2; dir++)
        if (s->wire[dir].drop | s->wire[dir].duplicate | s->wire[dir].reorder |
            s->wire[dir].corrupt)
            return true;
    return false;
}

bool scenario_claims(const struct scenario *s)
{
    bool peer = s->native.dhcp_count;

    for (unsigned i = 0; i < PEER_FAULTS; i++)
        peer |= scenario_peer_fault(s, i);
    return s->action_count || s->service_count || s->dial_count || s->allowed || has_rates(s) ||
           (s->world == WORLD_NATIVE && peer);
}

uint64_t scenario_heals_ns(const struct scenario *s)
{
    uint64_t at = SIM_NEVER;

    for (unsigned i = 0; i < s->action_count; i++)
        if (s->actions[i].kind == ACTION_HEAL && s->actions[i].at_ns < at)
            at = s->actions[i].at_ns;
    return at == SIM_NEVER && has_rates(s) ? s->heal_ns : at;
}

/* ---- the whole ---- */

static int by_time(const void *a, const void *b)
{
    const struct scenario_action *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* A time that the run never reaches is a mistake. */
static bool within_limit(struct reader *r, unsigned line, uint64_t at_ns, const char *what)
{
    char at[32], limit[32];

    r->line = line;
    if (at_ns <= r->s->limit_ns || at_ns == SIM_NEVER)
        return true;
    return reader_wrong(r, "%s %s is after the limit of the run, %s: a line 'limit %s' raises it",
                        what, value_duration_text(at_ns, at, sizeof(at)),
                        value_duration_text(r->s->limit_ns, limit, sizeof(limit)), at);
}

/* So is a fault of a wire that is healed by then. */
static bool before_heal(struct reader *r, const struct scenario_action *a)
{
    uint64_t heals_ns = scenario_heals_ns(r->s);
    char at[32];

    if (a->kind > ACTION_CUT || a->at_ns < heals_ns)
        return true;
    return reader_wrong(r,
                        "this fault cannot fire: the wire is healed at %s (with rates in wire "
                        "lines, a line 'heal T' or 'heal never' changes that)",
                        value_duration_text(heals_ns, at, sizeof(at)));
}

/* True if there is a fault that `at T heal` stops. */
static bool has_faults(const struct scenario *s)
{
    static const struct wire_options perfect;

    for (unsigned i = 0; i < s->action_count; i++)
        if (s->actions[i].kind <= ACTION_CUT)
            return true;
    return memcmp(&s->wire[0], &perfect, sizeof(perfect)) ||
           memcmp(&s->wire[1], &perfect, sizeof(perfect));
}

/* `at T heal` without faults is a mistake. */
static bool check_heal(struct reader *r)
{
    const struct scenario *s = r->s;

    r->line = r->heal_line ? r->heal_line : r->line;
    if (r->heal_line && !has_rates(s))
        return reader_wrong(r,
                            "this heal does nothing: it stops rates, and no wire line has drop=, "
                            "dup=, reorder= or corrupt=");
    for (unsigned i = 0; i < s->action_count; i++) {
        if (s->actions[i].kind != ACTION_HEAL)
            continue;
        if (r->heal_line)
            return reader_wrong(r, "this heal does nothing: line %u heals the wire",
                                s->actions[i].line);
        r->line = s->actions[i].line;
        if (!has_faults(s))
            return reader_wrong(r, "this heal does nothing: the wire has no fault that it stops");
    }
    return true;
}

/* A capture is the whole far side, and its frames are found by the machine's address. */
static bool check_replay(struct reader *r)
{
    const struct scenario *s = r->s;
    const struct capture *c = &s->replay.capture;
    const uint8_t *mac = s->device.net.mac;

    if (s->service_count || s->dial_count) {
        r->line = s->service_count ? s->services[0].line : s->dials[0].line;
        return reader_wrong(
            r, "world replay takes no services or dials: its frames come from the capture");
    }
    if (!s->device.net.mac_feature)
        return reader_wrong(
            r, "mac=none cannot be replayed: the machine's frames are recognised by their address");
    for (size_t i = 0; i < c->count; i++)
        if (c->frames[i].len >= 12 && memcmp(c->frames[i].bytes + 6, mac, 6) == 0)
            return true;
    return reader_wrong(r,
                        "%.100s has no frame from %02x:%02x:%02x:%02x:%02x:%02x, the machine; set "
                        "its address with 'device virtio-net mac='",
                        s->replay.file, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* The action's device exists and supports it. */
static bool check_action_device(struct reader *r, const struct scenario_action *a)
{
    unsigned count = scenario_device_count(r->s);
    const struct fake_body_ops *body;

    if (a->kind != ACTION_LINK)
        return true;
    r->line = a->line;
    if (a->device >= count)
        return reader_wrong(r, "device=%u does not exist; the last device is %u", a->device,
                            count - 1);
    body = scenario_device(r->s, a->device)->body;
    return body == &fake_net_body ||
           reader_wrong(r, "device=%u is a %s, which has no link", a->device, body->name);
}

/* Checks that need all lines. */
static bool check_whole(struct reader *r)
{
    struct scenario *s = r->s;
    unsigned last = r->line;

    if (!devices_settle(r))
        return false;
    r->line = last;
    for (unsigned i = 0; i < s->action_count; i++) {
        const struct scenario_action *a = &s->actions[i];
        bool started = a->kind != ACTION_KILL;

        if (!within_limit(r, a->line, a->at_ns, "at") || !before_heal(r, a) ||
            !check_action_device(r, a))
            return false;
        for (unsigned p = 0; p < s->program_count && !started; p++)
            started = !strcmp(s->programs[p].words[0], a->match);
        if (!started)
            return reader_wrong(r, "no line starts the program '%.40s' to kill", a->match);
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
    for (unsigned i = 0; i < s->service_count; i++) {
        r->line = s->services[i].line;
        if (s->services[i].kind == SERVICE_SCRIPT && s->world == WORLD_SLIRP)
            return reader_wrong(
                r, "serve script needs world native: host sockets cannot lose a segment");
    }
    for (unsigned i = 0; i < s->dial_count && s->world == WORLD_SLIRP; i++)
        if (s->dials[i].echo) {
            r->line = s->dials[i].line;
            return reader_wrong(r, "echo needs world native: host sockets cannot ping");
        }
    if (s->native.dhcp_count && s->world != WORLD_NATIVE) {
        r->line = s->native.dhcp[0].line;
        return reader_wrong(r,
                            "peer dhcp needs world native: the others have servers of their own");
    }
    if (!check_heal(r) || (s->world == WORLD_REPLAY && !check_replay(r)))
        return false;
    if (!r->something && !r->how->far_side && !s->device.lie)
        return reader_wrong(r, "nothing to do: no run, expect or until line");
    if (s->action_count)
        qsort(s->actions, s->action_count, sizeof(*s->actions), by_time);
    return true;
}

static struct scenario *scenario_new(const char *path)
{
    struct scenario *s = memory_new(1, sizeof(*s));

    s->path = strcpy(reader_take(s, strlen(path) + 1), path);
    s->title = "";
    s->world = WORLD_NATIVE;
    s->slirp.restricted = TOGGLE_OFF;
    s->replay.seed = 1;
    s->native.lease_s = 86400;
    s->native.mss = 1460;
    s->native.window = 65535;
    s->native.latency_ns = 200 * NS_PER_US;
    s->device.body = &fake_net_body;
    s->device.net = (struct fake_net_options){
        .mrg_rxbuf = TOGGLE_OFF, .mac = {2, 0, 0, 0, 0, 1}, .mac_feature = true};
    s->device.queue_size = DEVICE_QUEUE_SIZE;
    s->device.event_idx = s->device.indirect = s->device.interrupts = TOGGLE_OFF;
    s->device.any_layout = TOGGLE_ON;
    s->limit_ns = 900 * NS_PER_S;
    s->heal_ns = 300 * NS_PER_S;
    return s;
}

/* A line from the command line. */
static bool read_device(struct reader *r, const char *words)
{
    static const char head[] = "device virtio-net ";
    size_t size = sizeof(head) + strlen(words);
    char *line = reader_take(r->s, size);
    unsigned at = r->s->device.line;
    bool good;

    snprintf(line, size, "%s%s", head, words);
    r->path = "--device";
    r->line = 1;
    memset(r->given, 0, sizeof(r->given));
    r->network_device = false;
    good = read_line(r, line, line + strlen(line));
    r->path = r->s->path;
    r->s->device.line = at;
    return good;
}

int scenario_parse(const char *path, const char *text, size_t len,
                   const struct scenario_reading *how, struct scenario **out, FILE *errors)
{
    static const struct scenario_reading plain;
    struct scenario *s = scenario_new(path);
    struct reader *r = reader_take(s, sizeof(*r));
    const char *end = text + len;
    char *kept = reader_take(s, len + 1);
    bool good = true;

    how = how ? how : &plain;
    memcpy(kept, text, len);
    s->text = kept;
    *r = (struct reader){.s = s, .how = how, .path = path, .errors = errors};
    while (text < end && good) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        r->line++;
        good = read_line(r, text, newline ? newline : end);
        text = newline ? newline + 1 : end;
    }
    s->line_count = r->line;
    if (!r->line) {
        r->line = 1;
        good = reader_wrong(r, "the file is empty");
    }
    if (good && how->device)
        good = read_device(r, how->device);
    if (!good || !check_whole(r)) {
        scenario_free(s);
        return 2;
    }
    *out = s;
    return 0;
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
    capture_free(&s->replay.capture);
    capture_free(&s->native.observed);
    capture_free(&s->native.played);
    free(s);
}

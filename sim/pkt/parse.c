/*
 * A .pkt script from its text: options at the top, then events. See script.h; written from the
 * description of the language alone.
 */
#include "parse.h"
#include "../../core/base/array.h"
#include "../base/memory.h"
#include "../text/values.h"
#include <stdlib.h>
#include <string.h>

enum { MTU_MIN = 328, MTU_MAX = 1500, WINDOW_MIN = 2048, WINDOW_MAX = 1 << 20 };

/* ---- options at the top ---- */

static bool parse_option_number(struct pkt_lexer *l, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t n;

    if (!pkt_lex_number(l, max, &n))
        return false;
    if (n < min)
        return pkt_lex_fail(l, "this number is below %llu", (unsigned long long)min);
    *out = (uint32_t)n;
    return true;
}

static bool parse_option_address(struct pkt_lexer *l, uint32_t *out)
{
    struct pkt_lexer start = pkt_lex_start(l);
    char text[40];

    if (!pkt_lex_run(l, text, sizeof(text)))
        return false;
    if (value_address(text, out))
        return true;
    *l = start;
    return strchr(text, ':') ? pkt_lex_unsupported(l, "an IPv6 address: IPv4 only")
                             : pkt_lex_fail(l, "expected an IPv4 address here");
}

/* --name=value; the dashes were taken. */
static bool parse_option(struct pkt_lexer *l, struct pkt_script *s)
{
    struct pkt_lexer start = pkt_lex_start(l);
    char name[40], value[40];
    uint64_t n;

    if (!pkt_lex_word(l, name, sizeof(name)) || !pkt_lex_need(l, "="))
        return false;
    if (!strcmp(name, "ip_version")) {
        start = pkt_lex_start(l);
        if (!pkt_lex_run(l, value, sizeof(value)))
            return false;
        if (!strcmp(value, "ipv4"))
            return true;
        *l = start;
        return pkt_lex_unsupported(l, "ip_version %s: IPv4 only", value);
    }
    if (!strcmp(name, "tolerance_usecs")) /* the tolerance is 0 */
        return pkt_lex_number(l, UINT32_MAX, &n);
    if (!strcmp(name, "local_ip"))
        return parse_option_address(l, &s->local_addr);
    if (!strcmp(name, "remote_ip"))
        return parse_option_address(l, &s->remote_addr);
    if (!strcmp(name, "gateway_ip"))
        return parse_option_address(l, &s->gateway);
    if (!strcmp(name, "netmask_ip"))
        return parse_option_address(l, &s->mask);
    if (!strcmp(name, "bind_port"))
        return parse_option_number(l, 1, 65535, &s->bind_port);
    if (!strcmp(name, "connect_port"))
        return parse_option_number(l, 1, 65535, &s->connect_port);
    if (!strcmp(name, "mtu"))
        return parse_option_number(l, MTU_MIN, MTU_MAX, &s->mtu);
    if (!strcmp(name, "window"))
        return parse_option_number(l, WINDOW_MIN, WINDOW_MAX, &s->window);
    *l = start;
    return pkt_lex_unsupported(l, "option --%s", name);
}

/* ---- time ---- */

bool pkt_parse_time(struct pkt_lexer *l, bool range, struct pkt_time *t)
{
    struct pkt_lexer start;

    *t = (struct pkt_time){0};
    if (range && pkt_lex_is(l, "*")) {
        t->any = true;
        return true;
    }
    t->relative = pkt_lex_is(l, "+");
    if (!pkt_lex_seconds(l, &t->first_ns))
        return false;
    t->last_ns = t->first_ns;
    if (!range || !pkt_lex_is(l, "~"))
        return true;
    start = pkt_lex_start(l);
    if (pkt_lex_is(l, "+") != t->relative)
        return pkt_lex_fail(l, "both ends of a range are relative, or none: write a~b or +a~+b");
    if (!pkt_lex_seconds(l, &t->last_ns))
        return false;
    if (t->last_ns >= t->first_ns)
        return true;
    *l = start;
    return pkt_lex_fail(l, "the range ends before it starts");
}

/* ---- what is not a packet and not a call ---- */

/* Shell commands that only look at the host; a script that loses one can still fail. */
static bool parse_is_check(const char *text, size_t len)
{
    static const char *const looks[] = {"ss", "netstat", "nstat", "grep", "cat", "test", "["};
    size_t word = 0;

    while (len && *text == ' ') {
        text++;
        len--;
    }
    while (word < len && text[word] != ' ')
        word++;
    for (unsigned i = 0; i < ARRAY_COUNT(looks); i++)
        if (word == strlen(looks[i]) && memcmp(text, looks[i], word) == 0)
            return true;
    return false;
}

/* A command between back quotes is never executed. */
static bool parse_shell(struct pkt_lexer *l, struct pkt_script *s)
{
    struct pkt_lexer start = pkt_lex_start(l);
    const char *text;
    size_t len;

    if (!pkt_lex_need(l, "`") || !pkt_lex_until(l, "`", &text, &len))
        return false;
    if (parse_is_check(text, len)) {
        s->weak = true;
        return true;
    }
    *l = start;
    return pkt_lex_unsupported(l, "a shell command, which is never executed");
}

/* ---- events ---- */

static bool parse_event_body(struct pkt_lexer *l, struct pkt_script *s, struct pkt_event *e)
{
    if (pkt_lex_is(l, "<"))
        return pkt_parse_packet(l, true, e);
    if (pkt_lex_is(l, ">"))
        return pkt_parse_packet(l, false, e);
    if (pkt_lex_is(l, "%{"))
        return pkt_lex_unsupported(l, "embedded code");
    if (pkt_lex_is(l, "quiet")) {
        e->kind = PKT_QUIET;
        return true;
    }
    e->kind = PKT_CALL;
    return pkt_parse_call(l, s, e);
}

static bool parse_event(struct pkt_lexer *l, struct pkt_script *s)
{
    struct pkt_event *e;
    struct pkt_lexer start = pkt_lex_start(l);
    struct pkt_time end = {0};
    bool blocking;

    if (s->count == PKT_EVENTS_MAX)
        return pkt_lex_fail(l, "a script has %d events at most", PKT_EVENTS_MAX);
    s->events = memory_grow(s->events, s->count + 1, &s->size, sizeof(*s->events));
    e = &s->events[s->count];
    memset(e, 0, sizeof(*e));
    e->line = l->line;
    if (!pkt_parse_time(l, true, &e->time))
        return false;
    blocking = pkt_lex_is(l, "...");
    if (blocking && !pkt_parse_time(l, false, &end))
        return false;
    if (pkt_lex_peek(l) == '`')
        return parse_shell(l, s);
    if (!parse_event_body(l, s, e))
        return false;
    if (e->kind == PKT_CALL) {
        e->call.blocking = blocking;
        e->call.end = end;
    }
    if (blocking && e->kind != PKT_CALL) {
        *l = start;
        return pkt_lex_fail(l, "only a call has an end time");
    }
    if (e->kind != PKT_EXPECT && (e->time.any || e->time.first_ns != e->time.last_ns)) {
        *l = start;
        return pkt_lex_fail(l, "only an expected packet may come at any time, or in a range");
    }
    s->count++;
    return true;
}

/* A script that expects no packet and no silence cannot fail by what the stack sends. */
static enum pkt_outcome parse_verdict(const struct pkt_script *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->events[i].kind == PKT_EXPECT || s->events[i].kind == PKT_QUIET)
            return s->weak ? PKT_WEAK : PKT_PASS;
    return PKT_VACUOUS;
}

enum pkt_outcome pkt_parse(struct pkt_script *s, const char *text, size_t len,
                           struct pkt_problem *problem)
{
    struct pkt_lexer l;
    bool good = true;

    *s = (struct pkt_script){
        .local_addr = 0xc0000201, /* 192.0.2.1 and .2: RFC 5737 */
        .remote_addr = 0xc0000202,
        .mask = 0xffffff00,
        .bind_port = 8080,
        .connect_port = 8080,
        .mtu = MTU_MAX,
        .window = 65535,
        .values_count = 1,
    };
    l = (struct pkt_lexer){
        .at = text,
        .end = text + len,
        .line_start = text,
        .line = 1,
        .title = s->title,
        .problem = problem,
    };
    s->strings = memory_new(len + 1, 1);
    s->values = memory_grow(NULL, 1, &s->values_size, sizeof(*s->values));
    while (good && pkt_lex_next(&l) && pkt_lex_is(&l, "--"))
        good = parse_option(&l, s);
    while (good && pkt_lex_next(&l))
        good = l.at[0] == '`' ? parse_shell(&l, s) : parse_event(&l, s);
    if (l.outcome != PKT_PASS)
        return l.outcome;
    return parse_verdict(s);
}

void pkt_script_free(struct pkt_script *s)
{
    free(s->events);
    free(s->values);
    free(s->strings);
}

/* The packets of a .pkt script: see parse.h. */
#include "parse.h"
#include "segment.h"
#include "../../core/base/array.h"
#include "../frame/decode.h"
#include <string.h>

/* ---- options ---- */

static bool parse_sack(struct pkt_lexer *l, struct pkt_option *o)
{
    uint64_t n;
    char c;

    o->kind = PKT_OPTION_SACK;
    while ((c = pkt_lex_peek(l)) >= '0' && c <= '9') {
        if (o->count == 2 * PKT_SACK_MAX)
            return pkt_lex_fail(l, "a segment has %d SACK blocks at most", PKT_SACK_MAX);
        for (unsigned i = 0; i < 2; i++) {
            if ((i && !pkt_lex_need(l, ":")) || !pkt_lex_number(l, UINT32_MAX, &n))
                return false;
            o->number[o->count++] = (uint32_t)n;
        }
    }
    return o->count || pkt_lex_fail(l, "expected a SACK block here, such as 1001:2001");
}

static bool parse_timestamps(struct pkt_lexer *l, struct pkt_option *o)
{
    static const char *const words[] = {"val", "ecr"};
    uint64_t n;

    o->kind = PKT_OPTION_TS;
    for (; o->count < 2; o->count++) {
        if (!pkt_lex_need(l, words[o->count]) || !pkt_lex_number(l, UINT32_MAX, &n))
            return false;
        o->number[o->count] = (uint32_t)n;
    }
    return true;
}

static bool parse_option_with(struct pkt_lexer *l, struct pkt_option *o, uint8_t kind, uint64_t max)
{
    uint64_t n;

    if (!pkt_lex_number(l, max, &n))
        return false;
    *o = (struct pkt_option){.kind = kind, .count = 1, .number = {(uint32_t)n}};
    return true;
}

static bool parse_one_option(struct pkt_lexer *l, struct pkt_option *o)
{
    struct pkt_lexer start = pkt_lex_start(l);
    char word[24];

    *o = (struct pkt_option){0};
    if (!pkt_lex_word(l, word, sizeof(word)))
        return false;
    if (!strcmp(word, "nop")) {
        o->kind = PKT_OPTION_NOP;
        return true;
    }
    if (!strcmp(word, "eol"))
        return true;
    if (!strcmp(word, "sackOK")) {
        o->kind = PKT_OPTION_SACK_OK;
        return true;
    }
    if (!strcmp(word, "mss"))
        return parse_option_with(l, o, PKT_OPTION_MSS, UINT16_MAX);
    if (!strcmp(word, "wscale"))
        return parse_option_with(l, o, PKT_OPTION_WSCALE, UINT8_MAX);
    if (!strcmp(word, "sack"))
        return parse_sack(l, o);
    if (!strcmp(word, "TS"))
        return parse_timestamps(l, o);
    *l = start;
    return pkt_lex_unsupported(l, "TCP option '%s'", word);
}

/* After the opening bracket. */
static bool parse_segment_options(struct pkt_lexer *l, bool inject, struct pkt_options *o)
{
    struct pkt_lexer start = pkt_lex_start(l);

    if (pkt_lex_is(l, "...")) {
        o->any = true;
        if (inject)
            return pkt_lex_fail(l,
                                "an injected packet needs its options: <...> is for expected ones");
        return pkt_lex_need(l, ">");
    }
    if (pkt_lex_is(l, ">"))
        return true;
    do {
        if (o->count == PKT_OPTIONS_MAX)
            return pkt_lex_fail(l, "a segment has %d options at most", PKT_OPTIONS_MAX);
        if (!parse_one_option(l, &o->option[o->count++]))
            return false;
    } while (pkt_lex_is(l, ","));
    if (!pkt_lex_need(l, ">"))
        return false;
    if (pkt_options_len(o) % 4 == 0 && pkt_options_len(o) <= PKT_OPTIONS_MAX)
        return true;
    *l = start;
    return pkt_lex_fail(l,
                        "these options have %u bytes: add nop or eol up to a multiple of 4, 40 "
                        "at most",
                        pkt_options_len(o));
}

/* ---- TCP ---- */

static bool parse_flags(struct pkt_lexer *l, uint8_t *flags)
{
    static const char letters[] = "FSRP.UEW"; /* in the order of the bits */
    struct pkt_lexer start = pkt_lex_start(l);
    char word[24];

    if (!pkt_lex_run(l, word, sizeof(word)))
        return false;
    if (!strcmp(word, "-"))
        return true;
    for (const char *c = word; *c; c++) {
        const char *letter = strchr(letters, *c);
        uint8_t bit = (uint8_t)(letter ? 1u << (letter - letters) : 0);

        if (!bit || (*flags & bit)) {
            *l = start;
            return pkt_lex_fail(l,
                                bit ? "flag '%c' is there twice"
                                    : "unknown flag '%c': flags are F S R P . U E W, or - for none",
                                *c);
        }
        *flags |= bit;
    }
    return word[0] || pkt_lex_fail(l, "expected flags here");
}

/* start:end(len) */
static bool parse_range(struct pkt_lexer *l, uint32_t *seq, uint32_t *len)
{
    struct pkt_lexer start = pkt_lex_start(l);
    uint64_t from, to, n;

    if (!pkt_lex_number(l, UINT32_MAX, &from) || !pkt_lex_need(l, ":") ||
        !pkt_lex_number(l, UINT32_MAX, &to) || !pkt_lex_need(l, "(") ||
        !pkt_lex_number(l, UINT16_MAX, &n) || !pkt_lex_need(l, ")"))
        return false;
    *seq = (uint32_t)from;
    *len = (uint32_t)n;
    if ((uint32_t)(to - from) == n)
        return true;
    *l = start;
    return pkt_lex_fail(l, "%u:%u has %u bytes, not %u: SYN and FIN do not count", (unsigned)from,
                        (unsigned)to, (uint32_t)(to - from), (unsigned)n);
}

static bool parse_window(struct pkt_lexer *l, bool inject, struct pkt_segment *g)
{
    uint64_t n;
    bool least = pkt_lex_is(l, ">=");

    if (least && inject)
        return pkt_lex_fail(l, "an injected packet has one window: >= is for expected ones");
    if (!pkt_lex_number(l, UINT16_MAX, &n))
        return false;
    g->has_window = least ? PKT_WINDOW_LEAST : PKT_WINDOW_EXACT;
    g->window = (uint32_t)n;
    return true;
}

static bool parse_tcp(struct pkt_lexer *l, bool inject, struct pkt_segment *g)
{
    struct pkt_lexer start = pkt_lex_start(l);
    uint64_t n;

    if (!parse_flags(l, &g->flags) || !parse_range(l, &g->seq, &g->len))
        return false;
    if (pkt_lex_is(l, "ack")) {
        if (!pkt_lex_number(l, UINT32_MAX, &n))
            return false;
        g->has_ack = true;
        g->ack = (uint32_t)n;
    }
    if (pkt_lex_is(l, "win") && !parse_window(l, inject, g))
        return false;
    if (pkt_lex_is(l, "urg")) {
        if (!pkt_lex_number(l, UINT16_MAX, &n))
            return false;
        g->urgent = (uint16_t)n;
    }
    if (pkt_lex_is(l, "<") && !parse_segment_options(l, inject, &g->options))
        return false;
    if (l->outcome != PKT_PASS)
        return false;
    if ((g->flags & SEG_ACK) && !g->has_ack) {
        *l = start;
        return pkt_lex_fail(l, "the flag '.' needs 'ack N'");
    }
    return true;
}

static bool parse_ports(struct pkt_lexer *l, struct pkt_segment *g)
{
    uint64_t n;
    char c = pkt_lex_peek(l);

    if (c < '0' || c > '9')
        return true;
    if (!pkt_lex_number(l, UINT16_MAX, &n))
        return false;
    g->from = (uint16_t)n;
    if (!pkt_lex_need(l, ">") || !pkt_lex_number(l, UINT16_MAX, &n))
        return false;
    g->to = (uint16_t)n;
    return (g->from && g->to) || pkt_lex_fail(l, "a port is from 1 to 65535");
}

/* ---- ICMP ---- */

struct icmp_word {
    const char *word;
    uint8_t type, code;
};

static const struct icmp_word unreachables[] = {
    {"net_unreachable", 3, 0},       {"host_unreachable", 3, 1}, {"protocol_unreachable", 3, 2},
    {"port_unreachable", 3, 3},      {"frag_needed", 3, 4},      {"source_route_failed", 3, 5},
    {"net_unknown", 3, 6},           {"host_unknown", 3, 7},     {"source_host_isolated", 3, 8},
    {"net_prohibited", 3, 9},        {"host_prohibited", 3, 10}, {"net_unreachable_tos", 3, 11},
    {"host_unreachable_tos", 3, 12}, {"pkt_filtered", 3, 13},    {"precedence_violation", 3, 14},
    {"precedence_cutoff", 3, 15},
};
static const struct icmp_word others[] = {
    {"source_quench", 4, 0},
    {"time_exceeded", 11, 0},
    {"parameter_problem", 12, 0},
};

static bool parse_icmp_word(struct pkt_lexer *l, const struct icmp_word *words, unsigned count,
                            struct pkt_icmp *out)
{
    struct pkt_lexer start = pkt_lex_start(l);
    char word[40];

    if (!pkt_lex_word(l, word, sizeof(word)))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!strcmp(word, words[i].word)) {
            out->type = words[i].type;
            out->code = words[i].code;
            return true;
        }
    *l = start;
    return pkt_lex_unsupported(l, "ICMP '%s'", word);
}

static bool parse_icmp(struct pkt_lexer *l, struct pkt_icmp *icmp)
{
    uint64_t n;
    bool read;

    read = pkt_lex_is(l, "unreachable")
               ? parse_icmp_word(l, unreachables, ARRAY_COUNT(unreachables), icmp)
               : parse_icmp_word(l, others, ARRAY_COUNT(others), icmp);
    if (!read)
        return false;
    if (pkt_lex_is(l, "mtu")) {
        if (!pkt_lex_number(l, UINT16_MAX, &n))
            return false;
        icmp->mtu = (uint16_t)n;
    }
    return pkt_lex_need(l, "[") && parse_range(l, &icmp->seq, &icmp->len) && pkt_lex_need(l, "]");
}

/* ---- either ---- */

bool pkt_parse_packet(struct pkt_lexer *l, bool inject, struct pkt_event *e)
{
    static const char *const others_of_ip[] = {"udp", "gre", "mpls", "ipv4", "ipv6", "ttl", "sctp"};

    e->kind = inject ? PKT_INJECT : PKT_EXPECT;
    if (pkt_lex_peek(l) == '[')
        return pkt_lex_unsupported(l, "an annotation of the IP header");
    for (unsigned i = 0; i < ARRAY_COUNT(others_of_ip); i++)
        if (pkt_lex_is(l, others_of_ip[i]))
            return pkt_lex_unsupported(l, "packets with '%s'", others_of_ip[i]);
    if (pkt_lex_is(l, "icmp")) {
        e->kind = PKT_INJECT_ICMP;
        return inject ? parse_icmp(l, &e->icmp)
                      : pkt_lex_unsupported(l, "an expected ICMP message");
    }
    return parse_ports(l, &e->segment) && parse_tcp(l, inject, &e->segment);
}

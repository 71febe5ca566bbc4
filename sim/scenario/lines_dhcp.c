/*
 * The lines `peer dhcp ASK=N [KEY=VALUE]... [OPTION]...` of a scenario: one message of the scripted
 * DHCP server (dhcp_script.h). Header fields that are not given are those of an ordinary reply;
 * options are sent in the order of the line.
 */
#include "scenario_lines.h"
#include "../../core/base/array.h"
#include <string.h>

struct given_answer {
    struct dhcp_answer answer;
    uint32_t asks[ASKS];
    uint8_t op, htype, hlen, hops;
    uint16_t secs, flags, len;
    uint32_t xid, cookie, ciaddr, yiaddr, siaddr, giaddr;
    const char *chaddr, *sname, *file;
    uint64_t chaddr_len, sname_len, file_len;
};

enum { KEY_XID, KEY_CHADDR, KEY_SRC, KEY_LEN, KEY_SILENT, KEY_CHOSEN, KEY_ASKS };

#define NTH(ask)                                                                                   \
    [KEY_ASKS + (ask)] = {NULL, VALUE_NUMBER, FIELD(given_answer, asks[ask]),                      \
                          NUMBERS(1, UINT32_MAX)}

/* The names of requests are filled in from dhcp_ask_words. */
static const struct key table[] = {
    [KEY_XID] = {"xid", VALUE_NUMBER, FIELD(given_answer, xid), NUMBERS(0, UINT32_MAX)},
    [KEY_CHADDR] = {"chaddr", VALUE_STRING, FIELD(given_answer, chaddr),
                    LENGTH(given_answer, chaddr_len)},
    [KEY_SRC] = {"src", VALUE_ADDRESS, FIELD(given_answer, answer.src)},
    [KEY_LEN] = {"len", VALUE_NUMBER, FIELD(given_answer, len),
                 NUMBERS(DHCP_AT_CHADDR + 6, DHCP_AT_OPTIONS - 1)},
    [KEY_CHOSEN] = {"chosen", VALUE_ADDRESS, FIELD(given_answer, answer.chosen)},
    [KEY_SILENT] = {"silent", VALUE_FLAG, FIELD(given_answer, answer.silent)},
    NTH(ASK_DISCOVER),
    NTH(ASK_REQUEST),
    NTH(ASK_REBOOT),
    NTH(ASK_RENEW),
    NTH(ASK_REBIND),
    NTH(ASK_INFORM),
    {"wait", VALUE_DURATION, FIELD(given_answer, answer.wait_ns)},
    {"lost", VALUE_FLAG, FIELD(given_answer, answer.lost)},
    {"unicast", VALUE_FLAG, FIELD(given_answer, answer.unicast)},
    {"no-checksum", VALUE_FLAG, FIELD(given_answer, answer.unsummed)},
    {"dst", VALUE_ADDRESS, FIELD(given_answer, answer.dst)},

    {"op", VALUE_NUMBER, FIELD(given_answer, op), NUMBERS(0, UINT8_MAX)},
    {"htype", VALUE_NUMBER, FIELD(given_answer, htype), NUMBERS(0, UINT8_MAX)},
    {"hlen", VALUE_NUMBER, FIELD(given_answer, hlen), NUMBERS(0, UINT8_MAX)},
    {"hops", VALUE_NUMBER, FIELD(given_answer, hops), NUMBERS(0, UINT8_MAX)},
    {"secs", VALUE_NUMBER, FIELD(given_answer, secs), NUMBERS(0, UINT16_MAX)},
    {"flags", VALUE_NUMBER, FIELD(given_answer, flags), NUMBERS(0, UINT16_MAX)},
    {"ciaddr", VALUE_ADDRESS, FIELD(given_answer, ciaddr)},
    {"yiaddr", VALUE_ADDRESS, FIELD(given_answer, yiaddr)},
    {"siaddr", VALUE_ADDRESS, FIELD(given_answer, siaddr)},
    {"giaddr", VALUE_ADDRESS, FIELD(given_answer, giaddr)},
    {"sname", VALUE_STRING, FIELD(given_answer, sname), LENGTH(given_answer, sname_len)},
    {"file", VALUE_STRING, FIELD(given_answer, file), LENGTH(given_answer, file_len)},
    {"cookie", VALUE_NUMBER, FIELD(given_answer, cookie), NUMBERS(0, UINT32_MAX)},
};
enum { KEYS = ARRAY_COUNT(table) };
_Static_assert(KEYS <= 32, "a bit of `given` for each");

static void lines_dhcp_put(uint8_t *at, uint32_t value, unsigned size)
{
    while (size--) {
        at[size] = (uint8_t)value;
        value >>= 8;
    }
}

/* Move the option words from the line into the message, in order. */
static bool lines_dhcp_read_options(struct reader *r, uint8_t *m, size_t *len)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < r->count; i++) {
        const struct word *w = &r->words[i];
        const char *problem;

        if (i < 2 || w->quoted || !dhcp_is_option_word(w->text)) {
            r->words[kept++] = *w;
            continue;
        }
        if (w->value && strlen(w->value) != w->value_len)
            return reader_wrong(r, "%.20s contains a zero byte; write it in hex, as 0x0102",
                                w->text);
        problem = dhcp_option_word(w->text, w->value, w->value_len, m, len);
        if (problem)
            return reader_wrong(r, "'%.60s' %s", w->text, problem);
    }
    r->count = kept;
    return true;
}

static bool read_field(struct reader *r, const char *name, const char *value, uint64_t value_len,
                       uint8_t *out, size_t size)
{
    size_t len;

    if (!value || dhcp_value_bytes(value, value_len, out, size, &len))
        return true;
    return reader_wrong(r, "%s= is not a text or hex of at most %zu bytes", name, size);
}

static bool build(struct reader *r, const struct given_answer *g, uint8_t *m)
{
    m[0] = g->op;
    m[1] = g->htype;
    m[2] = g->hlen;
    m[3] = g->hops;
    lines_dhcp_put(m + DHCP_AT_XID, g->xid, 4);
    lines_dhcp_put(m + DHCP_AT_FLAGS - 2, g->secs, 2);
    lines_dhcp_put(m + DHCP_AT_FLAGS, g->flags, 2);
    lines_dhcp_put(m + DHCP_AT_CIADDR, g->ciaddr, 4);
    lines_dhcp_put(m + DHCP_AT_YIADDR, g->yiaddr, 4);
    lines_dhcp_put(m + DHCP_AT_SIADDR, g->siaddr, 4);
    lines_dhcp_put(m + DHCP_AT_GIADDR, g->giaddr, 4);
    lines_dhcp_put(m + DHCP_AT_COOKIE, g->cookie, 4);
    return read_field(r, "chaddr", g->chaddr, g->chaddr_len, m + DHCP_AT_CHADDR,
                      DHCP_AT_SNAME - DHCP_AT_CHADDR) &&
           read_field(r, "sname", g->sname, g->sname_len, m + DHCP_AT_SNAME,
                      DHCP_AT_FILE - DHCP_AT_SNAME) &&
           read_field(r, "file", g->file, g->file_len, m + DHCP_AT_FILE,
                      DHCP_AT_COOKIE - DHCP_AT_FILE);
}

/* Exactly one of discover=N, request=N, ...: the request of the reply. */
static bool read_ask(struct reader *r, struct given_answer *g)
{
    unsigned asks = 0;

    for (unsigned i = 0; i < ASKS; i++) {
        if (!g->asks[i])
            continue;
        asks++;
        g->answer.ask = i;
        g->answer.n = g->asks[i];
    }
    return asks == 1 ||
           reader_wrong(r, "a peer dhcp line needs one of discover=N, request=N, reboot=N, "
                           "renew=N, rebind=N, inform=N");
}

bool line_peer_dhcp(struct reader *r)
{
    struct given_answer g = {
        .op = 2, .htype = 1, .hlen = 6, .cookie = DHCP_COOKIE_VALUE, .answer.dst = UINT32_MAX};
    struct native_options *o = &r->s->native;
    uint8_t m[DHCP_SCRIPT_MAX] = {0}, *bytes;
    size_t len = DHCP_AT_OPTIONS;
    struct key keys[KEYS + 1];
    uint32_t given = 0, server;
    char problem[320];

    memcpy(keys, table, sizeof(table));
    keys[KEYS] = (struct key){0};
    for (unsigned i = 0; i < ASKS; i++)
        keys[KEY_ASKS + i].name = dhcp_ask_words[i];
    if (!lines_dhcp_read_options(r, m, &len))
        return false;
    if (!keys_read(keys, r->words + 2, r->count - 2, &g, &given, problem, sizeof(problem)))
        return reader_wrong(r, "%s", problem);
    if (!read_ask(r, &g) || !build(r, &g, m))
        return false;
    if (g.answer.silent &&
        (given & ~(1u << KEY_SILENT | 1u << KEY_CHOSEN) & ~(((1u << ASKS) - 1) << KEY_ASKS) ||
         len > DHCP_AT_OPTIONS))
        return reader_wrong(r, "silent excludes other keys: no answer is sent");
    if (g.answer.chosen && g.answer.ask != ASK_REQUEST)
        return reader_wrong(r, "chosen= is for request=N: only a request names a server");
    if (g.len && len > DHCP_AT_OPTIONS)
        return reader_wrong(r, "len= cuts the header, a message with options has all of it");
    server = dhcp_option32(m, len, OPTION_SERVER);
    if (!(given & 1u << KEY_SRC))
        g.answer.src = server ? server : DHCP_USUAL_SERVER;
    g.answer.own_xid = given >> KEY_XID & 1;
    g.answer.own_chaddr = given >> KEY_CHADDR & 1;
    g.answer.len = g.len ? g.len : len;
    g.answer.line = r->line;
    g.answer.bytes = bytes = reader_take(r->s, len);
    memcpy(bytes, m, len);
    o->dhcp = reader_add(r->s, o->dhcp, &o->dhcp_count, sizeof(*o->dhcp));
    o->dhcp[o->dhcp_count - 1] = g.answer;
    return true;
}

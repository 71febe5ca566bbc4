/* The calls of a .pkt script, with values and names of constants: see parse.h. */
#include "parse.h"
#include "errors.h"
#include "../../core/base/array.h"
#include "../base/memory.h"
#include "../text/values.h"
#include <string.h>

/* Arrays in structs in arrays: poll needs two. */
enum { NESTING_MAX = 4 };

struct named_number {
    const char *name;
    int64_t number;
};

/* The numbers of Linux on x86, which scripts may give as such. */
static const struct named_number constants[] = {
    {"AF_INET", 2},    {"PF_INET", 2},      {"SOCK_STREAM", 1},     {"SOCK_NONBLOCK", 0x800},
    {"IPPROTO_IP", 0}, {"IPPROTO_TCP", 6},  {"SOL_IP", 0},          {"SOL_SOCKET", 1},
    {"SOL_TCP", 6},    {"SO_REUSEADDR", 2}, {"SO_ERROR", 4},        {"SO_SNDBUF", 7},
    {"SO_RCVBUF", 8},  {"SO_KEEPALIVE", 9}, {"SO_LINGER", 13},      {"TCP_NODELAY", 1},
    {"TCP_MAXSEG", 2}, {"TCP_KEEPIDLE", 4}, {"F_GETFL", 3},         {"F_SETFL", 4},
    {"O_RDONLY", 0},   {"O_RDWR", 2},       {"O_NONBLOCK", 0x800},  {"SHUT_RD", 0},
    {"SHUT_WR", 1},    {"SHUT_RDWR", 2},    {"MSG_DONTWAIT", 0x40}, {"MSG_NOSIGNAL", 0x4000},
    {"POLLIN", 1},     {"POLLOUT", 4},      {"POLLERR", 8},         {"POLLHUP", 16},
    {"INADDR_ANY", 0},
};

static const struct {
    const char *name;
    enum pkt_call_id id;
} calls[] = {
    {"socket", PKT_SOCKET},
    {"bind", PKT_BIND},
    {"listen", PKT_LISTEN},
    {"accept", PKT_ACCEPT},
    {"connect", PKT_CONNECT},
    {"read", PKT_READ},
    {"recv", PKT_READ},
    {"recvfrom", PKT_READ},
    {"write", PKT_WRITE},
    {"send", PKT_WRITE},
    {"sendto", PKT_WRITE},
    {"readv", PKT_READV},
    {"writev", PKT_WRITEV},
    {"close", PKT_CLOSE},
    {"shutdown", PKT_SHUTDOWN},
    {"fcntl", PKT_FCNTL},
    {"poll", PKT_POLL},
    {"getsockopt", PKT_GETSOCKOPT},
    {"setsockopt", PKT_SETSOCKOPT},
};

/* ---- values ---- */

static bool parse_value(struct pkt_lexer *l, struct pkt_script *s, unsigned depth, unsigned *out);

static bool parse_new_value(struct pkt_lexer *l, struct pkt_script *s, enum pkt_value_kind kind,
                            unsigned *out)
{
    if (s->values_count == PKT_VALUES_MAX)
        return pkt_lex_fail(l, "a script has %d values at most", PKT_VALUES_MAX - 1);
    s->values = memory_grow(s->values, s->values_count + 1, &s->values_size, sizeof(*s->values));
    s->values[s->values_count] = (struct pkt_value){.kind = kind};
    *out = (unsigned)s->values_count++;
    return true;
}

static bool parse_string(struct pkt_lexer *l, struct pkt_script *s, unsigned *out)
{
    const char *problem;
    size_t len = 0;

    if (!pkt_lex_need(l, "\"") || !parse_new_value(l, s, PKT_STRING, out))
        return false;
    problem = value_string(&l->at, l->end, s->strings + s->strings_len, &len);
    if (problem)
        return pkt_lex_fail(l, "%s", problem);
    s->values[*out].text = s->strings + s->strings_len;
    s->values[*out].len = len;
    s->strings_len += len;
    return true;
}

/* htons(8080) and inet_addr("192.0.2.2"): numbers in host order. */
static bool parse_function(struct pkt_lexer *l, struct pkt_script *s, const char *name,
                           int64_t *out)
{
    struct pkt_lexer start = pkt_lex_start(l);
    uint64_t n;
    unsigned text;
    uint32_t addr;
    char dotted[40];

    if (!strcmp(name, "htons")) {
        if (!pkt_lex_number(l, UINT16_MAX, &n))
            return false;
        *out = (int64_t)n;
    } else if (!strcmp(name, "inet_addr")) {
        if (!parse_string(l, s, &text))
            return false;
        if (s->values[text].len >= sizeof(dotted))
            return pkt_lex_fail(l, "expected an IPv4 address here");
        memcpy(dotted, s->values[text].text, s->values[text].len);
        dotted[s->values[text].len] = 0;
        if (!value_address(dotted, &addr)) {
            *l = start;
            return pkt_lex_fail(l, "expected an IPv4 address here");
        }
        *out = addr;
    } else {
        return pkt_lex_unsupported(l, "'%s(...)'", name);
    }
    return pkt_lex_need(l, ")");
}

/* A number, a name for one, or a function. */
static bool parse_term(struct pkt_lexer *l, struct pkt_script *s, int64_t *out)
{
    struct pkt_lexer start = pkt_lex_start(l);
    bool minus = pkt_lex_is(l, "-");
    char c = pkt_lex_peek(l), name[32];
    uint64_t n;

    if (c >= '0' && c <= '9') {
        if (!pkt_lex_number(l, INT64_MAX, &n))
            return false;
        *out = minus ? -(int64_t)n : (int64_t)n;
        return true;
    }
    if (minus || !pkt_lex_word(l, name, sizeof(name)))
        return pkt_lex_fail(l, "expected a number here");
    if (pkt_lex_is(l, "("))
        return parse_function(l, s, name, out);
    for (unsigned i = 0; i < ARRAY_COUNT(constants); i++)
        if (!strcmp(name, constants[i].name)) {
            *out = constants[i].number;
            return true;
        }
    if (pkt_error_known(name)) {
        *out = pkt_error_number(name);
        return true;
    }
    *l = start;
    return pkt_lex_unsupported(l, "constant '%s'", name);
}

static bool parse_sum(struct pkt_lexer *l, struct pkt_script *s, unsigned *out)
{
    int64_t n, all = 0;

    do {
        if (!parse_term(l, s, &n))
            return false;
        all |= n;
    } while (pkt_lex_is(l, "|"));
    if (!parse_new_value(l, s, PKT_NUMBER, out))
        return false;
    s->values[*out].number = all;
    return true;
}

/* The values of an array up to ] or, with a name before each, of a struct up to }. */
static bool parse_list(struct pkt_lexer *l, struct pkt_script *s, unsigned depth, bool fields,
                       unsigned *out)
{
    const char *close = fields ? "}" : "]";
    unsigned list = 0, item = 0, last = 0;
    char name[24] = "";

    if (depth == NESTING_MAX)
        return pkt_lex_fail(l, "brackets are nested too deeply");
    if (!parse_new_value(l, s, fields ? PKT_STRUCT : PKT_ARRAY, &list))
        return false;
    *out = list;
    if (pkt_lex_is(l, close))
        return true;
    do {
        if (fields && !pkt_lex_is(l, "...") &&
            (!pkt_lex_word(l, name, sizeof(name)) || !pkt_lex_need(l, "=")))
            return false;
        if (!parse_value(l, s, depth + 1, &item))
            return false;
        memcpy(s->values[item].name, name, sizeof(name));
        *(last ? &s->values[last].next : &s->values[list].first) = item;
        last = item;
    } while (pkt_lex_is(l, ","));
    return pkt_lex_need(l, close);
}

static bool parse_value(struct pkt_lexer *l, struct pkt_script *s, unsigned depth, unsigned *out)
{
    if (pkt_lex_is(l, "..."))
        return parse_new_value(l, s, PKT_DOTS, out);
    if (pkt_lex_peek(l) == '"')
        return parse_string(l, s, out);
    if (pkt_lex_is(l, "["))
        return parse_list(l, s, depth, false, out);
    if (pkt_lex_is(l, "{"))
        return parse_list(l, s, depth, true, out);
    return parse_sum(l, s, out);
}

/* ---- calls ---- */

/* `-1 ENAME (words)`, a number with words, or ... */
static bool parse_result(struct pkt_lexer *l, struct pkt_script *s, struct pkt_call *c)
{
    struct pkt_lexer start = pkt_lex_start(l), error;
    const char *words;
    size_t len;
    char first;

    if (pkt_lex_is(l, "...")) {
        c->any_result = true;
        return true;
    }
    if (!parse_term(l, s, &c->result))
        return false;
    first = pkt_lex_peek(l);
    error = *l;
    if (first == 'E' && !pkt_lex_word(l, c->error, sizeof(c->error)))
        return false;
    if (c->error[0] && !pkt_error_known(c->error)) {
        *l = error;
        return pkt_lex_unsupported(l, "error '%s'", c->error);
    }
    if ((c->result == -1) != (c->error[0] != 0)) {
        *l = start;
        return pkt_lex_fail(l, "the result -1 has the name of an error, and no other result has");
    }
    return !pkt_lex_is(l, "(") || pkt_lex_until(l, ")", &words, &len);
}

static bool parse_call_name(struct pkt_lexer *l, struct pkt_call *c)
{
    struct pkt_lexer start = pkt_lex_start(l);
    char name[40];

    if (!pkt_lex_word(l, name, sizeof(name)))
        return false;
    if (pkt_lex_peek(l) != '(') {
        *l = start;
        return pkt_lex_fail(l, "expected <, >, quiet or a call here");
    }
    for (unsigned i = 0; i < ARRAY_COUNT(calls); i++)
        if (!strcmp(name, calls[i].name)) {
            c->id = calls[i].id;
            memcpy(c->name, calls[i].name, strlen(calls[i].name) + 1);
            return pkt_lex_need(l, "(");
        }
    *l = start;
    return pkt_lex_unsupported(l, "call '%s'", name);
}

bool pkt_parse_call(struct pkt_lexer *l, struct pkt_script *s, struct pkt_event *e)
{
    struct pkt_call *c = &e->call;

    if (!parse_call_name(l, c))
        return false;
    if (!pkt_lex_is(l, ")")) {
        do {
            if (c->count == PKT_ARGS_MAX)
                return pkt_lex_fail(l, "a call has %d arguments at most", PKT_ARGS_MAX);
            if (!parse_value(l, s, 0, &c->arg[c->count++]))
                return false;
        } while (pkt_lex_is(l, ","));
        if (!pkt_lex_need(l, ")"))
            return false;
    }
    return pkt_lex_need(l, "=") && parse_result(l, s, c);
}

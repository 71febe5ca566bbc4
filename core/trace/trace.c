/*
 * The table of trace events and its formatter. Used by machines; the core itself only emits.
 */
#include "trace.h"
#include "../base/err.h"
#include "../base/fmt.h"

#define ROW(id, lvl, comp, fmt_string) {TRACE_LEVEL_##lvl, comp, fmt_string},
static const struct trace_event events[] = {TRACE_EVENTS(ROW)};
#undef ROW

#define WORD(id, word) word,
static const char *const drop_words[] = {DROP_REASONS(WORD)};
static const char *const refusal_words[] = {"taken", DHCP_REFUSALS(WORD)};
static const char *const virtio_words[] = {VIRTIO_FAILURES(WORD)};
#undef WORD

/* In the order of enum tcp_state and enum dhcp_state. */
static const char *const tcp_words[] = {
    "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1",
    "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK",     "TIME_WAIT",
};
static const char *const dhcp_words[] = {"INIT",      "SELECTING", "REQUESTING",
                                         "BOUND",     "RENEWING",  "REBINDING",
                                         "REBOOTING", "PROBING",   "RELEASING"};
static const char *const link_words[] = {"down", "up"};
static const char *const retransmit_words[] = {"rto", "fast", "partial", "mtu", "sack", "tail"};
static const char *const lost_words[] = {"nak", "expired", "changed", "released"};
static const char *const interface_words[] = {"modern", "legacy"};

#define PICK(words, n) ((n) < sizeof(words) / sizeof((words)[0]) ? (words)[n] : "?")

const char *trace_error_word(int64_t err)
{
#define ERR_CASE(name, value, word)                                                                \
    if (err == (value))                                                                            \
        return word;
    ERR_LIST(ERR_CASE)
#undef ERR_CASE
    return "?";
}

const char *trace_drop_word(uint64_t reason)
{
    return PICK(drop_words, reason);
}

const char *trace_tcp_word(uint64_t state)
{
    return PICK(tcp_words, state);
}

const struct trace_event *trace_event(unsigned id)
{
    return &events[id];
}

static void format_argument(struct fmt *f, char kind, uint64_t n)
{
    switch (kind) {
    case 'u':
        fmt_u64(f, n);
        break;
    case 'd':
        fmt_i64(f, (int64_t)n);
        break;
    case 'x':
        fmt_hex(f, n);
        break;
    case 'i':
        fmt_ipv4(f, (uint32_t)n);
        break;
    case 'm':
        fmt_mac(f, n);
        break;
    case 'P':
        fmt_pci(f, (uint32_t)n);
        break;
    case 'I':
        fmt_text(f, PICK(interface_words, n));
        break;
    case 'E':
        fmt_text(f, trace_error_word((int64_t)n));
        break;
    case 'T':
        fmt_text(f, trace_tcp_word(n));
        break;
    case 'D':
        fmt_text(f, PICK(dhcp_words, n));
        break;
    case 'W':
        fmt_text(f, PICK(drop_words, n));
        break;
    case 'V':
        fmt_text(f, PICK(virtio_words, n));
        break;
    case 'L':
        fmt_text(f, PICK(link_words, n));
        break;
    case 'R':
        fmt_text(f, PICK(retransmit_words, n));
        break;
    case 'F':
        fmt_text(f, PICK(refusal_words, n));
        break;
    case 'N':
        fmt_text(f, PICK(lost_words, n));
        break;
    default:
        fmt_char(f, '?');
    }
}

size_t trace_format(char *buf, size_t size, unsigned id, const uint64_t *args, unsigned count)
{
    struct fmt f = {.buf = buf, .size = size};
    unsigned next = 0;

    fmt_text(&f, events[id].component);
    fmt_text(&f, ": ");
    for (const char *c = events[id].format; *c; c++) {
        if (*c != '%') {
            fmt_char(&f, *c);
            continue;
        }
        c++;
        format_argument(&f, *c, next < count ? args[next] : 0);
        next++;
    }
    buf[f.len] = 0;
    return f.len;
}

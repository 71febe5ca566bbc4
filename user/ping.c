/*
 * ping: ICMP echo, one request at a time (RFC 792; RFC 1122 section 3.2.2.6).
 *
 * Each request waits at most a second for its reply; requests start `-i` milliseconds apart (1000),
 * or later when a reply took longer. The payload is checked, byte by byte.
 *
 *     reply seq=1 bytes=56 us=200
 *     mismatch seq=1 bytes=56           a reply whose payload is not the one that was sent
 *     ignored seq=1                     late, twice, or from someone else
 *     timeout seq=2
 *     error seq=3 reason=unreachable    the words of err.h
 *     done sent=3 received=1            exit 0 when there was a reply, else 1
 */
#include "drywire.h"
#include "programs.h"

enum {
    PING_BYTES_MAX = 1472, /* an Ethernet payload without the headers of IPv4 and ICMP */
    PING_SEQ_MAX = 65535,
};

#define REPLY_WAIT_NS NS_PER_S

struct ping {
    uint64_t count;
    uint64_t interval_ms;
    uint64_t bytes;
    struct socket_address to;
    int fd;
    uint64_t sent, received;
    uint8_t payload[PING_BYTES_MAX];
};

static uint8_t payload_byte(unsigned seq, size_t at)
{
    return (uint8_t)(seq * 7 + at);
}

/* The expected reply is in p->payload. */
static void reply_take(struct ping *p, unsigned seq, size_t len, uint64_t rtt_ns)
{
    bool same = len == p->bytes;
    struct text t;

    for (size_t i = 0; same && i < len; i++)
        same = p->payload[i] == payload_byte(seq, i);
    text_start(&t);
    text_word(&t, same ? "reply" : "mismatch");
    text_number(&t, "seq", seq);
    text_number(&t, "bytes", len);
    if (same) {
        text_number(&t, "us", rtt_ns / NS_PER_US);
        p->received++;
    }
    report(&t);
}

/* Wait for the reply to `seq`, sent at sent_ns, and report what comes. */
static void reply_await(struct ping *p, unsigned seq, uint64_t sent_ns)
{
    uint64_t now_ns = sent_ns;

    while (now_ns - sent_ns < REPLY_WAIT_NS) {
        struct socket_address from;
        int ready = wait_for(p->fd, READY_IN, sent_ns + REPLY_WAIT_NS - now_ns);
        int64_t n = ready;

        if (ready == 0)
            break;
        if (ready > 0)
            n = sys_recvfrom(p->fd, p->payload, sizeof(p->payload), &from);
        now_ns = sys_clock();
        if (n < 0) {
            report_seq_error(seq, n);
            return;
        }
        if (from.addr == p->to.addr && from.port == seq) {
            reply_take(p, seq, (size_t)n, now_ns - sent_ns);
            return;
        }
        report_seq("ignored", from.port);
    }
    report_seq("timeout", seq);
}

static void ping_one(struct ping *p, unsigned seq)
{
    uint64_t sent_ns, spent_ns;
    int64_t n;

    p->to.port = (uint16_t)seq;
    for (size_t i = 0; i < p->bytes; i++)
        p->payload[i] = payload_byte(seq, i);
    n = sys_sendto(p->fd, p->payload, p->bytes, &p->to);
    sent_ns = sys_clock(); /* after the call, which may have waited for the network */
    if (n < 0) {
        report_seq_error(seq, n);
    } else {
        p->sent++;
        reply_await(p, seq, sent_ns);
    }
    spent_ns = sys_clock() - sent_ns;
    if (seq < p->count && spent_ns < p->interval_ms * NS_PER_MS)
        sys_sleep(p->interval_ms * NS_PER_MS - spent_ns);
}

int ping_main(int argc, char **argv)
{
    struct ping p = {.count = 3, .interval_ms = 1000, .bytes = 56};
    int at = 1, taken = 1;
    struct text t;

    while (taken > 0) {
        taken = option_take(argc, argv, &at, "-c", 1, PING_SEQ_MAX, &p.count);
        if (taken == 0)
            taken = option_take(argc, argv, &at, "-i", 0, 1000000, &p.interval_ms);
        if (taken == 0)
            taken = option_take(argc, argv, &at, "-s", 0, PING_BYTES_MAX, &p.bytes);
    }
    if (taken < 0 || argc - at != 1)
        return report_usage("ping");
    if (endpoint_take(argv[at], NULL, &p.to) != 0)
        return 1;

    p.fd = sys_socket(SOCKET_ECHO);
    if (p.fd < 0)
        return report_error("socket", error_word(p.fd));
    for (unsigned seq = 1; seq <= p.count; seq++)
        ping_one(&p, seq);
    sys_close(p.fd);

    text_start(&t);
    text_word(&t, "done");
    text_number(&t, "sent", p.sent);
    text_number(&t, "received", p.received);
    report(&t);
    return p.received > 0 ? 0 : 1;
}

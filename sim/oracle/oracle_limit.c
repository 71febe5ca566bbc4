/*
 * The oracles of limited answers: what an outsider can make the machine send is counted on the
 * wire, against a bucket that is as large as the machine's, and larger by what a stalled queue may
 * send at once. SYN cookies and replies to an echo have no limit. See docs/verdicts.md.
 */
#include "../../core/base/minmax.h"
#include "oracle_internal.h"
#include <string.h>

/* So late a frame may leave: then the next ones seem to be too near. */
#define LATE_NS (100 * NS_PER_MS)

#define RESET_INTERVAL_NS     (10 * NS_PER_MS)
#define ICMP_INTERVAL_NS      (100 * NS_PER_MS)
#define CHALLENGE_INTERVAL_NS (500 * NS_PER_MS)
#define DEFEND_INTERVAL_NS    (10 * NS_PER_S)

/* CHALLENGE_BURST: ten in five seconds, at the end of one period and at the start of the next. */
enum { RESET_BURST = 10, CHALLENGE_BURST = 20 };

/* Data is acknowledged within half a second (RFC 9293 section 3.8.6.3), each segment of it once. */
#define ANSWER_NS NS_PER_S

/* One more; true if these are too many. `*full_ns`: when the bucket is full again. */
static bool too_many(const struct oracles *o, uint64_t *full_ns, uint64_t interval_ns,
                     unsigned burst)
{
    uint64_t now = o->sim->now_ns, from = max_u64(*full_ns, now);

    *full_ns = from + interval_ns;
    return from - now > (burst - 1) * interval_ns + LATE_NS;
}

/* A reset of a connection that the machine ends has ACK and a number; a reply has one of them: RFC
 * 9293 section 3.10.7.1. */
void limit_reset(struct oracles *o, const struct decoded *d)
{
    if ((d->tcp_flags & SEG_ACK) && d->tcp_seq)
        return;
    oracle_look(o, TCP_RESET_RATE);
    if (too_many(o, &o->resets_full_ns, RESET_INTERVAL_NS, RESET_BURST))
        oracle_fail(o, TCP_RESET_RATE, SIM_SITE,
                    "port %u sends a reset, more than ten at once and a hundred a second",
                    d->src_port);
}

void limit_icmp(struct oracles *o, const struct decoded *d)
{
    if (d->icmp_type != 3 && d->icmp_type != 11 && d->icmp_type != 12)
        return;
    oracle_look(o, ICMP_RATE);
    if (too_many(o, &o->errors_full_ns, ICMP_INTERVAL_NS, 1))
        oracle_fail(o, ICMP_RATE, SIM_SITE,
                    "an ICMP error (type %u, code %u) is sent, more than ten a second",
                    d->icmp_type, d->icmp_code);
}

void limit_heard(struct oracles *o, struct flow *f, const struct decoded *d)
{
    if (!d->payload_len && !(d->tcp_flags & SEG_FIN))
        return;
    f->answers++;
    f->data_ns = o->sim->now_ns;
}

void limit_bare_ack(struct oracles *o, struct flow *f, bool repeated)
{
    if (!repeated)
        return;
    if (o->sim->now_ns - f->data_ns > ANSWER_NS)
        f->answers = 0;
    if (f->answers) {
        f->answers--;
        return;
    }
    oracle_look(o, TCP_CHALLENGE_RATE);
    if (too_many(o, &f->challenges_full_ns, CHALLENGE_INTERVAL_NS, CHALLENGE_BURST))
        oracle_fail(o, TCP_CHALLENGE_RATE, SIM_SITE,
                    "port %u repeats an ACK that no data asks for, more than ten times in 5 s",
                    f->local_port);
}

void limit_conflict(struct oracles *o, const struct decoded *d)
{
    if (o->addr && d->arp_spa == o->addr && memcmp(d->arp_sha, o->mac, 6))
        o->conflict_ns = o->sim->now_ns;
}

void limit_announced(struct oracles *o)
{
    uint64_t now = o->sim->now_ns;

    if (!o->conflict_ns || now - o->conflict_ns > o->slack_ns)
        return; /* no conflict is the reason */
    oracle_look(o, ARP_DEFENCE);
    if (o->defended_ns && now - o->defended_ns + o->slack_ns < DEFEND_INTERVAL_NS)
        oracle_fail(o, ARP_DEFENCE, SIM_SITE, "the address is defended again after %llu ms",
                    (unsigned long long)((now - o->defended_ns) / NS_PER_MS));
    o->defended_ns = now;
}

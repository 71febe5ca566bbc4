/* The DHCP conversations of a capture: see dhcp_flow.h. */
#include "dhcp_flow.h"
#include "../base/bytes.h"
#include "decode.h"
#include "../base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { ETH_HEADER = 14, UDP_HEADER = 8, SERVER_PORT = 67, CLIENT_PORT = 68, BOOTREPLY = 2 };
/* How many messages back a request is searched: a capture may be one endless conversation, or
 * many. */
enum { LOOK_BACK = 256, LOOK_BACK_ALL = 4096 };

/* ---- whose is it ---- */

static uint64_t dhcp_flow_hash_of(const uint8_t chaddr[6])
{
    return (get32(chaddr) | (uint64_t)get16(chaddr + 4) << 32) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct dhcp_flow *dhcp_flow_find(struct dhcp_flows *all, const uint8_t chaddr[6])
{
    size_t i = chains_first(&all->by_chaddr, dhcp_flow_hash_of(chaddr));

    while (i && memcmp(all->flows[i - 1].chaddr, chaddr, 6))
        i = chains_next(&all->by_chaddr, i - 1);
    return i ? &all->flows[i - 1] : NULL;
}

/* The last conversation that uses the transaction id; NULL: none near. */
static struct dhcp_flow *find_xid(struct dhcp_flows *all, uint32_t xid)
{
    size_t steps = 0;

    for (size_t i = all->count; i-- > 0 && steps < LOOK_BACK_ALL; steps++) {
        struct dhcp_flow *f = &all->flows[i];
        size_t first = f->count > LOOK_BACK ? f->count - LOOK_BACK : 0;

        for (size_t k = f->count; k-- > first && steps < LOOK_BACK_ALL; steps++)
            if (dhcp_word(f->said[k].bytes, f->said[k].len, DHCP_AT_XID) == xid)
                return f;
    }
    return NULL;
}

/* The conversation of a message: by chaddr, else (a reply with another chaddr) by xid, else new. */
static struct dhcp_flow *dhcp_flow_of(struct dhcp_flows *all, const struct dhcp_said *m)
{
    const uint8_t *chaddr = m->bytes + DHCP_AT_CHADDR;
    struct dhcp_flow *f = dhcp_flow_find(all, chaddr);

    if (!f && m->server)
        f = find_xid(all, dhcp_word(m->bytes, m->len, DHCP_AT_XID));
    if (f)
        return f;
    all->flows = memory_grow(all->flows, all->count + 1, &all->size, sizeof(*f));
    f = &all->flows[all->count++];
    *f = (struct dhcp_flow){.first_frame = m->frame};
    memcpy(f->chaddr, chaddr, sizeof(f->chaddr));
    chains_add(&all->by_chaddr, dhcp_flow_hash_of(chaddr));
    return f;
}

/* ---- matching replies to requests ---- */

static bool may_answer(const struct dhcp_said *answer, enum dhcp_ask ask)
{
    unsigned type = dhcp_type(answer->bytes, answer->len);

    if (type == DHCP_TYPE_OFFER || dhcp_is_rapid_commit(answer->bytes, answer->len))
        return ask == ASK_DISCOVER;
    if (type == DHCP_TYPE_ACK || type == DHCP_TYPE_NAK)
        return ask != ASK_DISCOVER;
    return true;
}

/* The last request before it that it may be a reply to; preferably one with the same xid. */
static const struct dhcp_said *question(const struct dhcp_flow *f, size_t at)
{
    const struct dhcp_said *answer = &f->said[at], *last = NULL;
    uint32_t xid = dhcp_word(answer->bytes, answer->len, DHCP_AT_XID);

    for (size_t i = at, steps = 0; i-- > 0 && steps++ < LOOK_BACK;) {
        const struct dhcp_said *q = &f->said[i];

        if (q->server || q->other || !may_answer(answer, q->ask))
            continue;
        if (dhcp_word(q->bytes, q->len, DHCP_AT_XID) == xid)
            return q;
        last = last ? last : q;
    }
    return last;
}

static void place_answer(struct dhcp_flow *f, size_t at)
{
    const struct dhcp_said *q = question(f, at);
    struct dhcp_said *m = &f->said[at];
    unsigned type = dhcp_type(m->bytes, m->len);

    m->ask = type == DHCP_TYPE_ACK || type == DHCP_TYPE_NAK ? ASK_REQUEST : ASK_DISCOVER;
    if (dhcp_is_rapid_commit(m->bytes, m->len))
        m->ask = ASK_DISCOVER;
    if (!q)
        return;
    m->ask = q->ask;
    m->n = q->n;
    m->to = (size_t)(q - f->said);
}

static void place_question(struct dhcp_flow *f, struct dhcp_said *m)
{
    size_t len;
    int ask =
        dhcp_ask_of(dhcp_type(m->bytes, m->len), dhcp_word(m->bytes, m->len, DHCP_AT_CIADDR),
                    dhcp_find_option(m->bytes, m->len, OPTION_SERVER, &len) != NULL, m->unicast);

    m->other = ask < 0;
    if (m->other)
        return;
    m->ask = (enum dhcp_ask)ask;
    m->n = ++f->asked[ask];
}

/* Messages forwarded by a relay are left out if the client's side is in the capture as well. */
static void settle(struct dhcp_flow *f)
{
    size_t kept = 0, direct = 0;

    for (size_t i = 0; i < f->count; i++)
        direct += !f->said[i].relayed;
    for (size_t i = 0; i < f->count; i++)
        if (!direct || !f->said[i].relayed)
            f->said[kept++] = f->said[i];
    f->count = kept;
    for (size_t i = 0; i < f->count; i++)
        if (f->said[i].server)
            place_answer(f, i);
        else
            place_question(f, &f->said[i]);
}

/* ---- frames ---- */

/* True for a DHCP message with a chaddr. */
static bool read_message(const struct capture_frame *frame, const struct decoded *d,
                         struct dhcp_said *m)
{
    const uint8_t *udp = frame->bytes + ETH_HEADER + d->ip_header_len;

    if ((d->layer != LAYER_UDP && d->layer != LAYER_DHCP) || d->ip_fragment ||
        d->udp_len < UDP_HEADER + DHCP_AT_CHADDR + 6 ||
        (size_t)(udp - frame->bytes) + d->udp_len > frame->len)
        return false;
    *m = (struct dhcp_said){.time_ns = frame->time_ns,
                            .bytes = udp + UDP_HEADER,
                            .len = d->udp_len - UDP_HEADER,
                            .ip_src = d->ip_src,
                            .ip_dst = d->ip_dst,
                            .unicast = !(d->eth_dst[0] & 1),
                            .unsummed = !udp[6] && !udp[7],
                            .relayed = d->src_port == SERVER_PORT && d->dst_port == SERVER_PORT,
                            .lost = frame->lost};
    m->server = m->bytes[0] == BOOTREPLY;
    return m->server ? d->src_port == SERVER_PORT &&
                           (d->dst_port == CLIENT_PORT || d->dst_port == SERVER_PORT)
                     : d->dst_port == SERVER_PORT;
}

void capture_dhcp(struct dhcp_flows *f, const struct capture *c)
{
    *f = (struct dhcp_flows){0};
    for (size_t i = 0; i < c->count; i++) {
        const struct capture_frame *frame = &c->frames[i];
        struct dhcp_flow *flow;
        struct dhcp_said m;
        struct decoded d;

        if (frame->damaged)
            continue;
        decode_frame(frame->bytes, frame->len, &d);
        if (!read_message(frame, &d, &m) || (m.server && frame->duplicate))
            continue; /* a request doubled by the wire has two replies */
        f->bad_sums += d.error && strstr(d.error, "checksum") != NULL;
        m.frame = i + 1;
        flow = dhcp_flow_of(f, &m);
        flow->said = memory_grow(flow->said, flow->count + 1, &flow->size, sizeof(m));
        flow->said[flow->count++] = m;
    }
    for (size_t i = 0; i < f->count; i++)
        settle(&f->flows[i]);
}

void capture_dhcp_free(struct dhcp_flows *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->flows[i].said);
    free(f->flows);
    chains_free(&f->by_chaddr);
    *f = (struct dhcp_flows){0};
}

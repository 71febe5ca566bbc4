/* Reassembly: see ipv4_fragments.h. */
#include "ipv4_fragments.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"

#define FRAGMENT_TIME_NS (60 * NS_PER_S) /* RFC 1122 section 3.3.2: 60 to 120 s */

void fragments_init(struct ipv4_fragments *f, struct net *net, struct fragment_slot *slots)
{
    *f = (struct ipv4_fragments){.net = net, .slot = slots};
    for (unsigned i = 0; i < FRAGMENT_SLOTS; i++)
        slots[i].until_ns = 0;
}

static uint16_t fragment_id(const struct ipv4_packet *p)
{
    return be16_get(((const struct ipv4_header *)p->header)->id);
}

/* Of its payload in that of the packet before it was cut. */
static size_t fragment_offset(const struct ipv4_packet *p)
{
    return (size_t)(p->piece & IP_OFFSET_MASK) * 8;
}

static bool is_more_to_come(const struct ipv4_packet *p)
{
    return p->piece & IP_FLAG_MF;
}

/* The slot of a packet; a new one takes a free one, or the oldest. */
static struct fragment_slot *slot_for(struct ipv4_fragments *f, const struct ipv4_packet *p)
{
    struct fragment_slot *s, *oldest = &f->slot[0];

    for (unsigned i = 0; i < FRAGMENT_SLOTS; i++) {
        s = &f->slot[i];
        if (s->until_ns && s->src == p->src && s->dst == p->dst && s->id == fragment_id(p) &&
            s->protocol == p->protocol)
            return s;
        if (s->until_ns < oldest->until_ns)
            oldest = s;
    }
    if (oldest->until_ns)
        net_drop(f->net, DROP_IP_FRAGMENT);
    else
        f->used++;
    oldest->until_ns = f->net->now_ns + FRAGMENT_TIME_NS;
    oldest->src = p->src;
    oldest->dst = p->dst;
    oldest->id = fragment_id(p);
    oldest->protocol = p->protocol;
    oldest->broadcast = false;
    oldest->header_len = oldest->end = oldest->held = 0;
    mem_fill(oldest->has, 0, sizeof(oldest->has));
    return oldest;
}

static void slot_free(struct ipv4_fragments *f, struct fragment_slot *s)
{
    s->until_ns = 0;
    f->used--;
}

static bool has_unit(const struct fragment_slot *s, unsigned unit)
{
    return s->has[unit / 64] >> unit % 64 & 1;
}

/* The bytes of a fragment that are news are taken. False: others contradict bytes that are held. */
static bool take_bytes(struct fragment_slot *s, const struct ipv4_packet *p)
{
    uint8_t *to = s->bytes + FRAGMENT_HEADER_MAX + fragment_offset(p);

    for (size_t at = 0; at < p->len; at += 8) {
        unsigned unit = (unsigned)(fragment_offset(p) + at) / 8;
        size_t len = min_u64(p->len - at, 8);

        if (has_unit(s, unit)) {
            if (!mem_equal(to + at, p->payload + at, len))
                return false;
            continue;
        }
        mem_copy(to + at, p->payload + at, len);
        s->has[unit / 64] |= UINT64_C(1) << unit % 64;
        s->held = (uint16_t)(s->held + len);
    }
    return true;
}

/* False: it does not fit what is known. */
static bool take_fragment(struct fragment_slot *s, const struct ipv4_packet *p)
{
    size_t end = fragment_offset(p) + p->len;

    if (!is_more_to_come(p)) {
        if (s->end && s->end != end)
            return false;
        s->end = (uint16_t)end;
        for (unsigned unit = (unsigned)(end + 7) / 8; unit < FRAGMENT_WORDS * 64; unit++)
            if (has_unit(s, unit))
                return false;
    }
    if (s->end && end > s->end)
        return false;
    if (fragment_offset(p) == 0 && !s->header_len) {
        s->header_len = (uint16_t)p->header_len;
        mem_copy(s->bytes + FRAGMENT_HEADER_MAX - p->header_len, p->header, p->header_len);
    }
    s->broadcast |= p->broadcast;
    return take_bytes(s, p);
}

static void packet_of(const struct fragment_slot *s, size_t len, struct ipv4_packet *p)
{
    *p = (struct ipv4_packet){
        .header = s->bytes + FRAGMENT_HEADER_MAX - s->header_len,
        .header_len = s->header_len,
        .payload = s->bytes + FRAGMENT_HEADER_MAX,
        .len = len,
        .src = s->src,
        .dst = s->dst,
        .protocol = s->protocol,
        .broadcast = s->broadcast,
    };
}

struct verdict fragments_input(struct ipv4_fragments *f, struct ipv4_packet *p, bool *complete)
{
    struct fragment_slot *s;

    *complete = false;
    if (p->len == 0 || (is_more_to_come(p) && p->len % 8) ||
        fragment_offset(p) + p->len > FRAGMENT_PAYLOAD_MAX)
        return verdict_drop(DROP_IP_FRAGMENT);
    s = slot_for(f, p);
    if (!take_fragment(s, p)) {
        slot_free(f, s);
        return verdict_drop(DROP_IP_FRAGMENT);
    }
    if (!s->header_len || !s->end || s->held != s->end)
        return VERDICT_ACCEPTED;
    packet_of(s, s->end, p);
    slot_free(f, s);
    *complete = true;
    return VERDICT_ACCEPTED;
}

bool fragments_expired(struct ipv4_fragments *f, struct ipv4_packet *p)
{
    for (unsigned i = 0; f->used && i < FRAGMENT_SLOTS; i++) {
        struct fragment_slot *s = &f->slot[i];

        if (!s->until_ns || f->net->now_ns < s->until_ns)
            continue;
        slot_free(f, s);
        packet_of(s, s->header_len ? min_u32(s->held, 8) : 0, p);
        return true;
    }
    return false;
}

uint64_t fragments_deadline(const struct ipv4_fragments *f)
{
    uint64_t at_ns = DEADLINE_NEVER;

    for (unsigned i = 0; f->used && i < FRAGMENT_SLOTS; i++)
        if (f->slot[i].until_ns)
            at_ns = min_u64(at_ns, f->slot[i].until_ns);
    return at_ns;
}

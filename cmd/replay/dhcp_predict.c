/* The expected result of a client with a scripted DHCP server: see dhcp_predict.h. */
#include "dhcp_predict.h"
#include "../../sim/text/values.h"
#include <string.h>

enum { HTYPE_ETHERNET = 1, REQUEST_TRIES = 4, LEASE_MIN_S = 8, ROUNDS_MORE = 3 };
enum { LEASE_DEFAULT_S = 3600 }; /* docs/limits.md */

static bool predict_is_host(uint32_t a)
{
    return a >> 24 && a >> 24 != 127 && a >> 24 < 224;
}

static bool predict_is_contiguous(uint32_t mask)
{
    return mask && !(~mask & (~mask + 1));
}

/* ---- one message ---- */

/* The reason why a client drops it without checking its terms; NULL: it does not. */
static const char *predict_flaw(const struct dhcp_answer *a)
{
    static const uint8_t fours[] = {OPTION_MASK, OPTION_LEASE, OPTION_SERVER, OPTION_T1, OPTION_T2};
    const uint8_t *m = a->bytes;
    struct dhcp_options options = dhcp_options_of(m, a->len);
    const uint8_t *option;

    if (!predict_is_host(a->src) || (a->dst != UINT32_MAX && !predict_is_host(a->dst)))
        return "a source or destination is not a host address (RFC 1122 section 3.2.1.3)";
    if (a->len < DHCP_AT_OPTIONS || dhcp_word(m, a->len, DHCP_AT_COOKIE) != DHCP_COOKIE_VALUE)
        return "truncated, or no magic cookie (RFC 2131 section 3)";
    if (m[0] != 2 || m[1] != HTYPE_ETHERNET || m[2] != 6)
        return "wrong op, htype or hlen (RFC 2131 section 2)";
    if (a->own_xid || a->own_chaddr)
        return "xid or chaddr differs from the client's (RFC 2131 section 4.4.1)";
    while ((option = dhcp_next_option(&options))) {
        uint8_t code = option[0], n = option[1];

        if ((memchr(fours, code, sizeof(fours)) && n != 4) ||
            ((code == OPTION_ROUTER || code == OPTION_DNS) && (!n || n % 4)) ||
            (code == OPTION_TYPE && (n != 1 || !option[2] || option[2] > DHCP_TYPE_INFORM)))
            return "an option has a wrong length or type (RFC 2132)";
    }
    if (options.broken)
        return "an option is longer than the message (RFC 2132 section 2)";
    return dhcp_type(m, a->len) ? NULL : "no message type (RFC 2132 section 9.6)";
}

static uint32_t predict_first_address(const struct dhcp_answer *a, uint8_t code)
{
    size_t len;
    const uint8_t *option = dhcp_find_option(a->bytes, a->len, code, &len);

    return option && len >= 4 ? dhcp_word(option, len, 0) : 0;
}

struct dhcp_terms dhcp_terms_of(const struct dhcp_answer *a, const struct dhcp_terms *known)
{
    struct dhcp_terms k = known ? *known : (struct dhcp_terms){.lease_s = LEASE_DEFAULT_S};
    struct dhcp_terms t = {
        .addr = dhcp_word(a->bytes, a->len, DHCP_AT_YIADDR),
        .mask = predict_first_address(a, OPTION_MASK),
        .gateway = predict_first_address(a, OPTION_ROUTER),
        .dns = predict_first_address(a, OPTION_DNS),
        .server = predict_first_address(a, OPTION_SERVER),
        .lease_s = predict_first_address(a, OPTION_LEASE),
    };
    uint32_t router;

    if (dhcp_classless_router(a->bytes, a->len, &router)) /* it rules over option 3: RFC 3442 */
        t.gateway = router;
    t.mask = t.mask ? t.mask : k.mask;
    t.gateway = t.gateway ? t.gateway : k.gateway;
    t.dns = t.dns ? t.dns : k.dns;
    t.lease_s = t.lease_s ? t.lease_s : k.lease_s;
    t.server = t.server || dhcp_type(a->bytes, a->len) == DHCP_TYPE_NAK ? t.server : a->src;
    if (!t.mask) /* that of the address class: RFC 950 */
        t.mask = t.addr >> 31 == 0 ? 0xff000000 : t.addr >> 30 == 2 ? 0xffff0000 : 0xffffff00;
    if (((t.gateway ^ t.addr) & t.mask && t.mask != UINT32_MAX) || t.gateway == t.addr)
        t.gateway = 0; /* of one address alone the router is on the link */
    return t;
}

/* The reason why a client cannot use the offered terms; NULL: it can. */
static const char *predict_refusal(const struct dhcp_terms *t)
{
    if (!predict_is_host(t->addr))
        return "yiaddr is not a host address (RFC 2131 section 4.3.1)";
    if (!predict_is_host(t->server))
        return "the server identifier is not a host address (RFC 2131 section 4.3.1, table 3)";
    if (!predict_is_contiguous(t->mask))
        return "the subnet mask is not contiguous (RFC 950)";
    if (t->mask < 0xfffffffe && (!(t->addr & ~t->mask) || (t->addr | t->mask) == UINT32_MAX))
        return "yiaddr is the network or the broadcast address (RFC 1122 section 3.2.1.3)";
    if (t->lease_s < LEASE_MIN_S)
        return "the lease time is below 8 s (docs/limits.md)";
    return NULL;
}

const char *dhcp_terms_text(const struct dhcp_terms *t, char *buf, size_t size)
{
    const uint32_t a[] = {t->addr, t->mask, t->gateway, t->dns};
    static const char *const names[] = {"addr", " mask", " gateway", " dns"};
    char text[VALUE_ADDRESS_MAX];
    size_t at = 0;

    for (unsigned i = 0; i < 4 && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s=%s", names[i],
                               value_address_text(a[i], text));
    if (at < size)
        snprintf(buf + at, size - at, " lease_s=%u", t->lease_s);
    return buf;
}

/* ---- the replies to one request, in time order ---- */

struct answers {
    const struct dhcp_answer *script;
    size_t count;
    struct dhcp_question question;
    const struct dhcp_answer *last; /* the one before */
};

static struct answers predict_ask(const struct dhcp_answer *script, size_t count,
                                  enum dhcp_ask what, uint32_t n, uint32_t server)
{
    struct dhcp_question q = {.ask = what, .n = n, .server = server};

    return (struct answers){
        .script = script, .count = count, .question = dhcp_script_find(script, count, q)};
}

static const struct dhcp_answer *predict_next(struct answers *a)
{
    const struct dhcp_answer *best = NULL;

    for (size_t i = 0; i < a->count; i++) {
        const struct dhcp_answer *x = &a->script[i], *l = a->last;

        if (!dhcp_script_answers(x, &a->question))
            continue;
        if (l && (x->wait_ns < l->wait_ns || (x->wait_ns == l->wait_ns && x <= l)))
            continue;
        if (!best || x->wait_ns < best->wait_ns)
            best = x;
    }
    return a->last = best;
}

/* The next reply that is not dropped at once. */
static const struct dhcp_answer *predict_next_sound(struct answers *a, struct dhcp_outlook *o)
{
    const struct dhcp_answer *x;

    while ((x = predict_next(a))) {
        const char *wrong = predict_flaw(x);

        if (!wrong)
            return x;
        o->why = wrong;
    }
    return NULL;
}

/* ---- the client ---- */

/* In SELECTING: true with the terms of the offer that it requests, or of a rapid commit. */
static bool predict_select_offer(struct answers a, struct dhcp_outlook *o, struct dhcp_terms *offer,
                                 bool *commit)
{
    const struct dhcp_answer *x;

    while ((x = predict_next_sound(&a, o))) {
        const char *no;

        *commit = dhcp_is_rapid_commit(x->bytes, x->len);
        if (!*commit && dhcp_type(x->bytes, x->len) != DHCP_TYPE_OFFER)
            continue;
        *offer = dhcp_terms_of(x, NULL);
        no = predict_refusal(offer);
        if (!no)
            return true;
        o->why = no;
        o->refused++;
    }
    return false;
}

enum verdict { NOTHING, ACCEPTED, REJECTED };

/* The effect of a reply in REQUESTING (`held` NULL), RENEWING and REBINDING. */
static enum verdict predict_await(struct answers a, struct dhcp_outlook *o,
                                  const struct dhcp_terms *offer, const struct dhcp_terms *held,
                                  bool any_server)
{
    const struct dhcp_answer *x;

    while ((x = predict_next_sound(&a, o))) {
        struct dhcp_terms t = dhcp_terms_of(x, held ? held : offer);
        unsigned type = dhcp_type(x->bytes, x->len);
        const char *no = predict_refusal(&t);

        if (type == DHCP_TYPE_NAK && (!t.server || t.server == offer->server || any_server))
            return REJECTED;
        if (type != DHCP_TYPE_ACK)
            continue;
        if (no) {
            o->why = no;
        } else if (held && t.server != offer->server && !any_server) {
            o->why = "the ACK is from another server (RFC 2131 section 4.4.5)";
        } else if (!held && t.addr != offer->addr) {
            o->why = "the ACK is for another address (RFC 2131 section 3.1)";
        } else if (held && t.addr != held->addr) {
            return REJECTED;
        } else {
            o->terms = t;
            return ACCEPTED;
        }
    }
    return NOTHING;
}

/* From the first DISCOVER and REQUEST on, or after the whole script. */
static void predict_acquire(const struct dhcp_answer *script, size_t count, bool late,
                            struct dhcp_outlook *o)
{
    struct dhcp_question discover = {.ask = ASK_DISCOVER};
    uint32_t rounds = dhcp_script_last(script, count, &discover);
    uint32_t first = late ? rounds + 1 : 1, requests = late ? UINT32_MAX / 2 : 0;

    for (uint32_t n = first; n <= rounds + ROUNDS_MORE && !o->lease; n++) {
        enum verdict v = NOTHING;
        struct dhcp_terms offer;
        bool commit;

        if (!predict_select_offer(predict_ask(script, count, ASK_DISCOVER, n, 0), o, &offer,
                                  &commit))
            continue;
        if (commit) {
            o->terms = offer;
            v = ACCEPTED;
        }
        for (unsigned i = 0; i < REQUEST_TRIES && v == NOTHING; i++)
            v = predict_await(predict_ask(script, count, ASK_REQUEST, ++requests, offer.server), o,
                              &offer, NULL, false);
        o->lease = v == ACCEPTED;
        o->naks += v == REJECTED;
    }
}

/* The first valid reply to a renewal; only when the script has renewals. */
static void predict_renew(const struct dhcp_answer *script, size_t count, struct dhcp_outlook *o)
{
    struct dhcp_terms held = o->terms;
    enum verdict v = NOTHING;

    for (enum dhcp_ask what = ASK_RENEW; what <= ASK_REBIND; what++) {
        struct dhcp_question q = {.ask = what};
        uint32_t last = dhcp_script_last(script, count, &q);

        for (uint32_t n = 1; n <= last && v == NOTHING; n++)
            v = predict_await(predict_ask(script, count, what, n, 0), o, &held, &held,
                              what == ASK_REBIND);
    }
    o->renewed = v == ACCEPTED;
    o->lost = v == REJECTED;
    o->terms = held;
}

static bool predict_same_terms(const struct dhcp_terms *a, const struct dhcp_terms *b)
{
    return a->addr == b->addr && a->mask == b->mask && a->gateway == b->gateway &&
           a->dns == b->dns && a->lease_s == b->lease_s;
}

/* True if there is an offer for an ACK. The reply that prevents it may be lost. */
static bool predict_is_offered(const struct dhcp_answer *script, size_t count,
                               const struct dhcp_terms *ack)
{
    for (size_t i = 0; i < count; i++) {
        const struct dhcp_answer *a = &script[i];
        struct dhcp_terms t;

        if (a->ask != ASK_DISCOVER || a->silent || a->lost || predict_flaw(a) ||
            dhcp_type(a->bytes, a->len) != DHCP_TYPE_OFFER)
            continue;
        t = dhcp_terms_of(a, NULL);
        if (!predict_refusal(&t) && t.addr == ack->addr)
            return true;
    }
    return false;
}

void dhcp_predict(const struct dhcp_answer *script, size_t count, struct dhcp_outlook *o)
{
    struct dhcp_outlook later = {0};

    *o = (struct dhcp_outlook){0};
    predict_acquire(script, count, false, o);
    predict_acquire(script, count, true, &later);
    o->keeps = later.naks ? "nak" : later.refused ? "refused" : "retry";
    o->fleeting = o->lease && !later.lease;
    for (size_t i = 0; i < count; i++) {
        const struct dhcp_answer *a = &script[i];
        struct dhcp_terms t;

        if (a->ask != ASK_REQUEST || a->silent || a->lost || predict_flaw(a) ||
            dhcp_type(a->bytes, a->len) != DHCP_TYPE_ACK)
            continue;
        t = dhcp_terms_of(a, &o->terms);
        o->several |= !predict_refusal(&t) && !predict_same_terms(&t, &o->terms) &&
                      predict_is_offered(script, count, &t);
    }
    if (o->lease)
        predict_renew(script, count, o);
}

/* The DNS resolver: see dns.h. */
#include "dns.h"
#include "../base/check.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"

/* RFC 1035 section 4.2.1: back-off, and every server before the first one again. */
enum { ROUNDS = 4 };
#define FIRST_WAIT_NS  NS_PER_S
#define STREAM_WAIT_NS (10 * NS_PER_S)

/* RFC 5452 section 9.2: any but those of services. */
enum { PORT_FIRST = 1024, PORT_COUNT = 65536 - PORT_FIRST };

void dns_init(struct dns *d, struct ipv4 *ip, const struct dgram_table *dgrams, struct tcp *tcp)
{
    mem_fill(d, 0, sizeof(*d));
    d->net = ip->net;
    d->ip = ip;
    d->dgrams = dgrams;
    d->tcp = tcp;
}

static unsigned server_count(const struct dns *d)
{
    unsigned n = 0;

    while (n < DNS_SERVERS && d->net->dns[n])
        n++;
    return n;
}

/* ---- the cache ---- */

static struct dns_entry *cache_find(struct dns *d, const struct dns_name *name)
{
    for (unsigned i = 0; i < DNS_CACHE; i++) {
        struct dns_entry *e = &d->cache[i];

        if (dns_name_equal(&e->name, name) && d->net->now_ns < e->until_ns)
            return e;
    }
    return 0;
}

/* Keep the result in the place of the entry of this name, or of the one that was used least
 * recently; a free one was never used. */
static void cache_add(struct dns *d, const struct dns_name *name, const struct dns_result *result,
                      uint32_t ttl_s)
{
    struct dns_entry *at = &d->cache[0];

    for (unsigned i = 0; i < DNS_CACHE && !dns_name_equal(&at->name, name); i++)
        if (d->cache[i].used < at->used || dns_name_equal(&d->cache[i].name, name))
            at = &d->cache[i];
    *at = (struct dns_entry){
        .name = *name,
        .until_ns = d->net->now_ns + min_u32(ttl_s, DNS_TTL_MAX_S) * NS_PER_S,
        .used = ++d->uses,
        .result = *result,
    };
}

/* Entries from other servers may be wrong here. */
static void cache_check(struct dns *d)
{
    if (mem_equal(d->server, d->net->dns, sizeof(d->server)))
        return;
    mem_copy(d->server, d->net->dns, sizeof(d->server));
    mem_fill(d->cache, 0, sizeof(d->cache));
}

/* ---- the end of a lookup ---- */

static void stream_drop(struct dns_lookup *l)
{
    if (l->stream)
        tcp_reset(l->stream);
    l->stream = 0;
}

static void lookup_end(struct dns *d, struct dns_lookup *l, const struct dns_result *result,
                       uint32_t ttl_s)
{
    stream_drop(l);
    l->result = *result;
    l->state = LOOKUP_DONE;
    l->port = 0;
    if (ttl_s)
        cache_add(d, &l->name, result, ttl_s);
    if (result->error)
        TRACE(d->net->platform, TRACE_DNS_FAILED, (uint64_t)(int64_t)result->error, ttl_s);
    else
        TRACE(d->net->platform, TRACE_DNS_DONE, result->count, ttl_s);
}

static void lookup_fail(struct dns *d, struct dns_lookup *l, int error, uint32_t ttl_s)
{
    lookup_end(d, l, &(struct dns_result){.error = error}, ttl_s);
}

/* ---- queries ---- */

static bool port_in_use(const struct dns *d, uint16_t port)
{
    for (unsigned i = 0; i < DNS_LOOKUPS; i++)
        if (d->lookup[i].port == port)
            return true;
    return dgram_has_port(d->dgrams, port);
}

/* Fewer are taken than there are: the loop ends. */
static uint16_t port_pick(struct dns *d)
{
    uint16_t port;

    do
        port = (uint16_t)(PORT_FIRST + rng_below(&d->net->rng, PORT_COUNT));
    while (port_in_use(d, port));
    return port;
}

static void lookup_ask(struct dns *d, struct dns_lookup *l);

/* The server cannot answer: the next one may. */
static void lookup_refused(struct dns *d, struct dns_lookup *l, int error)
{
    unsigned servers = server_count(d);

    stream_drop(l);
    l->error = error;
    if (++l->failed >= servers || l->tries >= ROUNDS * servers)
        lookup_fail(d, l, error, 0);
    else
        lookup_ask(d, l);
}

/* If there is no frame now, the query counts as lost. */
static void lookup_ask(struct dns *d, struct dns_lookup *l)
{
    unsigned servers = server_count(d);
    struct netdev *dev;
    uint8_t *frame;

    if (!servers) {
        lookup_fail(d, l, ERR_NETDOWN, 0);
        return;
    }
    l->server = d->net->dns[l->tries % servers];
    l->timer_ns = d->net->now_ns + (FIRST_WAIT_NS << l->tries / servers);
    l->tries++;
    l->id = (uint16_t)rng_next(&d->net->rng);
    l->port = port_pick(d);
    TRACE(d->net->platform, TRACE_DNS_QUERY, l->id, l->port, l->server, l->tries);
    dev = ipv4_route(d->ip, l->server);
    frame = dev->alloc(dev->ctx);
    if (!frame) {
        net_drop(d->net, DROP_TX_FULL);
        return;
    }
    if (udp_output(d->ip, frame, ipv4_source(d->net, l->server), l->port, l->server, DNS_PORT,
                   dns_query_write(frame + FRAME_UDP_PAYLOAD, l->id, &l->asked)))
        lookup_refused(d, l, ERR_UNREACH);
}

/* ---- TCP: RFC 1035 section 4.2.2, RFC 7766 ---- */

static void stream_start(struct dns *d, struct dns_lookup *l)
{
    struct tcp_conn *c;
    int err = tcp_open(d->tcp, &c);

    l->port = 0; /* no other datagram */
    if (!err) {
        l->stream = c;
        l->sent = false;
        l->got = 0;
        l->timer_ns = d->net->now_ns + STREAM_WAIT_NS;
        err = tcp_connect(c, l->server, DNS_PORT);
    }
    if (err)
        lookup_refused(d, l, err);
}

/* A new connection has room for a query, in one piece. */
static int stream_ask(struct dns *d, struct dns_lookup *l)
{
    uint8_t query[2 + DNS_QUERY_MAX], *at;
    size_t len;
    int room = tcp_writable(l->stream, &at);

    if (room < 0)
        return room;
    l->id = (uint16_t)rng_next(&d->net->rng);
    len = dns_query_write(query + 2, l->id, &l->asked);
    query[0] = (uint8_t)(len >> 8);
    query[1] = (uint8_t)len;
    CHECK((size_t)room >= 2 + len);
    mem_copy(at, query, 2 + len);
    tcp_commit(l->stream, 2 + len);
    l->sent = true;
    return 0;
}

/* Take what has come: 0 when that is all of the answer. */
static int stream_take(struct dns_lookup *l)
{
    for (;;) {
        size_t wanted = l->got < 2 ? 2 : 2 + ((size_t)l->answer[0] << 8 | l->answer[1]);
        const uint8_t *at;
        int n;

        if (wanted > sizeof(l->answer))
            return ERR_MSGSIZE;
        if (l->got == wanted && wanted > 2)
            return 0;
        n = tcp_readable(l->stream, &at);
        if (n <= 0)
            return n < 0 ? n : ERR_RESET;
        n = (int)min_u64((uint64_t)n, wanted - l->got);
        mem_copy(l->answer + l->got, at, (size_t)n);
        tcp_consume(l->stream, (size_t)n);
        l->got += (size_t)n;
    }
}

/* ---- answers ---- */

/* Another name for what is looked up. */
static void lookup_follow(struct dns *d, struct dns_lookup *l, const struct dns_answer *a)
{
    l->asked = a->alias;
    l->links += a->links;
    l->ttl_s = min_u32(l->ttl_s, a->ttl_s);
    l->tries = l->failed = 0;
    lookup_ask(d, l);
}

static void lookup_answer(struct dns *d, struct dns_lookup *l, const struct dns_answer *a,
                          bool over_tcp)
{
    struct dns_result found = {.count = a->count};
    uint32_t ttl_s = min_u32(l->ttl_s, a->ttl_s);

    switch (a->outcome) {
    case DNS_FOUND:
        mem_copy(found.addr, a->addr, sizeof(found.addr));
        lookup_end(d, l, &found, ttl_s);
        break;
    case DNS_ALIAS:
        lookup_follow(d, l, a);
        break;
    case DNS_NO_NAME:
        lookup_fail(d, l, ERR_NONAME, ttl_s);
        break;
    case DNS_NO_DATA:
        lookup_fail(d, l, ERR_NODATA, ttl_s);
        break;
    case DNS_USELESS:
        lookup_fail(d, l, ERR_ADDR, ttl_s);
        break;
    case DNS_LOOP:
        lookup_fail(d, l, ERR_PROTO, 0);
        break;
    case DNS_TRUNCATED:
        if (over_tcp)
            lookup_refused(d, l, ERR_MSGSIZE);
        else
            stream_start(d, l);
        break;
    case DNS_FAILED:
        lookup_refused(d, l, ERR_SERVER);
        break;
    }
}

static void stream_advance(struct dns *d, struct dns_lookup *l)
{
    struct dns_answer a;
    int err = tcp_connected(l->stream);

    if (!err && !l->sent)
        err = stream_ask(d, l);
    if (!err)
        err = stream_take(l);
    if (!err)
        err = dns_parse(l->answer + 2, l->got - 2, l->id, &l->asked, DNS_LINKS_MAX - l->links, &a);
    if (!err) {
        tcp_close(l->stream);
        l->stream = 0;
        lookup_answer(d, l, &a, true);
    } else if (err != ERR_AGAIN) {
        lookup_refused(d, l, err == ERR_NOENT ? ERR_PROTO : err);
    }
}

/* The lookup whose last query went from this port to this server, or NULL. */
static struct dns_lookup *lookup_at(const struct dns *d, uint16_t port, uint32_t server)
{
    for (unsigned i = 0; i < DNS_LOOKUPS; i++) {
        const struct dns_lookup *l = &d->lookup[i];

        if (l->state == LOOKUP_ASKING && port && l->port == port && l->server == server)
            return (struct dns_lookup *)l;
    }
    return 0;
}

bool dns_expects(const struct dns *d, const struct udp_datagram *u)
{
    return u->src_port == DNS_PORT && lookup_at(d, u->dst_port, u->src);
}

struct verdict dns_input(struct dns *d, const struct udp_datagram *u)
{
    struct dns_lookup *l = lookup_at(d, u->dst_port, u->src);
    struct dns_answer a;
    int err;

    CHECK(l);
    err = dns_parse(u->bytes, u->len, l->id, &l->asked, DNS_LINKS_MAX - l->links, &a);
    if (err)
        return verdict_drop(err == ERR_NOENT ? DROP_DNS_OTHER : DROP_DNS_FORMAT);
    lookup_answer(d, l, &a, false);
    return VERDICT_ACCEPTED;
}

struct verdict dns_icmp_error(struct dns *d, const struct icmp_error *e)
{
    struct dns_lookup *l = lookup_at(d, e->local_port, e->remote);

    if (!l || e->remote_port != DNS_PORT)
        return verdict_drop(DROP_ICMP_QUOTE);
    lookup_refused(d, l, e->error);
    return VERDICT_ACCEPTED;
}

/* ---- for the stack ---- */

int dns_resolve(struct dns *d, const struct dns_name *name, struct dns_result *out, bool *begun)
{
    struct dns_entry *e;
    struct dns_lookup *l = 0;

    cache_check(d);
    for (unsigned i = 0; i < DNS_LOOKUPS && !l; i++)
        if (d->lookup[i].state != LOOKUP_FREE && dns_name_equal(&d->lookup[i].name, name))
            l = &d->lookup[i];
    e = l ? 0 : cache_find(d, name);
    if (e) {
        e->used = ++d->uses;
        *out = e->result;
        return e->result.error;
    }
    if (!l) {
        if (!d->net->addr)
            return ERR_AGAIN;
        if (!server_count(d))
            return ERR_NOSERVER;
        for (unsigned i = 0; i < DNS_LOOKUPS && !l; i++)
            if (d->lookup[i].state == LOOKUP_FREE)
                l = &d->lookup[i];
        if (!l)
            return ERR_AGAIN;
        *l = (struct dns_lookup){
            .state = LOOKUP_ASKING, .name = *name, .asked = *name, .ttl_s = DNS_TTL_MAX_S};
        d->busy++;
        lookup_ask(d, l);
    }
    *begun = true;
    if (l->state == LOOKUP_ASKING)
        return ERR_AGAIN;
    *out = l->result;
    return l->result.error;
}

void dns_begin(struct dns *d)
{
    for (unsigned i = 0; i < DNS_LOOKUPS && d->busy; i++)
        if (d->lookup[i].state == LOOKUP_DONE) {
            d->lookup[i].state = LOOKUP_FREE;
            d->busy--;
        }
}

static void lookup_poll(struct dns *d, struct dns_lookup *l)
{
    cache_check(d); /* before an answer is added to it */
    if (!d->net->addr || !server_count(d)) {
        lookup_fail(d, l, ERR_NETDOWN, 0);
        return;
    }
    if (l->stream)
        stream_advance(d, l);
    if (l->state != LOOKUP_ASKING || d->net->now_ns < l->timer_ns)
        return;
    stream_drop(l);
    l->failed = 0;
    if (l->tries >= ROUNDS * server_count(d))
        lookup_fail(d, l, l->error ? l->error : ERR_TIMEDOUT, 0);
    else
        lookup_ask(d, l);
}

void dns_poll(struct dns *d)
{
    for (unsigned i = 0; i < DNS_LOOKUPS && d->busy; i++)
        if (d->lookup[i].state == LOOKUP_ASKING)
            lookup_poll(d, &d->lookup[i]);
}

uint64_t dns_deadline(const struct dns *d)
{
    uint64_t at = DEADLINE_NEVER;

    for (unsigned i = 0; i < DNS_LOOKUPS && d->busy; i++)
        if (d->lookup[i].state == LOOKUP_ASKING)
            at = min_u64(at, d->lookup[i].timer_ns);
    return at;
}

bool dns_idle(const struct dns *d)
{
    return dns_deadline(d) == DEADLINE_NEVER;
}

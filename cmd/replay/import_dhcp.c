/* Converts a captured DHCP exchange to a scenario: see import_dhcp.h. */
#include "import_dhcp.h"
#include "../../core/base/minmax.h"
#include "../../sim/frame/decode.h"
#include "../../sim/base/memory.h"
#include "../../sim/text/values.h"
#include "../../sim/world/native/native.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Longer captures are imported up to this number; a scenario must stay readable. */
enum { ANSWERS_MAX = 1000, QUESTIONS_MAX = 1000, SCRIPT_BYTES_MAX = 200 << 10 };
enum { FIRST_SERVER = 2, FIRST_CLIENT = 15 };

#define WAIT_MAX_NS   (600 * NS_PER_S) /* no client waits longer for a reply */
#define NOTHING_UNTIL "120s"
#define LIMIT_S       300
#define PATIENCE_S    70 /* of a client for one request: its longest back-off */
#define RENEWED_MAX_S (365 * 86400)

/* ---- addresses ---- */

static bool dhcp_import_is_answer(const struct dhcp_said *m, unsigned type)
{
    return m->server && dhcp_type(m->bytes, m->len) == type;
}

/* The message with the client's final terms: the first ACK, else the first OFFER. */
static const struct dhcp_said *dhcp_import_leading(const struct dhcp_flow *f)
{
    static const unsigned types[] = {DHCP_TYPE_ACK, DHCP_TYPE_OFFER};

    for (unsigned t = 0; t < 2; t++)
        for (size_t i = 0; i < f->count; i++)
            if (dhcp_import_is_answer(&f->said[i], types[t]) && f->said[i].ask != ASK_INFORM)
                return &f->said[i];
    return NULL;
}

static void dhcp_import_place_option(struct rebase *r, const struct dhcp_said *m, uint8_t code,
                                     unsigned from)
{
    size_t len;
    const uint8_t *option = dhcp_find_option(m->bytes, m->len, code, &len);

    if (option && len >= 4)
        rebase_address(r, dhcp_word(option, len, 0), from);
}

/* Map the addresses of the simulator's network first: the machine's, the gateway's, the resolver's;
 * then the servers, then other clients. */
static void dhcp_import_rebase_all(struct rebase *r, const struct dhcp_flow *f)
{
    const struct dhcp_said *m = dhcp_import_leading(f);

    for (size_t i = 0; i < f->count; i++)
        if (f->said[i].server)
            rebase_net(r, dhcp_word(f->said[i].bytes, f->said[i].len, DHCP_AT_YIADDR),
                       dhcp_option32(f->said[i].bytes, f->said[i].len, OPTION_MASK));
    if (m) {
        rebase_address(r, dhcp_word(m->bytes, m->len, DHCP_AT_YIADDR), FIRST_CLIENT);
        dhcp_import_place_option(r, m, OPTION_ROUTER, FIRST_SERVER);
        dhcp_import_place_option(r, m, OPTION_DNS, FIRST_SERVER + 1);
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->said[i].server) {
            dhcp_import_place_option(r, &f->said[i], OPTION_SERVER, FIRST_SERVER);
            rebase_address(r, dhcp_word(f->said[i].bytes, f->said[i].len, DHCP_AT_YIADDR),
                           FIRST_CLIENT);
        }
}

/* ---- answers ---- */

static void dhcp_import_add(struct dhcp_import *im, const struct dhcp_answer *a,
                            const struct dhcp_said *said)
{
    im->answers = memory_grow(im->answers, im->count + 1, &im->size, sizeof(*a));
    im->said = memory_grow(im->said, im->count + 1, &im->said_size, sizeof(*im->said));
    im->answers[im->count] = *a;
    im->said[im->count] = said;
    im->count++;
}

/* Freed with the import. */
static uint8_t *dhcp_import_copy(const uint8_t *bytes, size_t len)
{
    return memcpy(memory_new(len, 1), bytes, len);
}

/* The xid that the client used: that of its request, else that of the message. */
static bool dhcp_import_has_other_xid(const struct dhcp_flow *f, const struct dhcp_said *m)
{
    const struct dhcp_said *q = &f->said[m->to];

    return m->n &&
           dhcp_word(m->bytes, m->len, DHCP_AT_XID) != dhcp_word(q->bytes, q->len, DHCP_AT_XID);
}

/* The time from the request (or the start, if it is missing), in whole microseconds. */
static uint64_t dhcp_import_wait_of(const struct dhcp_flow *f, const struct dhcp_said *m)
{
    uint64_t from = m->n ? f->said[m->to].time_ns : f->said[0].time_ns;
    uint64_t wait = m->time_ns > from ? m->time_ns - from : 0;

    return wait < WAIT_MAX_NS ? wait / NS_PER_US * NS_PER_US : WAIT_MAX_NS;
}

static void dhcp_import_add_message(struct dhcp_import *im, const struct dhcp_said *m)
{
    const struct dhcp_flow *f = im->flow;
    size_t len = min_u64(m->len, DHCP_SCRIPT_MAX);
    uint8_t *bytes = dhcp_import_copy(m->bytes, len);
    uint32_t dst = m->relayed ? UINT32_MAX : m->ip_dst;
    struct dhcp_answer a = {
        .ask = m->ask,
        .n = m->n ? m->n : 1,
        .lost = m->lost,
        .wait_ns = dhcp_import_wait_of(f, m),
        .unicast = m->unicast && !m->relayed,
        .unsummed = m->unsummed,
        .src = rebase_address(&im->rebase, m->ip_src, FIRST_SERVER),
        .dst = dst == UINT32_MAX ? dst : rebase_address(&im->rebase, dst, FIRST_CLIENT),
        .own_xid = dhcp_import_has_other_xid(f, m),
        .own_chaddr = memcmp(m->bytes + DHCP_AT_CHADDR, f->chaddr, sizeof(f->chaddr)) != 0,
        .bytes = bytes,
        .len = len,
    };

    rebase_message(&im->rebase, bytes, len);
    if (!a.own_chaddr) /* the scripted server fills it in */
        memset(bytes + DHCP_AT_CHADDR, 0, min_u64(len, DHCP_AT_SNAME) - DHCP_AT_CHADDR);
    if (!a.own_xid)
        memset(bytes + DHCP_AT_XID, 0, 4);
    dhcp_import_add(im, &a, m);
}

/* The last requests without a reply: silence is scripted up to there. */
static void dhcp_import_add_silence(struct dhcp_import *im)
{
    for (enum dhcp_ask ask = 0; ask < ASKS; ask++) {
        struct dhcp_answer a = {.ask = ask, .silent = true};
        uint32_t last = 0;

        for (size_t i = 0; i < im->count; i++)
            last = im->answers[i].ask == ask && im->answers[i].n > last ? im->answers[i].n : last;
        for (size_t i = 0; i < im->flow->count; i++) {
            const struct dhcp_said *q = &im->flow->said[i];

            if (!q->server && !q->other && q->ask == ask && !q->lost)
                a.n = q->n;
        }
        if (a.n > last) {
            a.n = min_u32(a.n, QUESTIONS_MAX);
            dhcp_import_add(im, &a, NULL);
        }
    }
    if (!im->count)
        dhcp_import_add(im, &(struct dhcp_answer){.ask = ASK_DISCOVER, .n = 1, .silent = true},
                        NULL);
}

static bool dhcp_import_is_ack(const struct dhcp_answer *a)
{
    return !a->silent && !a->lost && a->ask != ASK_INFORM &&
           dhcp_type(a->bytes, a->len) == DHCP_TYPE_ACK;
}

static bool dhcp_import_has_lines(const struct dhcp_import *im, enum dhcp_ask ask)
{
    for (size_t i = 0; i < im->count; i++)
        if (im->answers[i].ask == ask)
            return true;
    return false;
}

static bool dhcp_import_has_line_of(const struct dhcp_import *im, uint32_t chosen)
{
    for (size_t i = 0; i < im->count; i++)
        if (im->answers[i].chosen == chosen)
            return true;
    return false;
}

/* Repeat a reply, to the first request of another kind and as another type. */
static void dhcp_import_add_copy(struct dhcp_import *im, size_t i, enum dhcp_ask ask, uint8_t type)
{
    struct dhcp_answer a = im->answers[i];
    uint8_t *bytes = dhcp_import_copy(a.bytes, a.len);
    size_t len;

    bytes[dhcp_find_option(bytes, a.len, OPTION_TYPE, &len) - bytes] = type;
    a.ask = ask;
    a.n = 1;
    a.bytes = bytes;
    dhcp_import_add(im, &a, im->said[i]);
}

/* A client that already had an address sends no DISCOVER. The core starts with one: its OFFER has
 * the terms of the ACK. */
static void dhcp_import_make_offer(struct dhcp_import *im)
{
    size_t acked = 0;

    while (acked < im->count && !dhcp_import_is_ack(&im->answers[acked]))
        acked++;
    if (acked == im->count)
        return;
    im->made = true;
    if (!dhcp_import_has_lines(im, ASK_REQUEST))
        dhcp_import_add_copy(im, acked, ASK_REQUEST, DHCP_TYPE_ACK);
    dhcp_import_add_copy(im, acked, ASK_DISCOVER, DHCP_TYPE_OFFER);
}

/* True if the captured client sent a REQUEST to a server (0: to any). */
static bool dhcp_import_has_chosen(const struct dhcp_flow *f, uint32_t server)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct dhcp_said *q = &f->said[i];

        if (!q->server && !q->other && q->ask == ASK_REQUEST &&
            (!server || dhcp_option32(q->bytes, q->len, OPTION_SERVER) == server))
            return true;
    }
    return false;
}

static uint32_t dhcp_import_server_of(const struct dhcp_said *m)
{
    return dhcp_option32(m->bytes, m->len, OPTION_SERVER);
}

static bool dhcp_import_is_offer(const struct dhcp_said *m)
{
    return dhcp_import_is_answer(m, DHCP_TYPE_OFFER) && !m->lost && dhcp_import_server_of(m);
}

static bool dhcp_import_several_servers(const struct dhcp_flow *f)
{
    uint32_t first = 0;

    for (size_t i = 0; i < f->count; i++) {
        if (dhcp_import_is_offer(&f->said[i]) && first &&
            dhcp_import_server_of(&f->said[i]) != first)
            return true;
        if (dhcp_import_is_offer(&f->said[i]))
            first = dhcp_import_server_of(&f->said[i]);
    }
    return false;
}

/* If several servers offer, each replies to clients that chose it. The core may choose another one
 * than the captured client: the ACK of that one is made from its OFFER. */
static void dhcp_import_choose_servers(struct dhcp_import *im)
{
    const struct dhcp_flow *f = im->flow;
    size_t count = im->count;

    if (!dhcp_import_several_servers(f) || !dhcp_import_has_chosen(f, 0))
        return;
    for (size_t i = 0; i < count; i++) {
        const struct dhcp_said *m = im->said[i];
        uint32_t server;

        if (im->answers[i].ask == ASK_REQUEST && m && m->n)
            im->answers[i].chosen =
                rebase_address(&im->rebase, dhcp_import_server_of(&f->said[m->to]), FIRST_SERVER);
        if (!m || !dhcp_import_is_offer(m) || im->answers[i].ask != ASK_DISCOVER ||
            dhcp_import_has_chosen(f, dhcp_import_server_of(m)))
            continue;
        server = rebase_address(&im->rebase, dhcp_import_server_of(m), FIRST_SERVER);
        if (dhcp_import_has_line_of(im, server))
            continue;
        dhcp_import_add_copy(im, i, ASK_REQUEST, DHCP_TYPE_ACK);
        im->answers[im->count - 1].chosen = server;
        im->made_acks++;
    }
}

static void dhcp_import_take_answers(struct dhcp_import *im)
{
    const struct dhcp_flow *f = im->flow;
    size_t bytes = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct dhcp_said *m = &f->said[i];

        if (!m->server)
            continue;
        bytes += m->len;
        if ((!m->n && f->asked[m->ask]) || m->n > QUESTIONS_MAX || im->count == ANSWERS_MAX ||
            bytes > SCRIPT_BYTES_MAX)
            im->left_out++;
        else
            dhcp_import_add_message(im, m);
    }
    dhcp_import_add_silence(im);
    if (!f->asked[ASK_DISCOVER] && !dhcp_import_has_lines(im, ASK_DISCOVER))
        dhcp_import_make_offer(im);
    dhcp_import_choose_servers(im);
}

/* ---- the scenario ---- */

bool dhcp_import_asked(const struct dhcp_import *im)
{
    for (unsigned ask = 0; ask < ASKS; ask++)
        if (im->flow->asked[ask])
            return true;
    return false;
}

static void dhcp_import_put_moved(const struct dhcp_import *im, FILE *out)
{
    char from[VALUE_ADDRESS_MAX], to[VALUE_ADDRESS_MAX];

    for (unsigned i = 0; i < im->rebase.moved_count; i++)
        fprintf(out, "# %s is replaced by %s\n", value_address_text(im->rebase.moved[i].from, from),
                value_address_text(im->rebase.moved[i].to, to));
}

static void dhcp_import_put_answer(const struct dhcp_import *im, FILE *out, size_t i)
{
    struct decoded d;
    char text[200];

    if (im->said[i]) {
        const struct capture_frame *f = &im->capture->frames[im->said[i]->frame - 1];

        decode_frame(f->bytes, f->len, &d);
        fprintf(out, "# frame %zu: %s\n", im->said[i]->frame,
                decode_summary(&d, text, sizeof(text)));
    }
    dhcp_answer_write(&im->answers[i], out);
}

/* The time by which a client with the longest back-off has the last reply. */
static uint64_t dhcp_import_limit_s(const struct dhcp_import *im)
{
    uint64_t s = LIMIT_S;

    for (size_t i = 0; i < im->count; i++)
        s += im->answers[i].wait_ns / NS_PER_S;
    for (unsigned ask = 0; ask < ASKS; ask++)
        s += (uint64_t)PATIENCE_S * min_u32(im->flow->asked[ask], QUESTIONS_MAX);
    return s;
}

static bool dhcp_import_expects_renewal(const struct dhcp_outlook *o)
{
    return (o->renewed || o->lost) && o->terms.lease_s < RENEWED_MAX_S;
}

static void dhcp_import_put_expect(const struct dhcp_import *im, FILE *out)
{
    const struct dhcp_outlook *o = &im->outlook;
    uint64_t limit = dhcp_import_limit_s(im);
    char text[120];

    if (o->lease && o->several) {
        fputs("expect netstackd: virt0 dhcp addr=10.0.2.*\n", out);
    } else if (o->lease) {
        fprintf(out, "expect netstackd: virt0 dhcp %s\n",
                dhcp_terms_text(&o->terms, text, sizeof(text)));
    } else {
        if (o->why)
            fprintf(out, "# No lease: %s.\n", o->why);
        if (o->several)
            fputs(
                "# With losses another answer can arrive first and give a lease. Without losses:\n",
                out);
        fprintf(out, "%sexpect netstackd: virt0 dhcp %s count=2\n%snever netstackd: src=dhcp\n",
                o->several ? "# " : "", o->keeps, o->several ? "# " : "");
        fputs("until " NOTHING_UNTIL "\n", out);
    }
    if (o->fleeting)
        fputs("# The repeated answers give no lease: with losses there may be no lease.\n", out);
    if (dhcp_import_expects_renewal(o)) {
        fprintf(out, "expect netstackd: virt0 dhcp %s\n", o->renewed ? "renewed" : "lost");
        limit += o->terms.lease_s;
    }
    if (limit > 900)
        fprintf(out, "limit %" PRIu64 "s\n", limit);
}

void dhcp_import_write(struct dhcp_import *im, FILE *out)
{
    const uint8_t *mac = im->flow->chaddr;

    fputs("format 1\ntitle Imported from ", out);
    import_put_name(out, im->name);
    fprintf(out, ", flow %zu of %zu\n", im->number, im->total);
    fprintf(out, "# The core is the DHCP client %02x:%02x:%02x:%02x:%02x:%02x, which sent:", mac[0],
            mac[1], mac[2], mac[3], mac[4], mac[5]);
    for (enum dhcp_ask ask = 0; ask < ASKS; ask++)
        if (im->flow->asked[ask])
            fprintf(out, " %u %s", im->flow->asked[ask], dhcp_ask_words[ask]);
    fputs(dhcp_import_asked(im) ? "\n" : " nothing here\n", out);
    dhcp_import_notes(im, out, "# ");
    dhcp_import_put_moved(im, out);
    fputs("world native latency=1us\n", out);
    for (enum dhcp_ask ask = 0; ask < ASKS; ask++)
        for (size_t i = 0; i < im->count; i++)
            if (im->answers[i].ask == ask)
                dhcp_import_put_answer(im, out, i);
    if (im->count)
        fputs("# The core need not send every captured request.\nallow idle-line\n", out);
    if (im->outlook.lease) /* on bare metal the run ends with its programs */
        fputs("run netinfo\n# netinfo waits a minute for a lease, which may arrive later.\n"
              "allow exit\n",
              out);
    dhcp_import_put_expect(im, out);
}

void dhcp_import_notes(const struct dhcp_import *im, FILE *out, const char *prefix)
{
    const struct dhcp_flow *f = im->flow;
    size_t relayed = 0, mismatched = 0;

    for (size_t i = 0; i < f->count; i++)
        relayed += f->said[i].relayed && f->said[i].server;
    for (size_t i = 0; i < im->count; i++)
        mismatched += im->answers[i].n == 1 && im->said[i] && !f->asked[im->answers[i].ask];
    if (im->made)
        fprintf(out,
                "%sThe captured client had an address already; the core starts with DISCOVER, and "
                "the OFFER is built from the ACK.\n",
                prefix);
    else if (mismatched)
        fprintf(out,
                "%sThe client's requests are not in the capture; the answers are given to its "
                "first request.\n",
                prefix);
    if (im->made_acks)
        fprintf(out,
                "%sThe core may choose a different server than the client did; for %zu servers the "
                "ACK is built from the OFFER.\n",
                prefix, im->made_acks);
    if (relayed)
        fprintf(out, "%sCaptured between relay and server; relayed answers are broadcast.\n",
                prefix);
    if (im->left_out)
        fprintf(out, "%s%zu answers are left out: without a request, or over the limit.\n", prefix,
                im->left_out);
    if (im->flows.bad_sums)
        fprintf(out, "%s%zu messages had bad checksums (ignored).\n", prefix, im->flows.bad_sums);
}

/* ---- which flow ---- */

static bool dhcp_import_choose(struct dhcp_import *im, const struct import_wish *wish)
{
    struct flows tcp;
    uint64_t data = 0;

    capture_flows(&tcp, im->capture);
    for (size_t i = 0; i < tcp.count; i++)
        data += tcp.flows[i].sides[CLIENT].len + tcp.flows[i].sides[SERVER].len;
    im->total = tcp.count + im->flows.count + wish->others;
    im->number = wish->flow;
    if (!wish->flow && !data && im->flows.count) { /* the one with the most messages */
        im->number = tcp.count + 1;
        for (size_t i = 0; i < im->flows.count; i++)
            if (im->flows.flows[i].count > im->flows.flows[im->number - tcp.count - 1].count)
                im->number = tcp.count + i + 1;
    }
    if (im->number > tcp.count && im->number <= tcp.count + im->flows.count)
        im->flow = &im->flows.flows[im->number - tcp.count - 1];
    im->tcp_data = data;
    im->before = tcp.count;
    capture_flows_free(&tcp);
    return im->flow;
}

bool dhcp_import_open(struct dhcp_import *im, const struct capture *c,
                      const struct import_wish *wish)
{
    *im = (struct dhcp_import){.capture = c, .name = wish->name};
    capture_dhcp(&im->flows, c);
    if (!dhcp_import_choose(im, wish))
        return false;
    dhcp_import_rebase_all(&im->rebase, im->flow);
    dhcp_import_take_answers(im);
    dhcp_predict(im->answers, im->count, &im->outlook);
    return true;
}

void dhcp_import_close(struct dhcp_import *im)
{
    for (size_t i = 0; i < im->count; i++)
        free((void *)im->answers[i].bytes);
    free(im->answers);
    free(im->said);
    capture_dhcp_free(&im->flows);
}

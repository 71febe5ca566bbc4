/*
 * A captured DHCP exchange as a scenario in a file, or run at once with a report of the differences
 * between the core and the captured client: see docs/replay.md.
 */
#include "import_dhcp.h"
#include "../../sim/base/memory.h"
#include "reactive.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 8 };

#define SLACK_NS (100 * NS_PER_MS) /* of a timer: the time until a poll */

static char *reactive_dhcp_text(void *import, const struct replay_settings *s, const char *output,
                                size_t *len, int *code)
{
    struct dhcp_import *im = import;
    char *text;
    FILE *out = memory_stream(&text, len);

    (void)output;
    dhcp_import_write(im, out);
    memory_stream_close(out);
    *code = reactive_refuse(s, im->number, *len, ROLE_SERVER,
                            "is DHCP; the core has no DHCP server, use --as client");
    return text;
}

static void reactive_dhcp_written(void *import, const char *output)
{
    struct dhcp_import *im = import;

    printf("%s: flow %zu of %zu, the core is the DHCP client, %zu answers to it\n", output,
           im->number, im->total, im->count);
    dhcp_import_notes(im, stdout, "  ");
}

/* ---- the run ---- */

struct run_record {
    struct dhcp_import *im;
    const struct scenario *scenario;
    const struct replay_settings *settings;
    struct reactive_frames frames; /* of DHCP */
    char terms[160];               /* of the first lease, as traced by the core; "": none */
    unsigned naks, refused;
};

static void reactive_dhcp_on_flight(void *ctx, uint64_t time_ns, enum direction dir,
                                    const uint8_t *frame, size_t len, const struct decoded *d,
                                    const char *fate, uint64_t arrival_ns)
{
    struct run_record *r = ctx;

    (void)dir;
    if (d->layer == LAYER_DHCP || d->layer == LAYER_UDP)
        reactive_keep(&r->frames, time_ns, frame, len, fate, arrival_ns);
}

static void reactive_dhcp_on_line(void *ctx, uint64_t time_ns, const char *line)
{
    static const char lease[] = "netstackd: virt0 dhcp addr=";
    struct run_record *r = ctx;

    if (r->settings->verbose)
        reactive_line(NULL, time_ns, line);
    r->naks += !strcmp(line, "netstackd: virt0 dhcp nak");
    r->refused += !strncmp(line, "netstackd: virt0 dhcp refused", 29);
    if (r->terms[0] || strncmp(line, lease, sizeof(lease) - 1))
        return;
    snprintf(r->terms, sizeof(r->terms), "%s", line + sizeof(lease) - 1 - strlen("addr="));
    if (strstr(r->terms, " src="))
        *strstr(r->terms, " src=") = '\0';
}

/* ---- the report ---- */

/* The option codes of a client's first message of a kind or, for one list option, its contents. */
static void reactive_dhcp_codes_text(const struct dhcp_flow *f, enum dhcp_ask ask, uint8_t list,
                                     char *buf, size_t size)
{
    size_t at = 0, len = 0;
    const struct dhcp_said *m = NULL;
    const uint8_t *option;

    for (size_t i = 0; i < f->count && !m; i++)
        if (!f->said[i].server && !f->said[i].other && f->said[i].ask == ask)
            m = &f->said[i];
    snprintf(buf, size, m ? "none" : "unknown");
    if (!m)
        return;
    option = dhcp_find_option(m->bytes, m->len, list, &len);
    for (size_t i = 0; list && option && i < len && at + 1 < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%u", i ? " " : "", option[i]);
    for (unsigned code = 1; !list && code < OPTION_END && at + 1 < size; code++)
        if (dhcp_find_option(m->bytes, m->len, (uint8_t)code, &len))
            at += (size_t)snprintf(buf + at, size - at, "%s%u", at ? " " : "", code);
}

/* The times of requests of a kind, from the first one. */
static void reactive_dhcp_times_text(const struct dhcp_flow *f, enum dhcp_ask ask, char *buf,
                                     size_t size)
{
    uint64_t first = 0;
    unsigned n = 0;
    size_t at = 0;

    snprintf(buf, size, "none");
    for (size_t i = 0; i < f->count && at + 1 < size; i++) {
        const struct dhcp_said *m = &f->said[i];

        if (m->server || m->other || m->ask != ask)
            continue;
        first = n ? first : m->time_ns;
        if (n++ < LIST_MAX)
            at += (size_t)snprintf(buf + at, size - at, "%s%" PRIu64 ".%03us", at ? " " : "",
                                   (m->time_ns - first) / NS_PER_S,
                                   (unsigned)((m->time_ns - first) / NS_PER_MS % 1000));
    }
    if (n > LIST_MAX && at < size)
        snprintf(buf + at, size - at, " ...");
}

/* RFC 2131 section 4.1: 4, 8, 16, ... 64 s, each off by up to one. False: a DISCOVER, or a REQUEST
 * for an offer, was retransmitted with the same xid at another time. */
static bool reactive_dhcp_backs_off(const struct dhcp_flow *f)
{
    const struct dhcp_said *last = NULL;
    uint64_t wait_ns = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct dhcp_said *m = &f->said[i];
        bool again;

        if (m->server || m->other)
            continue;
        again = last && last->ask == m->ask && m->ask <= ASK_REQUEST &&
                dhcp_word(m->bytes, m->len, DHCP_AT_XID) ==
                    dhcp_word(last->bytes, last->len, DHCP_AT_XID);
        wait_ns = !again ? 2 * NS_PER_S : wait_ns < 64 * NS_PER_S ? wait_ns * 2 : wait_ns;
        if (again && (m->time_ns - last->time_ns + NS_PER_S + SLACK_NS < wait_ns ||
                      m->time_ns - last->time_ns > wait_ns + NS_PER_S + SLACK_NS))
            return false;
        last = m;
    }
    return true;
}

static const struct dhcp_said *reactive_dhcp_first_request(const struct dhcp_flow *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->said[i].server && !f->said[i].other && f->said[i].ask == ASK_REQUEST)
            return &f->said[i];
    return NULL;
}

/* An address option of the first REQUEST for an offer, in the run's addresses. */
static const char *reactive_dhcp_request_text(const struct dhcp_flow *f, uint8_t code,
                                              struct rebase *captured, char buf[VALUE_ADDRESS_MAX])
{
    const struct dhcp_said *m = reactive_dhcp_first_request(f);
    uint32_t a = m ? dhcp_option32(m->bytes, m->len, code) : 0;

    if (captured && a)
        a = rebase_address(captured, a, 64);
    return a ? value_address_text(a, buf) : "none";
}

/* True if the address of the run's first REQUEST was offered in it. */
static bool reactive_dhcp_was_offered(const struct dhcp_flow *now)
{
    const struct dhcp_said *m = reactive_dhcp_first_request(now);

    for (size_t i = 0; m && i < now->count; i++) {
        const struct dhcp_said *o = &now->said[i];

        if (o->server && dhcp_type(o->bytes, o->len) == DHCP_TYPE_OFFER &&
            dhcp_word(o->bytes, o->len, DHCP_AT_YIADDR) ==
                dhcp_option32(m->bytes, m->len, OPTION_REQUESTED) &&
            dhcp_option32(o->bytes, o->len, OPTION_SERVER) ==
                dhcp_option32(m->bytes, m->len, OPTION_SERVER))
            return true;
    }
    return !m;
}

static unsigned reactive_dhcp_departures(struct run_record *r, const struct dhcp_flow *now)
{
    const struct dhcp_flow *was = r->im->flow;
    char a[400], b[400];
    unsigned bad = 0;

    reactive_dhcp_codes_text(was, ASK_DISCOVER, OPTION_PARAMETERS, a, sizeof(a));
    reactive_dhcp_codes_text(now, ASK_DISCOVER, OPTION_PARAMETERS, b, sizeof(b));
    bad += reactive_differ("options requested", a, b,
                           "the client chooses which options it requests (RFC 2132 section 9.8)");
    reactive_dhcp_codes_text(was, ASK_DISCOVER, 0, a, sizeof(a));
    reactive_dhcp_codes_text(now, ASK_DISCOVER, 0, b, sizeof(b));
    bad += reactive_differ("options of the DISCOVER", a, b,
                           "all but the type are optional (RFC 2131 section 4.4.1)");
    for (enum dhcp_ask ask = 0; ask < ASKS; ask++) {
        char what[40];

        snprintf(what, sizeof(what), "%s sent", dhcp_ask_words[ask]);
        bad += reactive_differ_number(
            what, was->asked[ask], now->asked[ask],
            ask == ASK_REBOOT || ask == ASK_INFORM
                ? "optional for a client (RFC 2131 sections 3.2, 3.4)"
                : "depends on its timers and the answers (RFC 2131 sections 3.1, 4.1)");
    }
    for (enum dhcp_ask ask = ASK_DISCOVER; ask <= ASK_REQUEST; ask++) {
        reactive_dhcp_times_text(was, ask, a, sizeof(a));
        reactive_dhcp_times_text(now, ask, b, sizeof(b));
        bad += reactive_differ(
            ask == ASK_DISCOVER ? "DISCOVERs at" : "REQUESTs at", a, b,
            reactive_dhcp_backs_off(now)
                ? "4 s, doubled up to 64 s, each randomised by up to 1 s (RFC 2131 section 4.1)"
                : NULL);
    }
    bad += reactive_differ(
        "requested address", reactive_dhcp_request_text(was, OPTION_REQUESTED, &r->im->rebase, a),
        reactive_dhcp_request_text(now, OPTION_REQUESTED, NULL, b),
        reactive_dhcp_was_offered(now) ? "the address was offered (RFC 2131 section 4.4.1)" : NULL);
    bad += reactive_differ(
        "server chosen", reactive_dhcp_request_text(was, OPTION_SERVER, &r->im->rebase, a),
        reactive_dhcp_request_text(now, OPTION_SERVER, NULL, b),
        reactive_dhcp_was_offered(now) ? "the client chooses an offer (RFC 2131 section 4.4.1)"
                                       : NULL);
    return bad;
}

/* The final lease of the captured client, in the run's addresses. */
static void reactive_dhcp_captured_outcome(const struct dhcp_import *im, char *buf, size_t size)
{
    const struct dhcp_answer *end = NULL;
    struct dhcp_terms offer = {0};
    bool acked = false;

    for (size_t i = 0; i < im->count && !acked; i++) {
        const struct dhcp_answer *a = &im->answers[i];
        unsigned type =
            a->silent || a->lost || a->ask == ASK_INFORM ? 0 : dhcp_type(a->bytes, a->len);

        if (type == DHCP_TYPE_OFFER)
            offer = dhcp_terms_of(a, NULL);
        acked = type == DHCP_TYPE_ACK;
        end = acked || type == DHCP_TYPE_NAK ? a : end;
    }
    if (acked) {
        struct dhcp_terms t = dhcp_terms_of(end, offer.addr ? &offer : NULL);

        dhcp_terms_text(&t, buf, size);
    } else {
        snprintf(buf, size, end ? "NAK, no lease" : "no lease");
    }
}

/* Compare the outcomes: 1 when the run's is not the one that these replies must give. */
static unsigned reactive_dhcp_outcome(const struct run_record *r)
{
    const struct dhcp_outlook *o = &r->im->outlook;
    const char *end = r->terms[0] ? r->terms : r->naks ? "NAK, no lease" : "no lease";
    char was[160], must[160];
    bool same, good;

    reactive_dhcp_captured_outcome(r->im, was, sizeof(was));
    snprintf(must, sizeof(must), o->naks ? "NAK, no lease" : "no lease");
    if (o->lease)
        dhcp_terms_text(&o->terms, must, sizeof(must));
    same = !strcmp(was, end);
    good = o->lease ? !strcmp(must, end) || (o->several && r->terms[0]) : !r->terms[0];
    printf("captured  %s\n", was);
    printf("now       %s; %s%s\n", end,
           same && good ? "the same"
           : good       ? "NOT the same, allowed: "
                        : "NOT ALLOWED",
           same || !good ? ""
           : r->terms[0] ? "another offer was taken (RFC 2131 section 4.4.1)"
           : o->why      ? o->why
                         : "the chosen server rejects the request (RFC 2131 section 3.1)");
    return !good;
}

static const struct dhcp_flow *reactive_dhcp_flow_of_run(const struct dhcp_flows *all,
                                                         const uint8_t mac[6])
{
    for (size_t i = 0; i < all->count; i++)
        if (memcmp(all->flows[i].chaddr, mac, 6) == 0)
            return &all->flows[i];
    return NULL;
}

static int reactive_dhcp_report(void *ctx, const struct run_result *run)
{
    struct run_record *r = ctx;
    const struct dhcp_import *im = r->im;
    const struct dhcp_flow *f;
    struct dhcp_flows flows;
    unsigned bad = 0;

    printf("%s: flow %zu of %zu, the core is the DHCP client\n", value_shown(r->settings->path),
           im->number, im->total);
    dhcp_import_notes(im, stdout, "  imported: ");
    capture_dhcp(&flows, &r->frames.capture);
    f = reactive_dhcp_flow_of_run(&flows, r->scenario->device.net.mac);
    if (f && dhcp_import_asked(im))
        bad += reactive_dhcp_departures(r, f);
    if (!f)
        printf("  differs  the core sent no DHCP request; NOT ALLOWED\n");
    bad += reactive_dhcp_outcome(r) + !f;
    capture_dhcp_free(&flows);
    reactive_frames_free(&r->frames);
    return reactive_verdict(run, bad);
}

static int reactive_dhcp_replay(void *im, const struct replay_settings *s,
                                const struct scenario *sc)
{
    struct run_record r = {.im = im, .scenario = sc, .settings = s};
    struct run_options ro = {
        .on_flight = reactive_dhcp_on_flight, .on_line = reactive_dhcp_on_line, .ctx = &r};

    return reactive_run(sc, s, &ro, reactive_dhcp_report);
}

const struct reactive_kind reactive_dhcp = {
    .text = reactive_dhcp_text, .written = reactive_dhcp_written, .replay = reactive_dhcp_replay};

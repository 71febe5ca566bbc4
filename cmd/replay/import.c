/* A capture becomes a scenario: see import.h. */
#include "import.h"
#include "../../user/http.h"
#include "../../sim/frame/decode.h"
#include "../../sim/text/values.h"
#include "../../sim/engine/sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MACHINE_ADDRESS = 0x0a00020f, /* 10.0.2.15, in drywire's own captures */
    WORDS_MAX = 11,               /* of talk, behind its name, -q, ADDR and PORT */
    TEXT_MAX_BYTES = 1200,        /* of what it says, before it is only filled in */
    DROPS_MAX = 32,               /* lines about segments of the machine that are lost */
    PATH_LEN_MAX = 900,
};

#define PEER_ADDRESS   "10.0.2.2"
#define LATENCY_NS     (200 * NS_PER_US) /* when the capture does not tell */
#define LATENCY_MAX_NS NS_PER_S
#define LATE_MAX_NS    (200 * NS_PER_MS) /* a gap that is filled later was a loss */
#define DIAL_NS        (2 * NS_PER_S)    /* the machine has its address by then */
#define LIMIT_NS       (600 * NS_PER_S)  /* captures that last longer move the limit */
#define WAITS_NS                                                                                   \
    (864000 * NS_PER_S) /* all pauses together: the clock of a capture may have jumped */

const struct flow_side *import_own(const struct import *im)
{
    return &im->flow->sides[im->own];
}

const struct flow_side *import_peer(const struct import *im)
{
    return &im->flow->sides[!im->own];
}

size_t import_total(const struct import *im)
{
    return im->flows.count + im->wish.others;
}

/* ---- which flow ---- */

static uint64_t flow_bytes(const struct flow *f)
{
    return (uint64_t)f->sides[CLIENT].len + f->sides[SERVER].len;
}

static int choose_flow(struct import *im, char *problem, size_t size)
{
    uint64_t wanted = im->wish.flow, most = 0;

    if (!im->flows.count && !im->wish.others) {
        snprintf(problem, size,
                 "has no TCP over IPv4, no DHCP and no ping: only replay --as observer takes it");
        return -1;
    }
    if (wanted > im->flows.count) {
        snprintf(problem, size, "has no flow %" PRIu64 ", only 1 to %zu", wanted, import_total(im));
        return -1;
    }
    for (size_t i = 0; i < im->flows.count; i++) {
        uint64_t bytes = flow_bytes(&im->flows.flows[i]);

        if (wanted ? i + 1 != wanted : bytes <= most)
            continue;
        most = bytes;
        im->number = i + 1;
    }
    if (!most && wanted)
        snprintf(problem, size, "flow %" PRIu64 " carries no data", wanted);
    else if (!most)
        snprintf(problem, size, "has no TCP connection that carries data");
    if (most)
        im->flow = &im->flows.flows[im->number - 1];
    return most ? 0 : -1;
}

/* The side whose place the core takes: the client, unless it is drywire's own and the machine was
 * the server. */
static unsigned choose_side(const struct import *im)
{
    if (im->wish.role != ROLE_ANY)
        return im->wish.role == ROLE_CLIENT ? CLIENT : SERVER;
    return im->capture->origin && im->flow->sides[SERVER].addr == MACHINE_ADDRESS ? SERVER : CLIENT;
}

/* ---- webget ---- */

/* The path of a request that webget can make as well: one GET and nothing else. NULL: it is not. */
static const char *web_path(const struct flow_side *own, size_t *len)
{
    static const char safe[] = "/._~%?&=+,;:@!$'()*-";
    const char *text = (const char *)own->bytes, *path = text + 4, *end;

    if (own->len < 18 || memcmp(text, "GET /", 5) || own->gap)
        return NULL;
    end = memchr(path, ' ', own->len - 4);
    if (!end || (size_t)(text + own->len - end) < 12 || memcmp(end, " HTTP/1.", 8))
        return NULL;
    if (memmem(text, own->len, "\r\n\r\n", 4) != text + own->len - 4)
        return NULL;
    *len = (size_t)(end - path);
    for (const char *c = path; c < end; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

        if (!letter && (!*c || !strchr(safe, *c)))
            return NULL;
    }
    return *len <= PATH_LEN_MAX ? path : NULL;
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    return sum;
}

enum { SUM_FIRST = 2166136261u };

/* Read the response as webget does: its sum of the body. *used is how much of it it took. */
static uint32_t web_read(const struct flow_side *peer, struct http_response *r, size_t *used)
{
    uint32_t sum = SUM_FIRST;
    size_t at = 0;

    http_response_start(r);
    while (at < peer->len && !http_response_over(r)) {
        struct http_slice body;

        at += http_response_feed(r, peer->bytes + at, peer->len - at, &body);
        sum = sum_add(sum, body.data, body.len);
    }
    *used = at;
    return sum;
}

/* Can webget be the program, so that it takes the whole stream? */
static void choose_program(struct import *im)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    struct http_response r;
    size_t len, used;

    im->said = own->len;
    if (im->own != CLIENT || !web_path(own, &len) || peer->gap || peer->rst || !peer->len)
        return;
    web_read(peer, &r, &used);
    if (!http_response_over(&r)) {
        http_response_end(&r);
        im->web_close = true;
    }
    if (r.phase == HTTP_FAILED)
        im->refused = http_error_word(r.error);
    else
        im->webget = used == peer->len && (!im->web_close || peer->fin);
    if (im->webget)
        im->said = strlen("GET  HTTP/1.1\r\nHost: " PEER_ADDRESS "\r\nUser-Agent: drywire\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n") +
                   len + (peer->port == 80 ? 0 : (size_t)snprintf(NULL, 0, ":%u", peer->port));
}

/* ---- what the program says ---- */

void import_put_string(FILE *out, const uint8_t *bytes, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = bytes[i];

        if (c == '\n' || c == '\r' || c == '\t')
            fprintf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* Would talk take these bytes for something else than text? */
static bool needs_hex(const uint8_t *bytes, size_t len)
{
    static const char *const words[] = {"read=", "fill=", "hex=", "close"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (len >= strlen(words[i]) && memcmp(bytes, words[i], strlen(words[i])) == 0)
            return true;
    return memchr(bytes, 0, len) != NULL;
}

static void put_words(FILE *out, const uint8_t *bytes, size_t len, bool fill)
{
    if (fill) {
        fprintf(out, " fill=%zu", len);
    } else if (needs_hex(bytes, len)) {
        fputs(" hex=", out);
        for (size_t i = 0; i < len; i++)
            fprintf(out, "%02x", bytes[i]);
    } else {
        fputc(' ', out);
        import_put_string(out, bytes, len);
    }
}

/* A turn of the program: what it says in one go, when it has read so much. */
struct turn {
    size_t from, to;
    uint64_t read;
};

/* The next turn behind `t`; false: none. */
static bool turn_next(const struct import *im, struct turn *t)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    size_t i = 0;
    uint64_t read = t->read;

    if (t->to >= own->len)
        return false;
    while (own->pieces[i].offset < t->to)
        i++;
    if (own->pieces[i].ack > read)
        read = own->pieces[i].ack < peer->len ? own->pieces[i].ack : peer->len;
    t->from = t->to;
    for (; i < own->piece_count && (own->pieces[i].ack <= read || own->pieces[i].offset == t->from);
         i++)
        t->to = own->pieces[i].offset + own->pieces[i].len;
    t->read = read;
    return true;
}

/* Is what the program says too long for its command line? Zero bytes take two digits each. */
static bool too_long(const struct import *im)
{
    const struct flow_side *own = import_own(im);
    bool hex = own->len && memchr(own->bytes, 0, own->len);

    return own->len > (size_t)(hex ? TEXT_MAX_BYTES / 2 : TEXT_MAX_BYTES);
}

static void put_talk(const struct import *im, FILE *out)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    unsigned words = 0;
    uint64_t read = 0, last;
    struct turn t = {0};

    if (im->own == CLIENT)
        fprintf(out, "run talk -q " PEER_ADDRESS " %u", peer->port);
    else
        fprintf(out, "run talk -q -l %u", own->port);
    while (turn_next(im, &t)) {
        if (t.read > read) {
            fprintf(out, " read=%" PRIu64, t.read);
            read = t.read;
            words++;
        }
        if (words + 4 > WORDS_MAX)
            t.to = own->len; /* the rest at once */
        put_words(out, own->bytes + t.from, t.to - t.from, im->filled);
        words++;
    }
    last = own->fin && own->fin_ack < peer->len ? own->fin_ack : peer->len;
    if (last > read)
        fprintf(out, " read=%" PRIu64, last);
    fputc('\n', out);
}

/* ---- what the peer does ---- */

struct playing {
    const struct import *im;
    FILE *out;
    uint64_t latency_ns;
    uint64_t prev_ns; /* when the peer did the thing before */
    uint64_t after;
    size_t own_at; /* of the machine's segments, what `after` has reached */
    uint64_t own_end;
    uint64_t heard_ns; /* when the machine's bytes up to `after` were there */
    uint64_t waits_ns; /* so far */
};

static uint64_t latency(const struct import *im)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    uint64_t ns = LATENCY_NS;

    if (im->own == CLIENT && own->syns == 1 && peer->syns == 1 && peer->syn_ns > own->syn_ns)
        ns = peer->syn_ns - own->syn_ns;
    if (im->own == SERVER && own->syns == 1 && peer->segment_count &&
        peer->segments[0].time_ns > own->syn_ns && !peer->segments[0].len)
        ns = peer->segments[0].time_ns - own->syn_ns;
    ns = ns < LATENCY_MAX_NS ? ns : LATENCY_MAX_NS;
    return ns < NS_PER_US ? NS_PER_US : ns / NS_PER_US * NS_PER_US;
}

/* So many bytes of the machine must come before the next line. */
static void put_after(struct playing *p, uint64_t ack)
{
    const struct flow_side *own = import_own(p->im);
    uint64_t captured = ack < own->len ? ack : own->len, after = captured;

    if (p->im->webget)
        after = captured ? p->im->said : 0;
    for (; p->own_end < captured && p->own_at < own->segment_count; p->own_at++) {
        const struct flow_segment *g = &own->segments[p->own_at];

        if (g->offset + (uint64_t)g->len <= p->own_end || g->lost)
            continue;
        p->own_end = g->offset + (uint64_t)g->len;
        p->heard_ns = g->time_ns;
    }
    fprintf(p->out, "peer " PEER_ADDRESS ":%u", import_peer(p->im)->port);
    if (after <= p->after)
        return;
    p->after = after;
    fprintf(p->out, " after=%" PRIu64, after);
}

static void put_duration(FILE *out, const char *key, uint64_t ns)
{
    char text[32];

    if (ns >= NS_PER_US)
        fprintf(out, " %s=%s", key,
                value_duration_text(ns / NS_PER_US * NS_PER_US, text, sizeof(text)));
}

static void put_wait(struct playing *p, uint64_t time_ns)
{
    uint64_t from = p->heard_ns ? p->heard_ns + p->latency_ns : 0;

    from = from > p->prev_ns ? from : p->prev_ns;
    if (time_ns > from) {
        uint64_t left = WAITS_NS - p->waits_ns, ns = time_ns - from < left ? time_ns - from : left;

        p->waits_ns += ns;
        put_duration(p->out, "wait", ns);
    }
    p->prev_ns = time_ns > p->prev_ns ? time_ns : p->prev_ns;
}

/* Did the machine ask for the piece, with duplicate ACKs behind frame `from`? Those just before the
 * piece are looked at: a capture may be long. */
static bool asked_again(const struct flow_side *own, const struct flow_segment *piece, size_t from)
{
    enum { LOOK_BACK = 256, DUPLICATES = 3 }; /* RFC 5681 section 3.2 */
    size_t at = 0, end = own->segment_count;
    unsigned n = 0;

    while (at < end) {
        size_t middle = at + (end - at) / 2;

        if (own->segments[middle].frame < piece->frame)
            at = middle + 1;
        else
            end = middle;
    }
    for (unsigned i = 0; i < LOOK_BACK && at-- > 0 && own->segments[at].frame > from; i++)
        n += !own->segments[at].len && own->segments[at].ack == piece->offset;
    return n >= DUPLICATES;
}

/* The first segment that was there before the piece although it stands behind it, or NULL. */
static const struct flow_segment *overtaken_by(const struct flow_side *peer,
                                               const struct flow_segment *piece, size_t *from)
{
    for (; *from < peer->segment_count; ++*from) {
        const struct flow_segment *g = &peer->segments[*from];

        if (g->len && !g->lost && g->offset >= piece->offset + piece->len)
            return g->frame < piece->frame ? g : NULL;
    }
    return NULL;
}

/* The way of a piece: lost, late, twice. True: it does not tell when it was sent. */
static bool put_way(struct playing *p, const struct flow_segment *piece, size_t *from)
{
    const struct flow_segment *h = overtaken_by(import_peer(p->im), piece, from);
    uint64_t late = h && piece->time_ns > h->time_ns ? piece->time_ns - h->time_ns : 0;

    if (piece->lost ||
        (h && (late >= LATE_MAX_NS || asked_again(import_own(p->im), piece, h->frame))))
        fputs(" lost", p->out);
    else if (h)
        put_duration(p->out, "late", late > NS_PER_US ? late : NS_PER_US);
    if (piece->twice)
        fputs(" twice", p->out);
    return h != NULL;
}

static void put_end(struct playing *p)
{
    const struct flow_side *own = import_own(p->im), *peer = import_peer(p->im);
    bool answers = own->fin && peer->fin_ack > own->len && peer->fin_ns >= own->fin_ns;

    if (peer->rst && !peer->fin) {
        uint64_t accepted_ns = p->im->own == SERVER ? p->prev_ns + NS_PER_MS : 0;

        put_after(p, peer->rst_ack);
        /* a program is only told of it when it has the connection */
        put_wait(p, p->after || peer->rst_ns > accepted_ns ? peer->rst_ns : accepted_ns);
        fputs(" reset\n", p->out);
    } else if (peer->fin && !peer->gap && (!answers || (p->im->webget && p->im->web_close))) {
        put_after(p, peer->fin_ack);
        if (!answers)
            put_wait(p, peer->fin_ns);
        fputs(" close\n", p->out);
    }
}

/* How long it pauses in all. */
static uint64_t put_peer(const struct import *im, FILE *out, const char *side, uint64_t latency_ns)
{
    const struct flow_side *peer = import_peer(im);
    struct playing p = {.im = im, .out = out, .latency_ns = latency_ns};
    size_t from = 0;

    p.prev_ns = peer->syns ? peer->syn_ns + latency_ns : 0;
    if (!peer->syns && peer->segment_count)
        p.prev_ns = peer->segments[0].time_ns;
    for (size_t i = 0; i < peer->piece_count; i++) {
        const struct flow_segment *piece = &peer->pieces[i];

        put_after(&p, piece->ack);
        if (!put_way(&p, piece, &from))
            put_wait(&p, piece->time_ns);
        if (side) {
            fprintf(out, " bytes=%u\n", piece->len);
            continue;
        }
        fputs(" send=", out);
        import_put_string(out, piece->bytes, piece->len);
        fputc('\n', out);
    }
    put_end(&p);
    if (p.waits_ns == WAITS_NS)
        fputs("# Pauses of more than ten days together are left out.\n", out);
    return p.waits_ns;
}

/* ---- what the wire does ---- */

static void put_drop(FILE *out, const char *what, unsigned count, size_t skip)
{
    if (!count)
        return;
    fprintf(out, "at 0s drop %s", what);
    if (count > 1)
        fprintf(out, " count=%u", count);
    if (skip)
        fprintf(out, " skip=%zu", skip);
    fputc('\n', out);
}

/* Segments of the machine that had to be sent again: the first sending of each is lost. */
static void put_losses(const struct import *im, FILE *out)
{
    const struct flow_side *own = import_own(im);
    bool told = im->capture->origin != NULL;
    unsigned lines = 0;
    size_t n = 0;

    for (size_t i = 0; i < own->segment_count && lines < DROPS_MAX; i++) {
        const struct flow_segment *g = &own->segments[i];
        bool again = g->lost;

        for (size_t k = i + 1; !told && g->len && !again && k < own->segment_count && k < i + 64;
             k++)
            again = own->segments[k].offset == g->offset && own->segments[k].len;
        if (g->len && again) {
            put_drop(out, "tx tcp.data", 1, n);
            lines++;
        }
        n += g->len > 0;
    }
}

static void put_handshake(const struct import *im, FILE *out)
{
    const struct flow_side *client = &im->flow->sides[CLIENT], *server = &im->flow->sides[SERVER];
    bool told = im->capture->origin != NULL, active = im->own == CLIENT;
    unsigned syns = told                                   ? client->syns_lost
                    : client->syns > 1 && server->syns < 2 ? client->syns - 1
                                                           : 0;
    unsigned answers = told ? server->syns_lost : 0;

    if (active || told) /* what a SYN of the peer met before the machine saw it is not known */
        put_drop(out, active ? "tx tcp.syn" : "rx tcp.syn", syns, 0);
    put_drop(out, active ? "rx tcp.synack" : "tx tcp.synack", answers, 0);
}

/* ---- the scenario ---- */

void import_put_name(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(*text > ' ' && *text <= '~' ? *text : '?', out);
}

static void put_expect(const struct import *im, FILE *out)
{
    const struct flow_side *peer = import_peer(im);
    struct http_response r;
    uint32_t sum;
    size_t used;

    if (im->webget) {
        sum = web_read(peer, &r, &used);
        fprintf(out, "expect webget: done status=%u bytes=%" PRIu64 " sum=%08x\n", r.status,
                r.body_bytes, sum);
    } else if (peer->rst && !peer->fin) {
        fputs("expect talk: error stream reason=reset\n"
              "expect kernel: exit program=talk status=1\n",
              out);
    } else {
        fprintf(out, "expect talk: done sent=%" PRIu64 " received=%zu sum=%08x\n", im->said,
                peer->len, sum_add(SUM_FIRST, peer->bytes, peer->len));
    }
}

static void put_program(const struct import *im, FILE *out)
{
    const struct flow_side *peer = import_peer(im);
    size_t len;

    if (!im->webget) {
        put_talk(im, out);
        if (im->own == SERVER)
            fprintf(out, "at %us dial %u from=" PEER_ADDRESS ":%u\n",
                    (unsigned)(DIAL_NS / NS_PER_S), import_own(im)->port, peer->port);
        return;
    }
    const char *path = web_path(import_own(im), &len);

    fputs("run webget -q http://" PEER_ADDRESS, out);
    if (peer->port != 80)
        fprintf(out, ":%u", peer->port);
    fprintf(out, "%.*s\n", (int)len, path);
}

void import_write(const struct import *im, FILE *out, const char *side)
{
    const struct flow_side *peer = import_peer(im);
    const struct capture *c = im->capture;
    uint64_t latency_ns = latency(im), first = c->frames[0].time_ns,
             last = c->frames[c->count - 1].time_ns, span;
    char text[32];

    fputs("format 1\ntitle Imported from ", out);
    import_put_name(out, im->wish.name);
    fprintf(out, ", flow %zu of %zu\n", im->number, import_total(im));
    fprintf(out, "# The core is the %s; the peer says %zu bytes, the machine %" PRIu64 ".\n",
            im->own == CLIENT ? "client" : "server", peer->len, im->said);
    import_notes(im, out, "# ");
    fprintf(out, "world native mss=%u window=%u latency=%s\n", peer->mss ? peer->mss : 536,
            peer->window > UINT16_MAX ? UINT16_MAX
            : peer->window            ? peer->window
                                      : UINT16_MAX,
            value_duration_text(latency_ns, text, sizeof(text)));
    fprintf(out, "serve script " PEER_ADDRESS ":%u", peer->port);
    if (side) {
        fputs(" file=", out);
        import_put_string(out, (const uint8_t *)side, strlen(side));
    }
    fputc('\n', out);
    span = put_peer(im, out, side, latency_ns);
    put_handshake(im, out);
    put_losses(im, out);
    put_program(im, out);
    put_expect(im, out);
    if (last > first && last - first > span)
        span = last - first < WAITS_NS ? last - first : WAITS_NS;
    if (span > LIMIT_NS)
        fprintf(out, "limit %" PRIu64 "s\n", (span + LIMIT_NS) / NS_PER_S);
}

void import_notes(const struct import *im, FILE *out, const char *prefix)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);

    if (!im->flow->begun)
        fprintf(out, "%sThe capture begins inside the connection: what came before is not known.\n",
                prefix);
    if (!peer->known || !own->known)
        fprintf(out, "%sOf the %s nothing was captured: what it said is not known.\n", prefix,
                own->known ? "peer" : "machine");
    if (peer->gap)
        fprintf(out, "%sThe peer's stream has a gap at byte %zu: what is behind it is left out.\n",
                prefix, peer->len);
    if (own->gap)
        fprintf(out,
                "%sThe machine's stream has a gap at byte %zu: what is behind it is left out.\n",
                prefix, own->len);
    if (peer->conflicts)
        fprintf(
            out,
            "%sThe peer said %zu bytes of its stream twice, and not the same: one of the two is "
            "played.\n",
            prefix, peer->conflicts);
    if (im->webget && im->said != own->len)
        fprintf(out, "%sThe request is webget's own, %" PRIu64 " bytes in place of %zu.\n", prefix,
                im->said, own->len);
    if (im->refused)
        fprintf(out, "%sHTTP, but webget refuses this response (%s): talk takes its bytes.\n",
                prefix, im->refused);
    if (im->filled && own->len)
        fprintf(out, "%sWhat the machine says is too long for a command line: a pattern as long.\n",
                prefix);
    if (peer->window > UINT16_MAX)
        fprintf(out,
                "%sThe peer's window of %u bytes needs scaling, which the core has not: 65535.\n",
                prefix, peer->window);
    if (own->rst && !own->fin)
        fprintf(out, "%sThe machine reset the connection; a program can only close it.\n", prefix);
    if (im->flows.fragments)
        fprintf(out, "%s%zu fragments of IP packets are left out.\n", prefix, im->flows.fragments);
    if (im->flow->bad_sums)
        fprintf(out, "%sWrong checksums in %zu segments were not minded.\n", prefix,
                im->flow->bad_sums);
}

int import_open(struct import *im, const struct capture *c, const struct import_wish *wish,
                char *problem, size_t problem_size)
{
    *im = (struct import){.capture = c, .wish = *wish};
    capture_flows(&im->flows, c);
    if (choose_flow(im, problem, problem_size)) {
        import_close(im);
        return -1;
    }
    im->own = choose_side(im);
    choose_program(im);
    im->filled = !im->webget && too_long(im);
    return 0;
}

void import_close(struct import *im)
{
    capture_flows_free(&im->flows);
}

/* Converts a capture to a scenario: see import.h. */
#include "import.h"
#include "import_parts.h"
#include "../../core/base/minmax.h"
#include "../../sim/text/values.h"
#include "../../sim/engine/sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MACHINE_ADDRESS = 0x0a00020f, /* 10.0.2.15, in drywire's own captures */
    DROPS_MAX = 32,               /* lines for lost segments of the machine */
};

#define LIMIT_NS (600 * NS_PER_S) /* longer captures raise the limit */

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

static uint64_t import_flow_bytes(const struct flow *f)
{
    return (uint64_t)f->sides[CLIENT].len + f->sides[SERVER].len;
}

static int import_choose_flow(struct import *im, char *problem, size_t size)
{
    uint64_t wanted = im->wish.flow, most = 0;

    if (!im->flows.count && !im->wish.others) {
        snprintf(problem, size, "no TCP over IPv4, DHCP or ping: use drywire replay --as observer");
        return -1;
    }
    if (wanted > im->flows.count) {
        snprintf(problem, size, "no flow %" PRIu64 ", only 1 to %zu", wanted, import_total(im));
        return -1;
    }
    for (size_t i = 0; i < im->flows.count; i++) {
        uint64_t bytes = import_flow_bytes(&im->flows.flows[i]);

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

/* The side that the core replaces: the client, unless it is a capture of drywire with the machine
 * as server. */
static unsigned import_choose_side(const struct import *im)
{
    if (im->wish.role != ROLE_ANY)
        return im->wish.role == ROLE_CLIENT ? CLIENT : SERVER;
    return im->capture->origin && im->flow->sides[SERVER].addr == MACHINE_ADDRESS ? SERVER : CLIENT;
}

/* ---- faults of the wire ---- */

static void import_put_drop(FILE *out, const char *what, unsigned count, size_t skip)
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

/* Segments that the machine retransmitted: the first transmission of each is lost. */
static void import_put_losses(const struct import *im, FILE *out)
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
            import_put_drop(out, "tx tcp.data", 1, n);
            lines++;
        }
        n += g->len > 0;
    }
}

static void import_put_handshake(const struct import *im, FILE *out)
{
    const struct flow_side *client = &im->flow->sides[CLIENT], *server = &im->flow->sides[SERVER];
    bool told = im->capture->origin != NULL, active = im->own == CLIENT;
    unsigned syns = told                                   ? client->syns_lost
                    : client->syns > 1 && server->syns < 2 ? client->syns - 1
                                                           : 0;
    unsigned answers = told ? server->syns_lost : 0;

    if (active || told) /* losses of the peer's SYN before the machine are unknown */
        import_put_drop(out, active ? "tx tcp.syn" : "rx tcp.syn", syns, 0);
    import_put_drop(out, active ? "rx tcp.synack" : "tx tcp.synack", answers, 0);
}

/* ---- the scenario ---- */

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

void import_put_name(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(*text > ' ' && *text <= '~' ? *text : '?', out);
}

void import_write(const struct import *im, FILE *out, const char *side)
{
    const struct flow_side *peer = import_peer(im);
    const struct capture *c = im->capture;
    uint64_t latency_ns = import_latency(im), first = c->frames[0].time_ns,
             last = c->frames[c->count - 1].time_ns, span;
    char text[32];

    fputs("format 1\ntitle Imported from ", out);
    import_put_name(out, im->wish.name);
    fprintf(out, ", flow %zu of %zu\n", im->number, import_total(im));
    fprintf(out, "# The core is the %s; the peer sends %zu bytes, the machine %" PRIu64 ".\n",
            im->own == CLIENT ? "client" : "server", peer->len, im->said);
    import_notes(im, out, "# ");
    fprintf(out, "world native mss=%u window=%u latency=%s\n", peer->mss ? peer->mss : 536,
            min_u32(peer->window ? peer->window : UINT16_MAX, UINT16_MAX),
            value_duration_text(latency_ns, text, sizeof(text)));
    fprintf(out, "serve script " IMPORT_PEER ":%u", peer->port);
    if (side) {
        fputs(" file=", out);
        import_put_string(out, (const uint8_t *)side, strlen(side));
    }
    fputc('\n', out);
    span = import_put_peer(im, out, side, latency_ns);
    import_put_handshake(im, out);
    import_put_losses(im, out);
    import_put_program(im, out);
    import_put_expect(im, out);
    if (last > first && last - first > span)
        span = min_u64(last - first, IMPORT_WAITS_NS);
    if (span > LIMIT_NS)
        fprintf(out, "limit %" PRIu64 "s\n", (span + LIMIT_NS) / NS_PER_S);
}

void import_notes(const struct import *im, FILE *out, const char *prefix)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);

    if (!im->flow->begun)
        fprintf(out,
                "%sThe capture starts in the middle of the connection; earlier data is unknown.\n",
                prefix);
    if (!peer->known || !own->known)
        fprintf(out, "%sNo segments of the %s were captured; its data is unknown.\n", prefix,
                own->known ? "peer" : "machine");
    if (peer->gap)
        fprintf(out, "%sThe peer's stream has a gap at byte %zu; later bytes are left out.\n",
                prefix, peer->len);
    if (own->gap)
        fprintf(out, "%sThe machine's stream has a gap at byte %zu; later bytes are left out.\n",
                prefix, own->len);
    if (peer->conflicts)
        fprintf(out,
                "%sThe peer sent %zu bytes of its stream twice with different values; one of the "
                "two is played.\n",
                prefix, peer->conflicts);
    if (im->webget && im->said != own->len)
        fprintf(out, "%swebget sends its own request: %" PRIu64 " bytes instead of %zu.\n", prefix,
                im->said, own->len);
    if (im->refused)
        fprintf(out, "%sHTTP, but webget rejects this response (%s); talk reads it instead.\n",
                prefix, im->refused);
    if (im->filled && own->len)
        fprintf(out,
                "%sThe machine's data is too long for a command line; a pattern of the same length "
                "is sent.\n",
                prefix);
    if (peer->window > UINT16_MAX)
        fprintf(
            out,
            "%sThe peer's window of %u bytes needs scaling, which the simulated peer does not do; "
            "65535 is used.\n",
            prefix, peer->window);
    if (own->rst && !own->fin)
        fprintf(out, "%sThe machine reset the connection; here the program closes it.\n", prefix);
    if (im->flows.fragments)
        fprintf(out, "%s%zu IP fragments are left out.\n", prefix, im->flows.fragments);
    if (im->flow->bad_sums)
        fprintf(out, "%s%zu segments had bad checksums (ignored).\n", prefix, im->flow->bad_sums);
}

int import_open(struct import *im, const struct capture *c, const struct import_wish *wish,
                char *problem, size_t problem_size)
{
    *im = (struct import){.capture = c, .wish = *wish};
    capture_flows(&im->flows, c);
    if (import_choose_flow(im, problem, problem_size)) {
        import_close(im);
        return -1;
    }
    im->own = import_choose_side(im);
    import_choose_program(im);
    return 0;
}

void import_close(struct import *im)
{
    capture_flows_free(&im->flows);
}

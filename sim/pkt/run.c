/*
 * The runner of .pkt scripts: time, packets, matching. See run.h.
 *
 * Each event is done at its time; before time moves or the peer sends, all that the stack has sent
 * must have been matched; before time moves, blocking calls whose end is now must have returned. An
 * event that injects or calls is followed by a poll of the stack.
 */
#include "run_internal.h"
#include "../../core/base/minmax.h"
#include "../base/bytes.h"
#include "../base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_REMOTE_PORT = 40000 };

/* ---- the end ---- */

void pkt_run_end(struct pkt_runner *r, enum pkt_outcome outcome, unsigned line, const char *format,
                 ...)
{
    struct pkt_result *out = r->result;
    va_list args;

    if (r->over)
        return;
    r->over = true;
    out->outcome = outcome;
    out->problem.line = line;
    va_start(args, format);
    vsnprintf(out->problem.text, sizeof(out->problem.text), format, args);
    va_end(args);
}

/* "0.2" or "1.000000001": seconds, as a script has them. */
static const char *run_seconds(uint64_t ns, char buf[40])
{
    size_t len = (size_t)snprintf(buf, 40, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);

    while (buf[len - 1] == '0' && buf[len - 2] != '.')
        buf[--len] = 0;
    return buf;
}

/* ---- flows ---- */

unsigned pkt_run_new_flow(struct pkt_runner *r)
{
    struct pkt_flow *f = &r->flow[r->flows];

    if (r->flows + 1 == PKT_FLOWS_MAX) { /* the last one stays unused, for what ends the run */
        pkt_run_end(r, PKT_UNRUNNABLE, 0, "more than %d connections", PKT_FLOWS_MAX - 1);
        return r->flows;
    }
    *f = (struct pkt_flow){.opening = true,
                           .remote_isn = r->variant->peer_isn + 100000007u * r->flows,
                           .written_from = 1};
    if (!r->variant->peer_isn)
        f->remote_isn = 0;
    return r->flows++;
}

/* The flow of a line of the peer. */
static unsigned run_flow_in(struct pkt_runner *r, const struct pkt_segment *g)
{
    unsigned i;

    if (!g->from && r->current)
        return r->current - 1;
    for (i = 0; g->from && i < r->flows; i++)
        if (r->flow[i].script_remote == g->from && r->flow[i].script_local == g->to)
            return i;
    i = pkt_run_new_flow(r);
    r->flow[i].script_remote = g->from;
    r->flow[i].script_local = g->to;
    r->flow[i].local_port = r->listen_port ? r->listen_port : r->script->bind_port;
    r->flow[i].remote_port = (uint16_t)(FIRST_REMOTE_PORT + i);
    if (!g->from)
        r->current = i + 1;
    return i;
}

/* The flow of what the stack sent: PKT_FLOWS_MAX for none. */
static unsigned run_flow_out(struct pkt_runner *r, const struct decoded *d)
{
    for (unsigned i = 0; i < r->flows; i++)
        if (r->flow[i].local_port == d->src_port && r->flow[i].remote_port == d->dst_port)
            return i;
    for (unsigned i = 0; i < r->flows; i++)
        if (!r->flow[i].local_port && r->flow[i].remote_port == d->dst_port) {
            r->flow[i].local_port = d->src_port;
            return i;
        }
    return PKT_FLOWS_MAX;
}

/* ---- what the stack sends ---- */

static void run_see(struct pkt_runner *r, bool tx, const struct decoded *d,
                    const struct pkt_flow *f)
{
    unsigned number = r->result->frames_tx + r->result->frames_rx;
    struct pkt_seen *seen = &r->result->last[number % PKT_LAST_FRAMES];

    *seen = (struct pkt_seen){r->now_ns, tx, *d};
    seen->d.payload = NULL;
    if (f && d->layer == LAYER_TCP) {
        seen->d.tcp_seq -= tx ? f->local_isn : f->remote_isn;
        seen->d.tcp_ack -= !(d->tcp_flags & SEG_ACK) ? 0 : tx ? f->remote_isn : f->local_isn;
    }
    if (tx)
        r->result->frames_tx++;
    else
        r->result->frames_rx++;
}

/* Frames of the stack have no Ethernet header: give them one for the decoder. */
static void run_decode(struct pkt_queued *q, struct decoded *d)
{
    memset(q->frame, 0, PKT_LINK_LEN);
    put16(q->frame + 12, 0x0800);
    decode_frame(q->frame, q->len, d);
}

static void run_collect(struct pkt_runner *r)
{
    while (!r->over) {
        struct pkt_queued *q;
        struct pkt_flow *f;
        struct decoded d;

        r->queue = memory_grow(r->queue, r->queue_count + 1, &r->queue_size, sizeof(*r->queue));
        q = &r->queue[r->queue_count];
        q->len = r->stack->emitted(r->ctx, q->frame);
        if (!q->len)
            return;
        run_decode(q, &d);
        q->time_ns = r->now_ns;
        q->flow = run_flow_out(r, &d);
        f = q->flow < PKT_FLOWS_MAX ? &r->flow[q->flow] : NULL;
        if (f && d.layer == LAYER_TCP)
            pkt_flow_sent(f, &d);
        if (d.layer == LAYER_TCP && (d.tcp_flags & SEG_SYN) && !r->result->has_isn) {
            r->result->has_isn = true;
            r->result->isn = d.tcp_seq;
        }
        run_see(r, true, &d, f);
        if (++r->queue_count == PKT_QUEUE_MAX)
            pkt_run_end(r, PKT_LIVELOCK, 0, "the stack has sent %d frames that no line expects",
                        PKT_QUEUE_MAX);
    }
}

/* ---- time ---- */

static uint64_t run_next_due(const struct pkt_runner *r)
{
    uint64_t at = r->stack->deadline(r->ctx), start = r->variant->start_ns;
    uint64_t due = at == UINT64_MAX ? at : at - min_u64(at, start);

    return min_u64(due, pkt_run_calls_due(r));
}

static void run_poll(struct pkt_runner *r)
{
    if (++r->steps > PKT_STEPS_MAX)
        pkt_run_end(r, PKT_LIVELOCK, 0, "the stack was polled %d times", PKT_STEPS_MAX);
    r->result->time_ns = r->now_ns;
    r->stack->advance(r->ctx, r->variant->start_ns + r->now_ns);
    run_collect(r);
}

void pkt_run_settle(struct pkt_runner *r)
{
    bool again = true;

    while (again && !r->over) {
        run_poll(r);
        again = pkt_run_retry(r);
        run_poll(r);
        again |= run_next_due(r) <= r->now_ns;
    }
}

/* The packet as the script would have it, in result->came. */
static void run_came(struct pkt_runner *r, struct pkt_queued *q, bool ports)
{
    struct pkt_segment g;
    struct decoded d;

    run_decode(q, &d);
    if (d.layer != LAYER_TCP || q->flow == PKT_FLOWS_MAX || !pkt_segment_read(q->frame, &d, &g)) {
        decode_summary(&d, r->result->came, sizeof(r->result->came));
        return;
    }
    pkt_flow_outbound(&r->flow[q->flow], NULL, &g, q->time_ns);
    if (!ports)
        g.from = g.to = 0;
    pkt_segment_text(&g, false, r->result->came, sizeof(r->result->came));
}

/* Before time moves or a packet comes, all that was sent must have been expected. `line`: the event
 * to come. */
static void run_matched(struct pkt_runner *r, unsigned line)
{
    char at[40];

    if (r->queue_taken < r->queue_count && !r->over) {
        struct pkt_queued *q = &r->queue[r->queue_taken];

        run_came(r, q, false);
        pkt_run_end(r, PKT_FAIL, line, "a packet at %s that no line expects",
                    run_seconds(q->time_ns, at));
    }
}

/* Before time moves. */
static void run_leave(struct pkt_runner *r, unsigned line)
{
    run_matched(r, line);
    pkt_run_calls_check(r);
    r->queue_taken = r->queue_count = 0;
}

static void run_to(struct pkt_runner *r, uint64_t time_ns, unsigned line)
{
    while (!r->over && r->now_ns < time_ns) {
        uint64_t next = min_u64(run_next_due(r), time_ns);

        run_leave(r, line);
        if (r->over)
            return;
        r->now_ns = next;
        pkt_run_settle(r);
    }
}

/* When an event happens, as times since the start. */
static void run_window(struct pkt_runner *r, const struct pkt_event *e, uint64_t *first,
                       uint64_t *last)
{
    uint64_t base = e->time.relative ? r->base_ns : 0;
    char at[40];

    *first = e->time.any ? r->now_ns : base + e->time.first_ns;
    *last = e->time.any ? UINT64_MAX : base + e->time.last_ns;
    if (*last < r->now_ns || (e->kind != PKT_EXPECT && *first < r->now_ns))
        pkt_run_end(r, PKT_SYNTAX, e->line, "this time has passed: it is %s already",
                    run_seconds(r->now_ns, at));
}

/* ---- events ---- */

static void run_inject(struct pkt_runner *r, const struct pkt_event *e)
{
    const struct pkt_segment *g = &e->segment;
    unsigned number = run_flow_in(r, g);
    struct pkt_flow *f = &r->flow[number];
    struct pkt_ends ends = {r->script->remote_addr, r->script->local_addr, f->remote_port,
                            f->local_port};
    uint32_t first = g->seq + !!(g->flags & SEG_SYN);
    uint8_t frame[PKT_FRAME_MAX], data[PKT_FRAME_MAX];
    struct pkt_segment wire = *g;
    struct decoded d;
    size_t len;

    if (!r->over && !f->local_port)
        pkt_run_end(r, PKT_FAIL, e->line,
                    "the port of this connection is not known: no SYN of it "
                    "has come");
    if (!r->over && !pkt_segment_fits(g, r->script->mtu))
        pkt_run_end(r, PKT_UNRUNNABLE, e->line, "a segment of %u bytes does not fit the MTU of %u",
                    g->len, r->script->mtu);
    if (r->over)
        return;
    if (wire.has_window == PKT_WINDOW_ANY)
        wire.window = UINT16_MAX;
    for (uint32_t i = 0; i < g->len; i++)
        data[i] = pkt_flow_byte(first + i);
    pkt_flow_received(f, g);
    pkt_flow_inbound(f, &wire);
    len = pkt_segment_build(frame, &ends, &wire, data);
    put16(frame + 12, 0x0800);
    decode_frame(frame, len, &d);
    run_see(r, false, &d, f);
    r->stack->inject(r->ctx, frame, len);
    pkt_run_settle(r);
}

static void run_inject_icmp(struct pkt_runner *r, const struct pkt_event *e)
{
    const struct pkt_flow *f = &r->flow[r->current ? r->current - 1 : 0];
    struct pkt_ends ends = {r->script->local_addr, r->script->remote_addr, f->local_port,
                            f->remote_port};
    uint8_t frame[PKT_FRAME_MAX];
    struct decoded d;
    size_t len;

    if (!r->current) {
        pkt_run_end(r, PKT_FAIL, e->line, "no connection yet, so no packet can be quoted");
        return;
    }
    len = pkt_icmp_build(frame, &ends, &e->icmp, e->icmp.seq + f->local_isn);
    put16(frame + 12, 0x0800);
    decode_frame(frame, len, &d);
    run_see(r, false, &d, NULL);
    r->stack->inject(r->ctx, frame, len);
    pkt_run_settle(r);
}

/* Is the packet one of the connection that the line is for? The first packet of a connection gives
 * it the ports of the line. */
static bool run_same_flow(struct pkt_runner *r, unsigned number, const struct pkt_segment *g)
{
    struct pkt_flow *f;

    if (number == PKT_FLOWS_MAX)
        return false;
    f = &r->flow[number];
    if (!g->from)
        return r->current == number + 1;
    if (!f->script_local) {
        f->script_local = g->from;
        f->script_remote = g->to;
    }
    return f->script_local == g->from && f->script_remote == g->to;
}

/* Are these the bytes that the program has written there? */
static bool run_same_data(const struct pkt_flow *f, const struct pkt_segment *g,
                          const uint8_t *payload)
{
    uint32_t at = g->seq - f->written_from;

    return !g->len || (at <= f->written_len && g->len <= f->written_len - at &&
                       memcmp(f->written + at, payload, g->len) == 0);
}

static void run_match(struct pkt_runner *r, const struct pkt_event *e, uint64_t first,
                      uint64_t last)
{
    struct pkt_queued *q = &r->queue[r->queue_taken++];
    const struct pkt_segment *g = &e->segment;
    char at[40], due[40];
    struct pkt_segment came;
    const char *differs;
    struct decoded d;

    run_decode(q, &d);
    run_came(r, q, g->from);
    r->base_ns = q->time_ns;
    if (d.error) {
        pkt_run_end(r, PKT_FAIL, e->line, "the packet is malformed: %s", d.error);
    } else if (d.layer != LAYER_TCP || !pkt_segment_read(q->frame, &d, &came)) {
        pkt_run_end(r, PKT_FAIL, e->line, "not a TCP segment with known options");
    } else if (!run_same_flow(r, q->flow, g)) {
        pkt_run_end(r, PKT_FAIL, e->line, "the ports differ: a segment of another connection");
    } else if (q->time_ns < first || q->time_ns > last) {
        pkt_run_end(r, PKT_FAIL, e->line, "the time differs: it came at %s and is due at %s",
                    run_seconds(q->time_ns, at), run_seconds(first, due));
    } else {
        struct pkt_flow *f = &r->flow[q->flow];

        if (g->flags & came.flags & SEG_SYN)
            pkt_flow_learn(f, g, came.seq);
        pkt_flow_outbound(f, g, &came, q->time_ns);
        differs = pkt_segment_differs(g, &came);
        if (!differs && !run_same_data(f, &came, d.payload))
            differs = "the data";
        if (differs)
            pkt_run_end(r, PKT_FAIL, e->line, "%s differ%s", differs,
                        strstr(differs, "flags") || strstr(differs, "options") ? "" : "s");
    }
    if (!r->over)
        r->result->came[0] = 0;
}

static void run_expect(struct pkt_runner *r, const struct pkt_event *e, uint64_t first,
                       uint64_t last)
{
    char at[40];

    pkt_segment_text(&e->segment, false, r->result->expected, sizeof(r->result->expected));
    while (!r->over && r->queue_taken == r->queue_count) {
        uint64_t due = run_next_due(r);

        if (due == UINT64_MAX && last == UINT64_MAX) {
            pkt_run_end(r, PKT_FAIL, e->line, "it never comes: no timer runs");
        } else if (due > last) {
            run_to(r, last, e->line);
            pkt_run_end(r, PKT_FAIL, e->line, "it has not come by %s", run_seconds(last, at));
        } else {
            run_to(r, due, e->line);
        }
    }
    if (!r->over)
        run_match(r, e, first, last);
    if (!r->over)
        r->result->expected[0] = 0;
}

static void run_event(struct pkt_runner *r, const struct pkt_event *e)
{
    uint64_t first, last;

    r->result->line = e->line;
    run_window(r, e, &first, &last);
    if (e->kind == PKT_EXPECT) {
        if (!r->over)
            run_expect(r, e, first, last);
        return;
    }
    run_to(r, first, e->line);
    if (r->over)
        return;
    r->base_ns = first;
    if (e->kind != PKT_CALL)
        run_matched(r, e->line);
    switch (e->kind) {
    case PKT_CALL:
        pkt_run_call(r, e);
        break;
    case PKT_INJECT:
        run_inject(r, e);
        break;
    case PKT_INJECT_ICMP:
        run_inject_icmp(r, e);
        break;
    case PKT_EXPECT:
    case PKT_QUIET:
        break;
    }
}

/* Calls that still wait after the last event. */
static void run_rest(struct pkt_runner *r)
{
    while (!r->over && r->pending_count) {
        uint64_t end = UINT64_MAX;
        unsigned line = r->pending[0].event->line;

        for (unsigned i = 0; i < r->pending_count; i++)
            end = min_u64(end, r->pending[i].end_ns);
        run_to(r, end, line);
        if (r->now_ns >= end)
            pkt_run_calls_check(r);
    }
}

void pkt_run(const struct pkt_script *s, enum pkt_outcome parsed, const struct pkt_stack *stack,
             const struct pkt_variant *variant, struct pkt_result *result)
{
    struct pkt_runner *r = memory_new(1, sizeof(*r));
    const struct pkt_host host = {s->local_addr, s->mask,   s->gateway,
                                  s->mtu,        s->window, variant->seed};

    *result = (struct pkt_result){.outcome = parsed};
    r->script = s;
    r->stack = stack;
    r->variant = variant;
    r->result = result;
    r->ctx = stack->start(&host, variant->start_ns);
    for (size_t i = 0; i < s->count && !r->over; i++)
        run_event(r, &s->events[i]);
    run_rest(r);
    result->time_ns = r->now_ns;
    stack->stop(r->ctx);
    for (unsigned i = 0; i < PKT_FLOWS_MAX; i++)
        pkt_flow_free(&r->flow[i]);
    free(r->queue);
    free(r);
}

/* What happens in a run, and who is to know of it: see run_context.h. */
#include "run_context.h"
#include "../../core/base/minmax.h"
#include "../../core/trace/trace.h"
#include "../machine/guest_core.h"
#include "../oracle/oracle_calls.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events of the machine ---- */

/* The line of the scenario that started a process. */
static unsigned line_of(const struct run_context *c, long pid)
{
    for (unsigned i = 0; i < c->scenario->program_count; i++)
        if (c->pids[i] == pid)
            return c->scenario->programs[i].line;
    return 1;
}

/* A program that fails is a failure, unless the scenario expects it. */
static void judge_exit(struct run_context *c, const char *line, bool expected)
{
    const char *status, *pid;
    char site[200];

    if (c->machine.guest != &guest_core ||
        (strncmp(line, "kernel: exit ", 13) && strncmp(line, "kernel: faulted ", 16)))
        return;
    status = strstr(line, " status=");
    pid = strstr(line, " pid=");
    if (!pid || !status || !strcmp(status, " status=0"))
        return;
    oracle_set_add(&c->sim.looked, EXIT_STATUS);
    if (expected || scenario_allows(c->scenario, ALLOW_EXIT))
        return;
    snprintf(site, sizeof(site), "%s:%u", c->scenario->path, line_of(c, atol(pid + 5)));
    sim_fail(&c->sim, FAILURE_EXPECT, "exit.status", site,
             "\"%s\", but no expect line has it; add 'expect %.*s%s', or 'allow exit'", line,
             (int)(pid + 1 - line), line, strchr(pid + 1, ' ') + 1);
}

static void run_say(struct run_context *c, const char *line)
{
    judge_exit(c, line, expectations_line(&c->expectations, line));
    if (c->machine.guest == &guest_core)
        oracles_line(c->far.oracles, line);
    if (c->options->on_line)
        c->options->on_line(c->options->ctx, c->sim.now_ns, line);
}

/* A program's reads and writes go to the oracles with the bytes just copied. */
static void run_trace_stream(struct run_context *c, unsigned id, const uint64_t *args)
{
    const struct processes *ps = &c->machine.processes;
    uint16_t local = (uint16_t)args[0], port = (uint16_t)args[2];
    uint32_t remote = (uint32_t)args[1];

    if (id == TRACE_TCP_READ) {
        oracles_app_read(c->far.oracles, local, remote, port, ps->copied, ps->copied_len);
        if (c->far.world_ops->app_read)
            c->far.world_ops->app_read(c->far.world, ps->copied, ps->copied_len);
    } else if (id == TRACE_TCP_WRITTEN) {
        oracles_app_written(c->far.oracles, local, remote, port, ps->copied, ps->copied_len);
    } else {
        oracles_app_end(c->far.oracles, local, remote, port);
    }
}

static void on_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct run_context *c = ctx;
    const struct trace_event *e = trace_event(id);
    char line[TRACE_LINE_MAX];

    if (id == TRACE_TCP_READ || id == TRACE_TCP_WRITTEN || id == TRACE_TCP_STREAM_END)
        run_trace_stream(c, id, args);
    oracles_trace(c->far.oracles, id, args);
    if (id == TRACE_TCP_ABORTED)
        oracles_due(c->far.oracles);
    if (!expectations_wants(&c->expectations, e->component) &&
        (!c->options->on_line || (e->level == TRACE_LEVEL_DETAIL && !c->options->detail)))
        return;
    trace_format(line, sizeof(line), id, args, count);
    expectations_line(&c->expectations, line);
    if (c->options->on_line && (e->level == TRACE_LEVEL_MARK || c->options->detail))
        c->options->on_line(c->options->ctx, c->sim.now_ns, line);
}

static void on_line(void *ctx, const char *text, size_t len)
{
    char line[512];

    len = min_u64(len, sizeof(line) - 1);
    memcpy(line, text, len);
    line[len] = 0;
    run_say(ctx, line);
}

static void on_frame(void *ctx, const uint8_t *frame, size_t len)
{
    struct run_context *c = ctx;

    wire_send(&c->far.wire, DIRECTION_TX, frame, len);
}

static void frame_lost(void *ctx, bool transmitted, const uint8_t *frame, size_t len,
                       const char *why)
{
    struct run_context *c = ctx;
    enum direction dir = transmitted ? DIRECTION_TX : DIRECTION_RX;
    struct decoded d;

    decode_frame(frame, len, &d);
    if (transmitted)
        oracles_tx(c->far.oracles, frame, len, &d);
    else
        oracles_lost(c->far.oracles, &d);
    c->claim.lost[dir]++;
    c->claim.why[dir] = why;
    if (c->options->on_lost)
        c->options->on_lost(c->options->ctx, c->sim.now_ns, dir, frame, len, &d, why);
}

/* ---- events of the wire ---- */

static void frame_arrived(void *ctx, const uint8_t *frame, size_t len)
{
    struct run_context *c = ctx;

    machine_frame(&c->machine, frame, len);
}

static void frame_seen(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                       const struct decoded *d, const char *fate)
{
    struct run_context *c = ctx;

    if (c->options->on_frame)
        c->options->on_frame(c->options->ctx, c->sim.now_ns, dir, d, len, fate);
    if (c->options->on_flight)
        c->options->on_flight(c->options->ctx, c->sim.now_ns, dir, frame, len, d, fate,
                              c->far.wire.arrival_ns);
}

static void ring_told(void *ctx, unsigned device, const struct vqueue *q, enum vqueue_event what,
                      unsigned chain, uint32_t value)
{
    struct run_context *c = ctx;

    if (c->options->capture)
        reasons_ring(&c->far.reasons, device, q, what, chain, value);
    if (c->options->on_ring)
        c->options->on_ring(c->options->ctx, c->sim.now_ns, device, q, what, chain, value);
}

static void register_accessed(void *ctx, bool write, enum reg_space space, uint64_t addr,
                              unsigned size, uint32_t value)
{
    struct run_context *c = ctx;

    reasons_register(&c->far.reasons, write, space, addr, size, value);
}

static void program_copied(void *ctx, const struct process_stop *call, uint64_t address, size_t len,
                           bool write)
{
    struct run_context *c = ctx;

    oracle_call_copies(&c->sim, call, address, len, write);
}

static void program_returned(void *ctx, const struct process_stop *call, int64_t result)
{
    struct run_context *c = ctx;

    oracles_call(c->far.oracles, call, result);
}

bool run_connection(void *ctx, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                    unsigned *number, const char **word)
{
    struct run_context *c = ctx;

    return guest_core_connection(c->machine.state, local_port, remote, remote_port, number, word);
}

/* ---- the listeners ---- */

struct machine_listener run_machine_events(struct run_context *c)
{
    return (struct machine_listener){
        .ctx = c,
        .booted = run_machine_booted,
        .frame = on_frame,
        .trace = on_trace,
        .line = on_line,
        .ring = c->options->capture || c->options->on_ring ? ring_told : NULL,
        .lost = frame_lost,
        .access = c->options->registers ? register_accessed : NULL,
    };
}

struct far_side_listener run_wire_events(struct run_context *c)
{
    return (struct far_side_listener){c, frame_arrived, frame_seen};
}

void run_program_events(struct run_context *c)
{
    c->machine.processes.on_copy = program_copied;
    c->machine.processes.on_copy_ctx = c;
    c->machine.processes.on_return = program_returned;
    c->machine.processes.on_return_ctx = c;
    c->machine.processes.on_read = c->options->on_read;
    c->machine.processes.on_read_ctx = c->options->ctx;
}

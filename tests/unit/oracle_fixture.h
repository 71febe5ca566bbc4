/*
 * Oracles without a machine, for the unit tests of oracles: frames that pass, and what they report.
 * Every test begins a run of its own.
 */
#ifndef DRYWIRE_ORACLE_FIXTURE_H
#define DRYWIRE_ORACLE_FIXTURE_H

#include "frames.h"
#include "../../sim/oracle/oracle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sim sim;
static struct oracles *oracles;

/* The machine has its lease, unless a test begins before that. */
static inline void begin(void)
{
    sim_start(&sim, 1);
    oracles = oracles_start(oracles, &sim, machine_mac, 1500);
}

static inline void wait_ms(uint64_t ms)
{
    sim.now_ns += ms * NS_PER_MS;
}

static inline void tx(struct frame f)
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_tx(oracles, f.bytes, f.len, &d);
    sim.now_ns += 10 * NS_PER_US;
}

static inline void say(struct frame f) /* the peer sends it, and it is lost */
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_peer(oracles, f.bytes, f.len, &d);
}

static inline void arrive(struct frame f) /* it reaches the machine */
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_rx(oracles, f.bytes, f.len, &d);
    sim.now_ns += 10 * NS_PER_US;
}

static inline void rx(struct frame f)
{
    say(f);
    arrive(f);
}

static inline void quiet(void)
{
    assert_string_equal(sim.failure.kind == FAILURE_NONE ? "" : sim.failure.message, "");
}

static inline void caught_by(const char *name)
{
    assert_int_equal(sim.failure.kind, FAILURE_SAFETY);
    assert_string_equal(sim.failure.oracle, name);
}

static inline void lease(uint32_t seconds)
{
    tx(dhcp_frame((struct dhcp){.type = 1, .xid = 5}));
    rx(dhcp_frame((struct dhcp){.type = 2, .xid = 5, .yiaddr = MACHINE, .server = PEER}));
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 5, .requested = MACHINE, .server = PEER}));
    rx(dhcp_frame(
        (struct dhcp){.type = 5, .xid = 5, .yiaddr = MACHINE, .server = PEER, .lease_s = seconds}));
    quiet();
}

static inline void begin_leased(void)
{
    begin();
    lease(86400);
}

static inline int free_all(void **state)
{
    (void)state;
    oracles_free(oracles);
    sim_free(&sim);
    return 0;
}

/* A segment of the machine, of the peer. The machine's first byte is 1001, the peer's 5001. */
#define OUT(...) tx(tcp_frame((struct segment){.from_machine = true, __VA_ARGS__}))
#define IN(...)  rx(tcp_frame((struct segment){__VA_ARGS__}))

#endif

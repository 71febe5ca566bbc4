/*
 * The oracles that watch frames: `frame.*` judges every frame the machine emits, `tcp.*` follows
 * every connection in both directions and compares what the program read with what the peer sent.
 * They share nothing with core/net; both use sim/frame/decode.h. Ring oracles live in the fake
 * device.
 */
#ifndef DRYWIRE_ORACLE_H
#define DRYWIRE_ORACLE_H

#include "../../core/port/process.h"
#include "../frame/decode.h"
#include "../scenario/scenario.h"
#include "../engine/sim.h"

struct oracles;

/* The memory is kept from run to run: `old` may be NULL or what an earlier call returned. */
struct oracles *oracles_start(struct oracles *old, struct sim *sim, const uint8_t mac[6],
                              uint16_t mtu);
void oracles_free(struct oracles *o);

/* For this run the machine is none of ours: it keeps its own time and hears of a frame some time
 * after the wire has shown it. Slack where a moment counts; what no slack can judge is off. */
void oracles_real_time(struct oracles *o);

/* Switch one off by name for this run. False: there is no such oracle about frames or TCP. */
bool oracles_off(struct oracles *o, const char *name);

/* A frame leaves the machine (before the wire touches it). */
void oracles_tx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* A frame reaches the machine (after the wire). */
void oracles_rx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* The world handed a frame to the wire: what a peer really said, before any fault. */
void oracles_peer(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* A frame is lost between the wire and the machine: one that leaves was not given to oracles_tx(),
 * one that arrives was given to oracles_rx(). */
void oracles_lost(struct oracles *o, bool transmitted);

/* The core's trace events, and the lines of its programs. */
void oracles_trace(struct oracles *o, unsigned id, const uint64_t *args);
void oracles_line(struct oracles *o, const char *line);

/* A program's call returns. */
void oracles_call(struct oracles *o, const struct process_stop *call, int64_t result);

/* The run ends and nothing is under way; `lost` frames never reached the core. */
void oracles_end(struct oracles *o, uint64_t lost);

/* The run or a connection ends, or the limit is reached: what should have been sent by now? */
void oracles_due(struct oracles *o);

/* Application hooks: bytes that a program read from, or wrote to, a connection. Ports and addresses
 * as the machine sees them, host byte order. */
void oracles_app_read(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                      const uint8_t *bytes, size_t len);
void oracles_app_written(struct oracles *o, uint16_t local_port, uint32_t remote,
                         uint16_t remote_port, const uint8_t *bytes, size_t len);
/* A read returned 0: the program was told that the stream ended cleanly. */
void oracles_app_end(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port);

#endif

/*
 * The oracles that watch frames: `frame.*` checks every frame that the machine sends, `tcp.*`
 * follows every connection in both directions and compares the bytes that the program read with
 * those that the peer sent. They share nothing with core/net and use sim/frame/decode.h. The
 * oracles of rings are in the fake device.
 */
#ifndef DRYWIRE_ORACLE_H
#define DRYWIRE_ORACLE_H

#include "../../core/port/process.h"
#include "../frame/decode.h"
#include "../scenario/scenario.h"
#include "../engine/sim.h"

struct oracles;

/* The memory is reused between runs: `old` is NULL or the result of an earlier call. */
struct oracles *oracles_start(struct oracles *old, struct sim *sim, const uint8_t mac[6],
                              uint16_t mtu);
void oracles_free(struct oracles *o);

/* In this run the machine is an outside program, with its own time, which receives a frame some
 * time after the wire delivered it. Oracles that check times allow slack; those that cannot are
 * off. */
void oracles_real_time(struct oracles *o);

/* The machine is not the core: rules that it may break by right are off, which are the core's own
 * limits and its congestion control (docs/verdicts.md). */
void oracles_another(struct oracles *o);

/* Disable an oracle by name for this run. False: there is no such oracle of frames or TCP. */
bool oracles_off(struct oracles *o, const char *name);

/* A frame leaves the machine (before the wire touches it, or is lost at a downed link). */
void oracles_tx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* A frame reaches the machine (after the wire). */
void oracles_rx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* A peer passed a frame to the wire: what it really sent, before any fault. */
void oracles_peer(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);

/* A frame that was passed to oracles_rx() is lost between the wire and the machine. */
void oracles_lost(struct oracles *o, const struct decoded *d);

/* The core's trace events, and the lines of its programs. */
void oracles_trace(struct oracles *o, unsigned id, const uint64_t *args);
void oracles_line(struct oracles *o, const char *line);

/* A program's call returns. */
void oracles_call(struct oracles *o, const struct process_stop *call, int64_t result);

/* The run ends with no frame in flight; `lost` frames never reached the core. */
void oracles_end(struct oracles *o, uint64_t lost);

/* The run or a connection ends, or the limit is reached: check what should have been sent by
 * now. */
void oracles_due(struct oracles *o);

/* Application hooks: bytes that a program read from, or wrote to, a connection. Ports and addresses
 * as the machine sees them, host byte order. */
void oracles_app_read(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                      const uint8_t *bytes, size_t len);
void oracles_app_written(struct oracles *o, uint16_t local_port, uint32_t remote,
                         uint16_t remote_port, const uint8_t *bytes, size_t len);
/* A read returned 0: the stream ended for the program. */
void oracles_app_end(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port);

#endif

/*
 * The far side of a scenario in real time, for a guest that is not the simulated machine: QEMU with
 * any kernel, or any other program with Ethernet over a unix datagram socket.
 */
#ifndef DRYWIRE_LIVE_H
#define DRYWIRE_LIVE_H

#include "../base/origin.h"
#include "../report/again.h"

#define NO_FD UINT64_MAX

struct live_settings {
    const char *socket, *peer; /* listen there; the guest's path, NULL: the sender of frames */
    uint64_t fd;               /* without a socket: a datagram socket that is open */
    uint64_t ready_fd;         /* gets a line, and is closed, when the guest may start; or NO_FD */
    uint64_t limit_s;          /* timeout of the first frame */
    uint64_t seed;
    const char *pcap; /* or NULL */
    bool verbose;
    bool counted;                     /* the guest's time is counted instructions */
    const struct origin_facts *facts; /* for the capture */
    const char *program;              /* the name of drywire; the command to repeat the run */
    const struct again *again;
};

/* The guest's address, and its failure: both may be NULL. */
struct live_guest {
    const uint8_t *mac;      /* NULL: that of its first frame */
    struct failure *failure; /* filled in when a rule was violated */
};

/* Serve it until a signal, a violation or the end of the guest. Returns the exit code; everything
 * has been reported. */
int live_serve(const struct scenario *sc, const struct live_settings *s, struct live_guest guest);

#endif

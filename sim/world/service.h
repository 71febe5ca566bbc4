/*
 * The services at the far end of the wire, as byte streams and datagrams in virtual time. A world
 * connects them to its own TCP (native) or to simulated host sockets (slirp); the service depends
 * on neither.
 */
#ifndef DRYWIRE_SERVICE_H
#define DRYWIRE_SERVICE_H

#include "../scenario/service.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Byte i of a pattern body: printable, a line of 64 every 64 bytes, different in every line. */
uint8_t service_pattern(uint64_t i);

/* One connection to a stream service, from the service's side. The caller provides the memory. */
enum { SERVICE_REQUEST_MAX = 4096 };

struct stream {
    const struct service *service;
    uint64_t sent;     /* bytes of the whole response taken so far */
    uint64_t start_ns; /* when the first of them was due; 0: no request yet */
    uint64_t received; /* bytes received */
    bool peer_closed;  /* the peer sent its FIN */
    char head[512];    /* status line and header fields of the response */
    unsigned head_len;
    unsigned status;
    bool found;                        /* the request was a GET for the service's path */
    uint64_t body_len;                 /* of this response (a 404 has its own) */
    char request[SERVICE_REQUEST_MAX]; /* also the queue of tcp-echo */
    unsigned request_len;
    unsigned step;   /* script: the next step */
    uint64_t due_ns; /* and when; UINT64_MAX: after more input */
};

/* The script step that contains byte `at` of its stream, or NULL. */
const struct script_step *script_step_at(const struct service *s, uint64_t at);

void stream_open(struct stream *s, const struct service *service);

/* Bytes from the peer arrive. Returns how many were accepted: all, or fewer when tcp-echo's queue
 * is full (pass the rest again after output has been taken). */
size_t stream_input(struct stream *s, const uint8_t *bytes, size_t len, uint64_t now_ns);

/* The peer closed its sending side. */
void stream_input_end(struct stream *s, uint64_t now_ns);

/* Take up to `room` bytes that are due now. */
size_t stream_output(struct stream *s, uint8_t *buf, size_t room, uint64_t now_ns);

enum stream_end { STREAM_OPEN, STREAM_FIN, STREAM_RESET };

/* After output returned 0: whether and how the service closes now. */
enum stream_end stream_ending(const struct stream *s, uint64_t now_ns);

/* The next time when stream_output() or stream_ending() may have something new; UINT64_MAX: only
 * after input. May be early, never late. */
uint64_t stream_deadline(const struct stream *s, uint64_t now_ns);

#endif

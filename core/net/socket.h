/*
 * Sockets as files: the bridge from descriptors (core/interface/file.h) to TCP and datagrams.
 */
#ifndef DRYWIRE_SOCKET_H
#define DRYWIRE_SOCKET_H

#include "../interface/file.h"
#include "stack.h"

/* The network of a machine, for its kernel; `s` stays with the caller. */
struct network_ops socket_network(struct stack *s);

#endif

/*
 * The errors of drywire: one list for the core, the system calls and the messages of programs.
 *
 * A function that can fail returns int: >= 0 is success, otherwise one of these. An out-parameter
 * is written only on success.
 */
#ifndef DRYWIRE_ERR_H
#define DRYWIRE_ERR_H

/* X(name, value, word): the word is its name in trace lines. */
#define ERR_LIST(X)                                                                                \
    X(AGAIN, -1, "again")                                                                          \
    X(INVAL, -2, "invalid")                                                                        \
    X(BADF, -3, "bad-descriptor")                                                                  \
    X(FAULT, -4, "bad-pointer")                                                                    \
    X(NOSYS, -5, "no-such-call")                                                                   \
    X(NOENT, -6, "not-found")                                                                      \
    X(NFILE, -7, "table-full")                                                                     \
    X(REFUSED, -8, "refused")                                                                      \
    X(TIMEDOUT, -9, "timed-out")                                                                   \
    X(RESET, -10, "reset")                                                                         \
    X(UNREACH, -11, "unreachable")                                                                 \
    X(NETDOWN, -12, "network-down")                                                                \
    X(NOTCONN, -13, "not-connected")                                                               \
    X(ISCONN, -14, "already-connected")                                                            \
    X(INUSE, -15, "address-in-use")                                                                \
    X(ADDR, -16, "bad-address")                                                                    \
    X(PIPE, -17, "closed-for-writing")                                                             \
    X(MSGSIZE, -18, "message-too-long")                                                            \
    X(DEVICE, -19, "device-failed")                                                                \
    X(NODEV, -20, "no-device")                                                                     \
    X(PROTO, -21, "protocol")                                                                      \
    X(KILLED, -22, "killed")                                                                       \
    X(NONAME, -23, "no-such-name")                                                                 \
    X(NODATA, -24, "no-address")                                                                   \
    X(NOSERVER, -25, "no-name-server")                                                             \
    X(SERVER, -26, "server-failed")

#define ERR_ENUM(name, value, word) ERR_##name = (value),
enum err { ERR_LIST(ERR_ENUM) };
#undef ERR_ENUM

#endif

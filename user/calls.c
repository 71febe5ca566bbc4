/*
 * calls: make every system call with invalid arguments, and report the results.
 *
 *     read not-open result=bad-descriptor     the words of err.h
 *     read room-0 result=0                    or what a call that is right returned
 *     done calls=125                          exit 0: what is right is for who reads the reports
 *
 * Valid calls between invalid ones show that an invalid one had no effect. The only peer is the
 * program itself, over lo; connect and sendto wait for the machine's address first.
 */
#include "drywire.h"
#include "../core/base/array.h"
#include "programs.h"

enum { CALLS_PORT = 9009, CALLS_OTHER = 9010, CALLS_NOT_OPEN = 9 };

/* Addresses outside a program's memory: NULL, the first page, the last bytes. */
#define CALLS_NOWHERE UINT64_C(64)
#define CALLS_LAST    (UINT64_MAX - 3)

struct calls {
    unsigned count;
    struct text report;
};

static int64_t calls_tell(struct calls *c, const char *call, const char *what, int64_t result)
{
    struct text *t = &c->report;

    c->count++;
    text_word(t, call);
    text_word(t, what);
    if (result < 0)
        text_field(t, "result", error_word(result));
    else
        text_number(t, "result", (uint64_t)result);
    report(t);
    return result;
}

#define CALL(c, word, what, nr, ...) calls_tell((c), (word), (what), calls_make((nr), __VA_ARGS__))

static int64_t calls_make(uint64_t nr, uint64_t a, uint64_t b, uint64_t d, uint64_t e)
{
    return drywire_syscall(nr, a, b, d, e, 0);
}

static uint64_t calls_at(const void *p)
{
    return (uintptr_t)p;
}

static void calls_numbers(struct calls *c)
{
    CALL(c, "call", "0", 0, 0, 0, 0, 0);
    CALL(c, "call", "4", SYS_CLOCK + 1, 0, 0, 0, 0);
    CALL(c, "call", "15", SYS_READ - 1, 0, 0, 0, 0);
    CALL(c, "call", "132", SYS_RESOLVE + 1, 0, 0, 0, 0);
    CALL(c, "call", "largest", UINT64_MAX, 0, 0, 0, 0);
    CALL(c, "sleep", "0", SYS_SLEEP, 0, 0, 0, 0);
}

static void calls_descriptors(struct calls *c)
{
    static const struct {
        const char *word;
        uint8_t nr;
    } takes[] = {
        {"read", SYS_READ},         {"write", SYS_WRITE},         {"close", SYS_CLOSE},
        {"connect", SYS_CONNECT},   {"bind", SYS_BIND},           {"listen", SYS_LISTEN},
        {"accept", SYS_ACCEPT},     {"sendto", SYS_SENDTO},       {"recvfrom", SYS_RECVFROM},
        {"shutdown", SYS_SHUTDOWN}, {"keepalive", SYS_KEEPALIVE},
    };
    struct socket_address at = {.addr = 0, .port = CALLS_PORT};
    uint8_t byte = 0;

    for (unsigned i = 0; i < ARRAY_COUNT(takes); i++) {
        const char *w = takes[i].word;
        uint8_t nr = takes[i].nr;
        bool file = nr <= SYS_CLOSE;
        uint64_t second = file ? calls_at(&byte) : calls_at(&at);

        CALL(c, w, "not-open", nr, CALLS_NOT_OPEN, second, 1, calls_at(&at));
        CALL(c, w, "beyond-table", nr, PROCESS_FDS, second, 1, calls_at(&at));
        CALL(c, w, "largest", nr, UINT64_MAX, second, 1, calls_at(&at));
        if (!file)
            CALL(c, w, "no-socket", nr, FD_OUTPUT, second, 1, calls_at(&at));
    }
}

static void calls_pointers(struct calls *c)
{
    static const struct netinfo constant;
    uint32_t addr[RESOLVE_ADDRESSES_MAX + 1];
    struct poll_entry entries[POLL_ENTRIES_MAX + 1] = {{.fd = -1}, {.fd = PROCESS_FDS}};

    CALL(c, "write", "nowhere", SYS_WRITE, FD_OUTPUT, CALLS_NOWHERE, 1, 0);
    CALL(c, "write", "last-bytes", SYS_WRITE, FD_OUTPUT, CALLS_LAST, 8, 0);
    CALL(c, "write", "nowhere-0", SYS_WRITE, FD_OUTPUT, CALLS_NOWHERE, 0, 0);
    CALL(c, "read", "nowhere-0", SYS_READ, FD_INPUT, CALLS_NOWHERE, 0, 0);
    CALL(c, "netinfo", "null", SYS_NETINFO, 0, 0, 0, 0);
    CALL(c, "netinfo", "last-bytes", SYS_NETINFO, CALLS_LAST, 0, 0, 0);
    CALL(c, "netinfo", "constant", SYS_NETINFO, calls_at(&constant), 0, 0, 0);
    CALL(c, "lease", "none", SYS_LEASE, 0, 0, 0, 0);
    CALL(c, "lease", "largest", SYS_LEASE, UINT64_MAX, 0, 0, 0);
    CALL(c, "lease", "next", SYS_LEASE, LEASE_PROBE + 1, 0, 0, 0);
    CALL(c, "resolve", "nowhere", SYS_RESOLVE, CALLS_NOWHERE, 4, calls_at(addr), 1);
    CALL(c, "resolve", "last-bytes", SYS_RESOLVE, CALLS_LAST, 8, calls_at(addr), 1);
    CALL(c, "resolve", "too-long", SYS_RESOLVE, CALLS_NOWHERE, RESOLVE_NAME_MAX + 1, calls_at(addr),
         1);
    CALL(c, "resolve", "empty", SYS_RESOLVE, calls_at("a"), 0, calls_at(addr), 1);
    CALL(c, "resolve", "two-dots", SYS_RESOLVE, calls_at("a..b"), 4, calls_at(addr), 1);
    CALL(c, "resolve", "room-0", SYS_RESOLVE, calls_at("a.b"), 3, calls_at(addr), 0);
    CALL(c, "resolve", "room-5", SYS_RESOLVE, calls_at("a.b"), 3, calls_at(addr), 5);
    CALL(c, "resolve", "largest", SYS_RESOLVE, calls_at("a.b"), UINT64_MAX, calls_at(addr), 1);
    CALL(c, "poll", "nowhere", SYS_POLL, CALLS_NOWHERE, 1, 0, 0);
    CALL(c, "poll", "17", SYS_POLL, calls_at(entries), POLL_ENTRIES_MAX + 1, 0, 0);
    CALL(c, "poll", "largest", SYS_POLL, calls_at(entries), UINT64_MAX, 0, 0);
    CALL(c, "poll", "not-open", SYS_POLL, calls_at(entries), 2, POLL_FOREVER, 0);
    calls_tell(c, "poll", "revents", entries[0].revents | entries[1].revents);
    CALL(c, "poll", "none", SYS_POLL, calls_at(entries), 0, 0, 0);
}

/* Both kinds of socket have these. */
static void calls_either(struct calls *c, const char *connect, const char *bind,
                         enum socket_type type)
{
    struct socket_address to = {.addr = 0x0a000202, .port = 0}, at = {.port = CALLS_PORT};
    int fd = sys_socket(type), second = sys_socket(type);

    CALL(c, connect, "nowhere", SYS_CONNECT, (uint64_t)fd, CALLS_NOWHERE, 0, 0);
    CALL(c, connect, "port-0", SYS_CONNECT, (uint64_t)fd, calls_at(&to), 0, 0);
    to = (struct socket_address){.addr = 0xe0000001, .port = 7};
    CALL(c, connect, "multicast", SYS_CONNECT, (uint64_t)fd, calls_at(&to), 0, 0);
    to.addr = 0xffffffff;
    CALL(c, connect, "broadcast", SYS_CONNECT, (uint64_t)fd, calls_at(&to), 0, 0);
    CALL(c, bind, "nowhere", SYS_BIND, (uint64_t)fd, CALLS_NOWHERE, 0, 0);
    CALL(c, bind, "free", SYS_BIND, (uint64_t)fd, calls_at(&at), 0, 0);
    CALL(c, bind, "again", SYS_BIND, (uint64_t)fd, calls_at(&at), 0, 0);
    CALL(c, bind, "taken", SYS_BIND, (uint64_t)second, calls_at(&at), 0, 0);
    at.port = 0;
    CALL(c, bind, "any", SYS_BIND, (uint64_t)second, calls_at(&at), 0, 0);
    sys_close(fd);
    sys_close(second);
}

static void calls_datagrams(struct calls *c)
{
    static const char text[] = "twice";
    struct socket_address to = {.addr = 0x7f000001, .port = CALLS_OTHER};
    char bytes[sizeof(text)];
    int64_t fd = sys_socket(SOCKET_DATAGRAM);

    CALL(c, "dgram-listen", "no-stream", SYS_LISTEN, (uint64_t)fd, 1, 0, 0);
    CALL(c, "dgram-accept", "no-stream", SYS_ACCEPT, (uint64_t)fd, 0, 0, 0);
    CALL(c, "dgram-shutdown", "no-stream", SYS_SHUTDOWN, (uint64_t)fd, 0, 0, 0);
    CALL(c, "dgram-write", "not-connected", SYS_WRITE, (uint64_t)fd, calls_at(text), 1, 0);
    CALL(c, "dgram-bind", "other", SYS_BIND, (uint64_t)fd, calls_at(&to), 0, 0);
    CALL(c, "sendto", "no-address", SYS_SENDTO, (uint64_t)fd, calls_at(text), 1, 0);
    CALL(c, "sendto", "nowhere", SYS_SENDTO, (uint64_t)fd, CALLS_NOWHERE, 1, calls_at(&to));
    CALL(c, "sendto", "too-long", SYS_SENDTO, (uint64_t)fd, calls_at(text), 65536, calls_at(&to));
    to.port = 0;
    CALL(c, "sendto", "port-0", SYS_SENDTO, (uint64_t)fd, calls_at(text), 1, calls_at(&to));
    to.port = CALLS_OTHER;
    CALL(c, "sendto", "itself", SYS_SENDTO, (uint64_t)fd, calls_at(text), sizeof(text),
         calls_at(&to));
    wait_for((int)fd, READY_IN, NS_PER_S);
    CALL(c, "recvfrom", "nowhere", SYS_RECVFROM, (uint64_t)fd, CALLS_NOWHERE, sizeof(bytes), 0);
    CALL(c, "recvfrom", "no-address", SYS_RECVFROM, (uint64_t)fd, calls_at(bytes), sizeof(bytes),
         CALLS_NOWHERE);
    CALL(c, "recvfrom", "short", SYS_RECVFROM, (uint64_t)fd, calls_at(bytes), 2, 0);
    sys_close((int)fd);
}

/* A listener, one end of a connection to it, then the other. */
static void calls_streams(struct calls *c)
{
    static const char text[] = "once";
    struct socket_address at = {.addr = 0x7f000001, .port = CALLS_PORT}, from;
    char bytes[sizeof(text)];
    uint64_t listener = (uint64_t)sys_socket(SOCKET_STREAM);
    uint64_t near = (uint64_t)sys_socket(SOCKET_STREAM), far;

    CALL(c, "listen", "not-bound", SYS_LISTEN, listener, 1, 0, 0);
    CALL(c, "accept", "not-listening", SYS_ACCEPT, listener, 0, 0, 0);
    CALL(c, "read", "not-connected", SYS_READ, listener, calls_at(bytes), 1, 0);
    CALL(c, "write", "not-connected", SYS_WRITE, listener, calls_at(text), 1, 0);
    CALL(c, "shutdown", "not-connected", SYS_SHUTDOWN, listener, 0, 0, 0);
    CALL(c, "sendto", "stream", SYS_SENDTO, listener, calls_at(text), 1, calls_at(&at));
    CALL(c, "recvfrom", "stream", SYS_RECVFROM, listener, calls_at(bytes), 1, 0);
    CALL(c, "bind", "listener", SYS_BIND, listener, calls_at(&at), 0, 0);
    CALL(c, "listen", "largest", SYS_LISTEN, listener, UINT64_MAX, 0, 0);
    CALL(c, "listen", "again", SYS_LISTEN, listener, 1, 0, 0);
    CALL(c, "connect", "listener", SYS_CONNECT, listener, calls_at(&at), 0, 0);
    CALL(c, "read", "listener", SYS_READ, listener, calls_at(bytes), 1, 0);
    CALL(c, "accept", "nowhere", SYS_ACCEPT, listener, CALLS_NOWHERE, 0, 0);
    CALL(c, "accept", "constant", SYS_ACCEPT, listener, calls_at(text), 0, 0);
    CALL(c, "connect", "itself", SYS_CONNECT, near, calls_at(&at), 0, 0);
    CALL(c, "connect", "again", SYS_CONNECT, near, calls_at(&at), 0, 0);
    CALL(c, "bind", "connected", SYS_BIND, near, calls_at(&at), 0, 0);
    CALL(c, "listen", "connected", SYS_LISTEN, near, 1, 0, 0);
    far = (uint64_t)CALL(c, "accept", "one", SYS_ACCEPT, listener, calls_at(&from), 0, 0);
    CALL(c, "write", "nowhere-stream", SYS_WRITE, near, CALLS_NOWHERE, 1, 0);
    CALL(c, "write", "stream", SYS_WRITE, near, calls_at(text), sizeof(text), 0);
    wait_for((int)far, READY_IN, NS_PER_S);
    CALL(c, "read", "nowhere-stream", SYS_READ, far, CALLS_NOWHERE, sizeof(bytes), 0);
    CALL(c, "read", "constant", SYS_READ, far, calls_at(text), sizeof(bytes), 0);
    CALL(c, "read", "stream", SYS_READ, far, calls_at(bytes), sizeof(bytes), 0);
    CALL(c, "keepalive", "short", SYS_KEEPALIVE, near, NS_PER_S - 1, 0, 0);
    CALL(c, "keepalive", "too-long", SYS_KEEPALIVE, near, UINT64_MAX, 0, 0);
    CALL(c, "keepalive", "stream", SYS_KEEPALIVE, near, NS_PER_S, 0, 0);
    CALL(c, "keepalive", "off", SYS_KEEPALIVE, near, 0, 0, 0);
    CALL(c, "shutdown", "stream", SYS_SHUTDOWN, near, 0, 0, 0);
    CALL(c, "shutdown", "again", SYS_SHUTDOWN, near, 0, 0, 0);
    CALL(c, "write", "shut-down", SYS_WRITE, near, calls_at(text), 1, 0);
    CALL(c, "read", "end", SYS_READ, far, calls_at(bytes), 1, 0);
    sys_close((int)far);
    sys_close((int)near);
    CALL(c, "close", "listener", SYS_CLOSE, listener, 0, 0, 0);
    CALL(c, "close", "again", SYS_CLOSE, listener, 0, 0, 0);
}

/* As many sockets as there are descriptors, or as the network has. */
static void calls_tables(struct calls *c)
{
    int fd[PROCESS_FDS];
    unsigned open = 0;

    CALL(c, "socket", "type-0", SYS_SOCKET, 0, 0, 0, 0);
    CALL(c, "socket", "type-4", SYS_SOCKET, SOCKET_ECHO + 1, 0, 0, 0);
    CALL(c, "socket", "largest", SYS_SOCKET, UINT64_MAX, 0, 0, 0);
    while (open < PROCESS_FDS && (fd[open] = sys_socket(SOCKET_DATAGRAM)) >= 0)
        open++;
    calls_tell(c, "socket", "datagrams", open);
    CALL(c, "socket", "no-datagram-left", SYS_SOCKET, SOCKET_ECHO, 0, 0, 0);
    while (open < PROCESS_FDS && (fd[open] = sys_socket(SOCKET_STREAM)) >= 0)
        open++;
    calls_tell(c, "socket", "all", open);
    CALL(c, "socket", "no-descriptor-left", SYS_SOCKET, SOCKET_STREAM, 0, 0, 0);
    CALL(c, "accept", "no-descriptor-left", SYS_ACCEPT, (uint64_t)fd[open - 1], 0, 0, 0);
    for (unsigned i = 0; i < open; i++)
        sys_close(fd[i]);
}

int calls_main(int argc, char **argv)
{
    struct calls c = {.count = 0};

    (void)argv;
    if (argc != 1)
        return report_usage("calls");
    text_start(&c.report);
    calls_numbers(&c);
    calls_descriptors(&c);
    calls_pointers(&c);
    calls_either(&c, "connect", "bind", SOCKET_STREAM);
    calls_either(&c, "dgram-connect", "dgram-bind", SOCKET_DATAGRAM);
    calls_datagrams(&c);
    calls_streams(&c);
    calls_tables(&c);
    text_word(&c.report, "done");
    text_number(&c.report, "calls", c.count);
    report(&c.report);
    return 0;
}

/*
 * The library of user programs: system calls as functions, and the few helpers that every program
 * needs. Programs have no writable file-scope data, no floating point and at most 16 KiB of stack;
 * they include the headers of this directory and nothing else.
 *
 * parse.c and print.c make no system call, so that they (and url.c, http.c) are unit-tested; lib.c
 * is the rest. No name of the C library is used: in the simulator programs are linked into a hosted
 * program.
 */
#ifndef DRYWIRE_USER_H
#define DRYWIRE_USER_H

#include "../core/interface/syscall.h"
#include <stdbool.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/* ---- system calls: see core/interface/syscall.h for their contracts ---- */

/* The trap into the kernel: the machine provides it. */
int64_t drywire_syscall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

static inline int64_t sys_sleep(uint64_t ns)
{
    return drywire_syscall(SYS_SLEEP, ns, 0, 0, 0, 0);
}

static inline uint64_t sys_clock(void)
{
    return (uint64_t)drywire_syscall(SYS_CLOCK, 0, 0, 0, 0, 0);
}

static inline int64_t sys_read(int fd, void *buffer, size_t len)
{
    return drywire_syscall(SYS_READ, (uint64_t)fd, (uintptr_t)buffer, len, 0, 0);
}

static inline int64_t sys_write(int fd, const void *buffer, size_t len)
{
    return drywire_syscall(SYS_WRITE, (uint64_t)fd, (uintptr_t)buffer, len, 0, 0);
}

static inline int sys_close(int fd)
{
    return (int)drywire_syscall(SYS_CLOSE, (uint64_t)fd, 0, 0, 0, 0);
}

static inline int sys_poll(struct poll_entry *entries, unsigned count, uint64_t timeout_ns)
{
    return (int)drywire_syscall(SYS_POLL, (uintptr_t)entries, count, timeout_ns, 0, 0);
}

static inline int sys_socket(enum socket_type type)
{
    return (int)drywire_syscall(SYS_SOCKET, (uint64_t)type, 0, 0, 0, 0);
}

static inline int sys_connect(int fd, const struct socket_address *to)
{
    return (int)drywire_syscall(SYS_CONNECT, (uint64_t)fd, (uintptr_t)to, 0, 0, 0);
}

static inline int sys_bind(int fd, const struct socket_address *at)
{
    return (int)drywire_syscall(SYS_BIND, (uint64_t)fd, (uintptr_t)at, 0, 0, 0);
}

static inline int sys_listen(int fd, unsigned backlog)
{
    return (int)drywire_syscall(SYS_LISTEN, (uint64_t)fd, backlog, 0, 0, 0);
}

static inline int sys_accept(int fd, struct socket_address *from)
{
    return (int)drywire_syscall(SYS_ACCEPT, (uint64_t)fd, (uintptr_t)from, 0, 0, 0);
}

static inline int64_t sys_sendto(int fd, const void *buffer, size_t len,
                                 const struct socket_address *to)
{
    return drywire_syscall(SYS_SENDTO, (uint64_t)fd, (uintptr_t)buffer, len, (uintptr_t)to, 0);
}

static inline int64_t sys_recvfrom(int fd, void *buffer, size_t len, struct socket_address *from)
{
    return drywire_syscall(SYS_RECVFROM, (uint64_t)fd, (uintptr_t)buffer, len, (uintptr_t)from, 0);
}

static inline int sys_shutdown(int fd)
{
    return (int)drywire_syscall(SYS_SHUTDOWN, (uint64_t)fd, 0, 0, 0, 0);
}

static inline int sys_keepalive(int fd, uint64_t idle_ns)
{
    return (int)drywire_syscall(SYS_KEEPALIVE, (uint64_t)fd, idle_ns, 0, 0, 0);
}

static inline int sys_netinfo(struct netinfo *out)
{
    return (int)drywire_syscall(SYS_NETINFO, (uintptr_t)out, 0, 0, 0, 0);
}

static inline int sys_lease(enum lease_action action)
{
    return (int)drywire_syscall(SYS_LEASE, (uint64_t)action, 0, 0, 0, 0);
}

static inline int sys_resolve(const char *name, size_t len, uint32_t *out, unsigned room)
{
    return (int)drywire_syscall(SYS_RESOLVE, (uintptr_t)name, len, (uintptr_t)out, room, 0);
}

/* ---- words and numbers (parse.c) ---- */

/* An ASCII letter in lower case; any other byte unchanged. */
uint8_t byte_lower(uint8_t c);

/* The value of a hexadecimal digit, or 16. */
unsigned byte_hex(uint8_t c);

/* The bytes before the NUL. */
size_t word_length(const char *word);

/* Whether two words are the same. */
bool word_equal(const char *a, const char *b);

/* text[0..len) as a decimal number: digits only, at least one, at most `max`. 0 or ERR_INVAL. */
int number_parse(const char *text, size_t len, uint64_t max, uint64_t *out);

/* text[0..len) as a dotted quad in host byte order: four numbers of 0..255, none with a leading
 * zero, because some would read it as octal. 0 or ERR_INVAL. */
int address_parse(const char *text, size_t len, uint32_t *out);

/**
 * Take the option `name` with its number from argv[*at] and argv[*at + 1].
 *
 * Returns 1 with *out set and *at moved past both, 0 when argv[*at] is another word, ERR_INVAL when
 * the number is missing, not a number or outside min..max.
 */
int option_take(int argc, char **argv, int *at, const char *name, uint64_t min, uint64_t max,
                uint64_t *out);

/* ---- text (print.c) ---- */

enum { TEXT_MAX = 1280 }; /* the longest text: a request of webget with the longest path */

/* A text being built, on the stack of its program. Text that does not fit is cut. */
struct text {
    size_t len;
    char data[TEXT_MAX];
};

void text_start(struct text *t);

/* Add bytes unchanged. */
void text_add(struct text *t, const char *word);
void text_add_bytes(struct text *t, const char *bytes, size_t len);
void text_add_number(struct text *t, uint64_t number);
void text_add_address(struct text *t, uint32_t addr);

/* Add a token of a report line, with a space before it when it is not the first: `word`, or
 * `key=value`, where a hash has eight hexadecimal digits and an endpoint is `10.0.2.2:8080`. */
void text_word(struct text *t, const char *word);
void text_field(struct text *t, const char *key, const char *value);
void text_number(struct text *t, const char *key, uint64_t value);
void text_hash(struct text *t, const char *key, uint32_t value);
void text_address(struct text *t, const char *key, uint32_t addr);
void text_mac(struct text *t, const char *key, const uint8_t mac[6]);
void text_endpoint(struct text *t, const char *key, const struct socket_address *at);

/* ---- the rest (lib.c) ---- */

/* The word of err.h for an error; "unknown" for anything else. */
const char *error_word(int64_t err);

/* FNV-1a, 32 bits: start with SUM_START, then add the bytes in slices of any size. */
#define SUM_START UINT32_C(2166136261)
uint32_t sum_add(uint32_t sum, const void *bytes, size_t len);

/* The addresses of a host given as a dotted quad or as a name: how many are at `out`, at least 1
 * and at most `room`, or an error of SYS_RESOLVE. */
int host_resolve(const char *host, size_t len, uint32_t *out, unsigned room);

/* Write all of it: 0, or the error of the write that failed. */
int write_all(int fd, const void *bytes, size_t len);

/* Wait for one descriptor: 1 after an event (or an error), 0 after timeout_ns, or an error. */
int wait_for(int fd, uint16_t events, uint64_t timeout_ns);

/* Write the text and a newline to FD_REPORT in one piece, and empty the text. A report that cannot
 * be written is lost. */
void report(struct text *t);

/* Report `error WHAT reason=REASON` and return 1, the exit status. */
int report_error(const char *what, const char *reason);

/* Report `WORD seq=SEQ`, or `error seq=SEQ reason=...` with the word of err. */
void report_seq(const char *word, uint64_t seq);
void report_seq_error(uint64_t seq, int64_t err);

/* Report `usage ` and the usage line of that program; returns 2, the exit status. */
int report_usage(const char *program);

/* Read the words ADDR and PORT (1..65535) of a command line: 0, or the exit status when one of
 * them is wrong, which is then reported. `port` may be NULL: 0. */
int endpoint_take(const char *addr, const char *port, struct socket_address *out);

#endif

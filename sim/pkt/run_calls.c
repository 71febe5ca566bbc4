/*
 * The socket calls of a .pkt script: arguments, results, and calls that wait. See run.h.
 *
 * A call of the stack never waits. What the script calls blocking is made again after every packet
 * and timer, from its start on: it must return at its end, and not before.
 */
#include "run_internal.h"
#include "errors.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of Linux that scripts use: parse_call.c. */
enum {
    F_GETFL = 3,
    F_SETFL = 4,
    O_RDWR = 2,
    O_NONBLOCK = 0x800,
    SHUT_WR = 1,
    MSG_DONTWAIT = 0x40,
    MSG_NOSIGNAL = 0x4000,
    SOL_SOCKET = 1,
    SOL_TCP = 6,
    POLLIN = 1,
    POLLOUT = 4,
    POLLERR = 8,
};

/* What a call returned: a number, an error of err.h, or one of these. */
enum { CALL_WAITS = -1000, CALL_ENDED = -1001 };

struct pkt_made {
    struct pkt_runner *r;
    const struct pkt_event *event;
    struct pkt_pending *pending; /* NULL: not a blocking one */
    struct pkt_socket *socket;
};

/* ---- arguments ---- */

static const struct pkt_value *pkt_call_arg(const struct pkt_made *c, unsigned i)
{
    const struct pkt_call *call = &c->event->call;

    return i < call->count ? &c->r->script->values[call->arg[i]] : NULL;
}

static int64_t pkt_call_unrunnable(const struct pkt_made *c, const char *what)
{
    pkt_run_end(c->r, PKT_UNRUNNABLE, c->event->line, "%s: %s", c->event->call.name, what);
    return CALL_ENDED;
}

static bool pkt_call_number(const struct pkt_made *c, unsigned i, int64_t *out)
{
    const struct pkt_value *v = pkt_call_arg(c, i);

    if (v && v->kind == PKT_NUMBER) {
        *out = v->number;
        return true;
    }
    pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: argument %u must be a number",
                c->event->call.name, i + 1);
    return false;
}

/* The first number in an array, such as [1]. */
static bool pkt_call_boxed(const struct pkt_made *c, unsigned i, int64_t *out)
{
    const struct pkt_value *v = pkt_call_arg(c, i), *all = c->r->script->values;

    if (v && v->kind == PKT_ARRAY && v->first && all[v->first].kind == PKT_NUMBER) {
        *out = all[v->first].number;
        return true;
    }
    pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: argument %u must be a number in brackets",
                c->event->call.name, i + 1);
    return false;
}

/* A field of a struct, or of its struct: NULL when there is none. */
static const struct pkt_value *pkt_call_field(const struct pkt_made *c, const struct pkt_value *v,
                                              const char *name)
{
    const struct pkt_value *all = c->r->script->values;

    for (unsigned i = v && v->kind == PKT_STRUCT ? v->first : 0; i; i = all[i].next)
        if (!strcmp(all[i].name, name))
            return &all[i];
    return NULL;
}

/* The address of a connect or bind; what the script leaves out stays. */
static struct socket_address pkt_call_address(const struct pkt_made *c, unsigned i, uint32_t addr,
                                              uint16_t port)
{
    const struct pkt_value *v = pkt_call_arg(c, i), *f;
    struct socket_address at = {addr, port, 0};

    f = pkt_call_field(c, v, "sin_port");
    if (f && f->kind == PKT_NUMBER)
        at.port = (uint16_t)f->number;
    f = pkt_call_field(c, v, "sin_addr");
    if (f && f->kind == PKT_NUMBER)
        at.addr = (uint32_t)f->number;
    return at;
}

/* ---- sockets ---- */

static int64_t pkt_call_stack(const struct pkt_made *c, enum syscall_nr nr, struct pkt_args *args)
{
    int64_t n = c->r->stack->call(c->r->ctx, nr, c->socket ? c->socket->fd : -1, args);

    return n == ERR_NOSYS   ? pkt_call_unrunnable(c, "this stack has no such call")
           : n == ERR_AGAIN ? CALL_WAITS
                            : n;
}

/* A descriptor of the stack becomes the one that the script expects. */
static int64_t pkt_call_new_socket(const struct pkt_made *c, int64_t fd, bool nonblocking,
                                   unsigned flow)
{
    int64_t number = c->event->call.result;

    if (fd < 0)
        return fd;
    if (c->event->call.any_result || number < 0 || number >= PKT_SOCKETS_MAX) {
        pkt_run_end(c->r, PKT_SYNTAX, c->event->line,
                    "%s: the result must be a descriptor from 0 to %d", c->event->call.name,
                    PKT_SOCKETS_MAX - 1);
        return CALL_ENDED;
    }
    if (c->r->socket[number].used) {
        pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: descriptor %d is in use",
                    c->event->call.name, (int)number);
        return CALL_ENDED;
    }
    c->r->socket[number] =
        (struct pkt_socket){.used = true, .nonblocking = nonblocking, .fd = (int)fd, .flow = flow};
    return number;
}

static int64_t pkt_call_socket(const struct pkt_made *c)
{
    int64_t type, protocol;

    if (!pkt_call_number(c, 1, &type) || !pkt_call_number(c, 2, &protocol))
        return CALL_ENDED;
    if ((type & ~O_NONBLOCK) != 1 || (protocol != 0 && protocol != 6))
        return pkt_call_unrunnable(c, "TCP sockets only");
    return pkt_call_new_socket(c, pkt_call_stack(c, SYS_SOCKET, &(struct pkt_args){0}),
                               type & O_NONBLOCK, 0);
}

static int64_t pkt_call_bind(const struct pkt_made *c)
{
    struct pkt_args a = {.addr = pkt_call_address(c, 1, 0, c->r->script->bind_port)};
    int64_t n = pkt_call_stack(c, SYS_BIND, &a);

    if (n >= 0)
        c->r->listen_port = a.addr.port;
    return n;
}

static int64_t pkt_call_listen(const struct pkt_made *c)
{
    int64_t backlog;

    if (!pkt_call_number(c, 1, &backlog))
        return CALL_ENDED;
    return pkt_call_stack(c, SYS_LISTEN,
                          &(struct pkt_args){.number = backlog < 0 ? 0 : (uint64_t)backlog});
}

static int64_t pkt_call_accept(const struct pkt_made *c)
{
    struct pkt_args a = {0};
    unsigned flow = 0;
    int64_t fd = pkt_call_stack(c, SYS_ACCEPT, &a);

    for (unsigned i = 0; i < c->r->flows; i++)
        if (c->r->flow[i].remote_port == a.addr.port)
            flow = i + 1;
    return pkt_call_new_socket(c, fd, false, flow);
}

static int64_t pkt_call_connect(const struct pkt_made *c)
{
    struct pkt_args a = {
        .addr = pkt_call_address(c, 1, c->r->script->remote_addr, c->r->script->connect_port)};
    unsigned flow;

    if (!c->socket->connecting && !c->socket->flow) {
        flow = pkt_run_new_flow(c->r);
        c->r->flow[flow].remote_port = a.addr.port;
        c->r->current = c->socket->flow = flow + 1;
    }
    return pkt_call_stack(c, SYS_CONNECT, &a);
}

/* ---- data ---- */

/* The bytes to move: the length of the argument that is a number, or of those of an iovec. */
static bool pkt_call_length(const struct pkt_made *c, size_t *len)
{
    const struct pkt_value *v = pkt_call_arg(c, 1), *all = c->r->script->values, *f;
    bool vector = c->event->call.id == PKT_READV || c->event->call.id == PKT_WRITEV;
    int64_t n = 0;

    if (!vector && !pkt_call_number(c, 2, &n))
        return false;
    for (unsigned i = vector && v && v->kind == PKT_ARRAY ? v->first : 0; i; i = all[i].next) {
        f = pkt_call_field(c, &all[i], "iov_len");
        n += f && f->kind == PKT_NUMBER ? f->number : 0;
        if (n > PKT_TRANSFER_MAX)
            break;
    }
    if (n >= 0 && n <= PKT_TRANSFER_MAX) {
        *len = (size_t)n;
        return true;
    }
    pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: the length must be 0 to %d",
                c->event->call.name, PKT_TRANSFER_MAX);
    return false;
}

/* The text of the script's buffer, or NULL: any bytes. */
static const struct pkt_value *pkt_call_text(const struct pkt_made *c)
{
    const struct pkt_value *v = pkt_call_arg(c, 1);

    return v && v->kind == PKT_STRING ? v : NULL;
}

/* The flags of send and recv: may this call wait? */
static bool pkt_call_flags(const struct pkt_made *c, bool *nonblocking)
{
    int64_t flags = 0;

    *nonblocking = c->socket->nonblocking;
    if (strncmp(c->event->call.name, "send", 4) && strncmp(c->event->call.name, "recv", 4))
        return true;
    if (!pkt_call_number(c, 3, &flags))
        return false;
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) {
        pkt_call_unrunnable(c, "these flags");
        return false;
    }
    *nonblocking |= (flags & MSG_DONTWAIT) != 0;
    return true;
}

static int64_t pkt_call_read(const struct pkt_made *c)
{
    struct pkt_flow *f = c->socket->flow ? &c->r->flow[c->socket->flow - 1] : NULL;
    const struct pkt_value *text = pkt_call_text(c);
    struct pkt_args a = {0};
    bool same;
    int64_t n;

    if (!pkt_call_length(c, &a.len) || !pkt_call_flags(c, &same))
        return CALL_ENDED;
    same = true;
    a.bytes = memory_new(a.len + 1, 1);
    n = pkt_call_stack(c, SYS_READ, &a);
    for (int64_t i = 0; f && i < n; i++)
        same &= a.bytes[i] == pkt_flow_byte(f->first + f->read + (uint32_t)i);
    if (f && n > 0)
        f->read += (uint32_t)n;
    free(a.bytes);
    if (text)
        return pkt_call_unrunnable(c, "the bytes that a peer sends have no text: use ...");
    if (same)
        return n;
    pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s: other bytes than those that were sent",
                c->event->call.name);
    return CALL_ENDED;
}

/* What the program writes: its text, or bytes that are different at each place of the stream. */
static int64_t pkt_call_write(const struct pkt_made *c)
{
    struct pkt_flow *f = c->socket->flow ? &c->r->flow[c->socket->flow - 1] : NULL;
    const struct pkt_value *text = pkt_call_text(c);
    struct pkt_args a = {0};
    size_t done = c->pending ? c->pending->done : 0, len;
    bool nonblocking;
    int64_t n;

    if (!pkt_call_length(c, &len) || !pkt_call_flags(c, &nonblocking))
        return CALL_ENDED;
    if (text && text->len < len) {
        pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: the text has %zu bytes",
                    c->event->call.name, text->len);
        return CALL_ENDED;
    }
    if (f && f->written_len + len > PKT_TRANSFER_MAX)
        return pkt_call_unrunnable(c, "too many bytes in one connection");
    a.len = len - done;
    a.bytes = memory_new(a.len + 1, 1);
    for (size_t i = 0; i < a.len; i++)
        a.bytes[i] = text ? (uint8_t)text->text[done + i]
                          : pkt_flow_byte(~(uint32_t)((f ? f->written_len : 0) + i));
    n = pkt_call_stack(c, SYS_WRITE, &a);
    if (f && n > 0) {
        f->written = memory_grow(f->written, f->written_len + (size_t)n, &f->written_size, 1);
        memcpy(f->written + f->written_len, a.bytes, (size_t)n);
        f->written_len += (size_t)n;
    }
    free(a.bytes);
    if (n < 0)
        return n;
    if (!c->pending || done + (size_t)n == len)
        return n + (int64_t)done;
    c->pending->done += (size_t)n;
    return CALL_WAITS;
}

/* ---- the rest ---- */

static int64_t pkt_call_close(const struct pkt_made *c)
{
    int64_t n = pkt_call_stack(c, SYS_CLOSE, &(struct pkt_args){0});

    *c->socket = (struct pkt_socket){0};
    return n;
}

static int64_t pkt_call_shutdown(const struct pkt_made *c)
{
    int64_t how;

    if (!pkt_call_number(c, 1, &how))
        return CALL_ENDED;
    return how == SHUT_WR ? pkt_call_stack(c, SYS_SHUTDOWN, &(struct pkt_args){0})
                          : pkt_call_unrunnable(c, "SHUT_WR only");
}

static int64_t pkt_call_fcntl(const struct pkt_made *c)
{
    int64_t what, flags;

    if (!pkt_call_number(c, 1, &what))
        return CALL_ENDED;
    if (what == F_GETFL)
        return O_RDWR | (c->socket->nonblocking ? O_NONBLOCK : 0);
    if (what != F_SETFL)
        return pkt_call_unrunnable(c, "F_GETFL and F_SETFL only");
    if (!pkt_call_number(c, 2, &flags))
        return CALL_ENDED;
    c->socket->nonblocking = flags & O_NONBLOCK;
    return 0;
}

/* A poll with nothing ready: does it wait, at least until the time of its end? */
static bool pkt_call_poll_waits(const struct pkt_made *c, int64_t wait_ms)
{
    uint64_t until_ns = c->pending->start_ns + (uint64_t)wait_ms * NS_PER_MS;

    if (wait_ms < 0 || c->r->now_ns < until_ns)
        return true;
    if (c->r->now_ns > until_ns)
        pkt_run_end(c->r, PKT_FAIL, c->event->line, "poll returned before its end");
    return false;
}

/* poll([{fd=4, events=POLLIN, revents=POLLIN}, ...], count, milliseconds) */
static int64_t pkt_call_poll(const struct pkt_made *c)
{
    const struct pkt_value *v = pkt_call_arg(c, 0), *all = c->r->script->values;
    int64_t count = 0, wait_ms;
    bool same = true;

    if (!pkt_call_number(c, 2, &wait_ms))
        return CALL_ENDED;
    for (unsigned i = v && v->kind == PKT_ARRAY ? v->first : 0; i; i = all[i].next) {
        const struct pkt_value *fd = pkt_call_field(c, &all[i], "fd"),
                               *events = pkt_call_field(c, &all[i], "events"),
                               *revents = pkt_call_field(c, &all[i], "revents");
        struct pkt_made one = *c;
        int64_t ready, got;

        if (!fd || fd->number < 0 || fd->number >= PKT_SOCKETS_MAX || !events)
            return pkt_call_unrunnable(c, "an entry without fd and events");
        one.socket = &c->r->socket[fd->number];
        ready = one.socket->used ? pkt_call_stack(&one, SYS_POLL, &(struct pkt_args){0}) : ERR_BADF;
        if (ready < 0)
            return ready;
        got =
            ((ready & READY_IN ? POLLIN : 0) | (ready & READY_OUT ? POLLOUT : 0)) & events->number;
        got |= ready & READY_ERR ? POLLERR : 0;
        count += got != 0;
        same &= !revents || revents->kind != PKT_NUMBER || revents->number == got;
    }
    if (!count && c->pending && pkt_call_poll_waits(c, wait_ms))
        return CALL_WAITS;
    if (!same)
        pkt_run_end(c->r, PKT_FAIL, c->event->line, "poll: revents differ");
    return same ? count : CALL_ENDED;
}

/* ---- socket options ---- */

static int64_t pkt_call_option(const struct pkt_made *c, enum pkt_socket_option option, bool set,
                               uint64_t *value)
{
    int64_t n = c->r->stack->option(c->r->ctx, c->socket->fd, option, set, value);

    return n == ERR_NOSYS ? pkt_call_unrunnable(c, "this option or value") : n;
}

/* SO_LINGER with a time of 0: close is a reset. */
static int64_t pkt_call_linger(const struct pkt_made *c)
{
    const struct pkt_value *v = pkt_call_arg(c, 3), *on = pkt_call_field(c, v, "onoff"),
                           *time = pkt_call_field(c, v, "linger");
    uint64_t seconds;

    on = on ? on : pkt_call_field(c, v, "l_onoff");
    time = time ? time : pkt_call_field(c, v, "l_linger");
    if (!on || !time || !on->number)
        return pkt_call_unrunnable(c, "SO_LINGER must be {onoff=1, linger=0}");
    seconds = (uint64_t)time->number;
    return pkt_call_option(c, PKT_SO_LINGER, true, &seconds);
}

static int64_t pkt_call_setsockopt(const struct pkt_made *c)
{
    enum { REUSEADDR = 2, KEEPALIVE = 9, LINGER = 13, NODELAY = 1, KEEPIDLE = 4 };
    int64_t level, name, n;
    uint64_t value;

    if (!pkt_call_number(c, 1, &level) || !pkt_call_number(c, 2, &name))
        return CALL_ENDED;
    if (level == SOL_SOCKET && name == LINGER)
        return pkt_call_linger(c);
    if (!pkt_call_boxed(c, 3, &n))
        return CALL_ENDED;
    value = (uint64_t)n;
    if (level == SOL_SOCKET && name == REUSEADDR)
        return pkt_call_option(c, PKT_SO_REUSEADDR, true, &value);
    if (level == SOL_TCP && name == NODELAY)
        return pkt_call_option(c, PKT_SO_NODELAY, true, &value);
    if (level == SOL_TCP && name == KEEPIDLE && n > 0) {
        c->socket->keepalive_s = (uint32_t)min_u64(value, UINT32_MAX);
        return 0;
    }
    if (level == SOL_SOCKET && name == KEEPALIVE) {
        value = n ? c->socket->keepalive_s ? c->socket->keepalive_s : 7200 : 0;
        return pkt_call_option(c, PKT_SO_KEEPALIVE, true, &value);
    }
    return pkt_call_unrunnable(c, "this option");
}

static int64_t pkt_call_getsockopt(const struct pkt_made *c)
{
    enum { ERROR = 4, MAXSEG = 2 };
    int64_t level, name, expected, n;
    uint64_t value = 0;
    bool error, same;

    if (!pkt_call_number(c, 1, &level) || !pkt_call_number(c, 2, &name) ||
        !pkt_call_boxed(c, 3, &expected))
        return CALL_ENDED;
    error = level == SOL_SOCKET && name == ERROR;
    if (!error && (level != SOL_TCP || name != MAXSEG))
        return pkt_call_unrunnable(c, "this option");
    n = pkt_call_option(c, error ? PKT_SO_ERROR : PKT_SO_MAXSEG, false, &value);
    same = error && value ? pkt_error_number(pkt_error_names((int64_t)value)) == expected
                          : (int64_t)value == expected;
    if (n || same)
        return n;
    pkt_run_end(c->r, PKT_FAIL, c->event->line, "getsockopt: the value is %s",
                error ? pkt_error_names((int64_t)value) : "another one");
    return CALL_ENDED;
}

/* ---- a call ---- */

static int64_t pkt_call_make(const struct pkt_made *c)
{
    switch (c->event->call.id) {
    case PKT_SOCKET:
        return pkt_call_socket(c);
    case PKT_BIND:
        return pkt_call_bind(c);
    case PKT_LISTEN:
        return pkt_call_listen(c);
    case PKT_ACCEPT:
        return pkt_call_accept(c);
    case PKT_CONNECT:
        return pkt_call_connect(c);
    case PKT_READ:
    case PKT_READV:
        return pkt_call_read(c);
    case PKT_WRITE:
    case PKT_WRITEV:
        return pkt_call_write(c);
    case PKT_CLOSE:
        return pkt_call_close(c);
    case PKT_SHUTDOWN:
        return pkt_call_shutdown(c);
    case PKT_FCNTL:
        return pkt_call_fcntl(c);
    case PKT_POLL:
        return pkt_call_poll(c);
    case PKT_GETSOCKOPT:
        return pkt_call_getsockopt(c);
    case PKT_SETSOCKOPT:
        return pkt_call_setsockopt(c);
    }
    return CALL_ENDED;
}

/* The script's descriptor: false when it has none of this number. */
static bool pkt_call_find_socket(struct pkt_made *c)
{
    int64_t fd;

    if (c->event->call.id == PKT_SOCKET || c->event->call.id == PKT_POLL)
        return true;
    if (!pkt_call_number(c, 0, &fd))
        return false;
    if (fd >= 0 && fd < PKT_SOCKETS_MAX && c->r->socket[fd].used) {
        c->socket = &c->r->socket[fd];
        return true;
    }
    pkt_run_end(c->r, PKT_SYNTAX, c->event->line, "%s: no descriptor %d is open",
                c->event->call.name, (int)fd);
    return false;
}

/* Compare a result with that of the script. */
static void pkt_call_check(const struct pkt_made *c, int64_t n)
{
    const struct pkt_call *call = &c->event->call;

    if (c->r->over || call->any_result)
        return;
    if (call->error[0]) {
        if (n >= 0)
            pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s returned %" PRId64 ", not %s",
                        call->name, n, call->error);
        else if (!pkt_error_is(n, call->error))
            pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s returned %s, not %s", call->name,
                        pkt_error_names(n), call->error);
    } else if (n < 0) {
        pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s returned %s, not %" PRId64, call->name,
                    pkt_error_names(n), call->result);
    } else if (n != call->result) {
        pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s returned %" PRId64 ", not %" PRId64,
                    call->name, n, call->result);
    }
}

/* A call that would wait, and has no end time: the name of the error, or a failure. */
static void pkt_call_would_wait(const struct pkt_made *c)
{
    const struct pkt_call *call = &c->event->call;
    bool nonblocking = call->id == PKT_POLL, connecting;
    const char *name;

    if (c->socket) {
        nonblocking = c->socket->nonblocking;
        if (call->id == PKT_READ || call->id == PKT_WRITE)
            (void)pkt_call_flags(c, &nonblocking);
    }
    if (c->r->over)
        return;
    connecting = c->socket && c->socket->connecting;
    if (c->socket)
        c->socket->connecting = call->id == PKT_CONNECT;
    name = call->id != PKT_CONNECT ? "EAGAIN" : connecting ? "EALREADY" : "EINPROGRESS";
    if (!nonblocking)
        pkt_run_end(c->r, PKT_FAIL, c->event->line,
                    "%s waits, and its socket is not non-blocking: give it an end time",
                    call->name);
    else if (strcmp(call->error, name) &&
             (strcmp(call->error, "EWOULDBLOCK") || call->id == PKT_CONNECT))
        pkt_run_end(c->r, PKT_FAIL, c->event->line, "%s returned %s, not %s", call->name, name,
                    call->error[0] ? call->error : "a number");
}

void pkt_run_call(struct pkt_runner *r, const struct pkt_event *e)
{
    struct pkt_pending pending = {.event = e, .start_ns = r->now_ns};
    struct pkt_made c = {.r = r, .event = e, .pending = e->call.blocking ? &pending : NULL};
    uint64_t end = e->call.end.first_ns;
    int64_t n;

    if (!pkt_call_find_socket(&c))
        return;
    if (!e->call.blocking) {
        n = pkt_call_make(&c);
        if (n == CALL_WAITS)
            pkt_call_would_wait(&c);
        else
            pkt_call_check(&c, n);
        pkt_run_settle(r);
        return;
    }
    pending.end_ns = e->call.end.relative ? r->now_ns + end : end;
    if (pending.end_ns < r->now_ns)
        pkt_run_end(r, PKT_SYNTAX, e->line, "the call ends before it starts");
    else if (r->pending_count == PKT_PENDING_MAX)
        pkt_run_end(r, PKT_UNRUNNABLE, e->line, "more than %d calls wait", PKT_PENDING_MAX);
    else
        r->pending[r->pending_count++] = pending;
    pkt_run_settle(r);
}

/* True: it has returned. */
static bool pkt_call_again(struct pkt_runner *r, struct pkt_pending *p, bool *progress)
{
    struct pkt_made c = {.r = r, .event = p->event, .pending = p};
    size_t done = p->done;
    int64_t n;

    if (!pkt_call_find_socket(&c))
        return true;
    n = pkt_call_make(&c);
    if (n == CALL_WAITS) {
        *progress |= p->done != done;
        return false;
    }
    *progress = true;
    if (r->now_ns != p->end_ns)
        pkt_run_end(r, PKT_FAIL, p->event->line, "%s returned %" PRIu64 " ns too early",
                    p->event->call.name, p->end_ns - r->now_ns);
    pkt_call_check(&c, n);
    return true;
}

bool pkt_run_retry(struct pkt_runner *r)
{
    bool any = false;

    for (unsigned i = 0; i < r->pending_count && !r->over; i++)
        if (pkt_call_again(r, &r->pending[i], &any)) {
            memmove(&r->pending[i], &r->pending[i + 1],
                    (r->pending_count - i - 1) * sizeof(r->pending[0]));
            r->pending_count--;
            i--;
        }
    return any;
}

uint64_t pkt_run_calls_due(const struct pkt_runner *r)
{
    uint64_t due = UINT64_MAX;

    for (unsigned i = 0; i < r->pending_count; i++)
        if (r->pending[i].end_ns > r->now_ns)
            due = min_u64(due, r->pending[i].end_ns);
    return due;
}

void pkt_run_calls_check(struct pkt_runner *r)
{
    for (unsigned i = 0; i < r->pending_count; i++)
        if (r->pending[i].end_ns <= r->now_ns)
            pkt_run_end(r, PKT_FAIL, r->pending[i].event->line, "%s has not returned at its end",
                        r->pending[i].event->call.name);
}

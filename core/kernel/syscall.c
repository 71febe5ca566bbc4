/*
 * The system calls (core/interface/syscall.h), one small function each. Every argument comes from a
 * program and is not trusted: descriptors are looked up, lengths are cut, memory is accessed only
 * through the machine's checked copies.
 */
#include "../base/err.h"
#include "../base/minmax.h"
#include "kernel.h"

/* A longer buffer is cut to this size; a short count is a valid result. */
enum { IO_MAX = 1 << 20 };

/* How long connect(), sendto() and resolve() wait for the machine to get an address. */
#define NETWORK_WAIT_NS (180 * NS_PER_S)

static struct user_buffer user_at(struct task *t, uint64_t address, uint64_t len)
{
    return (struct user_buffer){
        .ops = t->kernel->processes,
        .process = t->process,
        .address = address,
        .len = min_u64(len, IO_MAX),
    };
}

static int get_address(struct task *t, uint64_t at, struct socket_address *out)
{
    struct user_buffer b = user_at(t, at, sizeof(*out));

    return user_copy_in(&b, out, 0, sizeof(*out));
}

/* An address for the program, unless it passed 0 for it. */
static int sys_put_address(struct task *t, uint64_t at, const struct socket_address *from)
{
    struct user_buffer b = user_at(t, at, sizeof(*from));

    return at ? user_copy_out(&b, 0, from, sizeof(*from)) : 0;
}

/* True if the program's address structure can be written; checked before a call takes effect. */
static int probe_address(struct task *t, uint64_t at)
{
    struct socket_address probe;
    int err = at ? get_address(t, at, &probe) : 0;

    return err ? err : sys_put_address(t, at, &probe);
}

static bool timed_out(const struct task *t, const struct call *c)
{
    return t->kernel->now_ns >= c->deadline_ns;
}

/* ---- files ---- */

static int64_t sys_read(struct task *t, const struct call *c)
{
    struct file *f = fd_get(t, c->args[0]);
    struct user_buffer b = user_at(t, c->args[1], c->args[2]);

    if (!f)
        return ERR_BADF;
    return b.len ? f->ops->read(f->object, &b) : 0;
}

static int64_t sys_write(struct task *t, const struct call *c)
{
    struct file *f = fd_get(t, c->args[0]);
    struct user_buffer b = user_at(t, c->args[1], c->args[2]);

    if (!f)
        return ERR_BADF;
    return b.len ? f->ops->write(f->object, &b) : 0;
}

static int64_t sys_close(struct task *t, const struct call *c)
{
    struct file *f = fd_get(t, c->args[0]), closing;

    if (!f)
        return ERR_BADF;
    closing = *f;
    f->ops = 0;
    closing.ops->close(closing.object);
    return 0;
}

static int64_t sys_poll(struct task *t, struct call *c)
{
    struct poll_entry entry[POLL_ENTRIES_MAX];
    size_t count = c->args[1] <= POLL_ENTRIES_MAX ? (size_t)c->args[1] : 0;
    struct user_buffer b = user_at(t, c->args[0], count * sizeof(entry[0]));
    int64_t ready = 0;

    if (c->args[1] > POLL_ENTRIES_MAX)
        return ERR_INVAL;
    if (user_copy_in(&b, entry, 0, b.len))
        return ERR_FAULT;
    for (size_t i = 0; i < count; i++) {
        struct file *f = entry[i].fd < 0 ? 0 : fd_get(t, (uint64_t)entry[i].fd);

        entry[i].revents =
            f ? (uint16_t)(f->ops->ready(f->object) & (entry[i].events | READY_ERR)) : READY_ERR;
        ready += entry[i].revents != 0;
    }
    if (!ready && !timed_out(t, c))
        return ERR_AGAIN;
    return user_copy_out(&b, 0, entry, b.len) ? ERR_FAULT : ready;
}

/* ---- sockets ---- */

/* The file of a socket call, with the operation it needs present. */
#define SOCKET_FILE(t, c, op)                                                                      \
    struct file *f = fd_get((t), (c)->args[0]);                                                    \
    if (!f)                                                                                        \
        return ERR_BADF;                                                                           \
    if (!f->ops->socket || !f->ops->socket->op)                                                    \
    return ERR_NOSYS

static int64_t sys_socket(struct task *t, const struct call *c)
{
    struct file f;
    int err;

    if (c->args[0] < SOCKET_STREAM || c->args[0] > SOCKET_ECHO)
        return ERR_INVAL;
    if (!fd_free(t))
        return ERR_NFILE;
    err = t->kernel->network.socket(t->kernel->network.ctx, (enum socket_type)c->args[0], &f);
    return err ? err : fd_add(t, f);
}

static int64_t sys_connect(struct task *t, struct call *c)
{
    struct socket_address to;
    int err;

    SOCKET_FILE(t, c, connect);
    if (get_address(t, c->args[1], &to))
        return ERR_FAULT;
    err = f->ops->socket->connect(f->object, &to, &c->progress);
    if (c->progress)
        c->deadline_ns = DEADLINE_NEVER; /* in progress: the protocol has its own timeout */
    return err == ERR_AGAIN && !c->progress && timed_out(t, c) ? ERR_NETDOWN : err;
}

static int64_t sys_bind(struct task *t, const struct call *c)
{
    struct socket_address at;

    SOCKET_FILE(t, c, bind);
    if (get_address(t, c->args[1], &at))
        return ERR_FAULT;
    return f->ops->socket->bind(f->object, &at);
}

static int64_t sys_listen(struct task *t, const struct call *c)
{
    SOCKET_FILE(t, c, listen);
    return f->ops->socket->listen(f->object, (unsigned)min_u64(c->args[1], 128));
}

static int64_t sys_accept(struct task *t, const struct call *c)
{
    struct socket_address from;
    struct file child;
    int err;

    SOCKET_FILE(t, c, accept);
    if (!fd_free(t))
        return ERR_NFILE;
    if (probe_address(t, c->args[1]))
        return ERR_FAULT;
    err = f->ops->socket->accept(f->object, &child, &from);
    if (err)
        return err;
    sys_put_address(t, c->args[1], &from);
    return fd_add(t, child);
}

static int64_t sys_sendto(struct task *t, const struct call *c)
{
    struct user_buffer b = user_at(t, c->args[1], c->args[2]);
    struct socket_address to;
    int64_t n;

    SOCKET_FILE(t, c, sendto);
    if (get_address(t, c->args[3], &to))
        return ERR_FAULT;
    n = f->ops->socket->sendto(f->object, &b, &to);
    return n == ERR_AGAIN && timed_out(t, c) ? ERR_NETDOWN : n;
}

static int64_t sys_recvfrom(struct task *t, const struct call *c)
{
    struct user_buffer b = user_at(t, c->args[1], c->args[2]);
    struct socket_address from;
    int64_t n;

    SOCKET_FILE(t, c, recvfrom);
    if (probe_address(t, c->args[3]))
        return ERR_FAULT;
    n = f->ops->socket->recvfrom(f->object, &b, &from);
    if (n >= 0)
        sys_put_address(t, c->args[3], &from);
    return n;
}

static int64_t sys_shutdown(struct task *t, const struct call *c)
{
    SOCKET_FILE(t, c, shutdown);
    return f->ops->socket->shutdown(f->object);
}

static int64_t sys_keepalive(struct task *t, const struct call *c)
{
    SOCKET_FILE(t, c, keepalive);
    return f->ops->socket->keepalive(f->object, c->args[1]);
}

static int64_t sys_netinfo(struct task *t, const struct call *c)
{
    struct user_buffer b = user_at(t, c->args[0], sizeof(struct netinfo));
    struct netinfo info;

    t->kernel->network.info(t->kernel->network.ctx, &info);
    return user_copy_out(&b, 0, &info, sizeof(info));
}

static int64_t sys_lease(struct task *t, const struct call *c)
{
    const struct network_ops *n = &t->kernel->network;

    return c->args[0] > LEASE_PROBE ? ERR_INVAL : n->lease(n->ctx, (enum lease_action)c->args[0]);
}

static int64_t sys_resolve(struct task *t, struct call *c)
{
    const struct network_ops *n = &t->kernel->network;
    struct user_buffer in = user_at(t, c->args[0], c->args[1]);
    struct user_buffer out = user_at(t, c->args[2], c->args[3] * sizeof(uint32_t));
    uint32_t addr[RESOLVE_ADDRESSES_MAX];
    char name[RESOLVE_NAME_MAX];
    int count;

    if (c->args[1] > RESOLVE_NAME_MAX || c->args[3] < 1 || c->args[3] > RESOLVE_ADDRESSES_MAX)
        return ERR_INVAL;
    if (user_copy_in(&in, name, 0, in.len))
        return ERR_FAULT;
    count = n->resolve(n->ctx, name, in.len, addr, (size_t)c->args[3], &c->progress);
    if (c->progress)
        c->deadline_ns = DEADLINE_NEVER; /* the resolver has its own timeout */
    if (count < 0)
        return count == ERR_AGAIN && !c->progress && timed_out(t, c) ? ERR_NETDOWN : count;
    return user_copy_out(&out, 0, addr, (size_t)count * sizeof(addr[0])) ? ERR_FAULT : count;
}

/* ---- the dispatcher ---- */

void syscall_enter(struct task *t, struct call *c)
{
    uint64_t now_ns = t->kernel->now_ns, wait_ns = UINT64_MAX;

    if (c->nr == SYS_SLEEP)
        wait_ns = c->args[0];
    else if (c->nr == SYS_POLL)
        wait_ns = c->args[2];
    else if (c->nr == SYS_CONNECT || c->nr == SYS_SENDTO || c->nr == SYS_RESOLVE)
        wait_ns = NETWORK_WAIT_NS;
    c->deadline_ns = wait_ns < DEADLINE_NEVER - now_ns ? now_ns + wait_ns : DEADLINE_NEVER;
    c->progress = 0;
}

int64_t syscall_dispatch(struct task *t, struct call *c)
{
    switch (c->nr) {
    case SYS_EXIT:
        task_end(t, "exit", (int64_t)c->args[0]);
        return 0;
    case SYS_SLEEP:
        return timed_out(t, c) ? 0 : ERR_AGAIN;
    case SYS_CLOCK:
        return (int64_t)t->kernel->now_ns;
    case SYS_READ:
        return sys_read(t, c);
    case SYS_WRITE:
        return sys_write(t, c);
    case SYS_CLOSE:
        return sys_close(t, c);
    case SYS_POLL:
        return sys_poll(t, c);
    case SYS_SOCKET:
        return sys_socket(t, c);
    case SYS_CONNECT:
        return sys_connect(t, c);
    case SYS_BIND:
        return sys_bind(t, c);
    case SYS_LISTEN:
        return sys_listen(t, c);
    case SYS_ACCEPT:
        return sys_accept(t, c);
    case SYS_SENDTO:
        return sys_sendto(t, c);
    case SYS_RECVFROM:
        return sys_recvfrom(t, c);
    case SYS_SHUTDOWN:
        return sys_shutdown(t, c);
    case SYS_NETINFO:
        return sys_netinfo(t, c);
    case SYS_KEEPALIVE:
        return sys_keepalive(t, c);
    case SYS_LEASE:
        return sys_lease(t, c);
    case SYS_RESOLVE:
        return sys_resolve(t, c);
    default:
        return ERR_NOSYS;
    }
}

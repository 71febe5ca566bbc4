/*
 * The object of a descriptor: it can be read, written, polled and closed; sockets have more calls.
 * The kernel knows only files; the folder that makes them knows the protocols.
 *
 * A function that cannot finish returns ERR_AGAIN, without an effect that the next call would
 * repeat; the kernel calls it again later with the same arguments.
 */
#ifndef DRYWIRE_FILE_H
#define DRYWIRE_FILE_H

#include "../port/process.h"
#include "syscall.h"
#include <stdbool.h>

/* A buffer in a program's memory. */
struct user_buffer {
    const struct process_ops *ops;
    struct process *process;
    uint64_t address;
    size_t len;
};

static inline int user_copy_in(const struct user_buffer *b, void *dst, size_t offset, size_t len)
{
    return b->ops->user_read(b->ops->ctx, b->process, dst, b->address + offset, len);
}

static inline int user_copy_out(const struct user_buffer *b, size_t offset, const void *src,
                                size_t len)
{
    return b->ops->user_write(b->ops->ctx, b->process, b->address + offset, src, len);
}

struct file;

/* Sockets: a NULL function means ERR_NOSYS. `progress` is 0 at the first try of a call and kept
 * between tries. */
struct socket_ops {
    int (*connect)(void *object, const struct socket_address *to, uint64_t *progress);
    int (*bind)(void *object, const struct socket_address *at);
    int (*listen)(void *object, unsigned backlog);
    int (*accept)(void *object, struct file *child, struct socket_address *from);
    int64_t (*sendto)(void *object, const struct user_buffer *b, const struct socket_address *to);
    int64_t (*recvfrom)(void *object, const struct user_buffer *b, struct socket_address *from);
    int (*shutdown)(void *object);
    int (*keepalive)(void *object, uint64_t idle_ns);
};

struct file_ops {
    int64_t (*read)(void *object, const struct user_buffer *b);
    int64_t (*write)(void *object, const struct user_buffer *b);
    unsigned (*ready)(void *object); /* READY_IN, READY_OUT, READY_ERR */
    void (*close)(void *object);
    const struct socket_ops *socket; /* NULL: not a socket */
};

struct file {
    const struct file_ops *ops; /* NULL: not open */
    void *object;
};

/* The operations of a machine's network for the kernel. */
struct network_ops {
    void *ctx;
    int (*socket)(void *ctx, enum socket_type type, struct file *out);
    void (*info)(void *ctx, struct netinfo *out);
    int (*resolve)(void *ctx, const char *name, size_t len, uint32_t *out, size_t room,
                   uint64_t *progress); /* addresses written, or an error of dns_resolve() */
    int (*lease)(void *ctx, enum lease_action action); /* 0, ERR_INVAL: no such action */
};

#endif

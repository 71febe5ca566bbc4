/* A guest on a unix datagram socket: see peer.h. */
#include "peer.h"
#include "../../core/base/minmax.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER_BYTES = 4 << 20 }; /* the system may grant less */

/* Out of memory in the system, which has no event for its end: retry after this time. */
#define RETRY_NS NS_PER_MS

/* ---- opening ---- */

static int peer_out_of_memory(void)
{
    value_message(stderr, "drywire: out of memory\n");
    return EXIT_HARNESS;
}

static int peer_ready(struct peer *p)
{
    int bytes = BUFFER_BYTES;

    setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    p->queue = malloc(PEER_QUEUE * sizeof(*p->queue));
    p->batch = malloc(PEER_BATCH * sizeof(*p->batch));
    if (p->queue && p->batch)
        return 0;
    peer_close(p);
    return peer_out_of_memory();
}

static int peer_socket_error(struct peer *p, const char *what, const char *why)
{
    value_message(stderr, "drywire: --socket %s: %s\n", what, why);
    if (p->fd >= 0)
        close(p->fd);
    return EXIT_USAGE;
}

/* A socket file remains when its process ends: without a listener it is removed. */
static bool peer_remove_stale(int fd, const struct sockaddr_un *addr)
{
    struct stat st;

    if (stat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED &&
           unlink(addr->sun_path) == 0;
}

int peer_open_path(struct peer *p, const char *path, const char *answer)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct sockaddr *generic = (const struct sockaddr *)&addr;

    *p = (struct peer){.fd = -1, .answer = answer};
    if (strlen(path) >= sizeof(addr.sun_path) || !*path)
        return peer_socket_error(p, path, "a socket's path has 1 to 107 bytes");
    memcpy(addr.sun_path, path, strlen(path));
    p->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return peer_socket_error(p, path, strerror(errno));
    if (bind(p->fd, generic, sizeof(addr)) &&
        (errno != EADDRINUSE || !peer_remove_stale(p->fd, &addr) ||
         bind(p->fd, generic, sizeof(addr))))
        return peer_socket_error(
            p, path, errno == EADDRINUSE ? "a file with this name exists" : strerror(errno));
    p->path = path;
    return peer_ready(p);
}

int peer_open_fd(struct peer *p, int fd)
{
    struct sockaddr_un addr;
    socklen_t len = sizeof(int);
    int domain = 0, type = 0;

    *p = (struct peer){.fd = fd};
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len)) {
        value_message(stderr, "drywire: --fd %d: %s\n", fd, strerror(errno));
        return EXIT_USAGE;
    }
    if (domain != AF_UNIX || type != SOCK_DGRAM) {
        value_message(stderr, "drywire: --fd %d is not a unix datagram socket\n", fd);
        return EXIT_USAGE;
    }
    len = sizeof(addr);
    p->connected = getpeername(fd, (struct sockaddr *)&addr, &len) == 0;
    return peer_ready(p);
}

void peer_close(struct peer *p)
{
    close(p->fd);
    if (p->path)
        unlink(p->path);
    free(p->queue);
    free(p->batch);
}

/* ---- from the guest ---- */

/* First frame: from now on this socket is connected to the guest. */
static int peer_connect_to(struct peer *p, const struct sockaddr_un *from, socklen_t len)
{
    struct sockaddr_un addr = *from;

    if (p->answer) {
        addr = (struct sockaddr_un){.sun_family = AF_UNIX};
        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", p->answer);
        len = sizeof(addr);
    } else if (len <= offsetof(struct sockaddr_un, sun_path)) {
        value_message(stderr, "drywire: the guest's socket has no address to send to: bind it to a "
                              "path (QEMU: local.path=), or use --fd\n");
        return -1;
    }
    if (connect(p->fd, (const struct sockaddr *)&addr, len)) {
        value_message(stderr, "drywire: cannot send to the guest at %.*s: %s%s\n",
                      (int)sizeof(addr.sun_path), addr.sun_path, strerror(errno),
                      p->answer ? "" : " (--peer PATH sets the address)");
        return -1;
    }
    p->connected = true;
    return 0;
}

int peer_receive(struct peer *p)
{
    struct sockaddr_un from;
    struct mmsghdr messages[PEER_BATCH];
    struct iovec parts[PEER_BATCH];
    int n;

    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < PEER_BATCH; i++) {
        parts[i] = (struct iovec){p->batch[i].bytes, WIRE_FRAME_MAX};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    messages[0].msg_hdr.msg_name = &from;
    messages[0].msg_hdr.msg_namelen = sizeof(from);
    n = recvmmsg(p->fd, messages, p->connected ? PEER_BATCH : 1, MSG_DONTWAIT, NULL);
    if (n < 0) {
        p->gone |= errno == ECONNRESET;
        return 0;
    }
    if (n && !p->connected && peer_connect_to(p, &from, messages[0].msg_hdr.msg_namelen))
        return -1;
    for (int i = 0; i < n; i++) {
        p->batch[i].len = messages[i].msg_len;
        p->frames_in++;
        p->bytes_in += messages[i].msg_len;
    }
    return n;
}

/* ---- to the guest ---- */

bool peer_send(struct peer *p, const uint8_t *frame, size_t len)
{
    struct peer_frame *f;

    if (p->count == PEER_QUEUE) {
        p->dropped++;
        return false;
    }
    f = &p->queue[(p->first + p->count++) % PEER_QUEUE];
    f->len = (uint32_t)len;
    memcpy(f->bytes, frame, len);
    return true;
}

static void peer_sent(struct peer *p, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        p->bytes_out += p->queue[p->first].len;
        p->first = (p->first + 1) % PEER_QUEUE;
    }
    p->frames_out += frames;
    p->count -= frames;
}

void peer_flush(struct peer *p)
{
    struct mmsghdr messages[PEER_BATCH];
    struct iovec parts[PEER_BATCH];

    p->blocked = false;
    while (p->count && p->connected) {
        unsigned batch = min_u32(p->count, PEER_BATCH);
        int n;

        memset(messages, 0, batch * sizeof(*messages));
        for (unsigned i = 0; i < batch; i++) {
            struct peer_frame *f = &p->queue[(p->first + i) % PEER_QUEUE];

            parts[i] = (struct iovec){f->bytes, f->len};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        n = sendmmsg(p->fd, messages, batch, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            p->blocked = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
            p->retry = p->blocked && errno != EAGAIN;
            p->gone |= !p->blocked && errno != EINTR;
            return;
        }
        peer_sent(p, (unsigned)n);
    }
}

bool peer_wait(const struct peer *p, uint64_t timeout_ns, int other_fd)
{
    struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN}, {.fd = other_fd, .events = POLLIN}};
    struct timespec t;

    if (p->blocked && !p->retry)
        fds[0].events |= POLLOUT;
    else if (p->blocked && timeout_ns > RETRY_NS)
        timeout_ns = RETRY_NS;
    t = (struct timespec){(time_t)(timeout_ns / NS_PER_S), (long)(timeout_ns % NS_PER_S)};
    return ppoll(fds, 2, timeout_ns == SIM_NEVER ? NULL : &t, NULL) > 0 && fds[1].revents;
}

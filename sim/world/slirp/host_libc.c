/*
 * The libc symbols that libslirp calls, defined in the executable so that the dynamic linker binds
 * the library to them: none of its calls reach the system. The calls themselves are in
 * host_socket.c; this file adds the symbols, errno, and the pass-through for everything that is not
 * virtual.
 *
 * Used by the whole process: its other code, GLib, sanitizers and gcov call these functions with
 * their own descriptors and files, which are passed through.
 */
#include "host_socket.h"
#include "../../../core/base/check.h"
#include "../../../core/base/minmax.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The symbols have no context argument: this is the host of the library call in progress, NULL
 * outside. */
static struct host_sockets *current;

void host_enter(struct host_sockets *h)
{
    CHECK(!current);
    current = h;
}

void host_leave(void)
{
    CHECK(current);
    current = NULL;
}

/*
 * Each has its own name and gets the symbol by an asm label, because the headers declare some of
 * them with internal types of the C library. Both the plain and the 64 names: which ones a library
 * uses depends on how it was built. "default" visibility holds under -fvisibility=hidden too. The
 * variadic ones have a fixed third argument, which every Linux ABI passes in the same way.
 */
#define SYMBOL(name) __asm__(#name) __attribute__((visibility("default")))

int call_socket(int domain, int type, int protocol) SYMBOL(socket);
int call_close(int fd) SYMBOL(close);
int call_bind(int fd, const struct sockaddr *addr, socklen_t len) SYMBOL(bind);
int call_listen(int fd, int backlog) SYMBOL(listen);
int call_connect(int fd, const struct sockaddr *addr, socklen_t len) SYMBOL(connect);
int call_accept(int fd, struct sockaddr *addr, socklen_t *len) SYMBOL(accept);
int call_shutdown(int fd, int how) SYMBOL(shutdown);
int call_getsockname(int fd, struct sockaddr *addr, socklen_t *len) SYMBOL(getsockname);
int call_getpeername(int fd, struct sockaddr *addr, socklen_t *len) SYMBOL(getpeername);
int call_getsockopt(int fd, int level, int name, void *value, socklen_t *len) SYMBOL(getsockopt);
int call_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
    SYMBOL(setsockopt);
ssize_t call_send(int fd, const void *buf, size_t len, int flags) SYMBOL(send);
ssize_t call_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                    socklen_t addr_len) SYMBOL(sendto);
ssize_t call_recv(int fd, void *buf, size_t len, int flags) SYMBOL(recv);
ssize_t call_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                      socklen_t *addr_len) SYMBOL(recvfrom);
ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags) SYMBOL(recvmsg);
int call_ioctl(int fd, unsigned long request, void *arg) SYMBOL(ioctl);
int call_fcntl(int fd, int command, long arg) SYMBOL(fcntl);
int call_fcntl64(int fd, int command, long arg) SYMBOL(fcntl64);
FILE *call_fopen(const char *path, const char *mode) SYMBOL(fopen);
FILE *call_fopen64(const char *path, const char *mode) SYMBOL(fopen64);
int call_stat(const char *path, struct stat *st) SYMBOL(stat);
int call_stat64(const char *path, struct stat64 *st) SYMBOL(stat64);
void *call_g_rand_new(void) SYMBOL(g_rand_new);
void *call_g_realloc(void *p, size_t size) SYMBOL(g_realloc);

enum { BUFFER_SIZE = 128 << 10, SEGMENT_ROOM = 2048 };

bool host_interposed(void)
{
    return dlsym(RTLD_DEFAULT, "connect") == (void *)call_connect;
}

/* ---- helpers ---- */

/* The socket of a virtual descriptor; NULL for descriptors of the system. */
static struct host_socket *socket_of(int fd)
{
    unsigned index = (unsigned)fd - HOST_FD_FIRST;

    if (!current || fd < HOST_FD_FIRST || index >= current->used ||
        current->sockets[index].kind == HOST_FREE)
        return NULL;
    return &current->sockets[index];
}

/* The same call to the system. No descriptor of the system is negative or virtual: the library's
 * close(-1) is not passed on. */
static long pass(long number, int fd, long a, long b, long c, long d, long e)
{
    if (fd < 0 || fd >= HOST_FD_FIRST) {
        errno = EBADF;
        return -1;
    }
    if (current)
        current->passed++;
    return syscall(number, fd, a, b, c, d, e);
}

/* Convert the result of a host_socket function to that of the call. */
static ssize_t result(ssize_t n)
{
    if (n >= 0)
        return n;
    errno = (int)-n;
    return -1;
}

static void address_in(const struct sockaddr *addr, socklen_t len, uint32_t *ip, uint16_t *port)
{
    struct sockaddr_in sin = {0};

    memcpy(&sin, addr, min_u32(len, sizeof(sin)));
    *ip = ntohl(sin.sin_addr.s_addr);
    *port = ntohs(sin.sin_port);
}

static void address_out(struct sockaddr *addr, socklen_t *len, uint32_t ip, uint16_t port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};

    if (!addr)
        return;
    memcpy(addr, &sin, min_u32(*len, sizeof(sin)));
    *len = sizeof(sin);
}

/* ---- connections ---- */

int call_socket(int domain, int type, int protocol)
{
    if (!current)
        return (int)syscall(SYS_socket, domain, type, protocol);
    if (domain != AF_INET)
        return (int)result(-EAFNOSUPPORT);
    switch (type & 15) { /* without SOCK_CLOEXEC, SOCK_NONBLOCK */
    case SOCK_STREAM:
        return (int)result(host_socket_new(current, HOST_STREAM));
    case SOCK_DGRAM:
        return (int)result(
            host_socket_new(current, protocol == IPPROTO_ICMP ? HOST_PING : HOST_DATAGRAM));
    default:
        return (int)result(-EPROTONOSUPPORT);
    }
}

int call_close(int fd)
{
    struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_close, fd, 0, 0, 0, 0, 0);
    host_socket_close(so);
    return 0;
}

int call_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct host_socket *so = socket_of(fd);
    uint32_t ip;
    uint16_t port;

    if (!so)
        return (int)pass(SYS_bind, fd, (long)addr, (long)len, 0, 0, 0);
    address_in(addr, len, &ip, &port);
    host_socket_bind(current, so, ip, port);
    return 0;
}

int call_listen(int fd, int backlog)
{
    struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_listen, fd, backlog, 0, 0, 0, 0);
    so->kind = HOST_LISTENER;
    return 0;
}

/* Never synchronous: a synchronous refusal makes the library free a packet twice. */
int call_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct host_socket *so = socket_of(fd);
    uint32_t ip;
    uint16_t port;

    if (!so)
        return (int)pass(SYS_connect, fd, (long)addr, (long)len, 0, 0, 0);
    address_in(addr, len, &ip, &port);
    host_socket_connect(current, so, ip, port);
    return (int)result(-EINPROGRESS);
}

int call_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct host_socket *listener = socket_of(fd);

    if (!listener)
        return (int)pass(SYS_accept, fd, (long)addr, (long)len, 0, 0, 0);

    int new_fd = host_socket_accept(current, listener);
    const struct host_socket *so = socket_of(new_fd);

    if (so)
        address_out(addr, len, so->peer_addr, so->peer_port);
    return (int)result(new_fd);
}

int call_shutdown(int fd, int how)
{
    struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_shutdown, fd, how, 0, 0, 0, 0);
    if (how != SHUT_RD)
        host_socket_shutdown(current, so);
    return 0;
}

int call_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    const struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_getsockname, fd, (long)addr, (long)len, 0, 0, 0);
    address_out(addr, len, so->addr, so->port);
    return 0;
}

/* Also after the end of the stream: the library would take ENOTCONN for a reset. */
int call_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    const struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_getpeername, fd, (long)addr, (long)len, 0, 0, 0);
    if (!so->peer_port)
        return (int)result(-ENOTCONN);
    address_out(addr, len, so->peer_addr, so->peer_port);
    return 0;
}

int call_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct host_socket *so = socket_of(fd);
    int answer = 0;

    if (!so)
        return (int)pass(SYS_getsockopt, fd, level, name, (long)value, (long)len, 0);
    if (level == SOL_SOCKET && name == SO_ERROR) {
        answer = so->error;
        so->error = 0;
    }
    memcpy(value, &answer, min_u32(*len, sizeof(answer)));
    return 0;
}

int call_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (!socket_of(fd))
        return (int)pass(SYS_setsockopt, fd, level, name, (long)value, (long)len, 0);
    return 0;
}

/* ---- bytes ---- */

ssize_t call_send(int fd, const void *buf, size_t len, int flags)
{
    struct host_socket *so = socket_of(fd);

    if (!so)
        return pass(SYS_sendto, fd, (long)buf, (long)len, flags, 0, 0);
    return result(host_socket_send(current, so, buf, len));
}

ssize_t call_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                    socklen_t addr_len)
{
    struct host_socket *so = socket_of(fd);
    uint32_t ip;
    uint16_t port;

    if (!so)
        return pass(SYS_sendto, fd, (long)buf, (long)len, flags, (long)addr, (long)addr_len);
    if (!addr)
        return result(host_socket_send(current, so, buf, len));
    address_in(addr, addr_len, &ip, &port);
    return result(host_socket_sendto(current, so, ip, port, buf, len));
}

ssize_t call_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                      socklen_t *addr_len)
{
    struct host_socket *so = socket_of(fd);
    uint32_t ip = 0;
    uint16_t port = 0;

    if (!so)
        return pass(SYS_recvfrom, fd, (long)buf, (long)len, flags, (long)addr, (long)addr_len);

    ssize_t n = host_socket_recv(current, so, buf, len, &ip, &port);

    address_out(addr, addr_len, ip, port);
    return result(n);
}

ssize_t call_recv(int fd, void *buf, size_t len, int flags)
{
    return call_recvfrom(fd, buf, len, flags, NULL, NULL);
}

/* The library only reads the error queue with it, which is always empty. */
ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
    if (!socket_of(fd))
        return pass(SYS_recvmsg, fd, (long)msg, flags, 0, 0, 0);
    return result(-EAGAIN);
}

int call_ioctl(int fd, unsigned long request, void *arg)
{
    const struct host_socket *so = socket_of(fd);

    if (!so)
        return (int)pass(SYS_ioctl, fd, (long)request, (long)arg, 0, 0, 0);
    if (request != FIONREAD)
        return (int)result(-EINVAL);
    *(int *)arg = (int)host_socket_pending(current, so);
    return 0;
}

/* Always succeeds on a virtual descriptor: the library asserts it. */
int call_fcntl(int fd, int command, long arg)
{
    if (!socket_of(fd))
        return (int)pass(SYS_fcntl, fd, command, arg, 0, 0, 0);
    return 0;
}

int call_fcntl64(int fd, int command, long arg)
{
    return call_fcntl(fd, command, arg);
}

/* ---- files ---- */

static const char resolv_conf[] = "nameserver " HOST_RESOLVER_TEXT "\n";

static bool is_resolv_conf(const char *path)
{
    return current && strcmp(path, "/etc/resolv.conf") == 0;
}

static FILE *open_file(const char *symbol, const char *path, const char *mode)
{
    typedef FILE *open_fn(const char *, const char *);

    if (is_resolv_conf(path))
        return fmemopen((void *)(uintptr_t)resolv_conf, sizeof(resolv_conf) - 1, "r");

    open_fn *next = (open_fn *)dlsym(RTLD_NEXT, symbol);

    CHECK(next);
    return next(path, mode);
}

FILE *call_fopen(const char *path, const char *mode)
{
    return open_file("fopen", path, mode);
}

FILE *call_fopen64(const char *path, const char *mode)
{
    return open_file("fopen64", path, mode);
}

int call_stat(const char *path, struct stat *st)
{
    if (!is_resolv_conf(path))
        return fstatat(AT_FDCWD, path, st, 0);
    *st = (struct stat){.st_mode = S_IFREG | 0444, .st_size = sizeof(resolv_conf) - 1};
    return 0;
}

int call_stat64(const char *path, struct stat64 *st)
{
    if (!is_resolv_conf(path))
        return fstatat64(AT_FDCWD, path, st, 0);
    *st = (struct stat64){.st_mode = S_IFREG | 0444, .st_size = sizeof(resolv_conf) - 1};
    return 0;
}

/* GLib's own function reads a seed from the system. The library uses it for IPv6 only. Seeding
 * would dominate the cost of opening a world, so each gets a copy of one seeded generator. */
void *call_g_rand_new(void)
{
    static void *first, *(*copy)(void *);

    if (!first) {
        void *(*with_seed)(uint32_t) =
            (void *(*)(uint32_t))(uintptr_t)dlsym(RTLD_NEXT, "g_rand_new_with_seed");

        copy = (void *(*)(void *))(uintptr_t)dlsym(RTLD_NEXT, "g_rand_copy");
        CHECK(with_seed && copy);
        first = with_seed(1);
    }
    return copy(first);
}

/* The library allocates 128 KiB for each direction of a connection and then, while they are empty,
 * grows them by less than a segment: with spare room the C library need not copy them. */
void *call_g_realloc(void *p, size_t size)
{
    if (!size) {
        free(p);
        return NULL;
    }
    p = realloc(p, p || size < BUFFER_SIZE ? size : size + SEGMENT_ROOM);
    CHECK(p);
    return p;
}

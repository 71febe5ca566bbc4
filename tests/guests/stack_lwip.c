/*
 * Another stack under ladders: the lwIP of Debian's library, with its callbacks, without its
 * thread. It includes nothing of drywire but the header of the table of calls (docs/ladders.md).
 *
 * lwIP has globals: one stack at a time. Its MTU, window and addresses are those of the script but
 * for the window, which the library fixes.
 */
#include "../../sim/pkt/stack.h"

#define ERR_ISCONN LWIP_ERR_ISCONN /* drywire has one, too */
#include "lwip/init.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#undef ERR_ISCONN

#include <string.h>

enum { LINK_LEN = 14, FRAME_MAX = 1514, FRAMES = 4096, SOCKETS = 64, QUEUE = 16 };

struct sock {
    struct tcp_pcb *pcb; /* NULL: lwIP has freed it */
    struct pbuf *unread;
    struct tcp_pcb *ready[QUEUE]; /* of a listener */
    unsigned ready_count;
    int64_t error;
    bool used, listens, connecting, connected, ended, closed, resets;
};

static struct {
    struct netif netif;
    uint64_t now_ns;
    bool initialised;
    uint8_t frame[FRAMES][FRAME_MAX];
    size_t len[FRAMES];
    unsigned sent, taken;
    struct sock sock[SOCKETS];
} e;

/* The library calls it: that of this object comes first. */
__attribute__((visibility("default"))) u32_t sys_now(void)
{
    return (u32_t)(e.now_ns / 1000000);
}

/* ---- the link ---- */

static err_t send_packet(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    unsigned at = e.sent % FRAMES;

    (void)netif;
    (void)to;
    if (e.sent - e.taken == FRAMES || p->tot_len > FRAME_MAX - LINK_LEN)
        return ERR_MEM;
    pbuf_copy_partial(p, e.frame[at] + LINK_LEN, p->tot_len, 0);
    e.len[at] = LINK_LEN + (size_t)p->tot_len;
    e.sent++;
    return ERR_OK;
}

static err_t link_start(struct netif *netif)
{
    netif->output = send_packet;
    netif->flags = NETIF_FLAG_LINK_UP | NETIF_FLAG_BROADCAST;
    return ERR_OK;
}

/* ---- what lwIP calls ---- */

static err_t on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct sock *s = arg;

    (void)pcb;
    (void)err;
    if (!p)
        s->ended = true;
    else if (s->unread)
        pbuf_cat(s->unread, p);
    else
        s->unread = p;
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct sock *s = arg;

    if (!s)
        return;
    s->pcb = NULL;
    s->error = err == ERR_RST ? s->connected ? ERR_RESET : ERR_REFUSED : ERR_TIMEDOUT;
}

static void attach(struct sock *s, struct tcp_pcb *pcb)
{
    s->pcb = pcb;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_data);
    tcp_err(pcb, on_error);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct sock *s = arg;

    (void)pcb;
    (void)err;
    s->connected = true;
    return ERR_OK;
}

/* Data for a connection that was not accepted yet stays with lwIP: it offers it again. */
static err_t on_early_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)pcb;
    (void)p;
    (void)err;
    return ERR_MEM;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct sock *s = arg;

    if (err != ERR_OK || s->ready_count == QUEUE)
        return ERR_MEM;
    tcp_recv(pcb, on_early_data);
    tcp_backlog_delayed(pcb);
    s->ready[s->ready_count++] = pcb;
    return ERR_OK;
}

/* ---- calls ---- */

static int64_t new_sock(struct sock **out)
{
    for (int fd = 0; fd < SOCKETS; fd++)
        if (!e.sock[fd].used) {
            e.sock[fd] = (struct sock){.used = true};
            *out = &e.sock[fd];
            return fd;
        }
    return ERR_NFILE;
}

static int64_t do_socket(void)
{
    struct sock *s;
    int64_t fd = new_sock(&s);

    if (fd >= 0)
        attach(s, tcp_new());
    return fd;
}

static int64_t do_listen(struct sock *s, uint64_t backlog)
{
    struct tcp_pcb *pcb;

    if (!s->pcb || s->listens || s->connecting || !s->pcb->local_port)
        return ERR_INVAL;
    tcp_recv(s->pcb, NULL);
    tcp_err(s->pcb, NULL);
    pcb = tcp_listen_with_backlog(s->pcb, (u8_t)(backlog > 255 ? 255 : backlog ? backlog : 1));
    if (!pcb)
        return ERR_NFILE;
    s->pcb = pcb;
    s->listens = true;
    tcp_arg(pcb, s);
    tcp_accept(pcb, on_accept);
    return 0;
}

static int64_t do_accept(struct sock *s, struct pkt_args *a)
{
    struct tcp_pcb *pcb;
    struct sock *child;
    int64_t fd;

    if (!s->listens)
        return ERR_INVAL;
    if (!s->ready_count)
        return ERR_AGAIN;
    fd = new_sock(&child);
    if (fd < 0)
        return fd;
    pcb = s->ready[0];
    memmove(s->ready, s->ready + 1, --s->ready_count * sizeof(s->ready[0]));
    tcp_backlog_accepted(pcb);
    child->connected = true;
    attach(child, pcb);
    a->addr = (struct socket_address){.addr = lwip_ntohl(ip_2_ip4(&pcb->remote_ip)->addr),
                                      .port = pcb->remote_port};
    if (pcb->refused_data)
        tcp_process_refused_data(pcb);
    return fd;
}

static int64_t do_connect(struct sock *s, const struct pkt_args *a)
{
    ip_addr_t to = IPADDR4_INIT(lwip_htonl(a->addr.addr));

    if (s->error)
        return s->error;
    if (s->connected)
        return 0;
    if (s->connecting)
        return ERR_AGAIN;
    if (s->listens || !s->pcb)
        return ERR_INVAL;
    if (!a->addr.port || tcp_connect(s->pcb, &to, a->addr.port, on_connected) != ERR_OK)
        return ERR_ADDR;
    s->connecting = true;
    return ERR_AGAIN;
}

static int64_t do_read(struct sock *s, struct pkt_args *a)
{
    u16_t n;

    if (!s->unread) {
        if (s->ended)
            return 0;
        return s->error ? s->error : s->connected || s->connecting ? ERR_AGAIN : ERR_NOTCONN;
    }
    n = (u16_t)(a->len < s->unread->tot_len ? a->len : s->unread->tot_len);
    pbuf_copy_partial(s->unread, a->bytes, n, 0);
    s->unread = pbuf_free_header(s->unread, n);
    if (s->pcb)
        tcp_recved(s->pcb, n);
    return n;
}

static int64_t do_write(struct sock *s, const struct pkt_args *a)
{
    size_t done = 0;

    if (s->error || s->closed)
        return s->error ? s->error : ERR_PIPE;
    if (!s->connected)
        return s->connecting ? ERR_AGAIN : ERR_NOTCONN;
    while (done < a->len) {
        size_t n = a->len - done, room = tcp_sndbuf(s->pcb);

        n = n < room ? n : room;
        n = n < 0x4000 ? n : 0x4000;
        if (!n || tcp_write(s->pcb, a->bytes + done, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        done += n;
    }
    tcp_output(s->pcb);
    return done || !a->len ? (int64_t)done : ERR_AGAIN;
}

static int64_t do_shutdown(struct sock *s)
{
    if (s->error || !s->connected)
        return s->error ? s->error : ERR_NOTCONN;
    if (!s->closed)
        tcp_shutdown(s->pcb, 0, 1);
    s->closed = true;
    return 0;
}

static int64_t do_close(struct sock *s)
{
    struct tcp_pcb *pcb = s->pcb;

    for (unsigned i = 0; i < s->ready_count; i++)
        tcp_abort(s->ready[i]);
    if (s->unread)
        pbuf_free(s->unread);
    if (pcb && s->listens) {
        tcp_close(pcb);
    } else if (pcb) {
        tcp_arg(pcb, NULL);
        tcp_recv(pcb, NULL);
        if (s->resets)
            tcp_abort(pcb);
        else
            tcp_close(pcb);
    }
    *s = (struct sock){.used = false};
    return 0;
}

static int64_t do_poll(const struct sock *s)
{
    bool in = s->listens ? s->ready_count : s->unread || s->ended || s->error;
    bool out = !s->listens && (s->error || (s->connected && tcp_sndbuf(s->pcb)));

    return (in ? READY_IN : 0) | (out ? READY_OUT : 0) | (s->error ? READY_ERR : 0);
}

static int64_t stack_call(void *ctx, enum syscall_nr nr, int fd, struct pkt_args *a)
{
    struct sock *s = &e.sock[fd >= 0 && fd < SOCKETS ? fd : 0];

    (void)ctx;
    if (nr == SYS_SOCKET)
        return do_socket();
    if (fd < 0 || fd >= SOCKETS || !s->used)
        return ERR_BADF;
    if (nr == SYS_BIND)
        return s->pcb->local_port                                      ? ERR_INVAL
               : tcp_bind(s->pcb, IP_ANY_TYPE, a->addr.port) == ERR_OK ? 0
                                                                       : ERR_INUSE;
    if (nr == SYS_LISTEN)
        return do_listen(s, a->number);
    if (nr == SYS_ACCEPT)
        return do_accept(s, a);
    if (nr == SYS_CONNECT)
        return do_connect(s, a);
    if (nr == SYS_READ)
        return do_read(s, a);
    if (nr == SYS_WRITE)
        return do_write(s, a);
    if (nr == SYS_SHUTDOWN)
        return do_shutdown(s);
    if (nr == SYS_CLOSE)
        return do_close(s);
    return nr == SYS_POLL ? do_poll(s) : ERR_NOSYS;
}

static int64_t stack_option(void *ctx, int fd, enum pkt_socket_option option, bool set,
                            uint64_t *value)
{
    struct sock *s = &e.sock[fd >= 0 && fd < SOCKETS ? fd : 0];

    (void)ctx;
    if (fd < 0 || fd >= SOCKETS || !s->used)
        return ERR_BADF;
    if (option == PKT_SO_LINGER && set && !*value) {
        s->resets = true;
        return 0;
    }
    if (option == PKT_SO_REUSEADDR && set && s->pcb) {
        ip_set_option(s->pcb, SOF_REUSEADDR);
        return 0;
    }
    if (option == PKT_SO_NODELAY && set && s->pcb) {
        tcp_nagle_disable(s->pcb);
        return 0;
    }
    if (option == PKT_SO_ERROR && !set) {
        *value = (uint64_t)s->error;
        return 0;
    }
    if (option == PKT_SO_MAXSEG && !set && s->pcb) {
        *value = tcp_mss(s->pcb);
        return 0;
    }
    return ERR_NOSYS;
}

/* ---- time and packets ---- */

static void *stack_start(const struct pkt_host *host, uint64_t now_ns)
{
    ip4_addr_t addr = {lwip_htonl(host->addr)}, mask = {lwip_htonl(host->mask)},
               gateway = {lwip_htonl(host->gateway)};

    e.now_ns = now_ns;
    if (!e.initialised)
        lwip_init();
    e.initialised = true;
    sys_restart_timeouts();
    netif_add(&e.netif, &addr, &mask, &gateway, NULL, link_start, ip4_input);
    e.netif.mtu = host->mtu;
    netif_set_default(&e.netif);
    netif_set_up(&e.netif);
    return &e;
}

static void abort_all(struct tcp_pcb **list)
{
    while (*list)
        tcp_abort(*list);
}

static void stack_stop(void *ctx)
{
    (void)ctx;
    for (int fd = 0; fd < SOCKETS; fd++)
        if (e.sock[fd].used)
            do_close(&e.sock[fd]);
    abort_all(&tcp_active_pcbs);
    abort_all(&tcp_tw_pcbs);
    abort_all(&tcp_bound_pcbs);
    netif_remove(&e.netif);
    e.sent = e.taken = 0;
}

static void stack_advance(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    e.now_ns = now_ns;
    sys_check_timeouts();
}

static uint64_t stack_deadline(void *ctx)
{
    u32_t ms = sys_timeouts_sleeptime();

    (void)ctx;
    return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : (e.now_ns / 1000000 + ms) * 1000000;
}

static void stack_inject(void *ctx, const uint8_t *frame, size_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(len - LINK_LEN), PBUF_RAM);

    (void)ctx;
    pbuf_take(p, frame + LINK_LEN, (u16_t)(len - LINK_LEN));
    if (e.netif.input(p, &e.netif) != ERR_OK)
        pbuf_free(p);
}

static size_t stack_emitted(void *ctx, uint8_t *frame)
{
    unsigned at = e.taken % FRAMES;

    (void)ctx;
    if (e.taken == e.sent)
        return 0;
    e.taken++;
    memcpy(frame, e.frame[at], e.len[at]);
    return e.len[at];
}

const struct pkt_stack *drywire_stack(void);

__attribute__((visibility("default"))) const struct pkt_stack *drywire_stack(void)
{
    static const struct pkt_stack stack = {
        .abi = PKT_STACK_ABI,
        .start = stack_start,
        .stop = stack_stop,
        .advance = stack_advance,
        .deadline = stack_deadline,
        .inject = stack_inject,
        .emitted = stack_emitted,
        .call = stack_call,
        .option = stack_option,
    };

    return &stack;
}

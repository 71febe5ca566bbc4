/* An end with the lwIP of Debian's library, through its callbacks, without its thread. */
#include <stdbool.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#include "end.h"

static struct {
    struct netif netif;
    struct link link;
    enum side side;
    enum work work;
    struct tcp_pcb *conn;
    struct udp_pcb *udp;
    bool started, connected;
    uint64_t now_ns;
    uint8_t data[WRITE_MAX];
} e;

/* The library calls it: that of this object comes first. */
__attribute__((visibility("default"))) u32_t sys_now(void)
{
    return (u32_t)(e.now_ns / 1000000);
}

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    uint8_t *to = link_room(&e.link);

    (void)netif;
    if (!to)
        return ERR_MEM;
    pbuf_copy_partial(p, to, p->tot_len, 0);
    link_send(&e.link, p->tot_len < 60 ? 60 : p->tot_len);
    return ERR_OK;
}

static err_t netif_start(struct netif *netif)
{
    netif->linkoutput = send_frame;
    netif->output = etharp_output;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(1 + e.side)}, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

/* ---- the programs ---- */

static void write_some(struct tcp_pcb *pcb, u16_t most)
{
    u16_t room = tcp_sndbuf(pcb), n = room < most ? room : most;

    if (n && tcp_write(pcb, e.data, n, TCP_WRITE_FLAG_COPY) == ERR_OK)
        tcp_output(pcb);
}

static void close_conn(struct tcp_pcb *pcb)
{
    tcp_recv(pcb, 0);
    tcp_close(pcb);
    e.conn = 0;
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    u16_t n;

    (void)arg, (void)err;
    if (!p) {
        close_conn(pcb);
        return ERR_OK;
    }
    n = p->tot_len;
    pbuf_copy_partial(p, e.data, n, 0);
    tcp_recved(pcb, n);
    pbuf_free(p);
    if (e.side == CLIENT) {
        ++*e.link.done;
        close_conn(pcb);
    } else if (e.work == WORK_BULK) {
        *e.link.done += n;
    } else {
        write_some(pcb, n);
    }
    return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg, (void)err;
    tcp_recv(pcb, received);
    return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg, (void)err;
    write_some(pcb, e.work == WORK_BULK ? WRITE_MAX : MESSAGE);
    e.connected = true;
    return ERR_OK;
}

static void datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                     u16_t port)
{
    (void)arg;
    pbuf_copy_partial(p, e.data, p->tot_len, 0);
    pbuf_free(p);
    if (e.side == CLIENT)
        ++*e.link.done;
    p = pbuf_alloc(PBUF_TRANSPORT, MESSAGE, PBUF_RAM);
    pbuf_take(p, e.data, MESSAGE);
    udp_sendto(pcb, p, addr, port);
    pbuf_free(p);
}

/* Its library has no bound on connections in TIME-WAIT, each of which its timers visit: end them as
 * the core does when its table is full. */
static void connect_again(void)
{
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 1);

    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    e.connected = false;
    e.conn = tcp_new();
    tcp_recv(e.conn, received);
    tcp_connect(e.conn, &to, PORT, connected);
}

static void ask(void)
{
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 1);
    struct pbuf *p;

    if (e.work != WORK_ECHO) {
        if (!e.conn)
            connect_again();
        if (e.work == WORK_BULK && e.connected)
            while (tcp_sndbuf(e.conn) >= TCP_MSS && tcp_sndqueuelen(e.conn) < TCP_SND_QUEUELEN - 32)
                write_some(e.conn, WRITE_MAX);
        return;
    }
    if (e.started)
        return;
    e.started = true;
    p = pbuf_alloc(PBUF_TRANSPORT, MESSAGE, PBUF_RAM);
    pbuf_take(p, e.data, MESSAGE);
    udp_sendto(e.udp, p, &to, PORT);
    pbuf_free(p);
}

/* ---- an end ---- */

static void start(const struct link *link, enum side side, enum work work)
{
    ip4_addr_t addr, mask, none = {0};
    struct tcp_pcb *listener;

    e.link = *link, e.side = side, e.work = work;
    IP4_ADDR(&addr, 10, 0, 0, 1 + side);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    lwip_init();
    netif_add(&e.netif, &addr, &mask, &none, 0, netif_start, ethernet_input);
    netif_set_default(&e.netif);
    netif_set_up(&e.netif);
    if (work == WORK_ECHO) {
        e.udp = udp_new();
        udp_bind(e.udp, IP_ANY_TYPE, side == SERVER ? PORT : PORT + 1);
        udp_recv(e.udp, datagram, 0);
    } else if (side == SERVER) {
        listener = tcp_new();
        tcp_bind(listener, IP_ANY_TYPE, PORT);
        tcp_accept(tcp_listen(listener), accepted);
    }
}

static void turn(uint64_t now_ns)
{
    const uint8_t *frame;
    uint32_t len;
    struct pbuf *p;

    e.now_ns = now_ns;
    while ((frame = link_next(&e.link, &len))) {
        p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM); /* a PBUF_POOL of this build is too small */
        pbuf_take(p, frame, (u16_t)len);
        if (e.netif.input(p, &e.netif) != ERR_OK)
            pbuf_free(p);
    }
    sys_check_timeouts();
    if (e.side == CLIENT)
        ask();
}

__attribute__((visibility("default"))) const struct end end = {start, turn};

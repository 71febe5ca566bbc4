/*
 * System calls with all kinds of invalid arguments: numbers, descriptors, pointers, lengths. Each
 * returns an error, nothing outside of the program's page is accessed, and the kernel continues.
 */
#include "../../core/base/array.h"
#include "../../core/kernel/kernel.h"
#include "../../core/net/socket.h"
#include "stack_fixture.h"
#include <stdio.h>

/* A program's memory: one page at this address. */
#define PAGE_AT   UINT64_C(0x10000)
#define PAGE_SIZE 4096

static uint8_t page[PAGE_SIZE];

static bool inside(uint64_t address, size_t len)
{
    return address >= PAGE_AT && address - PAGE_AT <= PAGE_SIZE &&
           len <= PAGE_SIZE - (address - PAGE_AT);
}

static int page_read(void *ctx, struct process *p, void *dst, uint64_t address, size_t len)
{
    (void)ctx;
    (void)p;
    if (!inside(address, len))
        return ERR_FAULT;
    memcpy(dst, page + (address - PAGE_AT), len);
    return 0;
}

static int page_write(void *ctx, struct process *p, uint64_t address, const void *src, size_t len)
{
    (void)ctx;
    (void)p;
    if (!inside(address, len))
        return ERR_FAULT;
    memcpy(page + (address - PAGE_AT), src, len);
    return 0;
}

/* A process that faults at once; the one of machine_setup() is NULL and does nothing. */
static struct process *const faulting = (struct process *)page;

static int page_create(void *ctx, const char *const *words, unsigned count, struct process **out)
{
    (void)ctx;
    (void)words;
    (void)count;
    *out = faulting;
    return 0;
}

static void page_resume(void *ctx, struct process *p, int64_t result, struct process_stop *out)
{
    (void)ctx;
    (void)result;
    *out = (struct process_stop){.kind = p == faulting ? PROCESS_FAULT : PROCESS_TICK};
}

static void page_destroy(void *ctx, struct process *p)
{
    (void)ctx;
    assert_ptr_equal(p, faulting);
}

static const struct process_ops ops = {.create = page_create,
                                       .resume = page_resume,
                                       .destroy = page_destroy,
                                       .user_read = page_read,
                                       .user_write = page_write};

struct machine_test {
    struct stack_test *net;
    struct kernel *k;
    struct task *t;
};

static int machine_setup(void **state)
{
    struct machine_test *m = calloc(1, sizeof(*m));
    void *net;

    stack_setup_bound(&net);
    m->net = net;
    m->k = calloc(1, sizeof(*m->k));
    m->k->platform = &m->net->f.platform;
    m->k->processes = &ops;
    m->k->network = socket_network(&m->net->s);
    m->t = &m->k->tasks[0];
    m->t->kernel = m->k;
    m->t->state = TASK_RUNNABLE;
    fd_open_console(m->t);
    at_ms(m->net, 0);
    m->k->now_ns = m->net->s.net.now_ns;
    *state = m;
    return 0;
}

static int machine_teardown(void **state)
{
    struct machine_test *m = *state;
    void *net = m->net;

    fd_close_all(m->t);
    assert_true(stack_unused(&m->net->s)); /* nothing stays open after a program */
    m->net->read = m->net->sent_count;
    stack_teardown(&net);
    free(m->k);
    free(m);
    return 0;
}

static int64_t call(struct machine_test *m, uint64_t nr, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d)
{
    struct call call = {.nr = nr, .args = {a, b, c, d}};

    syscall_enter(m->t, &call);
    return syscall_dispatch(m->t, &call);
}

static void unknown_numbers_are_no_calls(void **state)
{
    static const uint64_t unknown[] = {0, 4, 15, 20, 119, 132, 1000, UINT64_MAX};
    struct machine_test *m = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(unknown); i++)
        assert_int_equal(call(m, unknown[i], 0, 0, 0, 0), ERR_NOSYS);
}

static const uint64_t calls[] = {SYS_READ,     SYS_WRITE,    SYS_CLOSE,    SYS_CONNECT,
                                 SYS_BIND,     SYS_LISTEN,   SYS_ACCEPT,   SYS_SENDTO,
                                 SYS_RECVFROM, SYS_SHUTDOWN, SYS_KEEPALIVE};
enum { CALLS = ARRAY_COUNT(calls) };

static void bad_descriptors_are_refused_by_every_call(void **state)
{
    static const uint64_t bad[] = {3,    PROCESS_FDS - 1,   PROCESS_FDS,
                                   1000, UINT64_C(1) << 63, UINT64_MAX};
    struct machine_test *m = *state;

    for (unsigned i = 0; i < CALLS; i++)
        for (unsigned k = 0; k < ARRAY_COUNT(bad); k++)
            assert_int_equal(call(m, calls[i], bad[k], PAGE_AT, 1, PAGE_AT), ERR_BADF);
}

/* An address of the gateway at the start of the page. */
static void put_gateway(void)
{
    struct socket_address to = {.addr = PEER, .port = 80};

    memcpy(page, &to, sizeof(to));
}

static void bad_pointers_fault_and_touch_nothing(void **state)
{
    static const uint64_t bad[] = {
        1,          PAGE_AT - 1,    PAGE_AT + PAGE_SIZE, PAGE_AT + PAGE_SIZE - 1,
        UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    struct machine_test *m = *state;
    int64_t udp = call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0);
    int64_t tcp = call(m, SYS_SOCKET, SOCKET_STREAM, 0, 0, 0);

    assert_int_equal(udp, 3);
    assert_int_equal(tcp, 4);
    put_gateway();
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(call(m, SYS_WRITE, FD_OUTPUT, bad[i], 64, 0), ERR_FAULT);
        assert_int_equal(call(m, SYS_BIND, (uint64_t)udp, bad[i], 0, 0), ERR_FAULT);
        assert_int_equal(call(m, SYS_CONNECT, (uint64_t)tcp, bad[i], 0, 0), ERR_FAULT);
        assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, bad[i], 64, PAGE_AT), ERR_FAULT);
        assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, 4, bad[i]), ERR_FAULT);
        assert_int_equal(call(m, SYS_RECVFROM, (uint64_t)udp, PAGE_AT, 4, bad[i]), ERR_FAULT);
        assert_int_equal(call(m, SYS_NETINFO, bad[i], 0, 0, 0), ERR_FAULT);
        assert_int_equal(call(m, SYS_POLL, bad[i], 4, 0, 0), ERR_FAULT);
    }
    assert_int_equal(call(m, SYS_POLL, PAGE_AT, POLL_ENTRIES_MAX + 1, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_WRITE, FD_OUTPUT, PAGE_AT, UINT64_MAX, 0), 64); /* a piece of it */
}

static void lengths_are_cut_or_refused(void **state)
{
    struct machine_test *m = *state;
    int64_t udp = call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0);

    put_gateway();
    assert_int_equal(call(m, SYS_READ, FD_INPUT, UINT64_MAX, 0, 0), 0); /* nothing is touched */
    assert_int_equal(call(m, SYS_WRITE, FD_OUTPUT, UINT64_MAX, 0, 0), 0);
    assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, 1473, PAGE_AT), ERR_MSGSIZE);
    assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, UINT64_MAX, PAGE_AT), ERR_MSGSIZE);
    assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, 1472, PAGE_AT), 1472);
}

static void calls_that_a_file_does_not_know_are_refused(void **state)
{
    struct machine_test *m = *state;
    int64_t udp = call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0);

    put_gateway();
    assert_int_equal(call(m, SYS_SOCKET, 0, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_SOCKET, 4, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_SOCKET, UINT64_C(1) << 32 | SOCKET_STREAM, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_CONNECT, FD_OUTPUT, PAGE_AT, 0, 0), ERR_NOSYS);
    assert_int_equal(call(m, SYS_LISTEN, (uint64_t)udp, 1, 0, 0), ERR_NOSYS);
    assert_int_equal(call(m, SYS_ACCEPT, (uint64_t)udp, 0, 0, 0), ERR_NOSYS);
    assert_int_equal(call(m, SYS_WRITE, (uint64_t)udp, PAGE_AT, 4, 0), ERR_NOTCONN);
    assert_int_equal(call(m, SYS_RECVFROM, (uint64_t)udp, PAGE_AT, 4, 0), ERR_AGAIN);
}

static void the_descriptor_table_is_bounded_and_reusable(void **state)
{
    struct machine_test *m = *state;

    for (int round = 0; round < 3; round++) {
        for (int fd = 3; fd < 3 + DGRAM_SOCKETS; fd++)
            assert_int_equal(call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0), fd);
        assert_int_equal(call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0), ERR_NFILE);
        for (int fd = 3 + DGRAM_SOCKETS; fd < PROCESS_FDS; fd++)
            assert_int_equal(call(m, SYS_SOCKET, SOCKET_STREAM, 0, 0, 0), fd);
        assert_int_equal(call(m, SYS_SOCKET, SOCKET_STREAM, 0, 0, 0), ERR_NFILE);
        for (int fd = 3; fd < PROCESS_FDS; fd++)
            assert_int_equal(call(m, SYS_CLOSE, (uint64_t)fd, 0, 0, 0), 0);
        assert_int_equal(call(m, SYS_CLOSE, 3, 0, 0, 0), ERR_BADF);
    }
}

static void waits_end_at_their_deadline(void **state)
{
    struct machine_test *m = *state;
    struct call sleep = {.nr = SYS_SLEEP, .args = {5 * NS_PER_MS}};
    struct call forever = {.nr = SYS_SLEEP, .args = {UINT64_MAX}};

    syscall_enter(m->t, &sleep);
    syscall_enter(m->t, &forever);
    assert_true(forever.deadline_ns == DEADLINE_NEVER);
    m->k->now_ns += 5 * NS_PER_MS - 1;
    assert_int_equal(syscall_dispatch(m->t, &sleep), ERR_AGAIN);
    m->k->now_ns++;
    assert_int_equal(syscall_dispatch(m->t, &sleep), 0);
    assert_int_equal(call(m, SYS_POLL, PAGE_AT, 0, 0, 0), 0);
    assert_true(call(m, SYS_CLOCK, 0, 0, 0, 0) == (int64_t)m->k->now_ns);
}

/* ---- calls with their normal effect ---- */

static uint64_t port_bound(struct machine_test *m, uint64_t type, uint16_t port)
{
    struct socket_address at = {.port = port};
    int64_t fd = call(m, SYS_SOCKET, type, 0, 0, 0);

    assert_true(fd >= 3);
    memcpy(page, &at, sizeof(at));
    assert_int_equal(call(m, SYS_BIND, (uint64_t)fd, PAGE_AT, 0, 0), 0);
    return (uint64_t)fd;
}

/* The peer opens a connection to port 7 from its port. */
static void peer_connects(struct stack_test *x, uint16_t port)
{
    x->own_port = 7;
    x->peer_port = port;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    x->own_iss = next_sent(x).tcp_seq;
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    run(x);
}

static void accept_names_the_peer_and_needs_a_free_descriptor(void **state)
{
    struct machine_test *m = *state;
    uint64_t listener = port_bound(m, SOCKET_STREAM, 7);
    struct socket_address from;
    int fd;

    assert_int_equal(call(m, SYS_LISTEN, listener, 4, 0, 0), 0);
    assert_int_equal(call(m, SYS_ACCEPT, listener, PAGE_AT, 0, 0), ERR_AGAIN);
    peer_connects(m->net, 50000);
    for (fd = 4; fd < PROCESS_FDS; fd++)
        assert_int_equal(call(m, SYS_SOCKET, fd < 12 ? SOCKET_DATAGRAM : SOCKET_STREAM, 0, 0, 0),
                         fd);
    assert_int_equal(call(m, SYS_ACCEPT, listener, PAGE_AT, 0, 0), ERR_NFILE);
    assert_int_equal(call(m, SYS_CLOSE, 9, 0, 0, 0), 0);
    assert_int_equal(call(m, SYS_ACCEPT, listener, PAGE_AT + PAGE_SIZE - 7, 0, 0), ERR_FAULT);
    assert_int_equal(call(m, SYS_ACCEPT, listener, PAGE_AT + PAGE_SIZE - 8, 0, 0),
                     9); /* not lost */
    memcpy(&from, page + PAGE_SIZE - 8, sizeof(from));
    assert_int_equal(from.addr, PEER);
    assert_int_equal(from.port, 50000);
    assert_int_equal(call(m, SYS_CLOSE, 9, 0, 0, 0), 0);
    run(m->net);
    m->net->read = m->net->sent_count; /* the end of the first one */
    peer_connects(m->net, 50001);
    assert_int_equal(call(m, SYS_ACCEPT, listener, 0, 0, 0), 9); /* an address without a request */
}

static void a_stream_keeps_what_a_bad_pointer_did_not_take(void **state)
{
    struct machine_test *m = *state;
    uint64_t listener = port_bound(m, SOCKET_STREAM, 7), fd;

    assert_int_equal(call(m, SYS_LISTEN, listener, 1, 0, 0), 0);
    peer_connects(m->net, 50000);
    fd = (uint64_t)call(m, SYS_ACCEPT, listener, 0, 0, 0);
    assert_int_equal(fd, 4);
    assert_int_equal(call(m, SYS_READ, fd, PAGE_AT, 5, 0), ERR_AGAIN);
    seg_in(m->net, TCP_ACK, 1, 1, 65535, "hello", 5);
    assert_int_equal(call(m, SYS_READ, fd, PAGE_AT - 1, 5, 0), ERR_FAULT);
    assert_int_equal(call(m, SYS_READ, fd, PAGE_AT + PAGE_SIZE - 4, 5, 0), ERR_FAULT);
    assert_int_equal(call(m, SYS_WRITE, fd, PAGE_AT - 1, 5, 0), ERR_FAULT);
    assert_int_equal(call(m, SYS_READ, fd, PAGE_AT + PAGE_SIZE - 5, 5, 0), 5);
    assert_memory_equal(page + PAGE_SIZE - 5, "hello", 5);
    assert_int_equal(call(m, SYS_WRITE, fd, PAGE_AT, 5, 0), 5);
}

static void recvfrom_cuts_names_the_sender_and_writes_nothing_more(void **state)
{
    struct machine_test *m = *state;
    uint64_t fd = port_bound(m, SOCKET_DATAGRAM, 7);
    uint8_t frame[100], datagram[] = "\x13\x88\0\x07\0\x0d\0\0hello"; /* from 5000, no checksum */
    struct socket_address from;

    memset(page, 0xee, sizeof(page));
    for (unsigned i = 0; i < 2; i++)
        input(m->net, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_UDP, datagram, 13));
    assert_int_equal(call(m, SYS_RECVFROM, fd, PAGE_AT, 3, PAGE_AT + 100), 3);
    assert_memory_equal(page, "hel\xee", 4);
    memcpy(&from, page + 100, sizeof(from));
    assert_int_equal(from.addr, PEER);
    assert_int_equal(from.port, 5000);
    assert_int_equal(call(m, SYS_RECVFROM, fd, PAGE_AT + PAGE_SIZE - 5, 5, 0), 5);
    assert_memory_equal(page + PAGE_SIZE - 5, "hello", 5);
    assert_int_equal(call(m, SYS_RECVFROM, fd, PAGE_AT, 100, 0), ERR_AGAIN);
}

static void without_an_address_connect_and_sendto_wait_three_minutes(void **state)
{
    static const uint64_t types[] = {SOCKET_STREAM, SOCKET_DATAGRAM};
    struct machine_test *m = *state;

    stack_set_address(&m->net->s, 0, 0, 0, 0);
    put_gateway();
    for (unsigned i = 0; i < 2; i++) {
        int64_t fd = call(m, SYS_SOCKET, types[i], 0, 0, 0);
        struct call c = {.nr = i ? SYS_SENDTO : SYS_CONNECT, .args = {(uint64_t)fd, PAGE_AT}};

        if (i) {
            c.args[2] = 4;
            c.args[3] = PAGE_AT;
        }
        syscall_enter(m->t, &c);
        assert_int_equal(syscall_dispatch(m->t, &c), ERR_AGAIN);
        m->k->now_ns += 180 * NS_PER_S - 1;
        assert_int_equal(syscall_dispatch(m->t, &c), ERR_AGAIN);
        m->k->now_ns++;
        assert_int_equal(syscall_dispatch(m->t, &c), ERR_NETDOWN);
    }
}

static void poll_names_what_is_ready_and_waits_for_the_rest(void **state)
{
    struct machine_test *m = *state;
    uint64_t udp = port_bound(m, SOCKET_DATAGRAM, 7);
    struct poll_entry e[POLL_ENTRIES_MAX] = {{.fd = FD_OUTPUT, .events = READY_IN},
                                             {.fd = FD_INPUT, .events = READY_OUT},
                                             {.fd = (int32_t)udp, .events = READY_IN},
                                             {.fd = -1, .events = READY_IN},
                                             {.fd = 15}};
    struct call c = {.nr = SYS_POLL, .args = {PAGE_AT + 24, 1, NS_PER_MS}};
    uint8_t frame[100], datagram[] = "\x13\x88\0\x07\0\x09\0\0h";

    memcpy(page, e, sizeof(e));
    assert_int_equal(call(m, SYS_POLL, PAGE_AT, 5, POLL_FOREVER, 0), 4);
    memcpy(e, page, sizeof(e));
    assert_int_equal(e[0].revents, READY_IN);
    assert_int_equal(e[1].revents, READY_OUT);
    assert_int_equal(e[2].revents, 0);
    assert_int_equal(e[3].revents, READY_ERR);
    assert_int_equal(e[4].revents, READY_ERR);
    assert_int_equal(call(m, SYS_POLL, PAGE_AT, POLL_ENTRIES_MAX, 0, 0), 4);
    c.args[0] = PAGE_AT + 2 * sizeof(e[0]);
    syscall_enter(m->t, &c);
    m->k->now_ns += NS_PER_MS - 1;
    assert_int_equal(syscall_dispatch(m->t, &c), ERR_AGAIN);
    m->k->now_ns++;
    assert_int_equal(syscall_dispatch(m->t, &c), 0);
    input(m->net, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_UDP, datagram, 9));
    assert_int_equal(syscall_dispatch(m->t, &c), 1);
    memcpy(e, page, sizeof(e));
    assert_int_equal(e[2].revents, READY_IN);
}

static void a_lease_is_given_back_and_taken_on_request(void **state)
{
    struct machine_test *m = *state;
    struct dhcp_client *d = &m->net->s.dhcp;

    assert_int_equal(call(m, SYS_LEASE, 0, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_LEASE, LEASE_PROBE + 1, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_LEASE, UINT64_C(1) << 32 | LEASE_RELEASE, 0, 0, 0), ERR_INVAL);
    assert_false(d->off);
    assert_false(d->probes);
    assert_int_equal(call(m, SYS_LEASE, LEASE_PROBE, 0, 0, 0), 0);
    assert_true(d->probes);
    assert_int_equal(call(m, SYS_LEASE, LEASE_RELEASE, 0, 0, 0), 0);
    assert_true(d->off);
    assert_int_equal(call(m, SYS_LEASE, LEASE_REQUEST, 0, 0, 0), 0);
    assert_false(d->off);
}

static void netinfo_is_what_the_stack_knows(void **state)
{
    struct machine_test *m = *state;
    struct stack *s = &m->net->s;
    struct netinfo info;

    s->net.dns[0] = IPV4(10, 0, 2, 3);
    s->net.drops_total = 7;
    m->net->dev.frames_rx = 5;
    m->net->dev.frames_tx = 6;
    s->dhcp.expiry_ns = s->net.now_ns + 61 * NS_PER_S - 1;
    assert_int_equal(call(m, SYS_NETINFO, PAGE_AT, 0, 0, 0), 0);
    memcpy(&info, page, sizeof(info));
    assert_int_equal(info.addr, OWN);
    assert_int_equal(info.mask, IPV4(255, 255, 255, 0));
    assert_int_equal(info.gateway, PEER);
    assert_int_equal(info.dns, IPV4(10, 0, 2, 3));
    assert_int_equal(info.source, ADDRESS_DHCP);
    assert_int_equal(info.lease_left_s, 60);
    assert_true(info.frames_tx == 6 && info.frames_rx == 5 && info.drops == 7);
    assert_memory_equal(info.mac, own_mac, 6);
    assert_int_equal(info.mtu, 1500);
    s->dhcp.expiry_ns = DEADLINE_NEVER;
    call(m, SYS_NETINFO, PAGE_AT, 0, 0, 0);
    memcpy(&info, page, sizeof(info));
    assert_int_equal(info.lease_left_s, UINT32_MAX);
    stack_set_address(s, 0, 0, 0, 0);
    call(m, SYS_NETINFO, PAGE_AT, 0, 0, 0);
    memcpy(&info, page, sizeof(info));
    assert_int_equal(info.source, ADDRESS_NONE);
    assert_int_equal(info.lease_left_s, 0);
}

static char last_line[200];
static unsigned line_count;

static void keep_line(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    line_count++;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, text);
}

static void a_program_that_faults_ends_with_that_status(void **state)
{
    static const char *const words[] = {"wild"};
    struct machine_test *m = *state;

    m->net->f.platform.line = keep_line;
    m->k->next_pid = 7;
    assert_int_equal(kernel_start(m->k, words, 1), 7);
    task_run_all(m->k);
    assert_int_equal(ERR_FAULT, -4);
    assert_string_equal(last_line, "kernel: faulted pid=7 program=wild status=-4");
    assert_int_equal(kernel_kill(m->k, 7), ERR_NOENT);
    assert_int_equal(m->t->state, TASK_RUNNABLE); /* the other one continues */
}

static void an_empty_line_is_not_printed(void **state)
{
    struct machine_test *m = *state;

    m->net->f.platform.line = keep_line;
    line_count = 0;
    memcpy(page, "\n\na\n\n", 5);
    assert_int_equal(call(m, SYS_WRITE, FD_OUTPUT, PAGE_AT, 5, 0), 5);
    assert_int_equal(line_count, 1);
    assert_string_equal(last_line, ": | a");
    assert_int_equal(call(m, SYS_CLOSE, FD_OUTPUT, 0, 0, 0), 0);
    assert_int_equal(line_count, 1);
}

static void programs_are_as_many_as_tasks(void **state)
{
    static const char *const words[] = {"wild"};
    struct machine_test *m = *state;

    for (unsigned i = 1; i < TASKS; i++)
        assert_true(kernel_start(m->k, words, 1) >= 0);
    assert_int_equal(kernel_start(m->k, words, 1), ERR_NFILE);
}

#define M(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(unknown_numbers_are_no_calls),
        M(bad_descriptors_are_refused_by_every_call),
        M(bad_pointers_fault_and_touch_nothing),
        M(lengths_are_cut_or_refused),
        M(calls_that_a_file_does_not_know_are_refused),
        M(the_descriptor_table_is_bounded_and_reusable),
        M(waits_end_at_their_deadline),
        M(accept_names_the_peer_and_needs_a_free_descriptor),
        M(a_stream_keeps_what_a_bad_pointer_did_not_take),
        M(recvfrom_cuts_names_the_sender_and_writes_nothing_more),
        M(without_an_address_connect_and_sendto_wait_three_minutes),
        M(poll_names_what_is_ready_and_waits_for_the_rest),
        M(a_lease_is_given_back_and_taken_on_request),
        M(netinfo_is_what_the_stack_knows),
        M(a_program_that_faults_ends_with_that_status),
        M(an_empty_line_is_not_printed),
        M(programs_are_as_many_as_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

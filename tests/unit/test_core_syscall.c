/*
 * System calls with everything that a program can get wrong: numbers, descriptors, pointers,
 * lengths. Each gets an error, nothing outside of the program's page is touched, and the kernel goes
 * on.
 */
#include "../../core/kernel/kernel.h"
#include "../../core/net/socket.h"
#include "stack_fixture.h"

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

static const struct process_ops ops = {.user_read = page_read, .user_write = page_write};

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
    m->k->now_ns = m->net->s.now_ns;
    *state = m;
    return 0;
}

static int machine_teardown(void **state)
{
    struct machine_test *m = *state;
    void *net = m->net;

    fd_close_all(m->t);
    assert_true(stack_unused(&m->net->s)); /* nothing stays open behind a program */
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
    static const uint64_t unknown[] = {0, 4, 15, 20, 119, 129, 1000, UINT64_MAX};
    struct machine_test *m = *state;

    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(call(m, unknown[i], 0, 0, 0, 0), ERR_NOSYS);
}

static const uint64_t calls[] = {SYS_READ,   SYS_WRITE,  SYS_CLOSE,  SYS_CONNECT,  SYS_BIND,
                                 SYS_LISTEN, SYS_ACCEPT, SYS_SENDTO, SYS_RECVFROM, SYS_SHUTDOWN};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static void bad_descriptors_are_refused_by_every_call(void **state)
{
    static const uint64_t bad[] = {3, PROCESS_FDS - 1, PROCESS_FDS, 1000, UINT64_C(1) << 63,
                                   UINT64_MAX};
    struct machine_test *m = *state;

    for (unsigned i = 0; i < CALLS; i++)
        for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
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
    static const uint64_t bad[] = {1, PAGE_AT - 1, PAGE_AT + PAGE_SIZE, PAGE_AT + PAGE_SIZE - 1,
                                   UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    struct machine_test *m = *state;
    int64_t udp = call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0);
    int64_t tcp = call(m, SYS_SOCKET, SOCKET_STREAM, 0, 0, 0);

    assert_int_equal(udp, 3);
    assert_int_equal(tcp, 4);
    put_gateway();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
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
    assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, UINT64_MAX, PAGE_AT),
                     ERR_MSGSIZE);
    assert_int_equal(call(m, SYS_SENDTO, (uint64_t)udp, PAGE_AT, 1472, PAGE_AT), 1472);
}

static void calls_that_a_file_does_not_know_are_refused(void **state)
{
    struct machine_test *m = *state;
    int64_t udp = call(m, SYS_SOCKET, SOCKET_DATAGRAM, 0, 0, 0);

    put_gateway();
    assert_int_equal(call(m, SYS_SOCKET, 0, 0, 0, 0), ERR_INVAL);
    assert_int_equal(call(m, SYS_SOCKET, 4, 0, 0, 0), ERR_INVAL);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

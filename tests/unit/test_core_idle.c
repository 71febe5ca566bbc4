/*
 * When a machine is idle, and when it must be polled again. Each object that can be open is opened
 * alone, in each possible state: a missed one would end a run too early, or let the machine sleep
 * with work to do.
 */
#include "stack_fixture.h"
#include "../../core/base/array.h"
#include "../../core/kernel/kernel.h"
#include "../../core/net/tcp_internal.h"

struct idle_test {
    struct stack_test *x;
    struct kernel *k;
};

static int idle_setup(void **state)
{
    struct idle_test *t = calloc(1, sizeof(*t));
    void *x;

    stack_setup_bound(&x);
    t->x = x;
    t->k = calloc(1, sizeof(*t->k));
    t->k->stack = t->x->s; /* it is only looked at */
    *state = t;
    return 0;
}

static int idle_teardown(void **state)
{
    struct idle_test *t = *state;
    void *x = t->x;

    stack_teardown(&x);
    free(t->k);
    free(t);
    return 0;
}

static void is(const struct kernel *k, bool idle, bool settled)
{
    assert_int_equal(kernel_idle(k), idle);
    assert_int_equal(kernel_settled(k), settled);
}

static void nothing_is_open_at_first_and_each_thing_alone_is_something(void **state)
{
    struct idle_test *t = *state;
    struct kernel *k = t->k;

    is(k, true, true);
    k->more = true;
    is(k, false, false);
    k->more = false;
    k->stack.loopback.count = 1;
    is(k, false, false);
    k->stack.loopback.count = 0;
    k->stack.arp.count = ARP_ENTRIES;
    for (unsigned i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry kept = k->stack.arp.entry[i];

        k->stack.arp.entry[i].state = ARP_INCOMPLETE;
        is(k, false, false);
        k->stack.arp.entry[i] = kept;
    }
    is(k, true, true);
}

static void a_connection_is_over_when_closed_and_settled_in_time_wait(void **state)
{
    static const enum tcp_state path[] = {TCPS_SYN_SENT,   TCPS_SYN_RECEIVED, TCPS_ESTABLISHED,
                                          TCPS_FIN_WAIT_1, TCPS_CLOSING,      TCPS_TIME_WAIT};
    struct idle_test *t = *state;
    struct kernel *k = t->k;
    struct tcp_conn *c;

    k->tasks[0].state = TASK_WAITING; /* whose socket it may be */
    assert_int_equal(tcp_open(&t->x->s.tcp, &c), 0);
    for (unsigned s = 0; s < ARRAY_COUNT(path); s++) {
        tcp_move(c, path[s]);
        k->stack.tcp = t->x->s.tcp;
        is(k, false, path[s] == TCPS_TIME_WAIT);
    }
    tcp_move(c, TCPS_CLOSED);
    k->stack.tcp = t->x->s.tcp;
    is(k, true, true);
    tcp_move(c, TCPS_LISTEN); /* waits for others, without end */
    k->stack.tcp = t->x->s.tcp;
    is(k, true, true);
    tcp_close(c);
}

static void a_socket_without_a_program_is_something(void **state)
{
    struct idle_test *t = *state;
    struct kernel *k = t->k;
    struct tcp_conn *c;

    for (unsigned i = 0; i < DGRAM_SOCKETS; i++) {
        k->stack.dgrams.socket[i].open = true;
        is(k, false, false);
        for (unsigned p = 0; p < TASKS; p++) {
            k->tasks[p].state = TASK_WAITING;
            is(k, true, true);
            k->tasks[p].state = TASK_FREE;
        }
        k->stack.dgrams.socket[i].open = false;
    }
    assert_int_equal(tcp_open(&t->x->s.tcp, &c), 0);
    k->stack.tcp = t->x->s.tcp;
    is(k, false, false);
    tcp_close(c);
    k->stack.tcp = t->x->s.tcp;
    is(k, true, true);
}

static void a_frame_that_the_device_has_not_taken_is_no_end(void **state)
{
    struct idle_test *t = *state;
    struct kernel *k = t->k;
    struct device spare = {.driver = virtio_driver_of(VIRTIO_ID_ENTROPY)};
    struct virtio_net *nic = (void *)k->first.state;

    k->first.driver = virtio_driver_of(VIRTIO_ID_NET);
    k->devices[0] = &spare;
    k->devices[1] = &k->first;
    k->device_count = 2;
    is(k, true, true);
    nic->tx.in_flight = 1;
    is(k, true, false);
    nic->dev.failed = true; /* it will take none any more */
    is(k, true, true);
}

static void the_next_poll_is_that_of_the_first_who_waits(void **state)
{
    struct idle_test *t = *state;
    struct kernel *k = t->k;
    struct virtio_net *nic = (void *)k->first.state;
    const uint64_t now = k->stack.net.now_ns;

    assert_int_equal(kernel_deadline(k, now), DEADLINE_NEVER);
    k->more = true;
    assert_int_equal(kernel_deadline(k, now), now);
    k->more = false;
    for (unsigned i = 0; i < TASKS; i++) {
        k->tasks[i].state = TASK_RUNNABLE;
        k->tasks[i].call.deadline_ns = now + 7;
        assert_int_equal(kernel_deadline(k, now), now);
        k->tasks[i].state = TASK_WAITING;
        assert_int_equal(kernel_deadline(k, now), now + 7);
        k->stack.dhcp.timer_ns = now + 5;
        assert_int_equal(kernel_deadline(k, now), now + 5);
        k->stack.dhcp.timer_ns = now + 9;
        assert_int_equal(kernel_deadline(k, now), now + 7);
        k->stack.dhcp.timer_ns = DEADLINE_NEVER;
        k->tasks[i].state = TASK_FREE;
    }
    k->first.driver = virtio_driver_of(VIRTIO_ID_NET);
    k->devices[0] = &k->first;
    k->device_count = 1;
    nic->dev.check_due = true; /* link and status are looked at once more */
    nic->dev.check_ns = now + 3;
    assert_int_equal(kernel_deadline(k, now), now + 3);
    nic->more = true; /* used entries without an interrupt */
    assert_true(kernel_deadline(k, now) <= now);
    nic->dev.failed = true;
    assert_int_equal(kernel_deadline(k, now), DEADLINE_NEVER);
}

#define T(test) cmocka_unit_test_setup_teardown(test, idle_setup, idle_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_open_at_first_and_each_thing_alone_is_something),
        T(a_connection_is_over_when_closed_and_settled_in_time_wait),
        T(a_socket_without_a_program_is_something),
        T(a_frame_that_the_device_has_not_taken_is_no_end),
        T(the_next_poll_is_that_of_the_first_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

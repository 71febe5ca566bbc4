/* What the wire shows of a connection's two ends. */
#include "../../core/trace/trace.h"
#include "../../sim/oracle/tcp_view.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ISS = 0xfffffff0u, IRS = 5000 };

static struct tcp_view view;

static struct decoded segment(enum direction dir, uint8_t flags, uint32_t seq, uint32_t ack,
                              size_t len)
{
    bool tx = dir == DIRECTION_TX;

    return (struct decoded){
        .layer = LAYER_TCP,
        .ip_src = tx ? 1 : 2,
        .ip_dst = tx ? 2 : 1,
        .src_port = tx ? 1000 : 80,
        .dst_port = tx ? 80 : 1000,
        .tcp_flags = flags,
        .tcp_seq = seq,
        .tcp_ack = ack,
        .payload_len = len,
    };
}

/* A segment goes over; sequence numbers count from after the sender's SYN. */
static void seg(enum direction dir, uint8_t flags, int seq, int ack, size_t len, bool lost)
{
    bool tx = dir == DIRECTION_TX;
    struct decoded d = segment(dir, flags, (tx ? ISS : IRS) + 1 + (uint32_t)seq,
                               (tx ? IRS : ISS) + 1 + (uint32_t)ack, len);

    tcp_view_sent(&view, dir, &d);
    if (!lost)
        tcp_view_arrived(&view, dir, &d);
}

static void expect_states(const char *machine, const char *peer)
{
    struct decoded d = segment(DIRECTION_TX, 0, 0, 0, 0);
    const struct tcp_flow *f = tcp_view_flow(&view, DIRECTION_TX, &d);

    assert_non_null(f);
    assert_string_equal(trace_tcp_word(f->end[DIRECTION_TX].state), machine);
    assert_string_equal(trace_tcp_word(f->end[DIRECTION_RX].state), peer);
}

static void open_up(void)
{
    memset(&view, 0, sizeof(view));
    seg(DIRECTION_TX, SEG_SYN, -1, 0, 0, false);
    expect_states("SYN_SENT", "CLOSED");
    seg(DIRECTION_RX, SEG_SYN | SEG_ACK, -1, 0, 0, true);
    expect_states("SYN_SENT", "SYN_RECEIVED");
    seg(DIRECTION_RX, SEG_SYN | SEG_ACK, -1, 0, 0, false);
    expect_states("ESTABLISHED", "SYN_RECEIVED");
    seg(DIRECTION_TX, SEG_ACK, 0, 0, 0, true);
    expect_states("ESTABLISHED", "SYN_RECEIVED");
    seg(DIRECTION_TX, SEG_ACK | SEG_PSH, 0, 0, 100, false);
    expect_states("ESTABLISHED", "ESTABLISHED");
}

static void the_machine_closes_first(void **state)
{
    (void)state;
    open_up();
    seg(DIRECTION_TX, SEG_FIN | SEG_ACK, 100, 0, 0, true);
    expect_states("FIN_WAIT_1", "ESTABLISHED");
    seg(DIRECTION_RX, SEG_ACK, 0, 100, 0, false); /* the data, not the FIN */
    expect_states("FIN_WAIT_1", "ESTABLISHED");
    seg(DIRECTION_TX, SEG_FIN | SEG_ACK, 100, 0, 0, false);
    seg(DIRECTION_RX, SEG_ACK, 0, 101, 0, false);
    expect_states("FIN_WAIT_2", "CLOSE_WAIT");
    seg(DIRECTION_RX, SEG_FIN | SEG_ACK, 0, 101, 7, false);
    expect_states("FIN_WAIT_2", "LAST_ACK");
    seg(DIRECTION_TX, SEG_ACK, 101, 8, 0, false);
    expect_states("TIME_WAIT", "CLOSED");
}

static void the_peer_closes_first_and_both_at_once(void **state)
{
    (void)state;
    open_up();
    seg(DIRECTION_RX, SEG_FIN | SEG_ACK, 0, 100, 0, false);
    expect_states("ESTABLISHED", "FIN_WAIT_1");
    seg(DIRECTION_TX, SEG_FIN | SEG_ACK, 100, 1, 0, false);
    expect_states("LAST_ACK", "FIN_WAIT_2");
    seg(DIRECTION_RX, SEG_ACK, 1, 101, 0, false);
    expect_states("CLOSED", "TIME_WAIT");

    open_up();
    seg(DIRECTION_TX, SEG_FIN | SEG_ACK, 100, 0, 0, false);
    seg(DIRECTION_RX, SEG_FIN | SEG_ACK, 0, 100, 0, false);
    expect_states("FIN_WAIT_1", "FIN_WAIT_1");
    seg(DIRECTION_TX, SEG_ACK, 101, 1, 0, false);
    expect_states("CLOSING", "FIN_WAIT_2");
    seg(DIRECTION_RX, SEG_ACK, 1, 101, 0, false);
    expect_states("TIME_WAIT", "TIME_WAIT");
}

static void a_reset_ends_both(void **state)
{
    (void)state;
    open_up();
    seg(DIRECTION_RX, SEG_RST, 0, 0, 0, true);
    expect_states("ESTABLISHED", "CLOSED");
    seg(DIRECTION_RX, SEG_RST, 0, 0, 0, false);
    expect_states("CLOSED", "CLOSED");
    seg(DIRECTION_TX, SEG_SYN, -1, 0, 0, false); /* and the ports serve again */
    expect_states("SYN_SENT", "CLOSED");
}

static void the_oldest_connection_makes_room(void **state)
{
    struct decoded d = segment(DIRECTION_TX, SEG_SYN, 1, 0, 0);

    (void)state;
    open_up();
    for (unsigned i = 0; i < TCP_VIEW_FLOWS; i++) {
        assert_non_null(tcp_view_flow(
            &view, DIRECTION_TX, &(struct decoded){.ip_dst = 2, .src_port = 1000, .dst_port = 80}));
        d.src_port = (uint16_t)(2000 + i);
        tcp_view_sent(&view, DIRECTION_TX, &d);
    }
    d.src_port = 1000;
    assert_null(tcp_view_flow(&view, DIRECTION_TX, &d));
    d.src_port = 2000;
    assert_non_null(tcp_view_flow(&view, DIRECTION_TX, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_closes_first),
        cmocka_unit_test(the_peer_closes_first_and_both_at_once),
        cmocka_unit_test(a_reset_ends_both),
        cmocka_unit_test(the_oldest_connection_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

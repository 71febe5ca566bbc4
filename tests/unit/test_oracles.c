/*
 * The oracles of frames, calls and reports: each one fires on its violation, written by hand, and
 * all are quiet on exchanges that are in order, the unusual ones included. Connections:
 * test_oracles_tcp.c.
 */
#include "oracle_fixture.h"
#include "../../core/base/array.h"
#include "../../core/interface/syscall.h"
#include "../../core/trace/trace_events.h"
#include "../../sim/oracle/oracle_calls.h"

/* ---- frames ---- */

static struct frame hello(void)
{
    return udp_frame(MACHINE, 7000, PEER, 7, "hello", 5);
}

static void a_good_frame_is_quiet(void **state)
{
    struct frame f = hello();

    (void)state;
    begin_leased();
    tx(f);
    f.len = 60;
    tx(f);
    tx(arp_frame(1, MACHINE, MACHINE)); /* an announcement */
    tx(arp_frame(1, MACHINE, PEER));
    tx(arp_frame(2, MACHINE, PEER));
    quiet();
}

static void a_frame_is_judged_by_its_form(void **state)
{
    struct frame f = hello();

    (void)state;
    begin_leased();
    f.bytes[6] ^= 4;
    tx(f);
    caught_by("frame.source_mac");

    f = hello();
    f.bytes[55] = 0x5a;
    f.len = 60;
    begin_leased();
    tx(f);
    caught_by("frame.padding");

    f = hello();
    f.len = 1515;
    begin_leased();
    tx(f);
    caught_by("frame.length");

    f = hello();
    f.bytes[44] ^= 1;
    begin_leased();
    tx(f);
    caught_by("frame.checksum");

    f = hello();
    f.bytes[14 + 8] = 0;
    finish_ip(&f, 33);
    begin_leased();
    tx(f);
    caught_by("frame.ttl");

    begin(); /* before there is a lease, when no other oracle knows the right source */
    tx(udp_frame(IP(127, 0, 0, 1), 1, PEER, 7, "x", 1));
    caught_by("frame.loopback");
    begin_leased();
    tx(udp_frame(MACHINE, 1, IP(127, 0, 0, 1), 7, "x", 1));
    caught_by("frame.loopback");
    begin_leased();
    tx(udp_frame(MACHINE, 1, MACHINE, 7, "x", 1));
    caught_by("frame.loopback");
    begin_leased();
    tx(arp_frame(1, MACHINE, IP(127, 0, 0, 1)));
    caught_by("frame.loopback");

    f = hello();
    set16(f.bytes + 14 + 6, 0x2000);
    finish_ip(&f, 33);
    begin_leased();
    tx(f);
    caught_by("frame.fragment");

    f = hello();
    set16(f.bytes + 34 + 4, 12); /* one byte less than in the IP header */
    finish_ip(&f, 33);
    set16(f.bytes + 34 + 6, 0);
    begin_leased();
    tx(f);
    caught_by("udp.length");

    f = tcp_frame((struct segment){.from_machine = true, .flags = SEG_SYN, .mss = 1460});
    f.bytes[14 + 20 + 21] = 9;
    finish_ip(&f, 44);
    begin_leased();
    tx(f);
    caught_by("frame.malformed");
}

static void an_oracle_that_is_off_is_quiet(void **state)
{
    struct frame f = hello();

    (void)state;
    f.bytes[55] = 0x5a;
    f.len = 60;
    begin_leased();
    assert_true(oracles_off(oracles, "frame.padding"));
    assert_false(oracles_off(oracles, "frame.nonsense"));
    tx(f);
    quiet();
    begin_leased(); /* for one run only */
    tx(f);
    caught_by("frame.padding");
}

static void arp_asks_once_a_second(void **state)
{
    (void)state;
    begin_leased();
    tx(arp_frame(1, MACHINE, PEER));
    tx(arp_frame(1, MACHINE, IP(10, 0, 2, 3)));
    wait_ms(1000);
    tx(arp_frame(1, MACHINE, PEER));
    quiet();
    wait_ms(500);
    tx(arp_frame(1, MACHINE, PEER));
    caught_by("arp.rate");
}

static void arp_speaks_for_itself(void **state)
{
    struct frame f = arp_frame(1, MACHINE, PEER);

    (void)state;
    begin_leased();
    f.bytes[14 + 8] ^= 4;
    tx(f);
    caught_by("arp.source");
}

/* ---- addresses ---- */

static void an_address_lasts_from_ack_to_end_of_lease(void **state)
{
    (void)state;
    begin();
    lease(60);
    wait_ms(59900);
    tx(hello());
    quiet();
    wait_ms(300);
    tx(hello());
    caught_by("dhcp.address");
}

static void a_renewal_makes_it_last_longer(void **state)
{
    (void)state;
    begin();
    lease(60);
    wait_ms(30000);
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 6, .ciaddr = MACHINE}));
    rx(dhcp_frame(
        (struct dhcp){.type = 5, .xid = 6, .yiaddr = MACHINE, .server = PEER, .lease_s = 60}));
    wait_ms(59000);
    tx(hello());
    quiet();
    wait_ms(2000);
    tx(hello());
    caught_by("dhcp.address");
}

static void a_nak_ends_it(void **state)
{
    (void)state;
    begin();
    lease(60);
    wait_ms(30000);
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 6, .ciaddr = MACHINE}));
    rx(dhcp_frame((struct dhcp){.type = 6, .xid = 6, .server = PEER}));
    quiet();
    wait_ms(200);
    tx(hello());
    caught_by("dhcp.address");
}

static void a_strange_source_is_caught(void **state)
{
    struct frame f = udp_frame(IP(10, 0, 2, 77), 7000, PEER, 7, "hello", 5);

    (void)state;
    begin_leased();
    tx(f);
    caught_by("ip.source");
    begin();
    tx(udp_frame(0, 7000, PEER, 7, "hello", 5));
    caught_by("ip.source");
}

static void an_offer_of_another_transaction_is_not_requested(void **state)
{
    (void)state;
    begin();
    tx(dhcp_frame((struct dhcp){.type = 1, .xid = 5}));
    rx(dhcp_frame((struct dhcp){.type = 2, .xid = 6, .yiaddr = MACHINE, .server = PEER}));
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 5, .requested = MACHINE, .server = PEER}));
    caught_by("dhcp.xid");
}

static void what_other_clients_may_do_is_quiet(void **state)
{
    struct frame f = hello();

    (void)state;
    begin(); /* INIT-REBOOT: no OFFER, no server */
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 9, .requested = MACHINE}));
    rx(dhcp_frame(
        (struct dhcp){.type = 5, .xid = 9, .yiaddr = MACHINE, .server = PEER, .lease_s = 60}));
    tx(hello());
    quiet();
    begin(); /* INFORM from an address without a lease */
    tx(dhcp_frame((struct dhcp){.type = 8, .xid = 9, .ciaddr = MACHINE}));
    tx(hello());
    quiet();
    begin(); /* BOOTP */
    tx(dhcp_frame((struct dhcp){.xid = 9}));
    quiet();
    begin_leased(); /* a full frame with a tag of IEEE 802.1Q */
    set16(f.bytes + 12, 0x8100);
    f.len = 1518;
    tx(f);
    quiet();
    f.len = 1519;
    tx(f);
    caught_by("frame.length");
}

/* ---- system calls ---- */

static void the_kernel_copies_within_what_a_call_named(void **state)
{
    struct process_stop read = {PROCESS_SYSCALL, SYS_READ, {3, 1000, 10}, 0, 0};
    struct process_stop from = {PROCESS_SYSCALL, SYS_RECVFROM, {3, 1000, 10, 2000}, 0, 0};
    static const struct {
        unsigned call;
        uint64_t address;
        size_t len;
        bool write, fine;
    } row[] = {
        {0, 1000, 10, true, true},   {0, 1005, 5, true, true},   {0, 1010, 0, true, true},
        {0, 1000, 11, true, false},  {0, 999, 1, true, false},   {0, 1011, 0, true, false},
        {0, 1000, 10, false, false}, {1, 2000, 8, true, true},   {1, 1000, 10, true, true},
        {1, 2000, 9, true, false},   {1, 1992, 16, true, false}, {0, 0, 8, true, false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        begin();
        oracle_call_copies(&sim, row[i].call ? &from : &read, row[i].address, row[i].len,
                           row[i].write);
        if (row[i].fine)
            quiet();
        else
            caught_by("calls.memory");
    }
}

/* ---- malformed frames ---- */

static void drop(enum drop_reason reason)
{
    uint64_t args[1] = {reason};

    oracles_trace(oracles, TRACE_NET_DROP, args);
}

static struct frame bad_echo(void)
{
    struct frame f = icmp_frame(PEER, MACHINE, 8, "ping", 4);

    f.bytes[14 + 20 + 2] ^= 1; /* the checksum */
    return f;
}

static void a_malformed_frame_is_dropped_once(void **state)
{
    (void)state;
    for (unsigned drops = 0; drops < 3; drops++) {
        begin_leased();
        rx(bad_echo());
        drop(DROP_UDP_PORT); /* a good frame's */
        for (unsigned i = 0; i < drops; i++)
            drop(DROP_ICMP_CHECKSUM);
        oracles_end(oracles, 0);
        if (drops < 2)
            quiet();
        else
            caught_by("frame.dropped");
    }
    begin_leased();
    rx(bad_echo());
    oracles_end(oracles, 0);
    caught_by("frame.dropped");
}

static void nothing_answers_a_malformed_frame(void **state)
{
    struct frame echo = icmp_frame(MACHINE, PEER, 0, "ping", 4), ask = arp_frame(1, PEER, MACHINE);

    (void)state;
    begin_leased();
    rx(bad_echo());
    tx(echo);
    caught_by("frame.answered");
    begin_leased();
    ask.bytes[18] = 7; /* the length of a hardware address */
    rx(ask);
    tx(arp_frame(2, MACHINE, PEER));
    caught_by("frame.answered");
    begin_leased(); /* an answer to a good one, which came before */
    rx(icmp_frame(PEER, MACHINE, 8, "ping", 4));
    rx(bad_echo());
    tx(echo);
    quiet();
    begin_leased(); /* an answer to what came long ago and is not known any more */
    rx(bad_echo());
    wait_ms(5);
    tx(echo);
    quiet();
}

static void a_malformed_segment_is_not_reset(void **state)
{
    struct frame syn = tcp_frame((struct segment){.local_port = 7, .seq = 5, .flags = SEG_SYN});
    struct frame reset = tcp_frame((struct segment){
        .from_machine = true, .local_port = 7, .ack = 6, .flags = SEG_RST | SEG_ACK});

    (void)state;
    begin_leased();
    rx(syn);
    tx(reset);
    quiet();
    begin_leased();
    syn.bytes[14 + 20 + 16] ^= 1;
    rx(syn);
    tx(reset);
    caught_by("frame.answered");
}

/* ---- what the machine prints ---- */

static void counters_are_the_frames_that_passed(void **state)
{
    static const struct {
        const char *line;
        bool fine;
    } row[] = {
        {"netinfo: counters tx=3 rx=2 drops=0", true},
        {"netinfo: counters tx=2 rx=2 drops=0", false},
        {"netinfo: counters tx=4 rx=2 drops=0", false},
        {"netinfo: counters tx=3 rx=1 drops=0", false},
        {"netinfo: counters tx=3 rx=3 drops=0", false},
        {"netinfo: counters tx=3 rx=2 drops=1", false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        begin_leased();
        tx(hello());
        wait_ms(50);
        oracles_line(oracles, row[i].line);
        oracles_end(oracles, 0);
        if (row[i].fine)
            quiet();
        else
            caught_by("report.counters");
    }
}

static void counters_of_a_busy_moment_have_room(void **state)
{
    struct frame lost = udp_frame(PEER, 7, MACHINE, 7000, "hello", 5);
    struct decoded d;

    (void)state;
    begin_leased();
    oracles_line(oracles,
                 "netinfo: counters tx=3 rx=1 drops=0"); /* one is on its way out, one in */
    tx(hello());
    quiet();
    wait_ms(50);
    tx(hello());
    rx(lost);
    decode_frame(lost.bytes, lost.len, &d);
    oracles_lost(oracles, &d);
    wait_ms(50);
    oracles_line(oracles, "netinfo: counters tx=4 rx=2 drops=0");
    oracles_end(oracles, 0);
    quiet();
}

static void counters_are_printed_when_all_was_quiet(void **state)
{
    (void)state;
    begin_leased();
    oracles_line(oracles, "netinfo: counters tx=3 rx=2 drops=0");
    wait_ms(50);
    tx(hello()); /* too late to be the third */
    caught_by("report.counters");
}

static void bound(uint32_t addr, uint32_t mask, uint32_t lease_s)
{
    uint64_t args[5] = {addr, mask, 0, 0, lease_s};

    oracles_trace(oracles, TRACE_DHCP_BOUND, args);
}

static void a_lease_is_what_its_ack_says(void **state)
{
    (void)state;
    begin_leased();
    bound(MACHINE, 0xff000000, 86400); /* the class's, without an option */
    quiet();
    begin_leased();
    bound(MACHINE + 1, 0xff000000, 86400);
    caught_by("report.lease");
    begin_leased();
    bound(MACHINE, 0xffffff00, 86400);
    caught_by("report.lease");
    begin_leased();
    bound(MACHINE, 0xff000000, 86401);
    caught_by("report.lease");
}

static void the_time_left_of_a_lease_runs(void **state)
{
    static const struct {
        const char *line;
        bool fine;
    } row[] = {
        {"netinfo: addr=10.0.2.15 mask=255.0.0.0 gateway=0.0.0.0 dns=0.0.0.0 lease_s=86389", true},
        {"netinfo: addr=10.0.2.15 mask=255.0.0.0 gateway=0.0.0.0 dns=0.0.0.0 lease_s=86390", false},
        {"netinfo: addr=10.0.2.15 mask=255.0.0.0 gateway=0.0.0.0 dns=0.0.0.0 lease_s=86388", false},
        {"netinfo: addr=10.0.2.15 mask=255.0.0.0 gateway=0.0.0.0 dns=0.0.0.0 lease_s=forever",
         false},
        {"netinfo: addr=10.0.2.15 mask=255.0.0.0 gateway=0.0.0.0 dns=10.0.2.3 lease_s=86389",
         false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        begin_leased();
        bound(MACHINE, 0xff000000, 86400);
        wait_ms(10500);
        oracles_line(oracles, row[i].line);
        if (row[i].fine)
            quiet();
        else
            caught_by("report.lease");
    }
}

static void recvfrom_returns(struct socket_address from, const char *bytes, int64_t result)
{
    struct process_stop call = {
        .nr = SYS_RECVFROM,
        .args = {3, (uint64_t)(uintptr_t)bytes, 100, (uint64_t)(uintptr_t)&from}};

    begin_leased();
    rx(udp_frame(PEER, 7, MACHINE, 7000, "hello", 5));
    oracles_call(oracles, &call, result);
}

static void recvfrom_returns_whom_the_datagram_is_from(void **state)
{
    (void)state;
    recvfrom_returns((struct socket_address){.addr = PEER, .port = 7}, "hello", 5);
    quiet();
    recvfrom_returns((struct socket_address){.addr = PEER, .port = 7}, "hel", 3); /* cut */
    quiet();
    recvfrom_returns((struct socket_address){.addr = PEER, .port = 8}, "hello", 5);
    caught_by("report.peer");
    recvfrom_returns((struct socket_address){.addr = PEER + 1, .port = 7}, "hello", 5);
    caught_by("report.peer");
    recvfrom_returns((struct socket_address){.addr = PEER, .port = 7}, "hallo", 5);
    caught_by("report.peer");
    recvfrom_returns((struct socket_address){.addr = PEER + 1, .port = 8}, "hello", -11); /* none */
    quiet();
}

static void accept_returns(uint16_t port, unsigned times)
{
    struct socket_address from = {.addr = PEER, .port = port};
    struct process_stop call = {.nr = SYS_ACCEPT, .args = {3, (uint64_t)(uintptr_t)&from}};

    begin_leased();
    rx(tcp_frame((struct segment){.local_port = 7, .seq = 1, .flags = SEG_SYN}));
    tx(tcp_frame((struct segment){
        .from_machine = true, .local_port = 7, .ack = 2, .flags = SEG_SYN | SEG_ACK}));
    while (times--)
        oracles_call(oracles, &call, 4);
}

static void accept_returns_the_peer_once(void **state)
{
    (void)state;
    accept_returns(8080, 1);
    quiet();
    accept_returns(8081, 1);
    caught_by("report.peer");
    accept_returns(8080, 2);
    caught_by("report.peer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_frame_is_quiet),
        cmocka_unit_test(a_malformed_frame_is_dropped_once),
        cmocka_unit_test(nothing_answers_a_malformed_frame),
        cmocka_unit_test(a_malformed_segment_is_not_reset),
        cmocka_unit_test(counters_are_the_frames_that_passed),
        cmocka_unit_test(counters_of_a_busy_moment_have_room),
        cmocka_unit_test(counters_are_printed_when_all_was_quiet),
        cmocka_unit_test(a_lease_is_what_its_ack_says),
        cmocka_unit_test(the_time_left_of_a_lease_runs),
        cmocka_unit_test(recvfrom_returns_whom_the_datagram_is_from),
        cmocka_unit_test(accept_returns_the_peer_once),
        cmocka_unit_test(a_frame_is_judged_by_its_form),
        cmocka_unit_test(an_oracle_that_is_off_is_quiet),
        cmocka_unit_test(arp_asks_once_a_second),
        cmocka_unit_test(arp_speaks_for_itself),
        cmocka_unit_test(an_address_lasts_from_ack_to_end_of_lease),
        cmocka_unit_test(a_renewal_makes_it_last_longer),
        cmocka_unit_test(a_nak_ends_it),
        cmocka_unit_test(a_strange_source_is_caught),
        cmocka_unit_test(an_offer_of_another_transaction_is_not_requested),
        cmocka_unit_test(what_other_clients_may_do_is_quiet),
        cmocka_unit_test(the_kernel_copies_within_what_a_call_named),
    };

    return cmocka_run_group_tests(tests, NULL, free_all);
}

/*
 * The oracles of frames and connections: each one fires on its violation, written by hand, and all
 * are quiet on exchanges that are in order, the unusual ones included.
 */
#include "../../core/base/array.h"
#include "frames.h"
#include "../../core/interface/syscall.h"
#include "../../core/trace/trace_events.h"
#include "../../sim/oracle/oracle.h"
#include "../../sim/oracle/oracle_calls.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sim sim;
static struct oracles *oracles;

/* The machine has its lease, unless a test begins before that. */
static void begin(void)
{
    sim_start(&sim, 1);
    oracles = oracles_start(oracles, &sim, machine_mac, 1500);
}

static void wait_ms(uint64_t ms)
{
    sim.now_ns += ms * NS_PER_MS;
}

static void tx(struct frame f)
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_tx(oracles, f.bytes, f.len, &d);
    sim.now_ns += 10 * NS_PER_US;
}

static void say(struct frame f) /* the peer sends it, and it is lost */
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_peer(oracles, f.bytes, f.len, &d);
}

static void arrive(struct frame f) /* it reaches the machine */
{
    struct decoded d;

    decode_frame(f.bytes, f.len, &d);
    oracles_rx(oracles, f.bytes, f.len, &d);
    sim.now_ns += 10 * NS_PER_US;
}

static void rx(struct frame f)
{
    say(f);
    arrive(f);
}

static void quiet(void)
{
    assert_string_equal(sim.failure.kind == FAILURE_NONE ? "" : sim.failure.message, "");
}

static void caught_by(const char *name)
{
    assert_int_equal(sim.failure.kind, FAILURE_SAFETY);
    assert_string_equal(sim.failure.oracle, name);
}

static void lease(uint32_t seconds)
{
    tx(dhcp_frame((struct dhcp){.type = 1, .xid = 5}));
    rx(dhcp_frame((struct dhcp){.type = 2, .xid = 5, .yiaddr = MACHINE, .server = PEER}));
    tx(dhcp_frame((struct dhcp){.type = 3, .xid = 5, .requested = MACHINE, .server = PEER}));
    rx(dhcp_frame(
        (struct dhcp){.type = 5, .xid = 5, .yiaddr = MACHINE, .server = PEER, .lease_s = seconds}));
    quiet();
}

/* ---- frames ---- */

static void begin_leased(void)
{
    begin();
    lease(86400);
}

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

/* ---- connections; the machine's first byte is 1001, the peer's 5001 ---- */

#define OUT(...) tx(tcp_frame((struct segment){.from_machine = true, __VA_ARGS__}))
#define IN(...)  rx(tcp_frame((struct segment){__VA_ARGS__}))

static void written(const char *text)
{
    oracles_app_written(oracles, 49152, PEER, 8080, (const uint8_t *)text, strlen(text));
}

static void read_by_program(const char *text)
{
    oracles_app_read(oracles, 49152, PEER, 8080, (const uint8_t *)text, strlen(text));
}

static void connect_with(uint16_t window, uint16_t mss)
{
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = window, .mss = mss);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
}

static void a_whole_conversation_is_quiet(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("request");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "request");
    say(tcp_frame((struct segment){
        .seq = 5001, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "first "}));
    IN(.seq = 5007, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "second");
    OUT(.seq = 1008, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    IN(.seq = 5001, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "first ");
    OUT(.seq = 1008, .ack = 5013, .flags = SEG_ACK, .window = 3988);
    read_by_program("first second");
    IN(.seq = 5013, .ack = 1008, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    oracles_app_end(oracles, 49152, PEER, 8080);
    OUT(.seq = 1008, .ack = 5014, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    wait_ms(1000);
    OUT(.seq = 1008, .ack = 5014, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    IN(.seq = 5014, .ack = 1009, .flags = SEG_ACK, .window = 8000);
    quiet();
}

static void numbers_may_wrap(void **state)
{
    (void)state;
    begin_leased();
    OUT(.seq = 0xfffffffe, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 0xfffffffc, .ack = 0xffffffff, .flags = SEG_SYN | SEG_ACK, .window = 8000);
    OUT(.seq = 0xffffffff, .ack = 0xfffffffd, .flags = SEG_ACK, .window = 4000);
    written("abcdef");
    OUT(.seq = 0xffffffff, .ack = 0xfffffffd, .flags = SEG_ACK, .window = 4000, .data = "abcdef");
    IN(.seq = 0xfffffffd, .ack = 5, .flags = SEG_ACK, .window = 8000, .data = "ghijkl");
    read_by_program("ghijkl");
    OUT(.seq = 5, .ack = 3, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 5, .ack = 3, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    quiet();
    OUT(.seq = 5, .ack = 4, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void ports_may_be_used_again(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    OUT(.seq = 900000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    wait_ms(1000);
    OUT(.seq = 900000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 70000, .ack = 900001, .flags = SEG_SYN | SEG_ACK, .window = 8000, .mss = 1460);
    OUT(.seq = 900001, .ack = 70001, .flags = SEG_ACK, .window = 4000);
    written("new");
    OUT(.seq = 900001, .ack = 70001, .flags = SEG_ACK, .window = 4000, .data = "new");
    quiet();
}

static void an_incoming_connection_is_followed(void **state)
{
    (void)state;
    begin_leased();
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 4000, .mss = 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "hi");
    OUT(.seq = 1001, .ack = 5003, .flags = SEG_ACK, .window = 4000);
    read_by_program("hi");
    quiet();
    OUT(.seq = 1001, .ack = 5004, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void both_ends_may_open_and_close_at_once(void **state)
{
    (void)state;
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 8000, .mss = 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    OUT(.seq = 1002, .ack = 5002, .flags = SEG_ACK, .window = 4000);
    IN(.seq = 5002, .ack = 1002, .flags = SEG_ACK, .window = 8000);
    quiet();
}

static void what_is_damaged_was_not_received(void **state)
{
    struct frame f = tcp_frame((struct segment){
        .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "data"});

    (void)state;
    connect_with(8000, 1460);
    say(f);
    f.bytes[55] ^= 1;
    arrive(f);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
    OUT(.seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void data_behind_a_hole_is_not_acknowledged(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5003, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "cd");
    OUT(.seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void an_acknowledgement_is_not_taken_back(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "ab");
    OUT(.seq = 1001, .ack = 5003, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 5000);
    caught_by("tcp.ack");
}

static void an_offered_window_is_not_taken_back(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 3999);
    caught_by("tcp.window_shrink");
}

static void the_peers_window_is_the_limit(void **state)
{
    (void)state;
    connect_with(4, 1460);
    written("abcdefg");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "e"); /* a probe */
    quiet();
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ef");
    caught_by("tcp.window");
}

static void a_window_that_shrank_may_have_been_used(void **state)
{
    (void)state;
    connect_with(4, 1460);
    written("abcd");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    quiet();
}

static void the_peers_mss_is_the_limit(void **state)
{
    static char bytes[537];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    connect_with(8000, 0); /* no option: 536 */
    oracles_app_written(oracles, 49152, PEER, 8080, (const uint8_t *)bytes, sizeof(bytes));
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = bytes, .len = 536);
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = bytes, .len = 537);
    caught_by("tcp.mss");
}

static void a_tiny_mss_is_a_limit_as_well(void **state)
{
    (void)state;
    connect_with(8000, 4);
    written("abcde");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcde");
    caught_by("tcp.mss");
}

static void a_keep_alive_is_no_stream(void **state)
{
    (void)state;
    connect_with(8000, 1460); /* before any data, without and with an octet */
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    written("ab");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ab");
    IN(.seq = 5001, .ack = 1003, .flags = SEG_ACK, .window = 8000);
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    quiet();
    connect_with(8000, 1460); /* not while something is in flight */
    written("ab");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ab");
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    caught_by("tcp.retransmit");
}

static void a_number_before_the_stream_is_judged_without_harm(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 990, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "x");
    caught_by("tcp.retransmit");
    connect_with(8000, 1460); /* the peer's do no harm either */
    IN(.seq = 4990, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000, .data = "old bytes");
    IN(.seq = 5000, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "?abc");
    OUT(.seq = 1001, .ack = 5004, .flags = SEG_ACK, .window = 4000);
    read_by_program("abc");
    quiet();
}

static void nothing_follows_fin_so_the_window_may_shrink(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    OUT(.seq = 1001, .ack = 5002, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1001, .ack = 5002, .flags = SEG_ACK, .window = 100);
    quiet();
}

static void a_reset_is_matched_to_what_it_answers(void **state)
{
    (void)state;
    begin_leased(); /* SYN and reset of a scanner: the SYN is answered */
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000);
    IN(.seq = 5000, .flags = SEG_RST, .window = 8000);
    OUT(.seq = 0, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    quiet();
    OUT(.seq = 0, .ack = 5000, .flags = SEG_RST | SEG_ACK); /* the reset as well */
    caught_by("tcp.rst_reply");
}

static void the_wire_carries_what_was_written(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abX");
    caught_by("tcp.written");
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    caught_by("tcp.written");
}

static void what_is_sent_again_is_the_same(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abc");
    wait_ms(1000);
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "bc");
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "bc");
    caught_by("tcp.retransmit");
}

static void nothing_follows_fin(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000, .data = "abc");
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000, .data = "ab");
    caught_by("tcp.fin");
}

static void a_program_reads_what_was_said(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "abc");
    read_by_program("ab");
    quiet();
    read_by_program("b");
    caught_by("tcp.stream");
    connect_with(8000, 1460);
    say(tcp_frame((struct segment){
        .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "abc"}));
    read_by_program("a"); /* sent, but it never arrived */
    caught_by("tcp.stream");
}

static void a_stream_ends_where_the_peer_ended_it(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    oracles_app_end(oracles, 49152, PEER, 8080);
    caught_by("tcp.stream");
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000, .data = "abc");
    read_by_program("ab");
    oracles_app_end(oracles, 49152, PEER, 8080);
    caught_by("tcp.stream");
}

static void a_reset_is_not_answered(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    wait_ms(50);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_RST | SEG_ACK);
    OUT(.seq = 1001, .flags = SEG_RST);
    caught_by("tcp.rst_reply");
}

static void a_stray_segment_is_answered_by_a_reset(void **state)
{
    (void)state;
    begin_leased();
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 0, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    IN(.seq = 5000, .ack = 77, .flags = SEG_ACK, .window = 8000);
    OUT(.seq = 77, .flags = SEG_RST);
    quiet();
}

static void many_connections_fit_into_the_table(void **state)
{
    (void)state;
    begin_leased();
    for (unsigned i = 0; i < 200; i++) {
        uint16_t port = (uint16_t)(1024 + i);

        OUT(.local_port = port, .seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
        IN(.local_port = port, .seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 8000,
           .mss = 1460);
        OUT(.local_port = port, .seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
        IN(.local_port = port, .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000,
           .data = "data");
        OUT(.local_port = port, .seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    }
    quiet();
}

static int free_all(void **state)
{
    (void)state;
    oracles_free(oracles);
    sim_free(&sim);
    return 0;
}

/* ---- the schedule of a connection ---- */

static void send_hello(void)
{
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "hello");
}

static void at_ms_of(uint64_t start_ns, uint64_t ms)
{
    sim.now_ns = start_ns + ms * NS_PER_MS;
}

/* Sends "hello" at these times since its first sending; the last one may be wrong. */
static void sends_at(const uint64_t *ms, unsigned count)
{
    uint64_t start_ns;

    connect_with(8000, 1460);
    written("hello");
    start_ns = sim.now_ns;
    for (unsigned i = 0; i < count; i++) {
        quiet();
        at_ms_of(start_ns, ms[i]);
        send_hello();
    }
}

static void nothing_is_sent_again_before_its_timer_which_doubles(void **state)
{
    (void)state;
    sends_at((const uint64_t[]){0, 1000, 3000, 7000, 15000, 31000, 63000, 123000}, 8);
    quiet();
    sends_at((const uint64_t[]){0, 3000, 9000}, 3);
    quiet();
    sends_at((const uint64_t[]){0, 900}, 2);
    caught_by("tcp.timer");
    sends_at((const uint64_t[]){0, 1000, 2500}, 3);
    caught_by("tcp.timer");
}

static void three_duplicates_explain_a_fast_retransmission(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 3; n++) {
        connect_with(8000, 1460);
        written("hello");
        send_hello();
        for (unsigned i = 0; i < n; i++)
            IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000);
        send_hello();
        if (n == 3)
            quiet();
        else
            caught_by("tcp.timer");
    }
}

static void what_is_under_way_is_not_forgotten(void **state)
{
    (void)state;
    sends_at((const uint64_t[]){0}, 1);
    wait_ms(2900);
    oracles_due(oracles);
    quiet();
    wait_ms(300);
    oracles_due(oracles);
    caught_by("tcp.silent");

    sends_at((const uint64_t[]){0, 1000, 3000, 7000, 15000, 31000, 63000}, 7);
    wait_ms(200000); /* given up: R2 */
    oracles_due(oracles);
    quiet();

    sends_at((const uint64_t[]){0}, 1);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_RST, .window = 0);
    wait_ms(10000);
    oracles_due(oracles);
    quiet();
}

static void a_closed_window_is_probed(void **state)
{
    (void)state;
    connect_with(0, 1460);
    written("hello");
    wait_ms(2900);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "h");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    wait_ms(5700);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "h");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    quiet();
    wait_ms(12000);
    oracles_due(oracles);
    caught_by("tcp.silent");
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
    (void)state;
    begin_leased();
    oracles_line(oracles,
                 "netinfo: counters tx=3 rx=1 drops=0"); /* one is on its way out, one in */
    tx(hello());
    quiet();
    wait_ms(50);
    oracles_lost(oracles, true); /* the link is down: the device took it */
    rx(udp_frame(PEER, 7, MACHINE, 7000, "hello", 5));
    oracles_lost(oracles, false);
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
        cmocka_unit_test(a_whole_conversation_is_quiet),
        cmocka_unit_test(numbers_may_wrap),
        cmocka_unit_test(ports_may_be_used_again),
        cmocka_unit_test(an_incoming_connection_is_followed),
        cmocka_unit_test(both_ends_may_open_and_close_at_once),
        cmocka_unit_test(what_is_damaged_was_not_received),
        cmocka_unit_test(data_behind_a_hole_is_not_acknowledged),
        cmocka_unit_test(an_acknowledgement_is_not_taken_back),
        cmocka_unit_test(an_offered_window_is_not_taken_back),
        cmocka_unit_test(the_peers_window_is_the_limit),
        cmocka_unit_test(a_window_that_shrank_may_have_been_used),
        cmocka_unit_test(the_peers_mss_is_the_limit),
        cmocka_unit_test(what_other_clients_may_do_is_quiet),
        cmocka_unit_test(nothing_is_sent_again_before_its_timer_which_doubles),
        cmocka_unit_test(three_duplicates_explain_a_fast_retransmission),
        cmocka_unit_test(what_is_under_way_is_not_forgotten),
        cmocka_unit_test(a_closed_window_is_probed),
        cmocka_unit_test(the_kernel_copies_within_what_a_call_named),
        cmocka_unit_test(a_tiny_mss_is_a_limit_as_well),
        cmocka_unit_test(a_keep_alive_is_no_stream),
        cmocka_unit_test(a_number_before_the_stream_is_judged_without_harm),
        cmocka_unit_test(nothing_follows_fin_so_the_window_may_shrink),
        cmocka_unit_test(a_reset_is_matched_to_what_it_answers),
        cmocka_unit_test(the_wire_carries_what_was_written),
        cmocka_unit_test(what_is_sent_again_is_the_same),
        cmocka_unit_test(nothing_follows_fin),
        cmocka_unit_test(a_program_reads_what_was_said),
        cmocka_unit_test(a_stream_ends_where_the_peer_ended_it),
        cmocka_unit_test(a_reset_is_not_answered),
        cmocka_unit_test(a_stray_segment_is_answered_by_a_reset),
        cmocka_unit_test(many_connections_fit_into_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, free_all);
}

/*
 * The runner of .pkt scripts against stacks that lie: the core's, of which one thing is changed on
 * its way through the table of calls. And scripts damaged at random: reader and runner stay within
 * bounds, and have a verdict.
 *
 *     test_pkt [SCRIPTS [SEED]]      that many damaged scripts; 20000 by default
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/base/err.h"
#include "../../sim/base/bytes.h"
#include "../../sim/pkt/run.h"
#include "../../sim/pkt/segment.h"

#define ACCEPT                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                \
    "+0 bind(3, ..., ...) = 0\n"                                                                   \
    "+0 listen(3, 1) = 0\n"                                                                        \
    "+.1 < S 0:0(0) win 5000 <mss 1000,sackOK,TS val 7 ecr 0,nop,wscale 1>\n"                      \
    "+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 7,nop,wscale 0>\n"                       \
    "+.1 < . 1:1(0) ack 1 win 5000 <nop,nop,TS val 8 ecr 100>\n"                                   \
    "+0 accept(3, ..., ...) = 4\n"                                                                 \
    "+.1 write(4, ..., 300) = 300\n"                                                               \
    "+0 > P. 1:301(300) ack 1 <nop,nop,TS val 200 ecr 8>\n"                                        \
    "+.1 < P. 1:101(100) ack 301 win 5000 <nop,nop,TS val 9 ecr 200>\n"                            \
    "+.04 > . 301:301(0) ack 101 <nop,nop,TS val 300 ecr 9>\n"                                     \
    "+0 read(4, ..., 1000) = 100\n"                                                                \
    "+.1 quiet\n"

/* The core's stack under a table that changes what passes it. */
static struct liar {
    unsigned frame;                              /* of those sent, from 1 on: the one to change */
    void (*change)(uint8_t *frame, size_t *len); /* NULL: send it twice */
    unsigned sent;
    bool repeat;
    uint8_t last[PKT_FRAME_MAX];
    size_t last_len;
    uint64_t late_ns;   /* time passes later for the stack */
    uint8_t read_error; /* added to each byte that is read */
} liar;

static size_t liar_emitted(void *ctx, uint8_t *frame)
{
    size_t len;

    if (liar.repeat) {
        liar.repeat = false;
        memcpy(frame, liar.last, liar.last_len);
        return liar.last_len;
    }
    len = pkt_core_stack.emitted(ctx, frame);
    if (!len || ++liar.sent != liar.frame)
        return len;
    if (liar.change) {
        liar.change(frame, &len);
        return len;
    }
    liar.repeat = true;
    memcpy(liar.last, frame, len);
    liar.last_len = len;
    return len;
}

static uint64_t liar_deadline(void *ctx)
{
    uint64_t due = pkt_core_stack.deadline(ctx);

    return due == UINT64_MAX ? due : due + liar.late_ns;
}

static int64_t liar_call(void *ctx, enum syscall_nr nr, int fd, struct pkt_args *args)
{
    int64_t n = pkt_core_stack.call(ctx, nr, fd, args);

    for (int64_t i = 0; nr == SYS_READ && i < n; i++)
        args->bytes[i] = (uint8_t)(args->bytes[i] + liar.read_error);
    return n;
}

static enum pkt_outcome play(const char *text, const struct pkt_stack *stack,
                             struct pkt_result *result)
{
    struct pkt_variant v = {.start_ns = UINT64_C(5000000000), .seed = 1};
    enum pkt_outcome parsed;
    struct pkt_script s;

    *result = (struct pkt_result){0};
    parsed = pkt_parse(&s, text, strlen(text), &result->problem);
    result->outcome = parsed;
    if (parsed < PKT_UNRUNNABLE)
        pkt_run(&s, parsed, stack, &v, result);
    pkt_script_free(&s);
    return result->outcome;
}

/* ---- changes ---- */

static uint8_t *tcp_of(uint8_t *frame)
{
    return frame + PKT_LINK_LEN + 20;
}

/* A byte of TCP has another value, and the checksum fits: bytes at odd places count 256 times. */
static void change_byte(uint8_t *frame, unsigned at, uint8_t value)
{
    uint8_t *tcp = tcp_of(frame), old = tcp[at];
    uint32_t sum = (uint16_t)~get16(tcp + 16);

    tcp[at] = value;
    sum += at % 2 ? (uint32_t)value + 0xffff - old
                  : ((uint32_t)value << 8) + 0xffff - ((uint32_t)old << 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(tcp + 16, ~sum & 0xffff);
}

static void none(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 5, tcp_of(frame)[5]); /* the checksum must stay good */
}

static void tcp_checksum(uint8_t *frame, size_t *len)
{
    (void)len;
    tcp_of(frame)[17] ^= 1;
}

static void ip_checksum(uint8_t *frame, size_t *len)
{
    (void)len;
    frame[PKT_LINK_LEN + 11] ^= 1;
}

static void ip_length(uint8_t *frame, size_t *len)
{
    (void)frame;
    *len -= 1;
}

static void payload(uint8_t *frame, size_t *len)
{
    unsigned at = (unsigned)(*len - PKT_LINK_LEN - 20 - 1);

    change_byte(frame, at, (uint8_t)(tcp_of(frame)[at] + 1));
}

static void option_value(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 23, (uint8_t)(tcp_of(frame)[23] + 1)); /* of the MSS in a SYN-ACK */
}

static void option_length(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 21, 3);
}

static void option_order(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 36, 3); /* nop, wscale 0 becomes wscale 0, nop */
    change_byte(frame, 37, 3);
    change_byte(frame, 38, 0);
    change_byte(frame, 39, 1);
}

static void stamp_goes_back(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 24, (uint8_t)(tcp_of(frame)[24] - 1));
}

static void stamp_echo(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 31, (uint8_t)(tcp_of(frame)[31] + 1));
}

static void port(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 1, (uint8_t)(tcp_of(frame)[1] + 1));
}

static void urgent(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 19, 1);
}

static void ece(uint8_t *frame, size_t *len)
{
    (void)len;
    change_byte(frame, 13, tcp_of(frame)[13] | PKT_ECE);
}

static void other_protocol(uint8_t *frame, size_t *len)
{
    (void)len;
    frame[PKT_LINK_LEN + 9] = 253;
    put16(frame + PKT_LINK_LEN + 10, get16(frame + PKT_LINK_LEN + 10) - (253 - 6));
}

/* ---- tests ---- */

static void a_lie_about_a_packet_is_found(void **state)
{
    static const struct {
        unsigned frame, line;
        void (*change)(uint8_t *frame, size_t *len);
        const char *what;
    } lies[] = {
        {1, 5, tcp_checksum, "malformed: tcp.checksum"},
        {1, 5, ip_checksum, "malformed: ip.checksum"},
        {1, 5, ip_length, "malformed: ip.total_length"},
        {1, 5, option_value, "the options differ"},
        {1, 5, option_length, "malformed"},
        {1, 5, option_order, "the options differ"},
        {1, 5, port, "another connection"},
        {1, 5, other_protocol, "not a TCP segment"},
        {2, 9, payload, "the data differs"},
        {2, 9, stamp_goes_back, "the options differ"},
        {2, 9, stamp_echo, "the options differ"},
        {2, 9, urgent, "the urgent pointer differs"},
        {2, 9, ece, "the flags differ"},
        {2, 10, NULL, "that no line expects"},
        {3, 13, NULL, "that no line expects"},
    };
    struct pkt_stack stack = pkt_core_stack;
    struct pkt_result r;

    (void)state;
    stack.emitted = liar_emitted;
    for (unsigned i = 0; i < 3; i++) {
        liar = (struct liar){.frame = i + 1, .change = none};
        assert_int_equal(play(ACCEPT, &stack, &r), PKT_PASS);
        assert_int_equal(liar.sent, 3);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(lies); i++) {
        liar = (struct liar){.frame = lies[i].frame, .change = lies[i].change};
        play(ACCEPT, &stack, &r);
        if (r.outcome != PKT_FAIL || r.problem.line != lies[i].line ||
            !strstr(r.problem.text, lies[i].what))
            fail_msg("lie %u: outcome %d, line %u: %s", i, r.outcome, r.problem.line,
                     r.problem.text);
    }
}

static void a_timer_that_is_late_is_found(void **state)
{
    struct pkt_stack stack = pkt_core_stack;
    struct pkt_result r;

    (void)state;
    stack.deadline = liar_deadline;
    liar = (struct liar){.late_ns = 1};
    assert_int_equal(play(ACCEPT, &stack, &r), PKT_FAIL);
    assert_int_equal(r.problem.line, 11);
    assert_string_equal(r.problem.text, "it has not come by 0.44");
}

static void other_bytes_for_the_program_are_found(void **state)
{
    struct pkt_stack stack = pkt_core_stack;
    struct pkt_result r;

    (void)state;
    stack.call = liar_call;
    liar = (struct liar){.read_error = 1};
    assert_int_equal(play(ACCEPT, &stack, &r), PKT_FAIL);
    assert_int_equal(r.problem.line, 12);
}

static uint64_t restless_deadline(void *ctx)
{
    (void)ctx;
    return 0;
}

static void a_stack_that_never_rests_is_a_livelock(void **state)
{
    struct pkt_stack stack = pkt_core_stack;
    struct pkt_result r;

    (void)state;
    stack.deadline = restless_deadline;
    assert_int_equal(play(ACCEPT, &stack, &r), PKT_LIVELOCK);
}

static int64_t poor_call(void *ctx, enum syscall_nr nr, int fd, struct pkt_args *args)
{
    return nr == SYS_ACCEPT ? ERR_NOSYS : pkt_core_stack.call(ctx, nr, fd, args);
}

static void a_call_that_the_stack_does_not_have_is_unrunnable(void **state)
{
    struct pkt_stack stack = pkt_core_stack;
    struct pkt_result r;

    (void)state;
    stack.call = poor_call;
    assert_int_equal(play(ACCEPT, &stack, &r), PKT_UNRUNNABLE);
    assert_int_equal(r.problem.line, 7);
}

/* ---- damaged scripts ---- */

static const char *const scripts[] = {
    ACCEPT,
    "// a title\n--mtu=576\n--window=4096\n"
    "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n"
    "+0 connect(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = "
    "inet_addr(\"192.0.2.2\")}, 16) = -1 EINPROGRESS (words)\n"
    "+0 > S 0:0(0) win >= 1 <...>\n"
    "* > S 0:0(0) <...> /* again */\n"
    "+.1 < 80 > 1234 S. 0:0(0) ack 1 win 500 <mss 1000,nop,nop,sack 1:2 3:4>\n"
    "+0 < icmp unreachable frag_needed mtu 576 [1:101(100)]\n"
    "+0...+1 poll([{fd=3, events=POLLIN|POLLOUT, revents=0}], 1, 1000) = 0\n"
    "+0 writev(3, [{iov_base=..., iov_len=10}, {iov_base=\"x\\n\", iov_len=2}], 2) = 12\n"
    "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n"
    "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n"
    "+0 `ss -t`\n+.5~+1 > FP. 1:3(2) ack 1 urg 7\n+1 quiet\n",
};

static unsigned wanted = 20000;
static uint64_t seed = 1;

static uint32_t draw(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % bound);
}

/* A character, or a piece of the script, changes, is there twice or goes. */
static void damage(char *text, size_t size)
{
    static const char letters[] = "0123456789.,:;+-*~<>()[]{}|\"'\\/ \n\t=_aSFRPEW%`x\x80";
    size_t len = strlen(text), at = draw((uint32_t)len + 1), n = 1 + draw(8);

    switch (draw(4)) {
    case 0:
        if (at < len)
            text[at] = letters[draw(sizeof(letters) - 1)];
        break;
    case 1:
        if (at + n <= len)
            memmove(text + at, text + at + n, len - at - n + 1);
        break;
    case 2:
        if (at + n <= len && len + n < size)
            memmove(text + at + n, text + at, len - at + 1);
        break;
    default:
        text[at] = 0;
        break;
    }
}

static void a_damaged_script_has_a_verdict(void **state)
{
    unsigned count[PKT_SYNTAX + 1] = {0};

    (void)state;
    for (unsigned i = 0; i < wanted; i++) {
        char text[4096];
        struct pkt_result r;

        snprintf(text, sizeof(text), "%s", scripts[i % ARRAY_COUNT(scripts)]);
        for (unsigned n = 1 + draw(3); n && text[0]; n--)
            damage(text, sizeof(text));
        play(text, &pkt_core_stack, &r);
        assert_true(r.outcome <= PKT_SYNTAX);
        count[r.outcome]++;
        assert_true(r.outcome < PKT_UNRUNNABLE || r.problem.text[0]);
    }
    assert_true(count[PKT_SYNTAX] > wanted / 10);
    assert_true(count[PKT_FAIL] > wanted / 100);
    assert_true(count[PKT_UNRUNNABLE] > wanted / 1000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lie_about_a_packet_is_found),
        cmocka_unit_test(a_timer_that_is_late_is_found),
        cmocka_unit_test(other_bytes_for_the_program_are_found),
        cmocka_unit_test(a_stack_that_never_rests_is_a_livelock),
        cmocka_unit_test(a_call_that_the_stack_does_not_have_is_unrunnable),
        cmocka_unit_test(a_damaged_script_has_a_verdict),
    };

    if (argc > 1)
        wanted = (unsigned)strtoul(argv[1], NULL, 0);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

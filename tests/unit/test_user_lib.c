/*
 * The user library and the programs against a scripted kernel: a program runs as it does in the
 * simulator (sim/machine/processes.c), and the test answers its system calls one by one. Writes to
 * FD_OUTPUT and FD_REPORT, SYS_CLOCK, SYS_SLEEP and SYS_CLOSE are answered here; next_call() stops
 * at anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../sim/machine/processes.h"
#include "../../user/drywire.h"
#include "../../user/programs.h"

/* ---- the scripted kernel ---- */

static struct {
    struct processes ps;
    struct process *p;
    struct process_stop stop;
    uint64_t now_ns;
    unsigned closed;       /* SYS_CLOSE calls */
    int64_t report_answer; /* what a write to FD_REPORT returns, when not 0 */
    size_t output_len, report_len;
    char output[20000], report[20000];
} k;

/* Take what the program writes to the console, at most 100 bytes a call. */
static int64_t console_write(uint64_t fd, uint64_t address, uint64_t len)
{
    bool report = fd == FD_REPORT;
    size_t *at = report ? &k.report_len : &k.output_len;
    char *text = report ? k.report : k.output;

    if (report && k.report_answer)
        return k.report_answer;
    if (len > 100)
        len = 100;
    assert_true(*at + len < sizeof(k.output));
    assert_int_equal(k.ps.ops.user_read(&k.ps, k.p, text + *at, address, len), 0);
    *at += len;
    text[*at] = '\0';
    return (int64_t)len;
}

/* Give the program the result of its last call, and stop at the next one that is not answered here;
 * it must be `nr`. */
static void next_call(int64_t result, uint64_t nr)
{
    for (;;) {
        k.ps.ops.resume(&k.ps, k.p, result, &k.stop);
        assert_int_equal(k.stop.kind, PROCESS_SYSCALL);
        k.now_ns += 1000;
        if (k.stop.nr == SYS_CLOCK) {
            result = (int64_t)k.now_ns;
        } else if (k.stop.nr == SYS_SLEEP) {
            k.now_ns += k.stop.args[0];
            result = 0;
        } else if (k.stop.nr == SYS_CLOSE) {
            k.closed++;
            result = 0;
        } else if (k.stop.nr == SYS_WRITE && k.stop.args[0] <= FD_REPORT) {
            result = console_write(k.stop.args[0], k.stop.args[1], k.stop.args[2]);
        } else {
            break;
        }
    }
    if (k.stop.nr != nr)
        print_error("output: %s\nreport: %s\n", k.output, k.report);
    assert_int_equal(k.stop.nr, nr);
}

/* Start a program with the words of a line; it stops at its first call, which must be `nr`. */
static void start(const char *line, uint64_t nr)
{
    static char copy[2000];
    const char *words[PROCESS_WORDS_MAX];
    unsigned count = 0;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    processes_start(&k.ps);
    k.now_ns = 1000000000;
    k.closed = 0;
    k.report_answer = 0;
    k.output_len = k.report_len = 0;
    k.output[0] = k.report[0] = '\0';
    assert_int_equal(k.ps.ops.create(&k.ps, words, count, &k.p), 0);
    next_call(0, nr);
}

/* Start a program that makes a socket of this type: it is descriptor 3. */
static void start_socket(const char *line, enum socket_type type, uint64_t nr)
{
    start(line, SYS_SOCKET);
    assert_int_equal(k.stop.args[0], type);
    next_call(3, nr);
}

static void expect_exit(int64_t result, int status, const char *report)
{
    next_call(result, SYS_EXIT);
    assert_int_equal((int64_t)k.stop.args[0], status);
    assert_string_equal(k.report, report);
}

/* A program that ends without any call. */
static void expect_refusal(const char *line, int status, const char *report)
{
    start(line, SYS_EXIT);
    assert_int_equal((int64_t)k.stop.args[0], status);
    assert_string_equal(k.report, report);
    assert_string_equal(k.output, "");
}

/* Read what argument `arg` of the current call points to. */
static void take(unsigned arg, void *out, size_t len)
{
    assert_int_equal(k.ps.ops.user_read(&k.ps, k.p, out, k.stop.args[arg], len), 0);
}

static void put(unsigned arg, const void *bytes, size_t len)
{
    assert_int_equal(k.ps.ops.user_write(&k.ps, k.p, k.stop.args[arg], bytes, len), 0);
}

static struct socket_address endpoint(uint32_t addr, uint16_t port)
{
    return (struct socket_address){.addr = addr, .port = port};
}

static void expect_address(unsigned arg, uint32_t addr, uint16_t port)
{
    struct socket_address at;

    take(arg, &at, sizeof(at));
    assert_int_equal(at.addr, addr);
    assert_int_equal(at.port, port);
    assert_int_equal(at.reserved, 0);
}

/* The current call is a read: give it these bytes and continue with the next call. */
static void give(const char *bytes, uint64_t nr)
{
    size_t len = strlen(bytes);

    assert_int_equal(k.stop.nr, SYS_READ);
    assert_true(len <= k.stop.args[2]);
    put(1, bytes, len);
    next_call((int64_t)len, nr);
}

/* The current call is a receive: a datagram from there; returns its length, which is the result. */
static int64_t datagram(uint32_t addr, uint16_t port, const void *bytes, size_t len)
{
    struct socket_address from = endpoint(addr, port);

    assert_int_equal(k.stop.nr, SYS_RECVFROM);
    assert_true(len <= k.stop.args[2]);
    put(1, bytes, len);
    put(3, &from, sizeof(from));
    return (int64_t)len;
}

enum { SERVER = 0x0a000202 };

/* ---- the library ---- */

static void every_error_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(error_word(ERR_REFUSED), "refused");
    assert_string_equal(error_word(ERR_AGAIN), "again");
    assert_string_equal(error_word(ERR_KILLED), "killed");
    assert_string_equal(error_word(0), "unknown");
    assert_string_equal(error_word(-1000), "unknown");
    assert_string_equal(error_word(INT64_MIN), "unknown");
}

static void sums_are_fnv_1a_and_do_not_see_slices(void **state)
{
    (void)state;
    assert_int_equal(sum_add(SUM_START, "", 0), 0x811c9dc5);
    assert_int_equal(sum_add(SUM_START, "a", 1), 0xe40c292c);
    assert_int_equal(sum_add(SUM_START, "foobar", 6), 0xbf9cf968);
    assert_int_equal(sum_add(sum_add(SUM_START, "foo", 3), "bar", 3), 0xbf9cf968);
}

static void texts_have_tokens_and_fields(void **state)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0xab, 0x0c, 0xff};
    const struct socket_address at = {.addr = 0xff00010a, .port = 65535};
    const char *expected = "done n=18446744073709551615 z=0 sum=0000abcd a=255.0.1.10 "
                           "m=52:54:00:ab:0c:ff from=255.0.1.10:65535 w=x";
    struct text t;

    (void)state;
    text_start(&t);
    text_word(&t, "done");
    text_number(&t, "n", UINT64_MAX);
    text_number(&t, "z", 0);
    text_hash(&t, "sum", 0xabcd);
    text_address(&t, "a", at.addr);
    text_mac(&t, "m", mac);
    text_endpoint(&t, "from", &at);
    text_field(&t, "w", "x");
    assert_int_equal(t.len, strlen(expected));
    assert_memory_equal(t.data, expected, t.len);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    struct text t;

    (void)state;
    text_start(&t);
    for (int i = 0; i < TEXT_MAX; i++)
        text_word(&t, "ab");
    assert_int_equal(t.len, TEXT_MAX);
    assert_memory_equal(t.data + TEXT_MAX - 5, "ab ab", 5);
}

static void the_table_of_programs_is_sorted_and_its_usage_begins_with_the_name(void **state)
{
    (void)state;
    assert_int_equal(programs_count, 10);
    for (unsigned i = 0; i < programs_count; i++) {
        const struct program *p = &programs[i];

        assert_true(i == 0 || strcmp(programs[i - 1].name, p->name) < 0);
        assert_int_equal(strncmp(p->usage, p->name, strlen(p->name)), 0);
        assert_non_null(p->main);
    }
}

static void a_wrong_command_line_is_answered_with_the_usage(void **state)
{
    static const char *const lines[] = {
        "webget",
        "webget -q",
        "webget http://10.0.2.2/ more",
        "ping",
        "ping -c 0 10.0.2.2",
        "ping -c 65536 10.0.2.2",
        "ping -s 1473 10.0.2.2",
        "ping -i 10.0.2.2",
        "ping 10.0.2.2 -c 1",
        "netinfo -x",
        "netinfo -n -n",
        "nslookup",
        "nslookup a b",
        "lease",
        "lease back",
        "lease probe probe",
        "echod 0",
        "echod 65536",
        "echod 7 8",
        "udpsend 10.0.2.2 7",
        "udpsend 10.0.2.2 7 text -n 0",
        "udpsend 10.0.2.2 7 text -n",
        "udpsend 10.0.2.2 7 text more",
        "tcpsend 10.0.2.2 7",
        "tcpsend 10.0.2.2 7 4294967296",
        "tcpsend 10.0.2.2 7 -1",
        "tcpsend -q 10.0.2.2 7 1 1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        size_t len = strcspn(lines[i], " ");
        char expected[200] = "";

        for (unsigned n = 0; n < programs_count; n++)
            if (strlen(programs[n].name) == len && memcmp(programs[n].name, lines[i], len) == 0)
                snprintf(expected, sizeof(expected), "usage %s\n", programs[n].usage);
        assert_string_not_equal(expected, "");
        expect_refusal(lines[i], 2, expected);
    }
}

static void addresses_and_ports_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    expect_refusal("ping example.com", 1, "error address reason=invalid\n");
    expect_refusal("udpsend 10.0.2 7 text", 1, "error address reason=invalid\n");
    expect_refusal("udpsend 10.0.2.2 70000 text", 1, "error port reason=invalid\n");
    expect_refusal("tcpsend 10.0.2.2 0 1", 1, "error port reason=invalid\n");
    expect_refusal("webget http://10.0.2.2:70000/", 1, "error url reason=port\n");
    expect_refusal("webget -q ftp://10.0.2.2/", 1, "error url reason=scheme\n");
    expect_refusal("webget http://a@10.0.2.2/", 1, "error url reason=userinfo\n");
}

static void a_report_that_cannot_be_written_is_lost(void **state)
{
    (void)state;
    start("netinfo -n", SYS_NETINFO);
    k.report_answer = ERR_BADF;
    expect_exit(ERR_NODEV, 1, "");
    start("netinfo -n", SYS_NETINFO);
    k.report_answer = 1000; /* more than there was: the loop must end */
    expect_exit(ERR_NODEV, 1, "");
}

/* ---- webget ---- */

/* The program waits for the server before it reads. */
static void wait_to_read(int64_t result)
{
    next_call(result, SYS_POLL);
    next_call(1, SYS_READ);
}

static void give_page(const char *bytes)
{
    assert_int_equal(k.stop.nr, SYS_READ);
    put(1, bytes, strlen(bytes));
    wait_to_read((int64_t)strlen(bytes));
}

/* Connected, the request taken: the program is at its first read. */
static void webget_to_read(const char *line)
{
    start_socket(line, SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_WRITE);
    wait_to_read((int64_t)k.stop.args[2]);
}

static void webget_asks_and_reports(void **state)
{
    const char *expected = "GET /hello?x=1 HTTP/1.1\r\nHost: 10.0.2.2:8080\r\n"
                           "User-Agent: drywire\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    char request[500];
    size_t len = 0;

    (void)state;
    start_socket("webget http://10.0.2.2:8080/hello?x=1#y", SOCKET_STREAM, SYS_CONNECT);
    assert_int_equal(k.stop.args[0], 3);
    expect_address(1, SERVER, 8080);
    next_call(0, SYS_WRITE);
    while (k.stop.nr == SYS_WRITE && len < strlen(expected)) { /* a kernel that takes 7 bytes */
        size_t n = k.stop.args[2] < 7 ? (size_t)k.stop.args[2] : 7;

        take(1, request + len, n);
        len += n;
        if (len < strlen(expected))
            next_call((int64_t)n, SYS_WRITE);
        else
            wait_to_read((int64_t)n);
    }
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(request, expected, len);

    give_page("HTTP/1.1 200 OK\r\nContent-Le");
    give_page("ngth: 6\r\n\r\n");
    give_page("foo");
    put(1, "bar", 3);
    expect_exit(3, 0, "done status=200 bytes=6 sum=bf9cf968\n");
    assert_string_equal(k.output, "HTTP/1.1 200 OK\nfoobar");
    assert_int_equal(k.closed, 1);
}

static void webget_asks_for_the_root_and_leaves_the_default_port_out(void **state)
{
    static const struct {
        const char *line, *request;
    } rows[] = {
        {"webget http://10.0.2.2", "GET / HTTP/1.1\r\nHost: 10.0.2.2\r\n"},
        {"webget http://10.0.2.2:80?a", "GET /?a HTTP/1.1\r\nHost: 10.0.2.2\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char request[100];

        start_socket(rows[i].line, SOCKET_STREAM, SYS_CONNECT);
        expect_address(1, SERVER, 80);
        next_call(0, SYS_WRITE);
        take(1, request, strlen(rows[i].request));
        assert_memory_equal(request, rows[i].request, strlen(rows[i].request));
    }
}

static void webget_sends_the_longest_path_whole(void **state)
{
    char line[1200] = "webget http://255.255.255.255:65535/";
    size_t prefix = strlen("GET "), len = strlen(line);
    char request[TEXT_MAX];

    (void)state;
    memset(line + len, 'a', 1023);
    start_socket(line, SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_WRITE);
    take(1, request, (size_t)k.stop.args[2]);
    assert_memory_equal(request + prefix, line + len - 1, 1024);
    assert_memory_equal(request + k.stop.args[2] - 9, "close\r\n\r\n", 9);
}

static void webget_without_output_only_reports(void **state)
{
    (void)state;
    webget_to_read("webget -q http://10.0.2.2/");
    give_page(
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: x, chunked\r\n\r\n6\r\nfoobar\r\n0\r\n");
    put(1, "\r\nsurplus", 9);
    expect_exit(9, 0, "done status=404 bytes=6 sum=bf9cf968 coding=unknown surplus=7\n");
    assert_string_equal(k.output, "");
}

static void webget_tells_where_it_failed(void **state)
{
    (void)state;
    start("webget http://10.0.2.2/", SYS_SOCKET);
    expect_exit(ERR_NFILE, 1, "error socket reason=table-full\n");

    start_socket("webget http://10.0.2.2/", SOCKET_STREAM, SYS_CONNECT);
    expect_exit(ERR_REFUSED, 1, "error connect reason=refused\n");

    start_socket("webget http://10.0.2.2/", SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_WRITE);
    expect_exit(ERR_RESET, 1, "error request reason=reset\n");

    webget_to_read("webget http://10.0.2.2/");
    expect_exit(ERR_TIMEDOUT, 1, "error response reason=timed-out\n");

    start_socket("webget http://10.0.2.2/", SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_WRITE);
    next_call((int64_t)k.stop.args[2], SYS_POLL);
    assert_true(k.stop.args[2] == 900 * UINT64_C(1000000000)); /* silent for a quarter of an hour */
    expect_exit(0, 1, "error response reason=timed-out\n");

    webget_to_read("webget http://10.0.2.2/");
    give_page("HTTP/1.1 200 OK\r\n");
    expect_exit(0, 1, "error response reason=incomplete\n");
    assert_string_equal(k.output, "");

    webget_to_read("webget http://10.0.2.2/"); /* a reset is not the end of a body (section 8) */
    give_page("HTTP/1.1 200 OK\r\n\r\nhello");
    expect_exit(ERR_RESET, 1, "error body reason=reset bytes=5\n");

    webget_to_read("webget http://10.0.2.2/");
    give_page("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    expect_exit(0, 1, "error body reason=incomplete bytes=5\n");
}

static void webget_never_reports_what_the_peer_says(void **state)
{
    const char *evil = "HTTP/1.1 200 OK\nwebget done\r\n\r\n";

    (void)state;
    webget_to_read("webget http://10.0.2.2/");
    put(1, evil, strlen(evil));
    expect_exit((int64_t)strlen(evil), 1, "error response reason=field\n");
    assert_string_equal(k.output, "");

    webget_to_read("webget http://10.0.2.2/");
    give_page("HTTP/1.1 200 done status=1\r\n\r\nerror url\n");
    expect_exit(0, 0, "done status=200 bytes=10 sum=f076a6ba\n");
    assert_string_equal(k.output, "HTTP/1.1 200 done status=1\nerror url\n");
}

static void webget_does_not_follow_a_redirect(void **state)
{
    const char *answer =
        "HTTP/1.1 301 Moved\r\nLocation: http://10.0.2.2/\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    webget_to_read("webget http://10.0.2.2/");
    put(1, answer, strlen(answer));
    expect_exit((int64_t)strlen(answer), 0, "done status=301 bytes=0 sum=811c9dc5\n");
}

/* ---- ping ---- */

static void ping_reports_each_reply(void **state)
{
    uint8_t payload[2][56];
    struct socket_address to;

    (void)state;
    start_socket("ping -c 2 -i 5 10.0.2.2", SOCKET_ECHO, SYS_SENDTO);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at_ns = k.now_ns;

        assert_int_equal(k.stop.args[2], 56);
        expect_address(3, SERVER, (uint16_t)(i + 1));
        take(1, payload[i], 56);
        next_call(56, SYS_POLL);
        k.now_ns += 200000;
        next_call(1, SYS_RECVFROM);
        if (i == 0) {
            next_call(datagram(SERVER, 1, payload[0], 56), SYS_SENDTO);
            assert_in_range(k.now_ns - at_ns, 5000000, 5010000); /* -i 5 */
        }
    }
    to = endpoint(SERVER, 2);
    put(1, payload[1], 56);
    put(3, &to, sizeof(to));
    expect_exit(56, 0,
                "reply seq=1 bytes=56 us=203\nreply seq=2 bytes=56 us=203\n"
                "done sent=2 received=2\n");
    assert_memory_not_equal(payload[0], payload[1], 56);
}

static void ping_ignores_late_and_foreign_replies_and_gives_up_after_a_second(void **state)
{
    uint8_t payload[8];
    uint64_t end_ns;

    (void)state;
    start_socket("ping -c 1 -s 8 10.0.2.2", SOCKET_ECHO, SYS_SENDTO);
    take(1, payload, 8);
    next_call(8, SYS_POLL);
    end_ns = k.now_ns + 1000000000;
    assert_in_range(k.stop.args[2], 999990000, 1000000000);
    next_call(1, SYS_RECVFROM);
    next_call(datagram(SERVER, 7, payload, 8), SYS_POLL);
    next_call(1, SYS_RECVFROM);
    next_call(datagram(SERVER + 1, 1, payload, 8), SYS_POLL);
    assert_in_range(k.now_ns + k.stop.args[2], end_ns - 10000, end_ns + 10000);
    k.now_ns += k.stop.args[2];
    expect_exit(0, 1, "ignored seq=7\nignored seq=1\ntimeout seq=1\ndone sent=1 received=0\n");
}

static void ping_checks_the_payload(void **state)
{
    uint8_t payload[8];

    (void)state;
    start_socket("ping -c 2 -i 0 -s 8 10.0.2.2", SOCKET_ECHO, SYS_SENDTO);
    take(1, payload, 8);
    next_call(8, SYS_POLL);
    next_call(1, SYS_RECVFROM);
    payload[7] ^= 1;
    next_call(datagram(SERVER, 1, payload, 8), SYS_SENDTO);
    take(1, payload, 8);
    next_call(8, SYS_POLL);
    next_call(1, SYS_RECVFROM);
    expect_exit(datagram(SERVER, 2, payload, 7), 1,
                "mismatch seq=1 bytes=8\nmismatch seq=2 bytes=7\ndone sent=2 received=0\n");
}

static void ping_reports_errors_by_their_words(void **state)
{
    (void)state;
    start_socket("ping -c 3 10.0.2.2", SOCKET_ECHO, SYS_SENDTO);
    next_call(56, SYS_POLL);
    next_call(1, SYS_RECVFROM);
    next_call(ERR_UNREACH, SYS_SENDTO);
    next_call(ERR_NETDOWN, SYS_SENDTO);
    next_call(56, SYS_POLL);
    expect_exit(ERR_DEVICE, 1,
                "error seq=1 reason=unreachable\nerror seq=2 reason=network-down\n"
                "error seq=3 reason=device-failed\ndone sent=2 received=0\n");
}

/* ---- netinfo ---- */

static void netinfo_waits_for_the_address(void **state)
{
    struct netinfo info = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .mtu = 1500};

    (void)state;
    start("netinfo", SYS_NETINFO);
    for (int i = 0; i < 3; i++) {
        uint64_t at_ns = k.now_ns;

        put(0, &info, sizeof(info));
        next_call(0, SYS_NETINFO);
        assert_in_range(k.now_ns - at_ns, 100000000, 100010000);
    }
    info.addr = 0x0a00020f;
    info.mask = 0xffffff00;
    info.gateway = SERVER;
    info.dns = 0x0a000203;
    info.source = ADDRESS_DHCP;
    info.lease_left_s = 86400;
    info.frames_tx = 4;
    info.frames_rx = 3;
    put(0, &info, sizeof(info));
    expect_exit(0, 0,
                "addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.3 src=dhcp "
                "mac=52:54:00:12:34:56 mtu=1500 lease_s=86400\ncounters tx=4 rx=3 drops=0\n");
}

static void netinfo_gives_up_after_a_minute_and_does_not_wait_with_n(void **state)
{
    struct netinfo info = {.lease_left_s = UINT32_MAX, .drops = 9};
    int calls = 0;

    (void)state;
    start("netinfo", SYS_NETINFO);
    while (++calls < 601) {
        put(0, &info, sizeof(info));
        next_call(0, SYS_NETINFO);
    }
    put(0, &info, sizeof(info));
    expect_exit(0, 1, "error network reason=timed-out\n");

    start("netinfo -n", SYS_NETINFO);
    put(0, &info, sizeof(info));
    expect_exit(0, 0,
                "addr=0.0.0.0 mask=0.0.0.0 gateway=0.0.0.0 dns=0.0.0.0 src=none "
                "mac=00:00:00:00:00:00 mtu=0 lease_s=forever\ncounters tx=0 rx=0 drops=9\n");
}

static void netinfo_adds_a_line_of_what_else_the_lease_has(void **state)
{
    struct netinfo info = {.addr = 1, .ntp = 0x0a000204, .host = "guest", .search = "a.b,c"};

    (void)state;
    start("netinfo", SYS_NETINFO);
    put(0, &info, sizeof(info));
    next_call(0, SYS_EXIT);
    assert_non_null(strstr(k.report, "\nlease host=guest search=a.b,c ntp=10.0.2.4\ncounters "));
}

/* ---- lease ---- */

static void lease_passes_on_what_is_to_be_done(void **state)
{
    static const char *const lines[] = {"lease request", "lease release", "lease probe"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(lines); i++) {
        start(lines[i], SYS_LEASE);
        assert_int_equal(k.stop.args[0], LEASE_REQUEST + i);
        expect_exit(0, 0, "done\n");
    }
    start("lease release", SYS_LEASE);
    expect_exit(ERR_NOSYS, 1, "error release reason=no-such-call\n");
}

/* ---- nslookup ---- */

static void nslookup_reports_every_address(void **state)
{
    static const uint32_t addr[] = {0x0a000202, 0x0a000209};

    (void)state;
    start("nslookup www.test", SYS_RESOLVE);
    assert_int_equal(k.stop.args[1], 8);
    assert_int_equal(k.stop.args[3], RESOLVE_ADDRESSES_MAX);
    put(2, addr, sizeof(addr));
    expect_exit(2, 0, "address addr=10.0.2.2\naddress addr=10.0.2.9\ndone addresses=2\n");
    start("nslookup www.test", SYS_RESOLVE);
    expect_exit(ERR_NONAME, 1, "error resolve reason=no-such-name\n");
    start("nslookup 10.0.2.7", SYS_EXIT);
    assert_string_equal(k.report, "address addr=10.0.2.7\ndone addresses=1\n");
}

static void webget_asks_for_the_host_by_its_name(void **state)
{
    (void)state;
    start("webget http://no.test/", SYS_RESOLVE);
    assert_int_equal(k.stop.args[1], 7);
    assert_int_equal(k.stop.args[3], 1);
    expect_exit(ERR_TIMEDOUT, 1, "error resolve reason=timed-out\n");
}

/* ---- echod ---- */

enum { UDP = 3, LISTENER = 4, CONNECTION = 10 };

static void echod_to_poll(const char *line, uint16_t port)
{
    start(line, SYS_SOCKET);
    assert_int_equal(k.stop.args[0], SOCKET_STREAM);
    next_call(LISTENER, SYS_SOCKET);
    assert_int_equal(k.stop.args[0], SOCKET_DATAGRAM);
    next_call(UDP, SYS_BIND);
    expect_address(1, 0, port);
    next_call(0, SYS_BIND);
    expect_address(1, 0, port);
    next_call(0, SYS_LISTEN);
    next_call(0, SYS_KEEPALIVE);
    assert_int_equal(k.stop.args[0], LISTENER);
    assert_int_equal(k.stop.args[1], 7200 * NS_PER_S);
    next_call(0, SYS_POLL);
    assert_int_equal(k.stop.args[2], POLL_FOREVER);
}

/* Answer the poll: `fd` is ready for what was asked of it. The next call must be `nr`. */
static void ready(int fd, uint16_t events, uint64_t nr)
{
    struct poll_entry entries[POLL_ENTRIES_MAX];
    size_t count = (size_t)k.stop.args[1];
    bool found = false;

    assert_int_equal(k.stop.nr, SYS_POLL);
    assert_true(count <= POLL_ENTRIES_MAX);
    take(0, entries, count * sizeof(entries[0]));
    for (size_t i = 0; i < count; i++) {
        entries[i].revents = 0;
        if (entries[i].fd != fd)
            continue;
        found = true;
        assert_int_equal(entries[i].events, events);
        entries[i].revents = events;
    }
    assert_true(found);
    put(0, entries, count * sizeof(entries[0]));
    next_call(1, nr);
}

/* Is this descriptor in the set of the poll? */
static bool polled(int fd)
{
    struct poll_entry entries[POLL_ENTRIES_MAX];

    take(0, entries, (size_t)k.stop.args[1] * sizeof(entries[0]));
    for (size_t i = 0; i < k.stop.args[1]; i++)
        if (entries[i].fd == fd)
            return true;
    return false;
}

static void echod_accepts(int fd)
{
    struct socket_address from = endpoint(SERVER, (uint16_t)(50000 + fd));

    ready(LISTENER, READY_IN, SYS_ACCEPT);
    put(1, &from, sizeof(from));
    next_call(fd, SYS_POLL);
}

static void echod_does_not_read_while_its_echo_is_not_written(void **state)
{
    char echo[5];

    (void)state;
    echod_to_poll("echod", 7);
    echod_accepts(CONNECTION);
    ready(CONNECTION, READY_IN, SYS_READ);
    give("hello", SYS_POLL);
    ready(CONNECTION, READY_OUT, SYS_WRITE); /* ready() checks that reading is not asked for */
    take(1, echo, 5);
    assert_memory_equal(echo, "hello", 5);
    next_call(2, SYS_POLL);
    ready(CONNECTION, READY_OUT, SYS_WRITE);
    assert_int_equal(k.stop.args[2], 3);
    take(1, echo, 3);
    assert_memory_equal(echo, "llo", 3);
    next_call(3, SYS_POLL);
    ready(CONNECTION, READY_IN, SYS_READ);
    next_call(0, SYS_POLL);
    assert_int_equal(k.closed, 1);
    assert_false(polled(CONNECTION));
    assert_string_equal(k.report, "listening port=7\naccepted from=10.0.2.2:50010\n"
                                  "closed bytes=5 from=10.0.2.2:50010\n");
}

static void echod_takes_four_connections_and_lets_the_fifth_wait(void **state)
{
    (void)state;
    echod_to_poll("echod 9", 9);
    for (int i = 0; i < 4; i++)
        echod_accepts(CONNECTION + i);
    assert_false(polled(LISTENER));
    assert_true(polled(UDP));
    ready(CONNECTION + 2, READY_IN, SYS_READ);
    next_call(ERR_RESET, SYS_POLL);
    assert_true(polled(LISTENER));
    echod_accepts(CONNECTION + 4);
    assert_false(polled(LISTENER));
    assert_non_null(strstr(k.report, "closed bytes=0 from=10.0.2.2:50012 reason=reset\n"));
}

static void echod_gives_the_place_of_a_connection_that_rests_to_who_waits(void **state)
{
    (void)state;
    echod_to_poll("echod", 7);
    for (int i = 0; i < 4; i++) {
        k.now_ns += NS_PER_S;
        echod_accepts(CONNECTION + i);
    }
    assert_in_range(k.stop.args[2], 56999 * NS_PER_MS, 57 * NS_PER_S); /* the first one's minute */
    ready(CONNECTION, READY_IN, SYS_READ);
    give("hi", SYS_POLL);
    assert_in_range(k.stop.args[2], 57999 * NS_PER_MS, 58 * NS_PER_S); /* now the second one's */
    assert_false(polled(LISTENER));
    k.now_ns += 58 * NS_PER_S;
    next_call(0, SYS_POLL); /* nothing for so long */
    assert_int_equal(k.stop.args[2], POLL_FOREVER);
    ready(LISTENER, READY_IN, SYS_ACCEPT);
    assert_int_equal(k.closed, 1);
    assert_non_null(strstr(k.report, "closed bytes=0 from=10.0.2.2:50011 reason=timed-out\n"));
}

static void echod_answers_datagrams_and_lives_through_their_errors(void **state)
{
    char echo[4];

    (void)state;
    echod_to_poll("echod", 7);
    ready(UDP, READY_IN, SYS_RECVFROM);
    next_call(datagram(SERVER, 4000, "ping", 4), SYS_SENDTO);
    take(1, echo, 4);
    assert_memory_equal(echo, "ping", 4);
    expect_address(3, SERVER, 4000);
    next_call(4, SYS_POLL);
    ready(UDP, READY_IN, SYS_RECVFROM);
    next_call(ERR_REFUSED, SYS_POLL);
    ready(UDP, READY_IN, SYS_RECVFROM);
    expect_exit(ERR_DEVICE, 1,
                "listening port=7\ndatagram bytes=4\nerror datagram reason=refused\n"
                "error datagram reason=device-failed\n");
}

static void echod_ends_when_the_port_is_taken(void **state)
{
    (void)state;
    start("echod", SYS_SOCKET);
    next_call(LISTENER, SYS_SOCKET);
    next_call(UDP, SYS_BIND);
    expect_exit(ERR_INUSE, 1, "error listen reason=address-in-use\n");
}

/* ---- udpsend ---- */

static void udpsend_sends_count_times(void **state)
{
    char text[5];

    (void)state;
    start_socket("udpsend 10.0.2.2 9 hello -n 2", SOCKET_DATAGRAM, SYS_SENDTO);
    expect_address(3, SERVER, 9);
    assert_int_equal(k.stop.args[2], 5);
    take(1, text, 5);
    assert_memory_equal(text, "hello", 5);
    next_call(5, SYS_SENDTO);
    expect_exit(5, 0, "done sent=2 received=0\n");

    start_socket("udpsend 10.0.2.2 9 hello", SOCKET_DATAGRAM, SYS_SENDTO);
    expect_exit(ERR_UNREACH, 1, "error seq=1 reason=unreachable\ndone sent=0 received=0\n");
}

static void udpsend_waits_for_each_answer(void **state)
{
    (void)state;
    start_socket("udpsend 10.0.2.2 9 hello -w -n 3", SOCKET_DATAGRAM, SYS_SENDTO);
    next_call(5, SYS_POLL);
    assert_in_range(k.stop.args[2], 1999990000, 2000000000);
    next_call(1, SYS_RECVFROM);
    next_call(datagram(SERVER, 10, "evil", 4), SYS_POLL);
    next_call(1, SYS_RECVFROM);
    next_call(datagram(SERVER, 9, "answer", 6), SYS_SENDTO);
    next_call(5, SYS_POLL);
    next_call(0, SYS_SENDTO);
    next_call(5, SYS_POLL);
    next_call(1, SYS_RECVFROM);
    expect_exit(ERR_REFUSED, 0,
                "ignored from=10.0.2.2:10 bytes=4\nreply seq=1 bytes=6\ntimeout seq=2\n"
                "error seq=3 reason=refused\ndone sent=3 received=1\n");
    assert_string_equal(k.output, "answer\n");

    start_socket("udpsend 10.0.2.2 9 hello -w", SOCKET_DATAGRAM, SYS_SENDTO);
    next_call(5, SYS_POLL);
    expect_exit(0, 1, "timeout seq=1\ndone sent=1 received=0\n");
}

/* ---- tcpsend ---- */

static void tcpsend_reads_while_it_sends_then_shuts_down_and_reads_to_the_end(void **state)
{
    char pattern[4096];

    (void)state;
    start_socket("tcpsend 10.0.2.2 7 5000", SOCKET_STREAM, SYS_CONNECT);
    expect_address(1, SERVER, 7);
    next_call(0, SYS_POLL);
    ready(3, READY_IN | READY_OUT, SYS_READ);
    give("foo", SYS_WRITE);
    assert_int_equal(k.stop.args[2], 4096);
    take(1, pattern, sizeof(pattern));
    assert_memory_equal(pattern, "00000000IJKL", 12);
    assert_memory_equal(pattern + 63, "\n00000001IJKL", 13);
    assert_int_equal(pattern[4095], '\n');
    next_call(4000, SYS_POLL); /* not all of it: the rest begins in the middle of a line */
    ready(3, READY_IN | READY_OUT, SYS_READ);
    next_call(0, SYS_WRITE); /* the peer has closed, which does not stop us */
    assert_int_equal(k.stop.args[2], 1000);
    take(1, pattern, 1000);
    assert_int_equal(pattern[31], '\n');
    assert_memory_equal(pattern + 32, "0000003f", 8);
    next_call(1000, SYS_SHUTDOWN);
    expect_exit(0, 0, "done sent=5000 received=3 sum=a9f37ed7\n");
    assert_string_equal(k.output, "foo");
}

static void tcpsend_reads_behind_the_shutdown(void **state)
{
    (void)state;
    start_socket("tcpsend -q 10.0.2.2 7 0", SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_SHUTDOWN);
    next_call(0, SYS_READ);
    give("foo", SYS_READ);
    give("bar", SYS_READ);
    expect_exit(0, 0, "done sent=0 received=6 sum=bf9cf968\n");
    assert_string_equal(k.output, "");
}

static void tcpsend_tells_where_it_failed(void **state)
{
    (void)state;
    start_socket("tcpsend 10.0.2.2 7 1", SOCKET_STREAM, SYS_CONNECT);
    expect_exit(ERR_TIMEDOUT, 1, "error connect reason=timed-out\n");

    start_socket("tcpsend 10.0.2.2 7 1", SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_POLL);
    ready(3, READY_IN | READY_OUT, SYS_READ);
    expect_exit(ERR_RESET, 1, "error stream reason=reset sent=0 received=0\n");

    start_socket("tcpsend 10.0.2.2 7 1", SOCKET_STREAM, SYS_CONNECT);
    next_call(0, SYS_POLL);
    ready(3, READY_IN | READY_OUT, SYS_READ);
    give("x", SYS_WRITE);
    next_call(1, SYS_SHUTDOWN);
    next_call(0, SYS_READ);
    expect_exit(ERR_RESET, 1, "error stream reason=reset sent=1 received=1\n");
}

static int group_start(void **state)
{
    (void)state;
    return processes_allocate(&k.ps);
}

static int group_end(void **state)
{
    (void)state;
    processes_free(&k.ps);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_word),
        cmocka_unit_test(sums_are_fnv_1a_and_do_not_see_slices),
        cmocka_unit_test(texts_have_tokens_and_fields),
        cmocka_unit_test(a_text_that_is_too_long_is_cut),
        cmocka_unit_test(the_table_of_programs_is_sorted_and_its_usage_begins_with_the_name),
        cmocka_unit_test(a_wrong_command_line_is_answered_with_the_usage),
        cmocka_unit_test(addresses_and_ports_are_refused_before_anything_is_sent),
        cmocka_unit_test(a_report_that_cannot_be_written_is_lost),
        cmocka_unit_test(webget_asks_and_reports),
        cmocka_unit_test(webget_asks_for_the_root_and_leaves_the_default_port_out),
        cmocka_unit_test(webget_sends_the_longest_path_whole),
        cmocka_unit_test(webget_without_output_only_reports),
        cmocka_unit_test(webget_tells_where_it_failed),
        cmocka_unit_test(webget_never_reports_what_the_peer_says),
        cmocka_unit_test(webget_does_not_follow_a_redirect),
        cmocka_unit_test(ping_reports_each_reply),
        cmocka_unit_test(ping_ignores_late_and_foreign_replies_and_gives_up_after_a_second),
        cmocka_unit_test(ping_checks_the_payload),
        cmocka_unit_test(ping_reports_errors_by_their_words),
        cmocka_unit_test(netinfo_waits_for_the_address),
        cmocka_unit_test(netinfo_gives_up_after_a_minute_and_does_not_wait_with_n),
        cmocka_unit_test(netinfo_adds_a_line_of_what_else_the_lease_has),
        cmocka_unit_test(lease_passes_on_what_is_to_be_done),
        cmocka_unit_test(nslookup_reports_every_address),
        cmocka_unit_test(webget_asks_for_the_host_by_its_name),
        cmocka_unit_test(echod_does_not_read_while_its_echo_is_not_written),
        cmocka_unit_test(echod_takes_four_connections_and_lets_the_fifth_wait),
        cmocka_unit_test(echod_gives_the_place_of_a_connection_that_rests_to_who_waits),
        cmocka_unit_test(echod_answers_datagrams_and_lives_through_their_errors),
        cmocka_unit_test(echod_ends_when_the_port_is_taken),
        cmocka_unit_test(udpsend_sends_count_times),
        cmocka_unit_test(udpsend_waits_for_each_answer),
        cmocka_unit_test(tcpsend_reads_while_it_sends_then_shuts_down_and_reads_to_the_end),
        cmocka_unit_test(tcpsend_reads_behind_the_shutdown),
        cmocka_unit_test(tcpsend_tells_where_it_failed),
    };

    return cmocka_run_group_tests(tests, group_start, group_end);
}

/*
 * udpsend: send the same datagram COUNT times (default 1).
 *
 * With -w each waits up to two seconds for its reply, whose text goes to FD_OUTPUT with a newline:
 *
 *     reply seq=1 bytes=5
 *     ignored from=10.0.2.9:53 bytes=12    from someone else
 *     timeout seq=2
 *     error seq=3 reason=refused           the words of err.h
 *     done sent=3 received=1               exit 0 when all were sent and, with -w, one was answered
 */
#include "drywire.h"
#include "programs.h"

enum { UDPSEND_ANSWER = 2048, UDPSEND_COUNT_MAX = 65535 };

#define ANSWER_WAIT_NS (2 * NS_PER_S)

/* Report a reply from `to`, with its text; anything else is ignored. True for a reply. */
static bool answer_take(uint64_t seq, const struct socket_address *to,
                        const struct socket_address *from, const uint8_t *bytes, size_t len)
{
    bool answer = from->addr == to->addr && from->port == to->port;
    struct text t;

    text_start(&t);
    text_word(&t, answer ? "reply" : "ignored");
    if (answer)
        text_number(&t, "seq", seq);
    else
        text_endpoint(&t, "from", from);
    text_number(&t, "bytes", len);
    report(&t);
    if (answer && write_all(FD_OUTPUT, bytes, len) == 0)
        (void)write_all(FD_OUTPUT, "\n", 1);
    return answer;
}

/* Wait for a reply to datagram `seq`: 1 when it arrived, otherwise 0, reported. */
static unsigned answer_await(int fd, uint64_t seq, const struct socket_address *to)
{
    uint64_t start_ns = sys_clock(), now_ns = start_ns;

    while (now_ns - start_ns < ANSWER_WAIT_NS) {
        uint8_t bytes[UDPSEND_ANSWER];
        struct socket_address from;
        int ready = wait_for(fd, READY_IN, start_ns + ANSWER_WAIT_NS - now_ns);
        int64_t n = ready;

        if (ready == 0)
            break;
        if (ready > 0)
            n = sys_recvfrom(fd, bytes, sizeof(bytes), &from);
        if (n < 0) {
            report_seq_error(seq, n);
            return 0;
        }
        if (answer_take(seq, to, &from, bytes, (size_t)n))
            return 1;
        now_ns = sys_clock();
    }
    report_seq("timeout", seq);
    return 0;
}

/* Send `count` datagrams, with a reply to each if `wait`; returns the exit status. */
static int datagrams_send(int fd, const struct socket_address *to, const char *message,
                          uint64_t count, bool wait)
{
    uint64_t sent = 0, received = 0;
    struct text t;

    for (uint64_t seq = 1; seq <= count; seq++) {
        int64_t n = sys_sendto(fd, message, word_length(message), to);

        if (n < 0) {
            report_seq_error(seq, n);
            continue;
        }
        sent++;
        if (wait)
            received += answer_await(fd, seq, to);
    }
    text_start(&t);
    text_word(&t, "done");
    text_number(&t, "sent", sent);
    text_number(&t, "received", received);
    report(&t);
    return sent == count && (received > 0 || !wait) ? 0 : 1;
}

int udpsend_main(int argc, char **argv)
{
    uint64_t count = 1;
    bool wait = false;
    struct socket_address to;
    int fd, status, taken, at = 4;

    while (at < argc) {
        taken = option_take(argc, argv, &at, "-n", 1, UDPSEND_COUNT_MAX, &count);
        if (taken == 0 && word_equal(argv[at], "-w")) {
            wait = true;
            taken = 1;
            at++;
        }
        if (taken <= 0)
            return report_usage("udpsend");
    }
    if (argc < 4)
        return report_usage("udpsend");
    if (endpoint_take(argv[1], argv[2], &to) != 0)
        return 1;

    fd = sys_socket(SOCKET_DATAGRAM);
    if (fd < 0)
        return report_error("socket", error_word(fd));
    status = datagrams_send(fd, &to, argv[3], count, wait);
    sys_close(fd);
    return status;
}

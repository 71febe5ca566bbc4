/*
 * tcpsend: send BYTES bytes of a fixed pattern over TCP, then read until the peer closes.
 *
 * It reads while it writes, so that an echo larger than all buffers cannot deadlock. Received bytes
 * go to FD_OUTPUT (not with -q).
 *
 *     done sent=100000 received=100000 sum=0a1b2c3d      exit 0; sum is FNV-1a of what came
 *     error connect reason=refused                       exit 1; the words of err.h
 *     error stream reason=reset sent=8192 received=0
 */
#include "../core/base/minmax.h"
#include "drywire.h"
#include "programs.h"

enum { TCPSEND_WRITE = 4096, TCPSEND_READ = 2048, PATTERN_LINE = 64, PATTERN_DIGITS = 8 };

struct stream {
    int fd;
    bool quiet;
    bool ended; /* the peer has closed */
    uint64_t total, sent, received;
    uint32_t sum;
};

/* The pattern: lines of 64 bytes that start with their number, so that a misplaced byte is visible.
 * Copies the rest of the line at `offset` to `to`, at most `room` bytes: returns how many. */
static size_t pattern_put(uint64_t offset, char *to, size_t room)
{
    static const char letters[PATTERN_LINE] =
        "........IJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJK\n";
    uint64_t number = offset / PATTERN_LINE;
    size_t at = offset % PATTERN_LINE, len = PATTERN_LINE - at;
    char line[PATTERN_LINE];

    __builtin_memcpy(line, letters, sizeof(line));
    for (unsigned i = 0; i < PATTERN_DIGITS; i++)
        line[i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    len = min_u64(len, room);
    __builtin_memcpy(to, line + at, len);
    return len;
}

/* One write: 0 or an error. */
static int stream_send(struct stream *s)
{
    char buffer[TCPSEND_WRITE];
    size_t len = 0;
    int64_t n;

    while (len < sizeof(buffer))
        len += pattern_put(s->sent + len, buffer + len, sizeof(buffer) - len);
    n = sys_write(s->fd, buffer, min_u64(s->total - s->sent, len));
    if (n < 0)
        return (int)n;
    s->sent += (uint64_t)n;
    return 0;
}

/* One read: 0 or an error. */
static int stream_receive(struct stream *s)
{
    char buffer[TCPSEND_READ];
    int64_t n = sys_read(s->fd, buffer, sizeof(buffer));

    if (n < 0)
        return (int)n;
    s->ended = n == 0;
    s->received += (uint64_t)n;
    s->sum = sum_add(s->sum, buffer, (size_t)n);
    return s->quiet ? 0 : write_all(FD_OUTPUT, buffer, (size_t)n);
}

/* Both directions to their ends: 0 or an error. */
static int stream_run(struct stream *s)
{
    int err = 0;

    while (err == 0 && s->sent < s->total) {
        struct poll_entry entry = {.fd = s->fd, .events = READY_OUT};

        if (!s->ended)
            entry.events |= READY_IN;
        err = sys_poll(&entry, 1, POLL_FOREVER);
        if (err < 0)
            return err;
        err = 0;
        if (!s->ended && entry.revents & (READY_IN | READY_ERR))
            err = stream_receive(s);
        if (err == 0 && (s->ended || entry.revents & READY_OUT))
            err = stream_send(s);
    }
    if (err == 0)
        err = sys_shutdown(s->fd);
    while (err >= 0 && !s->ended)
        err = stream_receive(s);
    return err;
}

/* Report the result; returns the exit status. */
static int stream_report(const struct stream *s, int err)
{
    struct text t;

    text_start(&t);
    if (err < 0) {
        text_word(&t, "error");
        text_word(&t, "stream");
        text_field(&t, "reason", error_word(err));
    } else {
        text_word(&t, "done");
    }
    text_number(&t, "sent", s->sent);
    text_number(&t, "received", s->received);
    if (err >= 0)
        text_hash(&t, "sum", s->sum);
    report(&t);
    return err < 0 ? 1 : 0;
}

int tcpsend_main(int argc, char **argv)
{
    struct stream s = {.sum = SUM_START, .quiet = argc > 1 && word_equal(argv[1], "-q")};
    int at = s.quiet ? 2 : 1;
    struct socket_address to;
    int err;

    if (argc - at != 3)
        return report_usage("tcpsend");
    if (number_parse(argv[at + 2], word_length(argv[at + 2]), UINT32_MAX, &s.total) < 0)
        return report_usage("tcpsend");
    if (endpoint_take(argv[at], argv[at + 1], &to) != 0)
        return 1;

    s.fd = sys_socket(SOCKET_STREAM);
    if (s.fd < 0)
        return report_error("socket", error_word(s.fd));
    err = sys_connect(s.fd, &to);
    if (err < 0)
        return report_error("connect", error_word(err));
    err = stream_run(&s);
    sys_close(s.fd);
    return stream_report(&s, err);
}

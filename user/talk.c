/*
 * talk: one TCP connection that sends given words, then reads until the peer closes. With -l it
 * waits for a connection.
 *
 * A STEP is one of
 *
 *     read=N      wait until N bytes in total have arrived
 *     hex=DIGITS  send these bytes
 *     fill=N      send N bytes, the letters a to z repeated
 *     close       close the sending side
 *     TEXT        any other word: send it
 *
 * It reads while it writes; received bytes go to FD_OUTPUT (not with -q). A peer that closes early
 * ends every `read=`.
 *
 *     listening port=80                                  with -l
 *     done sent=18 received=290 sum=0a1b2c3d             exit 0; sum is FNV-1a of received bytes
 *     error connect reason=refused                       exit 1; the words of err.h
 *     error stream reason=reset sent=18 received=100 sum=0a1b2c3d
 */
#include "../core/base/minmax.h"
#include "drywire.h"
#include "programs.h"

enum { TALK_BUFFER = 1024 };

struct talk {
    int fd;
    bool quiet;
    bool ended;  /* the peer has closed */
    bool closed; /* we have */
    uint64_t sent, received;
    uint32_t sum;
};

/* One read: 0 or an error. */
static int talk_receive(struct talk *t)
{
    char buffer[TALK_BUFFER];
    int64_t n = sys_read(t->fd, buffer, sizeof(buffer));

    if (n < 0)
        return (int)n;
    t->ended = n == 0;
    t->received += (uint64_t)n;
    t->sum = sum_add(t->sum, buffer, (size_t)n);
    return t->quiet ? 0 : write_all(FD_OUTPUT, buffer, (size_t)n);
}

static int talk_until(struct talk *t, uint64_t received)
{
    int err = 0;

    while (err == 0 && !t->ended && t->received < received)
        err = talk_receive(t);
    return err;
}

/* Write it, and read meanwhile: two sides that only write would deadlock. */
static int talk_say(struct talk *t, const char *bytes, size_t len)
{
    while (len > 0) {
        struct poll_entry entry = {.fd = t->fd, .events = READY_OUT};
        int64_t n;
        int err;

        if (!t->ended)
            entry.events |= READY_IN;
        err = sys_poll(&entry, 1, POLL_FOREVER);
        if (err >= 0 && !t->ended && entry.revents & (READY_IN | READY_ERR))
            err = talk_receive(t);
        if (err < 0)
            return err;
        if (!t->ended && !(entry.revents & READY_OUT))
            continue;
        n = sys_write(t->fd, bytes, len);
        if (n < 0)
            return (int)n;
        t->sent += (uint64_t)n;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int talk_fill(struct talk *t, uint64_t total)
{
    char buffer[TALK_BUFFER];
    int err = 0;

    for (uint64_t at = 0; err == 0 && at < total;) {
        size_t len = min_u64(total - at, sizeof(buffer));

        for (size_t i = 0; i < len; i++)
            buffer[i] = (char)('a' + (at + i) % 26);
        err = talk_say(t, buffer, len);
        at += len;
    }
    return err;
}

static int talk_hex(struct talk *t, const char *digits)
{
    char buffer[TALK_BUFFER];
    size_t len = 0;
    int err = 0;

    for (; err == 0 && digits[0]; digits += 2) {
        if (byte_hex((uint8_t)digits[0]) > 15 || byte_hex((uint8_t)digits[1]) > 15)
            return ERR_INVAL;
        buffer[len++] = (char)(byte_hex((uint8_t)digits[0]) << 4 | byte_hex((uint8_t)digits[1]));
        if (len == sizeof(buffer) || !digits[2]) {
            err = talk_say(t, buffer, len);
            len = 0;
        }
    }
    return err;
}

static int talk_close(struct talk *t)
{
    if (t->closed)
        return 0;
    t->closed = true;
    return sys_shutdown(t->fd);
}

/* The text after `name` in a word that starts with it, or NULL. */
static const char *behind(const char *word, const char *name)
{
    while (*name && *word == *name) {
        word++;
        name++;
    }
    return *name ? NULL : word;
}

/* 0 or an error. */
static int talk_step(struct talk *t, const char *word)
{
    const char *read = behind(word, "read="), *fill = behind(word, "fill="),
               *hex = behind(word, "hex=");
    uint64_t n = 0;

    if ((read && number_parse(read, word_length(read), UINT64_MAX, &n) < 0) ||
        (fill && number_parse(fill, word_length(fill), UINT64_MAX, &n) < 0))
        return ERR_INVAL;
    if (read)
        return talk_until(t, n);
    if (word_equal(word, "close"))
        return talk_close(t);
    if (t->closed)
        return ERR_INVAL;
    if (fill)
        return talk_fill(t, n);
    return hex ? talk_hex(t, hex) : talk_say(t, word, word_length(word));
}

/* Report the result; returns the exit status. */
static int talk_report(const struct talk *t, int err)
{
    struct text text;

    text_start(&text);
    if (err < 0) {
        text_word(&text, "error");
        text_word(&text, "stream");
        text_field(&text, "reason", error_word(err));
    } else {
        text_word(&text, "done");
    }
    text_number(&text, "sent", t->sent);
    text_number(&text, "received", t->received);
    text_hash(&text, "sum", t->sum);
    report(&text);
    return err < 0 ? 1 : 0;
}

/* Wait for one connection: its descriptor, or an error. */
static int talk_listen(int fd, uint16_t port)
{
    struct socket_address here = {.port = port}, from;
    struct text t;
    int err = sys_bind(fd, &here);

    if (err >= 0)
        err = sys_listen(fd, 1);
    if (err < 0)
        return err;
    text_start(&t);
    text_word(&t, "listening");
    text_number(&t, "port", port);
    report(&t);
    return sys_accept(fd, &from);
}

int talk_main(int argc, char **argv)
{
    struct talk t = {.sum = SUM_START, .quiet = argc > 1 && word_equal(argv[1], "-q")};
    int at = t.quiet ? 2 : 1, fd, err;
    bool listens = at < argc && word_equal(argv[at], "-l");
    struct socket_address to;

    if (argc - at < 2)
        return report_usage("talk");
    if (endpoint_take(listens ? "0.0.0.0" : argv[at], argv[at + 1], &to) != 0)
        return 1;
    fd = t.fd = sys_socket(SOCKET_STREAM);
    if (fd < 0)
        return report_error("socket", error_word(fd));
    err = listens ? talk_listen(fd, to.port) : sys_connect(fd, &to);
    if (err < 0)
        return report_error(listens ? "listen" : "connect", error_word(err));
    if (listens) {
        t.fd = err;
        sys_close(fd);
    }
    err = 0;
    for (at += 2; err >= 0 && at < argc; at++)
        err = talk_step(&t, argv[at]);
    if (err >= 0)
        err = talk_close(&t);
    while (err >= 0 && !t.ended)
        err = talk_receive(&t);
    sys_close(t.fd);
    return talk_report(&t, err);
}

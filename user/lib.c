/* Helpers that use system calls: write loops, waiting, reports. */
#include "drywire.h"
#include "programs.h"

const char *error_word(int64_t err)
{
    switch (err) {
#define ERR_WORD(name, value, word)                                                                \
    case value:                                                                                    \
        return word;
        ERR_LIST(ERR_WORD)
#undef ERR_WORD
    }
    return "unknown";
}

uint32_t sum_add(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *byte = bytes;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ byte[i]) * UINT32_C(16777619);
    return sum;
}

int host_resolve(const char *host, size_t len, uint32_t *out, unsigned room)
{
    return address_parse(host, len, out) == 0 ? 1 : sys_resolve(host, len, out, room);
}

int write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        int64_t n = sys_write(fd, at, len);

        if (n < 0)
            return (int)n;
        /* A kernel that writes nothing, or more than requested, breaks its contract. */
        if (n == 0 || (uint64_t)n > len)
            return ERR_PROTO;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int wait_for(int fd, uint16_t events, uint64_t timeout_ns)
{
    struct poll_entry entry = {.fd = fd, .events = events};

    return sys_poll(&entry, 1, timeout_ns);
}

void report(struct text *t)
{
    /* The newline replaces the last byte of a cut text. */
    if (t->len == TEXT_MAX)
        t->len--;
    t->data[t->len++] = '\n';
    (void)write_all(FD_REPORT, t->data, t->len);
    text_start(t);
}

int report_error(const char *what, const char *reason)
{
    struct text t;

    text_start(&t);
    text_word(&t, "error");
    text_word(&t, what);
    text_field(&t, "reason", reason);
    report(&t);
    return 1;
}

void report_seq(const char *word, uint64_t seq)
{
    struct text t;

    text_start(&t);
    text_word(&t, word);
    text_number(&t, "seq", seq);
    report(&t);
}

void report_seq_error(uint64_t seq, int64_t err)
{
    struct text t;

    text_start(&t);
    text_word(&t, "error");
    text_number(&t, "seq", seq);
    text_field(&t, "reason", error_word(err));
    report(&t);
}

int report_usage(const char *program)
{
    struct text t;

    text_start(&t);
    text_word(&t, "usage");
    for (unsigned i = 0; i < programs_count; i++)
        if (word_equal(programs[i].name, program))
            text_word(&t, programs[i].usage);
    report(&t);
    return 2;
}

int endpoint_take(const char *addr, const char *port, struct socket_address *out)
{
    struct socket_address to = {0};
    uint64_t number = 0;

    if (address_parse(addr, word_length(addr), &to.addr) < 0)
        return report_error("address", error_word(ERR_INVAL));
    if (port) {
        if (number_parse(port, word_length(port), 65535, &number) < 0 || number == 0)
            return report_error("port", error_word(ERR_INVAL));
        to.port = (uint16_t)number;
    }
    *out = to;
    return 0;
}

/*
 * webget: fetch one http URL (RFC 9112).
 *
 * The status line and the body go to FD_OUTPUT (nothing with -q). FD_REPORT gets one line and never
 * a byte that the peer chose:
 *
 *     done status=200 bytes=26 sum=6f5902ac     exit 0, whatever the status is; sum is FNV-1a of
 *                                               the body; redirects are not followed
 *         coding=unknown                        the body is still in a transfer coding
 *         surplus=7                             bytes after the end, in the last read
 *     error url reason=port                     exit 1; the words of url.h
 *     error resolve reason=no-such-name         words of err.h, as nslookup has them
 *     error connect reason=refused              the same; also socket, request, output
 *     error response reason=header-too-long     before the body: the words of http.h or err.h
 *     error body reason=incomplete bytes=1000   in the body, after that number of bytes
 */
#include "drywire.h"
#include "http.h"
#include "programs.h"
#include "url.h"

enum { WEBGET_BUFFER = 4096 };

/* A server that is silent for so long is gone: TCP notices only what is sent (RFC 9293 MAY-5). */
#define WEBGET_SILENCE_NS (900 * UINT64_C(1000000000))

/* The result of one run. */
struct download {
    bool quiet;
    bool status_shown;
    uint32_t sum;
    size_t surplus;
    struct http_response response;
};

static int request_send(int fd, const struct url *url)
{
    struct text t;

    text_start(&t);
    text_add(&t, "GET ");
    if (url->path_len == 0 || url->path[0] != '/')
        text_add(&t, "/");
    text_add_bytes(&t, url->path, url->path_len);
    text_add(&t, " HTTP/1.1\r\nHost: ");
    text_add_bytes(&t, url->host, url->host_len);
    if (url->port != URL_PORT_DEFAULT) {
        text_add(&t, ":");
        text_add_number(&t, url->port);
    }
    text_add(&t, "\r\nUser-Agent: drywire\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    return write_all(fd, t.data, t.len);
}

/* Print the status line once, as soon as the header is valid. */
static int status_show(struct download *d)
{
    int err;

    if (d->quiet || d->status_shown || !d->response.header_complete)
        return 0;
    d->status_shown = true;
    err = write_all(FD_OUTPUT, d->response.status_line, d->response.status_line_len);
    return err < 0 ? err : write_all(FD_OUTPUT, "\n", 1);
}

/* Process the bytes of one read. The error is one of writing to FD_OUTPUT. */
static int bytes_take(struct download *d, const uint8_t *bytes, size_t len)
{
    size_t used = 0;

    while (used < len && !http_response_over(&d->response)) {
        struct http_slice body;
        int err;

        used += http_response_feed(&d->response, bytes + used, len - used, &body);
        d->sum = sum_add(d->sum, body.data, body.len);
        err = status_show(d);
        if (err == 0 && !d->quiet)
            err = write_all(FD_OUTPUT, body.data, body.len);
        if (err < 0)
            return err;
    }
    d->surplus = len - used;
    return 0;
}

static int response_error(const struct download *d, const char *reason)
{
    struct text t;

    if (!d->response.header_complete)
        return report_error("response", reason);
    text_start(&t);
    text_word(&t, "error");
    text_word(&t, "body");
    text_field(&t, "reason", reason);
    text_number(&t, "bytes", d->response.body_bytes);
    report(&t);
    return 1;
}

static int response_done(const struct download *d)
{
    struct text t;

    text_start(&t);
    text_word(&t, "done");
    text_number(&t, "status", d->response.status);
    text_number(&t, "bytes", d->response.body_bytes);
    text_hash(&t, "sum", d->sum);
    if (d->response.coded)
        text_field(&t, "coding", "unknown");
    if (d->surplus > 0)
        text_number(&t, "surplus", d->surplus);
    report(&t);
    return 0;
}

/* As sys_read(), but ERR_TIMEDOUT after WEBGET_SILENCE_NS without a byte. */
static int64_t read_in_time(int fd, uint8_t *buffer, size_t size)
{
    int ready = wait_for(fd, READY_IN, WEBGET_SILENCE_NS);

    if (ready <= 0)
        return ready < 0 ? ready : ERR_TIMEDOUT;
    return sys_read(fd, buffer, size);
}

/* Read the response to its end and report the result; returns the exit status. */
static int response_read(int fd, bool quiet)
{
    struct download d = {.quiet = quiet, .sum = SUM_START};
    uint8_t buffer[WEBGET_BUFFER];

    http_response_start(&d.response);
    while (!http_response_over(&d.response)) {
        int64_t n = read_in_time(fd, buffer, sizeof(buffer));
        int err = 0;

        if (n < 0)
            return response_error(&d, error_word(n));
        if (n == 0)
            http_response_end(&d.response);
        else
            err = bytes_take(&d, buffer, (size_t)n);
        if (err < 0)
            return report_error("output", error_word(err));
    }
    if (d.response.phase == HTTP_FAILED)
        return response_error(&d, http_error_word(d.response.error));
    return response_done(&d);
}

int webget_main(int argc, char **argv)
{
    bool quiet = argc > 1 && word_equal(argv[1], "-q");
    int at = quiet ? 2 : 1;
    struct socket_address to = {0};
    enum url_error bad;
    struct url url;
    int fd, err, status;

    if (argc - at != 1)
        return report_usage("webget");
    bad = url_parse(argv[at], &url);
    if (bad != URL_OK)
        return report_error("url", url_error_word(bad));

    err = host_resolve(url.host, url.host_len, &to.addr, 1);
    if (err < 0)
        return report_error("resolve", error_word(err));
    fd = sys_socket(SOCKET_STREAM);
    if (fd < 0)
        return report_error("socket", error_word(fd));
    to.port = url.port;
    err = sys_connect(fd, &to);
    if (err < 0)
        return report_error("connect", error_word(err));
    err = request_send(fd, &url);
    if (err < 0)
        return report_error("request", error_word(err));
    status = response_read(fd, quiet);
    sys_close(fd);
    return status;
}

/*
 * The program of an imported scenario: webget if it sends the captured request and accepts the
 * response, else talk, which sends the captured bytes when it has read the bytes before them. See
 * import_parts.h.
 */
#include "import_parts.h"
#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "../../user/http.h"
#include "../../sim/engine/sim.h"
#include <inttypes.h>
#include <string.h>

enum {
    WORDS_MAX = 11,        /* of talk, after its name, -q, ADDR and PORT */
    TEXT_MAX_BYTES = 1200, /* of its text, before it sends a pattern instead */
    PATH_LEN_MAX = 900,
};

#define DIAL_NS (2 * NS_PER_S) /* the machine has its address by then */

/* ---- webget ---- */

/* The path of a request that webget can send: one GET and nothing else; NULL: another request. */
static const char *import_web_path(const struct flow_side *own, size_t *len)
{
    static const char safe[] = "/._~%?&=+,;:@!$'()*-";
    const char *text = (const char *)own->bytes, *path = text + 4, *end;

    if (own->len < 18 || memcmp(text, "GET /", 5) || own->gap)
        return NULL;
    end = memchr(path, ' ', own->len - 4);
    if (!end || (size_t)(text + own->len - end) < 12 || memcmp(end, " HTTP/1.", 8))
        return NULL;
    if (memmem(text, own->len, "\r\n\r\n", 4) != text + own->len - 4)
        return NULL;
    *len = (size_t)(end - path);
    for (const char *c = path; c < end; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

        if (!letter && (!*c || !strchr(safe, *c)))
            return NULL;
    }
    return *len <= PATH_LEN_MAX ? path : NULL;
}

static uint32_t import_sum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    return sum;
}

enum { SUM_FIRST = 2166136261u };

/* Parse the response as webget does: returns its checksum of the body. *used is the number of bytes
 * that it reads. */
static uint32_t import_web_read(const struct flow_side *peer, struct http_response *r, size_t *used)
{
    uint32_t sum = SUM_FIRST;
    size_t at = 0;

    http_response_start(r);
    while (at < peer->len && !http_response_over(r)) {
        struct http_slice body;

        at += http_response_feed(r, peer->bytes + at, peer->len - at, &body);
        sum = import_sum_add(sum, body.data, body.len);
    }
    *used = at;
    return sum;
}

/* webget, if it reads the whole stream. */
static void import_choose_webget(struct import *im)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    struct http_response r;
    size_t len, used;

    im->said = own->len;
    if (im->own != CLIENT || !import_web_path(own, &len) || peer->gap || peer->rst || !peer->len)
        return;
    import_web_read(peer, &r, &used);
    if (!http_response_over(&r)) {
        http_response_end(&r);
        im->web_close = true;
    }
    if (r.phase == HTTP_FAILED)
        im->refused = http_error_word(r.error);
    else
        im->webget = used == peer->len && (!im->web_close || peer->fin);
    if (im->webget)
        im->said = strlen("GET  HTTP/1.1\r\nHost: " IMPORT_PEER "\r\nUser-Agent: drywire\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n") +
                   len + (peer->port == 80 ? 0 : (size_t)snprintf(NULL, 0, ":%u", peer->port));
}

/* ---- talk ---- */

/* True if talk would parse these bytes as something other than text. */
static bool import_needs_hex(const uint8_t *bytes, size_t len)
{
    static const char *const words[] = {"read=", "fill=", "hex=", "close"};

    for (unsigned i = 0; i < ARRAY_COUNT(words); i++)
        if (len >= strlen(words[i]) && memcmp(bytes, words[i], strlen(words[i])) == 0)
            return true;
    return memchr(bytes, 0, len) != NULL;
}

static void import_put_words(FILE *out, const uint8_t *bytes, size_t len, bool fill)
{
    if (fill) {
        fprintf(out, " fill=%zu", len);
    } else if (import_needs_hex(bytes, len)) {
        fputs(" hex=", out);
        for (size_t i = 0; i < len; i++)
            fprintf(out, "%02x", bytes[i]);
    } else {
        fputc(' ', out);
        import_put_string(out, bytes, len);
    }
}

/* A turn of the program: the bytes that it sends at once, after it has read a number of bytes. */
struct turn {
    size_t from, to;
    uint64_t read;
};

/* The next turn after `t`; false: none. */
static bool import_turn_next(const struct import *im, struct turn *t)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    size_t i = 0;
    uint64_t read = t->read;

    if (t->to >= own->len)
        return false;
    while (own->pieces[i].offset < t->to)
        i++;
    if (own->pieces[i].ack > read)
        read = min_u64(own->pieces[i].ack, peer->len);
    t->from = t->to;
    for (; i < own->piece_count && (own->pieces[i].ack <= read || own->pieces[i].offset == t->from);
         i++)
        t->to = own->pieces[i].offset + own->pieces[i].len;
    t->read = read;
    return true;
}

/* True if the program's text is too long for its command line. Zero bytes take two digits each. */
static bool import_too_long(const struct import *im)
{
    const struct flow_side *own = import_own(im);
    bool hex = own->len && memchr(own->bytes, 0, own->len);

    return own->len > (size_t)(hex ? TEXT_MAX_BYTES / 2 : TEXT_MAX_BYTES);
}

static void import_put_talk(const struct import *im, FILE *out)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    unsigned words = 0;
    uint64_t read = 0, last;
    struct turn t = {0};

    if (im->own == CLIENT)
        fprintf(out, "run talk -q " IMPORT_PEER " %u", peer->port);
    else
        fprintf(out, "run talk -q -l %u", own->port);
    while (import_turn_next(im, &t)) {
        if (t.read > read) {
            fprintf(out, " read=%" PRIu64, t.read);
            read = t.read;
            words++;
        }
        if (words + 4 > WORDS_MAX)
            t.to = own->len; /* the rest at once */
        import_put_words(out, own->bytes + t.from, t.to - t.from, im->filled);
        words++;
    }
    last = own->fin && own->fin_ack < peer->len ? own->fin_ack : peer->len;
    if (last > read)
        fprintf(out, " read=%" PRIu64, last);
    fputc('\n', out);
}

/* ---- either ---- */

void import_choose_program(struct import *im)
{
    import_choose_webget(im);
    im->filled = !im->webget && import_too_long(im);
}

void import_put_program(const struct import *im, FILE *out)
{
    const struct flow_side *peer = import_peer(im);
    size_t len;

    if (!im->webget) {
        import_put_talk(im, out);
        if (im->own == SERVER)
            fprintf(out, "at %us dial %u from=" IMPORT_PEER ":%u\n", (unsigned)(DIAL_NS / NS_PER_S),
                    import_own(im)->port, peer->port);
        return;
    }
    const char *path = import_web_path(import_own(im), &len);

    fputs("run webget -q http://" IMPORT_PEER, out);
    if (peer->port != 80)
        fprintf(out, ":%u", peer->port);
    fprintf(out, "%.*s\n", (int)len, path);
}

void import_put_expect(const struct import *im, FILE *out)
{
    const struct flow_side *peer = import_peer(im);
    struct http_response r;
    uint32_t sum;
    size_t used;

    if (im->webget) {
        sum = import_web_read(peer, &r, &used);
        fprintf(out, "expect webget: done status=%u bytes=%" PRIu64 " sum=%08x\n", r.status,
                r.body_bytes, sum);
    } else if (peer->rst && !peer->fin) {
        fputs("expect talk: error stream reason=reset\n"
              "expect kernel: exit program=talk status=1\n",
              out);
    } else {
        fprintf(out, "expect talk: done sent=%" PRIu64 " received=%zu sum=%08x\n", im->said,
                peer->len, import_sum_add(SUM_FIRST, peer->bytes, peer->len));
    }
}

/*
 * A run as a page: see page.h. The template is copied, with @NAME@ replaced by page_put_part(). The
 * run is columns of numbers and strings, in the order in which cmd/report/page.js reads them.
 */
#include "page.h"
#include "json.h"
#include "stream_words.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* tools/embed.sh makes these of the files in cmd/report. */
extern const char page_html[], page_css[], page_js[];
extern const char page_css_sha256[], page_js_sha256[]; /* in hexadecimal */
extern const size_t page_html_len, page_css_len, page_js_len;

/* ---- Base64 (RFC 4648 section 4) ---- */

static void page_put_base64(FILE *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t n = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[n >> 18], digits[n >> 12 & 63], digits[n >> 6 & 63], digits[n & 63]};

        if (left < 3)
            four[3] = '=';
        if (left < 2)
            four[2] = '=';
        fwrite(four, 1, 4, out);
    }
}

static unsigned page_hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The source expression of a content security policy for one inline element. */
static void page_put_hash_source(FILE *out, const char *sha256)
{
    uint8_t digest[32];

    for (unsigned i = 0; i < sizeof(digest); i++)
        digest[i] =
            (uint8_t)(page_hex_digit(sha256[2 * i]) << 4 | page_hex_digit(sha256[2 * i + 1]));
    fputs("'sha256-", out);
    page_put_base64(out, digest, sizeof(digest));
    fputc('\'', out);
}

/* ---- the header of the data ---- */

static void page_put_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\":", name);
    json_string(out, text, strlen(text));
    fputs(",\n", out);
}

static void page_put_number(FILE *out, const char *name, uint64_t n)
{
    fprintf(out, "\"%s\":%" PRIu64 ",\n", name, n);
}

/* The text of the scenario, for the page. */
static void page_put_source(FILE *out, const char *text)
{
    enum { SOURCE_MAX = 64 << 10 };

    fputs("\"source\":", out);
    json_string(out, text, strnlen(text, SOURCE_MAX));
    fputs(",\n", out);
}

static void page_put_facts(FILE *out, const struct page_facts *f)
{
    static const char *const worlds[] = {[WORLD_NATIVE] = "native",
                                         [WORLD_PEER] = "peer",
                                         [WORLD_SLIRP] = "slirp",
                                         [WORLD_REPLAY] = "replay"};
    const struct failure *x = f->failure;

    page_put_text(out, "scenario", f->scenario->path);
    page_put_text(out, "title", f->scenario->title);
    page_put_source(out, f->scenario->text);
    page_put_text(out, "world", worlds[f->scenario->world]);
    fprintf(out, "\"seed\":\"%" PRIu64 "\",\n", f->seed); /* too large for JavaScript numbers */
    fprintf(out, "\"hash\":\"%016" PRIx64 "\",\n", f->hash);
    page_put_text(out, "verdict", x->kind == FAILURE_NONE ? "pass" : "fail");
    if (x->kind != FAILURE_NONE) {
        page_put_text(out, "kind", f->failure_kind);
        page_put_text(out, "oracle", x->oracle);
        page_put_text(out, "site", x->site);
        page_put_text(out, "message", x->message);
        page_put_number(out, "failed_ns", x->time_ns - SIM_POWER_ON_NS);
        page_put_number(out, "failed_event", x->event);
    }
    page_put_number(out, "virtual_ns", f->virtual_ns);
    page_put_number(out, "events", f->events);
    page_put_text(out, "reproduce", f->reproduce);
    page_put_text(out, "versions", f->versions);
    if (f->coverage)
        page_put_text(out, "coverage", f->coverage);
}

/* ---- repeated words: their number in a list ---- */

enum { WORDS_MAX = 1000 };

struct words {
    const char *word[WORDS_MAX];
    size_t len[WORDS_MAX];
    unsigned count;
};

static unsigned page_word_number(struct words *w, const char *word, size_t len)
{
    unsigned i = 0;

    while (i < w->count && (w->len[i] != len || memcmp(w->word[i], word, len)))
        i++;
    if (i == w->count && w->count < WORDS_MAX) {
        w->word[i] = word;
        w->len[i] = len;
        w->count++;
    }
    return i < WORDS_MAX ? i : 0;
}

static void page_put_words(FILE *out, const char *name, const struct words *w)
{
    fprintf(out, "\"%s\":[", name);
    for (unsigned i = 0; i < w->count; i++) {
        fputs(i ? "," : "", out);
        json_string(out, w->word[i], w->len[i]);
    }
    fputs("],\n", out);
}

/* ---- the records, column by column ---- */

static void page_put_order(FILE *out, const struct page_log *log)
{
    static const char letters[] = "LFR";
    const struct page_record *r = NULL;
    uint64_t last = SIM_POWER_ON_NS;

    fputs("\"order\":\"", out);
    while ((r = page_log_next(log, r)))
        fputc(letters[r->kind], out);
    fputs("\",\n\"times\":[0", out); /* the first number of each list is only for its comma */
    while ((r = page_log_next(log, r))) {
        fprintf(out, ",%" PRIu64, r->time_ns - last);
        last = r->time_ns;
    }
    fputs("],\n", out);
}

static void page_put_lines(FILE *out, const struct page_log *log)
{
    const struct page_record *r = NULL;
    const char *comma = "";

    fputs("\"lines\":[", out);
    while ((r = page_log_next(log, r))) {
        if (r->kind != PAGE_LINE)
            continue;
        fputs(comma, out);
        comma = ",\n";
        json_string(out, (const char *)(r + 1), r->len);
    }
    fputs("],\n", out);
}

/* direction, length, delay (-1: lost), fate, error, bytes kept, layer; for TCP also flags, seq,
 * ack, window, MSS, payload, and 0, or 1 and the four numbers of its connection if it differs from
 * that of the last TCP frame. */
static void page_put_frame(FILE *out, const struct page_record *r, struct words *words,
                           const struct decoded **last)
{
    const struct page_frame *f = (const struct page_frame *)(r + 1);
    const struct decoded *d = &f->decoded, *l = *last;
    const char *fate = (const char *)(f + 1) + f->snap;
    long long delay = f->arrival_ns == SIM_NEVER ? -1 : (long long)(f->arrival_ns - r->time_ns);
    const char *error = d->error ? d->error : "";
    unsigned fate_number = page_word_number(words, fate, f->fate_len);
    unsigned error_number = page_word_number(words, error, strlen(error));

    fprintf(out, ",%u,%u,%lld,%u,%u,%u,%d", f->direction, f->frame_len, delay, fate_number,
            error_number, f->snap, d->layer == LAYER_TCP);
    if (d->layer != LAYER_TCP)
        return;
    fprintf(out, ",%u,%" PRIu32 ",%" PRIu32 ",%u,%u,%zu", d->tcp_flags, d->tcp_seq, d->tcp_ack,
            d->tcp_window, d->tcp_mss, d->payload_len);
    if (l && l->ip_src == d->ip_src && l->ip_dst == d->ip_dst && l->src_port == d->src_port &&
        l->dst_port == d->dst_port)
        fputs(",0", out);
    else
        fprintf(out, ",1,%" PRIu32 ",%u,%" PRIu32 ",%u", d->ip_src, d->src_port, d->ip_dst,
                d->dst_port);
    *last = d;
}

static void page_put_frames(FILE *out, const struct page_log *log)
{
    struct words words = {0};
    const struct page_record *r = NULL;
    const struct decoded *last = NULL;
    const char *comma = "";
    char text[256];

    page_word_number(&words, "", 0);
    fputs("\"frames\":[0", out);
    while ((r = page_log_next(log, r)))
        if (r->kind == PAGE_FRAME)
            page_put_frame(out, r, &words, &last);
    fputs("],\n\"texts\":[", out);
    while ((r = page_log_next(log, r))) {
        const struct page_frame *f = (const struct page_frame *)(r + 1);

        if (r->kind != PAGE_FRAME || f->decoded.layer == LAYER_TCP)
            continue;
        fputs(comma, out);
        comma = ",\n";
        decode_summary(&f->decoded, text, sizeof(text));
        json_string(out, text, strlen(text));
    }
    fputs("],\n\"bytes\":\"", out);
    while ((r = page_log_next(log, r)))
        if (r->kind == PAGE_FRAME)
            page_put_base64(out, (const uint8_t *)(r + 1) + sizeof(struct page_frame),
                            ((const struct page_frame *)(r + 1))->snap);
    fputs("\",\n", out);
    page_put_words(out, "words", &words);
}

/* event, queue (those of all devices are counted), and the values that page.js expects of it. */
static void page_put_ring(FILE *out, const struct page_record *r, uint64_t *last_addr)
{
    const struct page_ring *e = (const struct page_ring *)(r + 1);
    const struct page_descriptor *d = (const struct page_descriptor *)(e + 1);

    fprintf(out, ",%u,%u", e->what, e->device * (unsigned)FAKE_QUEUES_MAX + e->queue);
    switch ((enum vqueue_event)e->what) {
    case VQUEUE_STARTED:
        fprintf(out, ",%u,%u", e->size,
                (unsigned)(e->packed | e->event_idx << 1 | e->indirect << 2));
        break;
    case VQUEUE_AVAILABLE:
        fprintf(out, ",%u,%u", e->chain, e->count);
        for (unsigned i = 0; i < e->count; i++) {
            fprintf(out, ",%d,%lld,%" PRIu32 ",%u", d[i].slot, (long long)(d[i].addr - *last_addr),
                    d[i].len, d[i].kind);
            *last_addr = d[i].addr;
        }
        break;
    case VQUEUE_WORKING:
        fprintf(out, ",%u", e->chain);
        break;
    case VQUEUE_USED:
        fprintf(out, ",%u,%u,%u,%" PRIu32, e->chain, e->slot, e->slots, e->value);
        break;
    case VQUEUE_COLLECTED:
        fprintf(out, ",%" PRIu32 ",%u", e->value, e->chain);
        break;
    case VQUEUE_STOPPED:
    case VQUEUE_NOTIFIED:
    case VQUEUE_INTERRUPTED:
    case VQUEUE_FRAME: /* not in the log */
    case VQUEUE_CONFIG:
        break;
    }
}

static void page_put_rings(FILE *out, const struct page_log *log)
{
    const struct page_record *r = NULL;
    uint64_t last_addr = 0;

    fputs("\"rings\":[0", out);
    while ((r = page_log_next(log, r)))
        if (r->kind == PAGE_RING)
            page_put_ring(out, r, &last_addr);
    fputs("],\n", out);
}

/* time since the one before, stream, ordinal, value. */
static void page_put_decisions(FILE *out, const struct page_log *log)
{
    const uint64_t exact = UINT64_C(1) << 53; /* exact in JavaScript up to this */
    struct words streams = {0}, meanings = {0};
    uint64_t last = SIM_POWER_ON_NS;

    fputs("\"decisions\":[0", out);
    for (size_t i = 0; i < log->decision_count; i++) {
        const struct decision *d = &log->decisions[i];
        const char *quote = d->value > exact ? "\"" : "";

        fprintf(out, ",%" PRIu64 ",%u,%" PRIu64 ",%s%" PRIu64 "%s", d->time_ns - last,
                page_word_number(&streams, d->stream, strlen(d->stream)), d->ordinal, quote,
                d->value, quote);
        last = d->time_ns;
    }
    fputs("],\n", out);
    page_put_words(out, "streams", &streams);
    for (unsigned i = 0; i < streams.count; i++) {
        meanings.word[i] = stream_words(streams.word[i]);
        meanings.len[i] = strlen(meanings.word[i]);
    }
    meanings.count = streams.count;
    page_put_words(out, "meanings", &meanings);
}

static void page_put_data(FILE *out, const struct page_facts *f, const struct page_log *log)
{
    fputs("{\n", out);
    page_put_facts(out, f);
    page_put_order(out, log);
    page_put_lines(out, log);
    page_put_frames(out, log);
    page_put_rings(out, log);
    page_put_decisions(out, log);
    fprintf(out, "\"left_out\":%" PRIu64 "}", log->left_out);
}

/* ---- the page ---- */

static void page_put_part(FILE *out, const char *name, size_t len, const struct page_facts *f,
                          const struct page_log *log)
{
    if (len == 5 && !memcmp(name, "STYLE", len))
        fwrite(page_css, 1, page_css_len, out);
    else if (len == 6 && !memcmp(name, "SCRIPT", len))
        fwrite(page_js, 1, page_js_len, out);
    else if (len == 4 && !memcmp(name, "DATA", len))
        page_put_data(out, f, log);
    else if (len == 10 && !memcmp(name, "STYLE_HASH", len))
        page_put_hash_source(out, page_css_sha256);
    else if (len == 11 && !memcmp(name, "SCRIPT_HASH", len))
        page_put_hash_source(out, page_js_sha256);
}

void page_write(FILE *out, const struct page_facts *f, const struct page_log *log)
{
    const char *c = page_html, *end = page_html + page_html_len;

    while (c < end) {
        const char *at = memchr(c, '@', (size_t)(end - c));
        const char *close = at ? memchr(at + 1, '@', (size_t)(end - at - 1)) : NULL;

        if (!close) {
            fwrite(c, 1, (size_t)(end - c), out);
            break;
        }
        fwrite(c, 1, (size_t)(at - c), out);
        page_put_part(out, at + 1, (size_t)(close - at - 1), f, log);
        c = close + 1;
    }
}

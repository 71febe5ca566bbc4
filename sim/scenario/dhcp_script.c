/* A scripted DHCP server: see dhcp_script.h. Options and their formats: RFC 2132. */
#include "dhcp_script.h"
#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "../base/bytes.h"
#include "../text/values.h"
#include "../engine/sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WORDS_MAX = 100, SNAME_LEN = 64, FILE_LEN = 128 };

static const char *const types[] = {NULL,  "discover", "offer",   "request", "decline",
                                    "ack", "nak",      "release", "inform"};
enum { TYPES = ARRAY_COUNT(types) };

/* ---- the script ---- */

static bool is_for(const struct dhcp_answer *a, const struct dhcp_question *q)
{
    return a->ask == q->ask && (!a->chosen || a->chosen == q->server);
}

uint32_t dhcp_script_last(const struct dhcp_answer *script, size_t count,
                          const struct dhcp_question *q)
{
    uint32_t last = 0;

    for (size_t i = 0; i < count; i++)
        if (is_for(&script[i], q) && script[i].n > last)
            last = script[i].n;
    return last;
}

/* The last n of a kind that gets a reply; 0: none. */
static uint32_t last_answered(const struct dhcp_answer *script, size_t count,
                              const struct dhcp_question *q)
{
    uint32_t last = 0;

    for (size_t i = 0; i < count; i++)
        if (is_for(&script[i], q) && !script[i].silent && !script[i].lost && script[i].n > last)
            last = script[i].n;
    return last;
}

struct dhcp_question dhcp_script_find(const struct dhcp_answer *script, size_t count,
                                      struct dhcp_question q)
{
    uint32_t last = dhcp_script_last(script, count, &q);

    if (!last && (q.ask == ASK_REBOOT || q.ask == ASK_RENEW || q.ask == ASK_REBIND))
        q.ask = ASK_REQUEST;
    if (q.n > last)
        q.n = last_answered(script, count, &q);
    return q;
}

bool dhcp_script_is_about(const struct dhcp_answer *a, const struct dhcp_question *q)
{
    return is_for(a, q) && (a->n == q->n || (a->silent && q->n < a->n));
}

bool dhcp_script_answers(const struct dhcp_answer *a, const struct dhcp_question *q)
{
    return dhcp_script_is_about(a, q) && !a->silent && !a->lost;
}

/* ---- values ---- */

static bool is_text(uint8_t code)
{
    static const uint8_t texts[] = {12, 14, 15, 17, 18,  40,  47,  56, 60,
                                    62, 64, 66, 67, 100, 101, 114, 252};

    return memchr(texts, code, sizeof(texts)) != NULL;
}

/* The number of bytes of a number; 0: not a number. */
static unsigned number_size(uint8_t code)
{
    static const uint8_t words[] = {2, 24, 35, 38, OPTION_LEASE, OPTION_T1, OPTION_T2};
    static const uint8_t halves[] = {13, 22, 26, 57};
    static const uint8_t bytes[] = {
        19, 20, 23, 27, 29, 30, 31, 34, 36, 37, 39, 46, OPTION_OVERLOAD, OPTION_TYPE};

    return memchr(words, code, sizeof(words))     ? 4
           : memchr(halves, code, sizeof(halves)) ? 2
           : memchr(bytes, code, sizeof(bytes))   ? 1
                                                  : 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const char *value, size_t len)
{
    return len >= 2 && value[0] == '0' && value[1] == 'x';
}

bool dhcp_value_bytes(const char *value, size_t value_len, uint8_t *out, size_t max, size_t *len)
{
    if (!is_hex(value, value_len)) {
        if (value_len > max)
            return false;
        memcpy(out, value, value_len);
        *len = value_len;
        return true;
    }
    if (value_len % 2 || (value_len - 2) / 2 > max)
        return false;
    *len = (value_len - 2) / 2;
    for (size_t i = 0; i < *len; i++) {
        int high = digit(value[2 + 2 * i]), low = digit(value[3 + 2 * i]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- lines out ---- */

static void put_hex(FILE *out, const uint8_t *bytes, size_t len)
{
    fputs("0x", out);
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%02x", bytes[i]);
}

static bool printable(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    return len > 0 && !is_hex((const char *)bytes, len);
}

static void dhcp_script_put_text(FILE *out, const uint8_t *bytes, size_t len)
{
    if (!printable(bytes, len)) {
        put_hex(out, bytes, len);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%s%c", bytes[i] == '"' || bytes[i] == '\\' ? "\\" : "", bytes[i]);
    fputc('"', out);
}

static void dhcp_script_put_address(FILE *out, uint32_t a)
{
    char text[VALUE_ADDRESS_MAX];

    fputs(value_address_text(a, text), out);
}

static void put_field(FILE *out, const char *key, uint32_t addr, uint32_t usual)
{
    char text[VALUE_ADDRESS_MAX];

    if (addr != usual)
        fprintf(out, " %s=%s", key, value_address_text(addr, text));
}

static void dhcp_script_put_option(FILE *out, const uint8_t *option)
{
    uint8_t code = option[0], len = option[1];
    const uint8_t *value = option + 2;
    uint32_t number = 0;

    fprintf(out, " %u=", code);
    if (dhcp_is_address_list(code) && len && len % 4 == 0) {
        for (unsigned i = 0; i < len; i += 4) {
            fputs(i ? "," : "", out);
            dhcp_script_put_address(out, get32(value + i));
        }
    } else if (len && number_size(code) == len) {
        for (unsigned i = 0; i < len; i++)
            number = number << 8 | value[i];
        if (code == OPTION_TYPE && number > 0 && number < TYPES)
            fputs(types[number], out);
        else
            fprintf(out, "%u", number);
    } else if (is_text(code)) {
        dhcp_script_put_text(out, value, len);
    } else {
        put_hex(out, value, len);
    }
}

static size_t zeros(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && !bytes[n])
        n++;
    return n;
}

static void put_zeros(FILE *out, size_t n)
{
    if (n == 1)
        fputs(" pad", out);
    else if (n)
        fprintf(out, " pad=%zu", n);
}

/* Everything after the cookie, in words; bytes outside options as raw bytes. */
static void put_options(FILE *out, const uint8_t *m, size_t len)
{
    size_t i = DHCP_AT_OPTIONS;

    for (unsigned words = 0; i < len && words < LINE_WORDS_MAX; words++) {
        size_t n = zeros(m + i, len - i);

        if (n) {
            put_zeros(out, n);
            i += n;
        } else if (m[i] == OPTION_END) {
            fputs(" end", out);
            i++;
            n = zeros(m + i, len - i);
            put_zeros(out, n);
            i += n;
            break;
        } else if (i + 2 > len || m[i + 1] > len - i - 2) {
            break;
        } else {
            dhcp_script_put_option(out, m + i);
            i += 2u + m[i + 1];
        }
    }
    if (i < len) {
        fputs(" raw=", out);
        put_hex(out, m + i, len - i);
    }
}

static void put_name(FILE *out, const char *key, const uint8_t *field, size_t size)
{
    size_t len = size;

    while (len && !field[len - 1])
        len--;
    if (!len)
        return;
    fprintf(out, " %s=", key);
    dhcp_script_put_text(out, field, len);
}

static void put_number(FILE *out, const char *key, uint32_t number, uint32_t usual)
{
    if (number != usual)
        fprintf(out, " %s=%u", key, number);
}

static void put_header(FILE *out, const struct dhcp_answer *a, const uint8_t *m)
{
    put_number(out, "op", m[0], 2);
    put_number(out, "htype", m[1], 1);
    put_number(out, "hlen", m[2], 6);
    put_number(out, "hops", m[3], 0);
    if (a->own_xid)
        fprintf(out, " xid=0x%08x", get32(m + DHCP_AT_XID));
    put_number(out, "secs", get32(m + DHCP_AT_FLAGS - 2) >> 16, 0);
    if (m[DHCP_AT_FLAGS] || m[DHCP_AT_FLAGS + 1])
        fprintf(out, " flags=0x%04x", get32(m + DHCP_AT_FLAGS - 2) & 0xffff);
    put_field(out, "ciaddr", get32(m + DHCP_AT_CIADDR), 0);
    put_field(out, "yiaddr", get32(m + DHCP_AT_YIADDR), 0);
    put_field(out, "siaddr", get32(m + DHCP_AT_SIADDR), 0);
    put_field(out, "giaddr", get32(m + DHCP_AT_GIADDR), 0);
    if (a->own_chaddr) {
        fputs(" chaddr=", out);
        put_hex(out, m + DHCP_AT_CHADDR, DHCP_AT_SNAME - DHCP_AT_CHADDR);
    }
    put_name(out, "sname", m + DHCP_AT_SNAME, SNAME_LEN);
    put_name(out, "file", m + DHCP_AT_FILE, FILE_LEN);
    if (get32(m + DHCP_AT_COOKIE) != DHCP_COOKIE_VALUE)
        fprintf(out, " cookie=0x%08x", get32(m + DHCP_AT_COOKIE));
}

void dhcp_answer_write(const struct dhcp_answer *a, FILE *out)
{
    uint8_t m[DHCP_SCRIPT_MAX] = {0};
    size_t len = min_u64(a->len, sizeof(m));
    uint32_t server;
    char text[32];

    fprintf(out, "peer dhcp %s=%u", dhcp_ask_words[a->ask], a->n);
    if (a->silent) {
        put_field(out, "chosen", a->chosen, 0);
        fputs(" silent\n", out);
        return;
    }
    memcpy(m, a->bytes, len);
    for (size_t i = DHCP_AT_COOKIE; i < DHCP_AT_OPTIONS; i++) /* missing bytes need no word */
        m[i] = i < len ? m[i] : (uint8_t)(DHCP_COOKIE_VALUE >> 8 * (DHCP_AT_OPTIONS - 1 - i));
    if (a->wait_ns)
        fprintf(out, " wait=%s", value_duration_text(a->wait_ns, text, sizeof(text)));
    put_field(out, "chosen", a->chosen, 0);
    fputs(a->lost ? " lost" : "", out);
    fputs(a->unicast ? " unicast" : "", out);
    fputs(a->unsummed ? " no-checksum" : "", out);
    server = dhcp_option32(m, len, OPTION_SERVER);
    put_field(out, "src", a->src, server ? server : DHCP_USUAL_SERVER);
    put_field(out, "dst", a->dst, UINT32_MAX);
    if (len < DHCP_AT_OPTIONS)
        fprintf(out, " len=%zu", len);
    put_header(out, a, m);
    put_options(out, m, len);
    fputc('\n', out);
}

/* ---- words in ---- */

bool dhcp_is_option_word(const char *word)
{
    static const char *const others[] = {"pad", "end", "raw"};

    for (unsigned i = 0; i < 3; i++)
        if (!strncmp(word, others[i], 3) && (!word[3] || word[3] == '='))
            return true;
    return *word >= '0' && *word <= '9';
}

/* Addresses separated by commas; false: not addresses. */
static bool read_addresses(const char *value, uint8_t *out, size_t *len)
{
    char one[16];

    *len = 0;
    for (;;) {
        size_t n = strcspn(value, ",");
        uint32_t a;

        if (n >= sizeof(one) || *len + 4 > UINT8_MAX)
            return false;
        snprintf(one, sizeof(one), "%.*s", (int)n, value);
        if (!value_address(one, &a))
            return false;
        for (unsigned i = 0; i < 4; i++)
            out[(*len)++] = (uint8_t)(a >> (24 - 8 * i));
        if (!value[n])
            return true;
        value += n + 1;
    }
}

static bool dhcp_script_read_number(uint8_t code, const char *value, uint8_t *out, size_t *len)
{
    unsigned size = number_size(code);
    uint64_t n = 0;

    for (unsigned i = 1; code == OPTION_TYPE && i < TYPES && !n; i++)
        n = !strcmp(value, types[i]) ? i : 0;
    if (!n && (!value_number(value, &n) || n >> 8 * size))
        return false;
    for (unsigned i = 0; i < size; i++)
        out[i] = (uint8_t)(n >> 8 * (size - 1 - i));
    *len = size;
    return true;
}

/* The value of an option in the form of its code; any value can be given in hex. */
static const char *option_value(uint8_t code, const char *value, size_t value_len, uint8_t *out,
                                size_t *len)
{
    if (is_hex(value, value_len))
        return dhcp_value_bytes(value, value_len, out, UINT8_MAX, len)
                   ? NULL
                   : "is not up to 255 bytes in hex";
    if (dhcp_is_address_list(code))
        return read_addresses(value, out, len) ? NULL
                                               : "is not a list of addresses separated by commas";
    if (number_size(code))
        return dhcp_script_read_number(code, value, out, len)
                   ? NULL
                   : "is not a number of this option's size";
    if (is_text(code))
        return dhcp_value_bytes(value, value_len, out, UINT8_MAX, len) ? NULL
                                                                       : "is longer than 255 bytes";
    return "is not hex, as 0x0102";
}

const char *dhcp_option_word(const char *word, const char *value, size_t value_len, uint8_t *m,
                             size_t *len)
{
    uint8_t bytes[UINT8_MAX];
    char name[4] = {0};
    uint64_t n = 1;
    size_t name_len = strcspn(word, "="), size;
    const char *problem;

    if (!strcmp(word, "end")) {
        if (*len >= DHCP_SCRIPT_MAX)
            return "is beyond the 1472 bytes of a message";
        m[(*len)++] = OPTION_END;
        return NULL;
    }
    if (!strncmp(word, "pad", 3)) {
        if (value && !value_number(value, &n))
            return "is not a number of zero bytes";
        if (n > DHCP_SCRIPT_MAX - *len)
            return "is beyond the 1472 bytes of a message";
        memset(m + *len, 0, n);
        *len += n;
        return NULL;
    }
    if (!strncmp(word, "raw", 3)) {
        if (!value || !is_hex(value, value_len) ||
            !dhcp_value_bytes(value, value_len, m + *len, DHCP_SCRIPT_MAX - *len, &size))
            return "is not hex that fits into the 1472 bytes of a message";
        *len += size;
        return NULL;
    }
    if (name_len < sizeof(name))
        memcpy(name, word, name_len);
    if (!value || !value_number(name, &n) || n < 1 || n > 254)
        return "is not an option, CODE=VALUE with a code from 1 to 254";
    problem = option_value((uint8_t)n, value, value_len, bytes, &size);
    if (problem)
        return problem;
    if (2 + size > DHCP_SCRIPT_MAX - *len)
        return "is beyond the 1472 bytes of a message";
    m[*len] = (uint8_t)n;
    m[*len + 1] = (uint8_t)size;
    memcpy(m + *len + 2, bytes, size);
    *len += 2 + size;
    return NULL;
}

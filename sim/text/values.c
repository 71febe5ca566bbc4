/*
 * Parsing of words: numbers, durations, percentages, addresses, strings; and the nearest known
 * word, for a mistyped one. Pure functions of text; see values.h.
 */
#include "values.h"
#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- characters ---- */

bool value_hidden(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* RFC 3629 section 4 */
size_t value_character(const char *p, const char *end, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)*p;
    size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    *c = n < 2 ? first : first & (0x7fu >> n);
    if (first >= 0xf8 || !n || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | ((uint8_t)p[i] & 0x3f);
    }
    return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

const char *value_shown(const char *text)
{
    static char buffers[SHOWN_AT_ONCE][SHOWN_MAX];
    static unsigned turn;
    const char *end = text + strlen(text);
    char *buf = buffers[turn];
    bool sound = true;
    size_t used = 0;

    for (const char *p = text; p < end && used < SHOWN_MAX - 20;) {
        uint32_t c;
        size_t n = value_character(p, end, &c), bytes = n ? n : 1;
        bool hidden = !n || value_hidden(c);

        sound &= !hidden;
        for (size_t i = 0; i < bytes; i++)
            used += (size_t)sprintf(buf + used, hidden ? "\\x%02x" : "%c", (uint8_t)p[i]);
        p += bytes;
    }
    if (sound)
        return text;
    turn = (turn + 1) % SHOWN_AT_ONCE;
    return buf;
}

void value_show(char *buf, size_t size)
{
    const char *shown = value_shown(buf);

    if (shown != buf)
        snprintf(buf, size, "%s", shown);
}

void value_message(FILE *out, const char *format, ...)
{
    char text[SHOWN_MAX];
    va_list args;
    size_t len;
    bool ends;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    len = strlen(text);
    ends = len && text[len - 1] == '\n';
    text[len - ends] = 0;
    fprintf(out, "%s%s", value_shown(text), ends ? "\n" : "");
}

/* ---- numbers ---- */

/* Decimal digits at *at, at least one; false on overflow too. */
static bool digits(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t n = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t d = (uint64_t)(*p - '0');

        if (n > (UINT64_MAX - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *at = p;
    *out = n;
    return true;
}

static int values_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool value_number(const char *text, uint64_t *out)
{
    uint64_t n = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && text[2]) {
        for (text += 2; *text; text++) {
            int d = values_hex_digit(*text);

            if (d < 0 || n >> 60)
                return false;
            n = n << 4 | (uint64_t)d;
        }
    } else if (!digits(&text, &n) || *text) {
        return false;
    }
    *out = n;
    return true;
}

bool value_scaled(const char *text, uint64_t *out)
{
    uint64_t n, scale = 1;

    if (value_number(text, out))
        return true;
    if (!digits(&text, &n))
        return false;
    if (!strcmp(text, "k"))
        scale = 1000;
    else if (!strcmp(text, "M"))
        scale = 1000000;
    else if (!strcmp(text, "G"))
        scale = 1000000000;
    else
        return false;
    if (n > UINT64_MAX / scale)
        return false;
    *out = n * scale;
    return true;
}

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"d", UINT64_C(86400000000000)},
    {"h", UINT64_C(3600000000000)},
    {"m", UINT64_C(60000000000)},
    {"s", UINT64_C(1000000000)},
    {"ms", UINT64_C(1000000)},
    {"us", UINT64_C(1000)},
    {"ns", 1},
};
enum { UNITS = ARRAY_COUNT(units) };

bool value_duration(const char *text, uint64_t *out)
{
    uint64_t whole, unit = 0, ns;
    const char *fraction = NULL;

    if (!digits(&text, &whole))
        return false;
    if (*text == '.') {
        fraction = ++text;
        while (*text >= '0' && *text <= '9')
            text++;
        if (text == fraction)
            return false;
    }
    for (unsigned i = 0; i < UNITS; i++)
        if (!strcmp(text, units[i].name))
            unit = units[i].ns;
    if (!unit || whole > DURATION_MAX_NS / unit)
        return false;

    /* Each digit of the fraction counts a tenth of the one before; below 1 ns only 0 is exact. */
    ns = whole * unit;
    for (; fraction && fraction < text; fraction++) {
        uint64_t d = (uint64_t)(*fraction - '0');

        if (unit % 10 && d)
            return false;
        unit /= 10;
        ns += d * unit;
    }
    if (ns > DURATION_MAX_NS)
        return false;
    *out = ns;
    return true;
}

const char *value_address_text(uint32_t addr, char buf[VALUE_ADDRESS_MAX])
{
    snprintf(buf, VALUE_ADDRESS_MAX, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
             addr & 255);
    return buf;
}

const char *value_duration_text(uint64_t ns, char *buf, size_t size)
{
    unsigned u = 0;

    /* The largest unit of which it is a whole number; from 1 s on, seconds with a fraction. */
    while (u < UNITS - 1 && ns % units[u].ns)
        u++;
    if (!ns)
        snprintf(buf, size, "0s");
    else if (ns > units[3].ns && u > 3) {
        int n = snprintf(buf, size, "%llu.%09llu", (unsigned long long)(ns / units[3].ns),
                         (unsigned long long)(ns % units[3].ns));

        while (n > 0 && (size_t)n < size && buf[n - 1] == '0')
            n--;
        snprintf(buf + n, size - (size_t)n, "s");
    } else
        snprintf(buf, size, "%llu%s", (unsigned long long)(ns / units[u].ns), units[u].name);
    return buf;
}

bool value_percent(const char *text, uint32_t *out)
{
    uint64_t n, scale = 100;

    if (!digits(&text, &n) || n > 100)
        return false;
    if (*text == '.') {
        text++;
        if (*text < '0' || *text > '9')
            return false;
        for (; *text >= '0' && *text <= '9'; text++) {
            if (scale >= UINT64_C(100000000))
                return false;
            n = n * 10 + (uint64_t)(*text - '0');
            scale *= 10;
        }
    }
    if (strcmp(text, "%") || n > scale)
        return false;

    uint64_t rate = (n * 65536 + scale / 2) / scale;

    if (n && !rate) /* it would be rounded to never */
        return false;
    *out = (uint32_t)rate;
    return true;
}

/* ---- addresses ---- */

static bool address_at(const char **at, uint32_t *out)
{
    uint32_t addr = 0;

    for (int i = 0; i < 4; i++) {
        uint64_t n;

        if (i && *(*at)++ != '.')
            return false;
        if (!digits(at, &n) || n > 255)
            return false;
        addr = addr << 8 | (uint32_t)n;
    }
    *out = addr;
    return true;
}

bool value_address(const char *text, uint32_t *out)
{
    uint32_t addr;

    if (!address_at(&text, &addr) || *text)
        return false;
    *out = addr;
    return true;
}

bool value_endpoint(const char *text, uint32_t *addr, uint16_t *port)
{
    uint32_t a;
    uint64_t p;

    if (!address_at(&text, &a) || *text++ != ':' || !digits(&text, &p) || *text)
        return false;
    if (p < 1 || p > 65535)
        return false;
    *addr = a;
    *port = (uint16_t)p;
    return true;
}

bool value_mac(const char *text, uint8_t out[6])
{
    uint8_t mac[6];

    if (strlen(text) != 17)
        return false;
    for (int i = 0; i < 6; i++, text += 3) {
        int high = values_hex_digit(text[0]), low = values_hex_digit(text[1]);

        if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out, mac, 6);
    return true;
}

/* ---- strings ---- */

const char *value_string(const char **at, const char *end, char *out, size_t *len)
{
    const char *p = *at;
    size_t n = *len;

    for (; p < end && *p != '"'; p++) {
        if (*p != '\\') {
            out[n++] = *p;
            continue;
        }
        if (++p == end)
            break;
        switch (*p) {
        case 'n':
            out[n++] = '\n';
            break;
        case 'r':
            out[n++] = '\r';
            break;
        case 't':
            out[n++] = '\t';
            break;
        case '\\':
        case '"':
            out[n++] = *p;
            break;
        case 'x':
            if (end - p < 3 || values_hex_digit(p[1]) < 0 || values_hex_digit(p[2]) < 0)
                return "\\x needs two hexadecimal digits, as in \\x0a";
            out[n++] = (char)(values_hex_digit(p[1]) << 4 | values_hex_digit(p[2]));
            p += 2;
            break;
        default:
            return "unknown escape in a string; use one of \\n \\r \\t \\\\ \\\" \\xNN";
        }
    }
    if (p >= end)
        return "a string has no closing quote";
    *at = p + 1;
    *len = n;
    return NULL;
}

/* ---- nearest words ---- */

/* Edit distance with exchanged neighbours counted as one (optimal string alignment). */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][WORD_COMPARED_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        before[j] = last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = a[i - 1] != b[j - 1];

            row[j] = min_u32(min_u32(last[j] + 1, row[j - 1] + 1), last[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_u32(row[j], before[j - 2] + 1);
        }

        unsigned *oldest = before;

        before = last;
        last = row;
        row = oldest;
    }
    return last[b_len];
}

const char *nearest_word(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned best_distance = 0;

    if (!len || len > WORD_COMPARED_MAX)
        return NULL;
    for (; *words; words++) {
        size_t other = strlen(*words);

        if (other > WORD_COMPARED_MAX)
            continue;

        /* Near: one letter in three may differ, and never everything. */
        unsigned allowed = (unsigned)max_u64(len, other) / 3;
        unsigned d = distance(word, len, *words, other);

        if (allowed < 1 && len > 1)
            allowed = 1;
        if (d <= allowed && (!best || d < best_distance)) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}

const char *did_you_mean(const char *word, const char *const *words, char *buf, size_t size)
{
    const char *near = nearest_word(word, words);

    buf[0] = '\0';
    if (near)
        snprintf(buf, size, ", did you mean '%s'?", near);
    return buf;
}

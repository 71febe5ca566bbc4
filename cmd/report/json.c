/* Text as a JSON string (RFC 8259 section 7): see json.h. */
#include "json.h"

size_t utf8_len(const unsigned char *c, size_t left)
{
    size_t n = c[0] < 0x80                   ? 1
               : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
               : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
               : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                             : 0;

    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return n;
}

static int json_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<';
}

void json_string(FILE *out, const char *text, size_t len)
{
    const unsigned char *c = (const unsigned char *)text, *end = c + len;

    fputc('"', out);
    while (c < end) {
        const unsigned char *from = c;
        size_t n;

        while (c < end && json_plain(*c))
            c++;
        fwrite(from, 1, (size_t)(c - from), out);
        if (c == end)
            break;
        n = utf8_len(c, (size_t)(end - c));
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x80)
            fprintf(out, "\\u%04x", *c);
        else if (!n)
            fputs("\\ufffd", out);
        else
            fwrite(c, 1, n, out);
        c += n ? n : 1;
    }
    fputc('"', out);
}

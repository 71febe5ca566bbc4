/* Text without a C library: append to a buffer of fixed size; text that does not fit is cut off. */
#ifndef DRYWIRE_FMT_H
#define DRYWIRE_FMT_H

#include <stddef.h>
#include <stdint.h>

struct fmt {
    char *buf;
    size_t size, len; /* len < size; buf[len] is not yet NUL */
};

static inline void fmt_char(struct fmt *f, char c)
{
    if (f->len + 1 < f->size)
        f->buf[f->len++] = c;
}

void fmt_text(struct fmt *f, const char *text);
void fmt_u64(struct fmt *f, uint64_t n);
void fmt_i64(struct fmt *f, int64_t n);
void fmt_hex(struct fmt *f, uint64_t n);       /* 0x1f */
void fmt_ipv4(struct fmt *f, uint32_t addr);   /* host order */
void fmt_mac(struct fmt *f, uint64_t mac);     /* low 48 bits */
void fmt_pci(struct fmt *f, uint32_t address); /* of a function, as in REG_PCI: 00:1f.0 */

void fmt_escape(struct fmt *f, uint8_t byte); /* the bytes that are not printed as they are */

/* One byte of untrusted text: printable ASCII unchanged (a backslash doubled), the rest as \xNN. */
static inline void fmt_escaped(struct fmt *f, uint8_t byte)
{
    if (byte >= 0x20 && byte < 0x7f && byte != '\\')
        fmt_char(f, (char)byte);
    else
        fmt_escape(f, byte);
}

#endif

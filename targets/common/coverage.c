/*
 * Coverage over the console: see coverage.h. The format of a .gcda file is written by the
 * compiler's library (libgcov); only its __gcov_info_to_gcda() is linked, which needs of the C
 * library only the three functions at the end. This file itself has no counters.
 */
#include "coverage.h"
#include "../../core/base/check.h"
#include "../../core/base/fmt.h"
#include "../../core/base/mem.h"
#include "../../core/base/minmax.h"
#include "crc.h"
#include "port.h"
#include <gcov.h>

enum { FILE_MAX = 64 << 10, LINE_OCTETS = 64 };

/* One per object file; from the linker script. */
extern const struct gcov_info *const gcov_info_start[], *const gcov_info_end[];

/* A file is complete before its first line is sent: sending it changes counters too. */
static struct {
    const char *path;
    size_t len;
    uint8_t bytes[FILE_MAX];
} file __attribute__((section(".noinit")));

/* The compiler records the absolute path of the object file. */
static void take_path(const char *path, void *arg)
{
    const char *folder = COVERAGE_FOLDER, *rest = path;

    (void)arg;
    while (*folder && *folder == *rest) {
        folder++;
        rest++;
    }
    file.path = *folder ? path : rest;
}

static void take_bytes(const void *bytes, unsigned len, void *arg)
{
    (void)arg;
    CHECK(len <= FILE_MAX - file.len);
    mem_copy(file.bytes + file.len, bytes, len);
    file.len += len;
}

static void put_hex(struct fmt *f, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        fmt_char(f, digits[bytes[i] >> 4]);
        fmt_char(f, digits[bytes[i] & 15]);
    }
}

static void send_begin(void)
{
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    fmt_text(&f, "gcov: begin path=");
    fmt_text(&f, file.path);
    fmt_text(&f, " bytes=");
    fmt_u64(&f, file.len);
    console_line(line, f.len);
}

static void send_data(size_t offset, size_t len)
{
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    fmt_text(&f, "gcov: data off=");
    fmt_u64(&f, offset);
    fmt_text(&f, " hex=");
    put_hex(&f, file.bytes + offset, len);
    console_line(line, f.len);
}

static void send_end(void)
{
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};
    uint32_t crc = crc32(file.bytes, file.len);
    uint8_t big_endian[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                            (uint8_t)crc};

    fmt_text(&f, "gcov: end crc32=");
    put_hex(&f, big_endian, sizeof(big_endian));
    console_line(line, f.len);
}

void coverage_send(void)
{
    for (const struct gcov_info *const *info = gcov_info_start; info < gcov_info_end; info++) {
        file.len = 0;
        __gcov_info_to_gcda(*info, take_path, take_bytes, NULL, NULL);
        send_begin();
        for (size_t at = 0; at < file.len; at += LINE_OCTETS)
            send_data(at, min_u64(file.len - at, LINE_OCTETS));
        send_end();
    }
}

/* ---- referenced by the library, never called for line coverage ---- */

void __gcov_merge_add(int64_t *counters, unsigned count);
void *mmap(void *at, size_t len, int access, int flags, int fd, long offset);
size_t strlen(const char *text); /* gcc 14's */
_Noreturn void abort(void);

/* Merges with an existing file. */
void __gcov_merge_add(int64_t *counters, unsigned count)
{
    (void)counters;
    (void)count;
    CHECK(false);
}

/* Memory for the counters of values, -fprofile-values. */
void *mmap(void *at, size_t len, int access, int flags, int fd, long offset)
{
    (void)at;
    (void)len;
    (void)access;
    (void)flags;
    (void)fd;
    (void)offset;
    CHECK(false);
    return NULL;
}

_Noreturn void abort(void)
{
    CHECK(false);
    for (;;)
        ;
}

size_t strlen(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    return n;
}

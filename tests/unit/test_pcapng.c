/*
 * Captures: the bytes of the file, block by block as the specification has them, and what is left
 * on disk when something goes wrong. That tshark reads them is pytest/test_captures.py.
 */
#include "../../cmd/base/whole_file.h"
#include "../../sim/frame/pcapng.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/drywire-pcapng-XXXXXX";
static char path[64], partial[90];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/run.pcapng", folder);
    snprintf(partial, sizeof(partial), "%s.%ld.partial", path, (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(partial);
    return rmdir(folder);
}

static bool exists(const char *name)
{
    return access(name, F_OK) == 0;
}

/* ---- a reader of its own ---- */

static uint8_t file[4096];
static size_t file_len, at;

static void read_back(const char *name)
{
    FILE *f = fopen(name, "rb");

    assert_non_null(f);
    file_len = fread(file, 1, sizeof(file), f);
    fclose(f);
    at = 0;
}

static uint32_t word(size_t offset)
{
    uint32_t n;

    assert_true(offset + 4 <= file_len);
    memcpy(&n, file + offset, 4);
    return n;
}

/* The block at `at`: its start; `at` moves past it. Its length is at both ends. */
static size_t block(uint32_t type)
{
    size_t start = at;
    uint32_t len = word(start + 4);

    assert_int_equal(word(start), type);
    assert_int_equal(len % 4, 0);
    assert_int_equal(word(start + len - 4), len);
    at += len;
    return start;
}

/* The first option `code` in the options from `offset` on to the end of the block that ends at
 * `at`. */
static const uint8_t *option(size_t offset, unsigned code, size_t *len)
{
    const uint8_t *found = NULL;

    for (;;) {
        unsigned this_code = word(offset) & 0xffff;

        if (!this_code)
            break;
        if (this_code == code && !found) {
            found = file + offset + 4;
            *len = word(offset) >> 16;
        }
        offset += 4 + (((word(offset) >> 16) + 3) & ~3u);
    }
    assert_int_equal(word(offset), 0);
    assert_int_equal(offset + 8, at);
    return found;
}

static void has_text(size_t offset, unsigned code, const char *text)
{
    size_t len = 0;
    const uint8_t *value = option(offset, code, &len);

    assert_non_null(value);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(value, text, len);
}

static struct whole_file out;

static int capture_open(struct pcapng *p, const char *name, const char *const *comments)
{
    struct sink sink;

    if (whole_file_open(&out, name))
        return -1;
    sink = whole_file_sink(&out);
    pcapng_start(p, &sink, comments);
    return 0;
}

/* ---- the tests ---- */

static void a_capture_has_its_blocks(void **state)
{
    static const uint8_t frame[61] = {1, 2, 3, [60] = 9};
    static const char *const comments[] = {"scenario=x seed=7", "run x\n", NULL};
    uint64_t time_ns = UINT64_C(0x123456789a);
    struct pcapng p;
    size_t b, len;

    (void)state;
    assert_int_equal(capture_open(&p, path, comments), 0);
    assert_true(exists(partial) && !exists(path));
    pcapng_packet(&p, CAPTURE_WIRE, time_ns, 1, frame, sizeof(frame), NULL);
    pcapng_packet(&p, CAPTURE_LOST, time_ns + 1, 0, frame, 0, "dropped");
    assert_int_equal(whole_file_close(&out), 0);
    assert_true(exists(path) && !exists(partial));

    read_back(path);
    b = block(0x0a0d0d0a);
    assert_int_equal(word(b + 8), 0x1a2b3c4d);
    assert_int_equal(word(b + 12), 1); /* major 1, minor 0 */
    assert_true(word(b + 16) == UINT32_MAX && word(b + 20) == UINT32_MAX);
    has_text(b + 24, 1, "scenario=x seed=7");
    has_text(b + 24 + 4 + 20, 1, "run x\n");
    for (int i = 0; i < 2; i++) {
        b = block(1);
        assert_int_equal(word(b + 8), 1); /* Ethernet */
        has_text(b + 16, 2, i ? "lost" : "wire");
        assert_int_equal(*option(b + 16, 9, &len), 9);
    }
    b = block(6);
    assert_int_equal(word(b + 8), CAPTURE_WIRE);
    assert_int_equal(word(b + 12), 0x12);
    assert_int_equal(word(b + 16), 0x3456789a);
    assert_int_equal(word(b + 20), sizeof(frame));
    assert_int_equal(word(b + 24), sizeof(frame));
    assert_memory_equal(file + b + 28, frame, sizeof(frame));
    assert_int_equal(*option(b + 28 + 64, 2, &len), 2); /* outbound */
    assert_int_equal(len, 4);
    assert_null(option(b + 28 + 64, 1, &len));
    b = block(6);
    assert_int_equal(word(b + 8), CAPTURE_LOST);
    assert_int_equal(*option(b + 28, 2, &len), 1); /* inbound */
    has_text(b + 28, 1, "dropped");
    assert_int_equal(at, file_len);
    unlink(path);
}

static void what_was_there_is_replaced_only_at_the_end(void **state)
{
    struct pcapng p;
    FILE *f = fopen(path, "w");

    (void)state;
    fputs("old", f);
    fclose(f);
    assert_int_equal(capture_open(&p, path, NULL), 0);
    read_back(path);
    assert_int_equal(file_len, 3);
    whole_file_discard(&out);
    read_back(path);
    assert_int_equal(file_len, 3);
    assert_false(exists(partial));
    whole_file_discard(&out); /* once more is harmless */
    unlink(path);
}

static void an_unwritable_place_is_an_error_that_leaves_nothing(void **state)
{
    struct pcapng p;

    (void)state;
    errno = 0;
    assert_int_equal(capture_open(&p, "/no/such/folder/x.pcapng", NULL), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(capture_open(&p, folder, NULL), -1);
    assert_int_equal(errno, EISDIR);
    assert_false(exists(partial));
}

static void a_full_disk_is_reported(void **state)
{
    static const uint8_t frame[1500];
    struct pcapng p;

    (void)state;
    if (!exists("/dev/full"))
        skip();
    if (capture_open(&p, "/dev/full", NULL) == 0) {
        pcapng_packet(&p, CAPTURE_WIRE, 1, 0, frame, sizeof(frame), NULL);
        assert_int_equal(whole_file_close(&out), -1);
    }
    assert_true(errno == ENOSPC || errno == EIO);
    assert_true(exists("/dev/full"));
}

static void a_device_is_written_in_place(void **state)
{
    struct pcapng p;
    struct stat st;

    (void)state;
    assert_int_equal(capture_open(&p, "/dev/null", NULL), 0);
    assert_int_equal(whole_file_close(&out), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void every_packet_is_on_disk_at_once_and_can_be_rescued(void **state)
{
    static const uint8_t frame[60];
    struct pcapng p;
    struct stat st;

    (void)state;
    assert_int_equal(whole_file_rescue(path, whole_file_blocks), -1);
    assert_int_equal(capture_open(&p, path, NULL), 0);
    pcapng_packet(&p, CAPTURE_WIRE, 1, 0, frame, sizeof(frame), NULL);
    read_back(partial);
    block(0x0a0d0d0a);
    block(1);
    block(1);
    block(6);
    assert_int_equal(at, file_len);
    fwrite(frame, 1, 11, out.file); /* the writer dies in the middle of a block */
    fflush(out.file);
    assert_int_equal(whole_file_rescue(path, whole_file_blocks), 0);
    assert_true(exists(path) && !exists(partial));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, file_len);
    whole_file_discard(&out);
    unlink(path);
}

static void a_very_long_comment_is_cut_to_what_an_option_holds(void **state)
{
    static char comment[70000];
    static const uint8_t frame[60];
    struct pcapng p;
    FILE *f;

    (void)state;
    memset(comment, 'c', sizeof(comment) - 1);
    assert_int_equal(capture_open(&p, path, NULL), 0);
    pcapng_packet(&p, CAPTURE_WIRE, 1, 0, frame, sizeof(frame), comment);
    assert_int_equal(whole_file_close(&out), 0);
    f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    assert_true(ftell(f) > 65535 && ftell(f) < 66000);
    fclose(f);
    unlink(path);
}

static void a_packet_has_many_comments_and_the_last_can_change(void **state)
{
    static const uint8_t frame[14] = {0};
    const char *const comments[] = {"fault: dropped", "ring: into no buffer", NULL};
    const char *const none[] = {NULL};
    struct pcapng p;
    uint64_t place;

    (void)state;
    assert_int_equal(capture_open(&p, path, NULL), 0);
    assert_true(pcapng_can_amend(&p));
    assert_int_equal(pcapng_packet_comments(&p, CAPTURE_WIRE, 1, 0, frame, sizeof(frame), none), 0);
    place = pcapng_packet_comments(&p, CAPTURE_WIRE, 1, 0, frame, sizeof(frame), comments);
    pcapng_packet(&p, CAPTURE_WIRE, 2, 0, frame, sizeof(frame), "next");
    pcapng_amend(&p, place, "ring: to 7", 20);
    pcapng_packet(&p, CAPTURE_WIRE, 3, 0, frame, sizeof(frame), "last");
    assert_int_equal(p.packets, 4);
    assert_int_equal(whole_file_close(&out), 0);

    read_back(path);
    assert_memory_equal(file + place, "ring: to 7          ", 20);
    assert_memory_equal(file + place - 2, &(uint16_t){20}, 2);
    assert_memory_equal(file + place - 4 - 16, "fault: dropped\0\0", 16);
    assert_non_null(memmem(file, file_len, "next", 4));
    assert_memory_equal(file + file_len - 12, "last", 4);
    unlink(path);
}

static void rings_have_an_interface_from_their_first_record_on(void **state)
{
    static const uint8_t record[4] = {1, 2, 3, 4};
    struct pcapng p;
    size_t b;

    (void)state;
    assert_int_equal(capture_open(&p, path, NULL), 0);
    pcapng_ring(&p, 5, record, sizeof(record));
    pcapng_ring(&p, 6, record, sizeof(record));
    assert_int_equal(whole_file_close(&out), 0);
    read_back(path);
    block(0x0a0d0d0a);
    block(1);
    block(1);
    b = block(1);
    assert_int_equal(word(b + 8), LINKTYPE_USER0);
    has_text(b + 16, 2, "ring");
    for (unsigned i = 0; i < 2; i++) {
        b = block(6);
        assert_int_equal(word(b + 8), CAPTURE_RING);
        assert_int_equal(word(b + 16), 5 + i);
        assert_memory_equal(file + b + 28, record, sizeof(record));
    }
    assert_int_equal(at, file_len);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_has_its_blocks),
        cmocka_unit_test(what_was_there_is_replaced_only_at_the_end),
        cmocka_unit_test(an_unwritable_place_is_an_error_that_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(a_device_is_written_in_place),
        cmocka_unit_test(every_packet_is_on_disk_at_once_and_can_be_rescued),
        cmocka_unit_test(a_packet_has_many_comments_and_the_last_can_change),
        cmocka_unit_test(rings_have_an_interface_from_their_first_record_on),
        cmocka_unit_test(a_very_long_comment_is_cut_to_what_an_option_holds),
    };

    return cmocka_run_group_tests_name("captures", tests, set_up, tear_down);
}

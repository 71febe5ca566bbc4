/* How fast does the guest copy? See copy.h. */
#include "copy.h"
#include "../../../user/drywire.h"

/* 1 GiB: the clock that a program sees moves on once a poll, every 10 ms. */
enum { BLOCK = 4096, BLOCKS = 262144 };

static void copy_words(void *dst, const void *src)
{
    __builtin_memcpy(dst, src, BLOCK);
}

#ifdef __x86_64__
static void copy_string(void *dst, const void *src)
{
    uint64_t count = BLOCK / 8;

    __asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(count)::"memory");
}
#else
static void copy_string(void *dst, const void *src)
{
    copy_words(dst, src); /* there is no such instruction */
}
#endif

static uint64_t rate(void (*copy)(void *dst, const void *src))
{
    uint64_t from[BLOCK / 8] = {1}, to[BLOCK / 8], start = sys_clock(), ns;

    for (unsigned i = 0; i < BLOCKS; i++) {
        copy(to, from);
        __asm__ volatile("" ::"r"(to) : "memory");
    }
    ns = sys_clock() - start;
    return (uint64_t)BLOCK * BLOCKS / (1 << 20) * 1000000000 / (ns ? ns : 1);
}

int copy_main(int argc, char **argv)
{
    struct text t;
    uint64_t words, string;

    (void)argv;
    if (argc != 1)
        return report_usage("copy");
    words = rate(copy_words);
    string = rate(copy_string);
    text_start(&t);
    text_word(&t, "done");
    text_number(&t, "words_MiBps", words);
    text_number(&t, "string_MiBps", string);
    report(&t);
    return 0;
}

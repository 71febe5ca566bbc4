/*
 * From the address of a trap to the place of the CHECK that failed: a walk through `check_table`.
 */
#include "check.h"

/* Set by the linker around the section; weak, because a program without CHECKs has none. */
extern const char __start_check_table[] __attribute__((weak));
extern const char __stop_check_table[] __attribute__((weak));

const char *check_site(uintptr_t pc)
{
    uintptr_t at = (uintptr_t)__start_check_table;
    uintptr_t end = (uintptr_t)__stop_check_table;

    while (at < end) {
        const int64_t *distance = (const int64_t *)at;
        const char *site = (const char *)(at + sizeof(*distance));
        uintptr_t trap = at + (uintptr_t)*distance;

        if (trap == pc)
            return site;
        at += sizeof(*distance);
        while (*(const char *)at)
            at++;
        at = (at + 1 + 7) & ~(uintptr_t)7;
    }
    return 0;
}

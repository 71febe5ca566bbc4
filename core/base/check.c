/* Finds the failed CHECK of a trap address in `check_table`. */
#include "check.h"

/* Set by the linker around the section; weak, because a program without CHECKs has none. */
extern const char __start_check_table[] __attribute__((weak));
extern const char __stop_check_table[] __attribute__((weak));

/* What follows a C string. */
static const char *check_next(const char *text)
{
    while (*text)
        text++;
    return text + 1;
}

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
        at = (uintptr_t)check_next(check_next(site));
        at = (at + 7) & ~(uintptr_t)7;
    }
    return 0;
}

const char *check_expression(const char *site)
{
    return check_next(site);
}

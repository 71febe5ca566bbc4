/*
 * The end of a machine that cannot continue: registers, the reason, status 37. Everything here
 * works with a broken kernel: no allocation, nothing of the core but formatting.
 */
#include "../../core/base/check.h"
#include "../../core/base/fmt.h"
#include "console.h"
#include "journal.h"
#include "port.h"

enum { STATUS_PANIC = 37 };

/* A trap during a panic returns here: end without more output. */
static void enter_once(void)
{
    static bool entered;

    if (entered)
        port_exit(STATUS_PANIC);
    entered = true;
}

void panic_registers(const char *const *names, const uint64_t *values, unsigned count)
{
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    enter_once();
    console_break();
    for (unsigned i = 0; i < count; i++) {
        if (i % 4 == 0) {
            f.len = 0;
            fmt_text(&f, "trap:");
        }
        fmt_char(&f, ' ');
        fmt_text(&f, names[i]);
        fmt_char(&f, '=');
        fmt_hex(&f, values[i]);
        if (i % 4 == 3 || i + 1 == count)
            console_line(line, f.len);
    }
}

_Noreturn void panic(const char *why, uint64_t pc, uint64_t address)
{
    const char *site = check_site((uintptr_t)pc);
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    console_break();
    journal_panic(site ? site : why);
    fmt_text(&f, "test: panic why=");
    fmt_text(&f, site ? "check" : why);
    fmt_text(&f, " pc=");
    fmt_hex(&f, pc);
    fmt_text(&f, " address=");
    fmt_hex(&f, address);
    if (site) {
        fmt_text(&f, " site=");
        fmt_text(&f, site);
    }
    console_line(line, f.len);
    port_exit(STATUS_PANIC);
}

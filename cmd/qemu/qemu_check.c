/* Checks that QEMU is installed: see qemu.h. */
#include "qemu.h"
#include "../base/exit_codes.h"
#include "../../sim/text/values.h"
#include <stdio.h>
#include <string.h>

enum { QEMU_MAJOR_MIN = 7, QEMU_MINOR_MIN = 2 };

static int qemu_version(const char *emulator, int *major, int *minor)
{
    char line[256], command[256];
    FILE *p;
    int n = 0;

    snprintf(command, sizeof(command), "%s --version 2>/dev/null", emulator);
    p = popen(command, "r");
    if (!p)
        return -1;
    if (fgets(line, sizeof(line), p))
        n = sscanf(line, "QEMU emulator version %d.%d", major, minor);
    pclose(p);
    return n == 2 ? 0 : -1;
}

int qemu_check(const struct qemu_settings *s)
{
    const char *emulator = qemu_emulator(s);
    int major, minor;

    if (!emulator)
        return EXIT_USAGE;
    if (qemu_version(emulator, &major, &minor)) {
        value_message(stderr,
                      "drywire: %s is not installed; on Debian, as root: apt-get install -y %s\n",
                      emulator, strstr(emulator, "riscv") ? "qemu-system-misc" : "qemu-system-x86");
        return EXIT_CANNOT_TEST;
    }
    if (major > QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor >= QEMU_MINOR_MIN))
        return 0;
    value_message(stderr, "drywire: %s is version %d.%d; version %d.%d or later is needed\n",
                  emulator, major, minor, QEMU_MAJOR_MIN, QEMU_MINOR_MIN);
    return EXIT_CANNOT_TEST;
}

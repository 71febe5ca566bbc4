/*
 * QEMU as a machine without a program: its devices are driven from here through the qtest protocol
 * (QEMU, docs/devel/testing/qtest), one line of text for each register access.
 *
 * The protocol uses a socket pair as QEMU's stdin and stdout, so no file is left. QEMU ends with
 * this process, however that ends (Linux: PR_SET_PDEATHSIG).
 */
#ifndef DRYWIRE_QTEST_H
#define DRYWIRE_QTEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { QTEST_LINE_MAX = 256 };

/* The address space of an access: physical memory, or the I/O ports of a PC. */
enum qtest_space { QTEST_MEMORY, QTEST_PORT };

struct qtest {
    const char *program;
    pid_t pid;
    int fd;      /* our end of the socket pair */
    int log;     /* QEMU's stderr */
    size_t have; /* bytes of `line` */
    char line[QTEST_LINE_MAX];
};

/* "7.2.22" of `program --version` into buf, and major * 1000 + minor as the result. 0: no such
 * program; negative: unknown output. */
int qtest_version(const char *program, char *buf, size_t size);

/* Start QEMU with these words (NULL-terminated; argv[0] is found by PATH) and wait until it is
 * ready. It inherits every open descriptor without FD_CLOEXEC. 0, or -1 when it ended: see
 * qtest_words(). */
int qtest_start(struct qtest *q, const char *const *argv);

/* End it, by its pid, and wait. */
void qtest_stop(struct qtest *q);

/* The first line of QEMU's stderr. Returns buf. */
const char *qtest_words(struct qtest *q, char *buf, size_t size);

/* Access of 1, 2 or 4 bytes. When QEMU has ended, one line on stderr and exit code 4. */
uint32_t qtest_read(struct qtest *q, enum qtest_space space, uint64_t addr, unsigned size);
void qtest_write(struct qtest *q, enum qtest_space space, uint64_t addr, unsigned size,
                 uint32_t value);

#endif

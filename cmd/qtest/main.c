/*
 * The program `qtest`: the core on the host, one program on it, against the network device of a
 * QEMU that it starts. Prints trace lines as `drywire run` does, with times since power-on.
 */
#include "../../core/base/check.h"
#include "../../core/base/array.h"
#include "../../core/base/err.h"
#include "../../core/base/minmax.h"
#include "../../core/trace/trace.h"
#include "../../core/virtio/virtio_spec.h"
#include "../../user/programs.h"
#include "../../sim/frame/decode.h"
#include "../../sim/machine/guest_core.h"
#include "../base/whole_file.h"
#include "../../sim/frame/pcapng.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/text/values.h"
#include "qtest_machine.h"
#include "record.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The longest sleep of a poll: there is no interrupt to end it. */
#define NAP_NS (50 * NS_PER_US)

/* The wait after the end of the program, for the last segments of its connections, without
 * TIME-WAIT. */
#define GRACE_NS (200 * NS_PER_MS)

/* From the time limit to the alarm. */
enum { ALARM_LATER_S = 10 };

static struct run {
    struct qtest_machine machine;
    const struct guest_ops *guest;
    struct whole_file capture_file; /* file NULL: none */
    struct pcapng capture;
    bool failed, ended;
    int status;         /* of the program */
    unsigned frames[2]; /* in, out */
} run;

struct settings {
    struct qtest_machine_config machine;
    const char *record, *pcap;
    uint64_t timeout_s;
    int withhold;
    char **words;
    int word_count;
};

/* ---- the story ---- */

static void qtest_tell(const char *between, const char *line)
{
    uint64_t us = (qtest_machine_now(&run.machine) - QTEST_POWER_ON_NS) / NS_PER_US;

    printf("%6" PRIu64 ".%06" PRIu64 "  %s  %s\n", us / 1000000, us % 1000000, between, line);
}

static void qtest_on_trace(unsigned id, const uint64_t *args, unsigned count)
{
    char line[TRACE_LINE_MAX];

    if (id == TRACE_VNET_FAILED)
        run.failed = true;
    if (trace_event(id)->level == TRACE_LEVEL_DETAIL)
        return;
    trace_format(line, sizeof(line), id, args, count);
    qtest_tell("   ", line);
}

/* The kernel reports the exit of its only program: "kernel: exit pid=1 program=ping status=0". */
static void qtest_on_line(const char *text, size_t len)
{
    char line[512];
    const char *status;

    snprintf(line, sizeof(line), "%.*s", (int)len, text);
    status = strncmp(line, "kernel: ", 8) ? NULL : strstr(line, " status=");
    if (status) {
        run.ended = true;
        run.status = atoi(status + 8);
    }
    qtest_tell("   ", line);
}

static void qtest_on_frame(bool outbound, const uint8_t *frame, size_t len)
{
    struct decoded d;
    char what[200];

    run.frames[outbound]++;
    if (run.capture_file.file)
        pcapng_packet(&run.capture, CAPTURE_WIRE, qtest_machine_now(&run.machine), outbound, frame,
                      len, NULL);
    decode_frame(frame, len, &d);
    qtest_tell(outbound ? "-->" : "<--", decode_summary(&d, what, sizeof(what)));
}

/* ---- the end, expected or not ---- */

/* QEMU ended during a register access, or the core trapped: keep the capture so far. */
static void qtest_close_capture(void)
{
    if (run.capture_file.file && whole_file_close(&run.capture_file))
        fprintf(stderr, "qtest: the capture: %s\n", strerror(errno));
}

/* A failed CHECK of the core is a trap, not inside a library call, and both possible signals have
 * the address of the instruction. Everything else is a crash. QEMU ends with this process. */
static void qtest_on_crash(int number, siginfo_t *info, void *context)
{
    const char *site = NULL;

    (void)context;
    if (number == SIGILL || number == SIGTRAP)
        site = check_site((uintptr_t)info->si_addr);
    if (!site) {
        fprintf(stderr, "qtest: %s\n", strsignal(number));
        _exit(EXIT_FAIL);
    }
    fprintf(stderr, "qtest: an assertion failed at %s\n", site);
    exit(EXIT_FAIL);
}

/* The main loop checks the time itself; this is for a core or a QEMU that hangs. */
static void qtest_on_alarm(int number)
{
    static const char late[] = "qtest: time limit reached without progress (--timeout)\n";

    (void)number;
    _exit(write(STDERR_FILENO, late, sizeof(late) - 1) < 0 ? EXIT_HARNESS : EXIT_LIVELOCK);
}

static void qtest_watch(uint64_t timeout_s)
{
    static const int numbers[] = {
        SIGILL,  SIGTRAP,
#ifndef DRYWIRE_ASAN /* which reports more */
        SIGSEGV, SIGBUS,  SIGFPE,
#endif
    };
    struct sigaction crash = {.sa_sigaction = qtest_on_crash, .sa_flags = SA_SIGINFO};
    struct sigaction late = {.sa_handler = qtest_on_alarm};

    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++)
        sigaction(numbers[i], &crash, NULL);
    sigaction(SIGALRM, &late, NULL);
    alarm((unsigned)timeout_s + ALARM_LATER_S);
    atexit(qtest_close_capture);
}

/* ---- the run ---- */

static void qtest_nap(uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec t = {.tv_nsec = (long)min_u64(ns, NAP_NS)};

    if (ns)
        nanosleep(&t, NULL);
}

/* The main loop of every machine, until the program has ended and its connections are quiet. False:
 * timeout. */
static bool qtest_run_loop(uint64_t limit_ns)
{
    struct qtest_machine *m = &run.machine;
    uint64_t stop_ns = UINT64_MAX;

    while (!run.failed) {
        uint64_t now = qtest_machine_now(m);

        run.guest->poll(m->state, now);
        if (run.ended && stop_ns == UINT64_MAX)
            stop_ns = now + GRACE_NS;
        if (now >= stop_ns || (run.ended && run.guest->idle(m->state)))
            return true;
        if (now >= limit_ns)
            return false;
        qtest_nap(now, run.guest->deadline(m->state, now));
    }
    return true;
}

static int qtest_run_program(const struct settings *s)
{
    struct qtest_machine *m = &run.machine;
    int code = qtest_machine_boot(m, run.guest);

    if (code) {
        fprintf(stderr, "qtest: the core did not start: %s\n", trace_error_word(code));
        return EXIT_FAIL;
    }
    if (s->machine.packed && !(record_features() & VIRTIO_BIT(VIRTIO_F_RING_PACKED))) {
        fprintf(stderr,
                "qtest: the ring is not packed: the device or the driver does not support it\n");
        return EXIT_FAIL;
    }
    code = run.guest->start(m->state, (const char *const *)s->words, (unsigned)s->word_count,
                            qtest_machine_now(m));
    if (code < 0) {
        fprintf(stderr, "qtest: program '%s' cannot be started: %s\n", s->words[0],
                trace_error_word(code));
        return EXIT_USAGE;
    }
    if (!qtest_run_loop(QTEST_POWER_ON_NS + s->timeout_s * NS_PER_S)) {
        fprintf(stderr, "qtest: time limit reached before '%s' ended (--timeout)\n", s->words[0]);
        return EXIT_LIVELOCK;
    }
    run.guest->stop(m->state, qtest_machine_now(m));
    return run.failed || run.status ? EXIT_FAIL : EXIT_PASS;
}

static void qtest_print_verdict(const struct settings *s, int code)
{
    uint64_t ms = (qtest_machine_now(&run.machine) - QTEST_POWER_ON_NS) / NS_PER_MS;

    printf("%s ", code ? "fail" : "pass");
    for (int i = 0; i < s->word_count; i++)
        printf(" %s", s->words[i]);
    printf("  machine=%s qemu=%s  %" PRIu64 ".%03" PRIu64 " s real, %u frames out, %u in\n",
           s->machine.board->name, run.machine.version, ms / 1000, ms % 1000, run.frames[1],
           run.frames[0]);
}

/* 0, or EXIT_USAGE after a line on stderr. */
static int qtest_open_outputs(const struct settings *s, struct record_options *ro)
{
    static const char *const comments[] = {"drywire qtest", NULL};
    struct sink sink;

    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no complete lines */
    if (s->record && !(ro->out = fopen(s->record, "w"))) {
        fprintf(stderr, "qtest: --record %s: %s\n", s->record, strerror(errno));
        return EXIT_USAGE;
    }
    if (ro->out)
        setvbuf(ro->out, NULL, _IOLBF, 0);
    if (s->pcap && whole_file_open(&run.capture_file, s->pcap)) {
        fprintf(stderr, "qtest: --pcap %s: %s\n", s->pcap, strerror(errno));
        return EXIT_USAGE;
    }
    if (s->pcap) {
        sink = whole_file_sink(&run.capture_file);
        pcapng_start(&run.capture, &sink, comments);
    }
    return 0;
}

static int qtest_run_settings(const struct settings *s)
{
    struct qtest_listener listener = {qtest_on_trace, qtest_on_line};
    struct record_options ro = {.withhold = s->withhold, .frame = qtest_on_frame};
    int code = qtest_open_outputs(s, &ro);

    if (code)
        return code;
    qtest_watch(s->timeout_s);
    run.guest = record_guest(&guest_core, &ro);
    code = qtest_machine_start(&run.machine, &s->machine, &listener);
    if (!code) {
        code = qtest_run_program(s);
        qtest_print_verdict(s, code);
    }
    qtest_machine_end(&run.machine);
    qtest_close_capture();
    if (ro.out)
        fclose(ro.out);
    return code;
}

/* ---- the command line ---- */

static const struct option options[] = {
    {"machine", required_argument, NULL, 'm'}, {"ring", required_argument, NULL, 'r'},
    {"device", required_argument, NULL, 'd'},  {"user", required_argument, NULL, 'u'},
    {"seed", required_argument, NULL, 's'},    {"pcap", required_argument, NULL, 'p'},
    {"record", required_argument, NULL, 'R'},  {"withhold", required_argument, NULL, 'w'},
    {"timeout", required_argument, NULL, 'T'}, {"rng", no_argument, NULL, 'g'},
    {"help", no_argument, NULL, 'h'},          {0},
};

static void qtest_help(void)
{
    puts("qtest: the core on this host drives QEMU's own network device\n\n"
         "Examples:\n"
         "  qtest -- ping -c 3 10.0.2.2\n"
         "  qtest --machine rv64-mmio-legacy --pcap lease.pcapng -- netinfo\n"
         "  qtest --user guestfwd=tcp:10.0.2.100:80-cmd:./answer -- webget http://10.0.2.100/\n\n"
         "Usage: qtest [OPTION]... -- PROGRAM [ARGUMENT]...\n\n"
         "Options:\n"
         "  --machine NAME    one of");
    for (unsigned i = 0; boards[i].name; i++)
        printf("                      %s\n", boards[i].name);
    puts("  --ring NAME       split (default) or packed\n"
         "  --device KEYS     more properties for QEMU's -device: mrg_rxbuf=off,event_idx=off\n"
         "  --rng             also an entropy device, which seeds the core\n"
         "  --user KEYS       more properties for QEMU's -netdev user,restrict=on\n"
         "  --seed N          of the core's entropy (default 1), as in the simulator\n"
         "  --pcap FILE       write a capture\n"
         "  --record FILE     write registers, used entries and frames (cmd/qtest/record.h)\n"
         "  --withhold BIT    do not report this accepted feature to the device\n"
         "  --timeout SECONDS wall-clock alarm (default 60)\n\n"
         "Programs:");
    for (unsigned i = 0; i < programs_count; i++)
        printf("  %s\n", programs[i].usage);
    puts("\nExit: 0 pass, 1 the program or the device failed, 2 usage, 4 QEMU failed,\n"
         "124 time limit reached, 125 no usable QEMU.");
}

static int qtest_unknown(const char *what, const char *word, const char *const *known)
{
    const char *near = nearest_word(word, known);

    fprintf(stderr, "qtest: unknown %s '%s'%s%s%s\n", what, word, near ? ", did you mean '" : "",
            near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int qtest_check_program(const char *name)
{
    enum { PROGRAMS_MAX = 64 };
    const char *known[PROGRAMS_MAX] = {NULL};

    for (unsigned i = 0; i < programs_count && i + 1 < PROGRAMS_MAX; i++) {
        if (strcmp(programs[i].name, name) == 0)
            return 0;
        known[i] = programs[i].name;
    }
    return qtest_unknown("program", name, known);
}

static int qtest_set_machine(struct settings *s, const char *name)
{
    enum { BOARDS_MAX = 16 };
    const char *known[BOARDS_MAX] = {NULL};

    for (unsigned i = 0; boards[i].name; i++) {
        if (strcmp(boards[i].name, name) == 0) {
            s->machine.board = &boards[i];
            return -1;
        }
        known[i] = boards[i].name;
    }
    return qtest_unknown("machine", name, known);
}

static int qtest_set_ring(struct settings *s, const char *name)
{
    static const char *const known[] = {"split", "packed", NULL};

    s->machine.packed = strcmp(name, "packed") == 0;
    return s->machine.packed || strcmp(name, "split") == 0 ? -1
                                                           : qtest_unknown("ring", name, known);
}

static int qtest_set_number(const char *name, const char *text, uint64_t min, uint64_t max,
                            uint64_t *out)
{
    uint64_t n;

    if (value_number(text, &n) && n >= min && n <= max) {
        *out = n;
        return -1;
    }
    fprintf(stderr, "qtest: --%s needs a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name,
            min, max, text);
    return EXIT_USAGE;
}

static int qtest_set_keys(const char *name, const char *value, const char **out)
{
    if (strlen(value) > KEYS_MAX) {
        fprintf(stderr, "qtest: --%s is longer than %d characters\n", name, KEYS_MAX);
        return EXIT_USAGE;
    }
    *out = value;
    return -1;
}

static int qtest_apply(struct settings *s, int letter, const char *value)
{
    uint64_t n = 0;
    int code = -1;

    switch (letter) {
    case 'm':
        return qtest_set_machine(s, value);
    case 'r':
        return qtest_set_ring(s, value);
    case 'd':
        return qtest_set_keys("device", value, &s->machine.device);
    case 'u':
        return qtest_set_keys("user", value, &s->machine.user);
    case 's':
        return qtest_set_number("seed", value, 0, UINT64_MAX, &s->machine.seed);
    case 'p':
        s->pcap = value;
        break;
    case 'R':
        s->record = value;
        break;
    case 'w':
        code = qtest_set_number("withhold", value, 0, 63, &n);
        s->withhold = (int)n;
        break;
    case 'T':
        return qtest_set_number("timeout", value, 1, 1000000, &s->timeout_s);
    case 'g':
        s->machine.rng = true;
        break;
    case 'h':
        qtest_help();
        return EXIT_PASS;
    case ':':
        fprintf(stderr, "qtest: %s needs a value\n", value);
        return EXIT_USAGE;
    default:
        fprintf(stderr, "qtest: unknown option '%s' (see qtest --help)\n", value);
        return EXIT_USAGE;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct settings s = {
        .machine = {.board = &boards[0], .seed = 1}, .timeout_s = 60, .withhold = -1};
    int letter, code;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
        code = qtest_apply(&s, letter, optarg ? optarg : argv[optind - 1]);
        if (code >= 0)
            return code;
    }
    s.words = argv + optind;
    s.word_count = argc - optind;
    if (!s.word_count) {
        fprintf(stderr, "qtest: no program given, e.g. qtest -- ping 10.0.2.2\n");
        return EXIT_USAGE;
    }
    code = qtest_check_program(s.words[0]);
    return code ? code : qtest_run_settings(&s);
}

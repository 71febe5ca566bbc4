#include "verbs.h"
#include "../sim/base/memory.h"
#include "../sim/run/vocabulary.h"
#include "base/whole_file.h"
#include "../sim/world/world.h"
#include "../sim/text/values.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLIRP_MISSING "libslirp is missing: apt-get install libslirp-dev, then make"

int worse_exit(int a, int b)
{
    static const int order[] = {EXIT_PASS,     EXIT_NOTHING, EXIT_CANNOT_TEST, EXIT_LIVELOCK,
                                EXIT_DIVERGED, EXIT_FAIL,    EXIT_USAGE,       EXIT_HARNESS};
    int best = 0;

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (order[i] == a || order[i] == b)
            best = order[i];
    return best;
}

int failure_code(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return EXIT_PASS;
    case FAILURE_SAFETY:
    case FAILURE_LIVENESS:
    case FAILURE_EXPECT:
    case FAILURE_RESOURCE:
    case FAILURE_CRASH:
        return EXIT_FAIL;
    case FAILURE_LIVELOCK:
        return EXIT_LIVELOCK;
    case FAILURE_DIVERGENCE:
        return EXIT_DIVERGED;
    case FAILURE_HARNESS:
        return EXIT_HARNESS;
    }
    return EXIT_HARNESS;
}

const struct guest_ops *load_guest(const char *path)
{
    const struct guest_ops *(*entry)(void);
    const struct guest_ops *ops;
    char with_slash[4096];
    void *handle, *symbol;

    snprintf(with_slash, sizeof(with_slash), "%s%s", strchr(path, '/') ? "" : "./", path);
    handle = dlopen(with_slash, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        value_message(stderr, "drywire: %s is not a guest: %s\n", path, dlerror());
        return NULL;
    }
    symbol = dlsym(handle, "drywire_guest");
    if (!symbol) {
        value_message(stderr, "drywire: %s is not a guest: it has no drywire_guest()\n", path);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof(entry));
    ops = entry();
    if (!ops || ops->abi != GUEST_ABI || !ops->boot || !ops->poll || !ops->deadline) {
        value_message(stderr, "drywire: %s is a guest of another version (want %d)\n", path,
                      GUEST_ABI);
        return NULL;
    }
    return ops;
}

int read_with_device(const char *path, const struct options *o, struct scenario **out)
{
    return read_or_report(path, o, out, stderr);
}

int read_or_report(const char *path, const struct options *o, struct scenario **out, FILE *errors)
{
    int code;

    if (strcmp(path, "-") && access(path, R_OK)) {
        paths_report_missing(errors, path);
        return EXIT_USAGE;
    }
    code = o->device ? scenario_read_device(path, o->device, out, errors)
                     : scenario_read(path, out, errors);
    if (code || o->guest || vocabulary_check(*out, errors)) /* a stranger says what it likes */
        return code;
    scenario_free(*out);
    return EXIT_USAGE;
}

int read_for_results(const char *path, const struct options *o, struct scenario **out, char **error)
{
    size_t len;
    FILE *errors = memory_stream(error, &len);
    int code = read_or_report(path, o, out, errors);

    memory_stream_close(errors);
    (*error)[strcspn(*error, "\n")] = 0;
    if (code)
        return code;
    free(*error);
    *error = NULL;
    return 0;
}

const char *skip_reason(const struct scenario *sc)
{
#ifdef DRYWIRE_SLIRP
    (void)sc;
    return NULL;
#else
    return sc->world == WORLD_SLIRP ? SLIRP_MISSING : NULL;
#endif
}

int check_skip(const struct scenario *sc)
{
    const char *reason = skip_reason(sc);

    if (!reason)
        return 0;
    value_message(stderr, "drywire: %s\n", reason);
    return EXIT_CANNOT_TEST;
}

int check_slirp(void)
{
#ifdef DRYWIRE_SLIRP
    if (world_slirp_self_test())
        return EXIT_HARNESS;
#endif
    return 0;
}

/* Leaves nothing behind, and nothing under its final name meanwhile. */
int check_writable(const char *option, const char *path)
{
    struct whole_file w;
    struct stat st;
    int bad;

    if (!path)
        return 0;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        bad = access(path, W_OK); /* to open a FIFO is to wait for its reader */
    } else {
        bad = whole_file_open(&w, path);
        if (!bad)
            whole_file_discard(&w);
    }
    if (!bad)
        return 0;
    value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
    return EXIT_USAGE;
}

bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

int check_apart(const struct options *o)
{
    const struct {
        const char *option, *path;
    } outputs[] = {{"output", o->output}, {"pcap", o->pcap},   {"nic-pcap", o->nic_pcap},
                   {"trace", o->trace},   {"junit", o->junit}, {"log", o->log}};

    for (unsigned i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
        for (int k = 0; outputs[i].path && k < o->path_count; k++)
            if (same_file(outputs[i].path, o->paths[k])) {
                value_message(stderr, "drywire: --%s %s: that is the file to read\n",
                              outputs[i].option, outputs[i].path);
                return EXIT_USAGE;
            }
    return 0;
}

int write_output(const char *option, const char *path, const void *bytes, size_t len)
{
    struct whole_file w;
    bool good;

    good = whole_file_open(&w, path) == 0;
    if (good) {
        fwrite(bytes, 1, len, w.file); /* an error is found by the close */
        good = whole_file_close(&w) == 0;
    }
    if (good)
        return EXIT_PASS;
    value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
    return EXIT_HARNESS;
}

int check_outputs(const struct options *o, size_t scenarios)
{
    const char *one = o->pcap       ? "pcap"
                      : o->trace    ? "trace"
                      : o->log      ? "log"
                      : o->nic_pcap ? "nic-pcap"
                                    : NULL;

    if (one && (scenarios > 1 || o->seeds > 1 || o->memory == MEMORY_BOTH)) {
        value_message(stderr, "drywire: --%s is for a single run of a single scenario%s\n", one,
                      o->verb == VERB_RUN ? "; --artifacts DIR is for many" : "");
        return EXIT_USAGE;
    }
    if (o->artifacts && mkdir(o->artifacts, 0777) && errno != EEXIST) {
        value_message(stderr, "drywire: --artifacts %s: %s\n", o->artifacts, strerror(errno));
        return EXIT_USAGE;
    }
    if (check_writable("pcap", o->pcap) || check_writable("trace", o->trace) ||
        check_writable("nic-pcap", o->nic_pcap) || check_writable("junit", o->junit) ||
        check_writable("log", o->log))
        return EXIT_USAGE;
    return 0;
}

int collect_scenarios(const struct options *o, struct paths *p)
{
    paths_collect(p, o->paths, o->path_count);
    if (!p->count) {
        value_message(stderr, "drywire: there is no scenario (*.scn) below %s\n", o->paths[0]);
        return EXIT_NOTHING;
    }
    return check_outputs(o, p->count);
}

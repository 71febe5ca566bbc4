/*
 * `drywire replay`: a serial log's journal, or a capture in the way that suits it.
 */
#include "../replay/observe.h"
#include "paths.h"
#include "../replay/reactive.h"
#include "../replay/replay_exact.h"
#include "../replay/replay_journal.h"
#include "verbs.h"
#include <stdio.h>
#include <unistd.h>

/* Exactly when it is a run of ours, reactively when it is a stranger's or the options want that. */
static int replay_capture(const char *path, const struct options *o)
{
    bool observer = o->role == ROLE_OBSERVER, reactive = o->loose || o->flow || o->role;
    struct capture c;
    char problem[200];
    int code;

    if (observer ? capture_read_cut(&c, path, problem, sizeof(problem))
                 : capture_read(&c, path, problem, sizeof(problem))) {
        fprintf(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    if (!c.count) {
        fprintf(stderr, "drywire: %s: there is no frame in it\n", path);
        capture_free(&c);
        return EXIT_USAGE;
    }
    if (observer)
        return observe(path, &c, o);
    if (o->exact || (!reactive && exact_run_possible(&c)))
        code = replay_exact(path, &c, o);
    else
        code = reactive_replay(&c, o);
    capture_free(&c);
    return code;
}

int verb_replay(const struct options *o)
{
    if (o->path_count != 1) {
        fprintf(stderr, "drywire: replay takes one serial log or capture, e.g. drywire replay "
                        "run.pcapng\n");
        return EXIT_USAGE;
    }
    if (o->exact && (o->role || o->loose || o->flow)) {
        fprintf(stderr,
                "drywire: --exact runs the machine again as it was: not with --as, --loose or "
                "--flow\n");
        return EXIT_USAGE;
    }
    if (o->role == ROLE_OBSERVER && (o->loose || o->flow)) {
        fprintf(stderr, "drywire: --as observer takes every frame: not with --loose or --flow\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        paths_report_missing(stderr, o->paths[0]);
        return EXIT_USAGE;
    }
    if (capture_recognised(o->paths[0]))
        return replay_capture(o->paths[0], o);
    if (o->exact || o->role || o->loose || o->flow) {
        fprintf(stderr, "drywire: %s: neither pcap nor pcapng\n", o->paths[0]);
        return EXIT_USAGE;
    }
    return replay_journal(o->paths[0], o);
}

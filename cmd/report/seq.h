/* `drywire seq`: the ladder of a run, or of a capture, in the terminal. */
#ifndef DRYWIRE_SEQ_H
#define DRYWIRE_SEQ_H

#include "../base/run_choice.h"
#include "../../sim/run/run.h"

struct seq_settings {
    struct run_choice choice; /* of a run */
    uint64_t timeout_s;
    uint64_t width; /* of a line; 0: the terminal's */
    bool mermaid, verbose, color;
};

/* The exit code; everything has been printed. */
int seq_capture(const char *path, const struct seq_settings *s);

/* Run it and print at once, in a child, which a guest may crash. */
int seq_run(const struct scenario *sc, const struct guest_ops *guest, const struct seq_settings *s);

#endif

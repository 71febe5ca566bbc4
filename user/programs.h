/*
 * The user programs, by name. A machine looks a program up here and starts it as a process; the
 * table and everything it points to is read-only.
 */
#ifndef DRYWIRE_PROGRAMS_H
#define DRYWIRE_PROGRAMS_H

struct program {
    const char *name;
    int (*main)(int argc, char **argv); /* returns the exit status, 0 is success */
    const char *usage;                  /* one line, for `drywire list` and docs */
};

extern const struct program programs[];
extern const unsigned programs_count;

#endif

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

extern const struct program programs[]; /* in the order of their names */
extern const unsigned programs_count;

/* The head comment of each file lists its reports and failures. All of them return 2 when the
 * command line is wrong, after `usage ` and the usage line on FD_REPORT. */
int calls_main(int argc, char **argv);
int echod_main(int argc, char **argv);
int lease_main(int argc, char **argv);
int netinfo_main(int argc, char **argv);
int nslookup_main(int argc, char **argv);
int ping_main(int argc, char **argv);
int talk_main(int argc, char **argv);
int tcpsend_main(int argc, char **argv);
int udpsend_main(int argc, char **argv);
int webget_main(int argc, char **argv);

#endif

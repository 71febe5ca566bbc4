/*
 * Shared by the parts of the scenario reader. scenario.c splits a file into lines and words;
 * scenario_lines.c has the table of lines, lines_*.c parse them; scenario_check.c checks the whole.
 */
#ifndef DRYWIRE_SCENARIO_LINES_H
#define DRYWIRE_SCENARIO_LINES_H

#include "scenario.h"
#include "../text/values.h"

enum { WORDS_MAX = 128, DIRECTIVES = 18 };

/* The state of the reader. */
struct reader {
    struct scenario *s;
    const struct scenario_reading *how;
    const char *path;
    FILE *errors;
    unsigned line;
    bool something;             /* a line states an expectation */
    bool network_device;        /* a line named one: the next is another one */
    unsigned given[DIRECTIVES]; /* the last line of each; 0: none yet */
    unsigned heal_line;
    uint32_t wire_given[2]; /* by direction: keys of `wire` lines so far */
    const char *rest;       /* of a title: the text after the first word, not split */
    struct word words[WORDS_MAX];
    unsigned count;
};

/* A kind of line: its first word and its reader. */
struct directive {
    const char *name;
    bool (*read)(struct reader *r);
    bool once;
    unsigned min, max; /* words on the line, the first included; max 0: any number */
    const char *form;  /* for messages */
};

extern const struct directive directives[DIRECTIVES];

/* The lines of other files. */
bool line_world(struct reader *r);
bool line_device(struct reader *r);
bool line_serve(struct reader *r);
bool line_peer(struct reader *r);
bool line_peer_dhcp(struct reader *r); /* `peer dhcp ...` */
bool line_wire(struct reader *r);
bool line_at(struct reader *r);
bool line_expect(struct reader *r);

/* ---- pieces that several lines share ---- */

/* True if this word is the keyword (and not text in quotes). */
bool word_is(const struct word *w, const char *keyword);

/* Read the words from number `from` on into a struct; false after a message. `given` as
 * keys_read(). */
bool line_keys(struct reader *r, const struct key *keys, unsigned from, void *base,
               uint32_t *given);

/* One word as a duration, `what` it is in messages; as a direction. */
bool line_duration(struct reader *r, const struct word *w, const char *what, uint64_t *out);
bool line_direction(struct reader *r, const struct word *w, enum direction *out);

/* Add a program that starts at at_ns: the words from number `from` on are its name and
 * arguments. */
bool line_program(struct reader *r, unsigned from, uint64_t at_ns, bool is_daemon);

/* The scripted service at an address that an earlier line made, or NULL. */
struct service *line_script(struct scenario *sc, uint32_t addr, uint16_t port);

/* The path of a file that a line names: relative to the scenario's folder. */
const char *line_beside(struct reader *r, const char *file);

/* The files that the scenario may name, or NULL after a message. */
const struct source *line_files(struct reader *r);

/* After all lines: further devices take defaults from the first one. */
bool devices_settle(struct reader *r);

/* Checks that need all lines, with a message; sorts the actions by time. */
bool scenario_check(struct reader *r);

/* Zeroed memory, freed with the scenario. */
void *reader_take(struct scenario *s, size_t size);

/* Room for one more item of `item` bytes after *count of them: counts it and returns the array,
 * which may have moved. */
void *reader_add(struct scenario *s, void *array, unsigned *count, size_t item);

/* Report a mistake on the current line. Always false, so that a line function can return it. */
bool reader_wrong(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Report a word that is none of `words` (NULL-terminated), with the nearest of them. */
bool reader_unknown(struct reader *r, const char *what, const char *word, const char *const *words);

#endif

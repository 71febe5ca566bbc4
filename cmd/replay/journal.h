/*
 * Reader of a flight recorder's journal (docs/recorder.md) in a serial log. Nothing in a log is
 * trusted: lines are checked by their frames (targets/common/console.h), the journal by its
 * checksum, every record by its bounds and its order, all before the first of them is used.
 */
#ifndef DRYWIRE_JOURNAL_READER_H
#define DRYWIRE_JOURNAL_READER_H

#include "../../core/base/journal.h"
#include <stdbool.h>

enum {
    JOURNAL_LOG_MAX = 64 << 20, /* bytes of a log */
    JOURNAL_MAX = 16 << 20,     /* of a journal */
    JOURNAL_DMA_MAX = 64 << 20,
    JOURNAL_COPY_MAX = 1 << 20, /* bytes in one record */
    JOURNAL_WORDS_MAX = 16,
    JOURNAL_SLOTS_MAX = 32, /* SLOTS_MAX of core/virtio/discover.h */
};

struct journal_record {
    enum journal_tag tag;
    uint8_t check;
    uint64_t field[JOURNAL_FIELDS_MAX];
    const uint8_t *bytes;
    size_t len;
};

struct journal {
    /* from its first line */
    char core[17];
    uint64_t kernel_size, records;
    bool detail, complete;
    /* from the log's first line, or "?" */
    char target[17], build[17];

    uint8_t *bytes; /* the records */
    size_t len;
    char **line; /* of the console before the journal, without frame and time, NUL-terminated */
    size_t line_count;
    struct journal_record end; /* the last one */

    char *text; /* the memory of the lines */
};

/* Parse a log of `len` bytes. 0, or -1 with the reason in `why` and nothing to free. */
int journal_parse(struct journal *j, const char *log, size_t len, char *why, size_t why_size);
void journal_free(struct journal *j);

/* The record at *at, which moves to its end: NULL or an error message. */
const char *journal_next(const uint8_t *bytes, size_t len, size_t *at, struct journal_record *out);

/* Check all of them: NULL or an error message, with *n the number of the record. Sets j->end.
 * Called by journal_parse(). */
const char *journal_check(struct journal *j, uint64_t *n);

/* A record in words. */
const char *journal_words(const struct journal_record *r, char *buf, size_t size);

#endif

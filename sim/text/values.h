/*
 * Words and their values (numbers, durations, addresses, key=value pairs), for the scenario reader
 * and the command line.
 *
 * Nothing here uses floating point: a duration or a percentage is the same number everywhere.
 */
#ifndef DRYWIRE_SCENARIO_VALUES_H
#define DRYWIRE_SCENARIO_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The longest duration that can be written. */
#define DURATION_MAX_NS (UINT64_C(10000) * 86400 * 1000000000)

enum { WORD_COMPARED_MAX = 40 }; /* longer words are not compared */

/* One word of a line. The text is owned by the reader, unescaped, NUL-terminated. */
struct word {
    const char *text;
    size_t len;
    const char *value; /* after the first unquoted '=', inside text; NULL: no '=' */
    size_t value_len;
    bool quoted; /* the word starts with a quote: it is never a keyword */
};

/* The number of bytes of the UTF-8 character at p, which is before `end`; 0: not UTF-8. */
size_t value_character(const char *p, const char *end, uint32_t *c);

/* True if a terminal would interpret the character, or reorder the text around it. */
bool value_hidden(uint32_t c);

/* The text made safe for one line on a terminal: control, hidden and non-UTF-8 bytes become \xNN.
 * Returns the text itself if there are none, else a copy that is valid for a few more calls, cut to
 * SHOWN_MAX. */
enum { SHOWN_MAX = 16384, SHOWN_AT_ONCE = 4 };
const char *value_shown(const char *text);

/* The same in place, cut to the size. */
void value_show(char *buf, size_t size);

/* Print a message in that form; the newline at its end is kept. */
void value_message(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each parses all of `text`; on false *out is unchanged. */
bool value_number(const char *text, uint64_t *out);   /* 26 0x1a */
bool value_scaled(const char *text, uint64_t *out);   /* 26 10k 10M 1G: powers of 1000 */
bool value_duration(const char *text, uint64_t *out); /* 10ns 5us 13ms 1.5s 2m 3h 4d: ns */
bool value_percent(const char *text, uint32_t *out);  /* 10% 0.5%: per 65536, nearest */
bool value_address(const char *text, uint32_t *out);  /* 10.0.2.2: host byte order */
bool value_endpoint(const char *text, uint32_t *addr, uint16_t *port); /* 10.0.2.2:8080 */
bool value_mac(const char *text, uint8_t out[6]);                      /* 02:00:00:00:00:01 */

/* Write an address, host byte order. Returns buf. */
enum { VALUE_ADDRESS_MAX = sizeof("255.255.255.255") };
const char *value_address_text(uint32_t addr, char buf[VALUE_ADDRESS_MAX]);

/* Write a duration in its largest unit: "1.5s", "13ms", "0s", "2m". Returns buf (24 bytes do). */
const char *value_duration_text(uint64_t ns, char *buf, size_t size);

/*
 * Read the string after an opening quote at *at, up to and with the closing quote, with \n \r \t \\
 * \" \xNN. The bytes go to `out` (never more than end - *at of them), their number is added to
 * *len. Returns NULL or an error message.
 */
const char *value_string(const char **at, const char *end, char *out, size_t *len);

/* ---- key=value ---- */

enum toggle { TOGGLE_DRAW, TOGGLE_ON, TOGGLE_OFF }; /* DRAW: the seed decides */

enum value_kind {
    VALUE_FLAG,     /* no value; a bool */
    VALUE_NUMBER,   /* min..max */
    VALUE_SCALED,   /* min..max, suffix allowed */
    VALUE_DURATION, /* ns */
    VALUE_SECONDS,  /* a number, or a duration of whole seconds; min..max */
    VALUE_PERCENT,  /* per 65536 */
    VALUE_ADDRESS,
    VALUE_TOGGLE, /* on | off: enum toggle */
    VALUE_CHOICE, /* the index in `choices` */
    VALUE_STRING, /* a const char *, its length at `length_at` */
    VALUE_TEXT,   /* a const char * without zero bytes */
};

/* One key that a line may have, and the field for its value. */
struct key {
    const char *name;
    enum value_kind kind;
    size_t offset, size; /* of the field in the struct */
    uint64_t min, max;
    const char *all_ones;       /* a word for the largest number, or NULL */
    const char *const *choices; /* VALUE_CHOICE, NULL-terminated */
    size_t length_at;           /* VALUE_STRING: offset of its size_t or uint64_t length */
};

/* Parts of a row: the field of a struct, the numbers that it may be, where its length goes. */
#define FIELD(type, field)                                                                         \
    .offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define NUMBERS(low, high)  .min = (low), .max = (high)
#define LENGTH(type, field) .length_at = offsetof(struct type, field)

/*
 * Fill `base` from words[0..count) by the table `keys` (ended by a NULL name). The bits of the
 * given keys are set in *given; a key given twice, also in an earlier call, is an error. True, or
 * false with a message in `problem`.
 */
bool keys_read(const struct key *keys, const struct word *words, unsigned count, void *base,
               uint32_t *given, char *problem, size_t problem_size);

/* ", did you mean 'x'?" for the nearest of `words`, or "". Returns buf. */
const char *did_you_mean(const char *word, const char *const *words, char *buf, size_t size);

/* The nearest of `words` (NULL-terminated) to `word`, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *words);

#endif

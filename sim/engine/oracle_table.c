/* The table of all oracles: see oracle_table.h. */
#include "oracle_table.h"
#include "../../core/base/array.h"
#include <string.h>

const struct oracle_row oracle_table[ORACLE_COUNT] = {
#define ORACLE_ROW(id, name, level, watch, clause, sentence)                                       \
    [id] = {name, ORACLE_##level, WATCH_##watch, clause, sentence},
    ORACLE_TABLE(ORACLE_ROW)
#undef ORACLE_ROW
};

enum oracle_id oracle_find(const char *name)
{
    unsigned i = 0;

    while (i < ORACLE_COUNT && strcmp(oracle_table[i].name, name))
        i++;
    return (enum oracle_id)i;
}

const char *oracle_level_word(enum oracle_level level)
{
    static const char *const words[] = {"must", "should", "policy"};

    return words[level];
}

unsigned oracle_set_count(const struct oracle_set *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_COUNT(s->words); i++)
        for (uint64_t word = s->words[i]; word; word &= word - 1)
            n++;
    return n;
}

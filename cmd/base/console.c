/* Lines of the framed console: see console.h. */
#include "console.h"
#include "../../sim/base/crc.h"
#include <stdlib.h>
#include <string.h>

enum unframed console_unframe(char *line, size_t len, char **text, uint64_t *sequence)
{
    char *star = len >= 6 ? line + len - 5 : NULL, *end = line + 1;

    if (!star || *line != '@' || star[-1] != ' ' || *star != '*' ||
        strspn(star + 1, "0123456789abcdef") != 4)
        return UNFRAMED_NOT;
    star[-1] = 0;
    if (strtoul(star + 1, NULL, 16) != crc16(line, (size_t)(star - 1 - line)))
        return UNFRAMED_CHECKSUM;
    *sequence = line[1] >= '1' && line[1] <= '9' ? strtoull(line + 1, &end, 10) : 0;
    if (*end != ' ')
        *sequence = 0;
    *text = end + (*end == ' ');
    return UNFRAMED;
}

bool console_take_time(char *text, uint64_t *time_us)
{
    char *at = strrchr(text, ' ');

    if (!at || strncmp(at, " t=", 3) || !at[3] || at[3 + strspn(at + 3, "0123456789")])
        return false;
    *time_us = strtoull(at + 3, NULL, 10);
    *at = 0;
    return true;
}

/* Long lines on a terminal: see fold.h. */
#include "fold.h"
#include "../../core/base/array.h"
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { INDENT = 6, INDENT_STORY = 21, WIDTH_MIN = 40 };

unsigned fold_width(FILE *out)
{
    struct winsize size = {0};

    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) || size.ws_col < WIDTH_MIN)
        return 0;
    return size.ws_col;
}

/* True if this byte takes a column. Escape sequences of colours and further bytes of a character
 * take none; *escape is the state between bytes. */
static bool fold_is_column(unsigned char c, bool *escape)
{
    if (c == '\033')
        *escape = true;
    if (*escape) {
        *escape = c != 'm';
        return false;
    }
    return (c & 0xc0) != 0x80;
}

/* The part of a line that fits into `width` columns: all of it, or up to the last space that fits;
 * without a space as much as fits, but the first word of a command is kept whole. */
static size_t fold_fitting(const char *line, size_t len, unsigned width, bool command)
{
    size_t fits = 0, space = 0;
    unsigned columns = 0;
    bool escape = false;

    for (size_t i = 0; i < len; i++) {
        columns += fold_is_column((unsigned char)line[i], &escape);
        if (columns > width && (space || !command))
            return space ? space : fits;
        fits = i + 1;
        if (line[i] == ' ' && strspn(line, " ") < i && !(command && line[i - 1] == '\\'))
            space = i;
    }
    return len;
}

static bool fold_is_command(const char *line)
{
    static const char *const names[] = {"replay:", "again:", "wireshark:", "bisect:"};

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        if (!strncmp(line, names[i], strlen(names[i])))
            return true;
    return false;
}

static void fold_print_line(FILE *out, const char *line, size_t len, unsigned width)
{
    unsigned indent = *line == ' ' ? INDENT_STORY : INDENT;
    bool command = fold_is_command(line);
    const char *end = command ? " \\" : "";
    unsigned room = width - (unsigned)strlen(end);
    size_t n = fold_fitting(line, len, width, command);

    if (n < len)
        n = fold_fitting(line, len, room, command);
    while (n < len) {
        fprintf(out, "%.*s%s\n%*s", (int)n, line, end, (int)indent, "");
        line += n;
        len -= n;
        while (len && *line == ' ') {
            line++;
            len--;
        }
        n = fold_fitting(line, len, width - indent, command);
        if (n < len)
            n = fold_fitting(line, len, room - indent, command);
    }
    fprintf(out, "%.*s\n", (int)len, line);
}

void fold_print(FILE *out, const char *text, unsigned width)
{
    if (!width) {
        fputs(text, out);
        return;
    }
    while (*text) {
        size_t len = strcspn(text, "\n");

        fold_print_line(out, text, len, width);
        text += len + (text[len] == '\n');
    }
}

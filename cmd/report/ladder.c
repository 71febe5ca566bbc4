/* The ladder of a run: see ladder.h. */
#include "ladder.h"
#include "../../core/base/minmax.h"
#include "report.h"
#include "../base/story_line.h"
#include <string.h>

/* A line: time, a gap, the machine's life line, the wire, the world's. */
enum {
    TEXT_MAX = 1024,
    TIME_WIDTH = 13,
    FRAME_EDGES = TIME_WIDTH + 4,
    DASHES_MIN = 4,
    GAP_MIN = 4
};

/* Lost frames end here, from their sender, in hundredths of the wire. */
enum { BROKEN_AT = 60 };

#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define DIM    "\033[2m"
#define PLAIN  "\033[0m"

/* ---- text ---- */

static const char *ladder_printable(const char *text, char buf[TEXT_MAX])
{
    size_t n = 0;

    for (; *text && n + 5 < TEXT_MAX; text++) {
        unsigned char c = (unsigned char)*text;

        n += (size_t)snprintf(buf + n, TEXT_MAX - n, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    buf[n] = 0;
    return buf;
}

/* Cut to `width` characters, with three dots for the rest. */
static void ladder_cut(char *text, size_t width)
{
    if (strlen(text) > width)
        strcpy(text + (width < 3 ? 0 : width - 3), width < 3 ? "" : "...");
}

static const char *ladder_paint(const struct ladder *l, const char *colour)
{
    return l->color ? colour : "";
}

/* ---- Mermaid ---- */

/* Characters special to Mermaid, or to the HTML around it, as numbers. */
static void ladder_mermaid_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (strchr("#;<>&\"'`%{}$\\~^", *text))
            fprintf(out, "#%d;", (unsigned char)*text);
        else
            fputc(*text, out);
}

static void ladder_mermaid_line(const struct ladder *l, uint64_t time_ns, const char *head,
                                const char *text)
{
    char at[40], shown[TEXT_MAX];

    story_time(at, sizeof(at), time_ns);
    fprintf(l->out, "    %s: %s ", head, at + strspn(at, " "));
    ladder_mermaid_text(l->out, ladder_printable(text, shown));
    fputc('\n', l->out);
}

/* ---- the parts ---- */

static unsigned ladder_wire_width(const struct ladder *l)
{
    return l->width - FRAME_EDGES;
}

void ladder_start(const struct ladder *l, const char *title)
{
    char shown[TEXT_MAX];
    int room = (int)ladder_wire_width(l) - 11;

    ladder_printable(title, shown);
    if (l->mermaid) {
        fprintf(l->out, "sequenceDiagram\n    title ");
        ladder_mermaid_text(l->out, shown);
        fputs("\n    participant M as machine\n    participant W as world\n", l->out);
        return;
    }
    fprintf(l->out, "%s\n%*s  machine%*s%*s\n", shown, TIME_WIDTH, "time", room / 2 + 3, "wire",
            room - room / 2 + 3, "world");
}

/* " text [fate] " of `most` characters: the fate is never cut. */
static void ladder_make_label(char label[TEXT_MAX], unsigned most, const struct decoded *d,
                              const char *fate)
{
    char what[200], tag[120] = "";
    size_t room;

    if (fate)
        snprintf(tag, sizeof(tag), "  [%.100s]", fate);
    ladder_cut(tag, most / 2);
    room = most - 2 - strlen(tag);
    decode_summary(d, what, sizeof(what));
    ladder_cut(what, room);
    snprintf(label, TEXT_MAX, " %s%s ", what, tag);
}

/* "--- label ------>", complete or broken, in `wire` of `width` characters. */
static void ladder_draw_arrow(char *wire, unsigned width, bool tx, bool lost, const char *label)
{
    unsigned end = lost ? width * BROKEN_AT / 100 : width, n = (unsigned)strlen(label);

    end = max_u32(end, n + 2 * DASHES_MIN);
    memset(wire, ' ', width);
    wire[width] = 0;
    if (!tx)
        wire += width - end; /* it starts at the world's end */
    for (unsigned i = 0; i < end; i++)
        wire[i] = lost && i % 2 ? ' ' : '-';
    memcpy(wire + (tx ? DASHES_MIN - 1 : end - n - DASHES_MIN + 1), label, n);
    wire[tx ? end - 1 : 0] = lost ? 'x' : tx ? '>' : '<';
}

void ladder_frame(const struct ladder *l, uint64_t time_ns, enum direction dir,
                  const struct decoded *d, const char *fate, bool lost)
{
    char at[40], text[TEXT_MAX], wire[LADDER_WIDTH_MAX];
    char safe[TEXT_MAX];
    bool tx = dir == DIRECTION_TX;

    if (fate)
        fate = ladder_printable(fate, safe);
    if (l->mermaid) {
        story_frame_words(text, sizeof(text), d, fate);
        ladder_mermaid_line(l, time_ns,
                            tx     ? lost ? "M-xW" : "M->>W"
                            : lost ? "W-xM"
                                   : "W->>M",
                            text);
        return;
    }
    story_time(at, sizeof(at), time_ns);
    ladder_make_label(text, ladder_wire_width(l) - 2 * DASHES_MIN - (lost ? GAP_MIN : 0), d, fate);
    ladder_draw_arrow(wire, ladder_wire_width(l), tx, lost, text);
    fprintf(l->out, "%s%s  |%s|%s\n",
            ladder_paint(l, lost   ? RED
                            : fate ? YELLOW
                                   : ""),
            at, wire, ladder_paint(l, lost || fate ? PLAIN : ""));
}

void ladder_note(const struct ladder *l, uint64_t time_ns, const char *text)
{
    char at[40], shown[TEXT_MAX];

    if (l->mermaid) {
        ladder_mermaid_line(l, time_ns, "Note over M", text);
        return;
    }
    story_time(at, sizeof(at), time_ns);
    ladder_printable(text, shown);
    ladder_cut(shown, ladder_wire_width(l) - 2);
    fprintf(l->out, "%s%s  o %-*s|%s\n", ladder_paint(l, DIM), at, (int)ladder_wire_width(l) - 1,
            shown, ladder_paint(l, PLAIN));
}

void ladder_end(const struct ladder *l, const char *text)
{
    char shown[TEXT_MAX];

    ladder_printable(text, shown);
    if (l->mermaid) {
        fputs("    %% ", l->out);
        ladder_mermaid_text(l->out, shown);
        fputc('\n', l->out);
    } else {
        fprintf(l->out, "%s\n", shown);
    }
}

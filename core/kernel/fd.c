/*
 * Descriptors: a table of files for each program, and the console that every program starts with.
 */
#include "../base/check.h"
#include "../base/err.h"
#include "../base/fmt.h"
#include "../base/minmax.h"
#include "../trace/trace.h"
#include "kernel.h"

/* ---- the table ---- */

bool fd_free(const struct task *t)
{
    for (unsigned i = 0; i < PROCESS_FDS; i++)
        if (!t->files[i].ops)
            return true;
    return false;
}

int fd_add(struct task *t, struct file f)
{
    CHECK(f.ops);
    CHECK(f.object);
    for (unsigned i = 0; i < PROCESS_FDS; i++) {
        if (t->files[i].ops)
            continue;
        t->files[i] = f;
        return (int)i;
    }
    return ERR_NFILE;
}

struct file *fd_get(struct task *t, uint64_t fd)
{
    return fd < PROCESS_FDS && t->files[fd].ops ? &t->files[fd] : 0;
}

void fd_close_all(struct task *t)
{
    for (unsigned i = 0; i < PROCESS_FDS; i++) {
        struct file f = t->files[i];

        t->files[i].ops = 0;
        if (f.ops)
            f.ops->close(f.object);
    }
}

/* ---- the console ---- */

/* Print one whole line: text from a peer can never look like a report of the program itself. */
void console_flush(struct console *c)
{
    const struct platform *p = c->task->kernel->platform;
    char text[TRACE_LINE_MAX];
    struct fmt f = {.buf = text, .size = sizeof(text)};

    if (!c->len)
        return;
    fmt_text(&f, c->task->name);
    fmt_text(&f, c->report ? ": " : ": | ");
    for (size_t i = 0; i < c->len; i++)
        fmt_escaped(&f, c->line[i]);
    c->len = 0;
    p->line(p->ctx, text, f.len);
}

static int64_t console_write(void *object, const struct user_buffer *b)
{
    struct console *c = object;
    uint8_t chunk[64];
    size_t len = min_u64(b->len, sizeof(chunk));

    if (user_copy_in(b, chunk, 0, len))
        return ERR_FAULT;
    for (size_t i = 0; i < len; i++) {
        if (chunk[i] != '\n')
            c->line[c->len++] = chunk[i];
        if (chunk[i] == '\n' || c->len == CONSOLE_LINE_MAX)
            console_flush(c);
    }
    return (int64_t)len;
}

/* There is no keyboard: input is always at the end of file. */
static int64_t console_read(void *object, const struct user_buffer *b)
{
    (void)object;
    (void)b;
    return 0;
}

static unsigned console_ready(void *object)
{
    (void)object;
    return READY_IN | READY_OUT;
}

static void console_close(void *object)
{
    console_flush(object);
}

static const struct file_ops console_ops = {
    .read = console_read,
    .write = console_write,
    .ready = console_ready,
    .close = console_close,
};

void fd_open_console(struct task *t)
{
    for (unsigned i = 0; i < PROCESS_FDS; i++)
        t->files[i] = (struct file){0};
    t->output.task = t->report.task = t;
    t->output.len = t->report.len = 0;
    t->output.report = false;
    t->report.report = true;
    t->files[FD_INPUT] = (struct file){&console_ops, &t->output};
    t->files[FD_OUTPUT] = (struct file){&console_ops, &t->output};
    t->files[FD_REPORT] = (struct file){&console_ops, &t->report};
}

/*
 * The flattened devicetree: header, blocks, tokens, nodes and properties (Devicetree Specification
 * v0.4, chapter 5). Nodes are found in fdt_find.c; what properties mean is in fdt_bus.c.
 *
 * token_read() and prop_read() are the only readers of the structure block, fdt_string_at() and
 * string_is() of the strings: they check everything against the bounds of their block, whoever
 * calls. An offset `at` is within the structure block and below 2^31, so that sums of two stay
 * below 2^32.
 */
#include "fdt.h"
#include "endian.h"
#include "err.h"
#include "mem.h"

/* struct fdt_header (5.2): offsets of its words. size_dt_struct is new in version 17. */
enum {
    HEADER_MAGIC = 0,
    HEADER_TOTALSIZE = 4,
    HEADER_OFF_DT_STRUCT = 8,
    HEADER_OFF_DT_STRINGS = 12,
    HEADER_OFF_MEM_RSVMAP = 16,
    HEADER_VERSION = 20,
    HEADER_LAST_COMP_VERSION = 24,
    HEADER_SIZE_DT_STRINGS = 32,
    HEADER_SIZE_DT_STRUCT = 36,
    HEADER_SIZE = 40,
};

#define MAGIC            0xd00dfeedu
#define VERSION          17
#define VERSION_OLDEST   16
#define RESERVATION_SIZE 16 /* address, size: 64 bits each (5.3.2) */

/* Characters of a property's name. 2.2.4.1 allows 31; longer ones are in use. Many properties
 * may share one name: without a limit, reading them would take time quadratic in the size of the
 * blob. */
#define PROP_NAME_MAX 255

/* 5.4.1 */
enum token_kind {
    BEGIN_NODE = 1,
    END_NODE = 2,
    PROP = 3,
    NOP = 4,
    END = 9,
};

struct token {
    enum token_kind kind;
    uint32_t at, next;
    const char *name;     /* BEGIN_NODE */
    uint32_t string;      /* PROP: offset of its name, not checked yet */
    const uint8_t *value; /* PROP */
    uint32_t len;
};

static uint32_t word(const uint8_t *p)
{
    be32 v;

    mem_copy(&v, p, sizeof(v));
    return be32_get(v);
}

static uint64_t word64(const uint8_t *p)
{
    return (uint64_t)word(p) << 32 | word(p + 4);
}

/* The string at `offset` of a block, read by fours: the offset after those in which it ends, or 0
 * if it does not end in the block. */
static uint32_t string_end(const uint8_t *block, uint32_t size, uint32_t offset)
{
    uint32_t four, bytes = UINT32_MAX / 255, i = offset;

    for (; size - i >= sizeof(four); i += sizeof(four)) {
        mem_copy(&four, block + i, sizeof(four));
        if ((four - bytes) & ~four & bytes << 7) /* one of them is zero */
            return i + sizeof(four);
    }
    for (uint32_t last = i; last < size; last++)
        if (block[last] == 0)
            return i + sizeof(four);
    return 0;
}

static uint32_t align_word(uint32_t n)
{
    return (n + 3) & ~3u;
}

/* A property's name, or NULL: outside the block, not terminated, or too long. */
static const char *fdt_string_at(const struct fdt *f, uint32_t offset)
{
    uint32_t size = f->strings_size;

    if (offset >= size)
        return 0;
    if (size - offset > PROP_NAME_MAX + 1)
        size = offset + PROP_NAME_MAX + 1;
    return string_end(f->strings, size, offset) ? (const char *)f->strings + offset : 0;
}

/* True if the name at `offset` equals `name`. Reads only up to the first difference. */
static bool string_is(const struct fdt *f, uint32_t offset, const char *name)
{
    for (; offset < f->strings_size && (char)f->strings[offset] == *name; offset++, name++)
        if (!*name)
            return true;
    return false;
}

/* ---- the structure block ---- */

/* The kind of the token at t->next, which moves past it and the NOPs before it: 0 at the end of the
 * block. Inline, as prop_read() is: most tokens are properties, which every search passes. */
static inline uint32_t kind_read(const struct fdt *f, struct token *t)
{
    uint32_t kind, at = t->next;

    do {
        at += 4;
        if (at > f->structure_size)
            return 0;
        kind = word(f->structure + at - 4);
    } while (kind == NOP);
    t->at = at - 4;
    t->next = at;
    return kind;
}

/* The rest of a property whose kind is read: false if it is malformed. */
static inline bool value_read(const struct fdt *f, struct token *t)
{
    uint32_t value = t->next + 8;

    if (value > f->structure_size)
        return false;
    t->kind = PROP;
    t->len = word(f->structure + value - 8);
    t->string = word(f->structure + value - 4);
    if (t->len > f->structure_size - value)
        return false;
    t->value = f->structure + value;
    t->next = align_word(value + t->len);
    return true;
}

/* The token at t->next if it is a property; otherwise false, and t->next is the same. */
static inline bool prop_read(const struct fdt *f, struct token *t)
{
    struct token prop = {.next = t->next};

    if (kind_read(f, &prop) != PROP || !value_read(f, &prop))
        return false;
    *t = prop;
    return true;
}

/* The offset after the properties at `at`. */
static inline uint32_t props_pass(const struct fdt *f, uint32_t at)
{
    struct token t = {.next = at};

    while (prop_read(f, &t))
        ;
    return t.next;
}

/* The token at t->next, NOPs skipped: false at the end of the block or if it is malformed. */
static inline bool token_read(const struct fdt *f, struct token *t)
{
    uint32_t kind = kind_read(f, t);

    t->kind = (enum token_kind)kind;
    switch (kind) {
    case PROP:
        return value_read(f, t);
    case BEGIN_NODE:
        t->name = (const char *)f->structure + t->next;
        t->next = string_end(f->structure, f->structure_size, t->next); /* it is padded (5.4.1) */
        return t->next;
    case END_NODE:
    case END:
        return true;
    default:
        return false;
    }
}

/* 5.4.2: one root without a name; in every node first its properties, then its children. */
static int structure_check(const struct fdt *f)
{
    unsigned depth = 0, roots = 0;
    bool properties = false; /* properties are allowed here */

    for (struct token t = {.next = 0}; prop_read(f, &t) || token_read(f, &t);) {
        switch (t.kind) {
        case BEGIN_NODE:
            if (depth == 0 && (roots++ || *t.name))
                return ERR_PROTO;
            if (depth == FDT_DEPTH_MAX)
                return ERR_MSGSIZE;
            depth++;
            properties = true;
            break;
        case END_NODE:
            if (depth == 0)
                return ERR_PROTO;
            depth--;
            properties = false;
            break;
        case PROP:
            if (!properties || !fdt_string_at(f, t.string))
                return ERR_PROTO;
            break;
        case END:
            return depth == 0 && roots == 1 ? 0 : ERR_PROTO;
        case NOP:
            break;
        }
    }
    return ERR_PROTO;
}

/* ---- opening ---- */

/* 5.3: address and size pairs up to a pair of zeros. A row with size 0 at another address is
 * rejected: some readers would take it for the end. */
static int reservations_check(struct fdt *f, uint32_t room)
{
    uint32_t count = 0;

    for (; room - count * RESERVATION_SIZE >= RESERVATION_SIZE; count++) {
        const uint8_t *row = f->reservations + count * RESERVATION_SIZE;
        uint64_t address = word64(row), size = word64(row + 8);

        if (size == 0) {
            f->reservation_count = count;
            return address == 0 ? 0 : ERR_PROTO;
        }
        if (address + size < address)
            return ERR_PROTO;
    }
    return ERR_PROTO;
}

/* Check offsets and sizes against the total size, and alignment (5.6); set the blocks of `f`. */
static int blocks_check(struct fdt *f, const uint8_t *blob, uint32_t total)
{
    uint32_t structure = word(blob + HEADER_OFF_DT_STRUCT);
    uint32_t strings = word(blob + HEADER_OFF_DT_STRINGS);
    uint32_t reservations = word(blob + HEADER_OFF_MEM_RSVMAP);

    if (structure < HEADER_SIZE || strings < HEADER_SIZE || reservations < HEADER_SIZE ||
        structure > total || strings > total || reservations > total || structure % 4 ||
        reservations % 8)
        return ERR_PROTO;
    f->structure = blob + structure;
    f->structure_size = word(blob + HEADER_VERSION) >= VERSION ? word(blob + HEADER_SIZE_DT_STRUCT)
                                                               : total - structure;
    f->strings = blob + strings;
    f->strings_size = word(blob + HEADER_SIZE_DT_STRINGS);
    f->reservations = blob + reservations;
    if (f->structure_size > total - structure || f->strings_size > total - strings)
        return ERR_PROTO;
    return reservations_check(f, total - reservations);
}

int fdt_open(struct fdt *f, const void *blob, size_t len)
{
    const uint8_t *b = blob;
    struct fdt opened = {0};
    uint32_t total, version, compatible;
    int err;

    if (len < HEADER_SIZE || word(b + HEADER_MAGIC) != MAGIC)
        return ERR_INVAL;
    version = word(b + HEADER_VERSION);
    compatible = word(b + HEADER_LAST_COMP_VERSION);
    if (version < VERSION_OLDEST || compatible > VERSION || compatible > version)
        return ERR_INVAL;
    total = word(b + HEADER_TOTALSIZE);
    if (total > len || total > INT32_MAX)
        return ERR_MSGSIZE;
    err = blocks_check(&opened, b, total);
    if (err == 0)
        err = structure_check(&opened);
    if (err == 0)
        *f = opened;
    return err;
}

int fdt_reservation(const struct fdt *f, uint32_t index, struct fdt_region *out)
{
    const uint8_t *row = f->reservations + (size_t)index * RESERVATION_SIZE;

    if (index >= f->reservation_count)
        return ERR_NOENT;
    out->address = word64(row);
    out->size = word64(row + 8);
    return 0;
}

/* ---- nodes ---- */

/* The first node after the properties at `at`, which is inside of `n`, or 0 before the root. */
static bool next_from(const struct fdt *f, struct fdt_node *n, uint32_t at)
{
    struct token t = {.next = at};
    uint32_t depth = n->depth, kind, inner;

    for (;;) {
        t.next = props_pass(f, t.next);
        kind = kind_read(f, &t);
        if (kind == BEGIN_NODE) {
            inner = string_end(f->structure, f->structure_size, t.next);
            if (!inner || depth == FDT_DEPTH_MAX)
                return false;
            n->at[depth] = t.at;
            n->inner[depth] = inner;
            n->depth = depth + 1;
            return true;
        }
        if (kind != END_NODE || depth == 0)
            return false;
        depth--;
    }
}

bool fdt_next(const struct fdt *f, struct fdt_node *n)
{
    return next_from(f, n, n->depth ? n->inner[n->depth - 1] : 0);
}

/* From t->next, which moves past the properties that it reads. */
static inline bool prop_find(const struct fdt *f, struct token *t, const char *name,
                             struct fdt_prop *out)
{
    while (prop_read(f, t))
        if (string_is(f, t->string, name)) {
            *out =
                (struct fdt_prop){(const char *)f->strings + t->string, t->value, t->len, t->next};
            return true;
        }
    return false;
}

bool fdt_next_having(const struct fdt *f, struct fdt_node *n, const char *name,
                     struct fdt_prop *out)
{
    struct fdt_node next = *n;
    struct token t = {.next = n->depth ? n->inner[n->depth - 1] : 0};

    while (next_from(f, &next, t.next)) {
        t.next = next.inner[next.depth - 1];
        if (prop_find(f, &t, name, out)) {
            *n = next;
            return true;
        }
    }
    return false;
}

bool fdt_next_child(const struct fdt *f, const struct fdt_node *parent, struct fdt_node *child)
{
    struct fdt_node n = child->depth ? *child : *parent;

    while (fdt_next(f, &n) && n.depth > parent->depth)
        if (n.depth == parent->depth + 1) {
            *child = n;
            return true;
        }
    return false;
}

bool fdt_parent(const struct fdt_node *n, struct fdt_node *out)
{
    if (n->depth < 2)
        return false;
    *out = *n;
    out->depth--;
    return true;
}

const char *fdt_name(const struct fdt *f, const struct fdt_node *n)
{
    struct token t = {.next = n->depth ? n->at[n->depth - 1] : 0};

    return n->depth && token_read(f, &t) && t.kind == BEGIN_NODE ? t.name : "";
}

/* ---- properties ---- */

bool fdt_next_prop(const struct fdt *f, const struct fdt_node *n, struct fdt_prop *p)
{
    struct token t = {.next = p->next};
    const char *name;

    if (n->depth == 0)
        return false;
    if (t.next == 0)
        t.next = n->inner[n->depth - 1];
    if (!prop_read(f, &t) || !(name = fdt_string_at(f, t.string)))
        return false;
    *p = (struct fdt_prop){name, t.value, t.len, t.next};
    return true;
}

int fdt_prop(const struct fdt *f, const struct fdt_node *n, const char *name, struct fdt_prop *out)
{
    struct token t = {.next = n->depth ? n->inner[n->depth - 1] : 0};

    return n->depth && prop_find(f, &t, name, out) ? 0 : ERR_NOENT;
}

int fdt_prop_cell(const struct fdt_prop *p, uint32_t index, uint32_t *out)
{
    if (index >= p->len / 4)
        return ERR_NOENT;
    *out = word(p->value + (size_t)index * 4);
    return 0;
}

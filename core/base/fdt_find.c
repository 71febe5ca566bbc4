/*
 * Lookup in a devicetree by text: strings in a list, nodes by path, by phandle and by property
 * (Devicetree Specification v0.4, sections 2.2, 2.3 and 3.3). Built on fdt.c, which has checked the
 * bounds.
 */
#include "fdt.h"
#include "err.h"
#include "mem.h"

static uint32_t text_len(const char *text)
{
    uint32_t len = 0;

    while (text[len])
        len++;
    return len;
}

static bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* ---- properties ---- */

/* The item of a string list at `*offset`, which moves past it; NULL if the item is not
 * terminated. */
static const char *item_next(const struct fdt_prop *p, uint32_t *offset)
{
    const char *item = (const char *)p->value + *offset;

    for (uint32_t i = *offset; i < p->len; i++)
        if (p->value[i] == 0) {
            *offset = i + 1;
            return item;
        }
    return 0;
}

const char *fdt_prop_string(const struct fdt_prop *p, uint32_t index)
{
    uint32_t offset = 0;
    const char *item = item_next(p, &offset);

    while (item && index--)
        item = item_next(p, &offset);
    return item;
}

const char *fdt_text(const struct fdt *f, const struct fdt_node *n, const char *name)
{
    struct fdt_prop p;

    return fdt_prop(f, n, name, &p) == 0 ? fdt_prop_string(&p, 0) : 0;
}

bool fdt_prop_has(const struct fdt_prop *p, const char *text)
{
    uint32_t offset = 0;
    const char *item;

    while ((item = item_next(p, &offset)) != 0)
        if (text_equal(item, text))
            return true;
    return false;
}

bool fdt_has(const struct fdt *f, const struct fdt_node *n, const char *name, const char *text)
{
    struct fdt_prop p;

    return fdt_prop(f, n, name, &p) == 0 && fdt_prop_has(&p, text);
}

int fdt_number(const struct fdt *f, const struct fdt_node *n, const char *name, uint64_t *out)
{
    struct fdt_prop p;
    uint32_t high = 0, low;

    if (fdt_prop(f, n, name, &p) < 0)
        return ERR_NOENT;
    if (p.len != 4 && p.len != 8)
        return ERR_PROTO;
    if (p.len == 8)
        (void)fdt_prop_cell(&p, 0, &high);
    (void)fdt_prop_cell(&p, p.len / 4 - 1, &low);
    *out = (uint64_t)high << 32 | low;
    return 0;
}

/* ---- nodes ---- */

bool fdt_next_with(const struct fdt *f, struct fdt_node *n, const char *name, const char *text)
{
    struct fdt_node next = *n;
    struct fdt_prop p;

    while (fdt_next_having(f, &next, name, &p))
        if (fdt_prop_has(&p, text)) {
            *n = next;
            return true;
        }
    return false;
}

static uint32_t component_len(const char *path)
{
    uint32_t len = 0;

    while (path[len] && path[len] != '/' && path[len] != ':')
        len++;
    return len;
}

/* True if the name matches, with or without its unit address (2.2.3). */
static bool name_matches(const char *name, const char *component, uint32_t len)
{
    uint32_t bare = 0;

    while (name[bare] && name[bare] != '@')
        bare++;
    return (text_len(name) == len || bare == len) && mem_equal(name, component, len);
}

/* Follow `path`, of names and slashes, from `n` downwards. */
static int descend(const struct fdt *f, struct fdt_node *n, const char *path)
{
    for (;;) {
        struct fdt_node child = {0};
        uint32_t len;

        while (*path == '/')
            path++;
        len = component_len(path);
        if (len == 0)
            return 0;
        do {
            if (!fdt_next_child(f, n, &child))
                return ERR_NOENT;
        } while (!name_matches(fdt_name(f, &child), path, len));
        *n = child;
        path += len;
    }
}

/* From the root `n` to the node of an alias, which is the first `len` characters of `name`. */
static int alias_follow(const struct fdt *f, struct fdt_node *n, const char *name, uint32_t len)
{
    struct fdt_node aliases = *n;
    struct fdt_prop p = {0};
    const char *path;

    if (descend(f, &aliases, "aliases") < 0)
        return ERR_NOENT;
    do {
        if (!fdt_next_prop(f, &aliases, &p))
            return ERR_NOENT;
    } while (text_len(p.name) != len || !mem_equal(p.name, name, len));
    path = fdt_prop_string(&p, 0);
    return path && *path == '/' ? descend(f, n, path) : ERR_NOENT;
}

int fdt_find_path(const struct fdt *f, const char *path, struct fdt_node *out)
{
    struct fdt_node n = {0};
    uint32_t len = component_len(path);

    if (!fdt_next(f, &n) || (len == 0 && *path != '/'))
        return ERR_NOENT;
    if (len && alias_follow(f, &n, path, len) < 0)
        return ERR_NOENT;
    if (descend(f, &n, path + len) < 0)
        return ERR_NOENT;
    *out = n;
    return 0;
}

int fdt_find_phandle(const struct fdt *f, uint32_t phandle, struct fdt_node *out)
{
    struct fdt_node n = {0};
    struct fdt_prop p;
    uint32_t value;

    while (fdt_next_having(f, &n, "phandle", &p))
        if (p.len == 4 && fdt_prop_cell(&p, 0, &value) == 0 && value == phandle) {
            *out = n;
            return 0;
        }
    return ERR_NOENT;
}

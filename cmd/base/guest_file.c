/* A guest in a shared object: see guest_file.h. */
#include "guest_file.h"
#include "../../sim/text/values.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The function of this name in the shared object, or NULL after a line on stderr. */
static void *guest_file_function(const char *path, const char *name)
{
    char with_slash[4096];
    void *handle, *symbol;

    snprintf(with_slash, sizeof(with_slash), "%s%s", strchr(path, '/') ? "" : "./", path);
    handle = dlopen(with_slash, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        value_message(stderr, "drywire: %s is not a guest: %s\n", path, dlerror());
        return NULL;
    }
    symbol = dlsym(handle, name);
    if (!symbol)
        value_message(stderr, "drywire: %s is not a guest: it has no %s()\n", path, name);
    return symbol;
}

static void guest_file_other(const char *path, int version)
{
    value_message(stderr, "drywire: %s has another guest ABI version: rebuild it for version %d\n",
                  path, version);
}

const struct guest_ops *guest_file_load(const char *path)
{
    void *symbol = guest_file_function(path, "drywire_guest");
    const struct guest_ops *(*entry)(void);
    const struct guest_ops *ops;

    if (!symbol)
        return NULL;
    memcpy(&entry, &symbol, sizeof(entry));
    ops = entry();
    if (ops && ops->abi == GUEST_ABI && ops->boot && ops->poll && ops->deadline)
        return ops;
    guest_file_other(path, GUEST_ABI);
    return NULL;
}

const struct pkt_stack *guest_file_stack(const char *path)
{
    void *symbol = guest_file_function(path, "drywire_stack");
    const struct pkt_stack *(*entry)(void);
    const struct pkt_stack *stack;

    if (!symbol)
        return NULL;
    memcpy(&entry, &symbol, sizeof(entry));
    stack = entry();
    if (stack && stack->abi == PKT_STACK_ABI)
        return stack;
    guest_file_other(path, PKT_STACK_ABI);
    return NULL;
}

/* A guest in a shared object: see guest_file.h. */
#include "guest_file.h"
#include "../../sim/text/values.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

const struct guest_ops *guest_file_load(const char *path)
{
    const struct guest_ops *(*entry)(void);
    const struct guest_ops *ops;
    char with_slash[4096];
    void *handle, *symbol;

    snprintf(with_slash, sizeof(with_slash), "%s%s", strchr(path, '/') ? "" : "./", path);
    handle = dlopen(with_slash, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        value_message(stderr, "drywire: %s is not a guest: %s\n", path, dlerror());
        return NULL;
    }
    symbol = dlsym(handle, "drywire_guest");
    if (!symbol) {
        value_message(stderr, "drywire: %s is not a guest: it has no drywire_guest()\n", path);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof(entry));
    ops = entry();
    if (!ops || ops->abi != GUEST_ABI || !ops->boot || !ops->poll || !ops->deadline) {
        value_message(stderr,
                      "drywire: %s has another guest ABI version: rebuild it for version %d\n",
                      path, GUEST_ABI);
        return NULL;
    }
    return ops;
}

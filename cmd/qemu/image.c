/* The kernels that QEMU boots: see image.h. */
#include "image.h"
#include "../base/exit_codes.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMAGE_MAX = 16 << 20 };

const char *image_folder(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    char *slash;

    buf[n > 0 ? n : 0] = 0;
    slash = strrchr(buf, '/');
    if (slash)
        *slash = 0;
    return buf;
}

int image_build_id(const char *path, char id[9])
{
    static const char head[] = "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU";
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(IMAGE_MAX), *at = NULL;
    size_t len = 0;

    if (f && bytes) {
        len = fread(bytes, 1, IMAGE_MAX, f);
        at = memmem(bytes, len, head, sizeof(head));
        if (at && (size_t)(bytes + len - at) < sizeof(head) + 4)
            at = NULL;
    }
    if (at)
        snprintf(id, 9, "%02x%02x%02x%02x", at[16], at[17], at[18], at[19]);
    else if (f)
        value_message(stderr, "drywire: %s is not a drywire image: it has no build id\n", path);
    else
        value_message(stderr, "drywire: %s: %s; `make images` builds it (with the same O=)\n", path,
                      strerror(errno));
    free(bytes);
    if (f)
        fclose(f);
    return at ? 0 : EXIT_USAGE;
}

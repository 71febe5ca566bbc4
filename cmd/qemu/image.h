/* The kernels that QEMU boots. */
#ifndef DRYWIRE_IMAGE_H
#define DRYWIRE_IMAGE_H

#include <stddef.h>

/* The folder that this program is in: where the images are as well. */
const char *image_folder(char *buf, size_t size);

/* The first bytes of an image's build id, as it will print them. 0, or EXIT_USAGE after a line. */
int image_build_id(const char *path, char id[9]);

#endif

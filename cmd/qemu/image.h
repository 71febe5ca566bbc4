/* The kernels that QEMU boots. */
#ifndef DRYWIRE_IMAGE_H
#define DRYWIRE_IMAGE_H

#include <stddef.h>

/* The folder of this program, which also has the images. */
const char *image_folder(char *buf, size_t size);

/* The first bytes of an image's build id, as the kernel prints them. 0, or EXIT_USAGE after a
 * line. */
int image_build_id(const char *path, char id[9]);

#endif

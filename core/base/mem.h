/*
 * Copying and filling. The core is compiled freestanding, where a plain memcpy() is always a call;
 * the builtins let the compiler inline small constant sizes.
 */
#ifndef DRYWIRE_MEM_H
#define DRYWIRE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#define mem_copy(dst, src, len)  ((void)__builtin_memcpy((dst), (src), (len)))
#define mem_fill(dst, byte, len) ((void)__builtin_memset((dst), (byte), (len)))
#define mem_equal(a, b, len)     (__builtin_memcmp((a), (b), (len)) == 0)

#endif

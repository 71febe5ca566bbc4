/* 1 in a build with AddressSanitizer, which has larger stack frames and checks mappings. */
#ifndef DRYWIRE_SANITIZER_H
#define DRYWIRE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define DRYWIRE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DRYWIRE_ASAN 1
#endif
#endif

#endif

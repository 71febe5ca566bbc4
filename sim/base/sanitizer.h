/* Is this a build with AddressSanitizer? Its stack frames are larger and it watches what is mapped.
 */
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

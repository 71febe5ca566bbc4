/*
 * URLs of webget: http, an IPv4 host or a name of one, an optional port, a path with an optional
 * query (RFC 3986; RFC 9110 section 4.2.1).
 */
#ifndef DRYWIRE_URL_H
#define DRYWIRE_URL_H

#include <stddef.h>
#include <stdint.h>

/* X(name, word): the first part of the URL that is wrong, and its word in the report. */
#define URL_ERROR_LIST(X)                                                                          \
    X(SCHEME, "scheme")     /* not http:// */                                                      \
    X(USERINFO, "userinfo") /* name@ may contain a secret: RFC 9110 section 4.2.4 */               \
    X(HOST, "host")         /* no dotted quad, no name */                                          \
    X(PORT, "port")         /* not 1..65535 */                                                     \
    X(PATH, "path")         /* too long, or a byte that RFC 3986 does not allow there */

#define URL_ENUM(name, word) URL_BAD_##name,
enum url_error { URL_OK, URL_ERROR_LIST(URL_ENUM) };
#undef URL_ENUM

enum { URL_PORT_DEFAULT = 80, URL_PATH_MAX = 1024 };

/* The parts; host and path point into the caller's text. */
struct url {
    const char *host; /* a dotted quad, or letters, digits, '-', '_' and dots */
    size_t host_len;  /* 1..254 */
    uint16_t port;    /* URL_PORT_DEFAULT when the URL has none */
    const char *path; /* path and query, without the fragment; may be empty or start with '?' */
    size_t path_len;  /* 0..URL_PATH_MAX */
};

/* Parse a URL. `out` is written only when URL_OK is returned. */
enum url_error url_parse(const char *text, struct url *out);

/* The word of a URL error; "ok" for URL_OK. */
const char *url_error_word(enum url_error err);

#endif

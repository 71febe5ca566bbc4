/*
 * URLs of webget: http, a numeric IPv4 host, an optional port, a path with an optional query
 * (RFC 3986; RFC 9110 section 4.2.1).
 */
#ifndef DRYWIRE_URL_H
#define DRYWIRE_URL_H

#include <stddef.h>
#include <stdint.h>

/* X(name, word): the first part of the URL that is wrong, and its word in the report. */
#define URL_ERROR_LIST(X)                                                                          \
    X(SCHEME, "scheme")     /* not http:// */                                                      \
    X(USERINFO, "userinfo") /* name@ may contain a secret: RFC 9110 section 4.2.4 */               \
    X(HOST, "host")         /* not a dotted quad */                                                \
    X(PORT, "port")         /* not 1..65535 */                                                     \
    X(PATH, "path")         /* too long, or a byte that RFC 3986 does not allow there */

#define URL_ENUM(name, word) URL_BAD_##name,
enum url_error { URL_OK, URL_ERROR_LIST(URL_ENUM) };
#undef URL_ENUM

enum { URL_PORT_DEFAULT = 80, URL_PATH_MAX = 1024 };

/* The parts; path points into the caller's text. */
struct url {
    uint32_t addr;    /* host byte order */
    uint16_t port;    /* URL_PORT_DEFAULT when the URL has none */
    const char *path; /* path and query, without the fragment; may be empty or start with '?' */
    size_t path_len;  /* 0..URL_PATH_MAX */
};

/* Parse a URL. `out` is written only when URL_OK is returned. */
enum url_error url_parse(const char *text, struct url *out);

/* The word of a URL error; "ok" for URL_OK. */
const char *url_error_word(enum url_error err);

#endif

/*
 * A strict URL parser: the request line has only bytes that RFC 3986 allows, so that no URL can
 * inject a newline into a request. No system calls; called by webget.
 */
#include "url.h"
#include "drywire.h"

/* pchar, "/" and "?" without the percent sign: RFC 3986 sections 3.3 and 3.4. */
static bool is_path_byte(char c)
{
    const char *others = "-._~!$&'()*+,;=:@/?";
    uint8_t letter = byte_lower((uint8_t)c);

    if ((c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z'))
        return true;
    while (*others && *others != c)
        others++;
    return *others != '\0';
}

/* The length of the path and query at the start of `text`, or ERR_INVAL. */
static int path_length(const char *text)
{
    int len = 0;

    while (text[len] && text[len] != '#') {
        if (text[len] == '%') {
            if (byte_hex((uint8_t)text[len + 1]) > 15 || byte_hex((uint8_t)text[len + 2]) > 15)
                return ERR_INVAL;
        } else if (!is_path_byte(text[len])) {
            return ERR_INVAL;
        }
        if (++len > URL_PATH_MAX)
            return ERR_INVAL;
    }
    return len;
}

/* A dotted quad, or a name for DNS (RFC 9110 section 4.2.1) whose last label is no number, so that
 * it cannot be meant as an address (RFC 1123 section 2.1). */
static bool is_host(const char *host, size_t len)
{
    bool number = true; /* the label so far */
    size_t label = 0;
    uint32_t addr;

    if (address_parse(host, len, &addr) == 0)
        return true;
    if (len > RESOLVE_NAME_MAX)
        return false;
    if (len > 0 && host[len - 1] == '.')
        len--;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = byte_lower((uint8_t)host[i]);
        bool digit = c >= '0' && c <= '9';

        if (c == '.' && label > 0) {
            label = 0;
            number = true;
            continue;
        }
        if (!digit && c != '-' && c != '_' && !(c >= 'a' && c <= 'z'))
            return false;
        label++;
        number = number && digit;
    }
    return label > 0 && !number;
}

enum url_error url_parse(const char *text, struct url *out)
{
    const char *scheme = "http://";
    struct url url = {.port = URL_PORT_DEFAULT};
    size_t len = 0;      /* of host and port */
    size_t host_len = 0; /* of the host alone */
    int path_len;

    for (; *scheme; scheme++, text++)
        if (byte_lower((uint8_t)*text) != (uint8_t)*scheme)
            return URL_BAD_SCHEME;

    while (text[len] && text[len] != '/' && text[len] != '?' && text[len] != '#') {
        if (text[len] == '@')
            return URL_BAD_USERINFO;
        len++;
    }
    while (host_len < len && text[host_len] != ':')
        host_len++;
    if (!is_host(text, host_len))
        return URL_BAD_HOST;
    url.host = text;
    url.host_len = host_len;
    if (host_len < len) {
        uint64_t port;

        if (number_parse(text + host_len + 1, len - host_len - 1, 65535, &port) < 0 || port == 0)
            return URL_BAD_PORT;
        url.port = (uint16_t)port;
    }

    url.path = text + len;
    path_len = path_length(url.path);
    if (path_len < 0)
        return URL_BAD_PATH;
    url.path_len = (size_t)path_len;
    *out = url;
    return URL_OK;
}

const char *url_error_word(enum url_error err)
{
    switch (err) {
    case URL_OK:
        break;
#define URL_WORD(name, word)                                                                       \
    case URL_BAD_##name:                                                                           \
        return word;
        URL_ERROR_LIST(URL_WORD)
#undef URL_WORD
    }
    return "ok";
}

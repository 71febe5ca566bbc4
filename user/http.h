/*
 * One HTTP/1.1 response, read as it arrives (RFC 9112; RFC 9110 section 15 for the status codes).
 *
 * A state machine in constant memory that makes no system call: it takes bytes in pieces of any
 * size and returns slices of the body; the sizes never change the result. It is the response to a
 * GET without a TE field on a connection that ends afterwards.
 *
 *     http_response_start(&r);
 *     while (!http_response_over(&r) && (n = read(...)) > 0)
 *         for (used = 0; used < n && !http_response_over(&r);)
 *             used += http_response_feed(&r, bytes + used, n - used, &slice);
 *     if (n == 0)
 *         http_response_end(&r);
 *
 * What is accepted and what is not:
 *
 *     status line      HTTP/1.DIGIT SP 3DIGIT SP phrase, nothing else; the first digit is not 0
 *     line end         CRLF, or LF alone in status line, header and trailer; a bare CR is an error
 *     octets           controls other than HTAB are an error; 0x80..0xff are so in names only
 *     field line       name, colon, value; no white space before the colon or the first field
 *     folded line      the fold is a space (RFC 9112 section 5.2)
 *     1xx              skipped; 101 is an error, since no upgrade was asked for
 *     204, 304         no body
 *     Content-Length   digits below 2^63; a list or several fields of one value is that value
 *     Transfer-Coding  its last one decides (section 6.3 rule 4); no parameters; chunked once; an
 *                      error in HTTP/1.0 and together with Content-Length
 *     chunk            CRLF only; size below 2^63; extensions ignored
 *     trailer          read, and not used
 *     after the end    bytes are left where they are: never a second response
 *
 * Bounds: HTTP_HEADER_MAX for all bytes before the body, the 1xx responses included; the same for
 * the trailer; HTTP_CHUNK_LINE_MAX for the line before a chunk.
 */
#ifndef DRYWIRE_HTTP_H
#define DRYWIRE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, word): why a response was rejected, and its word in the report. */
#define HTTP_ERROR_LIST(X)                                                                         \
    X(STATUS_LINE, "status-line")                                                                  \
    X(FIELD, "field")                     /* the syntax of a header line */                        \
    X(HEADER_TOO_LONG, "header-too-long") /* or too many 1xx responses */                          \
    X(UPGRADE, "upgrade")                 /* 101 without a request */                              \
    X(CONTENT_LENGTH, "content-length")   /* no number, too large, or two different ones */        \
    X(TRANSFER_CODING, "transfer-coding") /* not a list of codings, or chunked twice */            \
    X(FRAMING, "framing")                 /* both of them, or Transfer-Encoding in HTTP/1.0 */     \
    X(CHUNK, "chunk")                     /* size, extension or line end of a chunk */             \
    X(TRAILER, "trailer")                 /* syntax or length of the trailer */                    \
    X(INCOMPLETE, "incomplete")           /* the stream ended first */

#define HTTP_ENUM(name, word) HTTP_##name,
enum http_error { HTTP_OK, HTTP_ERROR_LIST(HTTP_ENUM) };
#undef HTTP_ENUM

enum http_phase {
    HTTP_IN_HEADER,
    HTTP_IN_BODY, /* the header is complete: chunk lines and trailer count as body */
    HTTP_DONE,
    HTTP_FAILED, /* error says why */
};

enum {
    HTTP_HEADER_MAX = 8192,
    HTTP_CHUNK_LINE_MAX = 1024,
    HTTP_STATUS_LINE_KEPT = 128, /* stored bytes of the status line, to be printed */
};

/* A slice of the body, inside the bytes passed in. */
struct http_slice {
    const uint8_t *data;
    size_t len;
};

/* The part of the message: the header, one of the three kinds of body, the trailer. */
enum http_part {
    HTTP_PART_HEADER,
    HTTP_PART_LENGTH, /* a body with a length */
    HTTP_PART_CLOSE,  /* a body that ends with the stream */
    HTTP_PART_CHUNKS,
    HTTP_PART_TRAILER,
};

/* The position in a line of header or trailer. */
enum http_line {
    HTTP_LINE_STATUS,
    HTTP_LINE_START, /* of a field line, a folded line or the empty line */
    HTTP_LINE_NAME,
    HTTP_LINE_VALUE,
};

/* The position in a chunk. */
enum http_chunk {
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_SPACE, /* between size and extension */
    HTTP_CHUNK_EXTENSION,
    HTTP_CHUNK_LF,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_CR,
    HTTP_CHUNK_DATA_LF,
};

/* The position in a list value: before an element, in it, in the white space after it. */
enum http_list { HTTP_LIST_BEFORE, HTTP_LIST_IN, HTTP_LIST_AFTER };

/* The fields that determine the body. */
enum http_field { HTTP_FIELD_OTHER, HTTP_FIELD_LENGTH, HTTP_FIELD_CODING };

/* A name or coding in lower case, as long as it may be a known one. */
struct http_name {
    unsigned len; /* of the whole name; bytes beyond the array are not stored */
    char text[20];
};

struct http_response {
    /* For the caller to read. */
    enum http_phase phase;
    enum http_error error; /* HTTP_OK unless the phase is HTTP_FAILED */
    bool header_complete;  /* a failure is one of the body */
    unsigned status;       /* 100..999, once the header is complete */
    bool coded;            /* a transfer coding other than chunked: the body is still coded */
    uint64_t body_bytes;   /* returned so far */
    size_t status_line_len;
    char status_line[HTTP_STATUS_LINE_KEPT]; /* its start, without the line end */

    /* The rest belongs to http.c. */
    enum http_part part;
    enum http_line line;
    enum http_chunk chunk;
    unsigned room;         /* bytes left for this header, trailer or chunk line */
    bool cr;               /* the last byte was a CR: LF must follow */
    unsigned status_at;    /* place in the status line */
    unsigned minor;        /* version HTTP/1.minor */
    bool any_field;        /* there was a field line in this header or trailer */
    struct http_name name; /* of the field */
    uint64_t left;         /* bytes left of the body or the chunk */
    bool chunk_digits;     /* the chunk size has a digit */

    enum http_field field; /* whose value is read */
    enum http_list list;
    enum http_error bad; /* the error of the two fields; used only if there is a body */
    bool length_seen, length_known;
    uint64_t length, length_element;
    bool coding_seen, chunked_seen, chunked_last;
    struct http_name coding;
};

void http_response_start(struct http_response *r);

/**
 * Take bytes of the response.
 *
 * Consumes at most `len` bytes and returns how many; stops early after the header, after each piece
 * of the body (*body, empty when there is none) and at the end. Consumes nothing when the response
 * has ended, otherwise at least one byte if len > 0.
 */
size_t http_response_feed(struct http_response *r, const uint8_t *bytes, size_t len,
                          struct http_slice *body);

/* The stream ended: the response is done if the end of the stream ends it, else it is
 * incomplete. */
void http_response_end(struct http_response *r);

/* Whether the response is done or has failed. */
bool http_response_over(const struct http_response *r);

/* The word of an error; "ok" for HTTP_OK. */
const char *http_error_word(enum http_error err);

#endif

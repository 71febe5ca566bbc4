/*
 * A .pkt script: a time line of socket calls, packets that a peer sends (`<`) and packets that the
 * stack must send (`>`). docs/ladders.md lists what is accepted.
 *
 * pkt_parse() reads a text into events; run.h plays them. Sequence numbers, acknowledgments and
 * times here are those of the script: relative to its own start.
 */
#ifndef DRYWIRE_PKT_SCRIPT_H
#define DRYWIRE_PKT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PKT_SCRIPT_MAX = 1 << 20, /* bytes */
    PKT_EVENTS_MAX = 10000,
    PKT_VALUES_MAX = 100000,
    PKT_OPTIONS_MAX = 40, /* bytes of options in a segment, so as many of them */
    PKT_SACK_MAX = 4,
    PKT_TITLE_MAX = 160,
};
#define PKT_TIME_MAX_NS (UINT64_C(10000) * 86400 * 1000000000)

/* What became of a script. */
enum pkt_outcome {
    PKT_PASS,
    PKT_WEAK,       /* pass, but a check was skipped */
    PKT_VACUOUS,    /* it expects nothing of what the stack sends, so it cannot fail by that */
    PKT_UNRUNNABLE, /* it has a construct that is not supported */
    PKT_FAIL,
    PKT_LIVELOCK, /* the stack used up the limit of steps */
    PKT_SYNTAX,
};

/* Why it is not a pass, and where. */
struct pkt_problem {
    unsigned line, column; /* from 1 on; column 0: the whole line */
    char text[640];
};

/* ---- time ---- */

struct pkt_time {
    bool any;      /* `*` */
    bool relative; /* to the event before it */
    uint64_t first_ns, last_ns;
};

/* ---- segments ---- */

enum pkt_option_kind {
    PKT_OPTION_EOL = 0,
    PKT_OPTION_NOP = 1,
    PKT_OPTION_MSS = 2,
    PKT_OPTION_WSCALE = 3,
    PKT_OPTION_SACK_OK = 4,
    PKT_OPTION_SACK = 5,
    PKT_OPTION_TS = 8,
};

/* One option. number[]: MSS, shift, TSval and TSecr, or the edges of the SACK blocks. */
struct pkt_option {
    uint8_t kind;
    uint8_t count; /* numbers in use */
    uint32_t number[2 * PKT_SACK_MAX];
};

struct pkt_options {
    bool any; /* <...> */
    unsigned count;
    struct pkt_option option[PKT_OPTIONS_MAX];
};

enum pkt_window { PKT_WINDOW_ANY, PKT_WINDOW_EXACT, PKT_WINDOW_LEAST };

/* The flags of one byte of the header, in the order of its bits: FSRP.UEW. */
enum { PKT_ECE = 64, PKT_CWR = 128 };

struct pkt_segment {
    uint16_t from, to; /* ports of the script; 0: not named */
    uint8_t flags;     /* SEG_FIN ... of sim/frame/decode.h */
    uint32_t seq, len;
    bool has_ack;
    uint32_t ack;
    enum pkt_window has_window;
    uint32_t window;
    uint16_t urgent;
    struct pkt_options options;
};

/* An ICMP error about a segment that the stack sent. */
struct pkt_icmp {
    uint8_t type, code;
    uint16_t mtu;
    uint32_t seq, len; /* of the segment that it quotes */
};

/* ---- calls ---- */

enum pkt_value_kind { PKT_NUMBER, PKT_STRING, PKT_DOTS, PKT_ARRAY, PKT_STRUCT };

struct pkt_value {
    enum pkt_value_kind kind;
    char name[24]; /* of a field of a struct */
    int64_t number;
    const char *text; /* of a string, unescaped */
    size_t len;
    unsigned next;  /* the value after it in its list; 0: none */
    unsigned first; /* of an array or a struct; 0: empty */
};

enum pkt_call_id {
    PKT_SOCKET,
    PKT_BIND,
    PKT_LISTEN,
    PKT_ACCEPT,
    PKT_CONNECT,
    PKT_READ,
    PKT_WRITE,
    PKT_READV,
    PKT_WRITEV,
    PKT_CLOSE,
    PKT_SHUTDOWN,
    PKT_FCNTL,
    PKT_POLL,
    PKT_GETSOCKOPT,
    PKT_SETSOCKOPT,
};

enum { PKT_ARGS_MAX = 6 };

struct pkt_call {
    enum pkt_call_id id;
    char name[16];
    unsigned count;
    unsigned arg[PKT_ARGS_MAX]; /* indices of values */
    bool any_result;            /* ... */
    int64_t result;
    char error[24]; /* the name after -1, or "" */
    bool blocking;  /* with an end time */
    struct pkt_time end;
};

/* ---- events ---- */

enum pkt_event_kind { PKT_CALL, PKT_INJECT, PKT_INJECT_ICMP, PKT_EXPECT, PKT_QUIET };

struct pkt_event {
    enum pkt_event_kind kind;
    unsigned line;
    struct pkt_time time;
    union {
        struct pkt_call call;
        struct pkt_segment segment;
        struct pkt_icmp icmp;
    };
};

struct pkt_script {
    char title[PKT_TITLE_MAX]; /* its first comment, or "" */
    uint32_t local_addr, remote_addr, gateway, mask;
    uint32_t bind_port, connect_port, mtu;
    uint32_t window; /* bytes that the stack holds for a connection in each direction */
    bool weak;
    struct pkt_event *events;
    size_t count, size;
    struct pkt_value *values; /* [0] is unused */
    size_t values_count, values_size;
    char *strings; /* as long as the text */
    size_t strings_len;
};

/* Read a script: PKT_PASS, or PKT_SYNTAX or PKT_UNRUNNABLE with a problem. pkt_script_free() in any
 * case. */
enum pkt_outcome pkt_parse(struct pkt_script *s, const char *text, size_t len,
                           struct pkt_problem *problem);
void pkt_script_free(struct pkt_script *s);

/* A segment as a script has it, without time: "> . 1:1(0) ack 1001 win 65535 <nop,nop,...>".
 * Returns buf. */
const char *pkt_segment_text(const struct pkt_segment *g, bool inject, char *buf, size_t size);

#endif

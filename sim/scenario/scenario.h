/*
 * A scenario: one flat text file, read into one struct (docs/scenarios.md is the reference).
 *
 * The struct is immutable after reading; many runs, under many seeds, can share it. All strings
 * and arrays belong to the scenario and live until scenario_free().
 */
#ifndef DRYWIRE_SCENARIO_H
#define DRYWIRE_SCENARIO_H

#include "../frame/capture.h"
#include "dhcp_script.h"
#include "service.h"
#include "../engine/lie.h"
#include "../engine/sim.h"
#include "../fake_device/net.h"
#include "../text/values.h"
#include <stdio.h>

enum world_kind { WORLD_SLIRP, WORLD_NATIVE, WORLD_PEER, WORLD_REPLAY };
enum transport_kind {
    TRANSPORT_MMIO,
    TRANSPORT_MMIO_LEGACY,
    TRANSPORT_PCI_MODERN,
    TRANSPORT_PCI_TRANSITIONAL,
    TRANSPORT_PCI_LEGACY,
};
enum profile_kind { PROFILE_STRICT, PROFILE_QEMU };
enum ring_kind { RING_SPLIT, RING_PACKED };

static inline bool transport_legacy(enum transport_kind t)
{
    return t == TRANSPORT_MMIO_LEGACY || t == TRANSPORT_PCI_LEGACY;
}

/* `world slirp key=value ...` */
struct slirp_options {
    enum toggle restricted; /* restrict=on|off  as QEMU's restrict=: DHCP, ARP and pings of the
                             * gateway only; default off */
};

/* Payload bytes in a frame of 1514; of a segment, beside the longest options of the peer. */
enum { ECHO_MAX = 1472, SEGMENT_MAX = 1436 };
enum { REPLAY_FRAME_MAX = 2048 }; /* the longest frame on the wire */

/* `world replay file=CAPTURE` */
struct replay_options {
    const char *file; /* relative to the scenario's folder */
    const char *path; /* its path */
    uint64_t seed;    /* seed=N the machine's seed, default 1: its secrets */
    struct capture capture;
};

/* The ones that are faults, by their word (peer_fault_words). */
enum peer_fault {
    PEER_NAK,
    PEER_SILENT,
    PEER_RENEW_SILENT,
    PEER_REBIND_SILENT,
    PEER_NAK_RENEW,
    PEER_SECOND_SERVER,
    PEER_FOREIGN_XID,
    PEER_ARP_SILENT,
    PEER_ARP_TAKEN,
    PEER_ZERO_WINDOW,
    PEER_FAULTS,
};

extern const char *const peer_fault_words[PEER_FAULTS];

/* `world native key=value ...`: how the scripted peer behaves. */
struct native_options {
    uint32_t lease_s;         /* lease=      default 86400; UINT32_MAX with lease=forever */
    uint32_t t1_s, t2_s;      /* t1= t2=     0: the option is not sent */
    unsigned nak_requests;    /* nak=N       the first N REQUESTs are answered by NAK */
    unsigned silent_requests; /* dhcp-silent=N first N DHCP messages unanswered; `all` = UINT_MAX */
    bool renew_silent;        /* renew-silent unicast REQUESTs (RENEWING) are never answered */
    bool rebind_silent;       /* rebind-silent nor are broadcast ones with ciaddr (REBINDING) */
    bool nak_renew;           /* nak-renew   a REQUEST with ciaddr is answered by NAK */
    uint32_t second_address;  /* second-addr=A given after a NAK or an expired lease; 0: the same */
    bool unicast_reply;       /* unicast-reply  OFFER and ACK go to yiaddr, not to broadcast */
    bool second_server;       /* second-server  another server (10.0.2.4) also offers 10.0.2.99 */
    bool foreign_xid;         /* foreign-xid a forged OFFER with another xid precedes each one */
    bool arp_silent;          /* arp-silent  ARP requests are never answered */
    unsigned arp_silent_first; /* arp-silent=N first N requests unanswered */
    unsigned arp_taken;        /* arp-taken=N  another host answers the first N probes */
    uint16_t mss;              /* mss=        announced by the peer, default 1460 */
    uint16_t window;           /* window=     largest window offered by the peer, default 65535 */
    bool tcp_options;          /* tcp-options its SYNs have window scaling, timestamps and SACK */
    uint64_t zero_window_ns;   /* zero-window=T the peer's window stays 0 for T after each fill */
    bool pad;                  /* pad         frames shorter than 60 bytes are padded to 60 */
    uint64_t latency_ns;       /* latency=    of every reply, default 200us */
    const char *observe; /* observe=CAPTURE  its frames go to the machine (native_observe.c) */
    const char *play;    /* play=CAPTURE  the peer plays its server (native_play.c) */
    const char *sha256;  /* sha256=HEX  of the bytes that a program must read then */
    struct capture observed, played;
    struct dhcp_answer *dhcp; /* `peer dhcp` lines: all messages of the server */
    unsigned dhcp_count;
};

/* `world peer key=value ...`: the other end of the wire is the core, too. */
enum { PEER_WINDOW_MIN = 2048, PEER_WINDOW_MAX = 1 << 20, PEER_ADDRESS = 0x0a000202 };
struct peer_options {
    uint32_t window; /* window=          bytes that a connection of the peer may hold in each
                      * direction; default 1 MiB */
    uint32_t machine_window; /* machine-window=  the same of the machine; 0: as it likes */
};

enum { SCENARIO_DEVICES_MAX = 8 /* of one machine */, DEVICE_QUEUE_SIZE = 256 };

struct device_options {
    const struct fake_body_ops *body; /* what kind of device it is */
    enum transport_kind transport;    /* transport=mmio|mmio-legacy|pci-modern|... */
    enum toggle msix; /* msix=on|off  PCI only: interrupts by message, default off */
    bool transport_given, queue_given; /* by the file, not the default */
    unsigned line;                     /* of the file; 0: it has none */
    uint32_t given;                    /* its keys, a bit each in the order of the reader */
    enum profile_kind profile;         /* profile=strict|qemu  how lenient it is with a driver */
    enum ring_kind ring;               /* ring=split|packed  packed is offered (modern only) */
    enum toggle event_idx;             /* event_idx=on|off  offered or not; default off */
    enum toggle indirect;              /* indirect=on|off   the same */
    enum toggle interrupts; /* interrupts=on|off the machine sleeps or polls; default off */
    unsigned queue_size;    /* queue=     QueueNumMax, 2..1024, default 256; a power of two
                             * when split */
    enum toggle any_layout; /* any-layout=on|off  legacy only, default on */
    enum device_lie lie;    /* lie=WORD its lie; LIE_NONE: none */
    union {                 /* the keys of its kind */
        struct fake_net_options net;
        uint64_t own[FAKE_OPTIONS_WORDS]; /* of the others, as their bodies have them */
    };
};

static inline bool device_is_net(const struct device_options *d)
{
    return d->body->type == VIRTIO_ID_NET;
}

/* `run PROGRAM ARG...`, `daemon PROGRAM ARG...`, `at T run PROGRAM ARG...` */
struct scenario_program {
    const char *const *words; /* count of them, words[0] is the program */
    unsigned count;
    uint64_t at_ns; /* since power-on */
    bool daemon;    /* the run does not wait for it to exit */
    unsigned line;
};

/* `at T dial PORT send="..." [close]`: an incoming connection to the machine, or `at T datagram
 * PORT send="..."`, or `at T echo [id=N] [seq=N] send="..."`, whose bytes must be returned. expect=
 * is the expected reply; "" accepts anything. With from=A:P the script there is played instead. Or
 * `at T segment A:P ...`: a forged segment of the connection that A:P has with the machine; numbers
 * count from the next ones of both ends. */
struct scenario_dial {
    uint64_t at_ns;
    uint16_t port;
    bool datagram;
    bool echo;
    uint16_t id, seq; /* of an echo */
    bool segment;
    uint8_t flags;       /* flags=SAFRP  of a segment */
    uint32_t seq_offset; /* ahead=N behind=N          of its sequence number, modulo 2^32 */
    uint32_t ack_offset; /* ack-ahead=N ack-behind=N  of its acknowledgment number */
    uint16_t window;     /* window=N */
    const char *send;
    size_t send_len;
    const char *expect; /* bytes that must be received before the peer closes */
    size_t expect_len;
    const char *from; /* from=A:P, or NULL; of a segment: its sender */
    uint32_t from_addr;
    uint16_t from_port;
    unsigned line;
};

/* A direction of the wire, as the machine under test sees it. */
enum direction { DIRECTION_TX, DIRECTION_RX };

/* `wire [tx|rx] key=value ...`: faults by rate. Rates are per 65536. */
struct wire_options {
    uint64_t delay_ns, jitter_ns;               /* delay= jitter= */
    uint32_t drop, duplicate, reorder, corrupt; /* drop= dup= reorder= corrupt= in percent */
    uint64_t bandwidth_bps;                     /* bandwidth= bits per second, 0: no limit */
};

enum action_kind {
    ACTION_DROP,      /* drop DIR MATCH [count=N] [skip=N] */
    ACTION_DUPLICATE, /* dup DIR MATCH [count=N] [skip=N] */
    ACTION_DELAY,     /* delay DIR MATCH by=T [count=N] [skip=N]: later frames overtake it */
    ACTION_CORRUPT,   /* corrupt DIR MATCH [field=F] [count=N] [skip=N]: one bit, drawn by the
                       * seed, or a header field with right checksums (frame/malform.h) */
    ACTION_TRUNCATE,  /* truncate DIR MATCH to=BYTES [count=N] */
    ACTION_CUT,       /* cut: nothing passes in either direction */
    ACTION_HEAL,      /* heal: every fault stops, rates included */
    ACTION_KILL,      /* kill PROGRAM: as if its operator did */
    ACTION_LINK,      /* link up|down [device=N]: the device's link status */
};

/* `at T ACTION ...` */
struct scenario_action {
    uint64_t at_ns;
    enum action_kind kind;
    enum direction direction;
    const char *match; /* a word of decode_words, or the program of ACTION_KILL */
    uint64_t count;    /* matching frames that it hits, default 1; count=all is UINT64_MAX */
    uint64_t skip;     /* matching frames that it lets pass first */
    uint64_t by_ns;    /* ACTION_DELAY */
    unsigned field;    /* ACTION_CORRUPT: of malform_fields, 0 is any bit */
    uint32_t to;       /* ACTION_TRUNCATE: length; ACTION_LINK: 1 up, 0 down */
    unsigned device;   /* ACTION_LINK: its number, for scenario_device() */
    unsigned line;
};

/* `expect COMPONENT: TOKEN ... [by T] [count=N]`, `never COMPONENT: TOKEN ...`. A line of the trace
 * matches when the component is equal and the tokens occur in order; extra tokens are allowed. */
struct scenario_expect {
    bool never;
    const char *component;
    const char *const *tokens;
    unsigned token_count;
    uint64_t by_ns;    /* since power-on, SIM_NEVER: before the run ends */
    uint64_t after_ns; /* since power-on, 0: from the start (`after T`) */
    unsigned count;    /* times, default 1 */
    unsigned line;
};

/* `allow WORD`: permits a pass without evidence (docs/verdicts.md). */
enum allowance {
    ALLOW_IDLE_FAULT, /* idle-fault  a fault that never fires */
    ALLOW_EXIT,       /* exit a program that ends with a status that is not 0 */
    ALLOW_IDLE_LINE,  /* idle-line an unused serve, peer or dial line */
    ALLOW_NOTHING,    /* nothing a run without a frame */
    ALLOW_COUNT,
};

extern const char *const allowance_words[ALLOW_COUNT + 1]; /* NULL-terminated */

struct scenario {
    const char *path;  /* as given */
    const char *text;  /* the text of the file */
    const char *title; /* from `title`, or "" */
    enum world_kind world;
    struct slirp_options slirp;
    struct native_options native; /* of world peer, too: the defaults */
    struct peer_options peer;
    struct replay_options replay;
    struct device_options device; /* the network device at the wire */
    struct device_options *more;  /* further devices, in file order */
    unsigned more_count;
    struct wire_options wire[2]; /* by enum direction */
    struct scenario_program *programs;
    unsigned program_count;
    struct service *services;
    unsigned service_count;
    struct scenario_dial *dials;
    unsigned dial_count;
    struct scenario_action *actions; /* in order of at_ns, ties in file order */
    unsigned action_count;
    struct scenario_expect *expects; /* in file order, `never` lines among them */
    unsigned expect_count;
    enum toggle weak_memory;  /* memory weak|strong, default: the seed draws */
    uint64_t limit_ns;        /* limit T: virtual time the run may take, default 900 s */
    uint64_t until_ns;        /* until T: minimum length of the run; default 0 */
    const char **oracles_off; /* oracle off NAME */
    unsigned oracles_off_count;
    unsigned allowed;    /* a bit for each enum allowance */
    uint64_t heal_ns;    /* heal T: from then on the rates stop; default 300 s, SIM_NEVER: never */
    unsigned world_line; /* of the world; 0: not given */
    unsigned line_count;
    void *memory; /* the reader's own */
};

enum { SCENARIO_MAX = 1 << 20 }; /* bytes of a file */

/* Options of reading a scenario; all zero, or NULL: without files and changes. */
struct scenario_reading {
    const struct source *files; /* the files that it may name; NULL: none */
    const char *device;         /* words of one more `device virtio-net` line, which change the
                                 * scenario's own; or NULL */
    bool far_side;              /* the machine may have nothing to do */
};

/*
 * Read a scenario from memory, which is copied; `path` is its name, and files that it names are
 * relative to it. On success 0 and *out is set (scenario_free() it); otherwise 2, and one line
 * `path:line: message`, with a suggestion if there is one, is written to `errors`.
 */
int scenario_parse(const char *path, const char *text, size_t len,
                   const struct scenario_reading *how, struct scenario **out, FILE *errors);

void scenario_free(struct scenario *s);

/* The devices by number: 0 is the one that the wire is at, the others follow in file order. */
static inline unsigned scenario_device_count(const struct scenario *s)
{
    return 1 + s->more_count;
}

static inline const struct device_options *scenario_device(const struct scenario *s, unsigned i)
{
    return i ? &s->more[i - 1] : &s->device;
}

static inline bool scenario_allows(const struct scenario *s, enum allowance a)
{
    return s->allowed >> a & 1;
}

/* True if the scenario requests this fault of its native peer. */
bool scenario_peer_fault(const struct scenario *s, enum peer_fault fault);

/* True if a wire line has drop=, dup=, reorder= or corrupt=. */
bool scenario_has_rates(const struct scenario *s);

/* True if it has anything that `drywire run` checks for use: faults, services, dials, or a line
 * that allows idle ones. */
bool scenario_claims(const struct scenario *s);

/* The time when the wire is healed, since power-on; SIM_NEVER: never. `at T heal` overrides `heal
 * T`, which applies to rates: a wire without them has nothing to heal. */
uint64_t scenario_heals_ns(const struct scenario *s);

/* The seed of the machine's secrets, in a run with `seed`: a replay uses that of its capture. */
static inline uint64_t scenario_secret(const struct scenario *s, uint64_t seed)
{
    return s->world == WORLD_REPLAY ? s->replay.seed : seed;
}

/* ---- expectations of one run ---- */

struct expectations {
    const struct scenario *scenario;
    unsigned open;             /* expects (not `never`) still unmet */
    uint64_t deadline_ns;      /* the first time at which one of them is late; SIM_NEVER: none */
    struct expect_state *each; /* of the scenario's expects */
    size_t size;               /* room in it */
    struct sim *sim;
};

/* Zero at first; memory of an earlier run is used again. */
void expectations_start(struct expectations *e, const struct scenario *sc, struct sim *sim);

/* True if an expectation names this component. Lets the caller skip formatting. */
bool expectations_wants(const struct expectations *e, const char *component);

/* Match one trace line ("component: token ..."); calls sim_fail() for a `never` that matched. True:
 * it matched an `expect` line with a status=. */
bool expectations_line(struct expectations *e, const char *line);

/* Fail the run if an expectation is late now; with `final`, if any is unmet. */
void expectations_check(struct expectations *e, bool final);

void expectations_free(struct expectations *e);

#endif

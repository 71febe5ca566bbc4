/* `serve` lines and the `peer` lines of a script. See scenario_lines.h. */
#include "scenario_lines.h"
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_FILE_MAX = 64 << 20 };

static bool is_datagram(enum service_kind kind)
{
    return kind == SERVICE_UDP_ECHO;
}

/* The bytes of script lines with bytes=. */
static bool read_side_file(struct reader *r, struct service *s)
{
    const char *path = line_beside(r, s->file);
    const struct source *files = line_files(r);
    char problem[200], *kept;
    uint8_t *bytes;
    size_t len;

    if (!files)
        return false;
    if (files->read(files->ctx, path, SCRIPT_FILE_MAX, &bytes, &len, problem, sizeof(problem)))
        return reader_wrong(r, "%.200s: %s", path, problem);
    if (len > SCRIPT_FILE_MAX)
        return reader_wrong(r, "%.200s: is larger than 64 MiB", path);
    kept = reader_take(r->s, len + 1);
    memcpy(kept, bytes, len);
    free(bytes);
    s->file_bytes = kept;
    s->file_len = len;
    return true;
}

static const char *const service_words[] = {
    [SERVICE_HTTP] = "http",
    [SERVICE_TCP_ECHO] = "tcp-echo",
    [SERVICE_SINK] = "sink",
    [SERVICE_UDP_ECHO] = "udp-echo",
    [SERVICE_REFUSE] = "refuse",
    [SERVICE_BLACKHOLE] = "blackhole",
    [SERVICE_UNREACHABLE] = "unreachable",
    [SERVICE_SCRIPT] = "script",
    [SERVICE_DNS] = "dns",
    NULL,
};
static const char *const framing_words[] = {"length", "chunked", "close", NULL};
#define SERVE(field) FIELD(service, field)
enum { KEY_LATENCY, KEY_BODY, KEY_SIZE, KEY_CHUNK, KEY_FILE };
static const struct key service_keys[] = {
    [KEY_LATENCY] = {"latency", VALUE_DURATION, SERVE(latency_ns)},
    [KEY_BODY] = {"body", VALUE_STRING, SERVE(body), LENGTH(service, body_len)},
    [KEY_SIZE] = {"size", VALUE_SCALED, SERVE(body_len), NUMBERS(0, UINT64_C(1) << 40)},
    [KEY_CHUNK] = {"chunk", VALUE_NUMBER, SERVE(chunk), NUMBERS(1, 1000000)},
    [KEY_FILE] = {"file", VALUE_TEXT, SERVE(file)},
    {"path", VALUE_TEXT, SERVE(path)},
    {"status", VALUE_NUMBER, SERVE(status), NUMBERS(100, 599)},
    {"mode", VALUE_CHOICE, SERVE(framing), .choices = framing_words},
    {"delay", VALUE_DURATION, SERVE(delay_ns)},
    {"rate", VALUE_SCALED, SERVE(rate_Bps), NUMBERS(0, UINT64_C(1) << 40)},
    {"reset-after", VALUE_SCALED, SERVE(reset_after), NUMBERS(0, UINT64_C(1) << 40)},
    {0},
};

/* Check for keys that exclude each other; false after a message. */
static bool serve_keys_fit(struct reader *r, const struct service *s, uint32_t given)
{
    if (s->kind == SERVICE_SCRIPT ? given & ~(1u << KEY_LATENCY | 1u << KEY_FILE)
                                  : s->kind != SERVICE_HTTP && given & ~(1u << KEY_LATENCY))
        return reader_wrong(r, "serve %s takes only latency=%s", service_words[s->kind],
                            s->kind == SERVICE_SCRIPT ? " and file=" : "");
    if (s->kind == SERVICE_HTTP && given & 1u << KEY_FILE)
        return reader_wrong(r, "file= is for serve script only");
    if (given & 1u << KEY_BODY && given & 1u << KEY_SIZE)
        return reader_wrong(r, "body= and size= exclude each other");
    if (given & 1u << KEY_CHUNK && s->framing != HTTP_CHUNKED)
        return reader_wrong(r, "chunk= is for mode=chunked only");
    if (s->path[0] != '/')
        return reader_wrong(r, "path=%.40s must start with '/'", s->path);
    return true;
}

bool line_serve(struct reader *r)
{
    struct scenario *sc = r->s;
    struct service s = {.path = "/",
                        .body = "",
                        .status = 200,
                        .chunk = 1000,
                        .reset_after = UINT64_MAX,
                        .line = r->line};
    uint32_t given = 0;
    unsigned kind = 0;

    while (service_words[kind] && !word_is(&r->words[1], service_words[kind]))
        kind++;
    if (!service_words[kind])
        return reader_unknown(r, "service", r->words[1].text, service_words);
    s.kind = kind;
    if (!value_endpoint(r->words[2].text, &s.addr, &s.port))
        return reader_wrong(r, "'%.40s' is not an address and port such as 10.0.2.2:8080",
                            r->words[2].text);
    if (!line_keys(r, service_keys, 3, &s, &given))
        return false;
    if (!serve_keys_fit(r, &s, given))
        return false;
    if (s.file && !read_side_file(r, &s))
        return false;
    for (unsigned i = 0; i < sc->service_count; i++) {
        const struct service *o = &sc->services[i];

        if (o->addr == s.addr && o->port == s.port && is_datagram(o->kind) == is_datagram(s.kind))
            return reader_wrong(r, "%s is already served, on line %u", r->words[2].text, o->line);
    }
    s.pattern = given & 1u << KEY_SIZE;
    sc->services = reader_add(sc, sc->services, &sc->service_count, sizeof(*sc->services));
    sc->services[sc->service_count - 1] = s;
    return true;
}

static struct service *service_of(struct scenario *sc, enum service_kind kind, uint32_t addr,
                                  uint16_t port)
{
    for (unsigned i = 0; i < sc->service_count; i++) {
        struct service *s = &sc->services[i];

        if (s->kind == kind && s->addr == addr && s->port == port)
            return s;
    }
    return NULL;
}

struct service *line_script(struct scenario *sc, uint32_t addr, uint16_t port)
{
    return service_of(sc, SERVICE_SCRIPT, addr, port);
}

/* The bytes of a step are the next ones of the script's file. */
static bool step_from_file(struct reader *r, struct service *s, struct script_step *step,
                           uint64_t bytes)
{
    if (!s->file)
        return reader_wrong(r, "bytes= needs a file: serve script %.40s file=NAME",
                            r->words[1].text);
    if (bytes > s->file_len - s->file_used)
        return reader_wrong(r, "%.100s has only %llu bytes left here", s->file,
                            (unsigned long long)(s->file_len - s->file_used));
    step->bytes = s->file_bytes + s->file_used;
    step->len = bytes;
    s->file_used += bytes;
    return true;
}

static bool is_dns_name(const char *name)
{
    size_t len = strlen(name), label = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && name[i] != '.') {
            label++;
            continue;
        }
        if (label == 0 || label > 63)
            return false;
        label = 0;
    }
    return len <= 253;
}

/* `peer A:P name=NAME ...` of a name server. */
static bool line_peer_dns(struct reader *r, struct service *s)
{
#define DNS(field) FIELD(dns_line, field)
    static const char *const lies[] = {"none",   "id",      "source", "port",  "question", "query",
                                       "opcode", "pointer", "length", "count", "owner",    NULL};
    static const struct key keys[] = {
        {"name", VALUE_TEXT, DNS(name)},
        {"addr", VALUE_ADDRESS, DNS(addr)},
        {"cname", VALUE_TEXT, DNS(cname)},
        {"ttl", VALUE_NUMBER, DNS(ttl_s), NUMBERS(0, UINT32_MAX)},
        {"silent", VALUE_NUMBER, DNS(silent), NUMBERS(1, 100)},
        {"rcode", VALUE_NUMBER, DNS(rcode), NUMBERS(1, 15)},
        {"lie", VALUE_CHOICE, DNS(lie), .choices = lies},
        {"apart", VALUE_FLAG, DNS(apart)},
        {"truncated", VALUE_FLAG, DNS(truncated)},
        {0},
    };
    struct dns_line l = {.ttl_s = 60, .line = r->line};
    uint32_t given = 0;

    if (!line_keys(r, keys, 2, &l, &given))
        return false;
    if (!l.name || !is_dns_name(l.name) || (l.cname && !is_dns_name(l.cname)))
        return reader_wrong(r, "a peer line of serve dns needs name=NAME: labels of 1 to 63 bytes");
    if (l.addr && l.cname)
        return reader_wrong(r, "addr= and cname= exclude each other");
    if ((l.lie && !l.addr) || (l.apart && !l.cname))
        return reader_wrong(r, "%s",
                            l.apart ? "apart is for cname= only" : "lie= is for addr= only");
    s->dns = reader_add(r->s, s->dns, &s->dns_count, sizeof(*s->dns));
    s->dns[s->dns_count - 1] = l;
    return true;
}

bool line_peer(struct reader *r)
{
    struct given_step {
        struct script_step step;
        uint64_t bytes;
        bool closes, resets;
    } g = {.bytes = 0};
#define STEP(field) FIELD(given_step, step.field)
    static const struct key keys[] = {
        {"send", VALUE_STRING, STEP(bytes), LENGTH(given_step, step.len)},
        {"bytes", VALUE_NUMBER, FIELD(given_step, bytes), NUMBERS(1, SCRIPT_FILE_MAX)},
        {"after", VALUE_NUMBER, STEP(after), NUMBERS(0, UINT64_MAX)},
        {"wait", VALUE_DURATION, STEP(wait_ns)},
        {"late", VALUE_DURATION, STEP(late_ns)},
        {"lost", VALUE_FLAG, STEP(lost)},
        {"twice", VALUE_FLAG, STEP(twice)},
        {"close", VALUE_FLAG, FIELD(given_step, closes)},
        {"reset", VALUE_FLAG, FIELD(given_step, resets)},
        {0},
    };
    struct script_step *last;
    struct service *s;
    uint32_t addr, given = 0;
    uint16_t port;

    if (word_is(&r->words[1], "dhcp"))
        return line_peer_dhcp(r);
    if (!value_endpoint(r->words[1].text, &addr, &port))
        return reader_wrong(r, "'%.40s' is not an address and port such as 10.0.2.2:8080",
                            r->words[1].text);
    s = service_of(r->s, SERVICE_DNS, addr, port);
    if (s)
        return line_peer_dns(r, s);
    s = line_script(r->s, addr, port);
    if (!s)
        return reader_wrong(r, "no line before this one is 'serve script %.40s'", r->words[1].text);
    if (!line_keys(r, keys, 2, &g, &given))
        return false;
    if ((g.step.len > 0) + (g.bytes > 0) + g.closes + g.resets != 1)
        return reader_wrong(r, "a peer line has one of send=\"...\", bytes=N, close and reset");
    if (!(g.step.len || g.bytes) && (g.step.lost || g.step.twice || g.step.late_ns))
        return reader_wrong(r, "lost, twice and late= are for lines that send");
    last = s->step_count ? &s->steps[s->step_count - 1] : NULL;
    if (last && last->kind != SCRIPT_SAYS)
        return reader_wrong(r, "%.40s is already closed or reset", r->words[1].text);
    if (g.bytes && !step_from_file(r, s, &g.step, g.bytes))
        return false;
    g.step.kind = g.closes ? SCRIPT_CLOSES : g.resets ? SCRIPT_RESETS : SCRIPT_SAYS;
    g.step.at = s->said;
    g.step.line = r->line;
    s->said += g.step.len;
    s->steps = reader_add(r->s, s->steps, &s->step_count, sizeof(*s->steps));
    s->steps[s->step_count - 1] = g.step;
    return true;
}

/* The scripted name server over UDP: its faults are here, its messages in dns_service.c. */
#include "../dns_service.h"
#include "native.h"
#include <string.h>

/* A lie arrives before the truth. */
#define TRUTH_LATER_NS NS_PER_MS

static void send_lie(struct world *w, const struct service *s, const struct decoded *d,
                     enum dns_lie lie, const uint8_t *answer, size_t len)
{
    uint32_t from = lie == DNS_LIE_SOURCE ? NATIVE_GATEWAY : s->addr;
    uint16_t port = lie == DNS_LIE_PORT ? (uint16_t)(s->port + 1) : s->port;
    uint8_t bytes[DNS_SERVICE_MAX];

    memcpy(bytes, answer, len);
    dns_service_lie(lie, bytes, len);
    native_send_udp(w, from, port, d->ip_src, d->src_port, bytes, len, s->latency_ns);
}

/* The lines that the answer for a name is made of. */
static void lines_used(struct world *w, const struct service *s, const char *name)
{
    for (unsigned links = 0; name && links < s->dns_count; links++) {
        const char *alias = NULL;

        for (unsigned i = 0; i < s->dns_count; i++) {
            if (strcmp(s->dns[i].name, name))
                continue;
            native_used(w, s->dns[i].line);
            alias = s->dns[i].apart ? NULL : s->dns[i].cname;
        }
        name = alias;
    }
}

void native_dns_input(struct world *w, const struct service *s, const struct decoded *d)
{
    const struct dns_line *line = dns_service_line(s, d->payload, d->payload_len);
    uint8_t answer[DNS_SERVICE_MAX];
    size_t len = dns_service_answer(s, d->payload, d->payload_len, true, answer);
    bool lies = line && line->lie != DNS_LIE_NONE;

    if (!len)
        return;
    if (line) {
        lines_used(w, s, line->name);
        if (w->dns_asked[line->line]++ < line->silent)
            return;
    }
    if (lies)
        send_lie(w, s, d, line->lie, answer, len);
    native_send_udp(w, s->addr, s->port, d->ip_src, d->src_port, answer, len,
                    s->latency_ns + (lies ? TRUTH_LATER_NS : 0));
}

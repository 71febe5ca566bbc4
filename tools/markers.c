/* Prints docs/markers.md: every trace event of the core, from the table that defines them. */
#include "../core/trace/trace.h"
#include <stdio.h>

int main(void)
{
    puts("# Trace events and markers\n\n"
         "Generated from `core/trace/trace_events.h` by `build/markers`; do not edit.\n\n"
         "A line is `component: token token ...`. Lines of level MARK reach the UART and may be "
         "expected in\nevery scenario; DETAIL lines exist in the simulator, and on a UART with "
         "trace=all. What a program "
         "reports is\n`program: ...`, what it outputs `program: | ...`; the kernel adds `kernel: "
         "start|exit|killed|faulted\npid=N program=NAME [status=N]`.\n\n"
         "In the formats, %u is decimal, %x hexadecimal, %i an IPv4 address, %m a MAC address, %P "
         "a PCI\nfunction, any other capital letter a word: %E error, %T TCP state, %D DHCP state, "
         "%W drop reason, %V virtio "
         "failure, %L link,\n%R retransmission reason, %N reason of a lost lease, %I virtio "
         "interface.\n\n"
         "| level | line |\n|---|---|");
    for (unsigned i = 0; i < TRACE_COUNT; i++) {
        const struct trace_event *e = trace_event(i);

        printf("| %s | `%s: %s` |\n", e->level == TRACE_LEVEL_MARK ? "MARK" : "DETAIL",
               e->component, e->format);
    }
    puts("\n## Reasons for dropping a packet (`netstackd: drop reason=`)\n");
    for (unsigned i = 0; i < DROP_COUNT; i++)
        printf("%s`%s`", i ? ", " : "", trace_drop_word(i));
    puts("\n\n## Reasons for giving up a virtio device (`virtionetd: failed reason=`)\n");
#define WORD(id, word) puts("- `" word "`");
    VIRTIO_FAILURES(WORD)
#undef WORD
    return 0;
}

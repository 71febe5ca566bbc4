#!/bin/sh
# Run the bench and write bench.json. Usage: tools/bench.sh BUILD_FOLDER
set -eu
O=$1
{
    "$O/bench" webget webget256 bulk_rx bulk_tx
    "$O/asan/bench" native | sed -e 's/^native/asan/' -e '/^memory/d'
} | awk '
    BEGIN {
        name["webget"] = "webget_runs_per_s"; name["webget256"] = "webget_runs_per_s_ring256"
        name["asan"] = "webget_runs_per_s_asan"; name["bulk_rx"] = "bulk_rx_MBps"
        name["bulk_tx"] = "bulk_tx_MBps"; name["memory"] = "peak_memory"
    }
    {
        printf "%-28s %10s %s\n", name[$1], $2, $3 > "/dev/stderr"
        line[n++] = "  \"" name[$1] "\": {\"value\": " $2 ", \"unit\": \"" $3 "\"}"
    }
    END {
        print "{"
        for (i = 0; i < n; i++) print line[i] (i + 1 < n ? "," : "")
        print "}"
    }' >"$O/bench.json.new"
mv "$O/bench.json.new" "$O/bench.json"
echo "written to $O/bench.json" >&2

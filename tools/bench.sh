#!/bin/sh
# Run the bench and write bench.json. Usage: tools/bench.sh BUILD_FOLDER
set -eu
O=$1
{
    "$O/bench" webget webget256 bulk_rx bulk_tx
    "$O/bench" replayed | sed -e '/^memory/d'
    "$O/bench" report | sed -e '/^memory/d'
    "$O/asan/bench" native | sed -e 's/^native/asan/' -e '/^memory/d'
    /usr/bin/python3 tools/bench_files.py "$O"
    /usr/bin/python3 tools/bench_stacks.py "$O"
    /usr/bin/python3 tools/bench_qemu.py "$O"
} | awk '
    BEGIN {
        name["webget"] = "webget_runs_per_s"; name["webget256"] = "webget_runs_per_s_ring256"
        name["asan"] = "webget_runs_per_s_asan"; name["bulk_rx"] = "bulk_rx_MBps"
        name["bulk_tx"] = "bulk_tx_MBps"; name["memory"] = "peak_memory"
        name["replayed"] = "replayed_frames_per_s"
    }
    {
        key = $1 in name ? name[$1] : $1
        printf "%-32s %10s %s\n", key, $2, $3 > "/dev/stderr"
        line[n++] = "  \"" key "\": {\"value\": " $2 ", \"unit\": \"" $3 "\"}"
    }
    END {
        print "{"
        for (i = 0; i < n; i++) print line[i] (i + 1 < n ? "," : "")
        print "}"
    }' >"$O/bench.json.new"
mv "$O/bench.json.new" "$O/bench.json"
echo "written to $O/bench.json" >&2

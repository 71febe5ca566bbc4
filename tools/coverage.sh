#!/bin/sh
# Line coverage by gcov: all scenarios and unit tests on the host, then the kernels in QEMU; each
# makes tracefiles of gcovr, which are merged. Usage: tools/coverage.sh BUILD_FOLDER
set -eu
O=$1/coverage-build
out=$1/coverage
make --no-print-directory O="$O" CC=gcc CFLAGS_EXTRA="-O0 --coverage" all units
find "$O" -name '*.gcda' -delete
"$O/drywire" run -q tests/scenarios
for t in "$O"/unit/test_*; do
    case $t in *.d|*.o) ;; *) "$t" >/dev/null 2>&1 ;; esac
done
for m in rv64-mmio rv64-mmio-legacy x86-pci-modern rv64-pci-legacy; do
    "$O/qtest" --machine $m -- ping -c 2 -i 50 10.0.2.2 >/dev/null
done
mkdir -p "$out"
gcovr --root . --object-directory "$O" --filter core/ --filter user/ --filter sim/ --filter cmd/ \
    --exclude-unreachable-branches --json "$out/host.json" "$O"
sh tools/coverage_metal.sh "$1"

# merge NAME TRACEFILE...: also adds those made before.
merge() {
    name=$1
    shift
    for file; do
        shift
        set -- "$@" --add-tracefile "$file"
    done
    gcovr --root . "$@" --json "$out/$name.json"
}
merge x86_64 "$out"/x86_64-*.json
merge rv64 "$out"/rv64-*.json
merge host+x86_64 "$out/host.json" "$out/x86_64.json"
merge all "$out/host+x86_64.json" "$out/rv64.json"
gcovr --root . --add-tracefile "$out/all.json" --html-details "$out/index.html"
/usr/bin/python3 tools/coverage_table.py "$out"
echo "HTML: $out/index.html"

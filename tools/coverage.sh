#!/bin/sh
# Line coverage by gcov: all scenarios and unit tests together. Usage: tools/coverage.sh BUILD_FOLDER
set -eu
O=$1/coverage-build
make --no-print-directory O="$O" CC=gcc CFLAGS_EXTRA="-O0 --coverage" all units
find "$O" -name '*.gcda' -delete
"$O/drywire" run -q tests/scenarios
for t in "$O"/unit/test_*; do
    case $t in *.d|*.o) ;; *) "$t" >/dev/null 2>&1 ;; esac
done
for m in rv64-mmio rv64-mmio-legacy x86-pci-modern rv64-pci-legacy; do
    "$O/qtest" --machine $m -- ping -c 2 -i 50 10.0.2.2 >/dev/null
done
mkdir -p "$1/coverage"
gcovr --root . --object-directory "$O" --filter core/ --filter user/ --filter sim/ \
    --exclude-unreachable-branches --html-details "$1/coverage/index.html" \
    --json "$1/coverage/coverage.json" "$O"
/usr/bin/python3 - "$1/coverage/coverage.json" <<'P'
import json, sys
folders = {}
for f in json.load(open(sys.argv[1]))["files"]:
    lines = [l for l in f["lines"] if not l.get("gcovr/noncode")]
    parts = f["file"].split("/")
    for folder in {parts[0], "/".join(parts[:-1])}:
        hit, total = folders.get(folder, (0, 0))
        folders[folder] = (hit + sum(l["count"] > 0 for l in lines), total + len(lines))
for folder in sorted(folders):
    hit, total = folders[folder]
    print(f"{folder:20} {100 * hit / total:5.1f} %  {hit} of {total} lines")
json.dump({k: 100 * h / t for k, (h, t) in folders.items()},
          open(sys.argv[1].replace("coverage.json", "folders.json"), "w"), indent=1)
P
echo "HTML: $1/coverage/index.html"

#!/usr/bin/python3
"""Line coverage by folder, one column for each tracefile of gcovr; also as folders.json.

Usage: coverage_table.py FOLDER          FOLDER: with the tracefiles below
"""

import json
import sys
from pathlib import Path

COLUMNS = ["host", "x86_64", "rv64", "host+x86_64", "all"]


def folders(tracefile):
    """Lines run and lines in all, by folder; a folder includes those below it."""
    count = {}
    for file in json.loads(tracefile.read_text())["files"]:
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        parts = file["file"].split("/")
        for depth in range(1, len(parts)):
            hit, total = count.get("/".join(parts[:depth]), (0, 0))
            hit += sum(line["count"] > 0 for line in lines)
            count["/".join(parts[:depth])] = hit, total + len(lines)
    return count


def main(out):
    columns = {name: folders(out / f"{name}.json") for name in COLUMNS}
    print(f"{'lines run, %':20}" + "".join(f"{name:>13}" for name in COLUMNS) + f"{'lines':>8}")
    for folder in sorted(columns["all"]):
        row = [columns[name].get(folder) for name in COLUMNS]
        cells = "".join(f"{100 * c[0] / c[1]:13.1f}" if c else f"{'-':>13}" for c in row)
        print(f"{folder:20}{cells}{row[-1][1]:8}")
    percent = {name: {folder: 100 * hit / total for folder, (hit, total) in count.items()}
               for name, count in columns.items()}
    (out / "folders.json").write_text(json.dumps(percent, indent=1))


main(Path(sys.argv[1]))

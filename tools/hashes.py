#!/usr/bin/env python3
"""tests/hashes: what every scenario hashes to at seed 1, weak and strong (docs/verdicts.md).

    /usr/bin/python3 tools/hashes.py build/drywire    rewrite the file

A row is the two hashes (`-`: the scenario fixes the other memory) and the scenario. Those of world slirp
belong to the version of libslirp that the first line names.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tests/hashes"
MEMORIES = ("weak", "strong")


def libslirp(binary):
    """The version that it is linked with, or None."""
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"libslirp ([0-9.]+[0-9])", text)
    return found and found[1]


def measure(binary):
    """{scenario: {memory: hash}} of all that can run here, and the verdicts that are not a pass."""
    done = subprocess.run([binary, "run", "--json", "--memory", "both", "tests/scenarios", "tests/captures"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    found, bad = {}, []
    for verdict in map(json.loads, done.stdout.splitlines()):
        if verdict["verdict"] == "skip":
            continue
        found.setdefault(verdict["scenario"], {})[verdict["memory"]] = verdict["hash"]
        if verdict["verdict"] != "pass":
            bad.append(verdict)
    return found, bad


def is_slirp(name):
    return re.search(r"^world +slirp\b", (ROOT / name).read_text(errors="replace"), re.M) is not None


def stored(text):
    """(version of libslirp, {scenario: {memory: hash}}) of the file."""
    first, *rows = text.splitlines()
    table = {}
    for row in rows:
        *hashes, name = row.split(None, len(MEMORIES))
        table[name] = {memory: h for memory, h in zip(MEMORIES, hashes) if h != "-"}
    return first.split()[-1], table


def text_of(version, table):
    rows = [f"hashes at seed 1, weak and strong; those of world slirp with libslirp {version}"]
    for name in sorted(table, key=str.encode):
        rows.append(" ".join([*(f"{table[name].get(memory, '-'):16}" for memory in MEMORIES), name]))
    return "\n".join(rows) + "\n"


def main():
    binary = Path(sys.argv[1]).resolve()
    version, found = libslirp(binary), measure(binary)
    table, bad = found
    for verdict in bad:
        print(f"{verdict['scenario']}: {verdict['verdict']}, {verdict['memory']} memory", file=sys.stderr)
    if not version:
        version, old = stored(FILE.read_text())
        table = {**{n: h for n, h in old.items() if (ROOT / n).exists() and is_slirp(n)}, **table}
    if not bad:
        FILE.write_text(text_of(version, table))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

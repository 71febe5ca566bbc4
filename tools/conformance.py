#!/usr/bin/python3
"""docs/conformance.md: what proves each requirement of the standards, or why it is not met.

    /usr/bin/python3 tools/conformance.py    rewrite the page

It is made from tests/conformance.tsv and tests/threats.tsv. A line that starts with `# ` begins a group, the
others are rows of six fields: id, level, words, verdict (`test`, `deviation`, `n.a.` or `open`), what proves
it, and a reason. A proof is a ladder (`open/active.pkt`), a scenario (`native/lease.scn`), an oracle
(`tcp.window`) or the function of a unit test; names that do not exist are an error.
"""

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/conformance.md"
TABLES = {"conformance": ROOT / "tests/conformance.tsv", "threats": ROOT / "tests/threats.tsv"}
VERDICTS = ("test", "deviation", "n.a.", "open")
FIELDS = ("id", "level", "words", "verdict", "proof", "reason")


def proofs():
    """{name: path} of all that a row may name."""
    found = {}
    for path in ROOT.glob("tests/ladders/**/*.pkt"):
        found[str(path.relative_to(ROOT / "tests/ladders"))] = path
    for path in ROOT.glob("tests/scenarios/**/*.scn"):
        found[str(path.relative_to(ROOT / "tests/scenarios"))] = path
    table = ROOT / "sim/engine/oracle_table.h"
    for name in re.findall(r'ROW\(\w+,\s*"([^"]+)"', re.sub(r"\\\n", "", table.read_text())):
        found[name] = table
    for path in ROOT.glob("tests/unit/test_*.c"):
        text = path.read_text()
        for name in re.findall(r"^static void (\w+)\(void \*\*state\)$", text, re.M):
            if len(re.findall(rf"\b{name}\b", text)) >= 2:  # it is also in the list of main()
                found[name] = path
    return found


def groups(path):
    """[(title, [row])]; a row is a dictionary of FIELDS, its proof a list."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("# "):
            found.append((line[2:], []))
            continue
        fields = line.split("\t")
        if len(fields) != len(FIELDS):
            raise ValueError(f"{path.name}:{number}: {len(fields)} fields, {len(FIELDS)} expected: separate them by tabs")
        row = dict(zip(FIELDS, fields))
        row["proof"] = row["proof"].split()
        found[-1][1].append(row)
    return found


def errors(path, known):
    """What is wrong in a table, in words."""
    seen = set()
    for _, rows in groups(path):
        for row in rows:
            where = f"{path.name}: {row['id']}: "
            if row["id"] in seen:
                yield where + "the id comes twice: remove one of the rows"
            seen.add(row["id"])
            if row["verdict"] not in VERDICTS:
                yield where + f"verdict {row['verdict']}: write one of {', '.join(VERDICTS)}"
            if row["verdict"] == "test" and not row["proof"]:
                yield where + "no test is named: name one, or write another verdict"
            if row["verdict"] != "test" and not row["reason"]:
                yield where + f"{row['verdict']} without a reason: write it"
            for name in row["proof"]:
                if name not in known:
                    yield where + f"{name} does not exist: name a ladder, scenario, oracle or unit test"


def counted(rows):
    count = Counter(row["verdict"] for row in rows)
    return [len(rows), *(count[v] for v in VERDICTS)]


def link(name, known):
    path = known[name].relative_to(ROOT)
    return f"[{name}](../{path})"


def summary(title, series):
    yield f"| {title} | rows | met, by a test | deviation | does not apply | open |"
    yield "|---|---|---|---|---|---|"
    for name, rows in series:
        yield f"| {name} | " + " | ".join(map(str, counted(rows))) + " |"
    yield ""


def tables(found, known):
    for title, rows in found:
        yield f"### {title}"
        yield ""
        yield "| id | level | in short | verdict | proof, or why not |"
        yield "|---|---|---|---|---|"
        for row in rows:
            proof = ", ".join(link(name, known) for name in row["proof"])
            text = ". ".join(part for part in (proof, row["reason"]) if part)
            yield f"| {row['id']} | {row['level']} | {row['words']} | {row['verdict']} | {text} |"
        yield ""


def page(known):
    found = groups(TABLES["conformance"])
    threats = groups(TABLES["threats"])
    tcp = found[0][1]
    series = [(f"{found[0][0]}, {level}", [row for row in tcp if row["id"].startswith(prefix)])
              for level, prefix in (("MUST", "MUST-"), ("SHOULD", "SHLD-"), ("MAY", "MAY-"), ("recommended", "REC-"))]
    series += found[1:]
    must = [row for _, rows in found for row in rows if row["level"].startswith("MUST")]
    series.append(("all MUST and MUST NOT", must))
    met = counted(series[0][1])
    lines = [
        "# Conformance",
        "",
        "What proves each requirement of the standards of the network, or why it is not met. The words are a reminder,",
        "the clause decides. This page is made by `tools/conformance.py` from `tests/conformance.tsv` and",
        "`tests/threats.tsv`; `pytest/test_conformance.py` fails when a test that is named does not exist, an id is",
        "missing, or the page is another one.",
        "",
        f"Of the {met[0]} MUST of RFC 9293, {met[1]} are met and have a test, {met[2]} are deviations on purpose, {met[3]} do not",
        f"apply here, and {met[4]} are open.",
        "",
        *summary("standard", series),
        *summary("hostile frames", threats),
        "A proof is a ladder (`.pkt`, docs/ladders.md), a scenario (`.scn`, docs/scenarios.md), an oracle, which watches",
        "every run (docs/simulator.md), or a function of a unit test.",
        "",
        "## Requirements",
        "",
        *tables(found, known),
        "## Hostile frames",
        "",
        "Each is a class of frames that once broke a stack: no answer but what the standard asks for, one counter, and",
        "later traffic still works.",
        "",
        *tables(threats, known),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main():
    known = proofs()
    bad = [text for path in TABLES.values() for text in errors(path, known)]
    if bad:
        sys.exit("\n".join(bad))
    PAGE.write_text(page(known))


if __name__ == "__main__":
    main()

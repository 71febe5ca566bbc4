"""No green without a reason: what was not tested fails, or the verdict says it."""

import re

from conftest import ROOT, drywire


def oracles():
    """{name: (level, clause, sentence)} as `drywire list` prints them."""
    lines = drywire("list").stdout.split("\nOracles:\n")[1].splitlines()
    return {first.split()[0]: (*first.split(None, 2)[1:], second.strip())
            for first, second in zip(lines[::2], lines[1::2])}


def sources():
    return [(p, p.read_text()) for p in sorted((ROOT / "sim").rglob("*.c"))]


def test_every_violation_has_a_row_in_the_table():
    named, known = set(), oracles()
    for path, text in sources():
        for call in re.findall(r"\bVIOLATION\(\s*[^,]+,\s*([^,]+),", text):
            named |= {(path.name, word) for word in re.findall(r'"([^"]+)"', call)}
        for kind, call in re.findall(r"\bsim_fail\(\s*[^,]+,\s*(\w+),\s*([^,]+),", text):
            if kind != "FAILURE_HARNESS":
                named |= {(path.name, word) for word in re.findall(r'"([^"]+)"', call)}
    assert len(named) > 60
    assert {(where, name) for where, name in named if name not in known} == set()


def test_every_row_is_named_by_a_violation():
    """A row that nobody can report is a promise that nobody keeps. Those of frames are named by number."""
    everything = "".join(text for path, text in sources() if path.name != "oracle_table.c")
    header = (ROOT / "sim/oracle/oracle_table.h").read_text()
    rows = re.findall(r'ROW\((\w+), "([^"]+)"', header)
    assert len(rows) == len(oracles())
    unused = [name for number, name in rows if f'"{name}"' not in everything
              and not re.search(rf"oracle_fail\(\s*\w+,[^;]*\b{number}\b", everything)]
    assert unused == []


def test_the_page_has_the_table():
    page = (ROOT / "docs/simulator.md").read_text()
    for name, (level, clause, sentence) in oracles().items():
        row = f"| `{name}` | {level} | {clause} | {sentence} |"
        assert row in page, f"docs/simulator.md lacks the row\n{row}"

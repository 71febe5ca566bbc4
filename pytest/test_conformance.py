"""docs/conformance.md: each requirement once, every test that it names exists, and the page is what
tools/conformance.py makes of its tables."""

import re
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import conformance  # noqa: E402

# Rows of each series: RFC 9293 numbers its own, those of others count from 01.
SERIES = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
OTHERS = {"1122": 71, "2131": 43, "2132": 14, "826": 6, "5227": 11, "5961": 6, "6528": 2, "6298": 16, "5681": 17,
          "6582": 5, "6675": 7, "7323": 12, "tcpx": 4, "1035": 18, "9112": 25}
HOSTILE = {"E": 7, "A": 9, "I": 15, "M": 13, "U": 5, "D": 16, "N": 18, "T": 37, "H": 11}
KNOWN = conformance.proofs()


def rows(table):
    return [row for _, group in conformance.groups(conformance.TABLES[table]) for row in group]


def test_each_requirement_has_one_row():
    wanted = [f"{s}-{i}" for s, n in SERIES.items() for i in range(1, n + 1)]
    wanted += [f"{s}-{i:02}" for s, n in OTHERS.items() for i in range(1, n + 1)]
    assert sorted(row["id"] for row in rows("conformance")) == sorted(wanted)
    assert sorted(row["id"] for row in rows("threats")) == sorted(f"{s}{i}" for s, n in HOSTILE.items() for i in range(1, n + 1))


def test_levels_are_those_of_the_id():
    level = {"MUST": "MUST", "SHLD": "SHOULD", "MAY": "MAY", "REC": "SHOULD"}
    for row in rows("conformance"):
        series = row["id"].split("-")[0]
        assert row["level"] == level.get(series, row["level"])
        assert row["level"] in ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "-")


@pytest.mark.parametrize("table", conformance.TABLES)
def test_what_a_row_names_exists(table):
    assert list(conformance.errors(conformance.TABLES[table], KNOWN)) == []


@pytest.mark.parametrize("line, text", [
    ("X-1\tMUST\twords\ttest\topen/no-such.pkt\t", "open/no-such.pkt does not exist"),
    ("X-1\tMUST\twords\ttest\t\t", "no test is named"),
    ("X-1\tMUST\twords\tdeviation\topen/active.pkt\t", "deviation without a reason"),
    ("X-1\tMUST\twords\tmet\topen/active.pkt\treason", "verdict met"),
    ("X-1\tMUST\twords\topen\t\tlater\nX-1\tMUST\twords\topen\t\tlater", "the id comes twice"),
])
def test_a_wrong_row_is_found(line, text, tmp_path):
    table = tmp_path / "table.tsv"
    table.write_text(f"# group\n{line}\n")
    found = list(conformance.errors(table, KNOWN))
    assert len(found) == 1 and found[0].startswith("table.tsv: X-1: ") and text in found[0]


def test_a_row_without_a_field_is_found(tmp_path):
    table = tmp_path / "table.tsv"
    table.write_text("# group\nX-1\tMUST\twords\n")
    with pytest.raises(ValueError, match=r"table\.tsv:2: 3 fields, 6 expected"):
        conformance.groups(table)


def test_a_function_that_main_does_not_run_proves_nothing(tmp_path, monkeypatch):
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "sim/engine").mkdir(parents=True)
    (tmp_path / "sim/engine/oracle_table.h").write_text("")
    (tmp_path / "tests/unit/test_a.c").write_text("static void runs(void **state)\nstatic void rests(void **state)\nT(runs),\n")
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    assert list(conformance.proofs()) == ["runs"]


def test_the_page_is_what_the_generator_makes():
    assert conformance.PAGE.read_text() == conformance.page(KNOWN), "run tools/conformance.py"



def test_the_counts_are_those_of_the_rows():
    """Counted here from the rows of the page, not by the generator."""
    text = conformance.PAGE.read_text()
    verdicts = dict(re.findall(r"^\| ((?:MUST|SHLD|MAY)-\d+) \| [A-Z ]+ \| [^|]+ \| ([a-z.]+) \|", text, re.M))
    for word, prefix, total in ("MUST", "MUST-", 69), ("SHOULD", "SHLD-", 31), ("MAY", "MAY-", 18):
        of = [v for k, v in verdicts.items() if k.startswith(prefix)]
        assert len(of) == total
        cells = " | ".join(str(of.count(v)) for v in ("test", "deviation", "n.a.", "open"))
        assert f"| RFC 9293: TCP, {word} | {total} | {cells} |" in text
    of = [v for k, v in verdicts.items() if k.startswith("MUST-")]
    assert f"Of the 69 MUST of RFC 9293, {of.count('test')} are met and have a test, {of.count('deviation')} are deviations" in text
    assert f"and {of.count('open')} are open." in text

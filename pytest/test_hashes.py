"""Every scenario hashes to what is stored: a change of behaviour is seen, and reviewed as a diff of
tests/hashes, which `make update-hashes` rewrites."""

import sys

import pytest

from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import hashes  # noqa: E402


@pytest.fixture(scope="module")
def kept():
    return hashes.stored(hashes.FILE.read_text())


@pytest.fixture(scope="module")
def measured():
    found, bad = hashes.measure(BUILD / "drywire")
    assert bad == []
    return found


def not_compared(names, version, here):
    return (f"native hashes are the stored ones; the {len(names)} of world slirp, from {min(names)} on, belong to "
            f"libslirp {version}, this is {here}: not compared")


def test_the_line_of_what_is_skipped_is_short(kept):
    names = {name for name in kept[1] if hashes.is_slirp(name)}
    line = not_compared(names, "4.7.0", None)
    assert f"the {len(names)} of world slirp, from {sorted(names)[0]} on" in line and len(line) < 200


def test_every_hash_is_the_stored_one(kept, measured):
    version, table = kept
    here = hashes.libslirp(BUILD / "drywire")
    slirp = {name for name in {**table, **measured} if hashes.is_slirp(name)} if here != version else set()
    differs = [f"{name}: stored {table.get(name)}, now {measured.get(name)}" for name in sorted({**table, **measured})
               if name not in slirp and table.get(name) != measured.get(name)]
    assert differs == [], "is the change meant? then: make update-hashes, and review the diff"
    if slirp:
        pytest.skip(not_compared(slirp, version, here))


def test_weak_and_strong_are_different_runs(kept):
    same = [name for name, row in kept[1].items() if len(row) == 2 and row["weak"] == row["strong"]]
    assert same == []


# The same exchange with different expectations.
ALIKE = [{"common/contract-counters", "common/contract-netstackd"}, {"common/contract-web", "slirp/lease"},
         {"replay/ping-restricted", "slirp/ping-restricted"}]


def test_no_two_scenarios_are_one_run(kept):
    """A fault without effect gives the hash of the scenario without it."""
    by_hash = {}
    for name, row in kept[1].items():
        for h in row.values():
            by_hash.setdefault(h, set()).add(name.removeprefix("tests/scenarios/").removesuffix(".scn"))
    assert [names for names in by_hash.values() if len(names) > 1 and names not in ALIKE] == []


def test_the_file_is_what_would_be_written(kept):
    assert hashes.text_of(*kept) == hashes.FILE.read_text()

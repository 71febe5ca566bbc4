"""No green without a reason: what was not tested fails, or the verdict says it."""

import json
import re
import shutil

from conftest import ROOT, drywire

PING = ROOT / "tests/scenarios/common/ping-gateway.scn"


def judge(tmp_path, text, *args, code=None):
    """Run a scenario of these lines; its verdict object, or with `code` the whole outcome."""
    path = tmp_path / "case.scn"
    path.write_text(text)
    if code is not None:
        done = drywire("run", path, *args)
        assert done.returncode == code, done.stdout + done.stderr
        return done
    return json.loads(drywire("run", "--json", path, *args).stdout)


# ---- the table of oracles ----


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


# ---- memory ----

def memories(*args):
    lines = drywire("run", "--json", "tests/scenarios", *args).stdout.splitlines()
    return [(v["scenario"], v["memory"]) for v in map(json.loads, lines) if v["verdict"] != "skip"]


def test_under_one_seed_some_scenarios_are_weak_and_some_strong():
    for seed in (1, 2):
        drawn = [memory for _, memory in memories("--seed", seed)]
        assert 0.35 < drawn.count("weak") / len(drawn) < 0.65


def test_a_scenario_is_the_same_wherever_it_lies(tmp_path):
    shutil.copy(PING, tmp_path / "elsewhere.scn")
    for seed in range(1, 9):
        here, there = (json.loads(drywire("run", "--json", "--seed", seed, p).stdout)
                       for p in (PING, tmp_path / "elsewhere.scn"))
        assert (here["hash"], here["memory"]) == (there["hash"], there["memory"])


def test_both_runs_each_scenario_weak_and_strong():
    runs = memories("--memory", "both")
    names = {name for name, _ in runs}
    assert {(name, memory) for name in names for memory in ("weak", "strong")} == set(runs)
    summary = drywire("run", "-q", "--memory", "both", "tests/scenarios").stdout
    assert f", {len(runs)} runs\n" in summary
    assert "--memory both" in (ROOT / "Makefile").read_text().split("sim-test:")[1].split("\n\n")[0]


def test_a_scenario_that_fixes_its_memory_runs_once(tmp_path):
    weak = judge(tmp_path, "title T\nmemory weak\nrun ping 10.0.2.2\n", "--memory", "both")
    assert weak["memory"] == "weak"
    qemu = judge(tmp_path, "title T\ndevice virtio-net profile=qemu\nrun ping 10.0.2.2\n", "--memory", "both")
    assert qemu["memory"] == "strong"


def test_a_failure_says_under_which_memory_it_happens_again(tmp_path):
    bad = "title T\nrun ping 10.0.2.2\nexpect ping: done received=9\n"
    out = judge(tmp_path, bad, "--memory", "both", code=1).stdout
    assert "--memory weak" in out and "--memory strong" in out


def test_both_is_for_run_alone():
    for verb in ("explain", "seq"):
        done = drywire(verb, PING, "--memory", "both")
        assert done.returncode == 2 and "choose weak or strong" in done.stderr
        assert drywire(verb, PING, "--memory", "weak").stdout != drywire(verb, PING, "--memory", "strong").stdout

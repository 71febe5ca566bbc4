"""docs/ci.md: the steps of its workflow, as they are printed."""

import os
import re

from conftest import ROOT, command

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.S)
STEPS = [step for block in BLOCKS for step in re.findall(r"run: (.*)", block)]
SIM = [s for s in STEPS if s.startswith("make sim-test")]
FAILS = ("title t\nworld native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
         "expect webget: done status=500 by 1s\n")


def step(words, **variables):
    env = dict(os.environ, GITHUB_ACTIONS="true", O=os.environ.get("O", "build"), **variables)
    return command(["sh", "-ec", words], env=env)


def test_every_step_is_known():
    installs = [s for s in STEPS if s.startswith("apt-get update && apt-get install ")]
    assert installs and len(SIM) == 1
    assert set(STEPS) - set(installs) - set(SIM) == {"make qemu-test"}
    assert step("make -n qemu-test").returncode == 0
    assert "tests/captures" in step("make -n sim-test").stdout


def test_the_step_passes_and_runs_the_captures(tmp_path):
    done = step(SIM[0])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "tests/captures/" in done.stdout and "tests/scenarios/" in done.stdout
    assert "::error" not in done.stderr


def test_a_failing_step_annotates_once_and_leaves_what_is_uploaded(tmp_path):
    case, summary = tmp_path / "case.scn", tmp_path / "summary"
    case.write_text(FAILS)
    out = ROOT / re.search(r"path: (\S+)", BLOCKS[0]).group(1)
    before = set(out.glob("*"))
    done = step(SIM[0], SCENARIO=str(case), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode != 0
    assert re.findall(r"^::error file=(.*?),line=(\d+)", done.stderr, re.M) == [(str(case), "5")]
    rows = [line for line in summary.read_text().splitlines() if "case.scn" in line]
    assert len(rows) == 2, "one replay line for each memory"
    left = set(out.glob("*")) - before
    assert sorted(p.suffix for p in left) == 2 * [".pcapng"] + 2 * [".trace"] + 2 * [".txt"]
    for path in left:
        path.unlink()

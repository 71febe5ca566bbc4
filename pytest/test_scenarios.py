"""Every scenario, one process each."""

import pytest

from conftest import ROOT, SCENARIOS, drywire, relative

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("path", SCENARIOS, ids=relative)
def test_scenario(path, record_property):
    done = drywire("run", relative(path))
    record_property("replay", f"build/drywire run {relative(path)} --seed 1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_at_least_forty():
    assert len(SCENARIOS) >= 40


@pytest.mark.parametrize("seed", range(2, 22))
def test_the_suite_passes_under_other_seeds(seed):
    done = drywire("run", "-q", "--seed", seed, "tests/scenarios")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_result_of_the_wrong_calls_is_stated():
    path = "tests/scenarios/common/calls.scn"
    told = {line.split("calls: ")[1] for line in drywire("run", "-v", path).stdout.splitlines() if " calls: " in line}
    stated = {line.split("calls: ")[1] for line in (ROOT / path).read_text().splitlines() if line.startswith("expect")}
    assert told == stated and len(told) > 100

"""Every scenario, one process each."""

import pytest

from conftest import SCENARIOS, drywire, relative

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

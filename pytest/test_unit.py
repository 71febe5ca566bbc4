"""The cmocka programs, one process each."""

import pytest

from conftest import BUILD, ROOT, command

TESTS = sorted(p.stem for p in (ROOT / "tests/unit").glob("test_*.c"))


@pytest.mark.parametrize("name", TESTS)
def test_unit(name):
    done = command([BUILD / "unit" / name])
    assert done.returncode == 0, done.stdout + done.stderr

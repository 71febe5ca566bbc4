"""Kills at random moments leave no process and no half file; `make chaos` does 500."""

import sys

from conftest import BUILD, ROOT, command


def test_nothing_is_left_and_nothing_is_half():
    done = command([sys.executable, ROOT / "tools/chaos.py", "--kills", 40, "--build", BUILD])
    assert done.returncode == 0 and "40 kills" in done.stdout and " 0 found" in done.stdout, done.stdout + done.stderr

"""Scenarios and unit tests together reach at least 90 % of the core's lines, by gcov."""

import json

import pytest

from conftest import BUILD, command

pytestmark = pytest.mark.slow


def test_the_core_is_covered():
    done = command(["sh", "tools/coverage.sh", BUILD])
    assert done.returncode == 0, done.stdout + done.stderr
    folders = json.loads((BUILD / "coverage/folders.json").read_text())
    assert folders["core"] >= 90, folders
    assert (BUILD / "coverage/index.html").stat().st_size > 1000

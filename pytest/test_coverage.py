"""Scenarios, unit tests and kernels in QEMU together reach most of the core and the targets."""

import json
import os

import pytest

from conftest import BUILD, ROOT, command

pytestmark = pytest.mark.slow


def test_the_core_is_covered():
    # By the name that make itself uses: dependency files know no other.
    done = command(["sh", "tools/coverage.sh", os.path.relpath(BUILD, ROOT)])
    assert done.returncode == 0, done.stdout + done.stderr
    folders = json.loads((BUILD / "coverage/folders.json").read_text())
    assert folders["all"]["core"] >= 90, folders
    assert folders["all"]["targets"] >= 80, folders
    # QEMU's user network loses nothing, does no SACK and has no server of names.
    assert folders["host"]["core/net"] >= 90 and folders["rv64"]["core/net"] >= 45, folders
    assert (BUILD / "coverage/index.html").stat().st_size > 1000

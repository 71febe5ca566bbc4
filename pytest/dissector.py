"""Captures as Wireshark shows them with tools/wireshark/drywire.lua."""

import functools
import os

import pytest

from conftest import ROOT, command

SCRIPT = ROOT / "tools/wireshark/drywire.lua"


@functools.cache
def lua_for_root():
    """Wireshark 4.4 runs no script for the superuser."""
    done = command(["tshark", "-X", f"lua_script:{SCRIPT}", "-r", ROOT / "tests/captures/web-lost-synack.pcapng",
                    "-c", "1", "-T", "fields", "-e", "drywire.core"])
    return os.geteuid() != 0 or done.returncode == 0


def tshark(capture, *args):
    if not lua_for_root():
        pytest.skip("this tshark runs no Lua script for root; another user's does")
    done = command(["tshark", "-X", f"lua_script:{SCRIPT}", "-r", capture, *args])
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr, done.stderr
    return done.stdout

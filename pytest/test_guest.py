"""Somebody else's guest in the core's place, and the bugs of its driver."""

import json

import pytest

from conftest import BUILD, command, drywire

SCENARIO = "tests/guests/ping.scn"


def test_the_foreign_guest_passes():
    done = drywire("run", "--guest", BUILD / "guest_ping.so", SCENARIO)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug, names", [
    (1, {"ring.ownership"}),
    (2, {"ring.lost_notification"}),
    (3, {"features.late", "status.order"}),
    (4, {"ring.dma_address"}),
])
def test_its_driver_bugs_are_named(bug, names, tmp_path):
    guest = tmp_path / "guest.so"
    done = command(["cc", "-std=c11", "-O2", f"-DGUEST_BUG={bug}", "-fPIC", "-shared", "-o", guest,
                    "tests/guests/ping.c"])
    assert done.returncode == 0, done.stderr
    done = drywire("run", "--json", "--guest", guest, SCENARIO)
    result = json.loads(done.stdout.splitlines()[0])
    assert done.returncode == 1 and result["oracle"] in names, done.stdout


@pytest.mark.parametrize("text", ["", "int x;"])
def test_what_is_no_guest_is_an_error(text, tmp_path):
    guest = tmp_path / "guest.so"
    if text:
        (tmp_path / "g.c").write_text(text)
        command(["cc", "-fPIC", "-shared", "-o", guest, tmp_path / "g.c"])
    done = drywire("run", "--guest", guest, SCENARIO)
    assert done.returncode == 2
    assert str(guest) in done.stderr and len(done.stderr.splitlines()) == 1

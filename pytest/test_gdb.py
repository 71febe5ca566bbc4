"""`drywire run --gdb`: gdb stops where the run fails, or at --break-at."""

import subprocess

import pytest

from conftest import BUILD, ROOT, drywire

LEASE = "tests/scenarios/slirp/lease.scn"


def gdb(*args, commands):
    done = subprocess.run([BUILD / "drywire", "run", "--gdb", *args], capture_output=True, cwd=ROOT, text=True,
                          timeout=120, input="set width 0\n" + commands + "quit\n")
    return done.stdout + done.stderr


def test_it_stops_where_an_expectation_fails(tmp_path):
    (tmp_path / "bad.scn").write_text((ROOT / LEASE).read_text().replace("bytes=26", "bytes=27"))
    said = gdb(tmp_path / "bad.scn", commands="bt\n")
    assert "hit Breakpoint" in said and "fail_unmet (" in said, said


def test_it_does_not_stop_in_a_run_that_passes():
    said = gdb(LEASE, commands="")
    assert "hit Breakpoint" not in said and "exited normally" in said, said


@pytest.mark.parametrize("place, expression, value", [
    ("event=40", "s->events", 39),
    ("packet=5", "((struct story *)ctx)->v->last_count", 4),
    ("t=60us", "s->now_ns < 1000060000 && s->heap[0].time_ns >= 1000060000", 1),
])
def test_it_stops_there(place, expression, value):
    said = gdb("--break-at", place, LEASE, commands=f"print {expression}\n")
    assert f"$1 = {value}\n" in said, said


def test_the_seed_goes_along():
    said = gdb("--seed", "7", "--break-at", "event=1", LEASE,
               commands="print s->seed\n")
    assert "$1 = 7\n" in said, said


@pytest.mark.parametrize("args, words", [
    (["--break-at", "event=1", LEASE], "--break-at needs --gdb"),
    (["--gdb", "tests/scenarios/slirp"], "--gdb needs a single scenario"),
    (["--gdb", "--break-at", "line=3", LEASE], "needs event=N, t=DURATION or packet=N, not 'line=3'"),
    (["--gdb", "--break-at", "event=0", LEASE], "needs event=N"),
])
def test_what_makes_no_sense_is_an_error(args, words):
    done = drywire("run", *args)
    assert done.returncode == 2 and words in done.stderr and not done.stdout

"""Runs in workers: the same verdicts with any number of workers, a crash that affects one run only, many
seeds, and an end that leaves no files and processes."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import BUILD, ROOT, command, drywire, results

LEASE = "tests/scenarios/slirp/lease.scn"
WEB = ("world native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
       "expect webget: done status=200\n")
# Fails under some seeds only: half of all frames are lost, and there are six seconds.
UNLUCKY = WEB.replace("status=200", "status=200 by 6s") + "wire rx drop=50%\nallow exit\n"

GUEST = f'''
#include "{ROOT}/sim/machine/guest.h"
#include <stdio.h>
#include <stdlib.h>
static int runs;
static int boot(void *s, const struct guest_config *c, uint64_t t) {{ (void)s; (void)c; (void)t; return 0; }}
static void poll(void *s, uint64_t t) {{ (void)s; (void)t; POLL; }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; (void)t; return UINT64_MAX; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "g", .size = 8, .boot = boot,
                                     .poll = poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
'''


def guest(tmp_path, poll):
    source = tmp_path / "guest.c"
    source.write_text(GUEST.replace("POLL;", poll))
    done = command(["cc", "-fPIC", "-shared", "-o", tmp_path / "guest.so", source])
    assert done.returncode == 0, done.stderr
    return tmp_path / "guest.so"


def without_host_time(text):
    return re.sub(r", [\d.]+ m?s real", "", text)


def test_the_number_of_workers_does_not_show(tmp_path):
    bad = tmp_path / "bad.scn"
    bad.write_text(WEB.replace("status=200", "status=500"))
    runs = [drywire("run", "--jobs", n, "--seeds", "1..3", "tests/scenarios/native", bad, LEASE)
            for n in (1, 2, 5)]
    assert {r.returncode for r in runs} == {1}
    assert len({without_host_time(r.stdout) for r in runs}) == 1
    assert len({r.stderr for r in runs}) == 1


def test_a_worker_gives_every_run_the_hash_of_a_first_run():
    alone = {n: drywire("run", "--json", n).stdout for n in
             ("tests/scenarios/native/arp-storm.scn", LEASE)}
    for name, text in alone.items():
        many = results("--jobs", 1, "tests/scenarios/native", "tests/scenarios/slirp", LEASE)
        assert many[name]["hash"] == json.loads(text)["hash"]


def test_a_crash_is_one_runs_own(tmp_path):
    crash = guest(tmp_path, "*(volatile int *)8 = 1;")
    done = drywire("run", "--jobs", 2, "--guest", crash, "tests/guests/ping.scn", "tests/guests/ping.scn")
    assert done.returncode == 1
    assert done.stdout.count("crash signal: Segmentation fault") == 2
    assert "0 passed, 2 failed, 0 skipped" in done.stdout


def test_a_guest_keeps_nothing_from_run_to_run(tmp_path):
    """Its variables are initialised in every run."""
    counts = guest(tmp_path, 'if (runs++ == 0) printf("first poll\\n");')
    done = drywire("run", "--jobs", 1, "--guest", counts, "tests/guests/ping.scn", "tests/guests/ping.scn")
    assert done.stderr.count("first poll") == 2


def test_what_a_guest_prints_is_its_runs_and_never_among_json(tmp_path):
    prints = guest(tmp_path, 'if (!runs++) { printf("to stdout\\n"); fprintf(stderr, "to stderr\\n"); }')
    done = drywire("run", "--json", "--guest", prints, "tests/guests/ping.scn")
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["fail"]
    printed = done.stderr[done.stderr.index("drywire: tests/guests/ping.scn printed:"):]
    assert "to stdout" in printed and "to stderr" in printed


def test_seeds_tell_of_the_first_that_fails_and_of_how_many(tmp_path):
    path = tmp_path / "unlucky.scn"
    path.write_text(UNLUCKY)
    one_by_one = [seed for seed in range(1, 31)
                  if drywire("run", "-q", "--seed", seed, path).returncode]
    assert 1 < len(one_by_one) < 29
    done = drywire("run", "--seeds", "1..30", path)
    assert done.returncode == 1
    assert f"\nfail  {path}  seeds=1..30  30 runs, {len(one_by_one)} failed, first seed={one_by_one[0]}, " \
        in done.stdout
    assert done.stdout.count("what: ") == 1
    assert f"--seed {one_by_one[0]}\n" in done.stdout
    lines = [json.loads(x) for x in drywire("run", "--json", "--seeds", "1..30", path).stdout.splitlines()]
    assert [x["seed"] for x in lines if x["verdict"] == "fail"] == one_by_one


def test_seeds_tell_what_one_verdict_line_does(tmp_path):
    path = tmp_path / "idle.scn"
    path.write_text("title T\nworld native\nwire rx dup=1%\nrun ping -c 1 10.0.2.2\nat 9s drop rx arp\n"
                    "oracle off tcp.mss\noracle off arp.rate\nallow idle-fault\n")
    idle = [json.loads(drywire("run", "--json", "--seed", seed, path).stdout)["idle"] for seed in (3, 4, 5)]
    assert all(idle)
    assert drywire("run", "--seeds", "3..5", path).stdout.splitlines()[0] == (
        f"pass  {path}  seeds=3..5  3 runs, 0 failed, 3 with idle faults (first seed=3: {idle[0]}), "
        "off: tcp.mss arp.rate, allowed: idle-fault")
    plain = drywire("run", "--seeds", "3..5", LEASE).stdout.splitlines()[0]
    assert plain == f"pass  {LEASE}  seeds=3..5  3 runs, 0 failed"


@pytest.mark.parametrize("text", ["3", "5..4", "a..b", "1..", "1..99999999999", ".."])
def test_bad_seeds(text):
    done = drywire("run", "--seeds", text, LEASE)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and text in done.stderr


def test_too_many_seeds():
    done = drywire("run", "--seeds", "0..18446744073709551615", LEASE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "drywire: --seeds takes 4294967295 seeds at most, '0..18446744073709551615' has more\n"


def test_the_last_seeds_are_seeds_too():
    done = drywire("run", "--seeds", "18446744073709551613..18446744073709551615", LEASE)
    assert done.returncode == 0 and ".18446744073709551615  3 runs, 0 failed" in done.stdout


def test_a_capture_that_was_asked_for_stays_beside_artifacts_of_failures(tmp_path):
    done = drywire("run", "--pcap", tmp_path / "x.pcapng", "--artifacts", tmp_path / "out", LEASE)
    assert done.returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "x.pcapng"]
    assert not list((tmp_path / "out").iterdir())


# ---- the end ----

def marked(mark):
    """Processes that have this mark in their environment."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and mark.encode() in open(f"/proc/{name}/environ", "rb").read():
                found.append(int(name))
        except OSError:
            pass
    return found


def none_left(mark):
    for _ in range(2000):  # a process that was killed takes a moment to be gone
        if not marked(mark):
            return True
        time.sleep(0.01)
    return False


def start_long(tmp_path, mark, ignored=()):
    """A run of many seeds with active workers that is far from its end."""
    def before():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    env = {**os.environ, "DRYWIRE_TEST_MARK": mark}
    p = subprocess.Popen([BUILD / "drywire", "run", "--jobs", "2", "--seeds", "1..100000",
                          "--artifacts", tmp_path / "out", "tests/scenarios/native/arp-storm.scn",
                          "tests/scenarios/slirp/lease.scn"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=ROOT, text=True,
                         preexec_fn=before)
    while len(marked(mark)) < 3:
        assert p.poll() is None
    return p


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_ends_with_a_summary_and_leaves_nothing(number, tmp_path):
    mark = f"end-{number}-{os.getpid()}"
    p = start_long(tmp_path, mark)
    p.send_signal(number)
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 128 + number
    assert re.search(r"\d+ passed, 0 failed, 0 skipped, \d+ runs; stopped, \d+ runs left", out)
    assert none_left(mark)
    assert not list((tmp_path / "out").iterdir())


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    mark = f"kill-{os.getpid()}"
    p = start_long(tmp_path, mark)
    p.kill()
    p.communicate(timeout=60)
    assert none_left(mark)


def test_a_worker_that_is_killed_fails_its_run_alone(tmp_path):
    mark = f"worker-{os.getpid()}"
    p = start_long(tmp_path, mark)
    os.kill(next(pid for pid in marked(mark) if pid != p.pid), signal.SIGKILL)
    while len(marked(mark)) < 3:
        assert p.poll() is None
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 130
    assert out.count("signal 9") <= 1 and none_left(mark)


def test_signals_that_nohup_ignores_stay_ignored(tmp_path):
    mark = f"nohup-{os.getpid()}"
    p = start_long(tmp_path, mark, ignored=(signal.SIGINT, signal.SIGHUP))
    p.send_signal(signal.SIGINT)
    p.send_signal(signal.SIGHUP)
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=60)
    assert p.returncode == 143 and none_left(mark)

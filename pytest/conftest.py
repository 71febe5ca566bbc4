"""Orchestration only: where the build is, how to run drywire, how to build a variant of it."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import planted  # noqa: E402

BUILD = (ROOT / os.environ.get("O", "build")).resolve()
TARGETS = ["x86_64", "rv64"]
GUARD = 3600  # seconds; against a hang only: the machine may be busy
SCENARIOS = sorted((ROOT / "tests/scenarios").glob("**/*.scn"), key=lambda p: str(p).encode())

COMMON = [p for p in SCENARIOS if p.parent.name == "common"]
# The longest back-offs pass quickly when time is counted in instructions; a polling machine never halts, so
# the far side, which lives in real time, keeps up: four seconds of the machine take the emulators
# half a second with these shifts.
BACK_OFF = {"lease-nak", "lease-silent"}
SHIFT = {"x86_64": 5, "rv64": 7}


def relative(path):
    return str(Path(path).relative_to(ROOT))


def command(args, cpu_s=None, **options):
    """Run a command in the project's root; text in, text out, never a shell. cpu_s: what a process of
    it may use of a processor, which other work on the machine does not change."""
    if cpu_s:
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    options.setdefault("timeout", GUARD)
    return subprocess.run(
        [str(a) for a in args],
        cwd=options.pop("cwd", ROOT),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        **options,
    )


def drywire(*args, binary=None, env=None, **options):
    full = dict(os.environ)
    full.pop("GITHUB_ACTIONS", None)
    full.update(env or {})
    return command([binary or BUILD / "drywire", *args], env=full, **options)


def results(*args, **options):
    """The verdict objects of `drywire run --json`, by scenario."""
    done = drywire("run", "--json", *args, **options)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    return {line["scenario"]: line for line in lines}


def build_variant(name, *variables, targets=("drywire",)):
    """Build with other variables into build/variant/NAME; returns that folder. Files of tests run side
    by side: waits for another one that builds in the same folder."""
    folder = BUILD / "variant" / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = command(["make", "-s", "-j2", f"O={folder}", *variables,
                        *[f"{folder}/{t}" for t in targets]])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def planter_of(*targets):
    """Builds these with bugs planted in them."""
    return planted.Planter(os.environ.get("O", "build"), os.environ.get("CC", "cc"), targets)


@pytest.fixture(scope="session")
def planter():
    return planter_of("drywire", "qtest", *planted.KERNELS)


def pytest_configure(config):
    # A signal that is ignored here (nohup, cron) would be ignored in every program that is started; one
    # with a handler is not, and this handler ignores it as well.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    config.addinivalue_line("markers", "sim: runs scenarios in the simulator")
    config.addinivalue_line("markers", "qemu: boots targets in QEMU")
    config.addinivalue_line("markers", "browser: opens pages in a headless Chromium")
    config.addinivalue_line("markers", "slow: builds variants of the simulator")


def common_run(target, path, folder):
    """A common scenario on a target, with both captures: the far side's and the guest's card's."""
    world, nic = (folder / f"{path.stem}-{target}{end}" for end in (".pcapng", ".pcap"))
    how = ["--icount", SHIFT[target]] if path.stem in BACK_OFF else ["--device", "interrupts=on"]
    done = drywire("qemu", "--target", target, *how, "--pcap", world, "--nic-pcap", nic,
                   relative(path))
    return SimpleNamespace(done=done, world=world, nic=nic)


@pytest.fixture(scope="session")
def common_runs(tmp_path_factory):
    """Every common scenario once on each target, three at a time: most of their time is waiting."""
    folder = tmp_path_factory.mktemp("common")
    with ThreadPoolExecutor(3) as pool:
        jobs = {(t, p): pool.submit(common_run, t, p, folder) for t in TARGETS for p in COMMON}
        return {key: job.result() for key, job in jobs.items()}


def pytest_terminal_summary(terminalreporter):
    for line in getattr(terminalreporter.config, "tables", []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def reference():
    """Hash and verdict of every scenario, from the build under test."""
    return results("tests/scenarios")

"""Ends `drywire run` at random moments and looks at what is left.

    chaos.py [--kills N] [--seed N] [--build FOLDER]

Each round starts a run that writes every kind of output and sends one of SIGINT, SIGTERM, SIGHUP and
SIGKILL to the parent or to a worker. No process of it may be left, each file under its final name
must be whole, and a requested end leaves no temporary file. Then pairs of runs write to
one path, and runs write to a disk that is full. The moments are drawn from the seed; what a process
does then is up to the machine, so a round is known by its number. Exit: 0, or 1 with a line for each
problem.
"""

import argparse
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
MARKER = "DRYWIRE_CHAOS"
GUARD_S = 300  # against a hang only
LEFT_S = 30  # in which the kernel ends the children of a process that was killed
LEASE = "tests/scenarios/slirp/lease.scn"
BAD = """title The page is another one
world native
serve http 10.0.2.2:80 path=/ body="x"
run webget http://10.0.2.2/
expect webget: done status=500
"""


def start(build, marker, *args, **options):
    environment = {k: v for k, v in os.environ.items() if k != "GITHUB_ACTIONS"}
    return subprocess.Popen([build / "drywire", "run", *map(str, args)], cwd=ROOT, env=environment | {MARKER: marker},
                            stdin=subprocess.DEVNULL, **options)


def processes(marker):
    """Those with the marker in their environment that are not zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if f"{MARKER}={marker}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass  # it ended, or is another user's
    return found


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def left_over(marker):
    """Processes that are left after the kernel had time to end them; they are ended here."""
    deadline = time.monotonic() + LEFT_S
    while (left := processes(marker)) and time.monotonic() < deadline:
        select.select([], [], [], 0.005)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


def pcapng_problem(data):
    at = 0
    while at < len(data):
        if len(data) - at < 12:
            return f"{len(data) - at} bytes after the last block"
        kind, length = struct.unpack_from("=II", data, at)
        if at == 0 and kind != 0x0A0D0D0A:
            return "no section header"
        if length < 12 or length % 4 or at + length > len(data):
            return f"the block at {at} is cut"
        if struct.unpack_from("=I", data, at + length - 4)[0] != length:
            return f"the block at {at} has two lengths"
        at += length
    return None if data else "empty"


def file_problem(path):
    """Why a file under its final name is not complete; None: it is."""
    data = path.read_bytes()
    if path.suffix == ".pcapng":
        return pcapng_problem(data)
    if path.suffix == ".xml":
        try:
            suite = ElementTree.fromstring(data)
        except ElementTree.ParseError as error:
            return str(error)
        return None if suite.iter("testcase") else "no testcase"
    if not data.endswith(b"\n"):
        return "the last line is cut"
    if path.suffix == ".txt" and b"\nbisect: " not in data:
        return "the failure block is cut"
    return None


def look(folder, temporaries_allowed):
    found = []
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(".partial"):
            if not temporaries_allowed:
                found.append(f"{path.name} is left")
        elif path.is_file() and (problem := file_problem(path)):
            found.append(f"{path.name} is half: {problem}")
    return found


def json_problem(output):
    """Of stdout under --json: each line that was ended is one object."""
    for line in output.decode().split("\n")[:-1]:
        try:
            json.loads(line)
        except ValueError:
            return [f"stdout is not JSON: {line[:80]}"]
    return []


def one_kill(build, bad, folder, number, rng):
    many, victim_is_parent, sent = rng.random() < 0.5, rng.random() < 0.6, rng.choice(SIGNALS)
    # A run that would not end by itself, where the signal must end it.
    length = 1000000 if victim_is_parent else 300
    outputs = ["--junit", folder / "junit.xml"]
    if many:
        outputs += ["--artifacts", folder / "artifacts", "--seeds", f"1..{length}"]
        files = [bad, LEASE]
    else:
        outputs += ["--pcap", folder / "one.pcapng", "--trace", folder / "one.trace", "--repeat", length]
        files = [LEASE]
    delay_s = rng.random() ** 2 * 0.4
    marker = f"{os.getpid()}-{number}"
    run = start(build, marker, "--jobs", 2, "--json", *outputs, *files, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True)
    select.select([], [], [], delay_s)
    workers = children(run.pid)
    victim = run.pid if victim_is_parent or not workers else rng.choice(workers)
    to_parent = victim == run.pid
    try:
        os.kill(victim, sent)
    except ProcessLookupError:
        pass  # a worker that has just ended
    try:
        output = run.communicate(timeout=GUARD_S)[0]
    except subprocess.TimeoutExpired:
        run.kill()
        output = run.communicate()[0]
        return [f"it did not end, {sent.name} to {'the parent' if to_parent else 'a worker'}"]
    found = [f"process {pid} is left" for pid in left_over(marker)]
    found += look(folder, to_parent and sent == signal.SIGKILL)
    if not (to_parent and sent == signal.SIGKILL):
        found += json_problem(output)
    if victim_is_parent and sent == signal.SIGINT and run.returncode not in (130, -signal.SIGINT):
        found.append(f"SIGINT gives {run.returncode}, not 130")
    return [f"{what} ({sent.name} to {'the parent' if to_parent else 'a worker'} after {delay_s:.3f} s)"
            for what in found]


def one_pair(build, bad, folder, number):
    """Two runs into the same files: both end, and the files are complete."""
    outputs = ["--junit", folder / "junit.xml", "--pcap", folder / "one.pcapng", "--trace", folder / "one.trace"]
    marker = f"{os.getpid()}-pair-{number}"
    runs = [start(build, marker, "-q", *outputs, path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for path in (LEASE, bad)]
    codes = [run.wait(timeout=GUARD_S) for run in runs]
    found = [] if codes == [0, 1] else [f"a pair gives {codes}, not [0, 1]"]
    return found + [f"process {pid} is left" for pid in left_over(marker)] + look(folder, False)


def one_full_disk(build, folder, option, name):
    """A full disk of 4 KiB in its own mount namespace; None: namespaces are not available here."""
    script = (f'mount -t tmpfs -o size=4k none "{folder}" || exit 99; head -c 4096 /dev/zero > "{folder}/full"; '
              f'"{build}/drywire" run -q --{option} "{folder}/{name}" {LEASE} >&2; echo $?; ls -A "{folder}"')
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True,
                          timeout=GUARD_S)
    if done.returncode:
        return None
    code, *names = done.stdout.split()
    found = [] if code == "4" else [f"--{option} on a full disk gives {code}, not 4"]
    return found + [f"--{option} on a full disk leaves {n}" for n in names if n != "full"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    args = parser.parse_args()
    args.build = args.build.resolve()
    rng = random.Random(args.seed)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # nohup and cron ignore some, and runs
        signal.signal(number, signal.SIG_DFL)                      # would continue to ignore them
    rounds, found, no_namespace = 0, 0, False

    def report(name, problems):
        nonlocal rounds, found
        rounds += 1
        found += len(problems)
        for what in problems:
            print(f"{name}: {what}")

    with tempfile.TemporaryDirectory() as base:
        bad = Path(base, "bad.scn")
        bad.write_text(BAD)
        for number in range(args.kills):
            with tempfile.TemporaryDirectory(dir=base) as folder:
                report(f"kill {number}", one_kill(args.build, bad, Path(folder), number, rng))
        for number in range(max(args.kills // 20, 1)):
            with tempfile.TemporaryDirectory(dir=base) as folder:
                report(f"pair {number}", one_pair(args.build, bad, Path(folder), number))
        for option, name in (("junit", "junit.xml"), ("pcap", "one.pcapng"), ("trace", "one.trace")):
            with tempfile.TemporaryDirectory(dir=base) as folder:
                problems = one_full_disk(args.build, folder, option, name)
                no_namespace |= problems is None
                report(f"full disk {option}", problems or [])
    if no_namespace:
        print("skipped: full disks, for a mount namespace is not allowed here")
    print(f"{args.kills} kills, {rounds} rounds, {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

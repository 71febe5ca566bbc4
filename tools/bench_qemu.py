#!/usr/bin/env python3
"""How fast are the targets in QEMU? From its start to the lease and to a page; TCP both ways against
`drywire world`, beside the guest's best plain copy; and where the instructions go.
Usage: tools/bench_qemu.py BUILD_FOLDER; prints `name value unit` lines."""

import bisect
import collections
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["x86_64", "rv64"]
RUNS = 9  # of what is timed; the median counts
BULK = 32 << 20
WAKE = "interrupts=on event_idx=on"

PAGE = ROOT / "tests/scenarios/common/contract-web.scn"
RECEIVE = ("title Bench: receive\nworld slirp\nserve http 10.0.2.2:8080 path=/n size={n}\n"
           "run webget -q http://10.0.2.2:8080/n\nexpect webget: done status=200 bytes={n}\n")
SEND = ("title Bench: send\nworld slirp\nserve sink 10.0.2.2:9\n"
        "run tcpsend -q 10.0.2.2 9 {n}\nexpect tcpsend: done sent={n}\n")


def say(name, value, unit):
    print(f"{name} {value:.4g} {unit}", flush=True)


def boot(target, scenario, *options):
    done = subprocess.run([BUILD / "drywire", "qemu", "-v", "--target", target, "--kernel",
                           BUILD / target / "bench.elf", *options, scenario],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def wall_ms(out, marker):
    """When the line was read, since the emulator was started."""
    return int(re.search(rf"^ *(\d+) ms.*{marker}", out, re.M)[1])


def guest_s(out, marker):
    """When the guest printed it, by its own clock."""
    return float(re.search(rf" ms +(\d+\.\d+)  {marker}", out)[1])


def start_up(target):
    outs = [boot(target, PAGE, "--device", WAKE) for _ in range(RUNS)]
    say(f"lease_ms_{target}", statistics.median(wall_ms(o, "dhcp addr=") for o in outs), "ms")
    say(f"webget_ms_{target}", statistics.median(wall_ms(o, r"webget: \| hello") for o in outs),
        "ms")


def machine(target, *options):
    """An argument vector without a scenario."""
    binary, *board = {
        "x86_64": ["qemu-system-x86_64", "-M", "q35", "-bios", "qboot.rom",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
                   "-device", "virtio-net-pci,netdev=n,romfile="],
        "rv64": ["qemu-system-riscv64", "-M", "virt", "-bios", "none",
                 "-global", "virtio-mmio.force-legacy=false",
                 "-device", "virtio-net-device,netdev=n"],
    }[target]
    return [binary, "-accel", "tcg", "-m", "128", "-nodefaults", "-no-reboot", "-display", "none",
            *options, *board, "-kernel", BUILD / target / "bench.elf"]


def copy_rate(target):
    out = subprocess.run(
        machine(target, "-serial", "stdio", "-netdev", "user,id=n,restrict=on")
        + ["-append", "interrupts=line run=copy"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    return max(int(n) for n in re.findall(r"_MiBps=(\d+)", out))


def rates(target, folder):
    best = copy_rate(target)
    say(f"copy_MiBps_{target}", best, "MiB/s")
    for name, text, program in (("rx", RECEIVE, "webget"), ("tx", SEND, "tcpsend")):
        times = []
        for _ in range(3):
            out = boot(target, write(folder, text.format(n=BULK)), "--device", WAKE)
            times.append(guest_s(out, f"{program}: done") - guest_s(out, "tcp: connected"))
        rate = BULK / (1 << 20) / statistics.median(times)
        say(f"tcp_{name}_MiBps_{target}", rate, "MiB/s")
        say(f"tcp_{name}_to_copy_{target}", rate / best, "ratio")


def write(folder, text):
    path = Path(folder) / "bench.scn"
    path.write_text(text)
    return path


# ---- where the instructions go ----

NM = {"x86_64": "nm", "rv64": "riscv64-unknown-elf-nm"}
COPIES = {"memcpy", "memmove", "copy_up", "checksum_add"}
TRACED = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")


def places(target):
    """(address, group) of every function, sorted."""
    out = subprocess.run([NM[target], "-nl", BUILD / target / "bench.elf"], check=True,
                         capture_output=True, text=True).stdout
    found = []
    for line in out.splitlines():
        fields = line.split(None, 3)
        if len(fields) < 3 or fields[1].lower() not in "tw":
            continue
        where = fields[3] if len(fields) > 3 else ""
        group = ("copies" if fields[2].split(".")[0] in COPIES else
                 "driver" if "core/virtio/" in where else
                 "core" if "core/" in where else
                 "targets" if "targets/" in where and "tests/" not in where else "programs")
        found.append((int(fields[0], 16), group))
    return sorted(found)


def count(target, text, words, folder):
    """Instructions by group, each one counted: the emulator logs every one."""
    folder = Path(folder)
    scenario, log = write(folder, text), folder / "log"
    for old in (log, folder / "world", folder / "guest"):
        old.unlink(missing_ok=True)
    os.mkfifo(log)
    world = subprocess.Popen([BUILD / "drywire", "world", scenario, "--socket", folder / "world",
                              "--limit", "120"], stdout=subprocess.PIPE, text=True)
    world.stdout.readline()
    net = (f"dgram,id=n,local.type=unix,local.path={folder}/guest,"
           f"remote.type=unix,remote.path={folder}/world")
    guest = subprocess.Popen(
        machine(target, "-serial", "null", "-singlestep", "-d", "exec,nochain", "-D", log,
                "-netdev", net) + ["-append", f"interrupts=line run={words}"],
        stdin=subprocess.DEVNULL)
    at = collections.Counter()
    with open(log, errors="replace") as lines:
        for line in lines:
            found = TRACED.search(line)
            if found:
                at[found[1]] += 1
    guest.wait()
    world.terminate()
    world.wait()
    table = places(target)
    addresses = [a for a, _ in table]
    groups = collections.Counter()
    for address, n in at.items():
        i = bisect.bisect_right(addresses, int(address, 16)) - 1
        groups[table[i][1] if i >= 0 else "firmware"] += n
    return groups


def shares(target, folder):
    """Of one more byte: the difference of two lengths, so that booting does not count."""
    small, large = 128 << 10, 384 << 10
    for name, text, words in (("rx", RECEIVE, "webget,-q,http://10.0.2.2:8080/n"),
                              ("tx", SEND, "tcpsend,-q,10.0.2.2,9,{n}")):
        a, b = (count(target, text.format(n=n), words.format(n=n), folder) for n in (small, large))
        delta = {g: b[g] - a[g] for g in b}
        total = sum(delta.values())
        say(f"instructions_per_byte_{name}_{target}", total / (large - small), "instructions")
        for group in ("core", "driver", "copies", "targets", "programs"):
            say(f"share_{group}_{name}_{target}", 100 * delta.get(group, 0) / total, "%")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for target in TARGETS:
            start_up(target)
            rates(target, folder)
            shares(target, folder)


main()

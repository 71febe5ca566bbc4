"""The core on the host against QEMU's own virtio-net (docs/qtest.md): it works, and it differs from the
fake device only as listed here."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import planted
import pytest

from conftest import BUILD, GUARD, ROOT, build_variant, command

TRANSPORTS = ["mmio", "mmio-legacy", "pci-modern", "pci-transitional", "pci-legacy"]
MACHINES = [f"{cpu}-{t}" for cpu in ("rv64", "x86") for t in TRANSPORTS]
QTEST = BUILD / "qtest"
# Offered by QEMU and not by the fake device's default; the driver would behave differently with it.
PLAIN = "event_idx=off,indirect_desc=off"
PING = ["--", "ping", "-c", "3", "-i", "100", "10.0.2.2"]

# A far end: one process for each connection, speaking HTTP on stdin and stdout. It reads the whole
# request first, since the program's end resets what it left unread.
ANSWER = """#!/usr/bin/python3
import sys
while sys.stdin.buffer.readline().strip():
    pass
body = bytes(i * 7 & 255 for i in range({size}))
sys.stdout.buffer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
"""


# The driver's report of the device. A transitional one is driven as modern. Over PCI the ring is as
# long as rx_queue_size in QEMU 7.2, and the longest one in QEMU 10.
UP = {
    "mmio": "mtu=1500 version=2 queue=1024",
    "mmio-legacy": "mtu=1500 version=1 queue=1024",
    "pci-modern": "mtu=1500 transport=modern queue=(256|1024)",
    "pci-transitional": "mtu=1500 transport=modern queue=(256|1024)",
    "pci-legacy": "mtu=1500 transport=legacy queue=(256|1024)",
}


def qtest(*args, binary=QTEST, **options):
    return command([binary, *args], **options)


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def in_order(text, *lines):
    at = 0
    for line in lines:
        found = text.find(line, at)
        assert found >= 0, f"{line} is missing or out of order in\n{text}"
        at = found + len(line)


def fetch(tmp_path, size, machine, *args, **options):
    answer = script(tmp_path / "answer", ANSWER.format(size=size))
    return qtest("--machine", machine, *args, "--user", f"guestfwd=tcp:10.0.2.100:80-cmd:{answer}",
                 "--", "webget", "-q", "http://10.0.2.100/", **options)


# ---- it works ----

@pytest.mark.parametrize("machine", MACHINES)
def test_up_a_lease_and_a_ping(machine):
    done = qtest("--machine", machine, *PING)
    assert done.returncode == 0, done.stdout + done.stderr
    up = re.search(f"virtionetd: .* {UP[machine.partition('-')[2]]}\n", done.stdout)
    assert up, done.stdout
    in_order(done.stdout, up[0], "virtionetd: ready", "netstackd: ready",
             "netstackd: virt0 dhcp addr=10.0.2.15 mask=255.255.255.0", "src=dhcp",
             "netstackd: virt0 arp addr=10.0.2.2", "ping: reply seq=3 bytes=56",
             "ping: done sent=3 received=3", "kernel: exit pid=1 program=ping status=0", "\npass ")


@pytest.mark.parametrize("keys", [PLAIN, "event_idx=on,indirect_desc=on"])
@pytest.mark.parametrize("ring, machine", [
    ("split", "rv64-mmio"), ("split", "rv64-mmio-legacy"), ("split", "x86-pci-modern"),
    ("packed", "rv64-mmio"), ("packed", "x86-pci-modern"),
])
def test_three_mebibytes_go_round_the_ring(ring, keys, machine, tmp_path):
    """2,162 frames through a ring of 1,024 or 256."""
    done = fetch(tmp_path, 3 << 20, machine, "--ring", ring, "--device", keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"webget: done status=200 bytes={3 << 20}" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_under_sanitizers(machine, tmp_path):
    folder = build_variant("asan", "CC=gcc", "SANITIZE=address,undefined", targets=("qtest",))
    for ring in ["split"] if "legacy" in machine else ["split", "packed"]:
        done = fetch(tmp_path, 300000, machine, "--ring", ring, binary=folder / "qtest")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "webget: done status=200 bytes=300000" in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize("keys, marker", [
    ("host_mtu=1400", "mtu=1400"),
    ("status=off", "mtu=1500"),
    ("mrg_rxbuf=off,event_idx=off,indirect_desc=off", "mtu=1500"),
    ("ctrl_vq=off", "mtu=1500"),
])
@pytest.mark.parametrize("machine", ["rv64-mmio", "rv64-mmio-legacy", "x86-pci-legacy"])
def test_other_offers(machine, keys, marker):
    done = qtest("--machine", machine, "--device", keys, *PING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert marker in done.stdout


# ---- the same as the fake device, but for these ----

# The lines of bring-up that differ: as the fake device has them, as QEMU 7.2 does. It is what they
# offer, and where over PCI the doorbells are; what the driver accepts is the same. Configuration
# space is left out: there the whole bus is another.
MODERN_PCI = [
    ("common r 0x004 4 0x10023", "common r 0x004 4 0xbf8024"),
    ("common r 0x004 4 0x1", "common r 0x004 4 0x101"),
    ("common r 0x01e 2 0x5", "common r 0x01e 2 0"),
    ("common r 0x01e 2 0x2", "common r 0x01e 2 0x1"),
    ("notify w 0x00a 2 0", "notify w 0x000 2 0"),
]
DIFFER = {
    "mmio": [("reg r 0x010 4 0x10023", "reg r 0x010 4 0xbf8024"),
             ("reg r 0x010 4 0x1", "reg r 0x010 4 0x101")],
    "mmio-legacy": [("reg r 0x010 4 0x9010023", "reg r 0x010 4 0x9bf8064")],
    "pci-modern": MODERN_PCI,
    "pci-transitional": MODERN_PCI,
    "pci-legacy": [("legacy r 0x000 4 0x9010023", "legacy r 0x000 4 0x49bf8064")],
}
RECEIVE_KICK = re.compile(r"(reg w 0x050 4|legacy w 0x010 2|notify w 0x00[0a] 2) 0")


class Record:
    """The lines that `record` and `qtest --record` write (cmd/qtest/record.h)."""

    def __init__(self, text):
        lines = text.splitlines()
        assert "phase run" in lines and "phase stop" in lines, text
        self.boot = [line for line in lines[lines.index("phase boot"):lines.index("phase run")]
                     if not line.startswith("pci ")]
        self.run = lines[lines.index("phase run"):lines.index("phase stop")]
        self.used = [line.split()[1:] for line in lines if line.startswith("used ")]
        frames = [line.split(None, 5) for line in lines if line.startswith("frame ")]
        self.headers = [(f[1], f[2][7:]) for f in frames]
        self.frames = {d: [(f[3], f[4], f[5]) for f in frames if f[1] == d] for d in ("tx", "rx")}


def simulated(tmp_path, transport, *args, size=1024):
    scenario = tmp_path / f"{transport}.scn"
    scenario.write_text(f"world slirp\ndevice virtio-net transport={transport} queue={size}\n"
                        "run ping -c 3 -i 100 10.0.2.2\nexpect ping: done received=3\n")
    return command([BUILD / "record", scenario, *args])


def real(tmp_path, transport, *args):
    record = tmp_path / "record"
    done = qtest("--machine", f"rv64-{transport}", "--device", PLAIN, "--record", record, *args,
                 *PING)
    return done, record.read_text()


@pytest.fixture(scope="module", params=TRANSPORTS)
def both(request, tmp_path_factory):
    """The fake device and QEMU's under the same core, ring size and seed."""
    path = tmp_path_factory.mktemp("qtest")
    done, text = real(path, request.param)
    assert done.returncode == 0, done.stdout + done.stderr
    fake = simulated(path, request.param, size=re.search(r" queue=(\d+)$", done.stdout, re.M)[1])
    assert fake.returncode == 0, fake.stdout + fake.stderr
    return request.param, Record(fake.stdout), Record(text)


def test_bring_up_differs_in_what_is_offered_alone(both):
    transport, fake, qemu = both
    assert len(fake.boot) == len(qemu.boot) > 40
    differ = [(a, b) for a, b in zip(fake.boot, qemu.boot) if a != b]
    assert differ == DIFFER[transport]


def test_receive_entries_are_the_same(both):
    _, fake, qemu = both
    assert [u for u in fake.used if u[0] == "0"] == [u for u in qemu.used if u[0] == "0"]
    assert len(fake.used) == 13


def test_transmit_entries_are_as_many_and_of_length_0(both):
    """Their order among the received ones differs, and so does the next descriptor."""
    _, fake, qemu = both
    lengths = [[u[2] for u in r.used if u[0] == "1"] for r in (fake, qemu)]
    assert lengths[0] == lengths[1] == ["len=0"] * 7


def test_transmitted_frames_are_the_same_to_the_byte(both):
    _, fake, qemu = both
    assert fake.frames["tx"] == qemu.frames["tx"] and len(fake.frames["tx"]) == 7


def test_received_frames_differ_in_two_dhcp_options_alone(both):
    """A restricted user network names no router and no name server."""
    _, fake, qemu = both
    assert [(f[0], f[2]) for f in fake.frames["rx"]] == [(f[0], f[2]) for f in qemu.frames["rx"]]
    differ = [a[2].split()[:2] for a, b in zip(fake.frames["rx"], qemu.frames["rx"]) if a != b]
    assert differ == [["dhcp", "offer"], ["dhcp", "ack"]]


def test_unrestricted_every_frame_is_the_same_to_the_byte(both, tmp_path):
    """Nothing here leaves the library: 10.0.2.2 is its own address."""
    transport, fake, _ = both
    done, text = real(tmp_path, transport, "--user", "restrict=off")
    assert done.returncode == 0, done.stdout + done.stderr
    assert Record(text).frames == fake.frames


def test_only_num_buffers_differs_in_headers(both):
    """The fake device sets it to 1 (VirtIO 1.2 section 5.1.6.4.1). QEMU 7.2 does not write it
    unless MRG_RXBUF was negotiated: the buffer keeps its old contents, here the machine's fill."""
    transport, fake, qemu = both
    modern = "legacy" not in transport
    assert set(fake.headers) == {("tx", "00" * (12 if modern else 10)),
                                 ("rx", "00" * 10 + ("0100" if modern else ""))}
    assert set(qemu.headers) == {("tx", "00" * (12 if modern else 10)),
                                 ("rx", "00" * 10 + ("a5a5" if modern else ""))}


def test_qemu_asks_for_no_receive_notifications_once_it_has_buffers(both):
    _, fake, qemu = both
    kicks = [[len([line for line in phase if RECEIVE_KICK.fullmatch(line)])
              for phase in (r.boot, r.run)] for r in (fake, qemu)]
    assert kicks == [[1, 6], [1, 0]]


# ---- where QEMU lets pass what the specification forbids ----

VERSION_1 = "32"


def test_features_without_version_1_are_refused_by_the_fake_device(tmp_path):
    done = simulated(tmp_path, "mmio", VERSION_1)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = lines.index("reg w 0x070 4 0xb")
    assert lines[at + 1] == "reg r 0x070 4 0x3", "FEATURES_OK stays clear: 3.1.1 step 6"


def test_features_without_version_1_are_accepted_by_qemu_and_silence_follows(tmp_path):
    """The header silently shrinks to 10 bytes, every frame is shifted by two, no peer replies."""
    done, text = real(tmp_path, "mmio", "--withhold", VERSION_1, "--timeout", "1")
    assert done.returncode == 124, done.stdout + done.stderr
    assert "virtionetd: ready" in done.stdout
    lines = text.splitlines()
    at = lines.index("reg w 0x070 4 0xb")
    assert lines[at + 1] == "reg r 0x070 4 0xb"
    assert re.search(r"^frame tx header=0{20} len=344 ", text, re.M)
    assert "frame rx" not in text


# Bugs of the driver (tests/bugs), each of which the simulator reports (pytest/test_bugs.py), and the
# machines on which QEMU accepts it: the ping gets its reply.
BOTH = {"rv64-mmio", "rv64-mmio-legacy"}
UNNOTICED = {
    "EARLY_NOTIFY": BOTH,
    "RX_AFTER_DRIVER_OK": BOTH,
    "NO_WRITE_BARRIER": BOTH,  # on a host that orders stores, or with luck
    "NO_READ_BARRIER": BOTH,
    "NOTIFY_SUPPRESSED": BOTH,
    "FEATURE_NOT_OFFERED": BOTH,
    "TX_HEADER_GARBAGE": BOTH,
    "RX_TOUCH": BOTH,
    "RX_LEAK": BOTH,
    "QUEUE_SIZE": {"rv64-mmio"},
    "LEGACY_FEATURES_OK": {"rv64-mmio-legacy"},
    "MODERN_NO_FEATURES_OK": set(),
    "VIRTUAL_ADDRESS": set(),
    "NO_NOTIFY": set(),
    "DESCRIPTOR_REUSE": set(),
}
# A planted bug that applies to one interface only.
NOT_THERE = {("LEGACY_FEATURES_OK", "rv64-mmio"), ("MODERN_NO_FEATURES_OK", "rv64-mmio-legacy")}


@pytest.mark.slow
@pytest.mark.parametrize("bug", UNNOTICED)
def test_what_qemu_does_not_notice(bug, planter):
    folder = BUILD / "planted/test_qtest" / bug
    planter.plant(folder, planted.bugs()[bug].apply, ["qtest"])
    for machine in sorted(BOTH):
        if (bug, machine) in NOT_THERE:
            continue
        unnoticed = machine in UNNOTICED[bug]
        done = qtest("--machine", machine, "--device", PLAIN, "--timeout", 20 if unnoticed else 2,
                     "--", "ping", "-c", "9", "-i", "10", "10.0.2.2", binary=folder / "planted/qtest")
        passed = done.returncode == 0 and "ping: done sent=9 received=9" in done.stdout
        assert passed == unnoticed, f"{machine}: {done.stdout}{done.stderr}"
        assert passed or done.returncode in (1, 124)


# ---- bad input, no QEMU, and the end of QEMU ----

def one_line(done, code, *words):
    assert done.returncode == code, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("args, words", [
    ([], ["no program given"]),
    (["--", "pingg", "10.0.2.2"], ["pingg", "did you mean 'ping'"]),
    (["--machine", "rv64-mimo", *PING], ["rv64-mimo", "did you mean 'rv64-mmio'"]),
    (["--ring", "spilt", *PING], ["spilt", "split"]),
    (["--seed", "x", *PING], ["--seed", "x"]),
    (["--withhold", "64", *PING], ["--withhold", "64"]),
    (["--timeout", "0", *PING], ["--timeout"]),
    (["--machine"], ["--machine", "value"]),
    (["--sead", "1", *PING], ["--sead"]),
    (["--record", "/no/such/folder/x", *PING], ["/no/such/folder/x"]),
    (["--pcap", "/no/such/folder/x", *PING], ["/no/such/folder/x"]),
    (["--device", "foo=bar", *PING], ["did not start", "foo"]),
    (["--user", "foo=bar", *PING], ["did not start", "foo"]),
    (["--user", "x" * 1001, *PING], ["--user", "1000"]),
])
def test_bad_command_line(args, words):
    one_line(qtest(*args), 2, *words)


def test_a_ring_that_is_not_packed_is_said():
    """QEMU silently drops packed=on on a legacy interface."""
    one_line(qtest("--machine", "rv64-mmio-legacy", "--ring", "packed", *PING), 1, "not packed")


@pytest.mark.parametrize("says, words", [
    (None, ["missing", "apt-get install -y qemu-system-misc"]),
    ("QEMU emulator version 6.2.0 (Debian 1:6.2)", ["6.2.0", "older than 7.2"]),
    ("hello", ["--version"]),
])
def test_without_a_qemu_that_will_do(says, words, tmp_path):
    if says:
        script(tmp_path / "qemu-system-riscv64", f"#!/bin/sh\necho '{says}'\n")
    one_line(qtest(*PING, env={**os.environ, "PATH": str(tmp_path)}), 125, *words)


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition, what):
    for _ in range(3000):
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come")


@pytest.fixture
def echod():
    """qtest with a program that does not end, reachable from this host's loopback."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(
        [QTEST, "--user", f"hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:7", "--", "echod", "7"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    yield process, port
    process.kill()
    process.communicate()


def running_qemu(process):
    for line in process.stdout:
        if "kernel: start" in line:
            break
    (qemu,) = children(process.pid)
    assert "qemu" in Path(f"/proc/{qemu}/comm").read_text()
    return qemu


def gone(pid):
    """It has ended (its new parent may not have waited for it yet)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def echo(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=GUARD) as s:
            s.sendall(b"over and out\n")
            return s.makefile("rb").readline() == b"over and out\n"
    except OSError:
        return False


def test_an_incoming_connection_is_echoed(echod):
    process, port = echod
    running_qemu(process)
    for line in process.stdout:
        if "dhcp addr=10.0.2.15" in line:
            break
    assert until(lambda: echo(port), "the echo")


def test_qemu_ends_with_a_qtest_that_is_killed(echod):
    process, _ = echod
    qemu = running_qemu(process)
    process.send_signal(signal.SIGKILL)
    assert until(lambda: gone(qemu), "QEMU's end")


def test_a_qemu_that_dies_is_one_line_and_exit_4(echod):
    process, _ = echod
    qemu = running_qemu(process)
    os.kill(qemu, signal.SIGKILL)
    _, errors = process.communicate(timeout=GUARD)
    assert process.returncode == 4
    assert len(errors.splitlines()) == 1 and "ended during" in errors


def test_a_capture_is_whole(tmp_path):
    capture = tmp_path / "x.pcapng"
    done = qtest("--pcap", capture, "--timeout", "2", "--", "ping", "-c", "30", "10.0.2.2")
    assert done.returncode == 124, "time limit was reached, and what was captured is there"
    done = command(["tshark", "-r", capture, "-Y", "dhcp || icmp"])
    assert done.stdout.count("- Transaction ID") == 4, done.stdout
    assert "Echo (ping) reply" in done.stdout
    assert list(tmp_path.iterdir()) == [capture]

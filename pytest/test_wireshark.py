"""drywire's captures in Wireshark with tools/wireshark/drywire.lua: comments and ring events are shown
and can be filtered, and their numbers are those of the run and its trace."""

import functools
import json
import re
import struct
import subprocess
from collections import Counter

import pytest

from conftest import GUARD, ROOT, drywire
from dissector import tshark

STATES = {"CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
          "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"}

# A ring of each kind, with and without interrupts, clean and damaged wires, both worlds.
CASES = [
    "tests/scenarios/native/web-packed-native.scn",
    "tests/scenarios/native/web-interrupts-lossy.scn",
    "tests/scenarios/native/send-packed-everything-wrong.scn",
    "tests/scenarios/native/incoming-lossy.scn",
    "tests/scenarios/native/lease-pci-legacy.scn",
    "tests/scenarios/common/web-everything-wrong.scn",
    "tests/scenarios/common/incoming.scn",
]


def rows(capture, only, *names):
    """Fields of the packets that match a display filter, as dictionaries."""
    out = tshark(capture, "-Y", only, "-T", "fields", "-E", "separator=/t",
                 *[a for n in names for a in ("-e", n)])
    return [dict(zip(names, line.split("\t"))) for line in out.splitlines()]


def blocks(capture):
    data, at = capture.read_bytes(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at + 8:at + length - 4]
        at += length


def origin(capture):
    """The words of the section header."""
    kind, body = next(blocks(capture))
    assert kind == 0x0A0D0D0A
    code, length = struct.unpack_from("<HH", body, 16)
    assert code == 1
    return dict(line.split("=", 1) for line in body[20:20 + length].decode().splitlines())


FIELDS = ["frame.number", "frame.time_epoch", "frame.interface_name", "frame.len", "frame.comment",
          "frame.packet_flags_direction", "_ws.expert.severity", "tcp.srcport", "_ws.malformed",
          *(f"drywire.{n}" for n in ("event", "queue", "id", "slot", "count", "len", "time_ns", "frame",
                                     "fault", "conn", "core", "peer", "register", "width", "space"))]
ERROR = str(0x00800000)
TO_MACHINE, FROM_MACHINE = 1, 2


class Run:
    """A run with its capture, as decoded by Wireshark, and its trace."""

    def __init__(self, scenario, folder, *options):
        self.scenario, self.capture = scenario, folder / "run.pcapng"
        trace = folder / "run.trace"
        done = drywire("run", scenario, "--seed", "7", "--pcap", self.capture, "--trace", trace,
                       *options)
        assert done.returncode == 0, done.stdout + done.stderr
        line = done.stdout.splitlines()[-1]
        self.frames_out, self.frames_in = (
            int(re.search(p, line).group(1)) for p in (r"(\d+) frames out", r"(\d+) in\b"))
        touched = re.search(r"(\d+) touched by a fault", line)
        self.touched = int(touched.group(1)) if touched else 0
        self.trace = trace.read_text(errors="replace").splitlines()

    @functools.cached_property
    def packets(self):
        return rows(self.capture, "frame", *FIELDS)

    def events(self, *kinds):
        return [p for p in self.packets if p["drywire.event"] in kinds]

    def frames(self, direction):
        return [p for p in self.packets if p["frame.packet_flags_direction"]
                and int(p["frame.packet_flags_direction"], 16) == direction]


@pytest.fixture(scope="module", params=CASES, ids=lambda p: p.rsplit("/", 1)[-1])
def run(request, tmp_path_factory):
    return Run(request.param, tmp_path_factory.mktemp("wireshark"))


def test_nothing_is_malformed(run):
    """After a damaged frame Wireshark reassembles streams from damaged bytes."""
    damaged = any(re.search("corrupted|truncated", p["drywire.fault"]) for p in run.packets)
    for p in run.packets:
        if not damaged or p["drywire.event"]:
            assert not p["_ws.malformed"] and ERROR not in p["_ws.expert.severity"].split(","), p
        assert p["frame.interface_name"] != "ring" or p["drywire.event"]


def test_every_frame_of_the_machine_has_its_chain(run):
    sent = [p for p in run.frames(FROM_MACHINE) if p["drywire.fault"] != "duplicate"]
    taken = [e for e in run.events("frame") if e["drywire.queue"] == "1"]
    assert len(sent) == len(taken) == run.frames_out
    assert [(p["frame.number"], p["drywire.queue"], p["drywire.id"]) for p in sent] == \
        [(e["drywire.frame"], "1", e["drywire.id"]) for e in taken]


def test_every_frame_to_the_machine_says_where_it_went(run):
    frames = {p["frame.number"]: p for p in run.frames(TO_MACHINE)}
    taken = [e for e in run.events("frame") if e["drywire.queue"] == "0"]
    for e in taken:
        f = frames[e["drywire.frame"]]
        assert (f["drywire.queue"], f["drywire.id"]) == ("0", e["drywire.id"]), f
        assert f["frame.len"] == e["drywire.len"] and f["frame.interface_name"] == "wire"
    assert len([f for f in frames.values() if f["drywire.id"]]) == len(taken)
    assert not any(f["drywire.id"] for f in frames.values() if f["frame.interface_name"] == "lost")
    assert len([f for f in frames.values() if f["drywire.fault"] != "duplicate"]) == run.frames_in


def test_faults_are_counted_as_the_run_counts_them(run):
    faults = [p for p in run.packets if p["drywire.fault"] not in ("", "duplicate")]
    assert len(faults) == run.touched
    for p in faults:
        lost = "dropped" in p["drywire.fault"] or "cut" in p["drywire.fault"]
        assert p["frame.interface_name"] == ("lost" if lost else "wire")
        assert f"fault: {p['drywire.fault']}" in p["frame.comment"]


def test_chains_come_and_go(run):
    """A chain is available, worked on, carries a frame, is used, is collected, and only then available
    again."""
    events = run.events("available", "working", "frame", "used", "collected", "stopped")
    state, count = {}, Counter()
    follows = {"available": (None, "collected"), "working": ("available",), "frame": ("working",),
               "used": ("frame",), "collected": ("used",)}
    for e in events:
        kind, key = e["drywire.event"], (e["drywire.queue"], e["drywire.id"])
        count[kind, e["drywire.queue"]] += 1
        if kind == "stopped":
            state = {k: v for k, v in state.items() if k[0] != e["drywire.queue"]}
        else:
            assert state.get(key) in follows[kind], (e, state.get(key))
            state[key] = kind
    assert count["used", "1"] == count["available", "1"] == run.frames_out
    times = [int(e["drywire.time_ns"]) for e in events]
    assert times == sorted(times)


def test_interrupts_and_notifications_are_there(run):
    wanted = "interrupts=on" in (ROOT / run.scenario).read_text()
    kinds = Counter(p["drywire.event"] for p in run.packets)
    assert kinds["notify"] > 0 and kinds["live"] == kinds["stopped"] == 2
    assert not wanted or kinds["interrupt"] > 0
    assert not kinds["read"] and not kinds["write"]


def test_the_state_of_a_connection_is_the_traced_one(run):
    """The trace has microseconds: within one of them any state that was active is right."""
    changes = []
    for line in run.trace:
        m = re.match(r"t=(\d+) tcp: state conn=(\d+) from=(\w+) to=(\w+)", line)
        if m:
            changes.append((int(m[1]), m[2], m[4]))
    segments = [p for p in run.packets if p["drywire.core"]]
    assert segments or "lease" in run.scenario
    for p in segments:
        whole, part = p["frame.time_epoch"].split(".")
        us = (int(whole) - 1) * 1000000 + int(part[:6])
        assert p["drywire.core"] in STATES and p["drywire.peer"] in STATES
        if not p["drywire.conn"]:
            continue
        mine = [c for c in changes if c[1] == p["drywire.conn"]]
        before = [c[2] for c in mine if c[0] < us][-1:] or ["CLOSED"]
        now = [c[2] for c in mine if c[0] == us]
        assert p["drywire.core"] in before + now, (p, mine)


def test_the_header_says_what_made_it(run):
    o = origin(run.capture)
    assert o["scenario"] == run.scenario and o["seed"] == "7" and o["verb"] == "run"
    assert re.fullmatch(r"[0-9a-f]{16}", o["source"])
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?|unknown", o["revision"])
    assert o["drywire"] in drywire("--version").stdout
    world = re.search(r"^world\s+(\w+)", (ROOT / run.scenario).read_text(), re.M).group(1)
    assert ("libslirp" in o) == (world == "slirp")


def test_two_runs_write_the_same_bytes(run, tmp_path):
    assert Run(run.scenario, tmp_path).capture.read_bytes() == run.capture.read_bytes()


def test_the_capture_changes_no_hash(run, reference):
    done = drywire("run", "--json", run.scenario, "--pcap", run.capture.with_name("again.pcapng"))
    assert json.loads(done.stdout)["hash"] == reference[run.scenario]["hash"]


# ---- one connection from beginning to end ----

@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    return Run("tests/scenarios/common/web-lost-data-rx.scn", tmp_path_factory.mktemp("lost"))


def test_both_ends_are_seen_to_meet_and_to_part(lost):
    seen = [(p["drywire.core"], p["drywire.peer"]) for p in lost.packets if p["tcp.srcport"]]
    assert seen[:4] == [("SYN_SENT", "CLOSED"), ("SYN_SENT", "SYN_RECEIVED"),
                        ("ESTABLISHED", "SYN_RECEIVED"), ("ESTABLISHED", "ESTABLISHED")]
    assert seen[-1] == ("LAST_ACK", "TIME_WAIT")


@pytest.mark.parametrize("wanted, of", [
    ('drywire.event == "used" && drywire.queue == 1',
     lambda p: p["drywire.event"] == "used" and p["drywire.queue"] == "1"),
    ('drywire.fault == "dropped"', lambda p: p["drywire.fault"] == "dropped"),
    ('frame.comment contains "fault:"', lambda p: "fault:" in p["frame.comment"]),
    ('drywire.core == "ESTABLISHED" && drywire.peer == "FIN_WAIT_1"',
     lambda p: p["drywire.core"] == "ESTABLISHED" and p["drywire.peer"] == "FIN_WAIT_1"),
    ("drywire.queue == 0 && drywire.id == 4 && !drywire.event",
     lambda p: (p["drywire.queue"], p["drywire.id"], p["drywire.event"]) == ("0", "4", "")),
    ("drywire.fault.expert", lambda p: p["drywire.fault"] != ""),
    ("drywire.frame", lambda p: p["drywire.frame"] != ""),
])
def test_they_filter(lost, wanted, of):
    expected = [p["frame.number"] for p in lost.packets if of(p)]
    assert expected, "nothing to look for"
    assert [r["frame.number"] for r in rows(lost.capture, wanted, "frame.number")] == expected


def test_the_columns_tell(lost):
    lines = tshark(lost.capture, "-Y", 'drywire.fault || drywire.event == "live"').splitlines()
    assert sum("receive live size=256" in line for line in lines) == 1
    assert any(line.endswith("HTTP/1.1 200 OK  (text/plain) [dropped]") for line in lines)


# ---- what must be asked for ----

@pytest.mark.parametrize("scenario", ["tests/scenarios/native/lease.scn",
                                      "tests/scenarios/native/lease-pci-modern.scn"])
def test_registers_come_when_asked_for(scenario, tmp_path):
    run = Run(scenario, tmp_path, "--detail")
    accesses = rows(run.capture, 'drywire.event == "read" || drywire.event == "write"',
                    "drywire.event", "drywire.register", "drywire.width", "drywire.space")
    assert {a["drywire.event"] for a in accesses} == {"read", "write"}
    assert all(a["drywire.width"] in "124" for a in accesses)
    if "pci" in scenario:
        assert {a["drywire.space"] for a in accesses} >= {"0", "2"}
        return
    notify = [a for a in accesses if a["drywire.register"] == "0x0000000010001050"]
    assert len(notify) == len(rows(run.capture, 'drywire.event == "notify"', "drywire.event"))
    assert origin(run.capture)["detail"] == "on"


def test_into_a_pipe_everything_but_the_buffers_is_there(tmp_path):
    """In a pipe, comments have no chain of frames; the capture is complete."""
    scenario = "tests/scenarios/native/lease.scn"
    whole = Run(scenario, tmp_path)
    piped = tmp_path / "piped.pcapng"
    with open(piped, "wb") as out:
        cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
        done = drywire("run", "-q", scenario, "--seed", "7", "--pcap",
                       f"/proc/self/fd/{cat.stdin.fileno()}", pass_fds=[cat.stdin.fileno()])
        cat.stdin.close()
        assert cat.wait(timeout=GUARD) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert [k for k, _ in blocks(piped)] == [k for k, _ in blocks(whole.capture)]
    assert rows(piped, 'frame.comment contains "ring: to"', "frame.number") == []
    assert len(rows(piped, 'frame.comment contains "ring: from"', "frame.number")) == whole.frames_out


def test_a_foreign_record_is_named(tmp_path):
    """The dissector checks all bytes."""
    capture = tmp_path / "foreign.pcapng"

    def block(kind, body):
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 147, 0, 0))
    for record in (b"", b"\x01", bytes(44), b"\x02" + bytes(43), b"\x01\x63" + bytes(42), bytes(48)):
        padded = record + bytes(-len(record) % 4)
        data += block(6, struct.pack("<IIIII", 0, 0, 0, len(record), len(record)) + padded)
    capture.write_bytes(data)
    assert len(rows(capture, "drywire && _ws.expert.severity == error", "frame.number")) >= 5
    assert rows(capture, "drywire.event", "frame.number") == []


# ---- from QEMU ----

@pytest.mark.qemu
@pytest.mark.parametrize("target", ["x86_64", "rv64"])
@pytest.mark.parametrize("net", ["user", "world"])
def test_a_capture_from_qemu_has_its_origin(target, net, tmp_path):
    """What QEMU dumps of its own network is a plain pcap until the runner rewraps it."""
    scenario, capture = tmp_path / "lease.scn", tmp_path / "run.pcapng"
    scenario.write_text("world slirp\nrun netinfo\nexpect netstackd: virt0 dhcp addr=10.0.2.15\n")
    done = drywire("qemu", "--target", target, "--net", net, "--seed", "9", "--pcap", capture, scenario)
    assert done.returncode == 0, done.stdout + done.stderr
    o = origin(capture)
    assert (o["scenario"], o["seed"], o["verb"], o["net"]) == (str(scenario), "9", "qemu", net)
    assert o["machine"] == {"x86_64": "q35", "rv64": "virt"}[target]
    assert re.fullmatch(r"[0-9a-f]{8}", o["build"])
    seen = rows(capture, "dhcp", "frame.interface_name", "frame.packet_flags_direction", "eth.src")
    assert len(seen) == 4
    for p in seen:
        mine = p["eth.src"] == "02:00:00:00:00:01"
        assert p["frame.interface_name"] == "wire"
        assert int(p["frame.packet_flags_direction"], 16) == (FROM_MACHINE if mine else TO_MACHINE)
    assert rows(capture, "drywire.event", "frame.number") == []

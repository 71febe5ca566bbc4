"""The far side in real time (`drywire world`): a scripted guest on a socketpair and on paths, and an
external guest, iPXE in QEMU. No assertion is about wall-clock time; the timeouts are guards against
hanging."""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import BUILD, ROOT, command, drywire

GUARD = 600
MAC = bytes.fromhex("020000000042")
GATEWAY, ADDRESS = bytes([10, 0, 2, 2]), bytes([10, 0, 2, 15])
WORLDS = ["native", "slirp"]


# ---- the world as a process ----

class World:
    """`drywire world` with a guest's socket to it: `.guest`."""

    def __init__(self, tmp_path, text, by="fd", options=(), seed=1):
        self.scenario = tmp_path / "world.scn"
        self.scenario.write_text(text)
        self.capture = tmp_path / "world.pcapng"
        self.path = tmp_path / "world.sock"
        ready, ready_child = os.pipe()
        args = [BUILD / "drywire", "world", self.scenario, "--seed", str(seed), "--pcap",
                self.capture, "--ready-fd", str(ready_child), *options]
        inherited = [ready_child]
        if by == "fd":
            self.guest, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            args += ["--fd", str(other.fileno())]
            inherited.append(other.fileno())
        else:
            self.guest = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            (tmp_path / "guest.sock").unlink(missing_ok=True)
            self.guest.bind(str(tmp_path / "guest.sock"))
            args += ["--socket", self.path]
        self.process = subprocess.Popen([str(a) for a in args], cwd=ROOT, pass_fds=inherited,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        os.close(ready_child)
        if by == "fd":
            other.close()
        self.listening = os.read(ready, 100)
        os.close(ready)
        if by == "path" and self.listening:
            self.guest.connect(str(self.path))
        self.guest.settimeout(GUARD)

    def end(self, number=signal.SIGTERM):
        """End it by a signal, or wait for its own end: exit code, stdout, stderr."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=GUARD)
        self.guest.close()
        return self.process.returncode, out, err


@pytest.fixture
def world(tmp_path):
    made = []

    def make(text, **options):
        made.append(World(tmp_path, text, **options))
        return made[-1]

    yield make
    for w in made:
        if w.process.poll() is None:
            w.process.kill()
            w.process.communicate()


def fields(capture, *names, only="frame"):
    args = [arg for name in names for arg in ("-e", name)]
    done = command(["tshark", "-r", capture, "-Y", only, "-T", "fields", *args])
    assert done.returncode == 0, done.stderr
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


# ---- frames ----

def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ethernet(kind, payload, to=b"\xff" * 6):
    return to + MAC + struct.pack("!H", kind) + payload


def ipv4(protocol, source, target, payload, to=b"\xff" * 6):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source,
                       target)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ethernet(0x0800, head + payload, to)


def udp(source, source_port, target, port, data, to=b"\xff" * 6):
    return ipv4(17, source, target, struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data,
                to)


def tcp_frame(to, port, remote_port, seq, ack, flags, data=b"", options=b""):
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", port, remote_port, seq & 0xffffffff, ack & 0xffffffff,
                       words << 4, flags, 65535, 0, 0) + options
    pseudo = ADDRESS + GATEWAY + struct.pack("!HH", 6, len(head) + len(data))
    head = head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:]
    return ipv4(6, ADDRESS, GATEWAY, head + data, to)


def arp_request(target=GATEWAY):
    return ethernet(0x0806, struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, MAC, ADDRESS,
                                        bytes(6), target))


def dhcp(kind, xid, options=b""):
    body = struct.pack("!BBBBIHH4s4s4s4s16s192xI", 1, 1, 6, 0, xid, 0, 0x8000, bytes(4), bytes(4),
                       bytes(4), bytes(4), MAC, 0x63825363)
    body += bytes([53, 1, kind]) + options + b"\xff"
    return udp(bytes(4), 68, b"\xff" * 4, 67, body)


DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5


def dhcp_answer(frame):
    """(message type, xid, yiaddr) of a frame; None: not DHCP."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[36:38] != b"\x00\x44":
        return None
    return frame[42 + 242], struct.unpack("!I", frame[46:50])[0], frame[58:62]


def is_arp_reply(frame):
    return frame[12:14] == b"\x08\x06" and frame[21] == 2


def receive(w, wanted):
    """The next frame for which `wanted` is true, and its result."""
    while True:
        frame = w.guest.recv(4096)
        answer = wanted(frame)
        if answer:
            return frame, answer


def lease(w):
    w.guest.send(dhcp(DISCOVER, 7))
    _, offer = receive(w, dhcp_answer)
    assert offer == (OFFER, 7, ADDRESS)
    w.guest.send(dhcp(REQUEST, 7, b"\x32\x04" + ADDRESS + b"\x36\x04" + GATEWAY))
    _, ack = receive(w, dhcp_answer)
    assert ack == (ACK, 7, ADDRESS)


def gateway(w):
    """The gateway's address, by ARP."""
    w.guest.send(arp_request())
    frame, _ = receive(w, is_arp_reply)
    assert frame[28:32] == GATEWAY and frame[22:28] == frame[6:12]
    return frame[6:12]


# ---- lease, faults, capture ----

@pytest.mark.parametrize("by", ["fd", "path"])
@pytest.mark.parametrize("kind", WORLDS)
def test_a_guest_gets_its_lease(kind, by, world):
    w = world(f"world {kind}\nserve udp-echo 10.0.2.2:7\n", by=by)
    assert w.listening == b"ready\n"
    lease(w)
    to = gateway(w)
    w.guest.send(udp(ADDRESS, 4000, GATEWAY, 7, b"hello", to))
    frame, _ = receive(w, lambda f: f[23] == 17 and f[36:38] == struct.pack("!H", 4000))
    assert frame[42:].rstrip(b"\0") == b"hello"  # libslirp pads from 4.8 on
    assert frame[38:40] == struct.pack("!H", 8 + len(b"hello"))
    code, out, err = w.end()
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:-1] == ([f"world: listening on {w.path}"] if by == "path" else [])
    assert lines[-1].startswith("world: 4 frames from the guest (") and " 0 touched" in lines[-1]
    assert not w.path.exists()
    seen = fields(w.capture, "dhcp.option.dhcp", "arp.opcode", "udp.dstport")
    assert [s[0] for s in seen if s[0]] == ["1", "2", "3", "5"]
    assert [s[1] for s in seen if s[1]][:2] == ["1", "2"] or kind == "slirp"
    assert fields(w.capture, "frame.number", only="_ws.malformed || ip.checksum.status == 0") == []


def test_a_capture_of_a_foreign_guest_is_played_to_the_core(world):
    w = world("world native\n")
    lease(w)
    assert w.end()[0] == 0
    done = drywire("replay", w.capture)
    assert done.returncode == 2 and "nothing to do" in done.stderr and "--loose" in done.stderr
    done = drywire("replay", "--loose", w.capture)
    assert done.returncode == 0 and "addr=10.0.2.15" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number, world):
    w = world("world native\n", by="path")
    gateway(w)
    code, out, err = w.end(number)
    assert (code, err) == (0, "") and out.splitlines()[-1].startswith("world: 1 frames from")
    assert not w.path.exists() and not w.capture.with_name("world.pcapng.partial").exists()
    assert len(fields(w.capture, "frame.number")) == 2


def test_what_came_before_the_signal_is_captured(world):
    """A machine that powers off sends its last frame just before: on a busy host both arrive together."""
    w = world("world native\n")
    gateway(w)
    w.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, w.process.pid, os.WSTOPPED | os.WNOWAIT)
    for xid in range(5):
        w.guest.send(dhcp(DISCOVER, xid))
    w.process.send_signal(signal.SIGTERM)
    w.process.send_signal(signal.SIGCONT)
    code, out, _ = w.end(None)
    assert code == 0 and out.splitlines()[-1].startswith("world: 6 frames from"), out


@pytest.mark.parametrize("kind", WORLDS)
def test_a_dropped_offer_never_comes(kind, world):
    w = world(f"world {kind}\nat 0ms drop rx dhcp.offer count=1\n")
    w.guest.send(dhcp(DISCOVER, 1))
    w.guest.send(dhcp(DISCOVER, 2))
    _, offer = receive(w, dhcp_answer)
    assert offer == (OFFER, 2, ADDRESS)
    code, out, _ = w.end()
    assert code == 0 and " 1 touched by a fault" in out
    assert fields(w.capture, "frame.interface_name", "frame.comment", only="frame.comment") == [
        ("lost", "fault: dropped")]


def test_a_duplicate_comes_twice(world):
    w = world("world native\nat 0ms dup rx arp.reply count=1\n")
    gateway(w)
    receive(w, is_arp_reply)
    assert " 1 touched" in w.end()[1]


def test_a_delayed_frame_is_overtaken(world):
    w = world("world native\nat 0ms delay rx arp.reply by=300ms\n")
    w.guest.send(arp_request())
    w.guest.send(dhcp(DISCOVER, 1))
    first, second = w.guest.recv(4096), w.guest.recv(4096)
    assert dhcp_answer(first) and is_arp_reply(second)
    assert w.end()[0] == 0


def test_damage_is_one_bit_of_the_seed(world):
    def reply(seed):
        w = world("world native\nat 0ms corrupt rx arp.reply count=1\n", seed=seed)
        w.guest.send(arp_request())
        damaged = w.guest.recv(4096)
        w.guest.send(arp_request(bytes([10, 0, 2, 3])))
        whole, _ = receive(w, is_arp_reply)
        w.end()
        # the second reply, about another address, made into the first
        whole = whole.replace(bytes([10, 0, 2, 3]), GATEWAY)
        return [(i, a ^ b) for i, (a, b) in enumerate(zip(damaged, whole)) if a ^ b]

    one = reply(5)
    assert len(one) == 1 and one[0][1].bit_count() == 1
    assert reply(5) == one and reply(6) != one


def test_a_cut_wire_is_healed_by_the_clock(world):
    w = world("world native\nat 0ms cut\nat 300ms heal\n")
    w.guest.send(arp_request())
    w.guest.settimeout(1)
    frame = bytes(60)
    for _ in range(GUARD):
        try:
            frame = w.guest.recv(4096)
            break
        except TimeoutError:
            w.guest.send(arp_request())
    assert is_arp_reply(frame)
    w.end()
    lost = fields(w.capture, "frame.time_epoch", only='frame.comment == "fault: cut"')
    assert lost[0] == ("1.000000000",), "time does not begin with the first frame"


def test_time_begins_with_the_first_frame(world):
    w = world("world native\n")
    time.sleep(0.5)
    before = time.monotonic()
    gateway(w)
    w.guest.send(arp_request(bytes([10, 0, 2, 3])))
    receive(w, is_arp_reply)
    passed = time.monotonic() - before
    w.end()
    times = [float(t) for t, in fields(w.capture, "frame.time_epoch")]
    assert times[0] == 1 and times[3] - 1 <= passed + 0.001


def test_verbose_tells_each_frame(world):
    w = world("world native\nat 0ms drop rx arp.reply count=1\n", options=["-v"])
    w.guest.send(arp_request())
    w.guest.send(dhcp(DISCOVER, 0x1234))
    receive(w, dhcp_answer)
    _, out, _ = w.end()
    lines = out.splitlines()
    assert lines[0].split() == ["0.000000", "-->", "arp", "who-has", "10.0.2.2", "tell",
                                "10.0.2.15"]
    assert lines[1].endswith("  <--  arp 10.0.2.2 is-at 52:55:0a:00:02:02  [dropped]") or \
        lines[2].endswith("  <--  arp 10.0.2.2 is-at 52:55:0a:00:02:02  [dropped]")


def test_the_oracles_know_that_the_guest_keeps_its_own_time(world):
    w = world("world native\n")
    gateway(w)
    time.sleep(0.9)  # a second by the guest's clock, which need not be the world's
    gateway(w)
    w.guest.send(tcp_frame(b"\xff" * 6, 5000, 81, 1, 0, SYN))
    receive(w, lambda f: f[23] == 6 and f[47] & 4)
    w.guest.send(tcp_frame(b"\xff" * 6, 5000, 81, 2, 0, 4))  # sent before the reset came, maybe
    code, out, _ = w.end()
    assert code == 0, out


def test_the_oracles_still_count_arp_requests(world):
    w = world("world native\n")
    gateway(w)
    w.guest.send(arp_request())
    code, out, _ = w.end(None)
    assert code == 1 and "arp.rate" in out


# ---- bulk ----

SYN, FIN, PSH, ACKED = 2, 1, 8, 16


class Connection:
    """One TCP connection of the scripted guest; the wire is perfect here."""

    def __init__(self, w, port, remote_port):
        self.w, self.port, self.remote_port = w, port, remote_port
        self.to = gateway(w)
        self.seq, self.ack = 1000, 0
        self.data, self.ended = bytearray(), False
        self.send(SYN, options=b"\x02\x04\x05\xb4")
        self.seq += 1
        self.acked = 0
        while not self.ack:
            self.take()

    def send(self, flags, data=b"", options=b""):
        self.w.guest.send(tcp_frame(self.to, self.port, self.remote_port, self.seq, self.ack, flags,
                                    data, options))

    def take(self):
        frame = self.w.guest.recv(4096)
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        end = 14 + struct.unpack("!H", frame[16:18])[0]
        seq, ack, offset, flags = struct.unpack("!IIBB", frame[38:48])
        data = frame[34 + (offset >> 4) * 4:end]
        assert not flags & 4, "reset"
        self.acked = ack
        if flags & SYN:
            self.ack = seq + 1
        elif seq == self.ack:
            self.data += data
            self.ack += len(data) + (flags & FIN)
            self.ended |= bool(flags & FIN)
        else:
            assert not data, "a frame is missing"
        if data or flags & (SYN | FIN):
            self.send(ACKED)


@pytest.mark.parametrize("by", ["fd", "path"])
@pytest.mark.parametrize("kind", WORLDS)
def test_bulk_to_the_guest(kind, by, world):
    size = 2 << 20
    w = world(f"world {kind}\nserve http 10.0.2.2:8080 path=/big size={size}\n", by=by)
    lease(w)
    c = Connection(w, 5000, 8080)
    request = b"GET /big HTTP/1.0\r\n\r\n"
    c.send(ACKED | PSH, request)
    c.seq += len(request)
    while not c.ended:
        c.take()
    head, body = bytes(c.data).split(b"\r\n\r\n", 1)
    assert b"200 OK" in head and len(body) == size
    lines = body.split(b"\n")[:-1]
    assert len(set(lines)) == len(lines) == size // 64
    code, out, err = w.end()
    assert (code, err) == (0, "") and "dropped" not in out


@pytest.mark.parametrize("by", ["fd", "path"])
@pytest.mark.parametrize("kind", WORLDS)
def test_bulk_from_the_guest(kind, by, world):
    size, window = 2 << 20, 32768
    w = world(f"world {kind}\nserve sink 10.0.2.2:9\n", by=by)
    lease(w)
    c = Connection(w, 5000, 9)
    end, chunk = c.seq + size, bytes(range(256)) * 5
    while c.seq < end:
        while c.seq - c.acked + len(chunk) > window:
            c.take()
        data = chunk[:end - c.seq]
        c.send(ACKED, data)
        c.seq += len(data)
    c.send(ACKED | FIN)
    while c.acked <= end or not c.ended:
        c.take()
    code, out, err = w.end()
    assert (code, err) == (0, "") and "dropped" not in out
    sent = sum(int(n) for n, in fields(w.capture, "tcp.len", only="tcp.dstport == 9"))
    assert sent == size
    states = {c for (c,) in fields(w.capture, "frame.comment", only="tcp.flags.fin == 1")}
    assert states <= {f"tcp: machine={m} peer={p}" for m, p in [
        ("FIN_WAIT_1", "ESTABLISHED"), ("FIN_WAIT_1", "LAST_ACK"), ("FIN_WAIT_2", "LAST_ACK")]}
    assert len(states) >= 2


@pytest.mark.parametrize("kind", WORLDS)
def test_a_signal_in_the_middle_of_a_transfer(kind, world):
    w = world(f"world {kind}\nserve http 10.0.2.2:8080 path=/big size=100M\n")
    lease(w)
    c = Connection(w, 5000, 8080)
    c.send(ACKED | PSH, b"GET /big HTTP/1.0\r\n\r\n")
    c.seq += 21
    while len(c.data) < 100000:
        c.take()
    code, out, err = w.end()
    assert (code, err) == (0, ""), out


# ---- guests that misbehave ----

def test_a_guest_that_does_not_read_loses_frames_aloud(world):
    w = world("world native latency=0s\nserve udp-echo 10.0.2.2:7\n")
    to, sent, data = gateway(w), 0, bytes(1000)
    while sent < 20000:
        w.guest.send(udp(ADDRESS, 4000, GATEWAY, 7, data, to))
        sent += 1
    code, out, err = w.end()
    assert code == 0
    assert err.splitlines() == [
        "world: the guest does not receive; frames to it are dropped and counted"]
    counts = re.search(r"(\d+) frames from .* (\d+) to it .* (\d+) dropped .* (\d+) still", out)
    taken, given, dropped, waiting = (int(n) for n in counts.groups())
    lost = fields(w.capture, "frame.number", only='frame.comment == "the guest did not receive"')
    assert dropped > 0 and len(lost) == dropped and waiting == 4096, out
    assert given + dropped + waiting in (taken, taken - 1)  # a last one may be on its way


def test_a_guest_that_never_speaks(world):
    w = world("world native\n", by="path", options=["--limit", "1"])
    code, out, err = w.end(None)
    assert code == 6 and err == "world: no frame from a guest within 1 s\n"
    assert out.splitlines()[0] == f"world: listening on {w.path}"
    assert not w.path.exists()


def test_a_guest_that_is_gone(world):
    w = world("world native latency=100ms\n")
    w.guest.send(arp_request())
    w.guest.close()
    code, out, err = w.end(None)
    assert (code, err) == (0, "") and "the guest closed its socket" in out


@pytest.mark.parametrize("frame, oracle", [
    (udp(bytes(4), 68, b"\xff" * 4, 67, b"x")[:24] + b"\xff\xff" + bytes(20), "frame.checksum"),
    (b"", "frame.length"),
    (arp_request() + bytes(17) + b"\x01", "frame.padding"),
    (arp_request()[:6] + b"\x03" + arp_request()[7:], "frame.source_mac"),
])
def test_a_violation_is_told_as_in_a_run(frame, oracle, world):
    w = world("title T\nworld native\n")
    w.guest.send(frame)
    code, out, err = w.end(None)
    assert (code, err) == (1, "")
    words = [line.split()[0] for line in out.splitlines() if line[0] != " "]
    assert words == ["world:", "what:", "where:", "when:", "diverged:", "frames:", "again:",
                     "wireshark:"], out
    assert f"safety {oracle}: " in out and f"drywire world {w.scenario} --seed 1" in out
    assert len(fields(w.capture, "frame.number")) == 1


def test_an_oracle_can_be_switched_off(world):
    w = world("world native\noracle off frame.padding\n")
    w.guest.send(arp_request() + bytes(17) + b"\x01")
    receive(w, is_arp_reply)
    assert w.end()[0] == 0


@pytest.mark.parametrize("answered", [True, False])
def test_a_dial_is_judged(answered, world):
    w = world('world native\nat 0ms datagram 9 send="ping" expect="pong"\n')
    lease(w)
    frame, _ = receive(w, lambda f: f[12:14] == b"\x08\x00" and f[36:38] == b"\x00\x09")
    port = struct.unpack("!H", frame[34:36])[0]
    w.guest.send(udp(ADDRESS, 9, GATEWAY, port, b"pong" if answered else b"pang", frame[6:12]))
    gateway(w)
    code, out, _ = w.end()
    assert code == (0 if answered else 1)
    assert ("expect world.dial" in out) == (not answered)


def test_lines_about_the_simulated_machine(world):
    w = world("world native\nrun netinfo\nat 5s link down\nexpect netinfo: done\nnever tcp: rst\n")
    lease(w)
    code, out, err = w.end()
    assert code == 0 and out.endswith(", 2 expectations not judged, idle faults and lines not judged\n")
    assert err == f"world: {w.scenario}:3: link is ignored: it needs the simulated machine\n"


# ---- bad input ----

@pytest.mark.parametrize("args, words", [
    (["world"], ["one scenario file"]),
    (["world", "FILE", "FILE", "--socket", "SOCK"], ["one scenario file"]),
    (["world", "FILE"], ["--socket PATH or --fd N"]),
    (["world", "FILE", "--socket", "SOCK", "--fd", "0"], ["not both"]),
    (["world", "FILE", "--fd", "0", "--peer", "x"], ["--peer needs --socket"]),
    (["world", "FILE", "--fd", "0"], ["--fd 0", "socket"]),
    (["world", "FILE", "--fd", "99"], ["--fd", "99"]),
    (["world", "FILE", "--fd", "-1"], ["--fd", "-1"]),
    (["world", "FILE", "--socket", "SOCK", "--ready-fd", "99"], ["--ready-fd", "99"]),
    (["world", "FILE", "--socket", "SOCK", "--limit", "0"], ["--limit"]),
    (["world", "FILE", "--socket", "/no/such/folder/x"], ["/no/such/folder/x", "No such file"]),
    (["world", "FILE", "--socket", "x" * 108], ["107 bytes"]),
    (["world", "FILE", "--socket", "FILE"], ["a file with this name exists"]),
    (["world", "FILE", "--socket", "SOCK", "--pcap", "/no/such/x"], ["--pcap"]),
    (["world", "FILE", "--socket", "SOCK", "--trace", "x"], ["--trace", "world"]),
    (["world", "no/such.scn", "--socket", "SOCK"], ["no/such.scn"]),
    (["world", "BAD", "--socket", "SOCK"], ["bad.scn:1", "world"]),
    (["run", "FILE", "--socket", "SOCK"], ["--socket", "run"]),
    (["run", "FILE"], ["nothing to do"]),
])
def test_bad_input(args, words, tmp_path):
    names = {"FILE": tmp_path / "good.scn", "BAD": tmp_path / "bad.scn", "SOCK": tmp_path / "s"}
    names["FILE"].write_text("world native\n")
    names["BAD"].write_text("wrold native\n")
    done = drywire(*[names.get(a, a) for a in args])
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert not names["SOCK"].exists()
    assert names["FILE"].exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(world, tmp_path):
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stale.bind(str(tmp_path / "world.sock"))
    done = drywire("world", "tests/scenarios/native/lease.scn", "--socket",
                   tmp_path / "world.sock")
    assert done.returncode == 2 and "a file with this name exists" in done.stderr
    stale.close()
    w = world("world native\n", by="path")
    gateway(w)
    assert w.end()[0] == 0


def test_a_guest_that_cannot_be_answered(world):
    w = world("world native\n", by="path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
        nameless.sendto(arp_request(), str(w.path))
        code, _, err = w.end(None)
    assert code == 2 and "no address" in err and "local.path" in err


def test_peer_names_where_the_guest_is(world, tmp_path):
    w = world("world native\n", by="path", options=["--peer", "guest.sock"])
    w.guest.send(arp_request())
    code, _, err = w.end(None)
    assert code == 2 and "cannot send to the guest at guest.sock" in err
    w = world("world native\n", by="path", options=["--peer", tmp_path / "other.sock"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "other.sock"))
        other.settimeout(GUARD)
        w.guest.send(arp_request())
        assert is_arp_reply(other.recv(4096))
    assert w.end()[0] == 0


def test_help_says_what_is_not_judged():
    done = drywire("world", "--help")
    assert done.returncode == 0
    assert "not judged" in done.stdout and "--ready-fd" in done.stdout
    assert "--junit" not in done.stdout


# ---- an external guest ----

@pytest.mark.parametrize("kind", WORLDS)
def test_ipxe_gets_its_lease_through_our_faults(kind, world, tmp_path):
    """The unmodified boot ROM of iPXE on an unmodified QEMU, checked by the frames on the wire."""
    assert shutil.which("qemu-system-x86_64"), "tools/setup.sh test installs it"
    w = world(f"world {kind}\nat 0ms drop rx dhcp.offer count=1\nat 0ms drop rx dhcp.ack count=1\n",
              by="path", options=["--limit", str(GUARD), "-v"])
    w.guest.close()
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-m", "64", "-nodefaults", "-no-reboot",
         "-display", "none", "-serial", "null", "-device", "virtio-net-pci,netdev=n,bootindex=1",
         "-netdev", f"dgram,id=n,local.type=unix,local.path={tmp_path}/guest.sock,"
                    f"remote.type=unix,remote.path={w.path}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guard = threading.Timer(GUARD, w.process.kill)
    guard.start()
    try:
        acks = 0
        for line in w.process.stdout:
            acks += "dhcp ack" in line and "dropped" not in line
            if acks and "arp who-has 10.0.2.15 tell 10.0.2.15" in line:
                break
    finally:
        guard.cancel()
        qemu.kill()
        qemu.communicate()
    code, out, err = w.end()
    assert (code, err) == (0, ""), out
    seen = fields(w.capture, "dhcp.option.dhcp", "frame.interface_name", only="dhcp")
    kinds = [kind for kind, _ in seen]
    assert [s for s in seen if s[1] == "lost"] == [("2", "lost"), ("5", "lost")]
    assert kinds.count("1") >= 2 and kinds.count("3") >= 2 and kinds[-1] == "5"

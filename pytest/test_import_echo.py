"""Captured pings: `drywire replay` and `drywire import` with the core as the host that is pinged."""

import struct

import pytest

from conftest import ROOT, build_variant, drywire
from dhcp_capture import CLIENT, ROUTER, address, checksum, write

PINGS = ROOT / "tests/captures/public/icmp/zeek-5-pings.pcap"
HOST, PINGER = "192.0.2.1", "192.0.2.9"


def icmp(kind, payload, seq, number=7, src=PINGER, dst=HOST, eth=CLIENT, wrong=0):
    head = struct.pack("!BBHHH", kind, 0, 0, number, seq)
    body = head[:2] + struct.pack("!H", checksum(head + payload) ^ wrong) + head[4:] + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0, address(src), address(dst))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return eth + ROUTER + b"\x08\x00" + ip + body


def reply(payload, seq, **fields):
    return icmp(0, payload, seq, src=HOST, dst=PINGER, **fields)


def test_pings_of_a_public_capture(tmp_path):
    done = drywire("replay", PINGS)
    assert done.returncode == 0, done.stdout
    assert "captured  5 requests, 5 replies, 5 with the same bytes\nnow       5 requests, 5 replies, all with" in done.stdout
    case = tmp_path / "case.scn"
    assert drywire("import", PINGS, "-o", case).returncode == 0
    text = case.read_text()
    assert text.count(" echo id=1226 seq=") == 5 and 'send="\\x8b\\xcf' in text
    for seed in range(1, 11):
        case.write_text(text + "wire drop=20% dup=5% reorder=5% jitter=3ms\n")
        done = drywire("run", case, "--seed", seed)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("size", [0, 1, 56, 1472])
def test_every_length(tmp_path, size):
    payload = bytes(i * 7 & 255 for i in range(size))
    capture = write(tmp_path / "c.pcap", [icmp(8, payload, 1), reply(payload, 1)])
    done = drywire("replay", capture)
    assert done.returncode == 0 and "captured  1 requests, 1 replies, 1 with" in done.stdout, done.stdout


def test_a_long_ping_is_cut(tmp_path):
    capture = write(tmp_path / "c.pcap", [icmp(8, b"\xff" * 1400, seq) for seq in range(300)])
    done = drywire("replay", capture)
    assert done.returncode == 0 and "requests sent: captured 300, now 146; allowed: " in done.stdout, done.stdout


def test_what_the_captured_host_did_wrong_is_told(tmp_path):
    capture = write(tmp_path / "c.pcap", [icmp(8, b"abc", 1), reply(b"abd", 1), icmp(8, b"abc", 2), icmp(8, b"x", 3, wrong=1)])
    done = drywire("replay", capture)
    assert done.returncode == 0
    assert "replies: captured 1, now 2; allowed: a host must answer every request (RFC 1122 section 3.2.2.6)" in done.stdout
    assert "replies with different bytes: captured 1, now 0; allowed: a reply returns the received bytes (RFC 792)" in done.stdout


def test_flows(tmp_path):
    frames = [icmp(8, b"one", 1), icmp(8, b"two", 1, number=8), icmp(8, b"all", 1, dst="192.0.2.255", eth=b"\xff" * 6)]
    capture = write(tmp_path / "c.pcap", frames)
    for flow, done in ((n, drywire("replay", capture, "--flow", n)) for n in (1, 2)):
        assert done.returncode == 0 and f": flow {flow} of 2, the core is the host" in done.stdout
    done = drywire("replay", capture, "--as", "client")
    assert done.returncode == 2 and done.stdout == "" and "flow 1 is a ping; the core is the host" in done.stderr
    done = drywire("replay", ROOT / "tests/captures/ping-restricted.pcap", "--flow", "2")
    assert done.returncode == 0 and ": flow 2 of 2, the core is the host" in done.stdout


@pytest.mark.parametrize("line, words", [
    ("at 2s echo send=" + "x" * 1473, "send= has 1473 bytes, more than an echo request can have (1472)"),
    ("at 2s echo id=65536", "id=65536 is not a number from 0 to 65535"),
    ("world slirp\nat 2s echo id=1", ":2: echo needs world native"),
])
def test_wrong_lines(tmp_path, line, words):
    case = tmp_path / "wrong.scn"
    case.write_text(line + "\n")
    done = drywire("run", case)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_silence_and_other_bytes_fail(tmp_path):
    case = tmp_path / "case.scn"
    case.write_text("at 2s echo id=5 seq=1 send=abcdefgh\nat 0s drop tx icmp.reply count=all\n")
    done = drywire("run", case)
    assert done.returncode == 1 and "the echo request id=5 seq=1 was not answered" in done.stdout
    case.write_text("at 2s echo id=5 seq=1 send=abcdefgh\nat 0s drop tx icmp.reply count=100\n")
    assert drywire("run", case).returncode == 0

"""Captures as found in practice: of other interfaces, with tags, holes, clocks that jump, floods."""

import hashlib
import re
import struct

import pytest

from conftest import build_variant, drywire
from dhcp_capture import frame, message
from packets import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, Talk, checksum, ip, pcap, segment, tagged

BODY = b"a line of the page\n" * 20


@pytest.fixture(scope="session")
def sanitized():
    return build_variant("asan", "CC=gcc", "SANITIZE=address,undefined") / "drywire"


def delivered(done):
    assert done.returncode == 0, done.stdout + done.stderr
    was, now = re.findall(r"^(?:captured|delivered) +(\d+ bytes sha256=\w+)", done.stdout, re.M)
    assert was == now
    return now


@pytest.mark.parametrize("link, wrap", [
    (113, lambda p: bytes.fromhex("0000 0001 0006 020000000001 0000 0800") + p),
    (276, lambda p: bytes.fromhex("0800 0000 00000001 0001 00 06 020000000001 0000") + p),
    (101, lambda p: p),
    (0, lambda p: b"\2\0\0\0" + p),
    (1, tagged),
])
def test_other_interfaces_and_tags_deliver_the_same(tmp_path, link, wrap):
    talk = Talk().web(BODY)
    plain = delivered(drywire("replay", pcap(tmp_path / "plain.pcap", talk.packets)))
    path = pcap(tmp_path / "other.pcap", talk.packets, wrap, link)
    assert delivered(drywire("replay", path)) == plain
    assert drywire("import", path, "-o", tmp_path / "case.scn").returncode == 0
    assert drywire("run", tmp_path / "case.scn").returncode == 0
    assert drywire("replay", path, "--as", "observer").returncode == 0
    assert drywire("seq", path).stdout.count("tcp 192.0.2.1") == (0 if wrap is tagged else 4)


def test_a_packet_of_64_kib_is_read(tmp_path):
    talk = Talk().open()
    talk.say(0, b"x" * 50)
    talk.say(1, b"y" * 65495)
    talk.close()
    assert delivered(drywire("replay", pcap(tmp_path / "big.pcap", talk.packets))).startswith("65495 ")


def test_a_packet_is_not_too_long_with_the_header_that_it_gets(tmp_path):
    path = pcap(tmp_path / "raw.pcap", [(0, bytes(65543))], lambda whole: whole, 101)
    assert drywire("compare", path, path).returncode == 0
    path = pcap(tmp_path / "raw.pcap", [(0, bytes(65544))], lambda whole: whole, 101)
    done = drywire("compare", path, path)
    assert done.returncode == 2
    assert "frame 1 has 65558 bytes with its header of Ethernet, too long for a frame" in done.stderr


def test_a_flood_of_connections_takes_no_time(tmp_path):
    """400,000 connections: a linear search for each would take minutes."""
    flood = [(1_700_000_000 * 10**9 + i, segment(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", SERVER, 1024 + i % 999, 80,
                                               i, 0, SYN)) for i in range(400_000)]
    path = pcap(tmp_path / "flood.pcap", flood + Talk().web(BODY).packets)
    done = drywire("replay", path, cpu_s=60)
    assert delivered(done).startswith(f"{len(BODY) + 40} ")
    assert "flow 400001 of 400001" in done.stdout


def test_floods_of_dhcp_and_pings_take_no_time(tmp_path):
    """A starved DHCP server, replies without requests, a ping sweep: each frame is a flow of its own."""
    count = 200_000
    chaddr = [b"\2" + hashlib.sha256(str(i).encode()).digest()[:5] for i in range(count)]
    bootp = [message(1 + i % 2, b"\x35\1" + bytes([1 + i % 2]), xid=i, chaddr=chaddr[i]) for i in range(count)]
    starve = [(i * 1000, frame("0.0.0.0", "255.255.255.255", (68, 67) if i % 2 == 0 else (67, 68), bootp[i]))
              for i in range(count)]
    echo = struct.pack("!BBHHH", 8, 0, checksum(struct.pack("!BBHHH", 8, 0, 0, 7, 1)), 7, 1)
    sweep = [(i * 1000, ip(CLIENT, f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", echo, protocol=1)) for i in range(count)]
    dhcp, pings = tmp_path / "dhcp.pcap", pcap(tmp_path / "pings.pcap", sweep)
    pcap(dhcp, starve, wrap=lambda whole: whole)
    for path in (dhcp, pings):
        assert f"frames={count} flows={count}\n" in drywire("list", path, cpu_s=15).stdout
        assert drywire("compare", "--grade", "p3", path, path, cpu_s=15).returncode == 0


def test_a_stream_that_was_overtaken_as_a_whole_takes_no_time(tmp_path):
    """The last piece comes before each of many others, and as many ACKs request none of them."""
    talk = Talk(25).open()
    start, now = talk.seq[1], talk.packets[-1][0]
    acks = [segment(CLIENT, SERVER, 40000, 25, talk.seq[0], start + 1, ACK)] * 250_000
    last = segment(SERVER, CLIENT, 25, 40000, start + 150_000, talk.seq[0], ACK, b"!")
    pieces = [segment(SERVER, CLIENT, 25, 40000, start + i, talk.seq[0], ACK, b".") for i in range(150_000)]
    frames = [(now + i * 100, frame) for i, frame in enumerate([last] + acks + pieces)]
    path = pcap(tmp_path / "overtaken.pcap", talk.packets + frames)
    done = drywire("import", path, "-o", tmp_path / "case.scn", cpu_s=10)
    assert done.returncode == 2
    assert "the peer sends 150001 bytes in 150001 pieces" in done.stderr


def test_the_clock_of_a_capture_may_jump(tmp_path):
    talk = Talk().open()
    talk.say(0, b"hello\n")
    talk.say(1, b"welcome\n", pause=40 * 365 * 86400 * 10**9)
    talk.say(1, b"again\n", pause=-39 * 365 * 86400 * 10**9)
    path = pcap(tmp_path / "jump.pcap", talk.close().packets)
    for role in ("client", "server"):
        delivered(drywire("replay", path, "--as", role))
    assert drywire("import", path, "-o", tmp_path / "case.scn").returncode == 0
    assert "# Pauses are left out" in (tmp_path / "case.scn").read_text()
    assert drywire("run", tmp_path / "case.scn").returncode == 0


def test_what_is_not_in_the_capture_is_told(tmp_path):
    talk = Talk().open()
    request = segment(CLIENT, SERVER, 40000, 80, talk.seq[0], talk.seq[1], ACK, b"a request in fragments..")
    talk.add(ip(CLIENT, SERVER, request[20:44], fragment=0x2000))
    talk.add(ip(CLIENT, SERVER, request[44:], fragment=3))
    talk.seq[0] += 24
    talk.say(1, b"an answer")
    done = drywire("replay", pcap(tmp_path / "fragments.pcap", talk.close().packets))
    assert done.returncode == 0
    assert "2 IP fragments are left out" in done.stdout
    assert "The machine's stream has a gap at byte 0" in done.stdout
    half = [p for p in Talk().web(BODY).packets if p[1][12:16] == bytes([192, 0, 2, 2])]
    done = drywire("replay", pcap(tmp_path / "half.pcap", half))
    assert done.returncode == 0
    assert "No segments of the machine were captured" in done.stdout
    assert "options of the SYN: captured unknown" in done.stdout


def test_bytes_that_come_twice_and_differ_are_told(tmp_path):
    talk = Talk(25).open()
    talk.say(0, b"hello\n")
    talk.say(1, b"welcome\n")
    talk.add(segment(SERVER, CLIENT, 25, 40000, talk.seq[1] - 8, talk.seq[0], ACK | PSH, b"WELcome\n"))
    done = drywire("replay", pcap(tmp_path / "conflict.pcap", talk.close().packets))
    assert delivered(done).startswith("8 ")
    assert "The peer sent 3 bytes of its stream twice with different values" in done.stdout


def test_two_sides_never_wait_for_each_other(tmp_path):
    """Only the retransmission of the request is captured, which acknowledges its reply."""
    talk = Talk(25).open()
    talk.say(0, b"hello\n")
    del talk.packets[-1]
    talk.say(1, b"welcome\n")
    talk.add(segment(CLIENT, SERVER, 40000, 25, 1001, talk.seq[1], ACK, b"hello\n"))
    path = pcap(tmp_path / "hole.pcap", talk.close().packets)
    assert delivered(drywire("replay", path)).startswith("8 ")
    assert delivered(drywire("replay", path, "--as", "server")).startswith("6 ")


def test_a_reset_ahead_of_the_stream_brings_nothing(tmp_path):
    talk = Talk(25).open()
    talk.say(0, b"hello\n")
    talk.add(segment(CLIENT, SERVER, 40000, 25, talk.seq[0] + 6, talk.seq[1] + 8, RST | ACK))
    talk.add(segment(SERVER, CLIENT, 25, 40000, talk.seq[1], talk.seq[0] + 6, ACK, b"welcome\n"))
    talk.add(segment(CLIENT, SERVER, 40000, 25, talk.seq[0], talk.seq[1] + 8, ACK, b"again\n"))
    path = pcap(tmp_path / "reset.pcap", talk.packets)
    assert delivered(drywire("replay", path, "--as", "server")).startswith("12 ")


def test_an_ack_of_what_came_out_of_order_counts(tmp_path):
    """Two segments are swapped: the reply still follows both."""
    talk = Talk(25).open()
    for word in (b"one\n", b"two\n", b"three\n"):
        talk.say(0, word)
    talk.packets[-3:] = [talk.packets[i] for i in (-3, -1, -2)]
    talk.say(1, b"answer\n")
    path = pcap(tmp_path / "order.pcap", talk.close().packets)
    assert drywire("import", path, "-o", tmp_path / "case.scn").returncode == 0
    assert " after=14 " in (tmp_path / "case.scn").read_text()


def test_an_absurd_mss_is_not_believed_and_that_is_allowed(tmp_path):
    talk = Talk(25)
    talk.options = bytes.fromhex("02040001")
    talk.open()
    talk.say(0, b"hel")
    talk.say(0, b"lo\n")
    talk.say(1, b"welcome\n")
    done = drywire("replay", pcap(tmp_path / "mss.pcap", talk.close().packets))
    assert delivered(done).startswith("8 ")


def test_a_bare_reset_answers_what_came_before_it(tmp_path):
    talk = Talk(25)
    talk.say(1, b"welcome\n")
    talk.add(segment(CLIENT, SERVER, 40000, 25, talk.seq[0], 0, RST))
    path = pcap(tmp_path / "bare.pcap", talk.packets)
    assert delivered(drywire("replay", path, "--as", "server")).startswith("0 ")


def test_a_reset_behind_both_ends_is_none_of_the_connection(tmp_path):
    """The delay is so long that everything is retransmitted, and the last ACK arrives after the close."""
    talk = Talk(25)
    talk.say(0, flags=SYN)
    talk.say(1, flags=SYN | ACK)
    talk.say(0, flags=ACK, pause=2 * 10**9)
    for who, word in ((1, b"welcome\n"), (0, b"one\n"), (0, b"two\n"), (1, b"yes\n"), (1, b"no\n"), (0, b"x")):
        talk.say(who, word)
    talk.say(0, b"last\n", flags=FIN | PSH | ACK)
    talk.say(1, flags=FIN | ACK)
    path = pcap(tmp_path / "long.pcap", talk.packets)
    done = drywire("replay", path, "--as", "server")
    assert delivered(done).startswith("14 ")


def test_a_reset_at_once_comes_behind_accept(tmp_path):
    talk = Talk(25)
    talk.add(segment(CLIENT, SERVER, 40000, 25, 1000, 5000, RST | ACK))
    talk.say(1, b"welcome\n")
    path = pcap(tmp_path / "once.pcap", talk.packets)
    assert delivered(drywire("replay", path, "--as", "server")).startswith("0 ")


def test_a_connection_that_was_idle_for_long(tmp_path):
    """The machine has dropped the peer's MAC address and must resolve it again."""
    talk = Talk(25).open()
    talk.say(0, b"hello\n")
    talk.say(1, b"welcome\n")
    talk.say(1, b"again\n", pause=700 * 10**9)
    talk.say(1, b"bye\n")
    path = pcap(tmp_path / "idle.pcap", talk.close().packets)
    assert delivered(drywire("replay", path)).startswith("18 ")
    assert delivered(drywire("replay", path, "--as", "server")).startswith("6 ")


def test_a_fin_from_before_the_beginning_ends_nothing(tmp_path):
    talk = Talk().open()
    talk.add(segment(SERVER, CLIENT, 80, 40000, talk.seq[1] - 100, talk.seq[0], FIN | ACK))
    talk.say(0, b"hello\n")
    talk.say(1, b"welcome\n")
    done = drywire("replay", pcap(tmp_path / "old.pcap", talk.close().packets))
    assert delivered(done).startswith("8 ") and "gap" not in done.stdout


def test_a_folder_without_scenarios(tmp_path, sanitized):
    for verb, words in (("list", ""), ("run", "no scenario"), ("seq", "directory"), ("replay", "directory")):
        done = drywire(verb, tmp_path, binary=sanitized)
        assert done.returncode == {"list": 0, "run": 5}.get(verb, 2), done.stderr
        assert words in done.stderr and done.stderr.count("\n") == (verb != "list")


def test_port_0_is_no_port(tmp_path):
    talk = Talk(0).web(BODY)
    done = drywire("import", pcap(tmp_path / "port.pcap", talk.packets), "-o", tmp_path / "no.scn")
    assert done.returncode == 2 and "no TCP over IPv4" in done.stderr, done.stdout


def test_a_stream_of_no_bytes_is_sound_to_compare(tmp_path, sanitized):
    talk = Talk(25).open()
    talk.say(0, b"hello\n")
    path = pcap(tmp_path / "silent.pcap", talk.close().packets)
    assert delivered(drywire("replay", path, binary=sanitized)).startswith("0 ")


def test_a_machine_is_not_asked_before_it_is_up(tmp_path, sanitized):
    scenario = tmp_path / "dial.scn"
    scenario.write_text("world native\ndaemon echod\nat 2s dial 7\n")
    done = drywire("run", "-q", scenario, binary=sanitized)
    assert done.returncode == 0, done.stdout + done.stderr

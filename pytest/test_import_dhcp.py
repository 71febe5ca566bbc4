"""Captured DHCP exchanges: `drywire replay` and `drywire import` with the core in the client's place."""

import random
import re
import struct
from concurrent.futures import ThreadPoolExecutor

import planted
import pytest

from conftest import BUILD, ROOT, TARGETS, build_variant, drywire
from dhcp_capture import (ACK, DISCOVER, NAK, OFFER, RELEASE, REQUEST, address, answer, ask, checksum, lease,
                          nak, option, request, word, write)

PUBLIC = ROOT / "tests/captures/public/dhcp"
FAULTS = "wire drop=20% dup=5% reorder=5% jitter=3ms\n"
D = ask(DISCOVER)
PLAIN = [D, answer(OFFER), request(), answer(ACK)]
HERE = "addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.3 lease_s=3600"
SECOND = "192.168.7.90"
RENEW = ask(REQUEST, ciaddr="192.168.7.40", server="192.168.7.1", xid=77)


def outcome(capture, *args, **options):
    """The leases of the captured client and of the core, from the report, which is returned too."""
    done = drywire("replay", capture, "--loose", *args, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines() if re.match("captured|now", line))
    return lines["captured"], lines["now"], done.stdout


def imported(folder, frames, seeds=range(1, 6)):
    """The scenario of a capture; it passes unchanged, and with faults."""
    capture, case, lossy = (folder / n for n in ("case.pcap", "case.scn", "lossy.scn"))
    if isinstance(frames, list):
        write(capture, frames)
    else:
        capture = frames
    done = drywire("import", capture, "--output", case)
    assert done.returncode == 0, done.stderr
    done = drywire("run", case)
    assert done.returncode == 0, done.stdout
    lossy.write_text(case.read_text() + FAULTS)
    for seed in seeds:
        done = drywire("run", lossy, "--seed", seed)
        assert done.returncode == 0, (seed, done.stdout)
    return case.read_text()


# ---- what a lease comes to ----

CASES = {
    "plain": (PLAIN, HERE, HERE + "; the same"),
    "nak": ([D, answer(OFFER), request(), nak(), D, answer(OFFER, "192.168.7.41"), request("192.168.7.41"),
             answer(ACK, "192.168.7.41")], HERE, HERE + "; the same"),
    "only-naks": ([D, answer(OFFER), request(), nak()], "NAK, no lease", "NAK, no lease; the same"),
    "silent": ([D, (4, D), (12, D)], "no lease", "no lease; the same"),
    "no-ack": ([D, answer(OFFER), request(), (4, request())], "no lease", "no lease; the same"),
    "reboot": ([ask(REQUEST, option(50, address("192.168.7.40"))), answer(ACK)], HERE, HERE + "; the same"),
    "rapid-commit": ([ask(DISCOVER, option(80, b"")), answer(ACK, more=lease() + option(80, b""))], HERE,
                     HERE + "; the same"),
    "answers-alone": ([answer(OFFER), answer(ACK)], HERE, HERE + "; the same"),
    "forever": ([D, answer(OFFER, more=lease(seconds=0xffffffff)), request(),
                 answer(ACK, more=lease(seconds=0xffffffff))],
                HERE.replace("3600", "4294967295"), HERE.replace("3600", "4294967295") + "; the same"),
    "short": ([D, answer(OFFER, more=lease(seconds=5)), request(), answer(ACK, more=lease(seconds=5))],
              HERE.replace("3600", "5"), "no lease; NOT the same, allowed: the lease time is "
              "below 8 s (docs/limits.md)"),
    "other-address": ([D, answer(OFFER), request(), answer(ACK, "192.168.7.66")], HERE,
                      "no lease; NOT the same, allowed: the ACK is for another address (RFC 2131 section 3.1)"),
    "holes-in-the-mask": ([D, answer(OFFER, more=lease(mask="255.0.255.0")), request(),
                           answer(ACK, more=lease(mask="255.0.255.0"))],
                          HERE.replace("255.255.255.0", "255.0.255.0"),
                          "no lease; NOT the same, allowed: the subnet mask is not contiguous (RFC 950)"),
    "foreign-chaddr": ([D, answer(OFFER), request(), answer(ACK, chaddr=b"abcdef")], HERE,
                       "no lease; NOT the same, allowed: xid or chaddr differs from the client's (RFC 2131 section 4.4.1)"),
    "large-subnet": ([D, answer(OFFER, more=lease(mask="255.255.0.0", router="192.168.1.1")), request(),
                      answer(ACK, more=lease(mask="255.255.0.0", router="192.168.1.1"))],
                     HERE, HERE + "; the same"),
    "router-elsewhere": ([D, answer(OFFER, more=lease(router="10.9.9.1", dns="8.8.8.8")), request(),
                          answer(ACK, more=lease(router="10.9.9.1", dns="8.8.8.8"))],
                         HERE.replace("10.0.2.2", "0.0.0.0").replace("10.0.2.3", "8.8.8.8"),
                         HERE.replace("10.0.2.2", "0.0.0.0").replace("10.0.2.3", "8.8.8.8") + "; the same"),
}


@pytest.mark.parametrize("name", CASES)
def test_outcomes(tmp_path, name):
    frames, was, now = CASES[name]
    captured, ours, _ = outcome(write(tmp_path / "c.pcap", frames))
    assert (captured, ours) == (was, now)
    text = imported(tmp_path, frames)
    assert ("expect netstackd: virt0 dhcp addr=" in text) == now.startswith("addr=")
    assert ("\nnever netstackd: src=dhcp\n" in text) == (not now.startswith("addr="))


def test_what_the_server_sent_is_kept(tmp_path):
    odd = (option(43, b"\1\2") + b"\0\0" + option(82, b"\1\4port") + option(54, address("192.168.7.1")) +
           option(51, word(3600)) + option(28, address("192.168.7.255")) + option(200, b"") +
           option(1, address("255.255.255.0")) + option(15, b"example.org"))
    frames = [D, answer(OFFER, more=odd, siaddr="192.168.7.1", giaddr="10.1.1.1", sname=b"boot", file=b"\1\xff",
                        flags=0x8000, pad=20), request(), answer(ACK, more=odd, dst="192.168.7.40")]
    text = imported(tmp_path, frames)
    options = ('43=0x0102 pad=2 82=0x0104706f7274 54=10.0.2.2 51=3600 28=10.0.2.255 200=0x 1=255.255.255.0 '
               '15="example.org" end')
    assert (f'peer dhcp discover=1 wait=10ms no-checksum flags=0x8000 yiaddr=10.0.2.15 siaddr=10.0.2.2 '
            f'giaddr=10.1.1.1 sname="boot" file=0x01ff 53=offer {options} pad=20\n') in text
    assert f"peer dhcp request=1 wait=10ms unicast no-checksum dst=10.0.2.15 yiaddr=10.0.2.15 53=ack {options}\n" in text


def test_of_two_servers_either_may_be_chosen(tmp_path):
    frames = [D, answer(OFFER), answer(OFFER, SECOND, server="192.168.7.2"), request(SECOND, "192.168.7.2"),
              answer(ACK, SECOND, server="192.168.7.2")]
    was, now, report = outcome(write(tmp_path / "two.pcap", frames))
    assert was == HERE  # what the captured client had is always .15
    assert now == HERE.replace("15", "16") + ("; NOT the same, allowed: another offer was taken (RFC 2131 section "
                                              "4.4.1)")
    assert "server chosen: captured 10.0.2.4, now 10.0.2.2; allowed: the client chooses" in report
    assert "requested address: captured 10.0.2.15, now 10.0.2.16; allowed: the address was offered" in report
    text = imported(tmp_path, frames, range(1, 21))
    assert "chosen=10.0.2.4" in text and "chosen=10.0.2.2" in text


def test_an_offer_that_comes_late_is_still_for_the_discover(tmp_path):
    frames = [D, answer(OFFER), request(), answer(OFFER, SECOND, server="192.168.7.2"), answer(ACK)]
    text = imported(tmp_path, frames)
    assert re.search(r"^peer dhcp discover=1 wait=30ms .*53=offer 54=10\.0\.2\.4", text, re.M)


def test_a_renewal_is_played(tmp_path):
    frames = PLAIN + [(1800, RENEW), (1800.01, answer(ACK, ciaddr="192.168.7.40", dst="192.168.7.40", xid=77))]
    text = imported(tmp_path, frames)
    assert "expect netstackd: virt0 dhcp renewed\n" in text and "\npeer dhcp renew=1 wait=" in text
    frames = PLAIN + [(1800, RENEW), (1800.01, nak(xid=77))]
    assert "expect netstackd: virt0 dhcp lost\n" in imported(tmp_path, frames)


def test_foreign_numbers_stay_foreign(tmp_path):
    frames = [D, answer(OFFER, xid=5), answer(OFFER), request(), answer(ACK, chaddr=b"abcdef"), answer(ACK)]
    text = imported(tmp_path, frames)
    assert " xid=0x00000005 " in text and " chaddr=0x616263646566" in text
    assert text.count("xid=0x") == 1 and text.count("chaddr=") == 1


def test_behind_a_relay(tmp_path):
    """Forwarded messages of a relay are used only if there are no others."""
    def relayed(f, op):
        ports = struct.pack("!HH", 67, 67)
        return f[:34] + ports + f[38:]

    frames = [D, relayed(D, 1), relayed(answer(OFFER, giaddr="192.168.7.9"), 2), answer(OFFER), request(), answer(ACK)]
    text = imported(tmp_path, frames)
    assert text.count("peer dhcp") == 2 and "relay" not in text
    text = imported(tmp_path, [relayed(f, 0) for f in PLAIN])
    assert text.count("peer dhcp") == 2 and "# Captured between relay and server" in text


# ---- where captures come from ----

LOSSY = """world native unicast-reply {} lease=1h
wire drop=25% reorder=5% jitter=2ms
wire rx dup=5%
run netinfo
allow exit
until 12m
expect netstackd: virt0 dhcp addr=10.0.2.*
"""


def round_trip(folder, scenario, seed):
    capture, again = folder / f"{seed}.pcapng", folder / f"{seed}.scn"
    done = drywire("run", scenario, "--seed", seed, "--pcap", capture)
    assert done.returncode == 0, done.stdout
    was, now, _ = outcome(capture, "--seed", seed)
    assert was.startswith("addr=10.0.2.") and now.startswith("addr=10.0.2."), seed
    assert drywire("import", capture, "-o", again).returncode == 0
    again.write_text(again.read_text() + FAULTS)
    done = drywire("run", again, "--seed", seed + 1000)
    assert done.returncode == 0, (seed, done.stdout)
    return "lost" in again.read_text()


@pytest.mark.parametrize("server", ["second-server", "nak=1 t1=5m t2=9m", "foreign-xid dhcp-silent=2"])
def test_lossy_runs_round_trip(tmp_path, server):
    scenario = tmp_path / "lossy.scn"
    scenario.write_text(LOSSY.format(server))
    with ThreadPoolExecutor(2) as pool:
        lost = sum(pool.map(lambda seed: round_trip(tmp_path, scenario, seed), range(1, 41)))
    assert lost > 5  # what was lost in the captured run is lost again


@pytest.mark.parametrize("name, now", [
    ("tcpdump-dhcp-rfc3004", "addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.2 lease_s=86400"),
    ("pcpp-Dhcp3", "addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.2 lease_s=43200"),
    ("tcpdump-dhcp-option-33", "no lease"),
])
def test_public_captures(tmp_path, name, now):
    assert outcome(PUBLIC / f"{name}.pcap")[:2] == (now, now + "; the same")
    imported(tmp_path, PUBLIC / f"{name}.pcap", range(1, 21))


@pytest.mark.qemu
@pytest.mark.parametrize("target", TARGETS)
def test_an_imported_lease_on_bare_metal(tmp_path, target):
    case = tmp_path / "case.scn"
    assert drywire("import", PUBLIC / "tcpdump-dhcp-rfc3004.pcap", "-o", case).returncode == 0
    done = drywire("qemu", "--target", target, case)
    assert done.returncode == 0, done.stdout
    assert "addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.2" in done.stdout


# ---- which flow ----

def test_tcp_with_data_comes_first(tmp_path):
    scenario, capture = tmp_path / "web.scn", tmp_path / "web.pcapng"
    scenario.write_text("serve http 10.0.2.2:80 path=/ body=x\nrun webget http://10.0.2.2/\n")
    assert drywire("run", scenario, "--pcap", capture).returncode == 0
    done = drywire("replay", capture, "--loose")
    assert done.returncode == 0 and ": flow 1 of 2, the core is the client (webget)" in done.stdout
    done = drywire("replay", capture, "--flow", "2")
    assert done.returncode == 0 and ": flow 2 of 2, the core is the DHCP client" in done.stdout
    done = drywire("replay", capture, "--flow", "3")
    assert done.returncode == 2 and done.stderr.endswith(": no flow 3, only 1 to 2\n")


@pytest.mark.parametrize("verb", [["replay"], ["import", "-o", "/dev/null"]])
def test_the_core_is_no_server(verb):
    done = drywire(*verb, PUBLIC / "tcpdump-dhcp-rfc3004.pcap", "--as", "server")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.endswith(": flow 1 is DHCP; the core has no DHCP server, use --as client\n")


def test_another_client_is_another_flow(tmp_path):
    other = bytes.fromhex("00112233aabb")
    frames = [D, ask(DISCOVER, chaddr=other), answer(OFFER), answer(OFFER, "192.168.7.77", chaddr=other), request(),
              answer(ACK), ask(RELEASE, chaddr=b"\0\1\2\3\4\5")]
    capture = write(tmp_path / "three.pcap", frames)
    assert ": flow 1 of 3, " in outcome(capture)[2]
    assert outcome(capture, "--flow", "2")[:2] == ("no lease", "no lease; the same")
    assert outcome(capture, "--flow", "3")[:2] == ("no lease", "no lease; the same")


# ---- the report can fail ----

def test_departures_are_told(tmp_path):
    _, _, report = outcome(write(tmp_path / "c.pcap", [D, (3, D), (3.1, answer(OFFER)), (3.2, request()),
                                                       (3.3, answer(ACK))]))
    assert "options requested: captured 1 3 6 15, now 1 121 3 6 12 15 26 42 51 54 58 59 119; allowed: " in report
    assert "(RFC 2132 section 9.8)" in report
    assert re.search(r"DISCOVERs at: captured 0.000s 2.990s, now 0.000s [345]\.\d\d\ds; allowed: 4 s, doubled", report)
    assert "discover sent" not in report  # two each
    _, _, report = outcome(write(tmp_path / "c.pcap", [D, answer(OFFER), request(), (4, request())]))
    assert re.search(r"REQUESTs at: captured 0.000s 3.970s, now 0.000s [345]\.\d\d\ds .*; allowed: 4 s, doubled", report)


@pytest.mark.slow
@pytest.mark.parametrize("bug, words", [
    ("DHCP_XID", "fail"),
    ("DHCP_DEAF", "no lease; NOT ALLOWED"),
])
def test_planted_bugs_are_found(tmp_path, bug, words, planter):
    folder = BUILD / "planted/test_import_dhcp" / bug
    planter.plant(folder, planted.bugs()[bug].apply, ["drywire"])
    frames = [D, answer(OFFER, "192.168.7.99", xid=5), (1, answer(OFFER)), request(), answer(ACK)]
    done = drywire("replay", write(tmp_path / "c.pcap", frames), binary=folder / "planted/drywire")
    assert done.returncode == 1 and words in done.stdout
    assert drywire("replay", tmp_path / "c.pcap").returncode == 0


@pytest.mark.parametrize("was, instead", [
    ("53=ack 54=10.0.2.2", "53=ack 54=224.0.0.4"),  # nobody's
    ("53=ack", "53=nak"),
    ("peer dhcp request=1 ", "peer dhcp reboot=1 "),  # for another request
    ("53=offer", "xid=0x00000007 53=offer"),
    ("51=3600", "51=3599"),
    ("3=10.0.2.2 6", "3=10.0.2.1 6"),
])
def test_a_changed_line_fails(tmp_path, was, instead):
    text = imported(tmp_path, PLAIN, [])
    (tmp_path / "changed.scn").write_text(text.replace(was, instead))
    assert was in text
    assert drywire("run", tmp_path / "changed.scn").returncode == 1


# ---- damage ----

def damaged(rng, frame):
    """Some bytes of the message are changed, mostly in options; some messages are cut."""
    b, base = bytearray(frame), 42
    for _ in range(rng.choice([1, 1, 2, 4])):
        b[rng.choice([rng.randrange(base, len(b)), rng.randrange(base + 240, len(b))])] = rng.choice(
            [0, 1, 2, 3, 4, 5, 6, 8, 50, 51, 53, 54, 58, 255, rng.randrange(256)])
    if rng.random() < 0.15:
        b = b[:rng.randrange(base + 34, len(b))]
        b[16:18], b[38:40], b[24:26] = word(len(b) - 14)[2:], word(len(b) - 34)[2:], b"\0\0"
        b[24:26] = word(checksum(bytes(b[14:34])))[2:]
    return bytes(b)


def damaged_capture(path, seed):
    rng = random.Random(seed)
    renewed = PLAIN + [(1800, RENEW), (1800.01, answer(ACK, ciaddr="192.168.7.40", dst="192.168.7.40", xid=77))]
    frames = rng.choice([PLAIN, CASES["nak"][0], renewed, [
        D, answer(OFFER, more=lease() + option(58, word(100)) + option(12, b"x"), dst="192.168.7.40"),
        answer(OFFER, SECOND, server="192.168.7.2"), request(SECOND, "192.168.7.2"),
        answer(ACK, SECOND, server="192.168.7.2")]])
    out, at = [], 0.0
    for f in frames:
        at, f = f if isinstance(f, tuple) else (at + 0.01, f)
        if rng.random() < (0.6 if f[42] == 2 else 0.1):
            f = damaged(rng, f)
        out += [(at, f)] * rng.choice([0] + [1] * 12 + [2])
    return write(path, out or [(0, D)])


def test_damaged_messages_under_sanitizers(tmp_path):
    binary = build_variant("asan", "CC=gcc", "SANITIZE=address,undefined") / "drywire"
    kept = 0
    for seed in range(120):
        capture, case = damaged_capture(tmp_path / "d.pcap", seed), tmp_path / "d.scn"
        done = drywire("replay", capture, binary=binary)
        assert done.returncode in (0, 2), (seed, done.stdout, done.stderr)
        if done.returncode == 2:
            assert done.stderr.count("\n") == 1
            continue
        kept += 1
        assert drywire("import", capture, "-o", case, binary=binary).returncode == 0
        done = drywire("run", case, "--seed", seed, binary=binary)
        assert done.returncode == 0, (seed, done.stdout, done.stderr)
    assert kept > 100


# ---- the lines ----

@pytest.mark.parametrize("line, words", [
    ("peer dhcp 53=offer end", "a peer dhcp line needs one of discover=N"),
    ("peer dhcp discover=1 request=1 end", "a peer dhcp line needs one of discover=N"),
    ("peer dhcp discover=1 silent 53=offer", "silent excludes other keys"),
    ("peer dhcp discover=1 chosen=10.0.2.2 53=offer", "chosen= is for request=N"),
    ("peer dhcp discover=1 len=100 53=offer", "len= cuts the header"),
    ("peer dhcp discover=1 53=hello", "'53=hello' is not a number of this option's size"),
    ("peer dhcp discover=1 51=4294967296", "'51=4294967296' is not a number"),
    ("peer dhcp discover=1 3=10.0.2", "'3=10.0.2' is not a list of addresses"),
    ("peer dhcp discover=1 3=10.0.2.2,", "'3=10.0.2.2,' is not a list of addresses"),
    ("peer dhcp discover=1 43=abc", "'43=abc' is not hex"),
    ("peer dhcp discover=1 43=0xa", "'43=0xa' is not up to 255 bytes in hex"),
    ("peer dhcp discover=1 255=0x", "'255=0x' is not an option"),
    ("peer dhcp discover=1 12", "'12' is not an option"),
    ("peer dhcp discover=1 pad=1400", "'pad=1400' is beyond the 1472 bytes"),
    ("peer dhcp discover=1 yaddr=10.0.2.15", "unknown key 'yaddr', did you mean 'yiaddr'?"),
    ("peer dhcp discover=0 end", "discover=0 is not a number from 1"),
    ("peer dhcp discover=1 sname=0x" + "00" * 65, "sname= is not a text or hex of at most 64 bytes"),
])
def test_wrong_lines(tmp_path, line, words):
    case = tmp_path / "wrong.scn"
    case.write_text(f"world native\n{line}\nuntil 1s\n")
    done = drywire("run", case)
    assert done.returncode == 2 and done.stderr.startswith(f"{case}:2: ") and words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_script_needs_the_native_world(tmp_path):
    case = tmp_path / "slirp.scn"
    case.write_text("world slirp\npeer dhcp discover=1 silent\nuntil 1s\n")
    done = drywire("run", case)
    assert done.returncode == 2 and f"{case}:2: peer dhcp needs world native" in done.stderr

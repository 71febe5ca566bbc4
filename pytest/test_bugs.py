"""The oracles can fail: every planted bug of core/base/bug.h is caught, by name."""

import json
import re

import pytest

from conftest import ROOT, build_variant, drywire

pytestmark = pytest.mark.slow

SLIRP = "tests/scenarios/slirp/"
NATIVE = "tests/scenarios/native/"
COMMON = "tests/scenarios/common/"

# Bug -> (scenario, names any of which may catch it).
CAUGHT = {
    "LEGACY_FEATURES_OK": (SLIRP + "web-legacy.scn", {"status.features_ok_legacy"}),
    "MODERN_NO_FEATURES_OK": (SLIRP + "lease.scn", {"status.no_features_ok", "status.order"}),
    "QUEUE_SIZE": (SLIRP + "web-legacy.scn", {"ring.layout", "ring.dma_address", "ring.index",
                                              "ring.not_cleared"}),
    "QUEUE_ALIGN": (SLIRP + "web-legacy.scn", {"ring.index", "ring.not_cleared"}),
    "QUEUE_PFN": (SLIRP + "web-pci-legacy.scn", {"ring.dma_address"}),
    "VIRTUAL_ADDRESS": (SLIRP + "lease.scn", {"ring.dma_address"}),
    "RX_AFTER_DRIVER_OK": (SLIRP + "lease.scn", {"net.rx_not_posted"}),
    "EARLY_NOTIFY": (SLIRP + "lease.scn", {"notify.before_driver_ok"}),
    "NO_WRITE_BARRIER": (COMMON + "web-4mib.scn", {"ring.publish_order"}),
    "NO_READ_BARRIER": (COMMON + "web-4mib.scn", {"ring.read_order"}),
    "NO_NOTIFY": (SLIRP + "lease.scn", {"ring.lost_notification"}),
    "NOTIFY_SUPPRESSED": (COMMON + "web-4mib.scn", {"notify.suppressed"}),
    "PACKED_WRAP": (SLIRP + "web-packed.scn", {"ring.wrap"}),
    "PACKED_NO_WRITE_BARRIER": (SLIRP + "web-packed.scn", {"ring.publish_order"}),
    "PACKED_NO_READ_BARRIER": (SLIRP + "web-packed.scn", {"ring.read_order"}),
    "EVENT_IDX_LAST": (SLIRP + "web-event-idx.scn", {"ring.lost_notification"}),
    "INDIRECT_NEXT": (SLIRP + "web-indirect-legacy.scn", {"ring.indirect"}),
    "NO_SECOND_LOOK": (SLIRP + "web-packed-interrupts.scn", {"interrupt.missed"}),
    "DESCRIPTOR_REUSE": (COMMON + "send-sink.scn", {"ring.reuse"}),
    "RX_TOUCH": (SLIRP + "lease.scn", {"ring.ownership"}),
    "NO_RESET_AT_END": (SLIRP + "lease.scn", {"ring.left_live"}),
    "RX_LEAK": (COMMON + "web-chunked.scn", {"ring.leak"}),
    "TX_FREED_TWICE": (SLIRP + "lease.scn", {"assertion"}),
    "HEADER_LEN": (SLIRP + "lease.scn", {"frame.checksum", "frame.malformed", "frame.source_mac",
                                         "net.tx_header"}),
    "HEADER_LEN_LONG": (SLIRP + "web-legacy.scn", {"frame.source_mac"}),
    "FEATURE_NOT_OFFERED": (SLIRP + "lease.scn", {"features.not_offered"}),
    "TX_HEADER_GARBAGE": (SLIRP + "lease.scn", {"net.tx_header"}),
    "PCI_NO_MASTER": (SLIRP + "web-pci-modern.scn", {"pci.master"}),
    "PCI_NOTIFY_OFFSET": (SLIRP + "web-pci-modern.scn", {"pci.notify", "pci.access"}),
    "PCI_CONFIG_OFFSET": (SLIRP + "web-pci-legacy.scn", {"pci.access"}),
    "PCI_QUEUE_SIZE": (SLIRP + "web-pci-legacy.scn", {"ring.layout", "ring.index",
                                                      "ring.not_cleared", "ring.dma_address"}),
    "SHORT_FRAME_JUNK": (SLIRP + "lease.scn", {"frame.padding"}),
    "DHCP_DEAF": (SLIRP + "lease.scn", {"expect"}),
    "DHCP_NO_EXPIRY": (NATIVE + "lease-expiry-kills-connections.scn", {"dhcp.address"}),
    "DHCP_XID": (NATIVE + "lease-foreign-xid.scn", {"dhcp.xid", "expect", "dhcp.address"}),
    "LOOPBACK_WIRE": (NATIVE + "lo-ping.scn", {"frame.loopback"}),
    "ARP_STORM": (NATIVE + "arp-storm.scn", {"arp.rate"}),
    "TCP_WINDOW": (COMMON + "web-small-window.scn", {"tcp.window"}),
    "TCP_ACK_AHEAD": (COMMON + "web-reordered.scn", {"tcp.ack", "tcp.stream"}),
    "TCP_RETRANSMIT_SHIFT": (COMMON + "send-everything-wrong.scn", {"tcp.retransmit"}),
    "TCP_WINDOW_SHRINK": (COMMON + "web-4mib.scn", {"tcp.window_shrink"}),
    "TCP_NO_RETRANSMIT": (COMMON + "send-everything-wrong.scn", {"tcp.silent"}),
    "TCP_RTO_FLAT": (NATIVE + "web-black-hole.scn", {"tcp.timer"}),
    "TCP_OFFSET": (NATIVE + "malformed-tcp.scn", {"tcp.stream"}),
    "ARP_FORMAT": (NATIVE + "malformed-arp.scn", {"frame.dropped"}),
    "TCP_NO_PROBE": (NATIVE + "zero-window.scn", {"tcp.silent"}),
    "TCP_FIN_NUMBER": (SLIRP + "lease.scn", {"tcp.fin", "tcp.retransmit", "liveness.limit"}),
    "TCP_STREAM": (SLIRP + "lease.scn", {"tcp.stream"}),
    "TCP_RST_TO_RST": (COMMON + "rst-storm.scn", {"tcp.rst_reply"}),
    "ADDRESS_TWICE": (NATIVE + "ping.scn", {"calls.memory"}),
    "DROP_TWICE": (NATIVE + "malformed-ip.scn", {"frame.dropped"}),
    "ICMP_CHECKSUM": (NATIVE + "drops.scn", {"frame.answered"}),
    "COUNTER_TX": (NATIVE + "report.scn", {"report.counters"}),
    "COUNTER_RX": (NATIVE + "report.scn", {"report.counters"}),
    "COUNTER_DROPS": (NATIVE + "report.scn", {"report.counters"}),
    "LEASE_DNS": (NATIVE + "lease.scn", {"report.lease"}),
    "LEASE_LEFT": (NATIVE + "report.scn", {"report.lease"}),
    "ACCEPT_ADDRESS": (COMMON + "incoming.scn", {"report.peer"}),
    "RECVFROM_ADDRESS": (COMMON + "udp-echo.scn", {"report.peer"}),
    "TCP_CHECKSUM": (SLIRP + "lease.scn", {"frame.checksum"}),
}
SEEDS = range(1, 21)

# What QEMU's device lets pass (docs/qtest.md), the fake one does as well when it plays QEMU.
LENIENT = ["EARLY_NOTIFY", "RX_AFTER_DRIVER_OK", "FEATURE_NOT_OFFERED", "NOTIFY_SUPPRESSED",
           "TX_HEADER_GARBAGE", "RX_TOUCH", "RX_LEAK", "NO_WRITE_BARRIER", "NO_READ_BARRIER"]

# The mistakes that first drivers make, each with its bugs.
MISTAKES = {
    "FEATURES_OK on a legacy interface, or none on a modern one":
        {"LEGACY_FEATURES_OK", "MODERN_NO_FEATURES_OK"},
    "a net header of 10 or 12 bytes by guesswork": {"HEADER_LEN", "HEADER_LEN_LONG"},
    "a queue size of the driver's own": {"QUEUE_SIZE", "PCI_QUEUE_SIZE"},
    "pointers as bus addresses": {"VIRTUAL_ADDRESS"},
    "legacy queue memory from a plain allocation": {"QUEUE_ALIGN", "QUEUE_PFN"},
    "receive buffers after DRIVER_OK, a notification before it":
        {"RX_AFTER_DRIVER_OK", "EARLY_NOTIFY"},
}


def planted():
    return re.findall(r"^\s+X\((\w+),", (ROOT / "core/base/bug.h").read_text(), re.M)


@pytest.fixture(scope="session")
def buggy():
    return build_variant("bugs", "CC=gcc", "BUGS=1") / "drywire"


def test_every_planted_bug_is_in_the_table():
    assert set(planted()) == set(CAUGHT)


def test_without_a_bug_named_nothing_fails(buggy):
    assert drywire("run", "-q", SLIRP, NATIVE, binary=buggy).returncode == 0


@pytest.mark.parametrize("bug", CAUGHT)
def test_bug_is_caught_by_name(bug, buggy, record_property):
    scenario, names = CAUGHT[bug]
    caught = []
    for seed in SEEDS:
        done = drywire("run", "--json", "--seed", seed, scenario, binary=buggy,
                       env={"DRYWIRE_BUG": bug})
        result = json.loads(done.stdout.splitlines()[0])
        if result["verdict"] == "fail":
            caught.append(result["oracle"])
            if result["oracle"] in names:
                record_property("seed", seed)
                return
    assert False, f"{bug}: caught by {caught or 'nobody'} in {len(SEEDS)} seeds"


@pytest.mark.parametrize("bug", LENIENT)
def test_a_device_that_plays_qemu_lets_it_pass(bug, buggy):
    done = drywire("run", "-q", "--device", "profile=qemu", SLIRP + "lease.scn", binary=buggy,
                   env={"DRYWIRE_BUG": bug})
    assert done.returncode == 0, done.stdout


def test_the_other_mistakes_fail_with_qemu_as_well(buggy):
    for bug in ("MODERN_NO_FEATURES_OK", "VIRTUAL_ADDRESS", "NO_NOTIFY", "DESCRIPTOR_REUSE"):
        done = drywire("run", "-q", "--device", "profile=qemu", SLIRP + "lease.scn", binary=buggy,
                       env={"DRYWIRE_BUG": bug})
        assert done.returncode == 1, bug


# ---- captures, with a core that has a bug ----

@pytest.mark.parametrize("bug,words", [
    ("TCP_STREAM", ["188 bytes", "NOT THE SAME", "tcp.stream"]),
    ("TCP_FIN_NUMBER", ["tcp.timer"]),
    ("DHCP_DEAF", ["there was no connection; NOT ALLOWED", "exit program=webget status=1"]),
])
def test_a_reactive_replay_finds_it(bug, words, buggy):
    done = drywire("replay", "tests/captures/linux-web.pcap", binary=buggy, env={"DRYWIRE_BUG": bug})
    assert done.returncode == 1
    for word in words:
        assert word in done.stdout


@pytest.mark.parametrize("bug,words", [
    ("DHCP_DEAF", "exact: frame 3: "),
    ("TCP_CHECKSUM", "(tcp.checksum)"),
    ("RX_TOUCH", "14 frames are the same; the verdict was pass, is fail safety ring.ownership: queue 0"),
])
def test_an_exact_replay_finds_it(bug, words, buggy, tmp_path):
    capture = tmp_path / "run.pcapng"
    assert drywire("run", "-q", SLIRP + "lease.scn", "--pcap", capture, binary=buggy).returncode == 0
    done = drywire("replay", capture, binary=buggy, env={"DRYWIRE_BUG": bug})
    assert done.returncode == 3 and "DIFFERENT" in done.stdout and words in done.stdout


@pytest.mark.parametrize("bug,words", [("RX_TOUCH", "safety ring.ownership"), ("TX_FREED_TWICE", "crash assertion")])
def test_an_exact_replay_of_a_failure_fails_in_the_same_way(bug, words, buggy, tmp_path):
    capture = tmp_path / "fail.pcapng"
    run = ("run", "-q", SLIRP + "lease.scn", "--pcap", capture)
    assert drywire(*run, binary=buggy, env={"DRYWIRE_BUG": bug}).returncode == 1
    done = drywire("replay", capture, binary=buggy, env={"DRYWIRE_BUG": bug})
    assert done.returncode == 0 and "same  " in done.stdout and f"as then    {words}: " in done.stdout
    done = drywire("replay", capture, binary=buggy)
    assert done.returncode == 3 and "DIFFERENT" in done.stdout


def test_a_failed_check_shows_its_expression_and_the_frames_before_it(buggy):
    done = drywire("run", SLIRP + "lease.scn", binary=buggy, env={"DRYWIRE_BUG": "TX_FREED_TWICE"})
    assert "crash assertion: assertion 'n->tx_free_count < n->tx_count' failed\n" in done.stdout
    frames = done.stdout.split("frames:\n")[1].split("replay:")[0].splitlines()
    assert len(frames) == 5 and all("tcp" in line for line in frames), done.stdout

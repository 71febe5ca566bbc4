"""Of several devices each can lie, each one's rings are in a capture, and the link of each network device
goes down; what a device cannot do is refused."""

import re

import pytest

from conftest import ROOT, drywire
from dissector import tshark

pytestmark = pytest.mark.sim

HEAD = "title T\nworld native\nrun webget -q http://10.0.2.2/\nserve http 10.0.2.2:80 body=8KiB\n" \
       "expect webget: done status=200\n"
LIES = re.findall(r'^ +X\(\w+, "([\w-]+)", "(\w)", LIE_BY_(\w+)\)', (ROOT / "sim/engine/lie.h").read_text(), re.M)
TRANSPORT = {"P": "pci-modern", "X": "pci-modern msix=on", "M": "mmio-legacy", "N": "pci-modern", "S": "mmio",
             "A": "pci-legacy"}
CAN = {"virtio-net": {"ANY", "NET", "CONFIG"}, "virtio-rng": {"ANY", "FIRST"}}


def run(tmp_path, text, *options):
    case = tmp_path / "case.scn"
    case.write_text(HEAD + text)
    return drywire("run", *options, case)


@pytest.mark.parametrize("device", CAN)
@pytest.mark.parametrize("word, where, who", LIES)
def test_another_device_lies(word, where, who, device, tmp_path):
    """It is given up, by a driver that lives without; or it cannot lie so."""
    text = f"device virtio-net transport={TRANSPORT[where]}\ndevice {device} lie={word}\n"
    done = run(tmp_path, text, "--memory", "both", "--seeds", "1..5")
    if who in CAN[device]:
        assert done.returncode == 0, done.stdout + done.stderr
        return
    assert done.returncode == 2, done.stdout
    assert f"case.scn:7: lie={word} is not available for this device" in done.stderr


def test_the_list_of_lies_is_read():
    assert len(LIES) > 40 and {who for _, _, who in LIES} == {"ANY", "WIRE", "NET", "CONFIG", "FIRST", "SECOND"}


@pytest.mark.parametrize("text, line, words", [
    ("device virtio-rng lie=rx-used-id\ndevice virtio-rng lie=reset\n", 7, "another device has a lie= already"),
    ("device virtio-net lie=reset\ndevice virtio-rng lie=reset\n", 7, "another device has a lie= already"),
    ("at 1ms link down device=1\n", 6, "device=1 does not exist; the last device is 0"),
    ("device virtio-rng\nat 1ms link down device=1\n", 7, "device=1 is a virtio-rng, which has no link"),
    ("device virtio-net\ndevice virtio-net\nat 1ms link down device=2\n", 8, "the last device is 1"),
    ("at 1ms link down device=8\n", 6, "device=8 is not a number from 0 to 7"),
    ("at 1ms link down 1\n", 6, "unknown key '1'"),
    ('device "virtio-rng"\n', 6, 'unknown device "virtio-rng": a word in quotes is never a keyword'),
    ("at 1ms link\n", 6, "'link' takes one word, up or down"),
    ("at 1ms link sideways\n", 6, "unknown link state 'sideways'"),
])
def test_refused(text, line, words, tmp_path):
    done = run(tmp_path, text)
    assert done.returncode == 2 and f"case.scn:{line}: " in done.stderr and words in done.stderr, done.stderr


def links(done):
    return re.findall(r"(\d\.\d{6}) +virtionetd: (link=\w+)", done.stdout)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_link_of_one_of_them_goes_down(number, tmp_path):
    done = run(tmp_path, "device virtio-net interrupts=on\ndevice virtio-net ring=packed\n"
               "device virtio-net transport=pci-modern\ndevice virtio-rng\nuntil 1s\n"
               f"at 300ms link down device={number}\nat 500ms link up device={number}\n", "-v", "--pcap",
               tmp_path / "run.pcapng")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [what for _, what in links(done)] == ["link=down", "link=up"]
    changed = records(tmp_path / "run.pcapng", "drywire.cause == 2")
    assert [(r["device"], r["time_ns"][:4]) for r in changed] == [(str(number), "3000"), (str(number), "5000")]


def records(capture, which):
    """The events of the rings in a capture, as Wireshark's script shows them."""
    fields = ("device", "event", "queue", "id", "len", "frame", "time_ns")
    out = tshark(capture, "-Y", which, "-T", "fields", *(word for f in fields for word in ("-e", f"drywire.{f}")))
    return [dict(zip(fields, line.split("\t"))) for line in out.splitlines()]


def test_rings_of_all_devices_are_in_a_capture(tmp_path):
    text = "device virtio-net\ndevice virtio-net ring=packed\ndevice virtio-rng bytes=16\n"
    capture = tmp_path / "run.pcapng"
    assert run(tmp_path, text, "--pcap", capture, "--memory", "strong").returncode == 0
    live = records(capture, 'drywire.event == "live"')
    assert [(r["device"], r["queue"]) for r in live] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1"), ("2", "0")]
    used = records(capture, 'drywire.event == "used" && drywire.device == 2')
    assert [(r["queue"], r["len"]) for r in used] == [("0", "16"), ("0", "16")]
    assert len(records(capture, 'drywire.event == "available" && drywire.device == 1')) == 8
    frames = records(capture, 'drywire.event == "frame"')
    assert frames and {r["device"] for r in frames} == {"0"} and all(r["frame"] for r in frames)
    only = run(tmp_path, text, "--pcap", tmp_path / "again.pcapng", "--memory", "strong")
    assert only.returncode == 0 and capture.read_bytes() == (tmp_path / "again.pcapng").read_bytes()
    assert drywire("replay", capture).returncode == 0

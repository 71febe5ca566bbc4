"""`drywire replay` of captures: exact, and files that are none."""

import pytest

from conftest import ROOT, TARGETS, drywire

SCENARIO = "tests/scenarios/common/loss-10.scn"


def test_a_run_is_the_same_and_a_changed_byte_is_named(tmp_path):
    capture = tmp_path / "run.pcapng"
    assert drywire("run", "-q", SCENARIO, "--seed", 7, "--pcap", capture).returncode == 0
    done = drywire("replay", capture)
    assert done.returncode == 0 and "same " in done.stdout, done.stdout + done.stderr
    data = bytearray(capture.read_bytes())
    data[data.rindex(b"GET /")] = 0x42
    capture.write_bytes(data)
    done = drywire("replay", "--exact", capture)
    assert done.returncode == 3
    assert "byte 54 (payload) was 0x42, is 0x47" in done.stdout


def test_a_capture_of_ours_is_enough_to_run_it_again(tmp_path):
    scenario, capture = tmp_path / "gone.scn", tmp_path / "run.pcapng"
    scenario.write_text((ROOT / SCENARIO).read_text())
    assert drywire("run", "-q", scenario, "--seed", 9, "--device", "queue=16", "--pcap", capture).returncode == 0
    scenario.unlink()
    done = drywire("replay", capture)
    assert done.returncode == 0 and "same " in done.stdout, done.stdout + done.stderr


@pytest.mark.qemu
@pytest.mark.parametrize("target", TARGETS)
def test_a_page_from_qemu(target, tmp_path):
    capture = tmp_path / "nic.pcapng"
    done = drywire("qemu", "--target", target, "--nic-pcap", capture,
                   "tests/scenarios/common/contract-web.scn")
    assert done.returncode == 0, done.stdout
    done = drywire("replay", capture)
    assert done.returncode == 0 and "(P2)" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("size,words", [(0, "neither"), (10, "ends inside"), (300 << 20, "larger than")])
def test_no_capture_is_one_line(tmp_path, size, words):
    path = tmp_path / "bad.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00"[:size])
    with open(path, "r+b") as f:
        f.truncate(size)
    done = drywire("replay", path, "--as", "observer")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and words in done.stderr


def test_exact_wants_a_capture_of_drywire():
    done = drywire("replay", "--exact", "tests/captures/linux-web.pcap")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "its header has no 'verb='" in done.stderr

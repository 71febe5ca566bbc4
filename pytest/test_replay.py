"""`drywire replay` of captures: exact, and files that are not captures."""

import json
import shutil
import struct
import subprocess
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from conftest import BUILD, ROOT, TARGETS, drywire

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
    assert "byte 54 (payload) was 0x42, now 0x47" in done.stdout


def test_a_capture_of_ours_is_enough_to_run_it_again(tmp_path):
    scenario, capture = tmp_path / "gone.scn", tmp_path / "run.pcapng"
    scenario.write_text((ROOT / SCENARIO).read_text())
    assert drywire("run", "-q", scenario, "--seed", 9, "--device", "queue=16", "--pcap", capture).returncode == 0
    scenario.unlink()
    done = drywire("replay", capture)
    assert done.returncode == 0 and "same " in done.stdout, done.stdout + done.stderr


def blocks(data):
    at, found = 0, []
    while at < len(data):
        size, = struct.unpack_from("<I", data, at + 4)
        found.append(data[at:at + size])
        at += size
    return found


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """A capture, and a function that replays a changed one: (exit code, the last line)."""
    folder = tmp_path_factory.mktemp("exact")
    capture = folder / "run.pcapng"
    assert drywire("run", "-q", SCENARIO, "--seed", 7, "--pcap", capture).returncode == 0

    def replay(data):
        path = folder / "changed.pcapng"
        path.write_bytes(data)
        done = drywire("replay", path)
        assert all(" " <= c or c == "\n" for c in done.stdout + done.stderr)
        return done.returncode, (done.stderr or done.stdout).splitlines()[-1]

    return SimpleNamespace(capture=capture, data=capture.read_bytes(), replay=replay)


def test_what_differs_besides_frames_is_named(exact):
    parts = blocks(exact.data)
    events = [i for i, b in enumerate(parts) if b[:4] == b"\6\0\0\0" and b[8] == 2]
    changed = exact.data.replace(b"ring: from queue=1 id=1", b"ring: from queue=1 id=\x1b", 1)
    code, line = exact.replay(changed)
    assert code == 3 and "comment was 'ring: from queue=1 id=\\x1b', now 'ring: from queue=1 id=1'" in line
    event = bytearray(parts[events[3]])
    event[28 + 8] ^= 1
    code, line = exact.replay(b"".join(parts[:events[3]] + [bytes(event)] + parts[events[3] + 1:]))
    assert code == 3 and "packet 4 of the file, a ring event: byte 8 was " in line
    code, line = exact.replay(b"".join(parts[:events[-1]]))
    assert code == 3 and ", a ring event: was not captured" in line
    event = bytearray(parts[events[3]])
    event[20:24] = b"\xff\xff\xff\x7f"  # the length of its contents
    code, line = exact.replay(b"".join(parts[:events[3]] + [bytes(event)] + parts[events[3] + 1:]))
    assert code == 3 and "packet 4 of the file, a ring event: " in line


def test_a_capture_saved_again_by_others_is_the_same(exact, tmp_path):
    if not shutil.which("editcap"):
        pytest.skip("editcap is missing")
    again = tmp_path / "again.pcapng"
    subprocess.run(["editcap", exact.capture, again], check=True)
    assert again.read_bytes() != exact.data
    code, line = exact.replay(again.read_bytes())
    assert code == 0 and line.endswith("the file was rewritten by another program")


def change_header(data, was, now):
    header, rest = blocks(data)[0], data[len(blocks(data)[0]):]
    size, = struct.unpack_from("<H", header, 26)
    comment = header[28:28 + size].replace(was, now)
    assert comment != header[28:28 + size]
    padded = comment + b"\0" * (-len(comment) % 4)
    total = struct.pack("<I", 24 + 4 + len(padded) + 4)
    return header[:4] + total + header[8:24] + struct.pack("<HH", 1, len(comment)) + padded + total + rest


@pytest.mark.parametrize("was, now, code, words", [
    (b"seed=7", b"seed=seven", 2, "seed=seven in its header is not a number"),
    (b"seed=7", b"seed=-1", 2, "seed=-1 in its header is not a number"),
    (b"seed=7", b"seed=8", 3, ""),
    (b"verb=run", b"verb=walk\x1b[5m", 2, r"unknown verb=walk\x1b[5m"),
    (b"loss-10.scn", b"\\x1b[31m\xc2\x9b\xe2\x80\xae.scn", 2,
     r"common/\x1b[31m\xc2\x9b\xe2\x80\xae.scn: cannot be read"),
    (b"revision=", b"revision=\x1b[31m", 0, "same "),
    (b"source=", b"source=\xff\x1b", 0, "same "),
])
def test_a_changed_header(exact, was, now, code, words):
    is_code, line = exact.replay(change_header(exact.data, was, now))
    assert is_code == code and words in line, line


def change_text(data, was, now):
    """The same in all comments of the header: the second is the scenario."""
    header, rest, options, at = blocks(data)[0], data[len(blocks(data)[0]):], b"", 24
    while at + 4 < len(header):
        code, size = struct.unpack_from("<HH", header, at)
        text = header[at + 4:at + 4 + size].replace(was, now)
        options += struct.pack("<HH", code, len(text)) + text + b"\0" * (-len(text) % 4)
        at += 4 + size + -size % 4
    total = struct.pack("<I", 28 + len(options))
    changed = header[:4] + total + header[8:24] + options + total
    assert changed != header
    return changed + rest


@pytest.mark.parametrize("was, now, code, words", [
    (b"world ", b"wurld ", 2, "changed.pcapng: in its header, tests/scenarios/common/loss-10.scn:"),
    (b"title ", b"title \xe2\x80\xae", 2, "control character U+202E"),
    (b"verdict=pass ", b"verdict=\x1b[31mpass ", 3, r"the verdict was \x1b[31mpass, now pass"),
])
def test_a_changed_scenario_in_the_header(exact, was, now, code, words):
    is_code, line = exact.replay(change_text(exact.data, was, now))
    assert is_code == code and words in line, line


@pytest.mark.qemu
@pytest.mark.parametrize("target", TARGETS)
def test_a_page_from_qemu(target, tmp_path):
    capture = tmp_path / "nic.pcapng"
    done = drywire("qemu", "--target", target, "--nic-pcap", capture,
                   "tests/scenarios/common/contract-web.scn")
    assert done.returncode == 0, done.stdout
    done = drywire("replay", capture, cwd=tmp_path)
    assert done.returncode == 0 and "(P2)" in done.stdout, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == [capture]


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


def test_a_difference_in_every_form(exact, tmp_path):
    changed, report, left, summary = (tmp_path / n for n in ("c.pcapng", "r.xml", "left", "summary"))
    changed.write_bytes(exact.data.replace(b"GET /", b"BET /", 1))
    how = ["--junit", report, "--artifacts", left, "--annotate=github"]
    done = drywire("replay", "--json", *how, changed, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["scenario"], found["verdict"], found["kind"], found["seed"]) == (
        str(changed), "fail", "divergence", 7)
    assert found["oracle"] == "replay.exact" and ": byte 54 (payload) was 0x42" in found["message"]
    case = ElementTree.parse(report).getroot()[0]
    assert case.get("name") == str(changed) and float(case.get("time")) > 0
    assert case.find("failure").get("message") == f"replay.exact: {found['message']}"
    assert case.find("failure").text.splitlines()[1].startswith("DIFFERENT  ")
    assert case.find("failure").text in done.stderr
    assert f"::error file={changed},line=1,title=replay.exact::{found['message']}" in done.stderr
    assert found["message"] in [p.read_text() for p in left.iterdir()][0]
    assert summary.read_text().count(f"| `{BUILD}/drywire replay {changed}` |") == 1


def test_quiet_is_silent_about_what_is_the_same_and_an_error_has_its_form(exact, tmp_path):
    report = tmp_path / "r.xml"
    done = drywire("replay", "-q", "--junit", report, exact.capture)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ElementTree.parse(report).getroot().get("failures") == "0"
    done = drywire("replay", "--json", "--junit", report, "README.md")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert json.loads(done.stdout)["message"] == done.stderr.rstrip("\n")
    error = ElementTree.parse(report).getroot()[0].find("error")
    assert error.get("message") == done.stderr.rstrip("\n")


@pytest.mark.parametrize("how", [["--as", "observer"], []])
def test_a_strangers_capture_is_a_result_too(how, tmp_path):
    path, seed = "tests/captures/linux-web.pcap", ["--seed", 3]
    plain = drywire("replay", *how, *seed, path)
    assert plain.returncode == 0 and plain.stdout
    done = drywire("replay", "--json", *how, *seed, path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["seed"], done.stderr) == (0, "pass", 3, "")

"""`drywire seq`: the ladder of a run or of a capture, and how much of it `drywire run` shows."""

import os
import pty
import re
import struct
import subprocess

import pytest

from conftest import BUILD, GUARD, ROOT, SCENARIOS, drywire, relative

GOLDEN = ROOT / "tests/golden"
LOSSY = "tests/scenarios/common/web-lost-data-rx.scn"
# Every kind of line: notes, frames both ways, whole, lost, late, twice and damaged.
EXAMPLE = """title     A page over a bad wire; 100% of <b>everything</b>
world     native
serve     http 10.0.2.2:80 path=/ body="one\\x1b[31mtwo\\n"
run       webget http://10.0.2.2/
at 0ms    drop rx dhcp.offer count=1
at 0ms    dup tx arp.request count=1 skip=1
at 0ms    delay rx tcp.synack by=5ms count=1
at 0ms    corrupt rx tcp.data count=1
at 0ms    drop tx tcp.fin count=1
expect    webget: done status=200
"""


def masked(text):
    """Without values that any change of the core changes: times, hashes, drawn numbers."""
    text = re.sub(r"\d+\.\d{6}(?=  | )", "T.TTTTTT", text)
    text = re.sub(r"hash=[0-9a-f]{16}", "hash=HASH", text)
    text = re.sub(r"\b(xid|seq|ack)=[0-9a-f]+", lambda m: m[1] + "=" + "N" * (len(m[0]) - 4), text)
    return re.sub(r"(?<=10\.0\.2\.15:)\d{5}|(?<=local=)\d{5}", "PPPPP", text)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path = tmp_path_factory.mktemp("seq") / "example.scn"
    path.write_text(EXAMPLE)
    return path


@pytest.mark.parametrize("name, options", [
    ("seq.txt", []), ("seq-narrow.txt", ["--width", "72"]), ("seq.mmd", ["--mermaid"])])
def test_it_prints_what_it_printed(example, name, options):
    """After a change that is meant: GOLDEN=write make test, and read the difference."""
    done = drywire("seq", example, "--seed", "3", *options)
    assert done.returncode == 0 and done.stderr == ""
    text, path = masked(done.stdout), GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()
    assert drywire("seq", example, "--seed", "3", *options).stdout == done.stdout


def test_a_lost_frame_is_a_broken_arrow_and_faults_are_named(example):
    lines = drywire("seq", example, "--seed", "3").stdout.splitlines()
    lost = [line for line in lines if "[dropped]" in line]
    assert len(lost) == 2
    assert re.search(r"\|  +x - .* dhcp offer .* - ?\|$", lost[0])  # towards the machine
    assert re.search(r"\|-.* tcp .* -? ?x +\|$", lost[1])
    for word in ("delayed", "duplicated", "duplicate", "corrupted"):
        assert len([line for line in lines if f"[{word}]" in line and re.search("[<>]", line)]) == 1
    assert lines[-1].startswith("pass  seed=3 hash=")


@pytest.mark.parametrize("width", [1, 60, 61, 99, 400, 100000])
def test_no_line_is_wider_than_asked_for(example, width):
    lines = drywire("seq", example, "--width", width).stdout.splitlines()[1:-1]
    assert {len(line) for line in lines} <= {max(60, min(400, width))}


@pytest.mark.parametrize("path", SCENARIOS, ids=relative)
def test_every_scenario_has_a_ladder(path, reference):
    done = drywire("seq", relative(path))
    assert done.returncode == 0 and done.stdout.isascii(), done.stdout + done.stderr
    assert reference[relative(path)]["hash"] in done.stdout.splitlines()[-1]
    arrows = [line for line in done.stdout.splitlines() if re.match(r" *\d+\.\d{6}  \|", line)]
    assert len(arrows) >= reference[relative(path)]["frames_tx"]


def test_a_capture_has_the_ladder_of_its_run(example, tmp_path):
    """Without lines that only the machine prints."""
    capture = tmp_path / "x.pcapng"
    drywire("run", "-q", example, "--seed", "3", "--pcap", capture)
    ran = drywire("seq", example, "--seed", "3").stdout.splitlines()
    read = drywire("seq", capture).stdout.splitlines()
    assert read[0] == str(capture) and read[1] == ran[1]
    assert read[2:-1] == [line for line in ran[2:-1] if not re.match(r" *\d+\.\d{6}  o", line)]
    assert read[-1] == f"{len(read) - 3} frames; the machine is 02:00:00:00:00:01"


def test_a_capture_of_somebody_elses(tmp_path):
    """Its time starts at its first frame, whose sender is the machine."""
    capture = tmp_path / "x.pcap"
    frames = [bytes.fromhex("ffffffffffff0200000000aa0806") + bytes(46),
              bytes.fromhex("0200000000aa0200000000bb88b5") + b"\x1b[2J" * 20]
    data = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for i, frame in enumerate(frames):
        data += struct.pack(">IIII", 1700000000 + i, 250000, len(frame), len(frame)) + frame
    capture.write_bytes(data)
    lines = drywire("seq", capture).stdout.splitlines()
    assert re.match(r"     0\.000000  \|---.*->\|$", lines[2])
    assert re.match(r"     1\.000000  \|<-.*---\|$", lines[3])
    assert lines[-1] == "2 frames; the machine is 02:00:00:00:00:aa"


# ---- hostile text ----

def hostile_capture(path):
    """A capture with comments and payloads that try to be more than text."""
    def block(kind, body):
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    def option(code, text):
        return struct.pack("<HH", code, len(text)) + text + bytes(-len(text) % 4)

    evil = b"\x1b]0;x\x07\x1b[2J<script>;#\xff\xe2\x80\xae\n end"
    frame = bytes.fromhex("ffffffffffff020000000001") + b"\x08\x06" + evil * 2
    frame += bytes(-len(frame) % 4)
    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + option(1, evil))
    data += block(1, struct.pack("<HHI", 1, 0, 0))
    data += block(6, struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame +
                  option(1, b"fault: " + evil))
    path.write_bytes(data)


@pytest.mark.parametrize("options", [[], ["--mermaid"], ["--color", "always"]])
def test_hostile_text_stays_text(options, example, tmp_path):
    capture = tmp_path / "evil\x1b[2J.pcapng"
    hostile_capture(capture)
    for path in (example, capture):
        out = drywire("seq", path, *options).stdout
        out = re.sub(r"\x1b\[(0|2|31|33)m", "", out) if "always" in options else out
        assert out.isascii() and all(c.isprintable() for c in out.replace("\n", ""))
        if "--mermaid" in options:
            plain = re.sub(r"#\d+;|-(>>|x)", "", out)
            assert not re.search("[<>;#&\"`]", plain), plain


# ---- colour ----

def on_a_terminal(example, **env):
    master, slave = pty.openpty()
    full = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | env
    done = subprocess.run([BUILD / "drywire", "seq", example, "--width", "80"], stdout=slave,
                          stdin=subprocess.DEVNULL, env=full, timeout=GUARD)
    os.close(slave)
    out = b""
    try:
        while piece := os.read(master, 65536):
            out += piece
    except OSError:
        pass
    os.close(master)
    assert done.returncode == 0
    return out


def test_colour_is_for_terminals(example):
    assert b"\x1b[31m" in on_a_terminal(example)
    assert b"\x1b" not in on_a_terminal(example, NO_COLOR="1")
    assert "\x1b" not in drywire("seq", example).stdout
    assert "\x1b[31m" in drywire("seq", example, "--color", "always").stdout


# ---- the command line ----

@pytest.mark.parametrize("args, words", [
    (["seq"], ["one scenario file or capture"]),
    (["seq", LOSSY, LOSSY], ["one scenario file or capture"]),
    (["seq", "no/such.scn"], ["no/such.scn", "No such file"]),
    (["seq", LOSSY, "--width", "x"], ["--width", "x"]),
    (["seq", LOSSY, "--pcap", "x"], ["--pcap", "seq"]),
    (["run", LOSSY, "--mermaid"], ["--mermaid", "run"]),
    (["seq", "tests/scenarios"], ["tests/scenarios"]),
    (["sec", LOSSY], ["sec", "seq"]),
])
def test_bad_command_line(args, words):
    done = drywire(*args)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("cut", [30, 61, 200])
def test_a_capture_that_is_cut_short_is_one_clear_line(example, cut, tmp_path):
    capture = tmp_path / "x.pcapng"
    drywire("run", "-q", example, "--pcap", capture)
    capture.write_bytes(capture.read_bytes()[:cut])
    done = drywire("seq", capture)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_help_tells_of_it():
    text = drywire("seq", "--help").stdout
    assert "drywire seq " in text and "--mermaid" in text and "--width COLUMNS" in text


def test_a_failing_run_says_so_and_a_crash_leaves_its_lines(example, tmp_path):
    path = tmp_path / "fails.scn"
    path.write_text(EXAMPLE.replace("status=200", "status=404"))
    done = drywire("seq", path)
    assert done.returncode == 1
    assert re.match(r"fail  seed=1 hash=\w+  expect: ", done.stdout.splitlines()[-1])


# ---- what `drywire run` shows of it ----

def test_a_long_ladder_shows_its_beginning_and_its_end():
    path = "tests/scenarios/common/web-everything-wrong.scn"
    whole = drywire("run", "-v", path).stdout.splitlines()
    # -v has the lines of level DETAIL besides
    marks = drywire("seq", path).stdout.splitlines()[2:-1]
    short = drywire("run", path).stdout.splitlines()
    left = [i for i, line in enumerate(short) if re.fullmatch(r"   \.\.\. \d+ lines left out \(-v .*\)", line)]
    assert len(left) == 1 and left[0] == 21 and len(short) == 1 + 20 + 1 + 20 + 1
    assert int(short[left[0]].split()[1]) == len(marks) - 40
    assert set(short[1:21] + short[22:42]) <= set(whole)
    assert short[41].split()[0] == marks[-1].split()[0] and short[41] in whole[-3:]


def test_a_short_ladder_is_shown_whole():
    out = drywire("run", LOSSY).stdout
    assert "left out" not in out and len(out.splitlines()) == 2 + len(
        drywire("seq", LOSSY).stdout.splitlines()[2:-1])

"""On a terminal of 80 columns no line wraps, and commands can be copied unchanged."""

import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import termios
from fcntl import ioctl

import pytest

from conftest import BUILD, ROOT, command, drywire

LEASE = ROOT / "tests/scenarios/slirp/lease.scn"
FAILS = ("title A title that is a good deal longer than the eighty columns that a terminal often has, in words\n"
         "world native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
         "expect webget: done status=500\n")


def on_terminal(columns, *args):
    """The output of the command there, line by line, without colours."""
    pid, fd = pty.fork()
    if pid == 0:
        ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.chdir(ROOT)
        os.execv(BUILD / "drywire", ["drywire", *map(str, args)])
    text = b""
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        text += more
    os.waitpid(pid, 0)
    return re.sub(r"\033\[[0-9;]*[mK]", "", text.decode()).replace("\r\n", "\n").split("\n")


@pytest.mark.parametrize("args", [
    ["run", "tests/scenarios/slirp/lease.scn"],
    ["run", "-v", "tests/scenarios/common/web-lost-ack.scn"],
    ["run", "--memory", "both", "tests/scenarios/common/contract-web.scn"],
    ["run", "--seeds", "1..3", "tests/scenarios/common/contract-web.scn"],
    ["--help"],
    ["list", "tests/scenarios/slirp"],
], ids=" ".join)
def test_nothing_wraps(args):
    lines = on_terminal(80, *args)
    assert len(lines) > 1
    if args[0] != "list":
        assert max(map(len, lines)) <= 80, max(lines, key=len)


def test_a_failure_neither_and_its_commands_work(tmp_path):
    path = tmp_path / "a name with spaces in it that is long.scn"
    path.write_text(FAILS)
    wide = drywire("run", path).stdout
    lines = on_terminal(80, "run", path)
    assert all(len(x) <= 80 or " " not in x.strip(" \\").replace("\\ ", "") for x in lines), lines
    text = "\n".join(lines)
    replay = re.search(r"^replay:\s+((?:.*\\\n)*.*)$", text, re.M).group(1)
    whole = re.search(r"^replay:\s+(.*)$", wide, re.M).group(1)
    assert shlex.split(replay.replace("\\\n", ""))[1:] == shlex.split(whole)[1:]
    assert command(["sh", "-c", replay.replace("drywire", str(BUILD / "drywire"), 1)]).returncode == 1


def test_what_is_no_terminal_gets_whole_lines(tmp_path):
    path = tmp_path / "x.scn"
    path.write_text(FAILS)
    assert max(map(len, drywire("run", path).stdout.splitlines())) > 100


# ---- what a terminal would obey ----

NAMES = {  # as printed, if different
    b"esc\x1b[31m": r"esc\x1b[31m", b"line\nfeed": r"line\x0afeed", b"bell\x07": r"bell\x07", b"del\x7f": r"del\x7f",
    b"c1\xc2\x9b31m": r"c1\xc2\x9b31m", b"turn\xe2\x80\xae": r"turn\xe2\x80\xae", b"iso\xe2\x81\xa6": r"iso\xe2\x81\xa6",
    b"bad\xff": r"bad\xff", b"cut\xe2\x80": r"cut\xe2\x80", b"over\xc0\xaf": r"over\xc0\xaf",
    b"-dash": "-dash", b"--seed": "--seed", b"it's a \"name\" $HOME `id` \\ %s": None, "späß €".encode(): None,
}
HIDDEN = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def in_folder(folder, *args):
    """The exit code and both outputs, which have no terminal control sequences."""
    done = subprocess.run([BUILD / "drywire", *args], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    text = [x.decode(errors="surrogateescape") for x in (done.stdout, done.stderr)]
    assert not HIDDEN.search("".join(text)), text
    return done.returncode, *text


def shown(name):
    return NAMES[name] or name.decode()


@pytest.fixture(params=NAMES, ids=repr)
def named(request, tmp_path):
    """A folder with a failing scenario of that name, a file that is not a scenario, and a capture."""
    name = request.param
    (tmp_path / os.fsdecode(name + b".scn")).write_text(FAILS)
    (tmp_path / os.fsdecode(name + b".txt")).write_text("nonsense\n")
    shutil.copy(ROOT / "tests/captures/web.pcap", tmp_path / os.fsdecode(name + b".pcap"))
    return tmp_path, name


def test_a_name_is_shown_and_its_command_can_be_pasted(named):
    folder, name = named
    code, out, err = in_folder(folder, "run", "-q", "--", name + b".scn")
    assert (code, err) == (1, "") and out.startswith(f"fail  {shown(name)}.scn  seed=1 ")
    assert f"\nwhere:     {shown(name)}.scn:5\n" in out
    replay = re.search(r"^replay: +(.*)$", out, re.M)[1]
    bisect = re.search(r"^bisect: +git bisect run (sh -c '.*')$", out, re.M)[1].replace("build/drywire || exit 125; build",
                                                                                          f"x || true; {BUILD}")
    for line in (replay, bisect):
        for shell in ("sh", "bash"):
            again = subprocess.run([shell, "-c", line], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
            text = again.stdout.decode()
            assert again.returncode == 1 and re.search(r"^fail  .* hash=" + out.split("hash=")[1][:16], text, re.M), line


def test_a_name_in_messages_and_lists_is_one_line(named):
    folder, name = named
    code, out, err = in_folder(folder, "run", "--", name + b".txt")
    assert code == 2 and err == f"{shown(name)}.txt:1: unknown word 'nonsense'\n"
    for verb in ("run", "replay", "explain", "seq", "import", "world"):
        options = ["-o", "x.scn"] if verb == "import" else ["--fd", "0"] if verb == "world" else []
        code, out, err = in_folder(folder, verb, *options, "--", name + b".gone")
        assert code in (2, 4) and err.count("\n") == 1 and f"{shown(name)}.gone" in err, err
    assert in_folder(folder, "list", "--", name + b".scn")[1].startswith(f"{shown(name)}.scn ")
    assert in_folder(folder, "list", "--", name + b".pcap")[1].startswith(f"{shown(name)}.pcap: frames=")
    for loose in ([], ["--loose"]):
        assert f"{shown(name)}.pcap" in in_folder(folder, "replay", *loose, "--", name + b".pcap")[1]
    code, out, err = in_folder(folder, "run", "--seeds", "1..2", "--", name + b".scn")
    assert f"\nfail  {shown(name)}.scn  seeds=1..2" in out and f"\nfailed: {shown(name)}.scn\n" in out


def test_other_words_of_the_command_line_are_shown_too(tmp_path):
    word = b"x\x1b[2J\xe2\x80\xae"
    for args in ([word], [b"--" + word], ["run", b"--seed", word], ["run", "--seeds", word], ["run", "--color", word],
                 ["run", "--guest", b"./" + word, LEASE], ["run", "--pcap", word + b"/y", LEASE],
                 ["run", "--artifacts", word + b"/y", LEASE], ["help", word], ["qemu", "--machine", word, LEASE]):
        code, out, err = in_folder(tmp_path, *args)
        assert code in (2, 4) and err.count("\n") == 1 and r"x\x1b[2J\xe2\x80\xae" in err, (args, err)


@pytest.mark.parametrize("capture, role", [("dhcp/tcpdump-dhcp-rfc3004.pcap", "server"), ("icmp/zeek-5-pings.pcap", "client")])
def test_a_flow_that_is_refused_is_shown_by_its_name(capture, role, tmp_path):
    shutil.copy(ROOT / "tests/captures/public" / capture, tmp_path / "x\x1b[2J.pcap")
    code, out, err = in_folder(tmp_path, "import", "--as", role, "-o", "y.scn", "--", b"x\x1b[2J.pcap")
    assert (code, out) == (2, "") and err.startswith(r"drywire: x\x1b[2J.pcap: flow 1 is "), err


def test_a_scenarios_words_are_shown(tmp_path):
    for line in (r'run "\x1b[31m"', r'serve "\xe2\x80\xae" 10.0.2.2:80', r'at 1s kill "a\nb"', r'expect "\x1bx: y"',
                 r'oracle off "\xff"', r'world native lease="\x1b"', r'"\x1b"'):
        (tmp_path / "x.scn").write_text(f"title T\n{line}\n")
        code, out, err = in_folder(tmp_path, "run", "x.scn")
        assert code == 2 and err.startswith("x.scn:2: ") and err.count("\n") == 1, err

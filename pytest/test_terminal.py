"""On a terminal of 80 columns no line wraps, and commands can be copied as they stand."""

import os
import pty
import re
import shlex
import struct
import termios
from fcntl import ioctl

import pytest

from conftest import BUILD, ROOT, command, drywire

FAILS = ("title A title that is a good deal longer than the eighty columns that a terminal often has, in words\n"
         "world native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
         "expect webget: done status=500\n")


def on_terminal(columns, *args):
    """What the command prints there, line by line, without colours."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(BUILD / "drywire", ["drywire", *map(str, args)])
    ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
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

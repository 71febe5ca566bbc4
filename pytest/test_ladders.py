"""`drywire pkt`: every ladder passes, twice alike, and no longer when one expected number is falsified;
what a wrong script gets."""

import re

import pytest

from conftest import BUILD, ROOT, drywire, relative

LADDERS = sorted((ROOT / "tests/ladders").glob("**/*.pkt"))
SUMMARY = re.compile(r"^(\d+) pass, (\d+) fail, (\d+) unrunnable, (\d+) weak, (\d+) vacuous", re.M)

LISTEN = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
ACCEPT = LISTEN + """+.1 < S 0:0(0) win 5000 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 5000
+0 accept(3, ..., ...) = 4
"""


@pytest.fixture
def play(tmp_path):
    """Run a script of this text: its result, with the path of the file as FILE."""
    def run(text, *args):
        path = tmp_path / "case.pkt"
        path.write_text(text)
        done = drywire("pkt", path, *args)
        done.stdout, done.stderr = (s.replace(str(path), "FILE") for s in (done.stdout, done.stderr))
        return done
    return run


# ---- ladders ----


def test_every_ladder_passes_twice_alike():
    first, second = (drywire("pkt", "tests/ladders") for _ in range(2))
    assert SUMMARY.search(first.stdout).groups() == (str(len(LADDERS)), "0", "0", "0", "0"), first.stdout
    assert first.returncode == 0 and first.stdout == second.stdout and not first.stderr


def test_a_ladder_has_a_title_with_its_clause():
    titles = {relative(p): p.read_text().splitlines()[0] for p in LADDERS}
    assert {p: t for p, t in titles.items() if not re.match(r"// .*(RFC \d+|POSIX)", t) or len(t) > 120} == {}
    assert len(set(titles.values())) == len(LADDERS) >= 300


def falsified(line):
    """The expected packet with one other number or flag: (field, line)."""
    head, flags, seq, end, rest = re.match(r"(\S+ > (?:\d+ > \d+ )?)(\S+) (\d+):(\d+)(.*)", line).groups()
    other = flags.replace("P", "") if "P" in flags else "P" + flags
    yield "flag", f"{head}{other} {seq}:{end}{rest}"
    if "S" not in flags:  # a SYN has the number from which all others count
        yield "seq", f"{head}{flags} {int(seq) + 1}:{int(end) + 1}{rest}"
    if " ack " in rest:
        yield "ack", re.sub(r"(?<= )ack (\d+)", lambda m: f"ack {int(m[1]) + 1}", line)


def test_a_ladder_with_one_falsified_number_fails(tmp_path):
    """In every line of every ladder that expects a packet: one acknowledgment, sequence number, flag."""
    made, fields = {}, {"ack": 0, "seq": 0, "flag": 0}
    for path in LADDERS:
        lines = path.read_text().splitlines()
        for i, line in enumerate(lines):
            if not re.match(r"\S+ > ", line):
                continue
            for field, wrong in falsified(line):
                name = f"{len(made):05}.pkt"
                (tmp_path / name).write_text("\n".join([*lines[:i], wrong, *lines[i + 1:]]) + "\n")
                made[name] = f"{relative(path)}:{i + 1} {field}"
                fields[field] += 1
    done = drywire("pkt", "-q", tmp_path)
    failed = set(re.findall(r"^where:     .*/(\d+\.pkt):\d+$", done.stdout, re.M))
    assert [where for name, where in made.items() if name not in failed] == []
    assert SUMMARY.search(done.stdout)[2] == str(len(made)) and min(fields.values()) >= len(LADDERS)


# ---- another stack ----


def test_another_stack_is_judged_by_the_same_ladders():
    if not (BUILD / "stack_lwip.so").exists():
        pytest.skip("lwIP is not here: apt-get install liblwip-dev")
    guest = ("--guest", BUILD / "stack_lwip.so")
    for name in ("open/active", "open/passive", "close-wait/close", "established/fin", "data/again", "closed/syn"):
        done = drywire("pkt", *guest, f"tests/ladders/{name}.pkt")
        assert done.returncode == 0 and done.stdout.startswith("pass"), done.stdout
    done = drywire("pkt", *guest, "tests/ladders/closed/ack.pkt")
    assert done.returncode == 1 and "\nexpected:  > R 77:77(0)\ncame:      > R. 77:77(0) ack 1 " in done.stdout
    assert re.search(r"^replay: .* pkt tests/ladders/closed/ack.pkt --seed 1 --guest \S+/stack_lwip.so$", done.stdout, re.M)
    first, second = (drywire("pkt", "-q", *guest, "tests/ladders") for _ in range(2))
    assert first.stdout == second.stdout and int(SUMMARY.search(first.stdout)[1]) > 200


def test_what_is_no_stack_is_refused(tmp_path):
    (tmp_path / "empty.so").write_text("")
    for path, what in [(tmp_path / "none.so", "not a guest"), (tmp_path / "empty.so", "not a guest"),
                       (BUILD / "guest_ping.so", "has no drywire_stack()")]:
        done = drywire("pkt", "--guest", path, "tests/ladders/open/active.pkt")
        assert done.returncode == 2 and what in done.stderr and not done.stdout


# ---- scripts that fail ----


@pytest.mark.parametrize("text, line, what", [
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+.1 > P. 1:11(10) ack 1\n", 9, "it came at 0.2 and is due at 0.3"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+.1~+.2 > P. 1:11(10) ack 1\n", 9, "the time differs"),
    (ACCEPT + "+.1 > . 1:1(0) ack 1\n", 8, "it has not come by 0.3"),
    (ACCEPT + "* > . 1:1(0) ack 1\n", 8, "it never comes: no timer runs"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+.1 quiet\n", 9, "a packet at 0.2 that no line expects"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 < . 1:1(0) ack 1 win 5\n+0 > P. 1:11(10) ack 1\n", 9,
     "a packet at 0.2 that no line expects"),
    (ACCEPT + "+0 write(4, ..., 10) = 11\n+0 quiet\n", 8, "write returned 10, not 11"),
    (ACCEPT + "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n+0 read(4, ..., 10) = 0\n+0 quiet\n", 9,
     "read returned EAGAIN, not a number"),
    (ACCEPT + "+0 read(4, ..., 10) = -1 EAGAIN (no)\n+0 quiet\n", 8, "read waits"),
    (ACCEPT + "+0...0.5 read(4, ..., 10) = 10\n+.1 < P. 1:11(10) ack 1 win 5000\n+0 quiet\n", 8,
     "read returned 200000000 ns too early"),
    (ACCEPT + "+0...0.5 read(4, ..., 10) = 10\n+0 quiet\n", 8, "read has not returned at its end"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 win 1\n", 9, "the window differs"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop,nop,nop,nop>\n", 9, "the options differ"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > P. 1:10(9) ack 1\n", 9, "the length differs"),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 win >= 65536\n", 9, None),
    (ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > 8080 > 1: P. 1:11(10) ack 1\n", 9, None),
    (LISTEN + "+0 close(3) = 0\n+0 < S 0:0(0) win 5\n+0 > S. 0:0(0) ack 1 <...>\n", 6, "the flags differ"),
])
def test_a_script_that_does_not_hold_fails_with_its_line(play, text, line, what):
    done = play(text)
    if what is None:
        assert done.returncode == 2
        return
    assert done.returncode == 1 and not done.stderr, done.stdout
    assert done.stdout.startswith("fail  FILE\n") and f"where:     FILE:{line}\n" in done.stdout
    assert re.search(f"^what:      .*{re.escape(what)}", done.stdout, re.M), done.stdout


def test_a_failure_shows_what_was_expected_what_came_and_the_last_frames(play):
    done = play(ACCEPT + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 3\n")
    assert "\nexpected:  > P. 1:11(10) ack 3\ncame:      > P. 1:11(10) ack 1 win 65535\n" in done.stdout
    assert re.search(r"^ +0\.200000  -->  tcp 192\.0\.2\.1:8080 > 192\.0\.2\.2:40000 P\. seq=1 ack=1 .*len=10$",
                     done.stdout, re.M)


# ---- other ends ----


@pytest.mark.parametrize("text, place, what", [
    ("0 > S 0:0(0)\n+0 >> S", "2:5", "unknown flag '>'"),
    ("0 < S 0:5(4)\n", "1:7", "0:5 has 5 bytes, not 4"),
    ("0 < . 0:0(0)\n", "1:5", "'.' needs 'ack N'"),
    ("0 < SS 0:0(0)\n", "1:5", "twice"),
    ("0 < S 0:0(0) <mss 1000,nop>\n", "1:15", "5 bytes"),
    ("0 < S 0:0(0) <...>\n", "1:18", "needs its options"),
    ("0 < S 0:0(0) <mss 70000>\n", "1:19", "above 65535"),
    ("0 < S 0:0(0) win 65536\n", "1:18", "above 65535"),
    ("0 < S 0:0(0) win >= 6\n", "1:20", "one window"),
    ("x\n", "1:1", "expected a number"),
    ("0.1234567891 quiet\n", "1:12", "nine digits"),
    ("+.2~+.1 > . 0:0(0)\n", "1:5", "ends before it starts"),
    ("+.2~.3 > . 0:0(0)\n", "1:5", "both ends"),
    ("* quiet\n", "1:1", "only an expected packet"),
    ("0...1 > S 0:0(0)\n", "1:1", "only a call"),
    ("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = -1\n", "1:43", "name of an error"),
    ("0 listen(3, 1 = 0\n", "1:15", "expected ')'"),
    ('0 write(3, "abc, 1) = 0\n', "1:13", "no closing quote"),
    ("0 listen\n", "1:3", "expected <, >, quiet or a call"),
    ("/* 0 quiet\n", "1:1", "has no end"),
    ("0 quiet\n`ss\n", "2:2", "no '`' follows"),
    ("--mtu=10\n", "1:9", "below 328"),
    ("--local_ip=10.0.0\n", "1:12", "expected an IPv4 address"),
    ("0 < icmp unreachable host_unreachable 0:1(1)\n", "1:39", "expected '['"),
    ("0 accept(7, ..., ...) = 0\n+0 quiet\n", "1", "no descriptor 7"),
    ("1 quiet\n0 quiet\n", "2", "this time has passed: it is 1.0 already"),
    (LISTEN + "+0 listen(3, [1]) = 0\n+0 quiet\n", "4", "argument 2 must be a number"),
])
def test_a_syntax_error_names_file_line_and_column(play, text, place, what):
    done = play(text)
    assert done.returncode == 2 and not done.stdout, done
    assert done.stderr.startswith(f"FILE:{place}: ") and what in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("text, place, what", [
    ("--ip_version=ipv6\n", "1:14", "IPv4 only"), ("--local_ip=fe80::1\n", "1:12", "IPv6"),
    ("--fancy=1\n", "1:3", "option --fancy"), ("`sysctl -w net.ipv4.tcp_sack=0`\n", "1:1", "never executed"),
    ("0 %{ print(1) }%\n", "1:5", "embedded code"), ("0 epoll_create(1) = 3\n", "1:3", "call 'epoll_create'"),
    ("0 < udp (10)\n", "1:8", "'udp'"), ("0 < [ce] S 0:0(0)\n", "1:5", "IP header"),
    ("0 > icmp unreachable\n", "1:9", "expected ICMP"), ("0 < S 0:0(0) <FO>\n", "1:15", "TCP option 'FO'"),
    ("0 socket(AF_INET6, SOCK_STREAM, 0) = 3\n", "1:10", "constant 'AF_INET6'"),
    ("0 listen(3, 1) = -1 EFUN (fun)\n", "1:21", "error 'EFUN'"),
    ("0 > S 0:0(0)\n0 socket(..., 2, 0) = 3\n", "2", "TCP sockets only"),
    ("0 < . 1:2001(2000) ack 1\n+0 quiet\n", "1", "does not fit"),
])
def test_what_is_not_supported_is_unrunnable(play, text, place, what):
    if place == "2":
        text = text.split("\n", 1)[1] + "+0 quiet\n"
        place = "1"
    done = play(text)
    assert done.returncode == 125 and done.stdout.startswith(f"unrunnable  FILE:{place}: ") and what in done.stdout


def test_a_script_that_expects_no_packet_is_vacuous(play):
    done = play(LISTEN)
    assert done.returncode == 5 and done.stdout.startswith("vacuous  FILE")


def test_a_script_without_its_shell_check_is_weak(play):
    done = play(ACCEPT + "+0 `ss -tn | grep -q 8080`\n+1 quiet\n")
    assert done.returncode == 0 and done.stdout.startswith("weak  FILE")


def test_several_scripts_are_counted_and_the_worst_decides(tmp_path):
    for name, text in [("a", ACCEPT + "+1 quiet\n"), ("b", LISTEN), ("c", ACCEPT + "+0 > . 1:1(0) ack 1\n"),
                       ("d", "0 epoll(1) = 1\n"), ("e", "0 `ss`\n1 quiet\n")]:
        (tmp_path / f"{name}.pkt").write_text(text)
    done = drywire("pkt", tmp_path)
    assert done.returncode == 1 and done.stdout.endswith("\n1 pass, 1 fail, 1 unrunnable, 1 weak, 1 vacuous\n")
    (tmp_path / "f.pkt").write_text("0\n")
    assert drywire("pkt", "-q", tmp_path).returncode == 2


def test_a_missing_file_and_no_file_are_reported(tmp_path):
    done = drywire("pkt", tmp_path / "none.pkt")
    assert done.returncode == 2 and "none.pkt: cannot be read: No such file" in done.stderr
    assert drywire("pkt", tmp_path).returncode == 5 and drywire("pkt").returncode == 2

"""Errors around QEMU: bad input gets one line and its exit code, a lost run a verdict with the reason.
Verdicts that the real image does not cause come from a script instead of QEMU; the judge itself is
tested in tests/unit/test_judge.c. No assertion is about wall-clock time; the timeouts are guards against
hanging."""

import json
import os
import re
import signal
import subprocess
import time
from xml.etree import ElementTree

import pytest

from conftest import BUILD, GUARD, ROOT, command, drywire
from test_cli import one_line

pytestmark = pytest.mark.qemu

WEB = "tests/scenarios/common/contract-web.scn"
DIGEST = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"  # before an image's build id


def build_id(image):
    data = (BUILD / image).read_bytes()
    at = data.index(DIGEST) + len(DIGEST)
    return data[at:at + 4].hex()


FAKE = """#!/usr/bin/python3
import binascii, os, re, signal, sys, time
if "--version" in sys.argv:
    print("QEMU emulator version {version}.0 (Debian)")
    sys.exit(0)
RUN = re.search(r"id=(\\w+)", sys.argv[sys.argv.index("-append") + 1])[1]
BEGIN = f"test: begin proto=1 target=x86_64 build={build} run={{RUN}} plan=1"
OK, END = "test: ok case=machine interrupts=0", "test: end ok=1 fail=0 skip=0 notrun=0"
count = 0
def raw(text):
    data = text.encode()
    while data:
        data = data[os.write(1, data):]
def frame(text):
    global count
    count += 1
    body = f"@{{count}} {{text}} t={{count}}"
    return f"{{body}} *{{binascii.crc_hqx(body.encode(), 0xffff):04x}}\\n"
def say(*texts):
    for text in texts:
        raw(frame(text))
"""


@pytest.fixture
def fake(tmp_path):
    """A function that runs `drywire qemu` with a script instead of QEMU."""
    folder = tmp_path / "bin"
    folder.mkdir()
    quiet = tmp_path / "quiet.scn"
    quiet.write_text("world native\nnever tcp: rst\n")

    def prepare(script, version="7.2"):
        program = folder / "qemu-system-x86_64"
        program.write_text(FAKE.format(version=version, build=build_id("x86_64/kernel.elf")) +
                           script)
        program.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    def run(script, *options, paths=None, version="7.2"):
        return drywire("qemu", *options, *(paths or [quiet]), env=prepare(script, version),
                       timeout=GUARD)

    run.prepare, run.quiet = prepare, quiet
    return run


def verdict(done, word, *words, code=1):
    assert done.returncode == code, done.stdout + done.stderr
    what = re.search(r"^what: +(\w+) (.*)$", done.stdout, re.M)
    assert what and what[1] == word, done.stdout
    for w in words:
        assert w in what[2], done.stdout
    assert re.search(r"^again: +\S+/drywire qemu \S+\.scn --seed \d+ --machine ", done.stdout, re.M), done.stdout
    assert re.search(r"^command:  +qemu-system-", done.stdout, re.M), done.stdout


# ---- before it starts ----

def test_no_qemu(tmp_path):
    done = drywire("qemu", WEB, env={"PATH": str(tmp_path)})
    one_line(done, 125, "qemu-system-x86_64 is not installed", "apt-get install -y qemu-system-x86")
    done = drywire("qemu", "--target", "rv64", WEB, env={"PATH": str(tmp_path)})
    one_line(done, 125, "qemu-system-riscv64 is not installed", "apt-get install -y qemu-system-misc")


@pytest.mark.parametrize("version", ["5.2", "7.1", "6.9"])
def test_qemu_too_old(fake, version):
    one_line(fake("", version=version), 125, f"is version {version}; version 7.2 or later is needed")


@pytest.mark.parametrize("version", ["7.2", "7.10", "10.0"])
def test_qemu_new_enough(fake, version):
    done = fake("say(BEGIN, OK, END)\nsys.exit(33)\n", version=version)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("args, words", [
    (["--target", "rv65"], ["unknown target 'rv65', did you mean 'rv64'?"]),
    (["--machine", "q36"], ["unknown machine 'q36', did you mean 'q35'?"]),
    (["--machine", "pentium"], ["unknown machine 'pentium';", "microvm", "virt-opensbi"]),
    (["--kernel", "/no/such.elf"], ["/no/such.elf: No such file", "`make images`"]),
    (["--kernel", "README.md"], ["README.md is not a drywire image: it has no build id"]),
    (["--kernel", "docs"], ["docs is not a drywire image"]),
    (["--net", "slirp"], ["--net 'slirp' is unknown"]),
    (["--icount", "x"], ["--icount", "'x'"]),
    (["--log", "/no/such/folder/x.log"], ["/no/such/folder/x.log"]),
    (["--log", "x.log", "tests/scenarios/common"], ["--log needs a single run of a single scenario"]),
    (["--pcap", "x.pcapng", "tests/scenarios/common"], ["--pcap needs a single run of a single scenario"]),
    (["--trace", "x"], ["--trace is not an option of 'drywire qemu'"]),
    (["--arg", "-s"] * 17, ["--arg can be given 16 times"]),
    (["--device", "queue=3"], ["queue"]),
])
def test_bad_command_line(args, words):
    one_line(drywire("qemu", *args, WEB), 2, *words)
    assert not (ROOT / "x.log").exists() and not (ROOT / "x.pcapng").exists()


def test_a_note_that_is_cut_off_is_no_build_id(tmp_path):
    image = tmp_path / "cut.elf"
    image.write_bytes(b"\x7fELF" + DIGEST + b"abc")
    one_line(drywire("qemu", "--kernel", image, WEB), 2, "cut.elf", "no build id")


@pytest.mark.parametrize("options, line, words", [
    (["--machine", "microvm"], "device virtio-net queue=64",
     ["machine microvm always has queues of 1024 on virtio-mmio"]),
    (["--machine", "q35"], "device virtio-net queue=64", ["256, 512 or 1024 on PCI"]),
    (["--target", "rv64"], "device virtio-net mac=none", ["always has a MAC address"]),
    (["--machine", "q35"], "device virtio-net transport=mmio", ["q35 has no virtio-mmio"]),
    (["--machine", "microvm"], "device virtio-net transport=pci-modern", ["has no PCI bus"]),
    ([], "daemon echod\nat 1s kill echod", [".scn:3: kill works only in the simulator"]),
    ([], "at 1s link down", [".scn:2: link works only in the simulator"]),
    ([], "run ping " + "%" * 900, ["too long for a kernel command line"]),
], ids=lambda v: v[:24] if isinstance(v, str) else None)
def test_what_the_machine_cannot_do(tmp_path, options, line, words):
    path = tmp_path / "bad.scn"
    path.write_text(f"world native\n{line}\nnever tcp: rst\n")
    one_line(drywire("qemu", *options, path), 2, *words)


# ---- real machines that go wrong ----

def test_qemu_cannot_start():
    done = drywire("qemu", "--arg", "-no-such-option", WEB)
    verdict(done, "START", "status 1 before the first line", "-no-such-option: invalid option")
    assert "--arg -no-such-option" in re.search("^again:.*$", done.stdout, re.M)[0]


def test_panic():
    """A processor without the comparator that the timer needs."""
    done = drywire("qemu", "--target", "rv64", "--device", "interrupts=on", "--arg", "-cpu",
                   "--arg", "rv64,sstc=off", WEB)
    verdict(done, "PANIC", "why=illegal-instruction")


def test_triple_fault():
    """A processor without the no-execute bit: a fault before there is anything to handle it."""
    done = drywire("qemu", "--machine", "microvm", "--arg", "-cpu", "--arg", "qemu64,-nx", WEB)
    verdict(done, "RESET", "triple fault")


def test_a_machine_that_stands_still():
    done = drywire("qemu", "--arg", "-S", "--timeout", "1", WEB)
    verdict(done, "TIMEOUT", "time limit was reached", "the last line is number 0")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "virt.dtb"
    done = command(["qemu-system-riscv64", "-accel", "tcg", "-M", f"virt,dumpdtb={path}", "-m",
                    "128", "-nodefaults", "-display", "none"], timeout=GUARD)
    assert path.exists(), done.stderr
    return path.read_bytes()


def boot_tree(tmp_path, data):
    path = tmp_path / "tree.dtb"
    path.write_bytes(data)
    return drywire("qemu", "--target", "rv64", "--arg", "-dtb", "--arg", path, WEB)


def test_a_device_tree_that_is_whole(tmp_path, tree):
    assert boot_tree(tmp_path, tree).returncode == 0


@pytest.mark.parametrize("damage", ["cut", "token", "reservations"])
def test_a_damaged_device_tree(tmp_path, tree, damage):
    chosen = tree.index(b"chosen\0")  # QEMU itself needs the node, to write the command line
    slot = tree.index(b"virtio_mmio@") - 4  # the token of a node
    data = {"cut": tree[:chosen + 600],
            "token": tree[:slot] + b"\0\0\0\7" + tree[slot + 4:],
            "reservations": tree[:40] + b"\xff" * 16 + tree[56:]}[damage]
    done = boot_tree(tmp_path, data)
    verdict(done, "FAIL", "test: fail case=machine why=boot:device-tree")
    assert re.search(r"^ +0\.000000  test: end ok=0 fail=1", done.stdout, re.M), done.stdout


def test_a_device_tree_without_a_clock(tmp_path, tree):
    done = boot_tree(tmp_path, tree.replace(b"timebase-frequency", b"timebase-frequencx"))
    verdict(done, "FAIL", "why=boot:timebase-frequency")


def test_a_device_tree_that_qemu_refuses(tmp_path):
    verdict(boot_tree(tmp_path, b"no tree" * 100), "START", "Unable to copy device tree")


@pytest.mark.parametrize("args", [
    ["qemu-system-x86_64", "-M", "q35", "-bios", "qboot.rom", "-device",
     "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", BUILD / "x86_64/kernel.elf"],
    ["qemu-system-riscv64", "-M", "virt", "-bios", "none", "-kernel", BUILD / "rv64/kernel.elf"],
], ids=["x86_64", "rv64"])
def test_no_network_device(args):
    done = command([*args, "-accel", "tcg", "-m", "128", "-nodefaults", "-no-reboot", "-display",
                    "none", "-serial", "stdio", "-append", "run=ping,10.0.2.2"], timeout=GUARD)
    assert done.returncode == 35
    assert "test: fail case=machine why=no-network-device" in done.stdout


# ---- a script in QEMU's place ----

def test_a_good_log_passes(fake):
    done = fake("raw('SeaBIOS\\r\\n\\n')\nsay(BEGIN, OK, END)\nsys.exit(33)\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^pass .*machine=q35 +\d+ ms$", done.stdout, re.M)


@pytest.mark.parametrize("line", ["at 0ms drop rx arp", "wire rx drop=1%", "world native nak=1", "allow exit",
                                  "serve sink 10.0.2.2:7", "at 5ms dial 7 send=x", "peer dhcp renew=1 silent"])
def test_its_line_says_that_what_is_idle_is_not_judged(line, fake, tmp_path):
    case = tmp_path / "case.scn"
    case.write_text(f"never tcp: rst\n{line}\n")
    done = fake("say(BEGIN, OK, END)\nsys.exit(33)\n", paths=[case])
    assert re.search(r"^pass .* ms, idle faults and lines not judged$", done.stdout, re.M), done.stdout


VERDICTS = {
    "status": ("START", "sys.stderr.write('qemu: out of luck\\nmore\\n'); sys.exit(1)",
               ["status 1 before the first line: qemu: out of luck"]),
    "run": ("STALE", "RUN = '0'; BEGIN = re.sub('run=[0-9a-f]+', 'run=9f00c0de', BEGIN)\n"
                     "say(BEGIN, OK, END); sys.exit(33)", ["run=", "was expected"]),
    "build": ("STALE", "BEGIN = re.sub('build=[0-9a-f]+', 'build=00000000', BEGIN)\n"
                       "say(BEGIN, OK, END); sys.exit(33)", ["build="]),
    "target": ("STALE", "say(BEGIN.replace('x86_64', 'rv64'), OK, END); sys.exit(33)",
               ["target=x86_64"]),
    "panic": ("PANIC", "say(BEGIN, 'test: panic why=check pc=0x1'); sys.exit(37)", ["why=check"]),
    "panic-cut": ("PANIC", "say(BEGIN); raw(frame('tcp: connected')[:9] + '\\n')\n"
                           "say('test: panic why=page-fault'); sys.exit(37)", ["why=page-fault"]),
    "panic-mute": ("PANIC", "say(BEGIN); sys.exit(37)", ["status 37 without a message"]),
    "fail": ("FAIL", "say(BEGIN, 'test: fail case=machine why=no-msi',"
                     "'test: end ok=0 fail=1 skip=0 notrun=0'); sys.exit(35)", ["why=no-msi"]),
    "fail-hangs": ("FAIL", "say(BEGIN, 'test: fail case=machine why=no-msi'); time.sleep(600)",
                   ["why=no-msi"]),
    "never": ("FAIL", "say(BEGIN, 'tcp: rst dir=tx', OK, END); sys.exit(33)", ["must never be"]),
    "cut-line": ("FRAMING", "say(BEGIN); raw(frame(OK)[:20] + '\\n'); say(END); sys.exit(33)",
                 ["not a framed line"]),
    "bit": ("FRAMING", "say(BEGIN); raw(frame(OK).replace('ok', 'oj')); say(END); sys.exit(33)",
            ["bad checksum"]),
    "lost-line": ("FRAMING", "say(BEGIN); count += 1; say(OK, END); sys.exit(33)",
                  ["line 1 is followed by: \"@3"]),
    "foreign": ("FRAMING", "say(BEGIN); raw('hello\\n'); say(OK, END); sys.exit(33)", ["hello"]),
    "chatter": ("FRAMING", "raw('hello\\n' * 300); time.sleep(600)", ["no framed line"]),
    "crash": ("CRASH", "say(BEGIN); os.kill(os.getpid(), signal.SIGSEGV)", ["signal 11"]),
    "crash-mute": ("CRASH", "os.kill(os.getpid(), signal.SIGKILL)", ["signal 9 after line 0"]),
    "silence": ("TIMEOUT", "say(BEGIN, OK); time.sleep(600)", ["time limit was reached", "number 2"]),
    "closed": ("TIMEOUT", "say(BEGIN); os.close(1); time.sleep(600)",
               ["the serial line was closed but QEMU still runs"]),
    "flood": ("TIMEOUT", "raw('x' * (5 << 20)); time.sleep(600)", ["too much output"]),
    "reset": ("RESET", "say(BEGIN, OK); sys.exit(0)", ["status 0 after line 2"]),
    "no-end": ("INCOMPLETE", "say(BEGIN, OK); sys.exit(33)",
               ["status 33, and \"test: end\" is missing after line 2"]),
    "cut-end": ("INCOMPLETE", "say(BEGIN, OK); raw(frame(END)[:-3]); sys.exit(33)",
                ["the last line is incomplete"]),
    "status-1": ("INCOMPLETE", "say(BEGIN, OK, END); sys.exit(1)", ["status 1 instead of 33"]),
    "notrun": ("INCOMPLETE", "say(BEGIN, 'test: end ok=0 fail=0 skip=0 notrun=1'); sys.exit(33)",
               ["0 of 1 cases"]),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(fake, name):
    word, script, words = VERDICTS[name]
    verdict(fake(script + "\n", *(["--timeout", "3"] if name == "silence" else [])), word, *words)


def test_markers(fake, tmp_path):
    path = tmp_path / "web.scn"
    path.write_text("world native\nrun webget http://10.0.2.2/\nexpect webget: done status=200\n")
    done = fake("say(BEGIN, 'webget: done status=404', OK, END)\nsys.exit(33)\n", paths=[path])
    verdict(done, "MARKERS", "nearest line: \"webget: done status=404\"")


def test_the_log_is_kept_as_it_came_and_not_shown_raw(fake, tmp_path):
    log = tmp_path / "serial.log"
    done = fake("raw('\\x1b[2Jfirmware\\r\\n')\nsay(BEGIN)\nraw('\\x1b[31m\\x07\\n')\n"
                "say(OK, END)\nsys.exit(33)\n", "--log", log)
    verdict(done, "FRAMING", "?[31m?")
    assert "\x1b" not in done.stdout
    assert log.read_bytes().startswith(b"\x1b[2Jfirmware\r\n@1 test: begin ")


def test_the_far_side_is_in_the_verdict(fake):
    """The script sends a frame whose sender is not the machine."""
    done = fake("import socket\nsay(BEGIN)\n"
                "fd = int(re.search(r'local.str=(\\d+)', ' '.join(sys.argv))[1])\n"
                "s = socket.socket(fileno=fd)\n"
                "s.send(bytes.fromhex('ffffffffffff' '020000000099' '0806') + bytes(46))\n"
                "time.sleep(600)\n")
    verdict(done, "FAIL", "frame.source_mac", "00:99")
    assert "on the far side's clock" in done.stdout


def test_what_a_child_inherits(fake, tmp_path):
    """Standard streams and its end of the wire, nothing else, in the second run too; and no child
    of the first one is left."""
    report = tmp_path / "report"
    done = fake(f"with open({str(report)!r}, 'a') as f:\n"
                "    fds = {int(n) for n in os.listdir('/proc/self/fd')}\n"
                "    fds = {n for n in fds if os.path.exists(f'/proc/self/fd/{n}')} - {f.fileno()}\n"
                "    wire = int(re.search(r'local.str=(\\d+)', ' '.join(sys.argv))[1])\n"
                "    p = os.getppid()\n"
                "    children = open(f'/proc/{p}/task/{p}/children').read().split()\n"
                "    print(sorted(fds - {wire}), len(children), os.environ['TZ'], file=f)\n"
                "say(BEGIN, OK, END)\nsys.exit(33)\n", paths=[fake.quiet] * 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed, 0 failed" in done.stdout
    assert report.read_text() == "[0, 1, 2] 2 UTC\n" * 3


# ---- it is stopped ----

def children_of(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def wait_until(what):
    end = time.monotonic() + GUARD
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_stopped(fake, number):
    """However drywire is ended, both of its children end with it."""
    env = {**os.environ, **fake.prepare("say(BEGIN)\ntime.sleep(600)\n")}
    process = subprocess.Popen([BUILD / "drywire", "qemu", fake.quiet], cwd=ROOT, env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert "test: begin" in process.stdout.readline()
    children = children_of(process.pid)
    assert len(children) == 2
    process.send_signal(number)
    _, err = process.communicate(timeout=GUARD)
    assert process.returncode == -number
    if number == signal.SIGKILL:
        for child in children:
            wait_until(lambda pid=child: gone(pid))
    else:
        assert err == f"drywire: {fake.quiet}: interrupted\n"
        assert all(gone(child) for child in children)


# ---- captures ----

@pytest.mark.parametrize("net", ["world", "user"])
def test_capture(tmp_path, net):
    """A comma in the name is a comma in the name."""
    capture = tmp_path / "a,b.pcap"
    scenario = tmp_path / "lease.scn"
    scenario.write_text("world slirp\nrun ping 10.0.2.2\nexpect netstackd: virt0 dhcp addr=*\n")
    done = drywire("qemu", "--net", net, "--pcap", capture, "--target", "rv64", scenario)
    assert done.returncode == 0, done.stdout + done.stderr
    assert capture.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"  # pcapng, whoever captured


# ---- what it reports, besides to a person ----

GOOD = "say(BEGIN, OK, END)\nraw('')\nsys.exit(33)\n"
BAD = "say(BEGIN, 'test: fail case=machine')\nsys.exit(35)\n"


def test_a_failure_in_qemu_in_every_form(fake, tmp_path):
    report, left, summary = tmp_path / "r.xml", tmp_path / "left", tmp_path / "summary"
    env = fake.prepare(BAD)
    broken = tmp_path / "broken.scn"
    broken.write_text("wrold native\n")
    done = drywire("qemu", "--json", "--junit", report, "--artifacts", left, "--annotate=github", "--icount", "5",
                   fake.quiet, broken, env={**env, "GITHUB_STEP_SUMMARY": str(summary)})
    assert done.returncode == 2
    found, unread = map(json.loads, done.stdout.splitlines())
    assert (found["verdict"], found["oracle"]) == ("fail", "test")
    assert found["message"] == "test: fail case=machine" and " --icount 5" in found["reproduce"]
    assert unread["verdict"] == "error" and unread["message"].startswith(f"{broken}:1: unknown word 'wrold'")
    suite = ElementTree.parse(report).getroot()
    assert [suite.get(k) for k in ("tests", "failures", "errors")] == ["2", "1", "1"]
    block = suite[0].find("failure").text
    assert re.findall(r"^(\w+):", block, re.M)[:4] == ["what", "where", "when", "lines"] and block in done.stderr
    assert [line.split(",")[0] for line in done.stderr.splitlines() if line.startswith("::error ")] == [
        f"::error file={fake.quiet}", f"::error file={broken}"]
    assert summary.read_text().count("\n") == 4
    assert sorted(p.suffix for p in left.iterdir()) == [".log", ".pcapng", ".txt"]
    assert done.stderr.splitlines()[-2:] == [f"failed: {fake.quiet}", f"unreadable: {broken}"]


def test_a_pass_in_qemu_is_quiet_when_asked_and_leaves_nothing(fake, tmp_path):
    left = tmp_path / "left"
    done = fake(GOOD, "-q", "--artifacts", left)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(left.iterdir()) == []
    done = fake(GOOD, "--json")
    assert json.loads(done.stdout)["verdict"] == "pass" and done.stderr == ""
    done = fake(BAD, "-q")
    verdict(done, "FAIL", "case=machine")
    assert done.stdout.splitlines()[0].startswith(f"FAIL  {fake.quiet}  machine=q35"), "no line before it"

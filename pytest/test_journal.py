"""The flight recorder: the journal of a target replays the same in the simulator, including a panic; a
damaged, unknown or truncated log is reported in one line."""

import base64
import binascii
import re
import subprocess
import zlib
from collections import namedtuple
from functools import lru_cache

import pytest

from conftest import BUILD, GUARD, ROOT, command, drywire, planter_of

TARGETS = ["rv64", "x86_64"]
JOURNAL_KERNELS = [f"{target}/kernel-journal.elf" for target in TARGETS]
WEB = "tests/scenarios/common/contract-web.scn"
# Polling, sleeping until an interrupt; both ring formats.
WAYS = ["interrupts=off", "ring=packed event_idx=on indirect=on interrupts=on"]
DRIVER = "core/virtio/virtio_net.c"
# The same assertion fails in both. One fails in the call that makes the mistake; the other breaks an
# invariant first, which only the replay checks, and panics in a later poll, whenever that comes.
MISTAKES = {
    "same": ("        tx_freed(n, token);\n",
             "        tx_freed(n, token);\n        while (n->netdev.frames_rx >= 4)\n            tx_freed(n, token);\n"),
    "earlier": ("    INVARIANTS(virtio_net_invariants(n));\n",
                "    if (n->netdev.frames_rx >= 4)\n        n->tx_free_count = (uint16_t)(n->tx_count + 1);\n"
                "    INVARIANTS(virtio_net_invariants(n));\n"),
}
SITE_FUNCTION = "tx_(freed|reclaim)|virtio_net_check"  # one may be inlined into the other
NOT_THE_CORES = ("test: ", "trap:", "journal: ")


def record(log, target, *options, scenario=WEB, **more):
    return drywire("qemu", "--target", target, "--log", log, *options, scenario, **more)


def lines(log):
    """The lines of the console, without frames and times."""
    return [m[1] for m in re.finditer(r"^@\d+ (.*) t=\d+ \*[0-9a-f]{4}$", log.read_text(), re.M)]


def core_lines(log):
    return [line for line in lines(log) if not line.startswith(NOT_THE_CORES)]


def replayed(out):
    return [line[20:] for line in out.splitlines() if re.match(r" +\d+\.\d{6}       ", line)]


@pytest.fixture(scope="module", params=TARGETS)
def healthy(request, tmp_path_factory):
    log = tmp_path_factory.mktemp("healthy") / "serial.log"
    done = record(log, request.param, "--journal", "dump")
    assert done.returncode == 0, done.stdout + done.stderr
    return log


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("detail", [[], ["--detail"]], ids=["mark", "detail"])
def test_a_healthy_run_comes_out_the_same(target, way, detail, tmp_path):
    log = tmp_path / "serial.log"
    done = record(log, target, "--journal", "dump", "--device", way, *detail)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "journal: data" not in done.stdout, "not for people"
    again = drywire("replay", log)
    assert again.returncode == 0, again.stdout + again.stderr
    assert drywire("replay", log).stdout == again.stdout
    said = core_lines(log)
    assert len(said) > 10 and replayed(again.stdout) == said
    records = int(re.search(r" records=(\d+)", log.read_text())[1])
    assert re.search(rf"^same .* records={records - 1} .* complete=1 end=asked$", again.stdout, re.M)


def test_without_a_panic_and_unasked_nothing_is_sent(tmp_path):
    log = tmp_path / "serial.log"
    assert record(log, "rv64", "--journal", "on").returncode == 0
    assert "journal:" not in log.read_text()
    done = drywire("replay", log)
    assert done.returncode == 2 and "contains no journal" in done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_an_ordinary_image_has_no_recorder(target, tmp_path):
    image = BUILD / target / "kernel.elf"
    names = command(["nm", image]).stdout
    assert "kernel_poll" in names and "journal" not in names and "ring_hook" not in names
    done = record(tmp_path / "serial.log", target, "--journal", "on", "--kernel", image)
    assert done.returncode == 1 and "why=option:journal=on" in done.stdout


def test_a_full_journal_says_so_and_replays_up_to_there(tmp_path):
    log = tmp_path / "serial.log"
    done = record(log, "rv64", "--journal", "dump", scenario="tests/scenarios/common/web-4mib.scn")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"journal: begin .* complete=0$", "\n".join(lines(log)), re.M)
    again = drywire("replay", log)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"^same .* complete=0 end=full$", again.stdout, re.M)
    said = replayed(again.stdout)
    assert said == core_lines(log)[:len(said)]
    assert any("tcp: connected" in line for line in said)
    assert not any("webget: done" in line for line in said)


# ---- a panic ----


Panic = namedtuple("Panic", "log site records binary")  # records before it


@pytest.fixture(scope="module")
def panics(tmp_path_factory):
    """Boots a kernel with the mistake, which panics; each kernel and each boot once."""
    @lru_cache(maxsize=None)
    def built(mistake):
        def change(folder):
            source = folder / DRIVER
            right, wrong = MISTAKES[mistake]
            assert source.read_text().count(right) == 1
            source.write_text(source.read_text().replace(right, wrong))
            return [DRIVER]

        folder, programs = BUILD / f"planted/test_journal_{mistake}", ["drywire", *JOURNAL_KERNELS]
        planter_of(*programs).plant(folder, change, programs)
        return folder / "planted/drywire"

    @lru_cache(maxsize=None)
    def panic(mistake, target):
        binary, log = built(mistake), tmp_path_factory.mktemp("panic") / "serial.log"
        done = record(log, target, "--journal", "on", binary=binary)
        assert done.returncode == 1, done.stdout + done.stderr
        text = log.read_text()
        site = re.search(rf"test: panic why=check .* site=({DRIVER}:\d+)", text)[1]
        assert f"replay:    {binary} replay --gdb {log}" in done.stdout
        return Panic(log, site, int(re.search(r" records=(\d+)", text)[1]) - 1, binary)

    return panic


def under_gdb(panic):
    done = subprocess.run([panic.binary, "replay", "--gdb", panic.log], capture_output=True, cwd=ROOT,
                          text=True, timeout=GUARD, input="set width 0\nbt\nprint replay.number\nquit\n")
    assert "SIGILL" in done.stdout, done.stdout + done.stderr
    stopped = done.stdout[done.stdout.index("SIGILL"):]
    assert re.search(r"^#\d+ .* kernel_poll ", stopped, re.M), stopped
    return stopped


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_panic_comes_again_at_the_same_record(panics, target):
    panic = panics("same", target)
    done = drywire("replay", panic.log, binary=panic.binary)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^same .* records={panic.records} .* end=panic at={re.escape(panic.site)}$",
                     done.stdout, re.M), done.stdout
    assert replayed(done.stdout) == core_lines(panic.log)
    stopped = under_gdb(panic)
    assert re.search(rf"#0 +(?:{SITE_FUNCTION}) .* at {DRIVER}:\d+$", stopped, re.M), stopped
    assert f"$1 = {panic.records}" in stopped


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_an_invariant_that_fails_before_the_panic_has_an_exit_code_of_its_own(panics, target, tmp_path):
    panic = panics("earlier", target)
    done = drywire("replay", panic.log, "--junit", tmp_path / "r.xml", binary=panic.binary)
    assert done.returncode == 7, done.stdout + done.stderr
    assert re.search(rf"^earlier .* end=panic at={re.escape(panic.site)}$", done.stdout, re.M), done.stdout
    why = r"an invariant that targets do not check fails before the panic: core/virtio/virtio_net_invariants\.c:\d+"
    assert re.search(rf"^{why}$", done.stdout, re.M), done.stdout
    assert re.search(rf"<failure [^>]*{why}", (tmp_path / "r.xml").read_text())
    assert int(re.search(r" records=(\d+)", done.stdout)[1]) < panic.records
    said = replayed(done.stdout)
    assert said == core_lines(panic.log)[:len(said)]
    assert "virtio_net_invariants" in under_gdb(panic)


def test_gdb_stops_at_the_end_of_a_healthy_run(healthy):
    done = subprocess.run([BUILD / "drywire", "replay", "--gdb", healthy], capture_output=True,
                          cwd=ROOT, text=True, timeout=GUARD, input="bt\nquit\n")
    assert re.search(r"^Breakpoint 1, .*replay_end", done.stdout, re.M), done.stdout + done.stderr


@pytest.mark.slow
def test_other_sources_are_refused(panics):
    done = drywire("replay", panics("same", "rv64").log)
    assert done.returncode == 2 and "build both from the same sources" in done.stderr
    assert done.stderr.count("\n") == 1 and not done.stdout


# ---- differences and damage ----


def unpack(text):
    parts = re.findall(r" b64=(\S+)", text)
    return b"".join(base64.b64decode(part) for part in parts)


def repack(text, journal):
    """The same log with as many other bytes, and good checksums."""
    def body(line):
        if part := re.search(r" off=(\d+) b64=(\S+)", line):
            at, size = int(part[1]), len(base64.b64decode(part[2]))
            line = line.replace(part[2], base64.b64encode(journal[at: at + size]).decode())
        return re.sub(r"(journal: end crc32=)\w+", rf"\g<1>{zlib.crc32(journal):08x}", line)

    def frame(match):
        text = body(match[1])
        return f"{text} *{binascii.crc_hqx(text.encode(), 0xFFFF):04x}"

    return re.sub(r"^(@.*) \*[0-9a-f]{4}$", frame, text, flags=re.M)


def test_the_first_difference_is_named(healthy, tmp_path):
    text, log = healthy.read_text(), tmp_path / "serial.log"
    journal = unpack(text)
    log.write_text(repack(text, journal))
    assert log.read_text() == text
    assert journal.count(b"hello from the other side") >= 1
    log.write_text(repack(text, journal.replace(b"hello from", b"jello from", 1)))
    done = drywire("replay", log)
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(r"^DIFFERENT ", done.stdout, re.M)
    assert re.search(r"^record \d+: ", done.stdout, re.M), done.stdout
    assert "webget: |" not in done.stdout # bytes with a wrong checksum were not delivered


def test_a_log_does_not_write_to_the_terminal(healthy, tmp_path):
    text, log = healthy.read_text(), tmp_path / "serial.log"
    log.write_text(repack(text.replace(" target=", " target=\x1b[31m", 1), unpack(text)))
    done = drywire("replay", log)
    assert done.returncode == 0 and r" target=\x1b[31m" in done.stdout, done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def flip(text):
    return text.replace("b64=A", "b64=B", 1) if "b64=A" in text else text.replace("b64=", "b64=A", 1)


@pytest.mark.parametrize("damage, why", [
    (flip, "damaged"),
    (lambda text: text.replace("journal: begin version=2", "journal: begin version=9"), "damaged"),
    (lambda text: "\n".join(x for x in text.split("\n") if "data off=168" not in x), "missing"),
    (lambda text: text[: text.index("journal: end") + 5], "cut off"),
    (lambda text: repack(text, unpack(text)[:20] + b"\xff" * 9 + unpack(text)[29:]), "of the journal: "),
    (lambda text: "", "nor a serial log"),
    (lambda text: "no kernel at all\n" * 50, "nor a serial log"),
    (lambda text: "\0" * 5000, "nor a serial log"),
])
def test_damage_is_one_line(healthy, damage, why, tmp_path):
    log = tmp_path / "serial.log"
    log.write_text(damage(healthy.read_text()))
    done = drywire("replay", log)
    assert done.returncode == 2 and why in done.stderr, (done.returncode, done.stderr)
    assert done.stderr.count("\n") == 1 and not done.stdout


def test_no_file_is_one_line():
    done = drywire("replay", "no-such.log")
    assert done.returncode == 2 and done.stderr == "drywire: no-such.log: No such file or directory\n"
    assert drywire("replay").returncode == 2

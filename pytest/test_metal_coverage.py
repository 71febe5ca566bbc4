"""Coverage is sent by a kernel in QEMU over its UART, is correct, and damage is rejected."""

import binascii
import json
import re

import pytest

from conftest import build_variant, command

pytestmark = pytest.mark.slow

QEMU = {
    "x86_64": ["qemu-system-x86_64", "-M", "microvm",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
    "rv64": ["qemu-system-riscv64", "-M", "virt", "-bios", "none"],
}
GCOV = {"x86_64": "gcov", "rv64": "riscv64-unknown-elf-gcov"}
NEVER_RUN = {"x86_64": "x86_kernel_trap", "rv64": "rv64_panic"}


@pytest.fixture(scope="module")
def build():
    return build_variant("metal", "COVERAGE=1",
                         targets=[f"{target}/kernel.elf" for target in QEMU])


@pytest.fixture(scope="module", params=QEMU)
def run(request, build):
    """Target, its object folder, and the UART output of one ping."""
    target = request.param
    done = command([*QEMU[target], "-accel", "tcg", "-m", "128", "-nodefaults", "-no-reboot",
                    "-display", "none", "-serial", "stdio", "-netdev", "user,id=n,restrict=on",
                    "-device", "virtio-net-device,netdev=n",
                    "-kernel", build / target / "kernel.elf", "-append", "run=ping,-c,1,10.0.2.2"])
    assert done.returncode == 33, done.stdout[-1000:] + done.stderr
    assert "ping: done sent=1 received=1" in done.stdout
    return target, build / target, done.stdout


def extract(folder, text, tmp_path):
    log = tmp_path / "serial.log"
    log.write_text(text, newline="")
    return command(["tools/gcov_from_serial.py", log, folder])


def executions(target, folder, source):
    """Calls of each function of one source file, and the part of its lines that ran."""
    done = command([GCOV[target], "--json-format", "--stdout",
                    (folder / source).with_suffix(".gcda")])
    assert done.returncode == 0, done.stderr
    file, = (f for f in json.loads(done.stdout)["files"] if f["file"] == source)
    ran = [line["count"] > 0 for line in file["lines"]]
    return ({f["name"]: f["execution_count"] for f in file["functions"]}, sum(ran) / len(ran))


def test_the_counters_are_those_of_the_run(run, tmp_path):
    target, folder, text = run
    done = extract(folder, text, tmp_path)
    assert done.returncode == 0, done.stderr
    calls, part = executions(target, folder, "core/net/dhcp.c")
    assert calls["dhcp_input"] >= 2 and 0.4 < part < 0.9, (calls, part) # an offer and an ack
    calls, part = executions(target, folder, f"targets/{target}/cpu.c")
    assert calls["context_stop"] > 5 and 0.4 < part < 0.9, (calls, part)
    assert calls[NEVER_RUN[target]] == 0, calls
    calls, part = executions(target, folder, "core/net/tcp_input.c")
    assert not any(calls.values()) and part == 0, calls
    # Exactly: the counter of console_line() leaves before the line that announces it.
    sent = re.search(r"@(\d+) gcov: begin path=targets/common/console.gcda", text)
    calls, part = executions(target, folder, "targets/common/console.c")
    assert calls["console_line"] == int(sent[1]) - 1 and part == 1, calls


def reframe(line):
    body = line[: line.rindex(" *")]
    return f"{body} *{binascii.crc_hqx(body.encode(), 0xFFFF):04x}"


def flip_a_digit(lines, at):
    head, digits = lines[at].split(" hex=")
    lines[at] = f"{head} hex={'0' if digits[0] != '0' else '1'}{digits[1:]}"


def flip_a_digit_under_a_good_frame(lines, at):
    flip_a_digit(lines, at)
    lines[at] = reframe(lines[at])


def lose_a_line(lines, at):
    del lines[at]


def lose_the_end(lines, at):
    del lines[-2]


def cut_the_last_line(lines, at):
    lines[-2:] = [lines[-2][:20]]


def leave_the_folder(lines, at):
    at = next(i for i, line in enumerate(lines) if "gcov: begin" in line)
    lines[at] = reframe(lines[at].replace("path=", "path=../"))


@pytest.mark.parametrize("damage, why", [
    (flip_a_digit, "damaged"),
    (flip_a_digit_under_a_good_frame, "another checksum"),
    (lose_a_line, "number "),
    (lose_the_end, "no `test: end`"),
    (cut_the_last_line, "the last one is cut"),
    (leave_the_folder, "not a path below"),
])
def test_a_damaged_log_is_refused_as_a_whole(run, damage, why, tmp_path):
    _, folder, text = run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.gcda")}
    lines = text.split("\n")
    data = [i for i, line in enumerate(lines) if " gcov: data " in line]
    damage(lines, data[len(data) // 2])
    done = extract(folder, "\n".join(lines), tmp_path)
    assert done.returncode == 2 and why in done.stderr, (done.returncode, done.stderr)
    assert done.stderr.count("\n") == 1
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.gcda")}


def test_counters_of_another_build_are_refused(run, build, tmp_path):
    target, _, text = run
    other, = set(QEMU) - {target}
    done = extract(build / other, text, tmp_path)
    assert done.returncode == 2 and "of another build" in done.stderr, done.stderr

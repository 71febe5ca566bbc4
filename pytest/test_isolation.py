"""Isolation on the bare-metal targets, in QEMU: a fault of a program ends only that program; a fault of
the kernel ends the machine, with its registers on the console.

The isolation images are the product's kernels with another table of programs (targets/targets.mk);
their `misbehave KIND` is in tests/targets/isolation. Faults of the kernel are injected by QEMU's monitor
and debugger stub, in the product's images."""

import binascii
import json
import os
import re
import socket
import subprocess
import time

import pytest

from conftest import BUILD, GUARD, ROOT, TARGETS, command

IMAGES = ["x86_64/{}.elf", "rv64/{}.elf", "rv64/{}-opensbi.elf"]
COMMON = ["-accel", "tcg", "-m", "128", "-nodefaults", "-no-reboot", "-display", "none",
          "-netdev", "user,id=n,restrict=on"]
X86 = ["qemu-system-x86_64", "-M", "q35", "-bios", "qboot.rom",
       "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
       "-device", "virtio-net-pci,netdev=n,romfile="]
RV = ["qemu-system-riscv64", "-M", "virt", "-device", "virtio-net-device,netdev=n"]
# OpenSBI 1.6 prints this of an instruction that it hands back to the kernel; no line feed follows.
OF_FIRMWARE = re.compile(r"system_opcode_insn: Invalid opcode for CSR read/write instruction")
OK, PANIC = 33, 37
PAGE = 4096


def is_x86(image):
    return image.startswith("x86_64")


@pytest.fixture(scope="module", autouse=True)
def images():
    folder = os.environ.get("O", "build")  # the name that make uses: it takes paths literally
    names = [f"{folder}/{i.format(kind)}" for i in IMAGES for kind in ("kernel", "isolation")]
    done = command(["make", "-s", "-j2", f"O={folder}", *names])
    assert done.returncode == 0, done.stdout + done.stderr


class Machine:
    """One QEMU; as a context manager it always ends with its block."""

    def __init__(self, folder, image, words, *options):
        self.folder, self.log = folder, folder / "serial"
        self.arguments = [
            *(X86 if is_x86(image) else
              RV + ["-bios", "default" if "opensbi" in image else "none"]),
            *COMMON, *options, "-kernel", str(BUILD / image), "-append", " ".join(words),
            "-serial", f"file:{self.log}",
            "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
            "-gdb", f"unix:{folder}/gdb,server=on,wait=off"]

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, cwd=ROOT, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def status(self):
        return self.process.wait(GUARD)

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, words):
        until = time.monotonic() + GUARD
        while words not in self.text():
            assert self.process.poll() is None and time.monotonic() < until, self.text()
            time.sleep(0.02)

    def lines(self):
        """The bodies of the console's lines; each is complete, and none is missing but one that a panic
        cut."""
        raw = OF_FIRMWARE.sub("", self.text())
        raw = raw[raw.index("@1 "):].splitlines()
        bodies, cut = [], None
        for line, after in zip(raw, [*raw[1:], ""]):
            frame = re.fullmatch(r"(@(\d+) (\w[\w-]*:(?: [!-~]+)+)) \*([0-9a-f]{4})", line)
            if not frame and (not line or " trap: " in after):
                continue  # the bare line feed before a panic, or the line that it cut
            assert frame, line
            if cut is None and frame[3].startswith("trap: "):
                cut = int(frame[2]) == len(bodies) + 2
            assert int(frame[2]) == len(bodies) + 1 + bool(cut), line
            assert int(frame[4], 16) == binascii.crc_hqx(frame[1].encode(), 0xffff), line
            bodies.append(re.sub(r" t=\d+$", "", frame[3]))
        return bodies

    def connect(self, name):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(GUARD)
        peer.connect(str(self.folder / name))
        return peer

    def monitor(self, *commands):
        """Run QMP commands; returns the reply to the last one."""
        with self.connect("qmp") as peer, peer.makefile("rw") as stream:
            stream.readline()
            for name, arguments in [("qmp_capabilities", {}), *commands]:
                stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer:
                    answer = json.loads(stream.readline())
                    assert "error" not in answer, answer
        return answer["return"]

    def debug(self, *packets):
        """Stop it, send these packets to the debugger's stub, and let it continue to its end."""
        with self.connect("gdb") as peer, peer.makefile("rwb", buffering=0) as stream:
            def send(packet):
                data = packet.encode()
                stream.write(b"$%s#%02x" % (data, sum(data) % 256))

            def answer():
                body = b"T"  # the stop report is unsolicited
                while body.startswith(b"T"):
                    while stream.read(1) != b"$":
                        pass
                    body = b"".join(iter(lambda: stream.read(1), b"#"))
                    stream.read(2)
                    stream.write(b"+")
                return body

            send("qXfer:features:read:target.xml:0,ffb")  # else it has no register numbers
            answer()
            for packet in packets:
                send(packet)
                assert answer() == b"OK", packet
            send("c")
            return self.status()


def symbols(image):
    done = command(["nm" if is_x86(image) else "riscv64-unknown-elf-nm", BUILD / image])
    assert done.returncode == 0, done.stderr
    fields = [line.split() for line in done.stdout.splitlines()]
    return {f[2]: int(f[0], 16) for f in fields if len(f) == 3}


# ---- programs that misbehave ----

# Kind -> (cause on x86-64, cause on rv64, where): a symbol or its distance from one; None when it
# is the program's own business, or the instruction itself. A kind without a fault does no harm.
LOAD, FETCH, STORE = (14, 13), (14, 12), (14, 15)
STACK = (2 << 20) + PAGE  # from USER_BASE
STACK_SIZE = 4 * PAGE
EVERYWHERE = {
    "read-kernel-text": (*LOAD, "kernel_text"),
    "read-kernel-data": (*LOAD, "kernel_data"),
    "read-kernel-end": (*LOAD, ("kernel_end", -1)),
    "write-kernel-text": (*STORE, "kernel_text"),
    "write-kernel-data": (*STORE, "kernel_data"),
    "write-kernel-stack": (*STORE, "kernel_stack"),
    "run-kernel": (*FETCH, "kernel_text"),
    "write-text": (*STORE, None),
    "write-rodata": (*STORE, None),
    "run-stack": (*FETCH, None),
    "run-rodata": (*FETCH, None),
    "read-null": (*LOAD, 0),
    "run-null": (*FETCH, 0),
    "read-above-stack": (*LOAD, ("USER_BASE", STACK + STACK_SIZE)),
    "write-below-stack": (*STORE, ("USER_BASE", STACK - 1)),
    "read-below-image": (*LOAD, ("USER_BASE", -1)),
    "stack-overflow": (*STORE, None),
    "run-unmapped": (*FETCH, 0x555000000),
    "read-noncanonical": (13, 13, None),
    "run-noncanonical": (13, 12, 1 << 63),
    "bad-call": None,
    "bad-descriptor": None,
    "bad-pointer": None,
    "page-edge": None,
}
PROTECTION, ILLEGAL, PRIVILEGED = (13,), (6,), (2,)
ONLY = {
    "x86_64": {
        **dict.fromkeys(["cli", "hlt", "write-cr3", "read-cr0", "write-msr", "load-idt",
                         "load-task", "port-in", "port-out", "read-time", "int-timer",
                         "int-device", "int-double-fault", "int-page-fault", "int-spurious",
                         "breakpoint", "call-kernel", "load-kernel-data", "load-local",
                         "load-stack", "return-to-kernel"], (PROTECTION, None)),
        **dict.fromkeys(["syscall", "illegal", "mmx", "sse"], (ILLEGAL, None)),
        "sysenter": ((6, 13), None),  # AMD's processors do not know it in long mode
        "divide": ((0,), None),
        "divide-overflow": ((0,), None),
        "x87": ((7,), None),
        "bad-stack": ((12, 13), None),
        "kernel-stack": ((14,), ("kernel_end", -8)),
        "single-step": ((1,), None),
        "single-step-call": ((1,), None),
        "read-device": ((14,), 0xfee00000),
        "write-device": ((14,), 0xfee00000),
        **dict.fromkeys(["return-to-self", "flags-popf", "flags-direction", "flags-alignment",
                         "flags-nested", "segments", "call-without-stack"]),
    },
    "rv64": {
        **dict.fromkeys(["write-satp", "read-sstatus", "write-stvec", "write-stimecmp",
                         "read-machine", "read-time", "read-cycle", "read-instret",
                         "return-supervisor", "return-machine", "wait", "fence-translations",
                         "illegal", "illegal-short", "float-move", "float-flags",
                         "vector-length"], (PRIVILEGED, None)),
        **dict.fromkeys(["breakpoint", "breakpoint-short"], ((3,), None)),
        "bad-stack": ((15,), (1 << 64) - 8),
        "kernel-stack": ((15,), ("kernel_end", -8)),
        "across-stack-top": ((13,), ("USER_BASE", STACK + STACK_SIZE)),
        "atomic-rodata": ((15,), None),
        "atomic-kernel": ((13, 15), "kernel_data"),
        "reserve-kernel": ((13,), "kernel_data"),
        "read-device": ((13,), 0x10000000),
        "write-device": ((15,), 0x10000000),
        "read-plic": ((13,), 0x0c000000),
        "read-clint": ((13,), 0x02000000),
        "write-exit": ((15,), 0x00100000),
        **dict.fromkeys(["divide", "call-without-registers"]),
    },
}
# OpenSBI emulates rdtime for all callers.
FIRMWARE = {("rv64/isolation-opensbi.elf", "read-time")}


def kinds(image, part):
    every = {k: v and ((v[0],) if is_x86(image) else (v[1],), v[2]) for k, v in EVERYWHERE.items()}
    only = ONLY["x86_64" if is_x86(image) else "rv64"]
    return {k: v for k, v in (every if part == "every" else only).items()
            if (image, k) not in FIRMWARE}


RUNS = [(i.format("isolation"), part) for i in IMAGES for part in ("every", "only")]
OTHER, PING = "run=netinfo", "run=ping,-c,1,10.0.2.2"


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """The console of one boot that runs all kinds of a list, with other programs between them."""
    seen = {}

    def get(image, part):
        if (image, part) not in seen:
            words = [f"run=misbehave,{kind}" for kind in kinds(image, part)]
            words = [w for i, word in enumerate(words) for w in [word, OTHER][:1 + (i % 4 == 3)]]
            with Machine(tmp_path_factory.mktemp("run"), image, [*words, PING]) as machine:
                assert machine.status() == OK, machine.text()
                seen[image, part] = words, machine.lines()
        return seen[image, part]

    return get


def place(image, where):
    name, offset = where if isinstance(where, tuple) else (where, 0)
    return symbols(image)[name] + offset if isinstance(name, str) else name


@pytest.mark.parametrize("image, part, kind",
                         [(i, p, k) for i, p in RUNS for k in kinds(i, p)])
def test_a_program_that_misbehaves(console, image, part, kind):
    words, lines = console(image, part)
    pid = 1 + words.index(f"run=misbehave,{kind}")
    end = [x for x in lines if re.match(rf"kernel: (fault|faulted|exit) pid={pid} ", x)]
    expected = kinds(image, part)[kind]
    assert f"misbehave: try kind={kind}" in lines
    if not expected:
        assert f"misbehave: harmless kind={kind}" in lines
        assert end == [f"kernel: exit pid={pid} program=misbehave status=0"]
        return
    fault = re.fullmatch(rf"kernel: fault pid={pid} cause=(\d+) address=(0x[0-9a-f]+)", end[0])
    assert fault and end[1:] == [f"kernel: faulted pid={pid} program=misbehave status=-4"]
    assert int(fault[1]) in expected[0]
    if expected[1] is not None:
        assert int(fault[2], 16) == place(image, expected[1])


@pytest.mark.parametrize("image, part", RUNS)
def test_the_others_go_on(console, image, part):
    words, lines = console(image, part)
    ends = [x for x in lines if re.match(r"kernel: exit pid=\d+ program=netinfo status=0", x)]
    assert len(ends) == words.count(OTHER)
    assert "ping: done sent=1 received=1" in lines
    assert not [x for x in lines if "wrong kind=" in x or "usage" in x]
    assert lines[-1] == "test: end ok=1 fail=0 skip=0 notrun=0"


def test_every_kind_is_tried():
    for target in ("x86_64", "rv64"):
        image = f"{target}/isolation.elf"
        tried = {**kinds(image, "every"), **kinds(image, "only")}
        there = set()
        for name in ("misbehave", f"misbehave_{target}"):
            text = (ROOT / f"tests/targets/isolation/{name}.c").read_text()
            there |= set(re.findall(r'^    \{"([\w-]+)", ', text, re.M))
        assert there == set(tried) | {"spin", "hog"}


# ---- time ----


@pytest.mark.parametrize("image, mode", [
    *[(i.format("isolation"), mode) for i in IMAGES for mode in ("off", "line")],
    ("x86_64/isolation.elf", "msi")])
def test_two_programs_that_spin(tmp_path, image, mode):
    """While a device's interrupt waits for the main loop, the second one's time slice ends too."""
    words = [f"interrupts={mode}", "daemon=misbehave,spin", "daemon=misbehave,spin",
             "run=ping,-c,3,-i,20,10.0.2.2"]
    with Machine(tmp_path, image, words) as machine:
        assert machine.status() == OK, machine.text()
        assert "ping: done sent=3 received=3" in machine.lines()


@pytest.mark.parametrize("image", [i.format("isolation") for i in IMAGES])
def test_system_calls_do_not_lengthen_a_slice(tmp_path, image):
    """In virtual time: a ping waits for a slice of 10 ms and not for one after each call."""
    words = ["daemon=misbehave,hog", "run=ping,-c,2,-i,20,10.0.2.2"]
    with Machine(tmp_path, image, words, "-icount", "shift=1,sleep=off") as machine:
        assert machine.status() == OK, machine.text()
        times = [int(us) for us in re.findall(r"ping: reply .* us=(\d+)", machine.text())]
    assert len(times) == 2 and max(times) < 60000


# ---- page tables ----

def pages(machine, image):
    """Address -> (physical address, rights) of every page that is mapped, from QEMU's monitor."""
    def human(text):
        return machine.monitor(("human-monitor-command", {"command-line": text}))

    machine.monitor(("stop", {}))
    found = {}
    if is_x86(image):
        for line in human("info tlb").splitlines():
            at, to, flags = line.replace(":", "").split()
            rights = "r" + "w" * ("W" in flags) + "x" * (flags[0] != "X") + "u" * ("U" in flags)
            for i in range(512 if "P" in flags else 1):
                found[int(at, 16) + i * PAGE] = int(to, 16) + i * PAGE, rights
        return found
    for line in human("info mem").splitlines()[2:]:
        at, to, size, flags = line.split()
        for i in range(0, int(size, 16), PAGE):
            found[int(at, 16) + i] = int(to, 16) + i, re.sub("[-ad]", "", flags)
    return found


DMA_WINDOW = 128 << 30
DEVICES = {
    "x86_64": [(0xc0000000, 0xc2000000), (0xfe000000, 0x100000000)],
    "rv64": [(0x100000, 0x101000), (0x3000000, 0x3200000), (0xc000000, 0xc400000),
             (0x10000000, 0x10200000), (0x30000000, 0x30200000), (0x40000000, 0x80000000)],
}


@pytest.mark.parametrize("image", [i.format("isolation") for i in IMAGES])
def test_page_tables(tmp_path, image):
    at = symbols(image)
    user, size = at["USER_BASE"], at["user_image_end"] - at["user_image"]
    split = user + at["user_image_rodata"] - at["user_image"]
    areas = [  # the guard page of the kernel's stack is not among them, nor are those of a program
        (at["kernel_text"], at["kernel_rodata"], "rx"),
        (at["kernel_rodata"], at["kernel_data"], "r"),
        (at["kernel_data"], at["kernel_stack_guard"], "rw"),
        (at["kernel_stack"], at["kernel_end"], "rw"),
        (at["kernel_end"] + DMA_WINDOW, at["dma_end"] + DMA_WINDOW, "rw"),
        (user, split, "rxu"),
        (split, user + size, "ru"),
        (user + STACK, user + STACK + STACK_SIZE, "rwu"),
        *[(a, b, "rw") for a, b in DEVICES["x86_64" if is_x86(image) else "rv64"]],
    ]
    assert at["kernel_stack"] == at["kernel_stack_guard"] + PAGE
    expected = {a: rights for start, end, rights in areas for a in range(start, end, PAGE)}
    with Machine(tmp_path, image, ["daemon=misbehave,spin", "until=3600000000"]) as machine:
        machine.wait_for("kind=spin")
        found = pages(machine, image)
    assert {a: rights for a, (_, rights) in found.items()} == expected
    for address, (physical, _) in found.items():
        if user <= address < user + size:
            assert physical == address - user + at["user_image"]
        elif user <= address < user + STACK + STACK_SIZE:
            assert at["kernel_stack_top"] <= physical < at["kernel_end"]
        else:
            assert physical == address - (DMA_WINDOW if address >= DMA_WINDOW else 0)


# ---- the kernel's own mistakes ----

def word(value, size):
    return value.to_bytes(size, "little").hex()


def registers(image):
    """The debugger's numbers of stack pointer and program counter."""
    return (7, 16) if is_x86(image) else (2, 32)


def code_at(image, function, code):
    return f"M{symbols(image)[function]:x},{len(code) // 2:x}:{code}"


def at_poll(image, code):
    return [code_at(image, "kernel_poll", code)]


def illegal_code(image):
    return "0f0b" if is_x86(image) else "0000"


def illegal(image):
    return at_poll(image, illegal_code(image)), "kernel_poll"


def write_text(image):
    """movl $0, kernel_text; auipc t0, 0 and sw zero, 0(t0)"""
    target = symbols(image)["kernel_text"]
    if is_x86(image):
        return at_poll(image, "c70425" + word(target, 4) + word(0, 4)), "kernel_text"
    return at_poll(image, word(0x00000297, 4) + word(0x0002a023, 4)), "kernel_poll"


def run_data(image):
    return [f"P{registers(image)[1]:x}={word(symbols(image)['kernel_data'], 8)}"], "kernel_data"


def stack_overflow(image):
    at = symbols(image)
    sp, pc = registers(image)
    return [f"P{sp:x}={word(at['kernel_stack'] + 16, 8)}",
            f"P{pc:x}={word(at['kernel_poll'], 8)}"], None


def read_null(image):
    """mov 0, %al; lb t1, 0(zero)"""
    return at_poll(image, "8a042500000000" if is_x86(image) else word(0x00000303, 4)), 0


def read_user(image):
    """mov USER_BASE, %al; li t0, 1; slli t0, t0, 36; lb t1, 0(t0)"""
    if is_x86(image):
        return at_poll(image, "8a0425" + word(symbols(image)["USER_BASE"], 4)), "USER_BASE"
    return at_poll(image, word(0x00100293, 4) + word(0x02429293, 4) + word(0x00028303, 4)), \
        "USER_BASE"


def run_user(image):
    return [f"P{registers(image)[1]:x}={word(symbols(image)['USER_BASE'], 8)}"], "USER_BASE"


MISTAKES = {
    illegal: ("illegal-instruction", "illegal-instruction"),
    write_text: ("page-fault", "store-page-fault"),
    run_data: ("page-fault", "fetch-page-fault"),
    stack_overflow: ("double-fault", "store-page-fault"),
    read_null: ("page-fault", "load-page-fault"),
    read_user: ("page-fault", "load-page-fault"),
    run_user: ("page-fault", "fetch-page-fault"),
}


def check_panic(machine, image, why):
    lines = machine.lines()
    names = ["rip", "rsp", "rax", "rflags"] if is_x86(image) else ["ra", "sp", "a0", "t6"]
    assert re.match(rf"test: panic why={why} pc=0x[0-9a-f]+ address=0x[0-9a-f]+", lines[-1])
    printed = " ".join(x for x in lines if x.startswith("trap: "))
    assert all(re.search(rf" {name}=0x[0-9a-f]+", printed) for name in names)
    return lines[-1]


@pytest.mark.parametrize("image", [i.format("kernel") for i in IMAGES])
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.__name__)
def test_a_kernel_that_misbehaves(tmp_path, image, mistake):
    packets, where = mistake(image)
    # QEMU's default processor does not keep the kernel from user memory.
    options = ["-cpu", "max"] if is_x86(image) else []
    with Machine(tmp_path, image, ["until=3600000000"], *options) as machine:
        machine.wait_for("netstackd: ready")
        assert machine.debug(*packets) == PANIC, machine.text()
        line = check_panic(machine, image, MISTAKES[mistake][not is_x86(image)])
    if where is not None:
        last = "pc" if mistake is illegal else "address"
        value = int(re.search(rf" {last}=(0x[0-9a-f]+)", line)[1], 16)
        assert value - place(image, where) in ((0, 4) if mistake is write_text else (0,))


@pytest.mark.parametrize("image", [i.format("kernel") for i in IMAGES])
def test_a_trap_while_registers_are_printed(tmp_path, image):
    packets = [code_at(image, f, illegal_code(image)) for f in ("kernel_poll", "fmt_hex")]
    with Machine(tmp_path, image, ["until=3600000000"]) as machine:
        machine.wait_for("netstackd: ready")
        assert machine.debug(*packets) == PANIC, machine.text()


@pytest.mark.parametrize("words", [["until=3600000000"], ["daemon=misbehave,spin", PING]],
                         ids=["kernel", "program"])
def test_an_nmi_is_no_program_s_fault(tmp_path, words):
    image = "x86_64/isolation.elf"
    with Machine(tmp_path, image, [*words, "until=3600000000"]) as machine:
        machine.wait_for("netstackd: virt0 dhcp")
        machine.monitor(("inject-nmi", {}))
        assert machine.status() == PANIC, machine.text()
        check_panic(machine, image, "nmi")


# ---- what an image weighs ----

def test_what_make_size_counts_is_all_that_can_be_written():
    folder = os.environ.get("O", "build")
    done = command(["make", "-s", "-j2", f"O={folder}", "size"])
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"^all .* ([\d,]+) +([\d,]+)$", done.stdout, re.M).groups()
    for target, ram in zip(TARGETS, counted):
        listed = command(["readelf", "-SW", BUILD / target / "webget.elf"]).stdout
        sizes = re.findall(r" (?:NOBITS|PROGBITS) +\w+ +\w+ (\w+) +\w+ +WA ", listed)
        room = sum(int(s, 16) for s in sizes) - int(ram.replace(",", ""))
        assert len(sizes) >= 4 and 0 <= room < 4 * PAGE, (target, sizes, ram)  # what aligning costs

"""The mistakes of first drivers on QEMU's real devices: a kernel built with each, over every
transport. Where the device shows the mistake, the verdict names its cause; where it works all the
same, only the simulator can tell (test_bugs.py). The table is that of docs/simulator.md."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import ROOT, build_variant, drywire
from test_bugs import CAUGHT, MISTAKES

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

SCENARIO = "tests/scenarios/common/contract-web.scn"
TRANSPORTS = ["mmio", "mmio-legacy", "pci-modern", "pci-legacy"]
MACHINES = {"rv64": dict.fromkeys(TRANSPORTS, "virt"),
            "x86_64": {"mmio": "microvm", "mmio-legacy": "microvm", "pci-modern": "q35",
                       "pci-legacy": "q35"}}

LONG = "FAIL frame.source_mac: .*2 bytes are too many in front: is the driver's net header 12 bytes"
SHORT = "FAIL frame.source_mac: .*2 bytes are cut off in front: is the driver's net header 10 bytes"
ZERO = "FAIL frame.source_mac: .*all is zero: is the bus address of the frame wrong"
STALLED = 'MARKERS expect: "virtionetd: stalled queue=tx in_flight=1", then: netstackd: virt0 dhcp'
REFUSED = 'MARKERS expect: "virtionetd: failed reason=used-[a-z-]+ value=0x[0-9a-f]+", then: netstackd'

# Bug -> transport -> what the verdict says; what is not named passes without a word.
SHOWN = {
    "LEGACY_FEATURES_OK": {},
    "MODERN_NO_FEATURES_OK": {"mmio": LONG},  # the device then has no features: its header is short
    "HEADER_LEN": {"mmio": SHORT, "pci-modern": SHORT},
    "HEADER_LEN_LONG": {"mmio-legacy": LONG, "pci-legacy": LONG},
    # The rings overlap. A modern device is told where they are, and a queue of 1024 is used in its
    # first half only.
    "QUEUE_SIZE": {"mmio-legacy": STALLED, "pci-modern": REFUSED, "pci-legacy": STALLED},
    "PCI_QUEUE_SIZE": {"pci-legacy": STALLED},
    "VIRTUAL_ADDRESS": dict.fromkeys(TRANSPORTS, ZERO),
    "QUEUE_ALIGN": {"mmio-legacy": STALLED, "pci-legacy": STALLED},
    "QUEUE_PFN": {"mmio-legacy": STALLED, "pci-legacy": STALLED},
    "RX_AFTER_DRIVER_OK": {},
    "EARLY_NOTIFY": {},
}
CELLS = [(bug, target, transport) for bug in SHOWN for target in MACHINES
         for transport in TRANSPORTS]


@pytest.fixture(scope="module")
def buggy():
    folder = build_variant("bugs", "CC=gcc", "BUGS=1",
                           targets=("drywire", "x86_64/kernel.elf", "rv64/kernel.elf"))
    return folder / "drywire"


def boot(binary, bug, target, transport, *options):
    return drywire("qemu", "--machine", MACHINES[target][transport], "--device",
                   f"transport={transport}", *options, SCENARIO, binary=binary,
                   env={"DRYWIRE_BUG": bug})


@pytest.fixture(scope="module")
def runs(buggy):
    """All of them, three at a time: most of their time is waiting."""
    with ThreadPoolExecutor(3) as pool:
        jobs = {cell: pool.submit(boot, buggy, *cell) for cell in CELLS}
        return {cell: job.result() for cell, job in jobs.items()}


def test_every_mistake_has_a_bug_for_both():
    bugs = set().union(*MISTAKES.values())
    assert bugs == set(SHOWN) and bugs <= set(CAUGHT)


@pytest.mark.parametrize("target", MACHINES)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_without_a_bug_it_passes(buggy, target, transport):
    done = boot(buggy, "", target, transport)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug,target,transport", CELLS)
def test_mistake(runs, bug, target, transport):
    done, words = runs[bug, target, transport], SHOWN[bug].get(transport)
    assert done.returncode == (1 if words else 0), done.stdout + done.stderr
    if words:
        assert re.search(f"^what: +{words}", done.stdout, re.M), done.stdout


def test_without_a_far_side_that_watches_the_counters_tell(buggy):
    """QEMU's own network does not say what is wrong with a frame."""
    done = boot(buggy, "HEADER_LEN", "rv64", "mmio", "--net", "user")
    assert done.returncode == 1
    assert re.search(r"what: +MARKERS .*dhcp retry try=2 in_ms=\d+ tx=2 rx=0", done.stdout)


def test_ordinary_images_have_no_bugs(buggy):
    done = drywire("qemu", "--kernel", "build/rv64/kernel.elf", "--target", "rv64", SCENARIO,
                   binary=buggy, env={"DRYWIRE_BUG": "HEADER_LEN"})
    assert done.returncode == 1
    assert "test: fail case=machine why=option:bug=HEADER_LEN" in done.stdout


def test_the_page_has_the_table():
    page = (ROOT / "docs/simulator.md").read_text()
    for bug, cells in SHOWN.items():
        row = re.search(rf"^\| `{bug}` \|(.*)\|$", page, re.M)
        assert row, bug
        shown = [cell.strip() != "works" for cell in row[1].split("|")]
        assert shown == [t in cells for t in TRANSPORTS], bug

"""The same scenarios on real emulated hardware: each common one once on each target, and one over
every transport, ring and way of waiting that the machines have. No retries."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import COMMON, TARGETS, drywire, relative

pytestmark = pytest.mark.qemu

# Over a line with a delay the machine sleeps before each reply.
ONE = "tests/scenarios/common/web-slow-line.scn"

TRANSPORTS = {
    "q35": ["pci-modern", "pci-transitional", "pci-legacy"],
    "q35-seabios": ["pci-modern", "pci-legacy"],
    "microvm": ["mmio", "mmio-legacy"],
    "virt": ["mmio", "mmio-legacy", "pci-modern", "pci-transitional", "pci-legacy"],
    "virt-opensbi": ["mmio", "pci-modern"],
}
TWO = "tests/scenarios/native/two-nics.scn"
RINGS = ["ring=split", "ring=split event_idx=on indirect=on", "ring=packed",
         "ring=packed event_idx=on indirect=on"]


def matrix():
    for machine, transports in TRANSPORTS.items():
        for transport in transports:
            for ring in RINGS:
                if "packed" in ring and "legacy" in transport:
                    continue
                yield machine, f"transport={transport} {ring}"
                yield machine, f"transport={transport} {ring} interrupts=on"
                if machine.startswith("q35"):
                    yield machine, f"transport={transport} {ring} interrupts=on msix=on"


MATRIX = list(matrix())


@pytest.fixture(scope="session")
def done():
    """All of them, three at a time: most of their time is waiting."""
    with ThreadPoolExecutor(3) as pool:
        jobs = {m: pool.submit(drywire, "qemu", "--machine", m[0], "--device", m[1], ONE)
                for m in MATRIX}
        return {key: job.result() for key, job in jobs.items()}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", COMMON, ids=relative)
def test_common_scenario(common_runs, target, path):
    run = common_runs[target, path].done
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("machine,device", MATRIX, ids=lambda v: v.replace(" ", ","))
def test_matrix(done, machine, device):
    run = done[machine, device]
    assert run.returncode == 0, run.stdout + run.stderr
    taken = int(re.search(r"test: ok case=machine interrupts=(\d+)", run.stdout)[1])
    assert (taken > 0) == ("interrupts=on" in device), run.stdout
    ring = re.search(r"virtionetd: packed=(\d) event_idx=(\d) indirect=(\d)", run.stdout)
    offered = ("packed" in device, "event_idx" in device, "indirect" in device)
    assert tuple(v == "1" for v in ring.groups()) == offered if ring else not any(offered)


@pytest.mark.parametrize("interrupts", ["off", "on"])
@pytest.mark.parametrize("machine,transport", [(machine, transport) for machine in TRANSPORTS
                                               for transport in TRANSPORTS[machine]])
def test_two_network_devices(machine, transport, interrupts):
    run = drywire("qemu", "--machine", machine, "--device", f"transport={transport} interrupts={interrupts}", TWO)
    assert run.returncode == 0, run.stdout + run.stderr
    places = re.findall(r"virtionetd: (?:mmio|pci)=(\S+) irq=(\d+) mac=02:00:00:00:00:0([17])", run.stdout)
    assert [mac for _, _, mac in places] == ["1", "7"]
    assert len({place for place, _, _ in places}) == len({irq for _, irq, _ in places}) == 2
    taken = int(re.search(r"test: ok case=machine interrupts=(\d+)", run.stdout)[1])
    assert (taken > 0) == (interrupts == "on"), run.stdout


@pytest.mark.parametrize("interrupts", ["off", "on"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_last_frame_has_left_before_the_power_is_off(target, interrupts, tmp_path):
    """The device takes frames 0.2 s after it was given them; the program ends with the lease."""
    scenario = tmp_path / "lease.scn"
    scenario.write_text("world native\nrun netinfo\nexpect netinfo: src=dhcp\n")
    late = [word for key in ("tx=timer", "x-txtimer=200000000")
            for word in ("--arg", "-global", "--arg", f"virtio-net-device.{key}")]
    run = drywire("qemu", "--target", target, "--device", f"interrupts={interrupts}", *late,
                  "--nic-pcap", tmp_path / "nic.pcap", scenario)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "arp who-has 10.0.2.15 tell 10.0.2.15" in drywire("seq", tmp_path / "nic.pcap").stdout

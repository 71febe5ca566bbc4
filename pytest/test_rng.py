"""virtio-rng: through every interface, with both rings, polled and with interrupts, in the simulator, on
QEMU's machines and over qtest; what the core makes of its bytes."""

import re

import pytest

from conftest import BUILD, ROOT, TARGETS, command, drywire

PLAIN = "tests/scenarios/native/rng.scn"
TRANSPORTS = ["mmio", "mmio-legacy", "pci-modern", "pci-transitional", "pci-legacy"]
MACHINES = {
    "q35": ["pci-modern", "pci-transitional", "pci-legacy"],
    "q35-seabios": ["pci-modern"],
    "microvm": ["mmio", "mmio-legacy"],
    "virt": TRANSPORTS,
    "virt-opensbi": ["mmio", "pci-modern"],
}
RINGS = ["ring=split", "ring=split event_idx=on indirect=on", "ring=packed", "ring=packed event_idx=on indirect=on"]
WAITS = ["interrupts=off", "interrupts=on", "interrupts=on msix=on"]


def devices(transports, waits):
    return [f"transport={transport} {ring} {wait}" for transport in transports for ring in RINGS for wait in waits
            if not ("legacy" in transport and "packed" in ring) and not ("msix" in wait and "mmio" in transport)]


@pytest.mark.parametrize("device", devices(TRANSPORTS, WAITS), ids=lambda d: d.replace(" ", ","))
def test_in_the_simulator(device):
    for path in (PLAIN, "tests/scenarios/native/rng-late.scn"):
        done = drywire("run", "-q", "--memory", "both", "--seeds", "1..20", "--device", device, path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.qemu
@pytest.mark.parametrize("machine,device", [
    (machine, device) for machine, transports in MACHINES.items()
    for device in devices(transports, WAITS if machine.startswith("q35") else WAITS[:2])],
    ids=lambda v: v.replace(" ", ","))
def test_on_a_machine(machine, device):
    done = drywire("qemu", "--machine", machine, "--device", device, PLAIN)
    assert done.returncode == 0, done.stdout + done.stderr
    taken = int(re.search(r"test: ok case=machine interrupts=(\d+)", done.stdout)[1])
    assert (taken > 0) == ("interrupts=on" in device), done.stdout


@pytest.mark.qemu
@pytest.mark.parametrize("machine,ring", [(f"{target}-{transport}", ring) for target in ("rv64", "x86")
                                          for transport in TRANSPORTS for ring in ("split", "packed")
                                          if not (ring == "packed" and "legacy" in transport)])
def test_over_qtest(machine, ring):
    done = command([BUILD / "qtest", "--machine", machine, "--ring", ring, "--rng", "--", "ping", "-c", "1", "10.0.2.2"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"virtiorngd: (mmio|pci)=", done.stdout)
    assert "virtiorngd: seeded bytes=32 requests=1" in done.stdout


# ---- what becomes of the bytes ----

def choices(seed, *lines, tmp_path):
    """Random choices of the core: a transaction id, a port. Its sequence numbers depend on the port;
    tests/unit/test_core_rng.c has their key."""
    path = tmp_path / "a.scn"
    path.write_text("\n".join(["title a", "world native", *lines, "run webget -q http://10.0.2.2/",
                               "serve http 10.0.2.2:80 body=1", ""]))
    done = drywire("run", "-v", "--memory", "strong", "--seed", str(seed), path)
    assert done.returncode == 0, done.stdout
    return (re.search(r"dhcp discover xid=(\w+)", done.stdout)[1],
            re.search(r"10\.0\.2\.15:(\d+) > 10\.0\.2\.2:80 S ", done.stdout)[1])


def test_they_change_every_choice_and_are_a_function_of_the_seed(tmp_path):
    without = choices(1, tmp_path=tmp_path)
    seeded = choices(1, "device virtio-rng", tmp_path=tmp_path)
    assert all(a != b for a, b in zip(without, seeded))
    assert seeded == choices(1, "device virtio-rng", tmp_path=tmp_path)
    assert all(a != b for a, b in zip(seeded, choices(2, "device virtio-rng", tmp_path=tmp_path)))


def test_bytes_that_come_too_late_for_the_lease_still_change_ports(tmp_path):
    xid, port = choices(1, "wire rx delay=5ms", tmp_path=tmp_path)
    late = choices(1, "device virtio-rng delay=11ms", "wire rx delay=5ms", tmp_path=tmp_path)
    assert late[0] == xid and late[1] != port


def test_a_further_network_device_leaves_what_the_first_does_alone(tmp_path):
    assert choices(3, tmp_path=tmp_path) == choices(3, "device virtio-net", "device virtio-net", tmp_path=tmp_path)


@pytest.mark.parametrize("line, words", [
    ("device virtio-rng mtu=1500", "mtu"),
    ("device virtio-rng bytes=0", "bytes=0"),
    ("device virtio-rng delay=5", "delay"),
    ("device virtio-rng interrupts=on", "interrupts"),
    ("device virtio-rnd", "did you mean 'virtio-rng'?"),
])
def test_wrong_lines(line, words, tmp_path):
    path = tmp_path / "bad.scn"
    path.write_text(f"until 1s\n{line}\n")
    done = drywire("run", path)
    assert done.returncode == 2 and f"{path}:2: " in done.stderr and words in done.stderr


@pytest.mark.qemu
@pytest.mark.parametrize("keys", ["delay=20ms", "bytes=5 delay=1500us"])
def test_what_only_the_simulator_can_is_refused(keys, tmp_path):
    path = tmp_path / "case.scn"
    path.write_text(f"world native\ndevice virtio-rng {keys}\nrun ping -c 1 10.0.2.2\n")
    done = drywire("qemu", "--target", "rv64", path)
    assert done.returncode == 2 and "has delay= of virtio-rng with bytes= only, and in whole milliseconds" in done.stderr


@pytest.mark.qemu
@pytest.mark.parametrize("target", TARGETS)
def test_qemus_device_gives_a_few_bytes_at_a_time(target):
    """The driver asks again for what is missing, and is notified when it came."""
    done = drywire("qemu", "--target", target, "tests/scenarios/native/rng-slow.scn")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "virtiorngd: seeded bytes=32 requests=7\n" in done.stdout


def test_the_driver_touches_no_file_of_virtio_net():
    """A device is its own files and a row each: no file of the network device has code of it."""
    for name in ("core/virtio/virtio_net", "sim/fake_device/net"):
        for suffix in (".c", ".h"):
            text = (ROOT / (name + suffix)).read_text()
            assert not re.search(r"rng\.h|ENTROPY|virtio_rng|fake_rng", text.replace("../base/rng.h", ""))

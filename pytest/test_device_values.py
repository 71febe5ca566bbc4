"""Values of a device that the driver cannot work with are refused by name, in the machine and not only in
tests/unit/test_core_device_values.c, which goes through the whole range; all others work."""

import pytest

from conftest import drywire

pytestmark = pytest.mark.sim


def run(tmp_path, device):
    case = tmp_path / "case.scn"
    case.write_text("title T\nworld native\nserve http 10.0.2.2:80 path=/ size=20000\n"
                    f"device virtio-net {device}\nrun webget http://10.0.2.2/\n")
    return drywire("run", "--memory", "both", case)


@pytest.mark.parametrize("device, reason", [
    ("mtu=68", "reason=mtu value=0x44"),
    ("mtu=100", "reason=mtu value=0x64"),
    ("mtu=327", "reason=mtu value=0x147"),
    ("mtu=327 transport=pci-legacy", "reason=mtu value=0x147"),
    ("queue=1 transport=mmio-legacy any-layout=off", "reason=queue-size value=0x1"),
    ("queue=1 transport=pci-legacy any-layout=off", "reason=queue-size value=0x1"),
    ("queue=1 transport=pci-legacy any-layout=off indirect=on", "reason=queue-size value=0x1"),
])
def test_refused_by_name(device, reason, tmp_path):
    done = run(tmp_path, device)
    assert done.returncode == 1, done.stderr
    assert f"virtionetd: failed {reason}\n" in done.stdout
    assert "guest.boot" in done.stdout and "virtionetd: ready" not in done.stdout


@pytest.mark.parametrize("device", [
    "mtu=328", "mtu=329", "mtu=575", "mtu=576", "mtu=1499", "mtu=1500", *[f"mtu={n}" for n in range(1501, 1515)],
    "mtu=65535", "mtu=1513 transport=pci-legacy any-layout=off", "mtu=1501 ring=packed indirect=on",
    "queue=1", "queue=1 ring=packed", "queue=1 ring=packed indirect=on", "queue=1 transport=mmio-legacy",
    "queue=2 transport=pci-legacy any-layout=off",
    "queue=3 ring=packed event_idx=on interrupts=on", "queue=1024", "queue=1023 ring=packed indirect=on",
    "queue=3 ring=packed", "queue=3 ring=packed transport=pci-modern", "queue=100 ring=packed transport=pci-modern",
])
def test_works(device, tmp_path):
    done = run(tmp_path, device)
    assert done.returncode == 0, done.stdout + done.stderr

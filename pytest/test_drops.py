"""Each malformed frame is dropped for its own reason: the captures and the scenario are what drops.py
writes."""

import struct

from conftest import ROOT, drywire
from packets import pcap

import drops

FOLDER = ROOT / "tests/scenarios/native"


def test_the_captures_are_what_drops_py_writes(tmp_path):
    drops.write(tmp_path)
    for name in "drops.pcap", "flood.pcap":
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_scenario_expects_each_frame_at_its_time():
    assert (FOLDER / "drops.scn").read_text().endswith(drops.expectations())


def test_echod_answers_no_service(tmp_path):
    """A datagram from port 7 would be echoed for ever; one from port 0 cannot be answered."""
    frames = [drops.ipv4(payload=struct.pack(">HHHH", port, 7, 12, 0) + b"loop", protocol=17)
              for port in (0, 7, 1023, 1024)]
    pcap(tmp_path / "echo.pcap", [(10**18 + i * 10**6, f) for i, f in enumerate(frames)], wrap=bytes)
    scenario = tmp_path / "echo.scn"
    scenario.write_text('title echo\nworld native observe=echo.pcap\ndaemon echod\nuntil 40s\n'
                        'at 30s datagram 7 send="ping" expect="ping"\n'
                        'expect echod: datagram bytes=4 count=2\nnever kernel: exit\n')
    run = drywire("run", "-q", scenario)
    assert run.returncode == 0, run.stdout

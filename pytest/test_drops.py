"""Each malformed frame is dropped for its own reason: the captures and the scenario are what drops.py
writes."""

from conftest import ROOT

import drops

FOLDER = ROOT / "tests/scenarios/native"


def test_the_captures_are_what_drops_py_writes(tmp_path):
    drops.write(tmp_path)
    for name in "drops.pcap", "flood.pcap":
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_scenario_expects_each_frame_at_its_time():
    assert (FOLDER / "drops.scn").read_text().endswith(drops.expectations())

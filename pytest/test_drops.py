"""Each malformed frame is dropped for its own reason: the capture and its scenario are what drops.py
writes."""

from conftest import ROOT

import drops

SCENARIO = ROOT / "tests/scenarios/native/drops.scn"
CAPTURE = ROOT / "tests/scenarios/native/drops.pcap"


def test_the_capture_is_what_drops_py_writes(tmp_path):
    assert drops.write(tmp_path / "drops.pcap").read_bytes() == CAPTURE.read_bytes()


def test_the_scenario_expects_each_frame_at_its_time():
    assert SCENARIO.read_text().endswith(drops.expectations())

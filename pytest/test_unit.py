"""The cmocka programs, one process each."""

import re

import pytest

from conftest import BUILD, ROOT, build_variant, command

TESTS = sorted(p.stem for p in (ROOT / "tests/unit").glob("test_*.c"))


@pytest.mark.parametrize("name", TESTS)
def test_unit(name):
    done = command([BUILD / "unit" / name])
    assert done.returncode == 0, done.stdout + done.stderr


# What reads bytes of others: files and messages, with 10 million damaged bytes of captures, and 10 million segments.
READERS = {
    "test_capture": [],
    "test_capture_fuzz": ["10000000"],
    "test_core_dhcp": [],
    "test_core_dhcp_messages": [],
    "test_core_dhcp_options": [],
    "test_core_dns": [],
    "test_core_dns_drawn": [],
    "test_core_dns_message": [],
    "test_core_tcp_fuzz": ["10000000"],
    "test_journal": [],
    "test_pkt": [],
    "test_scenario": [],
}


@pytest.mark.slow
def test_readers_under_sanitizers():
    folder = build_variant("asan", "CC=gcc", "SANITIZE=address,undefined", targets=[f"unit/{name}" for name in READERS])
    for name, words in READERS.items():
        done = command([folder / "unit" / name, *words])
        assert done.returncode == 0, done.stdout + done.stderr
        assert not words or int(re.search(r"(\d+) (mutated bytes|segments)", done.stdout)[1]) >= 10_000_000

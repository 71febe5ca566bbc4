"""Outputs that cannot be written: exit 4 and one clear line, whichever option asked for them."""

import pytest

from conftest import BUILD, command, drywire

WEB = "tests/scenarios/common/contract-web.scn"
FAILS = "title t\nworld native\nrun netinfo\nexpect netinfo: no such line by 1s\n"


@pytest.mark.parametrize("option", ["--pcap", "--trace", "--junit"])
def test_a_full_disk_is_4(option):
    done = drywire("run", "-q", option, "/dev/full", WEB)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "No space left" in done.stdout + done.stderr or "/dev/full" in done.stdout + done.stderr


def test_json_on_a_full_disk_is_4():
    done = command(["sh", "-c", '"$@" >/dev/full', "sh", BUILD / "drywire", "run", "--json", WEB])
    assert done.returncode == 4
    assert done.stderr == "drywire: standard output: No space left on device\n"


def test_a_job_summary_that_cannot_be_written_is_4(tmp_path):
    path = tmp_path / "fails.scn"
    path.write_text(FAILS)
    for summary in ("/dev/full", tmp_path / "gone" / "summary"):
        done = drywire("run", "--annotate=github", path, env={"GITHUB_STEP_SUMMARY": str(summary)})
        assert done.returncode == 4
        assert done.stderr.splitlines()[-1].startswith(f"drywire: GITHUB_STEP_SUMMARY {summary}: ")


@pytest.mark.parametrize("option, scenario", [
    ("--pcap", "tests/scenarios/native/lease-expiry-kills-connections.scn"),
    ("--trace", "tests/scenarios/common/web-4mib.scn"),
    ("--junit", "tests/scenarios"),
])
def test_a_file_too_large_leaves_nothing(option, scenario, tmp_path):
    """A limit of 64 KiB for each file, which these outputs exceed."""
    done = command(["sh", "-c", 'ulimit -f 128; trap "" XFSZ; exec "$@"', "sh", BUILD / "drywire", "run", "-q",
                    option, tmp_path / "x", scenario])
    assert done.returncode == 4, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []

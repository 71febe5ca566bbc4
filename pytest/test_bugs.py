"""The oracles can fail: every planted bug (tests/bugs) is a patch that applies and is reported by name in
the simulator; of its kernels in QEMU a drawn tenth boots here, all of them by `make bugs`."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import planted
import pytest

from conftest import BUILD, ROOT, command, drywire

pytestmark = pytest.mark.slow

SLIRP = "tests/scenarios/slirp/"
BUGS = planted.bugs()

# What QEMU's device accepts (docs/qtest.md), the fake one accepts with the profile of QEMU.
LENIENT = ["EARLY_NOTIFY", "RX_AFTER_DRIVER_OK", "FEATURE_NOT_OFFERED", "NOTIFY_SUPPRESSED",
           "TX_HEADER_GARBAGE", "RX_TOUCH", "RX_LEAK", "NO_WRITE_BARRIER", "NO_READ_BARRIER"]

# The mistakes that first drivers make, each with its bugs.
MISTAKES = {
    "FEATURES_OK on a legacy interface, or none on a modern one":
        {"LEGACY_FEATURES_OK", "MODERN_NO_FEATURES_OK"},
    "a net header of 10 or 12 bytes by guesswork": {"HEADER_LEN", "HEADER_LEN_LONG"},
    "a queue size of the driver's own": {"QUEUE_SIZE", "PCI_QUEUE_SIZE"},
    "pointers as bus addresses": {"VIRTUAL_ADDRESS"},
    "legacy queue memory from a plain allocation": {"QUEUE_ALIGN", "QUEUE_PFN"},
    "receive buffers after DRIVER_OK, a notification before it":
        {"RX_AFTER_DRIVER_OK", "EARLY_NOTIFY"},
}


def drawn():
    """Every tenth bug; the first one is drawn from a digest of the core's sources."""
    total = hashlib.sha256()
    for path in sorted((ROOT / "core").rglob("*.[ch]"), key=lambda p: str(p).encode()):
        total.update(path.read_bytes())
    return list(BUGS)[int(total.hexdigest(), 16) % 10::10]


@pytest.fixture(scope="module")
def simulator(planter):
    """simulator(bug): a drywire with it, built once."""
    built = {}

    def build(bug):
        if bug not in built:
            planter.plant(BUILD / "planted/test_bugs" / bug, BUGS[bug].apply, ["drywire"])
            built[bug] = BUILD / "planted/test_bugs" / bug / "planted/drywire"
        return built[bug]

    return build


# ---- the patches ----

@pytest.mark.parametrize("bug", BUGS)
def test_patch_applies_to_the_core_alone(bug):
    done = command(["git", "apply", "--check", BUGS[bug].path])
    assert done.returncode == 0, done.stderr
    assert all(name.startswith("core/") for name in BUGS[bug].changes)
    assert re.fullmatch(r"[A-Z].*\.", BUGS[bug].what)


@pytest.mark.parametrize("text, words", [
    ("A mistake.\n\noracle: a\n", "needs scenario: and oracle:"),
    ("A mistake.\n\nscenario: a\noracle: b\noracle: c\n", "no key twice"),
    ("A mistake.\n\nscenario: a\noracle: b\nqemu tape: c\n", "'qemu tape' is not a key"),
    ("A mistake.\n\nscenario: a\noracle: b\nqemu pci-legacy: c\n\n--- a/core/net/a.c\n+++ b/core/net/a.c\n",
     "nothing is booted over pci-legacy"),
])
def test_a_wrong_head_is_an_error(text, words, tmp_path):
    (tmp_path / "WRONG.patch").write_text(text)
    with pytest.raises(planted.ToolError, match=words):
        planted.Bug(tmp_path / "WRONG.patch")


def test_a_patch_that_does_not_fit_or_changes_nothing_is_an_error(planter, tmp_path):
    text = BUGS["TCP_NO_PROBE"].path.read_text()
    for was, instead, words in [("= false", "= true", "all pass"), ("-    c->probe", "-    c->prob", "does not apply")]:
        assert was in text
        (tmp_path / "WRONG.patch").write_text(text.replace(was, instead))
        with pytest.raises(planted.ToolError, match=words):
            wrong = planted.Bug(tmp_path / "WRONG.patch")
            planter.plant(tmp_path / "tree", wrong.apply, ["drywire"])
            planted.simulate(wrong, tmp_path / "tree/planted/drywire")


# ---- who reports them ----

@pytest.mark.parametrize("bug", BUGS)
def test_bug_is_reported_by_name(bug, simulator, record_property):
    seed, oracle = planted.simulate(BUGS[bug], simulator(bug))
    record_property("seed", seed)
    record_property("oracle", oracle)


@pytest.mark.qemu
@pytest.mark.parametrize("bug", drawn())
def test_kernels_with_a_drawn_bug(bug, planter):
    folder = BUILD / "planted/test_bugs" / f"{bug}-kernels"
    planter.plant(folder, BUGS[bug].apply, planted.KERNELS)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda start: planted.boot(start, BUILD / "drywire",
                                                 folder / f"planted/{start.target}/kernel.elf"),
                      BUGS[bug].boots))


@pytest.mark.qemu
@pytest.mark.parametrize("start", sorted({start._replace(words=None) for bug in BUGS.values()
                                          for start in bug.boots}),
                         ids=lambda s: f"{s.target}-{s.transport}-{s.scenario.split('/')[-1]}-{s.device}")
def test_kernels_without_a_bug_pass(start):
    planted.boot(start, BUILD / "drywire", BUILD / start.target / "kernel.elf")


def test_the_page_has_the_mistakes_of_first_drivers():
    page = (ROOT / "docs/simulator.md").read_text()
    for bug in set().union(*MISTAKES.values()):
        row = re.search(rf"^\| `{bug}` \|(.*)\|$", page, re.M)
        assert row, bug
        shown = [cell.strip() != "works" for cell in row[1].split("|")]
        for target in planted.MACHINES:
            assert shown == [start.words is not None for start in BUGS[bug].boots
                             if start.target == target], bug


# ---- a device that lets it pass, captures ----

@pytest.mark.parametrize("bug", LENIENT)
def test_a_device_that_plays_qemu_lets_it_pass(bug, simulator):
    done = drywire("run", "-q", "--device", "profile=qemu", SLIRP + "lease.scn", binary=simulator(bug))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("bug", ["MODERN_NO_FEATURES_OK", "VIRTUAL_ADDRESS", "NO_NOTIFY",
                                 "DESCRIPTOR_REUSE"])
def test_the_other_mistakes_fail_with_qemu_as_well(bug, simulator):
    done = drywire("run", "-q", "--device", "profile=qemu", SLIRP + "lease.scn", binary=simulator(bug))
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("bug,words", [
    ("TCP_STREAM", ["188 bytes", "NOT THE SAME", "tcp.stream"]),
    ("TCP_FIN_NUMBER", ["tcp.fin"]),
    ("DHCP_DEAF", ["no connection was opened; NOT ALLOWED", "exit program=webget status=1"]),
])
def test_a_reactive_replay_finds_it(bug, words, simulator):
    done = drywire("replay", "tests/captures/linux-web.pcap", binary=simulator(bug))
    assert done.returncode == 1
    for word in words:
        assert word in done.stdout


@pytest.mark.parametrize("bug,words", [
    ("DHCP_DEAF", "exact: frame 3: "),
    ("TCP_CHECKSUM", "(tcp.checksum)"),
    ("RX_TOUCH", "14 frames are the same; the verdict was pass, now fail safety ring.ownership: queue 0"),
])
def test_an_exact_replay_finds_it(bug, words, simulator, tmp_path):
    capture = tmp_path / "run.pcapng"
    assert drywire("run", "-q", SLIRP + "lease.scn", "--pcap", capture).returncode == 0
    done = drywire("replay", capture, binary=simulator(bug))
    assert done.returncode == 3 and "DIFFERENT" in done.stdout and words in done.stdout


@pytest.mark.parametrize("bug,words", [("RX_TOUCH", "safety ring.ownership"),
                                       ("TX_FREED_TWICE", "crash assertion")])
def test_an_exact_replay_of_a_failure_fails_in_the_same_way(bug, words, simulator, tmp_path):
    capture = tmp_path / "fail.pcapng"
    run = ("run", "-q", SLIRP + "lease.scn", "--pcap", capture)
    assert drywire(*run, binary=simulator(bug)).returncode == 1
    done = drywire("replay", capture, binary=simulator(bug))
    assert done.returncode == 0 and "same  " in done.stdout and f"as before  {words}: " in done.stdout
    done = drywire("replay", capture)
    assert done.returncode == 3 and "DIFFERENT" in done.stdout


def test_a_failed_check_shows_its_expression_and_the_frames_before_it(simulator):
    done = drywire("run", SLIRP + "lease.scn", binary=simulator("TX_FREED_TWICE"))
    assert "crash assertion: assertion 'n->tx_free_count < n->tx_count' failed\n" in done.stdout
    frames = done.stdout.split("frames:\n")[1].split("replay:")[0].splitlines()
    assert len(frames) == 5 and all("tcp" in line for line in frames), done.stdout


@pytest.mark.qemu
def test_without_a_far_side_that_watches_the_counters_tell(planter):
    """QEMU's own network does not report errors in frames."""
    folder = BUILD / "planted/test_bugs/HEADER_LEN-counters"
    planter.plant(folder, BUGS["HEADER_LEN"].apply, ["rv64/kernel.elf"])
    done = drywire("qemu", "--target", "rv64", "--kernel", folder / "planted/rv64/kernel.elf", "--net",
                   "user", planted.BOOT)
    assert done.returncode == 1
    assert re.search(r"what: +MARKERS .*dhcp retry try=2 in_ms=\d+ tx=2 rx=0", done.stdout)

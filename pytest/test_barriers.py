"""No barrier of the driver may go or become weaker: the suite at its default seed sees each of them.

core/virtio asks for each barrier by ring_barrier(), which names its site; a build with planted bugs
asks for another kind there, or for none, when DRYWIRE_BARRIER says so (sim/machine/bugs.c).
"""

import json
import re

import pytest

from conftest import ROOT, build_variant, drywire

pytestmark = pytest.mark.slow

SUITE = ("run", "--json", "--memory", "both", "tests/scenarios", "tests/captures")

# (site, kind in its place): the oracles that may name it.
RED = {
    ("all", "none"): {"ring.publish_order", "net.rx_not_posted"},
    ("kick", "none"): {"ring.publish_order"},
    ("kick", "write"): {"ring.lost_notification"},
    ("kick", "read"): {"ring.publish_order"},
    ("interrupts", "none"): {"interrupt.missed"},
    ("interrupts", "write"): {"interrupt.missed"},
    ("interrupts", "read"): {"interrupt.missed"},
    ("split-publish", "none"): {"ring.publish_order"},
    ("split-publish", "read"): {"ring.publish_order"},
    ("split-used", "none"): {"ring.read_order"},
    ("split-used", "write"): {"ring.read_order"},
    ("packed-publish", "none"): {"ring.publish_order"},
    ("packed-publish", "read"): {"ring.publish_order"},
    ("packed-used", "none"): {"ring.read_order"},
    ("packed-used", "write"): {"ring.read_order"},
    ("driver-ok", "none"): {"net.rx_not_posted"},
    ("driver-ok", "read"): {"net.rx_not_posted"},
}

# The clause by which nobody can tell.
WHY_SETUP = ("VirtIO 1.2 section 2.1.2: before DRIVER_OK the device consumes no buffer, and the "
             "barrier at driver-ok comes between; the one in virtq_setup() serves a device that "
             "looks when its queue is enabled")
EQUIVALENT = {
    ("setup", "none"): WHY_SETUP,
    ("setup", "read"): WHY_SETUP,
}

WEAKER = {"BARRIER_WRITE": {"none", "read"}, "BARRIER_READ": {"none", "write"},
          "BARRIER_FULL": {"none", "read", "write"}}


@pytest.fixture(scope="session")
def buggy():
    return build_variant("bugs", "CC=gcc", "BUGS=1") / "drywire"


def failures(buggy, site, kind):
    """How often each oracle failed: {"ring.publish_order": 12}."""
    done = drywire(*SUITE, binary=buggy, env={"DRYWIRE_BARRIER": f"{site}={kind}"})
    assert done.returncode in (0, 1), done.stderr
    found = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        if result.get("verdict") == "fail":
            found[result["oracle"]] = found.get(result["oracle"], 0) + 1
    return found


def test_every_barrier_of_the_core_is_in_the_table():
    variants, sites = set(), []
    for path in (ROOT / "core").rglob("*.c"):
        text = path.read_text()
        assert "->barrier(" not in text, f"{path}: a barrier without a site"
        for kind, site in re.findall(r'ring_barrier\([^;]*?(BARRIER_\w+), "([\w-]+)"\)', text):
            sites.append(site)
            variants |= {(site, weaker) for weaker in WEAKER[kind]}
    assert len(sites) == len(set(sites)) == 8
    assert variants == (set(RED) | set(EQUIVALENT)) - {("all", "none")}


def test_with_its_barriers_the_driver_passes(buggy):
    assert drywire(*SUITE, binary=buggy).returncode == 0


@pytest.mark.parametrize("site,kind", RED, ids="=".join)
def test_without_it_the_suite_is_red(site, kind, buggy, record_property):
    found = failures(buggy, site, kind)
    record_property("failures", found)
    assert found and set(found) <= RED[site, kind]


@pytest.mark.parametrize("site,kind", EQUIVALENT, ids="=".join)
def test_nobody_can_tell(site, kind, buggy):
    assert not failures(buggy, site, kind), EQUIVALENT[site, kind]

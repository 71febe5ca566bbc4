"""No barrier of the driver may be removed or weakened: the suite at its default seed detects each change.

core/virtio calls ring_barrier() at most once in a function. The test changes the kind, or removes the
call, in a copy of the core (tools/planted.py).
"""

import json
import re

import pytest

from conftest import BUILD, ROOT, drywire

pytestmark = pytest.mark.slow

SUITE = ("run", "--json", "--memory", "both", "tests/scenarios", "tests/captures")

# (function, new kind): the oracles that may report it.
RED = {
    ("all", "none"): {"ring.publish_order", "net.rx_not_posted"},
    ("virtq_kick", "none"): {"ring.publish_order"},
    ("virtq_kick", "write"): {"ring.lost_notification"},
    ("virtq_kick", "read"): {"ring.publish_order"},
    ("virtq_interrupts", "none"): {"interrupt.missed"},
    ("virtq_interrupts", "write"): {"interrupt.missed"},
    ("virtq_interrupts", "read"): {"interrupt.missed"},
    ("virtq_split_publish", "none"): {"ring.publish_order"},
    ("virtq_split_publish", "read"): {"ring.publish_order"},
    ("refresh", "none"): {"ring.read_order"},
    ("refresh", "write"): {"ring.read_order"},
    ("virtq_packed_publish", "none"): {"ring.publish_order"},
    ("virtq_packed_publish", "read"): {"ring.publish_order"},
    ("virtq_packed_used", "none"): {"ring.read_order"},
    ("virtq_packed_used", "write"): {"ring.read_order"},
    ("virtio_driver_ok", "none"): {"net.rx_not_posted"},
    ("virtio_driver_ok", "read"): {"net.rx_not_posted"},
}

# The clause that makes the change invisible.
WHY_SETUP = ("VirtIO 1.2 section 2.1.2: before DRIVER_OK the device consumes no buffer, and the "
             "barrier of virtio_driver_ok() comes between; the one in virtq_setup() serves a device that "
             "looks when its queue is enabled")
EQUIVALENT = {
    ("virtq_setup", "none"): WHY_SETUP,
    ("virtq_setup", "read"): WHY_SETUP,
}

WEAKER = {"BARRIER_WRITE": {"none", "read"}, "BARRIER_READ": {"none", "write"},
          "BARRIER_FULL": {"none", "read", "write"}}


def sites():
    """{function: (file, offset of its call, kind)} of every ring_barrier() of core/virtio."""
    found = {}
    for path in sorted((ROOT / "core").rglob("*.c")):
        text = path.read_text()
        assert "->barrier(" not in text, f"{path}: a barrier that is no ring_barrier()"
        for call in re.finditer(r"ring_barrier\([^;]*?(BARRIER_\w+)\);", text):
            function = re.findall(r"^\w[^\n;]*?(\w+)\([^;{}]*\)\n\{", text[:call.start()], re.M)[-1]
            assert function not in found, f"two barriers in {function}(): the table needs one a function"
            found[function] = (str(path.relative_to(ROOT)), call.start(), call[1])
    return found


def weaken(folder, function, kind):
    """Use another kind in the function, or none; returns the names of the changed files."""
    wanted = list(sites().values()) if function == "all" else [sites()[function]]
    for file, at, was in sorted(wanted, reverse=True):  # the last first: offsets stay right
        path = folder / file
        text = path.read_text()
        end = text.index(";", at)
        call = text[at:end]
        path.write_text(text[:at] + (f"(void){call[call.index('('):call.index(',')]})" if kind == "none"
                                     else call.replace(was, f"BARRIER_{kind.upper()}")) + text[end:])
    return sorted({file for file, _, _ in wanted})


def failures(planter, function, kind):
    """How often each oracle failed: {"ring.publish_order": 12}."""
    folder = BUILD / "planted/test_barriers" / f"{function}-{kind}"
    planter.plant(folder, lambda tree: weaken(tree, function, kind), ["drywire"])
    done = drywire(*SUITE, binary=folder / "planted/drywire")
    assert done.returncode in (0, 1), done.stderr
    found = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        if result.get("verdict") == "fail":
            found[result["oracle"]] = found.get(result["oracle"], 0) + 1
    return found


def test_every_barrier_of_the_core_is_in_the_table():
    found = sites()
    assert len(found) == 8
    variants = {(function, weaker) for function, (_, _, kind) in found.items() for weaker in WEAKER[kind]}
    assert variants == (set(RED) | set(EQUIVALENT)) - {("all", "none")}


def test_with_its_barriers_the_driver_passes():
    assert drywire(*SUITE).returncode == 0


@pytest.mark.parametrize("function,kind", RED, ids="=".join)
def test_without_it_the_suite_is_red(function, kind, planter, record_property):
    found = failures(planter, function, kind)
    record_property("failures", found)
    assert found and set(found) <= RED[function, kind]


@pytest.mark.parametrize("function,kind", EQUIVALENT, ids="=".join)
def test_nobody_can_tell(function, kind, planter):
    assert not failures(planter, function, kind), EQUIVALENT[function, kind]

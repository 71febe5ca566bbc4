"""An external guest instead of the core, and the bugs of its driver."""

import json
import re

import pytest

from conftest import BUILD, ROOT, command, drywire

SCENARIO = "tests/guests/ping.scn"


def test_the_foreign_guest_passes():
    done = drywire("run", "--guest", BUILD / "guest_ping.so", SCENARIO)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug, names", [
    (1, {"ring.ownership"}),
    (2, {"ring.lost_notification"}),
    (3, {"features.late", "status.order"}),
    (4, {"ring.dma_address"}),
])
def test_its_driver_bugs_are_named(bug, names, tmp_path):
    guest = tmp_path / "guest.so"
    done = command(["cc", "-std=c11", "-O2", f"-DGUEST_BUG={bug}", "-fPIC", "-shared", "-o", guest,
                    "tests/guests/ping.c"])
    assert done.returncode == 0, done.stderr
    done = drywire("run", "--json", "--guest", guest, SCENARIO)
    result = json.loads(done.stdout.splitlines()[0])
    assert done.returncode == 1 and result["oracle"] in names, done.stdout


@pytest.mark.parametrize("lie, code, oracle", [
    ("needs-reset", 1, "device.lie"),  # it never reads the status again
    ("magic", 0, None),                # it does not come up
    ("none", 0, None),                 # an honest device is used
])
def test_a_guest_that_lives_with_a_lie_is_named(lie, code, oracle, tmp_path):
    scenario = tmp_path / "lie.scn"
    scenario.write_text(f"title T\nworld native\ndevice virtio-net lie={lie}\nuntil 1s\n"
                        + ("expect guest: reply\n" if lie == "none" else ""))
    done = drywire("run", "--json", "--guest", BUILD / "guest_ping.so", scenario)
    assert done.returncode == code, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[0]).get("oracle") == oracle


@pytest.mark.parametrize("text", ["", "int x;"])
def test_what_is_no_guest_is_an_error(text, tmp_path):
    guest = tmp_path / "guest.so"
    if text:
        (tmp_path / "g.c").write_text(text)
        command(["cc", "-fPIC", "-shared", "-o", guest, tmp_path / "g.c"])
    done = drywire("run", "--guest", guest, SCENARIO)
    assert done.returncode == 2
    assert str(guest) in done.stderr and len(done.stderr.splitlines()) == 1


# ---- one driver in many variants: tests/guests/driver.c ----

POLLED, SLEEPS, EVENTS = (f"tests/guests/driver{how}.scn" for how in ("", "-interrupts", "-event-idx"))
SEEDS = range(1, 21)

# Correct variants, and the scenarios that they must pass.
RIGHT = {
    "RIGHT": (POLLED, SLEEPS, EVENTS),
    "DISABLED_AFTER_SIZE": (POLLED,),
    "ACCEPTS_ALL": (POLLED, SLEEPS),
    "CHECKSUM_OFFLOAD": (POLLED,),
    "LAZY_REFILL": (POLLED, SLEEPS),
    "SHARED_HEADER": (POLLED, SLEEPS),
    "SPLIT_HEADER": (POLLED, SLEEPS),
    "SHARED_SEND_HEADER": (POLLED, SLEEPS),
    "ACK_THEN_DRAIN": (SLEEPS,),
    "NO_SEND_INTERRUPTS": (SLEEPS,),
    "WAITS_FOR_ANSWER": (POLLED, SLEEPS),
    "WAITS_FOR_SEND": (POLLED, SLEEPS),
    "EVENT_INDEX": (EVENTS,),
}

# Wrong variants: the scenario, and the oracle that reports them.
WRONG = {
    "STATUS_IN_ONE_WRITE": (POLLED, "status.order"),
    "FEATURES_UNREAD": (POLLED, "status.features_unread"),
    "BUFFERS_OF_512": (POLLED, "net.rx_size"),
    "BUFFERS_OF_1514": (POLLED, "net.rx_size"),
    "READABLE_RECEIVE": (POLLED, "net.direction"),
    "WRITABLE_SEND": (POLLED, "net.direction"),
    "ID_IGNORED": (POLLED, "ring.reuse"),
    "HEADER_IN_RECEIVED": (POLLED, "ring.ownership"),
    "NO_INDEX_BARRIER": (POLLED, "ring.publish_order"),
    "NO_FLAGS_BARRIER": (POLLED, "ring.publish_order"),
    "DRAIN_THEN_ACK": (SLEEPS, "never"),  # a reply that waits for the next timer is late
    "EVENT_INDEX_UNSET": (EVENTS, "never"),
    "NOT_POSTED_AGAIN": (POLLED, "never"),
    "NOT_RESET": (POLLED, "ring.left_live"),
    "HEADER_OF_10": (POLLED, "net.tx_header"),
    "SEGMENTATION": (POLLED, "net.tx_header"),
    "CHECKSUM_UNASKED": (POLLED, "net.tx_header"),
    "CHECKSUM_OUTSIDE": (POLLED, "net.tx_header"),
}


def driver(variant, tmp_path):
    guest = tmp_path / "driver.so"
    done = command(["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I.",
                    f"-DVARIANT={variant}", "-fPIC", "-shared", "-o", guest, "tests/guests/driver.c"])
    assert done.returncode == 0, done.stderr
    return guest


def test_every_variant_is_in_a_table():
    text = (ROOT / "tests/guests/driver.c").read_text()
    variants = re.findall(r"^    ([A-Z0-9_]+),", text.split("enum variant {")[1].split("};")[0], re.M)
    assert len(variants) > 25 and set(variants) == set(RIGHT) | set(WRONG)


@pytest.mark.parametrize("variant", RIGHT)
def test_right_code_is_not_accused(variant, tmp_path):
    guest = driver(variant, tmp_path)
    for seed in SEEDS:
        done = drywire("run", "-q", "--memory", "both", "--seed", seed, "--guest", guest,
                       *RIGHT[variant])
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("variant", WRONG)
def test_wrong_code_is_named(variant, tmp_path, record_property):
    scenario, oracle = WRONG[variant]
    guest = driver(variant, tmp_path)
    for seed in SEEDS:
        done = drywire("run", "--json", "--memory", "both", "--seed", seed, "--guest", guest, scenario)
        named = {result["oracle"] for result in map(json.loads, done.stdout.splitlines())
                 if result.get("verdict") == "fail"}
        assert named <= {oracle}
        if named:
            record_property("seed", seed)
            return
    assert False, f"nobody named it in {len(SEEDS)} seeds"

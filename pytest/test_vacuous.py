"""No pass without evidence: untested parts fail the run, or the verdict reports them."""

import json
import re
import shutil

import pytest

from conftest import BUILD, ROOT, command, drywire

PING = ROOT / "tests/scenarios/common/ping-gateway.scn"


def judge(tmp_path, text, *args, code=None):
    """Run a scenario of these lines; its verdict object, or with `code` the whole outcome."""
    path = tmp_path / "case.scn"
    path.write_text(text)
    if code is not None:
        done = drywire("run", path, *args)
        assert done.returncode == code, done.stdout + done.stderr
        return done
    return json.loads(drywire("run", "--json", path, *args).stdout)


def passes(tmp_path, text, *args):
    verdict = judge(tmp_path, text, *args)
    assert verdict["verdict"] == "pass", verdict
    return verdict


def fails(tmp_path, text, oracle, line=None):
    """It fails by this oracle, at this line; the verdict."""
    verdict = judge(tmp_path, text)
    assert verdict["verdict"] == "fail" and verdict["oracle"] == oracle, verdict
    if line:
        assert verdict["site"] == f"{tmp_path / 'case.scn'}:{line}"
    return verdict


# ---- the table of oracles ----


def oracles():
    """{name: (level, clause, sentence)} as `drywire list` prints them."""
    lines = drywire("list").stdout.split("\nOracles:\n")[1].splitlines()
    return {first.split()[0]: (*first.split(None, 2)[1:], second.strip())
            for first, second in zip(lines[::2], lines[1::2])}


def sources():
    return [(p, p.read_text()) for room in ("sim", "cmd")
            for p in sorted((ROOT / room).rglob("*.c"))]


def test_every_violation_has_a_row_in_the_table():
    named, known = set(), oracles()
    for path, text in sources():
        for call in re.findall(r"\bVIOLATION\(\s*[^,]+,\s*([^,]+),", text):
            named |= {(path.name, word) for word in re.findall(r'"([^"]+)"', call)}
        for kind, call in re.findall(r"\bsim_fail\(\s*[^,]+,\s*(\w+),\s*([^,]+),", text):
            if kind != "FAILURE_HARNESS":
                named |= {(path.name, word) for word in re.findall(r'"([^"]+)"', call)}
    assert len(named) > 60
    assert {(where, name) for where, name in named if name not in known} == set()


def test_every_row_is_named_by_a_violation():
    """A row without a report is an oracle that is not checked. Those of frames are reported by number."""
    everything = "".join(text for path, text in sources() if path.name != "oracle_table.c")
    header = (ROOT / "sim/engine/oracle_table.h").read_text()
    rows = re.findall(r'ROW\((\w+), "([^"]+)"', header)
    assert len(rows) == len(oracles())
    unused = [name for number, name in rows if f'"{name}"' not in everything
              and not re.search(rf"(oracle_fail\(\s*\w+,[^;]*|oracle_table\[)\b{number}\b", everything)]
    assert unused == []


def test_the_page_has_the_table():
    page = (ROOT / "docs/simulator.md").read_text()
    for name, (level, clause, sentence) in oracles().items():
        row = f"| `{name}` | {level} | {clause} | {sentence} |"
        assert row in page, f"docs/simulator.md lacks the row\n{row}"


# ---- memory ----

def memories(*args):
    lines = drywire("run", "--json", "tests/scenarios", *args).stdout.splitlines()
    return [(v["scenario"], v["memory"]) for v in map(json.loads, lines) if v["verdict"] != "skip"]


def test_under_one_seed_some_scenarios_are_weak_and_some_strong():
    for seed in (1, 2):
        drawn = [memory for name, memory in memories("--seed", seed) if "/lies/" not in name]
        assert 0.35 < drawn.count("weak") / len(drawn) < 0.65


def test_a_scenario_is_the_same_wherever_it_lies(tmp_path):
    shutil.copy(PING, tmp_path / "elsewhere.scn")
    for seed in range(1, 9):
        here, there = (json.loads(drywire("run", "--json", "--seed", seed, p).stdout)
                       for p in (PING, tmp_path / "elsewhere.scn"))
        assert (here["hash"], here["memory"]) == (there["hash"], there["memory"])


def test_both_runs_each_scenario_weak_and_strong():
    runs = memories("--memory", "both")
    names = {name for name, _ in runs}
    fixed = {name for name in names
             if re.search(r"^(memory |world +replay )", (ROOT / name).read_text(), re.M)}
    assert {(name, memory) for name in names for memory in ("weak", "strong")
            if memory == "strong" or name not in fixed} == set(runs)
    for name in fixed:  # failed before a ring is used; times of polls in the capture, and of segments
        assert " lie=" in (ROOT / name).read_text() or "/replay/" in name or "/native/time-" in name
    summary = drywire("run", "-q", "--memory", "both", "tests/scenarios").stdout
    assert f", {len(runs)} runs\n" in summary
    assert "--memory both" in (ROOT / "Makefile").read_text().split("sim-test:")[1].split("\n\n")[0]


def test_a_scenario_that_fixes_its_memory_runs_once(tmp_path):
    weak = judge(tmp_path, "title T\nmemory weak\nrun ping 10.0.2.2\n", "--memory", "both")
    assert weak["memory"] == "weak"
    qemu = judge(tmp_path, "title T\ndevice virtio-net profile=qemu\nrun ping 10.0.2.2\n", "--memory", "both")
    assert qemu["memory"] == "strong"


def test_a_failure_says_under_which_memory_it_happens_again(tmp_path):
    bad = "title T\nrun ping 10.0.2.2\nexpect ping: done received=9\n"
    out = judge(tmp_path, bad, "--memory", "both", code=1).stdout
    assert "--memory weak" in out and "--memory strong" in out


def test_both_is_for_run_alone():
    for verb in ("explain", "seq"):
        done = drywire(verb, PING, "--memory", "both")
        assert done.returncode == 2 and "choose weak or strong" in done.stderr
        assert drywire(verb, PING, "--memory", "weak").stdout != drywire(verb, PING, "--memory", "strong").stdout


# ---- faults that never fire ----

WEB = """title T
world native {}
serve http 10.0.2.2:80 path=/ size=20000
run webget -q http://10.0.2.2/
{}
"""

IDLE = {
    "at 0ms drop tx tcp.rst": "0 tx frames matched 'tcp.rst'",
    "at 0ms dup rx tcp.synack skip=1": "1 rx frames matched 'tcp.synack' while it was active, and it skips the first 1",
    "at 9s delay rx dhcp.ack by=1s": "0 rx frames matched",
    "at 0ms corrupt rx icmp": "0 rx frames matched",
    "at 0ms truncate rx udp to=20 skip=9": "matched 'udp'",
    "at 0ms truncate rx arp to=42": "0 rx frames that it can change matched 'arp'",
    "at 0ms corrupt rx arp field=tcp.offset": "0 rx frames that it can change matched 'arp'",
    "at 0ms corrupt rx tcp.fin field=tcp.option-length": "0 rx frames that it can change matched 'tcp.fin'",
    "at 9s kill webget": "no program 'webget' was running",
    "at 9s cut": "no frame was sent while the wire was cut",
    "at 0ms link up": "the link was up already",
}


@pytest.mark.parametrize("line", IDLE)
def test_a_fault_that_never_fires_fails(line, tmp_path):
    verdict = fails(tmp_path, WEB.format("", line), "vacuous.fault", 5)
    assert IDLE[line] in verdict["message"] and "allow idle-fault" in verdict["message"]
    allowed = passes(tmp_path, WEB.format("", line + "\nallow idle-fault"))
    assert (allowed["faults"], allowed["fired"]) == (1, 0)
    assert allowed["idle"] == "line 5" and allowed["allowed"] == ["idle-fault"]
    out = drywire("run", tmp_path / "case.scn").stdout
    assert ", 0 faults of 1 fired (not line 5), " in out and ", allowed: idle-fault, " in out


@pytest.mark.parametrize("words", ["renew-silent", "rebind-silent", "nak-renew", "zero-window=1s"])
def test_a_fault_of_the_peer_that_never_fires_fails(words, tmp_path):
    word = words.split("=")[0]
    assert f"'{word}' never fired" in fails(tmp_path, WEB.format(words, ""), "vacuous.fault", 2)["message"]
    assert passes(tmp_path, WEB.format(words, "allow idle-fault"))["idle"] == word


@pytest.mark.parametrize("words", ["nak=1", "dhcp-silent=1", "second-server", "foreign-xid", "arp-silent=1"])
def test_a_fault_of_the_peer_fires(words, tmp_path):
    verdict = passes(tmp_path, WEB.format(words, ""))
    assert (verdict["faults"], verdict["fired"], verdict["idle"]) == (1, 1, "")


def test_faults_that_fire_are_counted(tmp_path):
    lines = ["at 0ms drop rx tcp.data", "at 0ms dup tx tcp.ack", "at 0ms delay rx dhcp.offer by=5ms",
             "at 1ms link down", "at 2s link up", "at 30s cut", "at 40s kill echod", "daemon echod", "until 41s",
             "wire rx dup=50%"]
    verdict = passes(tmp_path, WEB.format("", "\n".join(lines) + "\nat 31s run ping -c 1 10.0.2.2\nallow exit"))
    assert (verdict["faults"], verdict["fired"]) == (8, 8)


FIVE = "device virtio-net\n" * 5  # the core takes four


@pytest.mark.parametrize("device", ["virtio-net lie=reset", "virtio-net lie=device-id", "virtio-rng lie=rx-used-id",
                                    "virtio-net transport=pci-modern lie=cap-loop"])
def test_a_lie_that_no_driver_comes_to_fails(device, tmp_path):
    verdict = fails(tmp_path, WEB.format("", f"{FIVE}device {device}"), "vacuous.fault", 10)
    assert "the driver of device 5 did not come to its lie" in verdict["message"]
    allowed = passes(tmp_path, WEB.format("", f"{FIVE}device {device}\nallow idle-fault"))
    assert (allowed["faults"], allowed["fired"], allowed["idle"]) == (1, 0, "lie of device 5")


def test_a_driver_is_not_accused_of_a_lie_that_was_not_told(tmp_path):
    text = "title T\nworld native dhcp-silent=all\ndevice virtio-net lie=rx-used-id\nuntil 100ms\n"
    fails(tmp_path, text, "vacuous.fault", 3)
    assert passes(tmp_path, text + "allow idle-fault\n")["idle"] == "lie of device 0"


def test_a_lie_that_is_told_has_fired(tmp_path):
    lies = [path for path in sorted((ROOT / "tests/scenarios/lies").glob("*.scn"))]
    for line in drywire("run", "--json", *lies).stdout.splitlines():
        verdict = json.loads(line)
        assert (verdict["verdict"], verdict["faults"], verdict["fired"]) == ("pass", 1, 1), verdict


def test_the_link_of_a_device_that_no_driver_uses_fails(tmp_path):
    text = WEB.format("", f"{FIVE}device virtio-net\nat 1ms link down device=")
    verdict = fails(tmp_path, text.rstrip() + "5\n", "vacuous.fault", 11)
    assert "no driver used device 5" in verdict["message"]
    assert passes(tmp_path, text.rstrip() + "3\n")["fired"] == 1


def test_a_rate_that_never_fires_is_said(tmp_path):
    text = WEB.format("", "wire rx drop=0.01% dup=0.01%\nwire tx corrupt=0.01%")
    verdict = passes(tmp_path, text)
    assert (verdict["faults"], verdict["fired"]) == (3, 0)
    assert verdict["idle"] == "tx corrupt, rx drop, rx dup"
    assert "0 faults of 3 fired (not tx corrupt, rx drop, rx dup)" in drywire("run", tmp_path / "case.scn").stdout


# ---- lines that nothing uses ----

UNUSED = {
    "serve http 10.0.2.2:8080 path=/": ("run ping 10.0.2.2", "no frame reached this service"),
    "serve udp-echo 10.0.2.9:7": ("run tcpsend -q 10.0.2.9 7 5\nallow exit", "no frame reached this service"),
    "serve blackhole 10.0.2.9:7": ("run ping -c 1 10.0.2.2", "no frame reached this service"),
    "peer 10.0.2.2:5 after=9 close": ("at 1s dial 7 from=10.0.2.2:5\nserve script 10.0.2.2:5\nrun talk -l 7 close",
                                      "the script did not reach this line"),
    "at 1s dial 7 send=x": ("run ping 10.0.2.2", "the machine accepted no connection of this dial"),
    "at 1s datagram 7 send=x": ("at 0ms drop rx udp count=all\nworld native dhcp-silent=all\nuntil 2s",
                                "no frame of this line reached the machine"),
    "peer dhcp renew=1 silent": ("run ping 10.0.2.2\npeer dhcp discover=1 yiaddr=10.0.2.15 53=offer 54=10.0.2.2 "
                                   "51=3600 1=255.255.255.0 3=10.0.2.2 end\npeer dhcp request=1 yiaddr=10.0.2.15 "
                                   "53=ack 54=10.0.2.2 51=3600 1=255.255.255.0 3=10.0.2.2 end",
                                   "the machine did not send the request that this line answers"),
}


def text_around(line):
    """The others first, as a peer line follows its serve line; returns the line number."""
    others = UNUSED[line][0].split("\n")
    lines = ["title T", *sorted(others, key=lambda x: not x.startswith("serve"))]
    lines.insert(2, line)
    return "\n".join(lines) + "\n", lines.index(line) + 1


@pytest.mark.parametrize("line", UNUSED)
def test_a_line_that_nothing_uses_fails(line, tmp_path):
    text, at = text_around(line)
    verdict = fails(tmp_path, text, "vacuous.line", at)
    assert UNUSED[line][1] in verdict["message"] and "allow idle-line" in verdict["message"]
    assert "idle-line" in passes(tmp_path, text + "allow idle-line\n")["allowed"]


@pytest.mark.parametrize("lines", [
    "serve http 10.0.2.2:80 path=/\nrun webget -q http://10.0.2.2/",
    "serve refuse 10.0.2.2:80\nrun webget -q http://10.0.2.2/\nallow exit",
    "serve unreachable 10.0.2.9:80\nrun ping -c 1 10.0.2.9",
    "serve udp-echo 10.0.2.2:7\nrun udpsend 10.0.2.2 7 x -w",
    "serve script 10.0.2.2:5\npeer 10.0.2.2:5 send=x\npeer 10.0.2.2:5 reset\ndaemon echod\n"
    "at 1s dial 7 from=10.0.2.2:5",
    "daemon echod\nat 1s datagram 7 send=x\nat 1s echo send=x",
    "peer dhcp discover=3 silent\nuntil 9s",
])
def test_a_line_that_something_uses_passes(lines, tmp_path):
    passes(tmp_path, f"title T\n{lines}\n")


# ---- how programs end ----

def test_a_program_that_fails_fails_the_run(tmp_path):
    bad = "title T\nworld native\nuntil 1s\n{} webget http://not-an-address/\n"
    for start in ("run", "daemon", "at 5ms run"):
        verdict = fails(tmp_path, bad.format(start), "exit.status", 4)
        assert "add 'expect kernel: exit program=webget status=1'" in verdict["message"]
        passes(tmp_path, bad.format(start) + "expect kernel: exit program=webget status=1\n")
        assert passes(tmp_path, bad.format(start) + "allow exit\n")["allowed"] == ["exit"]


def test_an_expectation_must_state_the_status_and_meet_this_very_line(tmp_path):
    bad = "title T\nworld native\nrun webget http://no/\n"
    fails(tmp_path, bad + "expect kernel: exit program=webget\n", "exit.status", 3)
    two = bad + "run webget http://no/\nexpect kernel: exit program=webget status=1"
    fails(tmp_path, two + "\n", "exit.status", 4)
    passes(tmp_path, two + " count=2\n")


def test_a_program_that_the_scenario_kills_has_ended_as_asked(tmp_path):
    passes(tmp_path, "title T\nworld native\ndaemon echod\nuntil 3s\nat 2s kill echod\n")


@pytest.mark.parametrize("words, told", [
    ("wget http://10.0.2.2/", "unknown program 'wget', did you mean 'webget'?"),
    ("webget", "'webget' does not take 0 arguments; usage: webget [-q] URL"),
    ("webget http://10.0.2.2/ http://10.0.2.2/", "'webget' does not take 2 arguments"),
    ("webget -q -q http://10.0.2.2/ x y", "'webget' does not take 5 arguments"),
    ("ping", "'ping' does not take 0 arguments"),
    ("ping 10.0.2.2 10.0.2.3", "'ping' does not take 2 arguments"),
    ("ping -c 1 10.0.2.2 -x", "'ping' does not take 4 arguments"),
    ("ping -w 1 10.0.2.2", "'ping' does not take 3 arguments"),
    ("echod 7 8", "'echod' does not take 2 arguments"),
    ("netinfo -n -n x", "'netinfo' does not take 3 arguments"),
    ("talk -l", "'talk' does not take 1 argument; usage: talk [-q] ADDR PORT [STEP]... | talk"),
    ("tcpsend 10.0.2.2 7", "'tcpsend' does not take 2 arguments"),
    ("udpsend 10.0.2.2 7", "'udpsend' does not take 2 arguments"),
])
def test_arguments_that_a_program_never_takes_are_an_error_when_it_is_read(words, told, tmp_path):
    for start in ("run", "daemon", "at 5ms run"):
        done = judge(tmp_path, f"title T\nuntil 1s\n{start} {words}\n", code=2)
        assert f"case.scn:3: {told}" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [
    "webget -q http://10.0.2.2/", "ping 10.0.2.2", "ping -c 1 -i 5 -s 9 10.0.2.2", "echod", "echod 7", "netinfo",
    "netinfo -n", "talk -l 80", "talk -q -l 80 read=1 x y z", "talk 10.0.2.2 7", "tcpsend -q 10.0.2.2 7 5",
    "udpsend 10.0.2.2 7 x", "udpsend 10.0.2.2 7 -w -n 2 -w", "udpsend 10.0.2.2 7 -n",
])
def test_arguments_that_a_program_takes_are_no_error(words, tmp_path):
    (tmp_path / "case.scn").write_text(f"title T\ndaemon {words}\nuntil 1ms\n")
    assert drywire("run", tmp_path / "case.scn").stderr == ""


def test_arguments_may_be_wrong_where_that_is_meant(tmp_path):
    passes(tmp_path, "title T\nuntil 1s\nrun webget\nexpect webget: usage\nexpect kernel: exit status=2\n")


# ---- nothing happened ----

LAZY = """#include "sim/machine/guest.h"
static int boot(void *s, const struct guest_config *c, uint64_t t) { (void)s; (void)c; (void)t; return 0; }
static void poll(void *s, uint64_t t) { (void)s; (void)t; }
static uint64_t deadline(void *s, uint64_t t) { (void)s; (void)t; return UINT64_MAX; }
static const struct guest_ops ops = {GUEST_ABI, "lazy", 8, 0, boot, poll, deadline};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) { return &ops; }
"""


def lazy(folder):
    """A guest that accesses nothing."""
    source, guest = folder / "lazy.c", folder / "lazy.so"
    source.write_text(LAZY)
    assert command(["cc", "-I", ROOT, "-fPIC", "-shared", "-o", guest, source]).returncode == 0
    return guest


def test_a_run_without_a_frame_fails(tmp_path):
    guest, case = lazy(tmp_path), tmp_path / "case.scn"
    for allow, oracle in (("", "vacuous.run"), ("allow nothing\n", None)):
        case.write_text(f"title T\nworld native\nuntil 1s\n{allow}")
        verdict = json.loads(drywire("run", "--json", "--guest", guest, case).stdout)
        assert verdict.get("oracle") == oracle and verdict["looked"] == 0
        assert verdict["frames_tx"] == verdict["frames_rx"] == 0


# ---- the wire is healed ----

def test_the_verdict_says_that_the_wire_was_healed(tmp_path):
    text = "title T\nworld native\nwire rx dup=50%\nrun ping -c 1 10.0.2.2\nuntil {}\n{}\n"
    assert "healed_ns" not in passes(tmp_path, text.format("299s", ""))
    assert passes(tmp_path, text.format("301s", ""))["healed_ns"] == 300 * 10**9
    assert ", healed at 300 s, " in drywire("run", tmp_path / "case.scn").stdout
    assert passes(tmp_path, text.format("301s", "heal 20s"))["healed_ns"] == 20 * 10**9
    assert "healed_ns" not in passes(tmp_path, text.format("301s", "heal never"))


@pytest.mark.parametrize("heal, at", [("", "5m"), ("heal 20s", "20s"), ("at 30s heal", "30s")])
def test_a_fault_after_the_wire_is_healed_is_an_error(heal, at, tmp_path):
    text = f"title T\nworld native\nwire rx dup=50%\n{heal}\nuntil 400s\nat 350s drop rx arp\n"
    done = judge(tmp_path, text, code=2)
    assert f"case.scn:6: this fault cannot fire: the wire is healed at {at} " in done.stderr


@pytest.mark.parametrize("lines, told", [
    ("heal 20s\nat 0ms cut", "case.scn:2: this heal does nothing: it stops rates, and no wire line has drop="),
    ("heal never", "case.scn:2: this heal does nothing: it stops rates"),
    ("wire delay=1ms\nheal 20s", "case.scn:3: this heal does nothing: it stops rates"),
    ("at 5s heal", "case.scn:2: this heal does nothing: the wire has no fault that it stops"),
    ("at 0ms link down\nat 5s heal", "case.scn:3: this heal does nothing: the wire has no fault that it stops"),
    ("wire rx dup=50%\nheal 20s\nat 5s heal", "case.scn:3: this heal does nothing: line 4 heals the wire"),
])
def test_a_heal_of_what_is_whole_is_an_error(lines, told, tmp_path):
    done = judge(tmp_path, f"title T\n{lines}\nrun ping -c 1 10.0.2.2\n", code=2)
    assert told in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("lines", ["wire rx dup=50%\nat 0ms cut\nheal 20s", "wire delay=1ms\nat 2s heal",
                                   "at 0ms drop rx dhcp.offer\nat 5s heal"])
def test_a_heal_of_what_is_not_is_none(lines, tmp_path):
    judge(tmp_path, f"title T\n{lines}\nrun ping -c 1 10.0.2.2\nallow exit\nallow idle-fault\nlimit 2000s\n")
    assert drywire("run", tmp_path / "case.scn").returncode != 2


def test_the_rates_go_on_as_long_as_the_scenario_says(tmp_path):
    text = "title T\nworld native\nwire rx dup=50%\nheal {}\nrun ping -c 1 10.0.2.2\nat {} run ping -c 9 10.0.2.2\n"
    during, after = (passes(tmp_path, text.format(heal, "400s"))["touched"] for heal in ("never", "399s"))
    assert during > after


# ---- never, at a time that never comes ----


def test_a_run_that_ends_before_a_never_line_begins_fails(tmp_path):
    text = WEB.format("", "never tcp: rst after 3s")
    verdict = fails(tmp_path, text, "vacuous.never", 5)
    assert "before 3.000000s" in verdict["message"] and "'until T'" in verdict["message"]
    passes(tmp_path, text + "until 3s\n")
    passes(tmp_path, WEB.format("", "never tcp: rst by 3s"))


# ---- expectations that cannot match ----

CANNOT = {
    "netstack: ready": "unknown component 'netstack', did you mean 'netstackd'?",
    "webgot: done": "unknown component 'webgot', did you mean 'webget'?",
    "echod: accepted": "no line starts the program 'echod'",
    "netstackd: virt0 dhcp adr=10.0.2.15": "continues with 'adr=10.0.2.15', did you mean 'addr='?",
    "netstackd: virt0 lease addr=10.0.2.15": "continues with 'lease'",
    "netstackd: addr=10.0.2.15 virt0": "continues with 'virt0'",
    "netstackd: virt0 dhcp addr=10.0.2.15 src=static": "continues with 'src=static'",
    "netstackd: drop reason=udp-prot": "continues with 'reason=udp-prot'",
    "tcp: aborted reason=refusd": "continues with 'reason=refusd'",
    "tcp: reset": "continues with 'reset'",
    "kernel: exit program=webget state=0": "continues with 'state=0', did you mean 'status='?",
    "virtionetd: link=sideways": "continues with 'link=sideways'",
    "webget: done state=200": "no program prints 'state=200', did you mean 'status='?",
    "webget: finished": "no program prints 'finished'",
    "webget: finish*": "no program prints 'finish*'",
    "webget: *": "no program prints '*'",
    "kernel: exit program=ping": "no line starts the program 'ping'",
    "kernel: exit status=none": "continues with 'status=none'",
    "netstackd: virt0 dhcp addr=here": "continues with 'addr=here'",
    "netstackd: virt0 dhcp addr-*": "continues with 'addr-*'",
    "tcp: local=1 connected": "continues with 'connected'\n",
}


@pytest.mark.parametrize("line", CANNOT)
@pytest.mark.parametrize("word", ["expect", "never"])
def test_what_cannot_be_said_is_an_error_when_it_is_read(word, line, tmp_path):
    text = f"title T\nworld native\nserve http 10.0.2.2:80 path=/ body=x\nrun webget http://10.0.2.2/\n{word} {line}\n"
    done = judge(tmp_path, text, code=2)
    assert f"case.scn:5: " in done.stderr and CANNOT[line] in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
    assert drywire("explain", tmp_path / "case.scn").returncode == 2


@pytest.mark.parametrize("line", [
    "netstackd: drop reason=udp-port", "netstackd: virt0 dhcp lost reason=expired", "tcp: aborted reason=timed-out",
    "tcp: state from=SYN_SENT to=ESTABLISHED", "virtionetd: failed reason=queue-size", "virtionetd: link=down",
    "netstackd: virt0 counters tx>=2", "virtionetd: mmio=0x*", "kernel: fault pid=1", "kernel: killed program=webget",
    "netstackd: virt0 dhcp addr*", "netstackd: virt0 dhcp addr=10.0.*", "tcp: state conn* to=ESTAB*", "webget: don*",
    "kernel: exit program=*", "kernel: exit program=web* status=-*", "tcp: connected remote=10.0.2.2:*",
    "kernel: faulted status=-14", "webget: | whatever there is", "webget: error connect reason=anything",
    "webget: done surplus=7", "virtionetd: pci=0:3.0 transport=modern", "webget: usage webget [-q] URL",
])
def test_what_can_be_said_is_no_error(line, tmp_path):
    text = f"title T\nworld native\nserve http 10.0.2.2:80 path=/ body=x\nrun webget http://10.0.2.2/\nnever {line}\n"
    assert judge(tmp_path, text)["verdict"] in ("pass", "fail")


def test_a_foreign_guest_says_what_it_likes(tmp_path):
    case = tmp_path / "case.scn"
    case.write_text("title T\nworld native\nuntil 1s\nnever netstack: ready\nallow nothing\n")
    assert drywire("run", "--guest", lazy(tmp_path), case).returncode == 0


def test_the_lines_about_processes_are_those_of_the_kernel():
    """The one list of sim/run/vocabulary.c that is not made from a table."""
    listed = re.search(r"process_lines\[\] = \{(.*?)\}", (ROOT / "sim/run/vocabulary.c").read_text(), re.S)[1]
    words = {line.split()[0] for line in re.findall(r'"(.*?)"', listed)}
    kernel = "".join(p.read_text() for p in sorted((ROOT / "core/kernel").glob("*.c")))
    assert words == set(re.findall(r'task_(?:line|end)\([^"]*?"(\w+)"', kernel))


# ---- frames lost at the device ----

def test_frames_lost_to_a_downed_link_are_drawn_and_counted(tmp_path):
    text = "title T\nworld native\nrun ping -c 1 10.0.2.2\nat 2s link down\nat 3s echo send=x\nat 4s link up\nuntil 9s\n"
    verdict = passes(tmp_path, text)
    assert verdict["lost_rx"] > 0
    case = tmp_path / "case.scn"
    out = drywire("run", "-v", case).stdout
    assert out.count("  [lost: link down]") == verdict["lost_rx"]
    assert f", {verdict['lost_rx']} in lost (link down), " in out
    drawn = [line for line in drywire("seq", case).stdout.splitlines() if "[lost: link down]" in line]
    assert len(drawn) == verdict["lost_rx"] and all("x - -" in line for line in drawn)
    assert drywire("explain", case).stdout.count("rx  lost: link down: ") == verdict["lost_rx"]
    assert drywire("report", case, "-o", tmp_path / "page.html").returncode == 0
    assert "lost: link down" in (tmp_path / "page.html").read_text()


def test_frames_that_a_device_cannot_send_are_lost(tmp_path):
    case = tmp_path / "case.scn"
    case.write_text("title T\nworld native\nat 0ms link down\nuntil 9s\nallow nothing\n")
    verdict = json.loads(drywire("run", "--json", "--guest", BUILD / "guest_ping.so", case).stdout)
    assert verdict["verdict"] == "pass" and verdict["lost_tx"] > 0 and verdict["frames_tx"] == 0
    out = drywire("run", "-v", "--guest", BUILD / "guest_ping.so", case).stdout
    assert f"{verdict['lost_tx']} out lost (link down)" in out and "[lost: link down]" in out


def test_frames_for_a_device_that_nobody_uses_are_lost(tmp_path):
    guest, case = lazy(tmp_path), tmp_path / "case.scn"
    case.write_text(f"title T\nworld native observe={ROOT}/tests/captures/lease-lost-offer.pcap\nuntil 9s\n")
    out = drywire("run", "-v", "--guest", guest, case).stdout
    assert "[lost: device not in use]" in out and " in lost (device not in use), " in out


# ---- oracles that are off ----

def test_an_oracle_that_is_off_is_said(tmp_path):
    verdict = passes(tmp_path, "title T\nworld native\nrun ping 10.0.2.2\noracle off tcp.mss\noracle off arp.rate\n")
    assert verdict["off"] == ["tcp.mss", "arp.rate"]
    assert ", off: tcp.mss arp.rate, " in drywire("run", tmp_path / "case.scn").stdout


# ---- the page ----

def test_the_page_has_every_word_that_allows_something(tmp_path):
    page = (ROOT / "docs/verdicts.md").read_text()
    done = judge(tmp_path, "allow everything\n", code=2)
    form = re.search(r'"allow (\S+)"', (ROOT / "sim/scenario/scenario_lines.c").read_text())[1]
    assert "unknown thing to allow" in done.stderr
    assert {f"allow {word}" for word in form.split("|")} <= set(re.findall(r"`(allow \S+)`", page))


def test_every_oracle_of_the_device_looks():
    header = (ROOT / "sim/engine/oracle_table.h").read_text()
    rows = re.findall(r'ROW\((\w+), "[^"]+", \w+, DEVICE', header)
    calls = " ".join(re.findall(r"\bLOOK\(([^;]*)\);", "".join(text for _, text in sources())))
    assert len(rows) > 50
    assert [number for number in rows if not re.search(rf"\b{number}\b", calls)] == []


def test_the_order_of_memory_is_looked_at_with_weak_memory_only():
    looked = [json.loads(drywire("run", "--json", "--memory", memory,
                                 "tests/scenarios/slirp/web-legacy.scn").stdout)["looked"]
              for memory in ("weak", "strong")]
    assert looked[0] >= looked[1] + 2

"""`drywire report`: the page opens from a file in a real browser without an error or a request, its
numbers are those of the run, and nothing that came off a wire is more than text in it."""

import html.parser
import json
import os
import re
import shutil

import pytest

from browser import Browser
from conftest import BUILD, ROOT, TARGETS, command, drywire, results

SCENARIOS = [
    ("common/web-everything-wrong", 3), ("common/send-everything-wrong", 9), ("native/zero-window", 1),
    ("native/web-interrupts-lossy", 3), ("slirp/web-packed-queue-3", 1), ("native/incoming-four", 2),
    ("slirp/web-indirect-legacy", 4), ("slirp/lease-never", 1),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    b = Browser(tmp_path_factory.mktemp("profile"))
    yield b
    b.close()


def report(path, folder, *args, code=0):
    page = folder / "run.html"
    done = drywire("report", path, "-o", page, *args)
    assert done.returncode == code, done.stdout + done.stderr
    return page


def data_of(page):
    """The run, as read by the page's own script."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    return json.loads(found.group(1))


def opened(browser, page):
    browser.open(page)
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.complaints() == []
    assert browser.run("document.documentElement.dataset.ready") is not None


def fact(browser, name):
    return browser.text(f"#fact-{name}").replace("\u2009", "")


def count(browser, name, wanted=""):
    """How many rows a list has, or that many with these words."""
    if wanted:
        field = f"document.querySelector('#{name}-filter')"
        browser.run(f"{field}.value = {json.dumps(wanted)}; {field}.dispatchEvent(new Event('input'))")
    return int(browser.text(f"#{name}-count").replace("\u2009", "").split(" of ")[0])


def go(browser, event):
    browser.run("new Promise((done) => { const s = document.querySelector('#slider'); "
                f"s.value = {event}; s.dispatchEvent(new Event('input')); "
                "requestAnimationFrame(() => requestAnimationFrame(done)); })")


@pytest.mark.browser
@pytest.mark.parametrize("name, seed", SCENARIOS)
def test_the_numbers_are_those_of_the_run(name, seed, browser, tmp_path):
    scenario = f"tests/scenarios/{name}.scn"
    verdict = results(scenario, "--seed", seed)[scenario]
    told = drywire("run", scenario, "--seed", seed, "-v", "--trace", tmp_path / "trace").stdout
    explained = drywire("explain", scenario, "--seed", seed, "-v").stdout
    lines = (tmp_path / "trace").read_text(errors="replace").splitlines()
    faults = re.search(r"(\d+) touched by a fault", told)

    opened(browser, report(scenario, tmp_path, "--seed", seed))
    assert fact(browser, "frames-tx") == str(verdict["frames_tx"])
    assert fact(browser, "frames-rx") == str(verdict["frames_rx"])
    assert fact(browser, "events") == str(verdict["events"])
    assert fact(browser, "hash") == verdict["hash"]
    assert fact(browser, "faults") == (faults.group(1) if faults else "0")
    assert browser.text("#verdict") == verdict["verdict"]
    assert browser.text("#reproduce") == f"build/drywire run {scenario} --seed {seed}"
    assert count(browser, "ladder") == len(re.findall(r"^ *\d+\.\d{6}  (?:-->|<--)", told, re.M))
    assert count(browser, "trace") == len(lines)
    assert count(browser, "decisions") == len(re.findall(r" draw \d+ +value ", explained))
    again = sum(" tcp: retransmit " in line for line in lines)
    assert fact(browser, "retransmissions").split(" / ")[0] == str(again)
    assert count(browser, "ladder", "again tx") == again


def test_the_page_is_a_function_of_scenario_and_seed(tmp_path):
    scenario = "tests/scenarios/common/web-everything-wrong.scn"
    one = report(scenario, tmp_path, "--seed", 5).read_bytes()
    assert report(scenario, tmp_path, "--seed", 5).read_bytes() == one
    assert report(scenario, tmp_path, "--seed", 6).read_bytes() != one


def test_the_page_of_our_capture_is_that_of_the_run(tmp_path):
    scenario, capture = "tests/scenarios/common/web-everything-wrong.scn", tmp_path / "run.pcapng"
    drywire("run", "-q", scenario, "--seed", 5, "--pcap", capture)
    run, again = data_of(report(scenario, tmp_path, "--seed", 5)), data_of(report(capture, tmp_path))
    assert again.pop("reproduce") == f"build/drywire replay {capture}"
    assert run.pop("reproduce") == f"build/drywire run {scenario} --seed 5"
    assert again == run


@pytest.mark.qemu
@pytest.mark.parametrize("target", TARGETS)
def test_a_capture_of_qemu_has_a_page(target, tmp_path):
    capture = tmp_path / "nic.pcapng"
    drywire("qemu", "--target", target, "--nic-pcap", capture, "tests/scenarios/common/contract-web.scn")
    data = data_of(report(capture, tmp_path))
    assert data["reproduce"] == f"build/drywire replay {capture}"
    assert (data["verdict"], data["world"]) == ("pass", "replay")
    assert any("webget: done" in line for line in data["lines"])


@pytest.mark.browser
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_capture_of_a_stranger_has_a_page(role, browser, tmp_path):
    capture = "tests/captures/linux-web.pcap"
    opened(browser, report(capture, tmp_path, "--as", role, "--seed", 3))
    assert browser.text("#verdict") == "pass"
    command_line = browser.text("#reproduce")
    assert command_line == f"build/drywire replay {capture} --loose --as {role} --seed 3"
    done = drywire(*command_line.split()[1:])
    assert done.returncode == 0 and "hash=" + fact(browser, "hash") in done.stdout


def test_the_coverage_report_is_linked_if_there_is_one(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "out").mkdir()
    binary = shutil.copy(BUILD / "drywire", tmp_path / "build")
    page = tmp_path / "out/run.html"
    for wanted in (None, "../build/coverage/index.html"):
        done = drywire("report", "tests/scenarios/native/lease.scn", "-o", page, binary=binary)
        assert done.returncode == 0, done.stderr
        assert data_of(page).get("coverage") == wanted
        (tmp_path / "build/coverage").mkdir(exist_ok=True)
        (tmp_path / "build/coverage/index.html").write_text("x")


class Elements(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_the_file_needs_nothing_else(tmp_path):
    page = report("tests/scenarios/slirp/lease.scn", tmp_path)
    e = Elements()
    e.feed(page.read_text())
    for tag, attributes in e.seen:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base"), tag
        assert not {"src", "href", "srcset", "style"} & set(attributes), (tag, attributes)
        assert not [a for a in attributes if a.startswith("on")], (tag, attributes)
    policy = next(a["content"] for t, a in e.seen if t == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy and "unsafe" not in policy


# ---- what came off a wire ----

MARKUP = ["<script>window.owned = 1</script>", "--></script><script>window.owned = 2</script>",
          "<img src=x onerror='window.owned = 3'>", "</pre></section><svg onload=\"window.owned = 4\">",
          "<!--<script>", "]]>&lt;b&gt;&#60;", "{\"order\":\"</SCRIPT>\"}", "`${window.owned = 5}`"]
ODD = "nul \\x00 bell \\x07 rtl \\xe2\\x80\\xae gpj.exe \\xe2\\x81\\xa6 broken \\xff\\xc3( esc \\x1b[31m \\xe2\\x80\\xa8"


def quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def hostile(folder):
    path = folder / "<img src=x onerror=owned=1>.scn"
    body = "\\n".join(quoted(m) for m in MARKUP) + "\\n" + ODD + "\\n"
    head = "HTTP/1.1 200 <b>OK</b>\\r\\nHost: <script>window.owned=6</script>\\r\\nX: \\\"'><i>\\r\\n\\r\\n"
    path.write_text(
        "title </title></script><script>window.owned = 7</script> & <b>bold</b>\nworld native\n"
        f'serve http 10.0.2.2:80 path=/ body="{body}"\nrun webget http://10.0.2.2/\ndaemon echod\n'
        f'at 1s dial 7 send="{head}" expect="{head}"\nexpect webget: done status=200\n')
    return path


@pytest.mark.browser
def test_hostile_strings_stay_text(browser, tmp_path):
    path = hostile(tmp_path)
    page = report(path, tmp_path, "--seed", 2)
    opened(browser, page)
    assert "<img" not in re.sub(r'id="data">.*?</script>', "", page.read_text(), flags=re.S).split("<script>")[0]

    assert browser.run("typeof window.owned") == "undefined"
    assert browser.run("document.scripts.length") == 2
    assert browser.run("document.querySelectorAll('img, svg, iframe, b:not(#position b), i:not(.legend i)').length") == 0
    assert browser.text("#title") == \
        "</title></script><script>window.owned = 7</script> & <b>bold</b>"
    assert browser.run("document.title").endswith(browser.text("#title"))
    assert browser.text("#scenario") == str(path)
    assert browser.text("#source") == path.read_text()

    # The program's output of the body, one line each, in the trace.
    for m in MARKUP:
        assert count(browser, "trace", "| " + m) >= 1, m
        go(browser, browser.run("document.querySelector('#slider').max"))
        assert m in browser.text("#trace"), m
    assert count(browser, "trace", "| nul \\x00 bell \\x07 rtl \\xe2\\x80\\xae gpj.exe") == 1

    # And the bytes of every frame.
    everything = ""
    for event in [i for i, kind in enumerate(data_of(page)["order"]) if kind == "F"]:
        go(browser, event)
        everything += "".join(row[56:] for row in browser.text("#bytes").splitlines())
    assert "<script>window.owned = 1</script>" in everything
    assert "Host: <script>window.owned=6</script>" in everything
    assert browser.run("typeof window.owned") == "undefined"
    assert browser.run("document.scripts.length") == 2
    assert browser.complaints() == []


@pytest.mark.browser
def test_a_script_that_got_in_would_not_run(browser, tmp_path):
    """The second line of defence: the policy refuses every script but the page's own."""
    page = report("tests/scenarios/slirp/lease.scn", tmp_path)
    text = page.read_text()
    page.write_text(text.replace("<main>", "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'><main>"))
    browser.open(page)
    assert browser.run("typeof window.owned") == "undefined"
    assert len(browser.complaints()) >= 2
    assert browser.run("document.documentElement.dataset.ready") is not None


# ---- the rings ----

STARTED, STOPPED, AVAILABLE, WORKING, USED, COLLECTED = range(6)


STATES = {"-": "never used", "a": "available to the device", "w": "the device works on it",
          "u": "used, not yet collected", "d": "the driver's again"}


def ring_states(data):
    """After each event: the state of every descriptor of each live queue, a letter each; the events at
    which a chain is returned in another slot; the numbers of chains used and collected. Independent of
    the page's code."""
    numbers = iter(data["rings"][1:])
    queues, after, elsewhere, totals = {}, [], [], [0, 0]

    def take(n):
        return [next(numbers) for _ in range(n)]

    def put(q, slots, letter):
        for s in slots:
            q["slots"][s] = letter

    for event, kind in enumerate(data["order"]):
        if kind == "R":
            what, queue = take(2)
            if what == STARTED:
                size, flags = take(2)
                queues[queue] = {"packed": flags & 1, "slots": ["-"] * size, "chains": {}, "back": {}}
            q = queues[queue]
            if what == STOPPED:
                q["slots"] = []
            elif what == AVAILABLE:
                chain, parts = take(2)
                q["chains"][chain] = [s for s in take(4 * parts)[::4] if s >= 0]
                put(q, q["chains"][chain], "a")
            elif what == WORKING:
                put(q, q["chains"][take(1)[0]], "w")
            elif what == USED:
                chain, slot, slots, _ = take(4)
                back = [(slot + i) % len(q["slots"]) for i in range(slots)] if q["packed"] else q["chains"][chain]
                q["back"][chain] = back
                if back != q["chains"][chain]:
                    elsewhere.append(event)
                totals[0] += 1
                put(q, back, "u")
            elif what == COLLECTED:
                totals[1] += 1
                put(q, [s for s in q["back"][take(2)[0]] if q["slots"][s] == "u"], "d")
        after.append({n: "".join(q["slots"]) for n, q in queues.items()})
    return after, elsewhere, totals


def ring_matches(browser, queue, slots):
    """Does the page show these descriptors, by its counts and by one that is clicked?"""
    note = browser.text(f"#rings .ring:nth-child({queue + 1}) p")
    if not slots:
        assert note == "reset"
        return
    shown = [int(n) for n in re.findall(r"(\d+) (?:available,|in work|used,|the driver)", note)]
    assert shown == [slots.count("a"), slots.count("w"), slots.count("u"), slots.count("d") + slots.count("-")]
    columns = next(c for most, c in ((16, len(slots)), (64, 16), (512, 32), (1024, 64)) if len(slots) <= most)
    for letter in set(slots):
        slot = slots.rindex(letter)
        browser.run(f"""(() => {{
            const canvas = document.querySelectorAll("#rings canvas")[{queue}], r = canvas.getBoundingClientRect();
            const cell = r.width / {columns};
            canvas.dispatchEvent(new MouseEvent("click", {{ bubbles: true,
                clientX: r.left + ({slot % columns} + 0.5) * cell, clientY: r.top + ({slot // columns} + 0.5) * cell }}));
        }})()""")
        assert f"descriptor {slot}: {STATES[letter]}" in browser.text("#ring-hint")


@pytest.mark.browser
@pytest.mark.parametrize("name", ["common/web-everything-wrong", "slirp/web-packed-queue-3", "slirp/send-packed",
                                  "slirp/web-legacy-no-any-layout", "slirp/web-indirect-legacy", "common/web-4mib",
                                  "native/rng-two-nics"])
def test_rings_are_shown_as_they_were(name, browser, tmp_path):
    page = report(f"tests/scenarios/{name}.scn", tmp_path, "--seed", 4, "--memory", "weak")
    states, elsewhere, (used, collected) = ring_states(data_of(page))
    assert used - 256 <= collected <= used and collected > 0
    assert bool(elsewhere) == ("packed" in name)
    opened(browser, page)
    total = len(states)
    events = [0, total // 3, total - 1, *range(total // 2, total // 2 + 20), total // 5, total // 4]
    for event in events + elsewhere[:10]:
        go(browser, event)
        for queue, slots in states[event].items():
            ring_matches(browser, queue, slots)
        position = browser.text("#position").replace("\u2009", "")
        assert position.startswith(f"event {event + 1} of {total}")
    if name == "native/rng-two-nics":
        titles = [browser.text(f"#rings .ring:nth-child({n}) h3") for n in range(1, 6)]
        assert [t.split(" \u00b7 ")[0] for t in titles] == [
            "receive (0)", "transmit (1)", "device 1 queue 0", "device 1 queue 1", "device 2 queue 0"]


@pytest.mark.browser
def test_keys_move_through_the_run(browser, tmp_path):
    page = report("tests/scenarios/common/web-everything-wrong.scn", tmp_path, "--seed", 3)
    order = data_of(page)["order"]
    opened(browser, page)

    def press(key, shift=False):
        browser.run(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}, "
                    f"shiftKey: {json.dumps(shift)}, bubbles: true}}))")
        return int(browser.run("document.querySelector('#slider').value"))

    go(browser, 0)
    assert press("ArrowRight") == 1
    assert press("ArrowRight", True) == 101
    assert press("ArrowLeft") == 100
    frame = order.index("F", 101)
    assert press("j") == frame
    assert press("k") == (order.rindex("F", 0, frame) if "F" in order[:frame] else frame)
    go(browser, 0)
    fault = press("f")
    assert "[" in browser.text("#now") and order[fault] == "F"
    assert press("f") > fault
    assert press("F", True) == fault


# ---- runs that go wrong, and command lines ----

@pytest.mark.browser
def test_a_failure_is_told_and_shown(browser, tmp_path):
    path = tmp_path / "fail.scn"
    path.write_text("world native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
                    "expect webget: done status=500 by 1s\n")
    opened(browser, report(path, tmp_path, code=1))
    assert browser.text("#verdict") == "fail"
    assert "status=500" in browser.text("#failure") and f"{path}:4" in browser.text("#failure")


CRASH = f'''
#include "{ROOT}/sim/machine/guest.h"
static int boot(void *s, const struct guest_config *c, uint64_t t)
{{
    (void)s; (void)t;
    c->platform->line(c->platform->ctx, "mine: here", 10);
    return 0;
}}
static void poll(void *s, uint64_t t) {{ (void)s; (void)t; *(volatile int *)8 = 1; }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; return t; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "crash", .size = 8, .boot = boot,
                                     .poll = poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
'''


@pytest.mark.browser
def test_what_a_run_did_before_it_crashed_is_shown(browser, tmp_path):
    (tmp_path / "crash.c").write_text(CRASH)
    command(["cc", "-fPIC", "-shared", "-o", tmp_path / "crash.so", tmp_path / "crash.c"])
    opened(browser, report("tests/guests/ping.scn", tmp_path, "--guest", tmp_path / "crash.so", code=1))
    assert "crash" in browser.text("#failure") and count(browser, "trace") == 1
    assert "mine: here" in browser.text("#trace")


@pytest.mark.browser
def test_an_alarm_leaves_the_decisions_too(browser, tmp_path):
    path = tmp_path / "long.scn"
    path.write_text("world native lease=20s\nwire drop=10%\nrun netinfo\nuntil 9000d\nlimit 9900d\n"
                    "at 9000d heal\n")
    opened(browser, report(path, tmp_path, "--timeout", 1, code=124))
    assert "budget" in browser.text("#failure")
    assert count(browser, "decisions") > 0 and count(browser, "ladder") > 0


@pytest.mark.parametrize("args, code, words", [
    (["report"], 2, ["report takes one"]),
    (["report", "tests/scenarios/slirp/lease.scn"], 2, ["-o"]),
    (["report", "tests/scenarios", "-o", "x.html"], 2, ["tests/scenarios"]),
    (["report", "no.scn", "-o", "x.html"], 2, ["no.scn"]),
    (["report", "tests/scenarios/slirp/lease.scn", "-o", "/no/such/x.html"], 2, ["/no/such/x.html"]),
    (["run", "tests/scenarios/slirp/lease.scn", "-o", "x.html"], 2, ["--output", "run"]),
])
def test_bad_command_line(args, code, words):
    done = drywire(*args)
    assert done.returncode == code, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert not (ROOT / "x.html").exists()


def test_a_full_disk_is_told(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    done = drywire("report", "tests/scenarios/slirp/lease.scn", "-o", "/dev/full")
    assert done.returncode == 4 and "No space left" in done.stderr


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path):
    page = tmp_path / "run.html"
    page.write_text("the old one")
    done = command(["sh", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "sh", BUILD / "drywire", "report",
                    "tests/scenarios/slirp/lease.scn", "-o", page])
    assert done.returncode == 4 and "File too large" in done.stderr
    assert page.read_text() == "the old one" and list(tmp_path.iterdir()) == [page]


# ---- size ----

@pytest.mark.browser
def test_fifty_thousand_events(browser, tmp_path, record_property):
    path = tmp_path / "big.scn"
    path.write_text("title Eleven megabytes\nworld native\nwire drop=1%\nserve http 10.0.2.2:80 path=/ size=11000000\n"
                    "run webget -q http://10.0.2.2/\nexpect webget: done status=200 bytes=11000000\n")
    page = report(path, tmp_path)
    assert len(data_of(page)["order"]) > 50000
    opened(browser, page)
    ready = int(browser.run("document.documentElement.dataset.ready"))
    record_property("ready_ms", ready)
    record_property("page_bytes", page.stat().st_size)
    print(f"a page of {page.stat().st_size} bytes was ready after {ready} ms")
    for event in (0, 25000, 50000):
        go(browser, event)
        assert browser.run("document.querySelectorAll('.row').length") < 300
    assert browser.complaints() == []

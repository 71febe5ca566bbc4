"""`drywire import` and `drywire replay --loose`: captures of others, and drywire's own, as scenarios."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import ROOT, drywire

LINUX = ROOT / "tests/captures/linux-web.pcap"
SEEDS = range(1, 201)
LOSSY = """title a page over a line that loses, doubles and reorders
world native
serve http 10.0.2.2:80 path=/ size=9000
wire drop=8% dup=2% reorder=8% jitter=2ms
run webget -q http://10.0.2.2/
expect webget: done status=200
"""


def delivered(done):
    """(captured, delivered): sha256 of what the peer said and of what the program read."""
    return tuple(re.findall(r"^(?:captured|delivered) +\d+ bytes sha256=(\w+)", done.stdout, re.M))


def round_trip(folder, scenario, seed):
    capture, again = folder / f"{seed}.pcapng", folder / f"{seed}.scn"
    done = drywire("run", scenario, "--seed", seed, "--pcap", capture)
    assert done.returncode == 0, done.stdout
    done = drywire("replay", capture, "--loose", "--seed", seed)
    assert done.returncode == 0, (seed, done.stdout, done.stderr)
    was, now = delivered(done)
    assert was == now
    assert drywire("import", capture, "-o", again).returncode == 0
    done = drywire("run", again, "--seed", seed + 1000)
    assert done.returncode == 0, (seed, done.stdout)
    return was


def test_lossy_runs_round_trip(tmp_path):
    scenario = tmp_path / "lossy.scn"
    scenario.write_text(LOSSY)
    with ThreadPoolExecutor(2) as pool:
        streams = set(pool.map(lambda seed: round_trip(tmp_path, scenario, seed), SEEDS))
    assert len(streams) == 1


def test_the_capture_of_a_linux_client_delivers_the_same(tmp_path):
    done = drywire("replay", LINUX, "--loose")
    assert done.returncode == 0, done.stdout
    was, now = delivered(done)
    assert was == now
    assert "options of the SYN: captured mss=1460 sack timestamps scale, now mss=1460" in done.stdout
    assert "webget" in done.stdout.splitlines()[0]
    assert drywire("import", LINUX, "-o", tmp_path / "linux.scn").returncode == 0
    assert drywire("run", tmp_path / "linux.scn", "--seed", "7").returncode == 0


def test_an_imported_scenario_takes_faults_and_a_changed_byte_fails(tmp_path):
    case = tmp_path / "case.scn"
    assert drywire("import", LINUX, "-o", case).returncode == 0
    text = case.read_text()
    case.write_text(text + "wire drop=10% jitter=3ms\n")
    assert drywire("run", case, "--seed", "5").returncode == 0
    case.write_text(text.replace("a line of the page", "a lime of the page", 1))
    assert case.read_text() != text
    assert drywire("run", case).returncode == 1


def test_the_core_can_be_the_server():
    done = drywire("replay", LINUX, "--loose", "--as", "server")
    assert done.returncode == 0, done.stdout
    was, now = delivered(done)
    assert was == now and "the core is the server (talk)" in done.stdout


def test_a_long_stream_has_a_file_of_its_own(tmp_path):
    scenario, capture, case = (tmp_path / name for name in ("a.scn", "a.pcapng", "case.scn"))
    scenario.write_text(LOSSY.replace("9000", "200000"))
    assert drywire("run", scenario, "--pcap", capture).returncode == 0
    assert drywire("import", capture, "-o", case).returncode == 0
    assert (tmp_path / "case.bin").stat().st_size > 200000
    assert drywire("run", case, "--seed", "3").returncode == 0


@pytest.mark.parametrize("change, words", [
    (["--flow", "9"], "has no flow 9"),
    (["--as", "observer"], "--as observer is for replay"),
])
def test_what_cannot_be_imported_is_one_line(tmp_path, change, words):
    done = drywire("import", LINUX, "-o", tmp_path / "no.scn", *change)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "no.scn").exists()


def test_bad_captures_are_one_line(tmp_path):
    cut, none = tmp_path / "cut.pcap", tmp_path / "none.pcap"
    cut.write_bytes(LINUX.read_bytes()[:-5])
    none.write_bytes((ROOT / "tests/captures/public/arp/zeek-arp-who-has.pcap").read_bytes())
    for path in (cut, none):
        done = drywire("import", path, "-o", tmp_path / "no.scn")
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "no.scn").exists()


# ---- a capture made now: two network namespaces, a pair of cards, a server of Python, curl ----

MAKE = r"""
set -e
ip link set lo up
ip link add name near type veth peer name far
unshare -n sleep 60 & other=$!
trap 'kill $other $server $dump 2>/dev/null' EXIT
sleep 0.3
ip link set far netns $other
ip addr add 192.0.2.1/24 dev near && ip link set near up
nsenter -t $other -n sh -c 'ip addr add 192.0.2.2/24 dev far && ip link set far up && ip link set lo up'
cd "$1"
nsenter -t $other -n python3 -m http.server 8000 >/dev/null 2>&1 & server=$!
dumpcap -q -P -i near -w "$2" >/dev/null 2>&1 & dump=$!
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; test -s "$2" && curl -s -m 1 -o /dev/null http://192.0.2.2:8000/ && break; done
curl -s -o "$3" http://192.0.2.2:8000/page.txt
sleep 0.5
kill -INT $dump; wait $dump || true
"""


def make_capture(folder):
    """A page got by curl over a veth pair, as dumpcap wrote it; or why not."""
    for tool in ("ip", "unshare", "nsenter", "curl", "dumpcap"):
        if not shutil.which(tool):
            return None, f"{tool} is missing"
    www = folder / "www"
    www.mkdir()
    (www / "page.txt").write_text("".join(f"{i:5} a line of the page\n" for i in range(60)))
    capture, body = folder / "linux.pcap", folder / "body"
    done = subprocess.run(["unshare", "-rn", "sh", "-c", MAKE, "make", www, capture, body],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if not body.exists() or not capture.exists():
        return None, "no network namespaces: " + done.stderr.strip()[-200:]
    assert body.read_bytes() == (www / "page.txt").read_bytes()
    return capture, body.read_bytes()


def test_a_page_from_a_linux_client_is_delivered_again(tmp_path):
    capture, body = make_capture(tmp_path)
    if capture is None:
        pytest.skip(body)
    flows = drywire("import", capture, "-o", tmp_path / "all.scn")
    assert flows.returncode == 0, flows.stderr
    done = drywire("replay", capture, "--loose")
    assert done.returncode == 0, done.stdout
    was, now = delivered(done)
    assert was == now

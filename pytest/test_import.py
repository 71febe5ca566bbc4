"""`drywire import` and `drywire replay --loose`: captures of other programs, and of drywire, as scenarios."""

import hashlib
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import BUILD, GUARD, ROOT, command, drywire

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
    """(captured, delivered): sha256 of the bytes that the peer sent and that the program read."""
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
    assert "options of the SYN" not in done.stdout  # both offer the same
    assert "webget" in done.stdout.splitlines()[0]
    assert drywire("import", LINUX, "-o", tmp_path / "linux.scn").returncode == 0
    assert drywire("run", tmp_path / "linux.scn", "--seed", "7").returncode == 0


def test_the_flows_of_a_capture_are_listed(tmp_path):
    done = drywire("list", LINUX)
    assert done.returncode == 0 and done.stdout.splitlines()[0] == f"{LINUX}: frames=29 flows=2"
    assert "flow 1  tcp   192.0.2.1:46626 > 192.0.2.2:8000  from frame 5, 78 bytes there, 383 back, closed" in done.stdout
    assert "383 bytes to it" in drywire("import", LINUX, "--flow", "1", "-o", tmp_path / "1.scn").stdout
    listed = drywire("list", ROOT / "tests/captures/public/icmp/zeek-5-pings.pcap").stdout
    assert "flow 1  ping  172.16.133.2 > 172.217.11.78  id=1226, 5 requests, 5 replies" in listed
    listed = drywire("list", ROOT / "tests/captures/lease-lost-offer.pcap").stdout
    assert "flow 2  dhcp  02:00:00:00:00:01  from frame 1, 3 messages, 2 answers" in listed


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
    (["--flow", "9"], "no flow 9"),
    (["--as", "observer"], "--as observer is for drywire replay"),
    (["-o", "/no/such/folder/no.scn"], "--output /no/such/folder/no.scn: No such file"),
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


def test_a_capture_may_come_through_a_pipe():
    def story(done):  # the address of memory, and so the hash, is drawn from the title, which names the file
        return re.sub("hash=\\w+", "hash", done.stdout).replace("/dev/stdin", str(LINUX))

    memory = ["--memory", "strong"]
    for verb in (["replay", *memory], ["replay", "--as", "observer", *memory], ["seq"]):
        whole = drywire(*verb, LINUX)
        piped = command(["sh", "-c", 'cat "$0" | "$@" /dev/stdin', LINUX, BUILD / "drywire", *verb])
        assert piped.returncode == whole.returncode == 0, piped.stderr
        assert story(piped) == story(whole)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    big = tmp_path / "big.pcap"
    big.write_bytes(LINUX.read_bytes())
    with big.open("r+b") as f:
        f.truncate(5 << 30)
    for verb in (["replay"], ["replay", "--as", "observer"], ["import", "-o", tmp_path / "no.scn"], ["seq"]):
        done = command(["sh", "-c", 'ulimit -v 262144; exec "$@"', "sh", BUILD / "drywire", *verb, big])
        assert done.returncode == 2, done.stderr
        assert "is larger than 256 MiB" in done.stderr and done.stderr.count("\n") == 1


# ---- a capture made now: curl, the kernel's TCP, a tap device, QEMU's user network, a server ----

MAKE = r"""
set -e
trap 'kill $network $server $dump 2>/dev/null || true' EXIT
ip link set lo up
qemu-system-x86_64 -accel tcg -M none -nodefaults -display none \
    -netdev tap,id=t,ifname=tap0,script=no,downscript=no -netdev user,id=u \
    -netdev hubport,id=a,hubid=0,netdev=t -netdev hubport,id=b,hubid=0,netdev=u & network=$!
cd "$1"
python3 -m http.server -b 127.0.0.1 8000 >/dev/null 2>&1 & server=$!
until ip link show tap0 >/dev/null 2>&1; do kill -0 $network; sleep 0.1; done
ip addr add 10.0.2.15/24 dev tap0
ip link set tap0 up
dumpcap -q -P -i tap0 -w "$2" >/dev/null 2>&1 & dump=$!
until test -s "$2" && curl -s -m 5 -o /dev/null http://10.0.2.2:8000/; do kill -0 $dump; sleep 0.2; done
curl -s -o "$3" http://10.0.2.2:8000/page.txt
# What is captured behind the page says that the page is.
until curl -s -m 5 -o /dev/null http://10.0.2.2:8000/behind && grep -aq 'GET /behind' "$2"; do kill -0 $dump; sleep 0.1; done
kill -INT $dump
wait $dump || true
"""


def make_capture(folder):
    """A page fetched by curl over a tap device, as captured by dumpcap; or the reason why not."""
    for tool in ("ip", "unshare", "curl", "dumpcap", "qemu-system-x86_64"):
        if not shutil.which(tool):
            return None, f"{tool} is missing"
    if subprocess.run(["unshare", "-rn", "ip", "tuntap", "add", "tap0", "mode", "tap"],
                      capture_output=True).returncode:
        return None, "no tap device in a network namespace of one's own"
    www = folder / "www"
    www.mkdir()
    page = www / "page.txt"
    page.write_text("".join(f"{i:5} a line of the page\n" for i in range(4000)))
    capture, body = folder / "linux.pcap", folder / "body"
    done = subprocess.run(["unshare", "-rn", "sh", "-c", MAKE, "make", www, capture, body],
                          capture_output=True, text=True, timeout=GUARD, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert body.read_bytes() == page.read_bytes()
    return capture, body.read_bytes()


def test_a_page_that_a_linux_client_got_over_a_tap_device_is_delivered_again(tmp_path):
    capture, body = make_capture(tmp_path)
    if capture is None:
        pytest.skip(body)
    imported = drywire("import", capture, "-o", tmp_path / "case.scn")
    assert imported.returncode == 0, imported.stderr
    stream = (tmp_path / "case.bin").read_bytes()
    assert stream.startswith(b"HTTP/1.0 200 OK") and stream.endswith(b"\r\n\r\n" + body)
    done = drywire("replay", capture, "--loose")
    assert done.returncode == 0, done.stdout
    assert delivered(done) == (hashlib.sha256(stream).hexdigest(),) * 2
    assert drywire("run", tmp_path / "case.scn", "--seed", "2").returncode == 0

"""Public captures (tests/captures/public): every one is sent to the core, every comparable stream is
delivered, with sanitizers. `drywire run` checks the runs; this file checks the set."""

import csv
import hashlib

import pytest

from conftest import ROOT, build_variant, drywire

PUBLIC = ROOT / "tests/captures/public"
SOUND = {"arp", "dhcp", "dns", "fuzz-seed", "http", "http-evader", "icmp", "tcp-handshake", "tcp-loss",
         "tcp-options"}


def table(name):
    with open(PUBLIC / name, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


INDEX = {row["file"]: row for row in table("INDEX.tsv")}
EXPECT = {row["file"]: row for row in table("EXPECT.tsv")}


def stored(name):
    """Its path: raw frames have a pcap header here."""
    return name.removesuffix(".bin") + ".pcap" if name.endswith(".bin") else name


@pytest.fixture(scope="session")
def binary():
    folder = build_variant("asan", "CC=gcc", "SANITIZE=address,undefined")
    return folder / "drywire"


def test_files_are_what_the_index_says():
    for name, row in INDEX.items():
        data = (PUBLIC / stored(name)).read_bytes()
        data = data[40:] if name.endswith(".bin") else data
        assert hashlib.sha256(data).hexdigest() == row["sha256"], name
    kept = [p.name.lower() for p in (PUBLIC / "LICENSES").iterdir()]
    for source in {row["repo@commit"].split("@")[0].lower() for row in INDEX.values()}:
        names = (source.replace("/", "-") + ".", source.split("/")[-1] + ".")
        assert any(k.startswith(names) for k in kept), source


def test_every_capture_has_its_scenario_and_its_oracle():
    for name in INDEX:
        scenario = PUBLIC / (stored(name).removesuffix(".pcap").replace("/", "-") + ".scn")
        text = scenario.read_text()
        assert f"observe={stored(name)}" in text
        if name in EXPECT:
            row = EXPECT[name]
            assert f"sha256={row['s2c_sha256']}\n" in text
            assert f"done sent={row['c2s_bytes']} received={row['s2c_bytes']}\n" in text


def test_all_run_under_sanitizers(binary):
    done = drywire("run", "-q", "tests/captures/public", binary=binary, cpu_s=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{len(INDEX)} passed, 0 failed, 0 skipped\n"


def test_another_stream_is_noticed(tmp_path):
    text = (PUBLIC / "http-arkime-http-simple-get.scn").read_text().replace("=http/", f"={PUBLIC}/http/")
    path = tmp_path / "other.scn"
    path.write_text(text.replace("sha256=4", "sha256=5"))
    done = drywire("run", path)
    assert done.returncode == 1
    assert "play.stream: of the 5237 bytes" in done.stdout
    assert "read 5237, sha256 " + EXPECT["http/arkime-http-simple-get.pcap"]["s2c_sha256"] in done.stdout


@pytest.mark.parametrize("name", list(INDEX))
def test_observer(binary, name):
    done = drywire("replay", PUBLIC / stored(name), "--as", "observer", binary=binary)
    assert done.returncode == 0, done.stdout + done.stderr
    passes = [line.split() for line in done.stdout.splitlines() if "  frames=" in line]
    assert len(passes) == 2
    for words in passes:
        count = dict(w.split("=") for w in words if "=" in w)
        assert int(count["frames"]) > 0
        assert int(count["frames"]) == int(count["dropped"]) + int(count["accepted"])
        if name.split("/")[0] not in SOUND:
            assert int(count["dropped"]) > 0, "it is malformed, and nothing of it was dropped"
    assert ("drop " in done.stdout) == any("dropped=0" not in w for w in passes)


@pytest.mark.parametrize("name,reason", [
    ("checksum/zeek-ip4-bad-chksum.pcap", "ip-checksum=1"),
    ("checksum/zeek-ip4-tcp-bad-chksum.pcap", "tcp-checksum=1"),
    ("checksum/zeek-ip4-udp-bad-chksum.pcap", "udp-checksum=1"),
    ("frag/zeek-fragmented-1.pcap", "ip-fragment=2"),
    ("ip-malformed/pcpp-ipv4-malformed.pcap", "ip-version=1"),
    ("ip-malformed/tcpdump-ipv4_invalid_hdr_length.pcap", "ip-header-length=1"),
    ("ip-malformed/tcpdump-ipv4_invalid_total_length.pcap", "ip-total-length=1"),
    ("ip-malformed/tcpdump-ipv4_invalid_length.pcap", "ip-short=1"),
    ("poc/tcpdump-bootp_asan.pcap", "ip-total-length=1"),
    ("arp/tcpdump-802.1ad_QinQ.pcap", "eth-type=2"),
    ("poc/tcpdump-icmp-cksum-oobr-1.pcap", "ip-total-length=1"),  # a Linux cooked capture
])
def test_malformed_frames_get_as_far_as_their_flaw(name, reason):
    done = drywire("replay", PUBLIC / name, "--as", "observer")
    assert f"drop {reason}\n" in done.stdout.split("readdressed")[1]

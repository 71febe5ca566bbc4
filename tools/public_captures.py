#!/usr/bin/python3
"""Take a set of public captures into tests/captures/public and write a scenario for each.

    tools/public_captures.py FOLDER

FOLDER has INDEX.tsv and EXPECT.tsv (tests/captures/public/README.md describes them). Captures are
unchanged; single raw frames (*.bin) get a pcap header. Every scenario feeds all frames to the machine
and then fetches something: the stream of EXPECT.tsv where the capture has one, else a page.
"""

import csv
import shutil
import struct
import sys
from pathlib import Path

TO = Path(__file__).resolve().parent.parent / "tests/captures/public"
FETCH_S = 10
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
# Link type SLL: rejected by `drywire`, as pytest/test_public_captures.py checks.
FOREIGN = {"poc/tcpdump-icmp-cksum-oobr-1.pcap"}


def rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def scenario(name, expect):
    text = [f"title     Every frame of {name} comes to the machine, then a stream"]
    if expect:
        port = expect["server"].split(":")[1]
        sent, got = expect["c2s_bytes"], expect["s2c_bytes"]
        text += [
            f"world     native observe={name} play={name} sha256={expect['s2c_sha256']}",
            f"at {FETCH_S}s run tcpsend -q 10.0.2.2 {port} {sent}",
            f"expect    tcpsend: done sent={sent} received={got}",
        ]
    else:
        text[0] = text[0].replace("a stream", "a page")
        text += [
            f"world     native observe={name}",
            'serve     http 10.0.2.2:80 path=/ body="still here\\n"',
            f"at {FETCH_S}s run webget http://10.0.2.2/",
            "expect    webget: done status=200 bytes=11",
        ]
    return "\n".join(text) + "\n"


def main(source):
    expects = {r["file"]: r for r in rows(source / "EXPECT.tsv")}
    for old in TO.glob("*.scn"):
        old.unlink()
    for row in rows(source / "INDEX.tsv"):
        name = row["file"]
        target = TO / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = (source / name).read_bytes()
        if name.endswith(".bin"):
            target = target.with_suffix(".pcap")
            data = PCAP + struct.pack("<IIII", 0, 0, len(data), len(data)) + data
        target.write_bytes(data)
        if name in FOREIGN:
            continue
        short = target.relative_to(TO)
        path = TO / (str(short).replace("/", "-").removesuffix(".pcap") + ".scn")
        path.write_text(scenario(short, expects.get(name)))
    for table in ("INDEX.tsv", "EXPECT.tsv"):
        (TO / table).write_bytes((source / table).read_bytes())
    licences = TO / "LICENSES"
    licences.mkdir(exist_ok=True)
    for licence in (source / "LICENSES").iterdir():
        shutil.copyfile(licence, licences / licence.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

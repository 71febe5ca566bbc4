#!/usr/bin/env python3
"""What the image of a target weighs, by room: text (and read-only data) and RAM, from the linker's
map. Usage: tools/size.py BUILD_FOLDER"""

import re
import sys
from pathlib import Path

ROOMS = ["core/net", "core/virtio", "core/kernel", "core", "targets", "user"]
CHECKS = "texts of CHECKs"
LINE = re.compile(r"^ (\.?\w[\w.]*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+\.o\)?)$")
KEPT = re.compile(r"^ \S+$")


def sections(path):
    """(section, size, object) of everything that is in the image."""
    text = path.read_text()
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"\n (\.\S+)\n\s+0x", r"\n \1 0x", text)  # long names have a line of their own
    for line in text.splitlines():
        found = LINE.match(line)
        if found:
            yield found[1], int(found[2], 16), found[3]


def room_of(obj, target):
    if "/user" in obj or "user." in obj:
        return "user"
    inside = obj.split(f"/{target}/", 1)[-1]
    return next((r for r in ROOMS if inside.startswith(r + "/")), "compiler's library")


def weigh(build, target):
    rooms = {}
    for section, size, obj in sections(build / target / "webget.elf.map"):
        row = rooms.setdefault(CHECKS if section == "check_table" else room_of(obj, target), [0, 0])
        if section.startswith((".text", ".rodata", ".srodata", "check_table", "user_")):
            row[0] += size
        elif section.startswith((".data", ".bss", ".sdata", ".sbss", ".noinit", ".dma")):
            row[1] += size
    return rooms


def main():
    build = Path(sys.argv[1])
    print("An image with webget alone, bytes:\n")
    print(f"{'':20} {'x86_64 text':>12} {'rv64 text':>12} {'x86_64 RAM':>12} {'rv64 RAM':>12}")
    both = {t: weigh(build, t) for t in ("x86_64", "rv64")}
    names = [r for r in [*ROOMS, CHECKS, "compiler's library"] if any(r in b for b in both.values())]
    rows = {r: [both[t].get(r, [0, 0])[k] for k in (0, 1) for t in ("x86_64", "rv64")]
            for r in names}
    rows["all"] = [sum(col) for col in zip(*rows.values())]
    for name, row in rows.items():
        print(f"{name:20} " + " ".join(f"{n:12,}" for n in row))


main()

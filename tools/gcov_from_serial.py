#!/usr/bin/python3
"""Coverage from metal: the .gcda files in a serial log of a COVERAGE=1 kernel.

Usage: gcov_from_serial.py LOG FOLDER        FOLDER: where that kernel's object files are

The log is accepted only as a whole: every line framed, none missing or damaged, `test: end` the last
(targets/common/console.h), each file complete and of the build in FOLDER (targets/common/coverage.h).
Only then are the files written, each beside its .gcno, over those of an earlier run.
Exit: 0 written, 2 rejected, with the reason in one line.
"""

import binascii
import re
import sys
import zlib
from pathlib import Path

FRAME = re.compile(rb"@([1-9][0-9]*) ([A-Za-z][A-Za-z0-9_-]*: .*) t=[0-9]+ \*([0-9a-f]{4})")
BEGIN = re.compile(r"gcov: begin path=(\S+) bytes=([0-9]+)")
DATA = re.compile(r"gcov: data off=([0-9]+) hex=((?:[0-9a-f]{2}){1,64})")
END = re.compile(r"gcov: end crc32=([0-9a-f]{8})")
MAGIC_GCDA, MAGIC_GCNO = b"adcg", b"oncg"


class Refused(Exception):
    pass


def frames(log):
    """The lines of the console, checked and without their frame; output of firmware is skipped."""
    lines = [line.rstrip(b"\r") for line in log.split(b"\n")]
    first = next((i for i, line in enumerate(lines) if line.startswith(b"@1 ")), len(lines))
    if lines.pop() or first >= len(lines):
        raise Refused("not a whole log: no first line, or the last one is cut")
    texts = []
    for number, line in enumerate(lines[first:], first + 1):
        match = FRAME.fullmatch(line)
        if not match or binascii.crc_hqx(line[: match.start(3) - 2], 0xFFFF) != int(match[3], 16):
            raise Refused(f"line {number}: damaged")
        if int(match[1]) != len(texts) + 1:
            raise Refused(f"line {number}: number {match[1].decode()}, not {len(texts) + 1}")
        texts.append(match[2].decode("latin-1"))
    if not texts[-1].startswith("test: end "):
        raise Refused("no `test: end`: the run did not reach its end")
    return texts


def gcov_files(texts):
    """Path and bytes of each file."""
    found, path, size, data = {}, None, 0, b""
    for text in texts:
        if not text.startswith("gcov: "):
            if path:
                raise Refused(f"{path}: interrupted by `{text}`")
        elif begin := BEGIN.fullmatch(text):
            if path or begin[1] in found:
                raise Refused(f"{begin[1]}: begins inside another, or twice")
            path, size, data = begin[1], int(begin[2]), b""
        elif path and (part := DATA.fullmatch(text)) and int(part[1]) == len(data):
            data += bytes.fromhex(part[2])
        elif path and (end := END.fullmatch(text)):
            if len(data) != size or zlib.crc32(data) != int(end[1], 16):
                raise Refused(f"{path}: {len(data)} of {size} bytes, or another checksum")
            found[path], path = data, None
        else:
            raise Refused(f"out of place: `{text}`")
    if path or not found:
        raise Refused(f"{path}: no end" if path else "no coverage in it: not a COVERAGE=1 kernel?")
    return found


def check_build(folder, path, data):
    """Counters mean something only together with the notes of the same compilation."""
    if Path(path).is_absolute() or ".." in Path(path).parts or not path.endswith(".gcda"):
        raise Refused(f"{path}: not a path below the object folder")
    try:
        notes = (folder / path).with_suffix(".gcno").read_bytes()
    except OSError as e:
        raise Refused(f"{path}: {e.filename}: {e.strerror}") from e
    if notes[:4] != MAGIC_GCNO or data[:4] != MAGIC_GCDA or notes[4:12] != data[4:12]:
        raise Refused(f"{path}: of another build (version or stamp)")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    log, folder = Path(arguments[0]), Path(arguments[1])
    try:
        found = gcov_files(frames(log.read_bytes()))
        for path, data in found.items():
            check_build(folder, path, data)
        for path, data in found.items():
            (folder / path).write_bytes(data)
    except (Refused, OSError) as e:
        print(f"gcov_from_serial: {log}: {e}", file=sys.stderr)
        return 2
    print(f"{log}: {len(found)} files, {sum(map(len, found.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

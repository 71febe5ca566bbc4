"""What core/net costs, and lwIP in the same run: counted instructions of both ends together for each
byte, round trip and connection, and how many times the cycles of the core lwIP takes.

Usage: tools/bench_stacks.py BUILD_FOLDER; prints `name value unit` lines. Instructions are counted by
valgrind for two lengths of a run; the difference is free of the start. glibc is kept from `rep movsb`,
of which valgrind counts each byte as an instruction."""

import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(sys.argv[1]) / "stacks"
# The work, its unit, units to count, units to time.
WORKS = [("bulk", "instr/B", 16 << 20, 256 << 20),
         ("echo", "instr/trip", 50_000, 500_000),
         ("cycle", "instr/cycle", 10_000, 100_000)]
NO_REP = ("glibc.cpu.x86_rep_movsb_threshold=0x40000000:"
          "glibc.cpu.x86_rep_stosb_threshold=0x40000000")
RUNS = 7


def rig(stack, work, units, *before, **environment):
    end = FOLDER / f"{stack}.so"
    return subprocess.run([*before, FOLDER / "rig", end, end, work, str(units)], check=True, text=True,
                          capture_output=True, env={**os.environ, **environment})


def count(stack, work, units):
    done = rig(stack, work, units, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               GLIBC_TUNABLES=NO_REP)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def main():
    stacks = ["core"] + ["lwip"] * (FOLDER / "lwip.so").exists()
    if "lwip" not in stacks:
        print("no rows of lwIP: liblwip-dev is not installed", file=sys.stderr)
    for work, unit, counted, timed in WORKS:
        for stack in stacks:
            slope = (count(stack, work, 2 * counted) - count(stack, work, counted)) / counted
            print(f"{stack}_{work} {slope:.{2 if work == 'bulk' else 0}f} {unit}")
        # In turns, the best of each, since other processes disturb.
        times = {stack: [] for stack in stacks}
        for _ in range(RUNS if "lwip" in stacks else 0):
            for stack in stacks:
                times[stack].append(float(rig(stack, work, timed).stdout))
        if "lwip" in stacks:
            print(f"lwip_to_core_{work}_cycles {min(times['lwip']) / min(times['core']):.2f} times")


main()

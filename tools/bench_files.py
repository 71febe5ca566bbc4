"""What files cost `drywire run`: CPU time of a small one among 200, and the wall time of all of ours,
weak and strong. Usage: tools/bench_files.py BUILD_FOLDER; prints `name value unit` lines."""

import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

COPIES = 200
SMALL = "tests/scenarios/common/contract-web.scn"


def run(drywire, *arguments):
    """CPU and wall time in seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([drywire, "run", "-q", *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            time.monotonic() - start)


def main():
    drywire = os.path.join(sys.argv[1], "drywire")
    with tempfile.TemporaryDirectory() as folder:
        for i in range(COPIES):
            shutil.copy(SMALL, pathlib.Path(folder) / f"{i}.scn")
        cpu = statistics.median(run(drywire, folder)[0] for _ in range(3))
    wall = statistics.median(run(drywire, "--memory", "both", "tests/scenarios", "tests/captures")[1]
                             for _ in range(3))
    print(f"small_file_cpu_us {cpu / COPIES * 1e6:.0f} us")
    print(f"run_both_wall_ms {wall * 1e3:.0f} ms")


main()

"""Kills at random moments leave no process and no half file; `make chaos` does 500."""

import os
import select
import signal
import subprocess
import sys

from conftest import BUILD, GUARD, ROOT, command


def test_nothing_is_left_and_nothing_is_half():
    done = command([sys.executable, ROOT / "tools/chaos.py", "--kills", 40, "--build", BUILD])
    assert done.returncode == 0 and "40 kills" in done.stdout and " 0 found" in done.stdout, done.stdout + done.stderr


AT_RENAME = """#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int rename(const char *from, const char *to)
{
    (void)from, (void)to;
    for (long n = write(open(getenv("AT_RENAME"), O_WRONLY), "r", 1); n;)
        pause();
    return -1;
}
"""


def test_a_failed_run_that_is_interrupted_before_its_output_is_complete_leaves_no_part(tmp_path):
    """Its worker stops where the trace would get its final name: the run has failed by then."""
    (tmp_path / "at_rename.c").write_text(AT_RENAME)
    (tmp_path / "bad.scn").write_text("world native\nrun netinfo\nexpect netinfo: src=static\n")
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDWR)
    done = command(["cc", "-shared", "-fPIC", "-o", tmp_path / "at_rename.so", tmp_path / "at_rename.c"])
    assert done.returncode == 0, done.stderr
    run = subprocess.Popen([BUILD / "drywire", "run", "--trace", tmp_path / "trace", tmp_path / "bad.scn"],
                           env={**os.environ, "LD_PRELOAD": str(tmp_path / "at_rename.so"),
                                "AT_RENAME": str(tmp_path / "fifo")},
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert select.select([fifo], [], [], GUARD)[0], "the worker has not come so far"
    assert list(tmp_path.glob("trace.*.partial"))
    run.send_signal(signal.SIGINT)
    assert run.wait(GUARD) == 130
    os.close(fifo)
    assert not list(tmp_path.glob("trace*"))

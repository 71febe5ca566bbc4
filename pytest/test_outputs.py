"""Outputs that cannot be written: exit 4 and exactly one clear line for each option, and no partial file
is left under a final name."""

import fcntl
import os
import re
import resource
import select
import signal
import subprocess

import pytest

from conftest import BUILD, ROOT, command, drywire
from test_qemu_errors import fake  # noqa: F401: a fixture

WEB = "tests/scenarios/common/contract-web.scn"
LONG = "tests/scenarios/common/loss-10.scn"
CAPTURE = "tests/captures/public/tcp-loss/pcpp-one_tcp_stream.pcap"
FAILS = "title t\nworld native\nrun webget http://10.0.2.2/\nexpect webget: done status=500 by 1s\n"
LARGE = "title t\nworld native\nserve http 10.0.2.2:80 size=6M\nrun webget http://10.0.2.2/\n"
FLOOD = "say(BEGIN, *['filler ' + 60 * 'x'] * 400, OK, END)\nsys.exit(33)\n"

# option: the command line before its value and after it
OUTPUTS = {
    "pcap": (["run", "-q", "--pcap"], [LONG]),
    "trace": (["run", "-q", "--trace"], ["large.scn"]),
    "junit": (["run", "-q", "--junit"], ["tests/scenarios/common"]),
    "report": (["report", "--output"], [WEB]),
    "import": (["import", "--output"], [CAPTURE]),
    "log": (["qemu", "-q", "--log"], ["quiet.scn"]),
    "qemu-pcap": (["qemu", "-q", "--pcap"], [WEB]),
}


@pytest.fixture(params=OUTPUTS)
def output(request, fake, tmp_path_factory):  # noqa: F811
    """A function that gives the words of a command which writes to a path, and its environment."""
    before, behind = OUTPUTS[request.param]
    env = dict(os.environ)
    env.pop("GITHUB_ACTIONS", None)
    if request.param == "log":
        env.update(fake.prepare(FLOOD))
        behind = [fake.quiet]
    if request.param == "trace":
        behind = [tmp_path_factory.mktemp("large") / "large.scn"]
        behind[0].write_text(LARGE)
    return lambda path: ([str(w) for w in (BUILD / "drywire", *before, path, *behind)], env)


def limit_files(size):
    """A write beyond it fails as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def told(done, path, why):
    """Exit code 4, the path, and one line with the reason."""
    text = done.stdout + (done.stderr or "")
    assert done.returncode == 4 and str(path) in text, text
    assert len([line for line in text.splitlines() if why in line]) == 1, text


def test_a_full_disk(output):
    words, env = output("/dev/full")
    done = command(words, env=env)
    told(done, "/dev/full", "No space left on device")


def test_a_file_too_large_leaves_nothing(output, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    words, env = output(folder / "x")
    limit = 65536 if words[1] == "run" and "--junit" not in words else 0  # the simulator has a pattern in memory
    done = command(words, env=env, preexec_fn=lambda: limit_files(limit))
    told(done, folder / "x", "File too large")
    assert list(folder.iterdir()) == []


def test_a_reader_that_goes_away(output, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    words, env = output(pipe)
    with subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        while not any(e & select.POLLIN for _, e in poll.poll(100)) and process.poll() is None:
            pass  # a writer may come and go before it writes
        os.close(reader)
        text, _ = process.communicate()
    told(subprocess.CompletedProcess(words, process.returncode, text), pipe, "Broken pipe")


def to_pipe(words, env, read):
    """Its standard output is a small pipe whose reader closes after that many bytes."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    if not read:
        os.close(reader)
    with subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
                          text=True) as process:
        os.close(writer)
        if read:
            os.read(reader, read)
            os.close(reader)
        return process, process.communicate()[1]


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("name", ["/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_as_a_file_whose_reader_goes_away(output, name, read):
    """A worker's own standard output is another file: nothing goes there, nothing hangs."""
    words, env = output(name)
    process, said = to_pipe(words, env, read)
    assert process.returncode == 4, said
    assert len([line for line in said.splitlines() if "Broken pipe" in line]) == 1, said


@pytest.mark.parametrize("how", [["--json"], ["-v"], ["--pcap", "/dev/fd/1"], ["--trace", "/dev/fd/1"],
                                 ["--junit", "/dev/fd/1"]])
def test_verdict_and_file_into_one_pipe_are_told_once(how):
    process, said = to_pipe([BUILD / "drywire", "run", *how, "tests/scenarios/common/web-4mib.scn"], None, 0)
    what = "--junit /dev/fd/1" if "--junit" in how else "standard output"
    assert (process.returncode, said) == (4, f"drywire: {what}: Broken pipe\n")


@pytest.mark.parametrize("words, name", [
    (["run", "-q", "--pcap"], "/dev/stdout"), (["run", "-q", "--pcap"], "/dev/fd/1"),
    (["run", "-q", "--trace"], "/dev/fd/1"), (["run", "-q", "--trace"], "/proc/self/fd/1"),
])
def test_standard_output_as_a_file(words, name, tmp_path):
    """The limit is for a build that would make a file /dev/stdout: this one is too long, and none is left."""
    done = subprocess.run([BUILD / "drywire", *words, name, LONG], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, preexec_fn=lambda: limit_files(65536))
    assert (done.returncode, done.stderr) == (0, b"")
    assert drywire(*words, tmp_path / "x", LONG).returncode == 0
    other = (tmp_path / "x").read_bytes()
    if "--trace" in words:
        assert done.stdout == other
    else:  # a value written at the end is missing in a pipe
        assert done.stdout[:4] == other[:4] == b"\n\r\r\n" and len(done.stdout) > 65536


def test_a_file_behind_a_link_is_written_there(tmp_path):
    real, link = tmp_path / "real.pcapng", tmp_path / "link.pcapng"
    link.symlink_to(real)
    for _ in range(2):  # first it does not exist, then it does
        assert drywire("run", "-q", "--pcap", link, WEB).returncode == 0
        assert link.is_symlink() and real.stat().st_size > 1000
        assert sorted(p.name for p in tmp_path.iterdir()) == ["link.pcapng", "real.pcapng"]


def test_a_folder_that_is_not_there(output, tmp_path):
    words, env = output(tmp_path / "gone" / "x")
    done = command(words, env=env)
    assert done.returncode in (2, 4) and len((done.stdout + done.stderr).splitlines()) == 1, done.stdout + done.stderr
    assert "No such file or directory" in done.stdout + done.stderr


@pytest.mark.parametrize("words", [["run", "--json", WEB], ["run", WEB], ["run", "-v", LONG], ["list"], ["--help"],
                                   ["replay", CAPTURE], ["replay", "-v", "--as", "observer", CAPTURE],
                                   ["seq", LONG], ["explain", LONG], ["run", "tests/scenarios/common"]])
@pytest.mark.parametrize("how", ["full", "closed"])
def test_standard_output(words, how):
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run([BUILD / "drywire", *words], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=full if how == "full" else writer, stderr=subprocess.PIPE, text=True)
    os.close(full)
    os.close(writer)
    why = "No space left on device" if how == "full" else "Broken pipe"
    assert (done.returncode, done.stderr) == (4, f"drywire: standard output: {why}\n")


def test_artifacts_on_a_full_disk(tmp_path):
    path, left = tmp_path / "fails.scn", tmp_path / "left"
    path.write_text(FAILS)
    limited = dict(preexec_fn=lambda: limit_files(65536))
    done = drywire("run", "--artifacts", left, path, **limited)
    assert done.returncode == 1 and len(list(left.iterdir())) == 3, done.stdout + done.stderr
    for file in left.iterdir():
        file.unlink()
    path.write_text(FAILS.replace("title t", "title " + 70000 * "t"))
    done = drywire("run", "--artifacts", left, path, **limited)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "File too large" in done.stdout + done.stderr
    assert sorted(p.suffix for p in left.iterdir()) == [".pcapng", ".trace"], "what is there is whole"


def test_a_job_summary_that_cannot_be_written(tmp_path):
    path = tmp_path / "fails.scn"
    path.write_text(FAILS)
    for summary in ("/dev/full", tmp_path / "gone" / "summary"):
        done = drywire("run", "--annotate=github", path, env={"GITHUB_STEP_SUMMARY": str(summary)})
        told(done, summary, f"drywire: GITHUB_STEP_SUMMARY {summary}: ")


def test_two_into_one_path_are_both_whole(output, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    words, env = output(folder / "x")
    both = [subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [p.wait() for p in both] == [0, 0]
    assert [p.name for p in folder.iterdir()] == ["x"]
    both, alone = folder / "x", folder / "alone"
    words, env = output(alone)
    assert command(words, env=env).returncode == 0
    if words[1] == "qemu":  # times differ from run to run
        assert both.read_bytes()[:8] == alone.read_bytes()[:8]
        assert "log" not in words[3] or b"test: end" in both.read_bytes().splitlines()[-1]
    else:  # and here only those of the host, in the JUnit report
        plain = [re.sub(rb'time="[0-9.]+"|/x|/alone', b"", p.read_bytes()) for p in (both, alone)]
        assert plain[0] == plain[1]


@pytest.mark.parametrize("closed, code, said", [
    (">&-", 4, "drywire: standard output: Bad file descriptor\n"), ("<&-", 0, ""), ("2>&-", 0, ""),
    (">&- 2>&- <&-", 4, ""),
])
def test_a_standard_stream_that_is_closed_is_no_other_file(closed, code, said):
    """Its number is not given to a worker's pipe or to what a worker prints."""
    done = subprocess.run(["sh", "-c", f"exec {BUILD}/drywire run {WEB} {closed}"], cwd=ROOT, capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (code, said)
    assert ("pass  " in done.stdout) == (code == 0)

"""What bad input gets: one clear line, the right exit code, nothing half-written. And what the
program prints when things go wrong."""

import json
import re
import shlex
import signal
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import BUILD, ROOT, build_variant, command, drywire

LEASE = "tests/scenarios/slirp/lease.scn"
GOOD = ("world native\nserve http 10.0.2.2:80 path=/ body=\"x\"\nrun webget http://10.0.2.2/\n"
        "expect webget: done status=200\n")


def one_line(done, code, *words):
    assert done.returncode == code, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("args, code, words", [
    (["rum", LEASE], 2, ["rum", "run"]),
    (["run", "--sead", "1", LEASE], 2, ["sead", "seed"]),
    (["run", "--seed", "abc", LEASE], 2, ["--seed", "abc"]),
    (["run", "--seed", "-1", LEASE], 2, ["--seed", "-1"]),
    (["run", "--seed", "1x", LEASE], 2, ["1x"]),
    (["run", "--seed", "99999999999999999999999", LEASE], 2, ["--seed"]),
    (["run", "--repeat", "0", LEASE], 2, ["--repeat"]),
    (["run", "--seed"], 2, ["--seed", "value"]),
    (["run", "--annotate=gitlab", LEASE], 2, ["gitlab"]),
    (["run"], 2, ["nothing to run"]),
    (["run", "no/such.scn"], 2, ["no/such.scn", "No such file"]),
    (["run", "docs"], 5, ["docs"]),
    (["run", "tests/captures/linux-web.pcap"], 2, ["is a capture", "drywire replay"]),
    (["replay", LEASE], 2, ["drywire run"]),
    (["replay", "--as", "observer", "--flow", "2", "tests/captures/linux-web.pcap"], 2, ["every frame", "--flow"]),
    (["run", "--pcap", "/no/such/folder/x.pcapng", LEASE], 2, ["/no/such/folder/x.pcapng"]),
    (["run", "--pcap", "x.pcapng", "tests/scenarios"], 2, ["single scenario"]),
    (["run", "--junit", "/no/such/x.xml", LEASE], 2, ["/no/such/x.xml"]),
    (["explain"], 2, ["explain takes one"]),
    (["list", "--pcap", "x", "tests/scenarios"], 2, ["--pcap", "list"]),
])
def test_bad_command_line(args, code, words):
    one_line(drywire(*args), code, *words)


def test_a_listing_that_fails_ends_with_the_reason():
    done = drywire("list", "no/such.scn")
    one_line(done, 2, "no/such.scn")
    assert not done.stdout


@pytest.mark.parametrize("line, words", [
    ("wrold slirp", ["world"]),
    ("world slirq", ["slirp"]),
    ("expekt webget: done", ["expect"]),
    ("expect webget done", ["webget"]),
    ("expect webget: done by 3s status=200", ["by 3s", "end of the line"]),
    ("run webgett http://10.0.2.2/", ["webget"]),
    ("at 0ms drop rx dhcp.offr count=1", ["dhcp.offer"]),
    ("at 0ms dorp rx dhcp.offer", ["drop"]),
    ("device virtio-net queue=100", ["queue"]),
    ("device virtio-net transport=pci", ["transport"]),
    ("serve http 10.0.2.2 path=/", ["10.0.2.2"]),
    ("limit 10 parsecs", ["limit"]),
    ("wire drop=200%", ["200%"]),
])
def test_bad_scenario_line(line, words, tmp_path):
    path = tmp_path / "bad.scn"
    path.write_text(f"title t\nworld native\n{line}\n" if "world" not in line and "wrold" not in line
                    else f"title t\n\n{line}\n")
    done = drywire("run", path)
    one_line(done, 2, f"{path}:3", *words)


def test_bad_url_is_told_by_the_program(tmp_path):
    path = tmp_path / "url.scn"
    path.write_text("world native\nrun webget ftp://10.0.2.2/\nexpect webget: error url\n"
                    "expect kernel: exit program=webget status=1\n")
    assert drywire("run", path).returncode == 0


def test_nothing_half_written(tmp_path):
    bad = tmp_path / "bad.scn"
    bad.write_text("wrold slirp\n")
    done = drywire("run", "--pcap", tmp_path / "x.pcapng", bad)
    assert done.returncode == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.scn"]


def test_help_and_version():
    done = drywire("--help")
    assert done.returncode == 0 and done.stdout.startswith("drywire:")
    for option in ("--seed", "--check-determinism", "--guest", "--junit"):
        assert option in done.stdout
    assert re.match(r"drywire \d.*, revision ([0-9a-f]{12}(-dirty)?|unknown)\n$",
                    drywire("--version").stdout)


VERBS = ["run", "list", "explain", "world", "pkt", "qemu", "compare", "seq", "report", "replay", "import"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_command_is_found_in_both_ways_and_fits_80_columns(verb):
    done = drywire("help", verb)
    assert done.returncode == 0 and done.stdout == drywire(verb, "--help").stdout
    assert done.stdout.startswith(f"drywire {verb}: ")
    assert max(map(len, done.stdout.splitlines())) < 80


def test_help_alone_names_every_command_and_fits_80_columns():
    done = drywire("help")
    assert done.returncode == 0 and done.stdout == drywire("--help").stdout
    assert re.findall(r"^  (\w+) [^a-z ]", done.stdout, re.M)[:len(VERBS)] == VERBS
    assert max(map(len, done.stdout.splitlines())) < 80
    one_line(drywire("help", "rum"), 2, "rum", "'run'")


def test_a_scenario_from_standard_input(tmp_path):
    def run(text):
        return subprocess.run([BUILD / "drywire", "run", "-"], input=text, capture_output=True,
                              text=True, cwd=tmp_path)
    done = run(GOOD)
    assert done.returncode == 0 and "pass  -  seed=1" in done.stdout, done.stderr
    done = run("wrold native\n")
    assert done.returncode == 2 and done.stderr.startswith("-:1: "), done.stderr


def test_list_works_anywhere(tmp_path):
    done = drywire("list", cwd=tmp_path)
    assert done.returncode == 0
    assert "name files or folders" in done.stdout.splitlines()[0]
    assert "webget" in done.stdout and "ring.ownership" in done.stdout


def failing(tmp_path, extra="expect webget: done status=500 by 1s\n"):
    path = tmp_path / "fail.scn"
    path.write_text(GOOD + extra)
    return path


def test_the_failure_block_has_its_eight_lines_and_its_replay_repeats(tmp_path):
    path = failing(tmp_path)
    done = drywire("run", path, "--seed", 5)
    assert done.returncode == 1
    labels = re.findall(r"^(\w+):", done.stdout, re.M)[-8:]
    assert labels == ["what", "where", "when", "diverged", "frames", "replay", "wireshark",
                      "bisect"]
    assert f"{path}:5" in done.stdout
    first = re.search(r"hash=(\w+)", done.stdout).group(1)
    replay = re.search(r"^replay:\s+(.*)$", done.stdout, re.M).group(1)
    words = shlex.split(replay)
    again = command(words)
    assert again.returncode == 1
    assert re.search(r"hash=(\w+)", again.stdout).group(1) == first


def test_json_junit_artifacts_and_annotations(tmp_path):
    path = failing(tmp_path)
    out = tmp_path / "out"
    done = drywire("run", "--json", "--junit", tmp_path / "r.xml", "--artifacts", out,
                   "--annotate=github", path,
                   env={"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert result["verdict"] == "fail" and result["kind"] == "expect"
    assert {"scenario", "seed", "hash", "virtual_ns", "real_ns", "frames_tx", "frames_rx", "events",
            "site", "reproduce"} <= set(result)
    assert "::error file=" in done.stderr
    assert f"{BUILD}/drywire run" in (tmp_path / "summary").read_text()
    suite = xml.etree.ElementTree.parse(tmp_path / "r.xml").getroot()
    assert suite.get("failures") == "1"
    assert suite.find(".//property").get("value").startswith(f"{BUILD}/drywire run")
    assert sorted(p.suffix for p in out.iterdir()) == [".pcapng", ".trace", ".txt"]


def test_explain_names_what_the_seed_drew():
    done = drywire("explain", "tests/scenarios/common/web-everything-wrong.scn", "--seed", 7)
    assert done.returncode == 0
    assert "wire.rx.drop" in done.stdout and "dropped" in done.stdout


def test_list_names_scenarios_and_programs():
    done = drywire("list")
    assert done.returncode == 0
    assert LEASE in done.stdout and "webget" in done.stdout


def test_an_alarm_is_124(tmp_path):
    path = tmp_path / "long.scn"
    path.write_text("world native lease=60s\nrun netinfo\nuntil 9000d\nlimit 9900d\n")
    done = drywire("run", "--timeout", 1, path)
    assert done.returncode == 124, done.stdout + done.stderr
    assert "budget" in done.stdout


def crashing_guest(folder, body, *flags):
    """A guest that does this in its first poll, on line 5 of crash.c."""
    (folder / "crash.c").write_text(f'''#include "{ROOT}/sim/machine/guest.h"
#include <assert.h>
#include <stdlib.h>
static int boot(void *s, const struct guest_config *c, uint64_t t) {{ (void)s; (void)c; (void)t; return 0; }}
static void guest_poll(void *s, uint64_t t) {{ (void)s; (void)t; {body} }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; return t; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "crash", .size = 8, .boot = boot,
                                     .poll = guest_poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
''')
    command(["cc", *flags, "-fPIC", "-shared", "-o", folder / "crash.so", folder / "crash.c"])
    return folder / "crash.so"


def crash_block(done):
    assert done.returncode == 1, done.stdout
    lines = [line.split(":", 1) for line in done.stdout.splitlines() if line.startswith(("what:", "where:"))]
    return {name: words.strip() for name, words in lines}


SEGV = "*(volatile int *)8 = 1;"


def test_a_crash_is_1_and_names_signal_function_file_and_line(tmp_path):
    guest = crashing_guest(tmp_path, SEGV, "-g")
    block = crash_block(drywire("run", "--guest", guest, "tests/guests/ping.scn"))
    assert signal.strsignal(signal.SIGSEGV) in block["what"]
    assert block["where"].startswith(f"{tmp_path}/crash.c:5 in guest_poll() (crash.so+0x")


def test_without_debug_information_the_function_is_named(tmp_path):
    block = crash_block(drywire("run", "--guest", crashing_guest(tmp_path, SEGV, "-g0"), "tests/guests/ping.scn"))
    assert block["where"].startswith("guest_poll() (crash.so+0x")


def test_without_addr2line_the_object_and_offset_are_named(tmp_path):
    guest = crashing_guest(tmp_path, SEGV, "-g")
    block = crash_block(drywire("run", "--guest", guest, "tests/guests/ping.scn", env={"PATH": str(tmp_path)}))
    assert block["where"].startswith("crash.so+0x")


def test_who_called_abort_is_named(tmp_path):
    guest = crashing_guest(tmp_path, "abort();", "-g")
    block = crash_block(drywire("run", "--guest", guest, "tests/guests/ping.scn"))
    assert block["where"].startswith(f"{tmp_path}/crash.c:5 in guest_poll()")


def test_an_assertion_of_a_guest_has_expression_and_place(tmp_path):
    guest = crashing_guest(tmp_path, 'assert(t == 7 && "seven");')
    block = crash_block(drywire("run", "--guest", guest, "tests/guests/ping.scn"))
    assert block["what"] == "crash assertion: assertion 't == 7 && \"seven\"' failed in guest_poll()"
    assert block["where"] == f"{tmp_path}/crash.c:5"


def test_a_guest_that_ends_the_process_has_not_passed(tmp_path):
    guest = tmp_path / "leave.c"
    guest.write_text(f'''
#include "{ROOT}/sim/machine/guest.h"
#include <stdlib.h>
static int boot(void *s, const struct guest_config *c, uint64_t t) {{ (void)s; (void)c; (void)t; return 0; }}
static void poll(void *s, uint64_t t) {{ (void)s; (void)t; exit(0); }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; return t; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "leave", .size = 8, .boot = boot,
                                     .poll = poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
''')
    command(["cc", "-fPIC", "-shared", "-o", tmp_path / "leave.so", guest])
    done = drywire("run", "--guest", tmp_path / "leave.so", "tests/guests/ping.scn")
    assert done.returncode == 1, done.stdout


def test_a_guest_that_spins_is_124(tmp_path):
    guest = tmp_path / "spin.c"
    guest.write_text(f'''
#include "{ROOT}/sim/machine/guest.h"
static const struct guest_config *config;
static int boot(void *s, const struct guest_config *c, uint64_t t) {{ *(const struct platform **)s = c->platform; (void)t; (void)config; return 0; }}
static void poll(void *s, uint64_t t) {{ const struct platform *p = *(const struct platform **)s; (void)t; for (;;) p->reg_read(p->ctx, REG_MMIO, 0x10001070, 4); }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; return t; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "spin", .size = 8, .boot = boot,
                                     .poll = poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
''')
    command(["cc", "-fPIC", "-shared", "-o", tmp_path / "spin.so", guest])
    done = drywire("run", "--guest", tmp_path / "spin.so", "tests/guests/ping.scn")
    assert done.returncode == 124, done.stdout
    assert "budget.poll" in done.stdout


ESCAPES = {
    "raise(SIGSTOP);": 124,
    "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL); for (;;) ;": 124,
    "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL); for (int i = 0; i < 1024; i++) close(i); for (;;) ;": 124,
    "leave_child(); abort();": 1,
    "leave_child(); _exit(5);": 1,
    "leave_child();": 0,
    "for (int i = 0; i < 1024; i++) close(i);": 0,
}


@pytest.mark.parametrize("act", ESCAPES)
def test_no_guest_makes_its_parent_wait_for_ever(act, tmp_path):
    """Whatever it does to its alarm and its descriptors. Children that it leaves hold our pipe open; these end with
    the parent."""
    (tmp_path / "g.c").write_text(f'''#define _GNU_SOURCE
#include "{ROOT}/sim/machine/guest.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static int guest_boot(void *s, const struct guest_config *c, uint64_t t) {{ (void)s; (void)c; (void)t; return 0; }}
void leave_child(void);
void leave_child(void)
{{
    pid_t parent = getppid();
    if (fork() == 0) {{ while (kill(parent, 0) == 0) usleep(10000); _exit(0); }}
}}
static void guest_poll(void *s, uint64_t t) {{ (void)s; (void)t; {act} }}
static uint64_t deadline(void *s, uint64_t t) {{ (void)s; (void)t; return UINT64_MAX; }}
static const struct guest_ops ops = {{.abi = GUEST_ABI, .name = "g", .size = 8, .boot = guest_boot,
                                     .poll = guest_poll, .deadline = deadline}};
const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void) {{ return &ops; }}
''')
    command(["cc", "-fPIC", "-shared", "-o", tmp_path / "g.so", tmp_path / "g.c"])
    case = tmp_path / "case.scn"
    case.write_text("title T\nworld native\nuntil 1s\nallow nothing\n")
    done = drywire("run", "--guest", tmp_path / "g.so", "--timeout", "1", "--jobs", "2", case, case)
    assert done.returncode == ESCAPES[act], done.stdout + done.stderr
    assert ("did not stop the run" in done.stdout) == (ESCAPES[act] == 124)


def test_without_libslirp_its_scenarios_are_skipped_and_say_how(tmp_path):
    folder = build_variant("noslirp", "CC=gcc", "SLIRP=")
    done = drywire("run", "tests/scenarios/slirp/lease.scn", "tests/scenarios/native/lease.scn",
                   binary=folder / "drywire", env={"DRYWIRE_REQUIRE": ""})
    assert done.returncode == 0
    assert "apt-get install libslirp-dev" in done.stdout
    assert "1 passed, 0 failed, 1 skipped" in done.stdout
    done = drywire("run", "tests/scenarios/slirp/lease.scn", binary=folder / "drywire",
                   env={"DRYWIRE_REQUIRE": "slirp"})
    assert done.returncode == 1
    capture = tmp_path / "run.pcapng"
    assert drywire("run", "-q", "tests/scenarios/slirp/lease.scn", "--pcap", capture).returncode == 0
    done = drywire("replay", capture, binary=folder / "drywire")
    one_line(done, 125, "apt-get install libslirp-dev")
    assert done.stdout == ""


WEB = "tests/scenarios/common/contract-web.scn"


@pytest.mark.parametrize("verb, option, of", [
    ("import", "-o", "tests/captures/linux-web.pcap"), ("report", "-o", WEB), ("run", "--pcap", WEB),
    ("run", "--trace", WEB), ("run", "--junit", WEB)])
def test_what_is_read_is_not_written_over(tmp_path, verb, option, of):
    path, link = tmp_path / of.split("/")[-1], tmp_path / "link"
    path.write_bytes((ROOT / of).read_bytes())
    link.symlink_to(path)
    for output in (path, link, f"{tmp_path}/./{path.name}"):
        done = drywire(verb, path, option, output)
        assert done.returncode == 2 and "would overwrite the input file" in done.stderr, done.stdout
        assert done.stderr.count("\n") == 1
        assert path.read_bytes() == (ROOT / of).read_bytes()


def test_a_full_disk_leaves_what_was_there(tmp_path):
    case = tmp_path / "case.scn"
    case.write_text("precious")
    done = command(["sh", "-c", 'ulimit -f 1; trap "" XFSZ; exec "$@"', "sh", BUILD / "drywire", "import",
                    "tests/captures/linux-web.pcap", "-o", case])
    assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr
    assert case.read_text() == "precious" and list(tmp_path.iterdir()) == [case]


@pytest.mark.parametrize("words", [
    ["run", WEB], ["seq", WEB], ["explain", WEB], ["list", "tests/scenarios/common"],
    ["seq", "tests/captures/linux-web.pcap"], ["replay", "tests/captures/linux-web.pcap"],
    ["replay", "--as", "observer", "tests/captures/linux-web.pcap"]])
def test_output_that_goes_nowhere_is_told(words):
    done = command(["sh", "-c", '"$@" >/dev/full', "sh", BUILD / "drywire", *words])
    assert done.returncode == 4, done.stderr
    assert done.stderr == "drywire: standard output: No space left on device\n"


def test_a_pager_that_closes_the_pipe_gets_its_lines_and_one_more():
    done = command(["sh", "-c", '"$@" | head -n 1', "sh", BUILD / "drywire", "seq",
                    "tests/scenarios/common/web-4mib.scn"])
    assert (done.stdout, done.stderr) == ("A body of 4 MiB\n",
                                          "drywire: standard output: Broken pipe\n")

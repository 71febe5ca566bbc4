"""The diffs in CONTRIBUTING apply to a copy of the tree, and the copy builds."""

import os
import re
import shutil

import pytest

from conftest import BUILD, ROOT, command, relative

DIFFS = re.findall(r"^```diff\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
SOURCES = ("core", "sim", "cmd", "user", "targets", "tools")
BUILT = ("core", "sim", "cmd", "user", "include")


def diff_of(name):
    """The one diff that adds or changes this file, and the names of all that it changes."""
    found = [diff for diff in DIFFS if f"+++ b/{name}\n" in diff]
    assert len(found) == 1
    return found[0], re.findall(r"^\+\+\+ b/(\S+)", found[0], re.M)


@pytest.fixture
def build_with(tmp_path):
    """Builds `drywire` in a copy of the tree, with a diff; unchanged files are not compiled again."""
    def build(diff, rooms=("cmd/",)):
        copy, built = tmp_path / "tree", tmp_path / "tree" / relative(BUILD)
        for name in SOURCES:
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy2(ROOT / "Makefile", copy)
        for name in BUILT:
            shutil.copytree(BUILD / name, built / name, symlinks=True)
        for path in BUILD.iterdir():
            if path.name == "flags" or path.suffix in (".o", ".c"):
                shutil.copy2(path, built)
        env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)}  # not a checkout
        (tmp_path / "diff").write_text(diff)
        done = command(["git", "apply", "--whitespace=error", tmp_path / "diff"], cwd=copy, env=env)
        assert done.returncode == 0, done.stderr
        done = command(["make", "V=1", "-j2", f"O={relative(BUILD)}", f"{relative(BUILD)}/drywire"],
                       cwd=copy, env=env)
        assert done.returncode == 0, done.stderr
        compiled = re.findall(r" -c (\S+)", done.stdout)
        assert not [name for name in compiled if not name.startswith(rooms)]
        return built / "drywire"
    return build


def test_a_command_is_two_edits(build_with):
    diff, changed = diff_of("cmd/verb_hello.c")
    assert changed == ["cmd/verb_hello.c", "cmd/verbs.h"]
    assert len(re.findall(r"^\+ ", diff.split("+++ b/cmd/verbs.h")[1], re.M)) == 1
    drywire = build_with(diff)
    assert command([drywire, "hello", "-v", "you"]).stdout == "hello, you!\n"
    assert re.search(r"^  hello WORD\.\.\. +greets$", command([drywire, "--help"]).stdout, re.M)
    page = command([drywire, "hello", "--help"]).stdout
    assert "Usage: drywire hello WORD..." in page and "--verbose" in page and "--seed" not in page
    assert command([drywire, "hello", "--seed", "1"]).stderr == \
        "drywire: --seed is not an option of 'drywire hello'\n"
    assert "did you mean 'hello'?" in command([drywire, "helo"]).stderr
    assert ", hello, replay or import " in command([drywire, "-v"]).stderr


def test_an_oracle_and_a_word_are_two_edits_each(build_with, tmp_path):
    word, changed = diff_of("sim/scenario/lines_world.c")
    assert changed[:2] == ["sim/scenario/scenario.h", "sim/scenario/lines_world.c"]
    oracle, changed = diff_of("sim/oracle/oracle_frame.c")
    assert changed == ["sim/engine/oracle_table.h", "sim/oracle/oracle_frame.c"]
    drywire = build_with(word + oracle, ("sim/", "cmd/"))
    assert "frame.ttl_usual " in command([drywire, "list"]).stdout
    page = tmp_path / "ttl.scn"
    page.write_text("title T\nworld native ttl=9\nrun ping -c 1 10.0.2.2\nexpect ping: done received=1\n")
    capture = tmp_path / "ttl.pcapng"
    done = command([drywire, "run", page, "--pcap", capture])
    assert done.returncode == 0, done.stdout + done.stderr
    assert command(["tshark", "-r", capture, "-Y", "ip.ttl == 9 && icmp.type == 0"]).stdout
    page.write_text(page.read_text().replace("ttl=9", "ttl=0"))
    assert "ttl.scn:2: " in command([drywire, "run", page]).stderr


def test_a_device_is_three_edits(build_with, tmp_path):
    diff, changed = diff_of("core/virtio/virtio_console.c")
    assert changed == ["core/virtio/virtio_console.c", "core/virtio/drivers.h", "sim/fake_device/console.c",
                       "sim/fake_device/bodies.h", "core/trace/trace_events.h"]
    assert diff.count("--- /dev/null") == 2
    for table, rows in (("core/virtio/drivers.h", 1), ("sim/fake_device/bodies.h", 1),
                        ("core/trace/trace_events.h", 2)):
        edit = re.split(r"^--- ", diff.split(f"+++ b/{table}\n")[1], maxsplit=1, flags=re.M)[0]
        assert edit.count("\n@@") + edit.startswith("@@") == 1
        signs = re.findall(r"^([+-])    (?:ROW|X)\(", edit, re.M)
        assert signs.count("+") - signs.count("-") == rows
    drywire = build_with(diff, ("core/", "sim/", "cmd/"))
    page = tmp_path / "console.scn"
    page.write_text("title T\nworld native\ndevice virtio-net\ndevice virtio-serial\nuntil 1s\n"
                    "expect virtioconsoled: written bytes=8\nexpect netstackd: virt0 dhcp addr=10.0.2.15\n")
    for keys in ("transport=mmio-legacy", "transport=pci-modern interrupts=on", "transport=pci-legacy",
                 "transport=pci-transitional", "ring=packed interrupts=on"):
        done = command([drywire, "run", "--memory", "both", "--seeds", "1..5", "--device", keys, page])
        assert done.returncode == 0, done.stdout + done.stderr
    page.write_text(page.read_text().replace("virtio-serial", "virtio-serial bytes=1"))
    assert "unknown key 'bytes'" in command([drywire, "run", page]).stderr
    page.write_text(page.read_text().replace("virtio-serial", "virtio-seral"))
    assert "did you mean 'virtio-serial'?" in command([drywire, "run", page]).stderr


def test_an_option_that_is_not_in_the_table_is_found(build_with):
    diff, _ = diff_of("cmd/verb_hello.c")
    done = command([build_with(diff.replace('OPTION("verbose"', 'OPTION("verbos"')), "hello", "you"])
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "drywire: internal error: option 'verbos' is not of this type\n"

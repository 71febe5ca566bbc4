"""The set-up: missing packages are detected, named and installed, for any checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, command

EMPTY = 'for hidden in $HIDE; do mount -t tmpfs none "$hidden" || exit 99; done; exec "$@"'


def without(folders, *args):
    """Run a command on this machine as if these folders were empty."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this system gives no mount namespaces: unshare -rm")
    hide = " ".join(str(f) for f in folders if Path(f).is_dir())
    return command(["unshare", "-rm", "sh", "-c", EMPTY, "sh", *args], env={**os.environ, "HIDE": hide})


def test_the_checkout_is_not_taken_for_pytest():
    """It has a folder of that name, which Python takes for the module when asked in the checkout."""
    assert "present  python3-pytest\n" in command(["sh", "tools/setup.sh", "doctor"]).stdout
    module = Path(pytest.__file__).parent.parent
    done = without([module, "/usr/lib/python3/dist-packages"], "sh", "tools/setup.sh", "doctor")
    assert "missing  python3-pytest\n" in done.stdout, done.stdout + done.stderr


def test_every_command_that_runs_pytest_is_isolated_from_the_checkout():
    makefile = (ROOT / "Makefile").read_text() + (ROOT / "targets/targets.mk").read_text()
    scripts = [f for f in command(["git", "ls-files", "tools", ".ci", "docs", "README.md"]).stdout.split()
               if Path(f).suffix in (".sh", ".md", ".py") or f == ".ci/run"]
    texts = {"Makefile": makefile, **{f: (ROOT / f).read_text() for f in scripts}}
    found = [(name, flags) for name, text in texts.items()
             for flags in re.findall(r"python3((?: -\w+)*) -m pytest\b", text)]
    assert found and all(flags == " -I" for _, flags in found), found


def test_every_entry_point_asks_for_what_it_needs_before_it_starts():
    """One without the check stops at a missing interpreter or cross compiler, without a line to install
    it."""
    makefile = (ROOT / "Makefile").read_text() + (ROOT / "targets/targets.mk").read_text()
    entry = re.findall(r"^([a-z][a-z0-9_ -]*):(.*?)## .*\n((?:\t.*\n)*)", makefile, re.M)
    names = {name for name, _, _ in entry}
    assert {"sim-test", "test", "bench", "images", "update-hashes"} <= names
    # A prerequisite would be built before the recipe checks.
    unasked = {name for name, needs, recipe in entry if needs.strip() not in ("", "qemu-%:")
               or not recipe.startswith("\t$(Q)sh tools/setup.sh ")}
    # These need only the compiler, whose absence is reported at its first call, or report it themselves.
    assert unasked == {"help", "all", "fresh-test", "clean"}, unasked


def test_a_missing_header_is_one_line_and_not_the_compilers(tmp_path):
    for target in ("drywire", "qtest", "unit/test_capture"):
        done = without(["/usr/include"], "make", f"O={tmp_path}", f"{tmp_path}/{target}")
        assert done.returncode == 2
        assert done.stderr.splitlines()[:2] == [
            "drywire: missing: libc6-dev libxxhash-dev",
            "drywire: as root:  apt-get update && apt-get install -y --no-install-recommends libc6-dev libxxhash-dev "
            "libslirp-dev"]
        assert "Error 125" in done.stderr and "fatal error" not in done.stderr


@pytest.mark.slow
def test_libslirp_is_noticed_when_it_comes_and_when_it_goes():
    folder, page = BUILD / "variant/slirp-later", "tests/scenarios/slirp/lease.scn"
    make = ["make", "-s", "-j2", f"O={folder}", "CFLAGS_EXTRA=-O0", f"{folder}/drywire"]
    env = {k: v for k, v in os.environ.items() if k != "DRYWIRE_REQUIRE"}  # where a skip is a failure
    shutil.rmtree(folder, ignore_errors=True)
    for missing in (True, False, True):
        done = without(["/usr/include/slirp"], *make) if missing else command(make)
        assert done.returncode == 0, done.stdout + done.stderr
        done = command([folder / "drywire", "run", page], env=env)
        assert re.findall(r"^(skip|pass) ", done.stdout, re.M) == ["skip" if missing else "pass"]


APT = r"""#!/bin/sh
echo "$@" >>"$LOG"
case $* in *install*seabios*) echo 'E: Unable to locate package seabios' >&2; exit 100 ;; esac
"""


def test_one_package_that_cannot_be_had_does_not_keep_the_others_away(tmp_path):
    for tool in ("sh", "mktemp", "grep", "rm", "uname"):
        os.symlink(shutil.which(tool), tmp_path / tool)
    for name, text in {"apt-get": APT, "id": "#!/bin/sh\necho 0\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    log = tmp_path / "log"
    done = command(["sh", "tools/setup.sh", "test"], env={"PATH": str(tmp_path), "LOG": str(log)})
    update, together, *alone = log.read_text().splitlines()
    assert update == "update -qq" and "gcc make " in together and "seabios" in together
    assert [line.split()[-1] for line in alone] == together.split("--no-install-recommends ")[1].split()
    assert done.returncode == 125 and "E: Unable to locate package seabios\n" in done.stderr
    assert "drywire: as root:  apt-get update && apt-get install -y --no-install-recommends gcc make " in done.stderr


def test_signals_that_are_ignored_here_take_effect_in_what_the_tests_start():
    """As under nohup, in cron, and in a script's background: tests send SIGINT and SIGHUP."""
    done = command(["sh", "-c", "trap '' INT HUP QUIT; exec \"$@\"", "sh", sys.executable, "-I", "-m", "pytest",
                    "-q", "-p", "no:cacheprovider", "pytest/test_qemu_errors.py", "-k", "test_stopped"])
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout

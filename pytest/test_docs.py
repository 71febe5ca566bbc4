"""The output of a command in README and docs is what it prints. `...` as a line, or at the end of one,
matches any output; values that depend on the machine or build (real time, revision, sources) match as
well."""

import os
import re
import subprocess

import pytest

from conftest import BUILD, GUARD, ROOT, drywire

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OF_THIS_MACHINE = [(r"[\d.]+ m?s real", "T real"), (r"revision \w+(-dirty)?", "revision R"),
                   (r"sources \w+", "sources S")]


def sessions():
    """(page, [(command, [line])]) for each block that starts with a command at a prompt."""
    for page in PAGES:
        for block in re.findall(r"^( *)```\w*\n(.*?)^\1```", page.read_text(), re.M | re.S):
            lines = [line[len(block[0]):] for line in block[1].splitlines()]
            if lines and re.match(r"\$ build/drywire (?!qemu|world)", lines[0]):
                commands = []
                for line in lines:
                    if line.startswith("$ "):
                        commands.append((line[2:], []))
                    else:
                        commands[-1][1].append(line)
                yield page, commands


def masked(line):
    for pattern, word in OF_THIS_MACHINE:
        line = re.sub(pattern, word, line)
    return line.rstrip()


def is_line(wanted, line):
    wanted, line = masked(wanted), masked(line)
    return line.startswith(wanted[:-3]) if wanted.endswith("...") else wanted == line


SESSIONS = list(sessions())


def test_there_are_some():
    assert len(SESSIONS) >= 6 and {p.name for p, _ in SESSIONS} >= {"README.md", "replay.md"}


@pytest.mark.parametrize("page, commands", SESSIONS, ids=lambda x: x.name if hasattr(x, "name") else x[0][0])
def test_a_page_says_what_is_printed(page, commands, tmp_path):
    if any("/slirp/" in command or "/common/" in command for command, _ in commands) and "libslirp 4.7.0" not in drywire("--version").stdout:
        pytest.skip("the page was made with libslirp 4.7.0")
    for name in ("tests", "tools"):
        os.symlink(ROOT / name, tmp_path / name)
    os.symlink(BUILD, tmp_path / "build")
    for command, wanted in commands:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=GUARD)
        printed = iter((done.stdout + done.stderr).splitlines())
        for line in wanted:
            if line.strip() != "...":
                assert any(is_line(line, p) for p in printed), f"{page.name}: {command}\nhas not: {line}\n{done.stdout}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_files_that_a_page_names_are_there(page):
    names = re.findall(r"(?<![\w/{.-])((?:docs|core|sim|targets|user|tools|tests|pytest)/[\w./-]*\w\.(?:md|[ch]|py|sh|lua|scn|pcap|pcapng|png|html))\b",
                       page.read_text())
    assert not [n for n in names if "NAME" not in n and not (ROOT / n).exists()]

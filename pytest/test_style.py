"""What the sources look like: formatted, 100 columns, one name one function."""

import re
import shutil

import pytest

from conftest import ROOT, command

FOLDERS = ("core", "user", "sim", "cmd", "targets", "tests", "tools")
SOURCES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.[ch]"))
# Where a function has a name of its own; targets are links of their own.
NAMED = [p for p in SOURCES if p.suffix == ".c" and p.parts[len(ROOT.parts)] in ("core", "sim", "cmd")]
MAINS = {"main"}

ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)\s*")
FUNCTION = re.compile(
    r"^((?:(?:static|inline|const|_Noreturn)\s+)*)"
    r"(?:struct |enum |unsigned |const |u?int\w*|size_t|bool|void|char|FILE|long|pid_t|ssize_t|int)"
    r"[\w\s*]*?[\s*](\w+)\([^;{}]*\)\s*\n\{", re.M)


def functions():
    """{name: {(file, is it static)}}"""
    found = {}
    for path in NAMED:
        text = ATTRIBUTE.sub("", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S))
        for match in FUNCTION.finditer(text):
            name = str(path.relative_to(ROOT))
            found.setdefault(match[2], set()).add((name, "static" in match[1]))
    return found


def test_sources_are_formatted():
    version = command(["clang-format", "--version"]).stdout if shutil.which("clang-format") else ""
    if " 14." not in version:
        pytest.skip(f"clang-format 14 is not here ({version.strip() or 'none'}): others format differently")
    done = command(["clang-format", "--dry-run", "-Werror", *SOURCES])
    assert done.returncode == 0, done.stderr + "\nrun: make fmt"


def test_lines_have_100_columns():
    long = [f"{path.relative_to(ROOT)}:{n}" for path in SOURCES
            for n, line in enumerate(path.read_text().splitlines(), 1) if len(line.rstrip("\\ ")) > 100]
    assert long == []


def test_one_name_is_one_function():
    """A debugger and a search find a function by its name: helpers carry their file's prefix."""
    many = {name: sorted(where) for name, where in functions().items()
            if len(where) > 1 and name not in MAINS}
    assert many == {}


def test_functions_fit_a_screen():
    long = []
    for path in SOURCES:
        start = None
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if line == "{":
                start = n
            elif line == "}" and start:
                if n - start > 70 and "tests" not in path.parts:
                    long.append(f"{path.relative_to(ROOT)}:{start}: {n - start} lines")
                start = None
    assert long == []


def test_the_count_of_an_array_is_asked_for_in_one_way():
    bad = [f"{path.relative_to(ROOT)}" for path in SOURCES
           if re.search(r"sizeof\((\w+)\) / sizeof\(\1\[0\]\)", path.read_text())]
    assert bad == []

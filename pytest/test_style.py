"""What the sources look like: formatted, 100 columns, one name one function, one helper for one thing."""

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


CAST = re.compile(r"\((?:u?int\d+_t|size_t|unsigned|int)\)")
# A condition of more than one comparison is no minimum, and neither is the 0 for a negative number.
MINIMUM = re.compile(r"(?<![&|] )\b([^?:;,=&|]+?) [<>]=? ((?!0 )[^?:;,=&|]+?) \? (?:\1 : \2|\2 : \1)(?! ?[\w.\[/*+-])")


def minima(text):
    return [match[0] for match in MINIMUM.finditer(CAST.sub("", re.sub(r"\s+", " ", text)))]


def test_minimum_and_maximum_are_those_of_minmax_h():
    bad = [f"{path.relative_to(ROOT)}: {found}" for path in SOURCES
           if path.name != "minmax.h" and "tests" not in path.parts for found in minima(path.read_text())]
    assert bad == []


@pytest.mark.parametrize("text, count", [
    ("n = left < room ? left : room;", 1), ("return a->x > b(1, c) ?\n (size_t)b(1, c) : a->x;", 0),
    ("return a->x > b[c] ?\n (size_t)b[c] : a->x;", 1), ("f(p->n + 1 <= MAX ? p->n + 1 : MAX);", 1),
    ("n = got > 0 ? got : 0;", 0), ("n = end && at < end ? at : end;", 0), ("n = a < b ? a : b->c;", 0),
    ("n = a < b ? a : b / 2;", 0),
])
def test_a_local_minimum_is_found(text, count):
    assert len(minima(text)) == count


# Lines that two files may have in common; more are one piece of code in two places.
REPEATED = 5


def code(text):
    """Lines with their numbers, without comments, brackets alone, includes and labels: -Wswitch-enum asks for
    a label for each state wherever one is switched on."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    lines = [(n, " ".join(line.split())) for n, line in enumerate(text.splitlines(), 1)]
    return [(n, line) for n, line in lines if re.search(r"\w", line) and not re.match(r"#include|case \w+:$", line)]


def repeated(texts):
    """{(file, file): [lines]} of runs that are too long. What checks the core is code of its own (test_build.py
    forbids most of it to include the core), so a file of the core and one of the simulator may be alike."""
    places, found = {}, {}
    for name, text in texts.items():
        lines = code(text)
        for i in range(len(lines) - REPEATED):
            run = tuple(line for _, line in lines[i:i + REPEATED + 1])
            for other, n in places.setdefault(run, []):
                if other != name and {other.split("/")[0], name.split("/")[0]} != {"core", "sim"}:
                    found.setdefault((other, name), []).append((n, lines[i][0]))
            places[run].append((name, lines[i][0]))
    return found


def test_no_block_is_in_two_files():
    assert repeated({str(p.relative_to(ROOT)): p.read_text() for p in SOURCES
                     if p.suffix == ".c" and "tests" not in p.parts}) == {}


@pytest.mark.parametrize("first, second, count", [
    ("cmd/a.c", "sim/b.c", 1), ("core/a.c", "sim/b.c", 0), ("core/a.c", "targets/b.c", 1),
])
def test_a_repeated_block_is_found(first, second, count):
    block = "int f(void)\n{\n" + "".join(f"    {c}();\n" for c in "abcde")
    assert len(repeated({first: block + "}\n", second: "x;\n" + block.replace("    ", "\t/* c */ ")})) == count
    assert not repeated({first: block, second: block.replace("c()", "d()")})

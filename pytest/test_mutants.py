"""tools/mutants.py measures the tests: here its own. Each operator on a small text, and the draw."""

import subprocess

import mutants
import mutate
import pytest

from conftest import ROOT

SIBLINGS = {"FLAG_A": ["FLAG_B"], "FLAG_B": ["FLAG_A"]}


def changes(body, operator):
    """The operator's changes of a statement inside a function."""
    text = f"int f(int a)\n{{\n    {body}\n}}\n"
    return [mutate.apply(text, s).split("\n    ", 1)[1].rsplit("\n}", 1)[0]
            for s in mutate.sites(text, SIBLINGS) if s.operator == operator]


@pytest.mark.parametrize("operator,body,expected", [
    ("relation", "a = b < c;", ["a = b <= c;", "a = b >= c;"]),
    ("relation", "a = b == c;", ["a = b != c;"]),
    ("relation", "a = p->b << 2;", []),
    ("constant", "a = 0x10u;", ["a = 0xfu;", "a = 0x11u;"]),
    ("constant", "a = 0;", ["a = 1;"]),
    ("constant", "a = 010;", ["a = 7;", "a = 9;"]),
    ("statement", "f(a);", [";"]),
    ("statement", "*p = 1;", [";"]),
    ("statement", "return;", [";"]),
    ("statement", "struct x y = {1};", []),
    ("statement", "struct x *y = z;", []),
    ("statement", "x *y;", []),
    ("statement", "for (f(a); a < b; a++) g(a);", ["for (f(a); a < b; a++) ;"]),
    ("check", "if (a && b) return 1;", ["if (0 && (a && b)) return 1;"]),
    ("check", "if (a) { s_drop(a); }", ["if (0 && (a)) { s_drop(a); }"]),
    ("check", "if (a) b = 1;", []),
    ("flag", "a = FLAG_A;", ["a = FLAG_B;"]),
    ("flag", "a = FLAG_C;", []),
    ("arithmetic", "a = b + c;", ["a = b - c;"]),
    ("arithmetic", "a -= b;", ["a += b;"]),
    ("arithmetic", "a = -b;", []),
    ("arithmetic", "a++;", []),
    ("logic", "a = b && !c;", ["a = b || !c;", "a = b && c;"]),
    ("timer", "a = c->wait_ns + b;", ["a = (c->wait_ns * 2) + b;", "a = (c->wait_ns / 2) + b;"]),
    ("timer", "c->wait_ns = 0;", []),
    ("timer", "uint64_t wait_ns;", []),
    ("timer", "a = s->now_ns;", []),
])
def test_operator(operator, body, expected):
    assert changes(body, operator) == expected


def test_what_is_defined_is_changed_too():
    text = "#define WAIT_NS (3 * NS_PER_S)\nenum { WAIT_S = 4 };\n"
    made = [mutate.apply(text, s) for s in mutate.sites(text, {}) if s.operator == "timer"]
    assert made == [text.replace("(3 * NS_PER_S)", f"({x})")
                    for x in ("2 * (3 * NS_PER_S)", "(3 * NS_PER_S) / 2")] + [
                        text.replace("= 4", f"= ({x})") for x in ("2 * 4", "4 / 2")]


@pytest.mark.parametrize("text", [
    "/* a < b + 1 */", "// a < 1", "#include <a/b1.h>", "#if A < 1\n#endif",
    "#ifndef A_H\n#define A_H\n#endif", 'int f(void) { g("a < 1 && b", \'1\'); }',
    "static_assert(sizeof(a) == 4 + 1);", "int f(void) { CHECK(a < 1 && !b); }",
])
def test_left_alone(text):
    kept = {"statement"}  # the call itself may be removed
    assert [s for s in mutate.sites(text, SIBLINGS) if s.operator not in kept] == []


def test_families_are_enums_runs_of_defines_and_lists():
    found = mutate.families([
        "enum kind { KIND_A, KIND_B, OTHER_C };\n#define REG_X 1\n#define REG_Y 2\n\n#define REG_Z 3\n",
        '#define ERR_LIST(X) \\\n    X(AGAIN, -1) \\\n    X(INVAL, -2)\n'
        "#define ERR_ENUM(name, value) ERR_##name = value,\nenum err { ERR_LIST(ERR_ENUM) };\n"])
    assert found == {"KIND_A": ["KIND_B"], "KIND_B": ["KIND_A"], "REG_X": ["REG_Y"],
                     "REG_Y": ["REG_X"], "ERR_AGAIN": ["ERR_INVAL"], "ERR_INVAL": ["ERR_AGAIN"]}


def test_every_change_is_of_the_bytes_it_names():
    """The whole core: no change outside of its line, none that changes nothing."""
    texts = {p: p.read_text() for p in (ROOT / "core").rglob("*.[ch]")}
    siblings = mutate.families(texts.values())
    for path, text in texts.items():
        for site in mutate.sites(text, siblings):
            assert text[site.start:site.end] != site.replacement, (path, site)


def test_the_draw_depends_on_the_seed_alone():
    def first(seed):
        draw = mutants.Draw(ROOT, seed)
        return [draw.next(operator) for operator in mutate.OPERATORS for _ in range(20)]

    assert first("1") == first("1")
    assert first("1") != first("2")
    assert len(set(first("1"))) == 8 * 20


def test_known_equivalents_still_have_their_line():
    for name, before, _ in mutants.read_equivalents(ROOT / mutants.EQUIVALENT):
        assert before in [line.strip() for line in (ROOT / name).read_text().splitlines()], name


def test_an_end_of_drywire_without_a_verdict_is_an_error(tmp_path):
    """It never counts as a find; a failing run does."""
    tree = mutants.Tree.__new__(mutants.Tree)
    tree.folder = tmp_path
    drywire = tmp_path / "build/drywire"
    drywire.parent.mkdir()

    def judge(script):
        drywire.write_text("#!/bin/sh\n" + script)
        drywire.chmod(0o755)
        return tree.simulator()

    passed = 'echo \'{"verdict": "pass", "scenario": "a"}\'\n'
    assert judge(passed) is None
    assert judge(passed + 'echo \'{"verdict": "fail", "scenario": "b", "oracle": "x"}\'\nexit 1') == "b x"
    for broken in (passed + "exit 4", "exit 2", "exit 0"):
        with pytest.raises(mutants.ToolError):
            judge(broken)


def test_ladders_find_a_mutant_by_their_name(tmp_path):
    tree = mutants.Tree.__new__(mutants.Tree)
    tree.folder = tmp_path
    (tmp_path / "build").mkdir()

    def judge(script):
        (tmp_path / "build/drywire").write_text("#!/bin/sh\n" + script)
        (tmp_path / "build/drywire").chmod(0o755)
        return tree.ladders()

    assert judge("echo 1 pass") is None
    assert judge("echo 'fail  a/b.pkt  a title'\nexit 1") == "a/b.pkt"
    with pytest.raises(mutants.ToolError):
        judge("exit 4")

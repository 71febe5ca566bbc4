"""Messages and comments use the words that every engineer knows: a list of words that no string literal
printed to people may contain, and those of them that are wrong in every comment. Exceptions are listed
with the reason."""

import ast
import io
import re
import subprocess
import tokenize

import pytest

from conftest import ROOT

# The phrase as a regular expression: what to write instead.
WORDS = {
    r"(?:says?|said|tells?|told)": "print, report, log, have",
    r"behind(?!=)": "after, follows",
    r"in front(?: of)?": "before",
    r"stands?": "is, exists, is listed",
    r"is none|are none|is no(?= [a-z])": "is not, no ..., unsupported, unknown",
    r"wish(?:es|ed)?|wants?": "requests, needs, expects",
    r"minded": "ignored, allowed",
    r"so many": "as many as, N at most",
    r"foreign|other than": "another, different",
    r"the place|the thing|what it is": "file, line, field",
    r"believed": "is accepted, is rejected",
    r"begins? with|goes on|go on|is over|was over": "starts, continues, ends",
    r"(?:our|drywire's|QEMU's) (?:own )?trouble": "internal error",
    r"as it comes|as it came": "uninitialised, unchanged",
    r"is gone|are gone": "has ended, is closed",
    r"anybody|somebody|nobody": "any, another, no peer",
}
BAD = re.compile(r"(?<![\w./'-])(?:" + "|".join(WORDS) + r")(?![\w=*'-])", re.I)

# Of these the ones that no comment needs: a comment may well write "there is no device" or "the place".
ALWAYS = re.compile(r"(?<![\w./'-])(?:said|told|tells|behind(?!=)|in\s+front\s+of|stands|wish(?:es|ed)?|wants?|minded|"
                    r"so\s+many|foreign|believed|begins?\s+with|goes\s+on|go\s+on|trouble|as\s+it\s+(?:comes|came)|"
                    r"anybody|somebody|nobody)(?![\w=*'-])", re.I)

# Literal -> why it is not a message in words.
EXCEPTIONS = {
    "behind": "a key of the scenario language: segment behind=N",
    " tell ": "tshark and tcpdump print ARP as 'who-has A tell B'",
}
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#[ \t]*include[^\n]*|"(?:\\.|[^"\\\n])*"', re.S | re.M)


def files(*patterns):
    return subprocess.run(["git", "-C", ROOT, "ls-files", *patterns], capture_output=True, text=True, check=True).stdout.split()


def literals_c(text):
    """(line, literal): neighbours are one literal, as the compiler takes them."""
    found, end = [], -1
    for m in TOKEN.finditer(text):
        if m[0][0] != '"':
            continue
        if found and end >= 0 and not text[end:m.start()].strip():
            found[-1][1] += m[0][1:-1]
        else:
            found.append([text.count("\n", 0, m.start()) + 1, m[0][1:-1]])
        end = m.end()
    return found


def literals_python(text):
    """Docstrings are comments."""
    tree = ast.parse(text)
    comments = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    return [(n.lineno, n.value) for n in ast.walk(tree)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in comments]


def literals_shell(text):
    """Names of variables are not words."""
    return [(i, re.sub(r"\$\{?\w+", "", line)) for i, line in enumerate(text.splitlines(), 1)
            if re.search(r"\b(?:echo|printf)\b", line) and not line.lstrip().startswith("#")]


def comments_c(text):
    return [(text.count("\n", 0, m.start()) + 1, re.sub(r"\n[ \t]*\*", "\n", m[0]))
            for m in TOKEN.finditer(text) if m[0][0] == "/"]


def comments_python(text):
    strings = [n.body[0] for n in ast.walk(ast.parse(text))
               if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(n)]
    return [(n.lineno, n.value.value) for n in strings] + [
        (t.start[0], t.string) for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]


def comments_hash(text):
    """Of the shell, of make and of the assembler, which may have both kinds."""
    return comments_c(text) + [(i, m[1]) for i, line in enumerate(text.splitlines(), 1)
                               for m in [re.search(r"(?:^|\s)#(?!include|define|if|endif)(.*)", line)] if m]


def help_lines(text):
    return [(i, line.split("##")[1]) for i, line in enumerate(text.splitlines(), 1) if re.match(r"[\w -]+:.*## ", line)]


READERS = [
    (literals_c, files("sim/*.[ch]", "cmd/*.[ch]", "core/*.[ch]", "targets/*.[ch]", "user/*.[ch]", "tools/*.[ch]")),
    (literals_python, files("tools/*.py")),
    (literals_shell, files("tools/*.sh")),
    (help_lines, files("Makefile", "targets/*.mk")),
]
COMMENTS = [
    (comments_c, files(*(f"{folder}/*.[ch]" for folder in ("sim", "cmd", "core", "targets", "user", "tools", "tests")))),
    (comments_python, files("tools/*.py", "pytest/*.py")),
    (comments_hash, files("tools/*.sh", "targets/*.S", "Makefile", "targets/*.mk")),
]


def wrong(reader, text, bad=BAD):
    """Words in `...` are names of the code."""
    return [(line, words, m[0]) for line, words in reader(text) if words not in EXCEPTIONS
            for m in [bad.search(re.sub(r"`[^`]*`", "", words))] if m]


@pytest.mark.parametrize("reader, paths", READERS, ids=lambda x: getattr(x, "__name__", None))
def test_messages_use_the_words_of_engineers(reader, paths):
    assert paths
    found = [f"{path}:{line}: '{word}' in \"{words}\"" for path in paths
             for line, words, word in wrong(reader, (ROOT / path).read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("reader, paths", COMMENTS, ids=lambda x: getattr(x, "__name__", None))
def test_comments_use_the_words_of_engineers(reader, paths):
    assert paths
    found = [f"{path}:{line}: '{word}' in \"{words}\"" for path in paths
             for line, words, word in wrong(reader, (ROOT / path).read_text(), ALWAYS)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("reader, text", [
    (comments_c, "f(\"nobody\"); /* the header of\n * a frame, goes\n * on */"), (comments_c, "// behind it\nx;"),
    (comments_python, "def f():\n    '''As it\n    came.'''"), (comments_python, "x = 'told'  # nobody asks"),
    (comments_hash, "echo told # what stands"), (comments_hash, "nop  /* it wants */"),
])
def test_a_planted_word_in_a_comment_is_found(reader, text):
    assert len(wrong(reader, text, ALWAYS)) == 1


@pytest.mark.parametrize("reader, text", [
    (literals_c, 'f("the file "\n  "stands already on line 3");'),
    (literals_c, "c = '\"'; /* \"no\" */ f(\"no guest told\");"),
    (literals_python, "print(f'{x} wants a file')"),
    (literals_shell, 'echo "drywire: behind"'),
    (help_lines, "size: ## what it tells"),
])
def test_a_planted_word_is_found(reader, text):
    assert len(wrong(reader, text)) == 1


def test_code_and_comments_are_not_messages():
    for reader, text in [(literals_c, '/* "he said" */ int told; // "wants"\n#include "stands.h"'),
                         (literals_python, '"""he said"""\ndef told(): "wants"'), (literals_shell, "# he said\nwants=1")]:
        assert not wrong(reader, text)


def test_every_exception_is_needed():
    used = {words for reader, paths in READERS for path in paths for _, words in reader((ROOT / path).read_text())}
    assert set(EXCEPTIONS) <= used and all(BAD.search(words) for words in EXCEPTIONS)

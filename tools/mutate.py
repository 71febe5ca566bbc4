"""Small changes of C sources: lists those of a text, by operator. Used by mutants.py.

A text is split into tokens, so that comments, strings and #include are never changed; neither are the
arguments of CHECK(), INVARIANTS() and static_assert(). A site is one change: the bytes
[start, end) of the text and what replaces them. The compiler decides whether it compiles, and whether it
makes another program.
"""

import re
from collections import namedtuple

Token = namedtuple("Token", "kind text start end")
Site = namedtuple("Site", "operator start end replacement")

OPERATORS = ["relation", "constant", "statement", "check", "flag", "arithmetic", "logic", "timer"]

TOKEN = re.compile(r"""
    (?P<space>\s+|\\\n)
  | (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>(?<![^\n])[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>\d(?:[eEpP][+-]|[\w.])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign>->|\+\+|--|<<=|>>=|\.\.\.|&&|\|\||<<|>>|[<>=!+\-*/%&|^]=|.)
""", re.VERBOSE | re.DOTALL)

DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)(?=[ \t])")
INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$")
TIMER = re.compile(r"(?:\w*_)?(?:n|m)?s$|\w+_(?:N|M|U)?S$")
CONSTANT = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+$")

RELATIONS = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
             "==": ["!="], "!=": ["=="]}
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
LEAVES = {"return", "break", "continue", "goto"}
HEADS = {"if", "for", "while", "switch"}
NOT_EXPRESSIONS = {"case", "default", "else", "do", "struct", "enum", "union", "static", "const",
                   "typedef", "extern", "return", "sizeof"} | HEADS
LEFT_ALONE = {"CHECK", "INVARIANTS", "static_assert", "__asm__", "__attribute__"}


def tokenize(text):
    """All tokens but space and comments. The value of `#define NAME value` is tokens, too; other
    directives have none."""
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        kind, at = found.lastgroup, found.end()
        if kind == "directive":
            name = DEFINE.match(found[0])
            if name and not name[1].endswith("_H"):
                at = found.start() + name.end()
                tokens.append(Token("define", name[1], found.start() + name.start(1), at))
            else:
                tokens.append(Token("end", "", at, at))
        elif kind not in ("space", "comment"):
            tokens.append(Token(kind, found[0], found.start(), at))
    return tokens


def partners(tokens):
    """The index of the bracket that closes, by that of the one that opens."""
    opened, closes = [], {}
    for i, t in enumerate(tokens):
        if t.kind == "sign" and t.text in "([{":
            opened.append(i)
        elif t.kind == "sign" and t.text in ")]}" and opened:
            closes[opened.pop()] = i
    return closes


def families(texts):
    """Named constants that could be confused: {name: its siblings}. Those of one
    enum or of one run of #define lines, with the same first word; X(NAME, ...) of a list."""
    groups = []
    for text in texts:
        plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        for body in re.findall(r"\benum\b[^{;()]*\{(.*?)\}", plain, re.DOTALL):
            groups.append(re.findall(r"(?:^|,)\s*([A-Z]\w+)", body))
        for run in re.findall(r"(?:^#define [A-Z]\w+ +[^\n]*\n)+", plain, re.MULTILINE):
            groups.append(re.findall(r"^#define ([A-Z]\w+)", run, re.MULTILINE))
        for prefix, used in re.findall(r"#define \w+_ENUM\([^)]*\) (\w+_)##(\w+)", plain):
            for other in texts:
                for macro in re.findall(r"(\w+)\(" + prefix + r"ENUM\)", plain):
                    found = re.search(r"#define " + macro + r"\(X\)((?:[^\n]*\\\n)*[^\n]*)", other)
                    if found:
                        groups.append([prefix + x for x in re.findall(r"\bX\((\w+),", found[1])])
    siblings = {}
    for group in groups:
        for name in group:
            same = [n for n in group if n != name and n.split("_")[0] == name.split("_")[0]]
            if CONSTANT.match(name) and same:
                siblings[name] = same
    return siblings


class Text:
    """One source text with its tokens and its unchanged parts."""

    def __init__(self, text, siblings):
        self.text = text
        self.siblings = siblings
        self.tokens = tokenize(text)
        self.closes = partners(self.tokens)
        self.alone = self.left_alone()

    def left_alone(self):
        alone = set()
        for i, t in enumerate(self.tokens):
            if t.text in LEFT_ALONE and i + 1 in self.closes:
                alone.update(range(i, self.closes[i + 1] + 1))
        return alone

    def at(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def site(self, operator, first, last, replacement):
        return Site(operator, self.tokens[first].start, self.tokens[last].end, replacement)

    def source(self, first, last):
        return self.text[self.tokens[first].start:self.tokens[last].end]

    def is_value(self, i):
        """Does an operand end with this token?"""
        return 0 <= i and (self.tokens[i].kind in ("number", "name", "string")
                           and self.at(i) not in NOT_EXPRESSIONS or self.at(i) in (")", "]"))

    def sites(self):
        found = []
        for i, t in enumerate(self.tokens):
            if i not in self.alone:
                found += self.of_token(i, t)
        return found

    def of_token(self, i, t):
        if t.kind == "number":
            return self.constant(i, t)
        if t.kind == "define":
            return self.defined_timer(i, t)
        if t.kind == "sign":
            return self.of_sign(i, t) + self.statement(i)
        if t.kind == "name":
            return self.flag(i, t) + self.timer(i, t) + self.check(i, t) + self.statement(i)
        return []

    def of_sign(self, i, t):
        if t.text in RELATIONS and self.is_value(i - 1):
            return [self.site("relation", i, i, other) for other in RELATIONS[t.text]]
        if t.text in ("&&", "||"):
            return [self.site("logic", i, i, "||" if t.text == "&&" else "&&")]
        if t.text == "!":
            return [self.site("logic", i, i, "")]
        if t.text in ("+=", "-="):
            return [self.site("arithmetic", i, i, "-=" if t.text == "+=" else "+=")]
        if t.text in ("+", "-") and self.is_value(i - 1):
            return [self.site("arithmetic", i, i, "-" if t.text == "+" else "+")]
        return []

    def constant(self, i, t):
        found = INTEGER.match(t.text)
        if not found:
            return []
        text = found[1]
        value = int(text, 16) if text[:2] in ("0x", "0X") else int(text, 8 if text[0] == "0" else 10)
        write = hex if text[:2] in ("0x", "0X") else str
        return [self.site("constant", i, i, write(v) + found[2]) for v in (value - 1, value + 1)
                if v >= 0]

    def flag(self, i, t):
        if self.at(i + 1) == "=" or self.at(i + 1) == ":" or self.declares(i):
            return []
        return [self.site("flag", i, i, other) for other in self.siblings.get(t.text, [])]

    def declares(self, i):
        """A name in an enum: followed by , or } and after , or {."""
        return (self.at(i + 1) in (",", "}") and self.at(i - 1) in (",", "{")
                and self.tokens[i].text.isupper() and self.in_enum(i))

    def in_enum(self, i):
        return any(a < i < b and "enum" in (self.at(a - 1), self.at(a - 2))
                   for a, b in self.closes.items() if self.at(a) == "{")

    def defined_timer(self, i, t):
        """#define NAME_NS value: twice, half."""
        last = i
        while (last + 1 < len(self.tokens) and self.tokens[last + 1].kind not in ("define", "end")
               and "\n" not in self.text[t.end:self.tokens[last + 1].start].replace("\\\n", "")):
            last += 1
        if last == i or not TIMER.match(t.text) or t.text.startswith("NS_PER"):
            return []
        value = self.source(i + 1, last)
        return [self.site("timer", i + 1, last, f"(2 * {value})"),
                self.site("timer", i + 1, last, f"({value} / 2)")]

    def timer(self, i, t):
        if (not TIMER.match(t.text) or len(t.text) < 3 or t.text.startswith(("now_", "NS_PER"))
                or self.at(i + 1) in {"(", ".", "->", "[", "++", "--", ":"} | ASSIGNMENTS - {"="}
                or self.at(i - 1) in ("++", "--") or self.at(i + 1) in ("==", "!=")):
            return []
        if self.at(i + 1) == "=":  # in an enum: NAME_S = value
            end = i + 2
            if t.text.isupper() and self.tokens[end].kind == "number" and self.at(end + 1) in ",}":
                value = self.at(end)
                return [self.site("timer", end, end, f"(2 * {value})"),
                        self.site("timer", end, end, f"({value} / 2)")]
            return []
        if not self.in_function(i):
            return []
        first = i
        while self.at(first - 1) in (".", "->") and self.tokens[first - 2].kind == "name":
            first -= 2
        before = self.tokens[first - 1]
        if before.text in ("&", ".", "->", "*") and not self.is_value(first - 2):
            return []  # an address, a designator
        if before.kind == "name" and before.text != "return" or before.text == "*" and (
                self.tokens[first - 2].kind == "name" and self.at(first - 2).endswith("_t")):
            return []  # a declaration
        value = self.source(first, i)
        return [self.site("timer", first, i, f"({value} * 2)"),
                self.site("timer", first, i, f"({value} / 2)")]

    def starts_statement(self, i):
        if i == 0:
            return False
        before = self.at(i - 1)
        if before in (";", "{", "}", "else", "do"):
            return True
        if before == ":":
            return self.at(i - 2) == "default" or self.at(i - 3) == "case"
        if before == ")":
            opened = next(a for a, b in self.closes.items() if b == i - 1)
            return self.at(opened - 1) in HEADS
        return False

    def statement_end(self, i):
        """The index of the `;` that ends the statement which starts here, or None."""
        while i < len(self.tokens) and self.at(i) != ";":
            if self.tokens[i].kind in ("define", "end") or self.at(i) in ("}", ")", "]"):
                return None
            i = self.closes.get(i, i) + 1
        return i if i < len(self.tokens) else None

    def around(self, i):
        """The index of the innermost bracket that is open before this token, or None."""
        return max((a for a, b in self.closes.items() if a < i < b), default=None)

    def in_function(self, i):
        """Within braces that follow a `)`: no initializer, enum or struct."""
        return any(a < i < b and self.at(a) == "{" and self.at(a - 1) == ")"
                   for a, b in self.closes.items())

    def statement(self, i):
        t = self.tokens[i]
        if not self.starts_statement(i) or not self.in_function(i):
            return []
        if self.at(self.around(i)) != "{":  # the parts of for (;;)
            return []
        if t.text in NOT_EXPRESSIONS - {"return"}:
            return []
        if t.kind == "sign" and t.text not in ("*", "(", "++", "--"):
            return []
        following = self.tokens[i + 1]
        if t.kind == "name" and t.text not in LEAVES and (
                following.kind == "name" or following.text in ("*", ":")):
            return []  # a declaration, a label
        end = self.statement_end(i)
        if end is None:
            return []
        return [self.site("statement", i, end, ";")]

    def check(self, i, t):
        """if (condition) with a body that leaves or drops: never."""
        if t.text != "if" or i + 1 not in self.closes:
            return []
        first = self.closes[i + 1] + 1
        last = self.closes[first] if self.at(first) == "{" else self.statement_end(first)
        if last is None or not any(self.at(j) in LEAVES or self.at(j).endswith("_drop")
                                   for j in range(first, last)):
            return []
        condition = self.source(i + 2, self.closes[i + 1] - 1)
        return [self.site("check", i + 2, self.closes[i + 1] - 1, f"0 && ({condition})")]


def sites(text, siblings):
    """Every change of this text, in its order."""
    return Text(text, siblings).sites()


def apply(text, site):
    return text[:site.start] + site.replacement + text[site.end:]


def line_of(text, site):
    return text.count("\n", 0, site.start) + 1

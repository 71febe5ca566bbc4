#!/usr/bin/env python3
"""Measures how many small mistakes in core/ the tests find: draws them, makes each and runs the tests.

Usage: mutants.py [--count N] [--seed S] [--jobs J] [--build DIR] [--cc CC]; `make mutants N=200`.

A mutant is one change of one source file of core/ (mutate.py has the operators). Each operator has
the same share of the draw, each place in the sources the same chance within it. A change that does
not compile, or makes the same object files, is drawn again; the latter are counted.

First `drywire run --memory both` of all scenarios and captures. Then, if it passed, the ladders and the unit tests. The
scenarios' stored hashes are not compared: they change with every byte, also without a mistake. The tree
without a change must pass, or nothing is measured, and an end of drywire without a verdict stops the
measurement: it never counts as a find.

Works on copies of the checkout in DIR/mutants/tree-J. Results are stored in DIR/mutants/SEED.jsonl, and
reused while the sources are the same.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import mutate
from recipes import Recipes

ROOT = Path(__file__).resolve().parent.parent
SUITE = ["run", "--json", "--memory", "both", "--jobs", "1", "tests/scenarios", "tests/captures"]
EQUIVALENT = Path("tools/mutants.equivalent")

# The interface of core/ is shared by both sides.
CONTRACTS = {"core/virtio/virtio_spec.h"}
FOLDERS = {"core/net", "core/virtio", "core/kernel"}

RUN_LIMIT_S = 120  # the whole suite takes 3 s
TEST_LIMIT_S = 60


class ToolError(Exception):
    pass


# ---- the draw ----

def drawn_from(root):
    """Sources of core/, and the headers of its folders: the others are shared."""
    found = []
    for path in sorted((root / "core").rglob("*.[ch]"), key=lambda p: str(p).encode()):
        name = str(path.relative_to(root))
        if path.stem.endswith("_invariants"):
            continue  # what notices
        if path.suffix == ".c" or (str(Path(name).parent) in FOLDERS and name not in CONTRACTS):
            found.append(name)
    return found


class Draw:
    """An endless sequence of different changes, the same for the same seed and sources."""

    def __init__(self, root, seed):
        self.text = {name: (root / name).read_text() for name in drawn_from(root)}
        every = [p.read_text() for p in sorted((root / "core").rglob("*.[ch]"))]
        siblings = mutate.families(every)
        places = {operator: {} for operator in mutate.OPERATORS}
        for name, text in self.text.items():
            for site in mutate.sites(text, siblings):
                places[site.operator].setdefault((name, site.start, site.end), []).append(site)
        self.queues = {}
        for operator, of in places.items():
            rng = random.Random(f"{seed} {operator}")
            order = sorted(of)
            rng.shuffle(order)
            self.queues[operator] = iter([(key[0], rng.choice(of[key])) for key in order])

    def next(self, operator):
        """(file, site), or None when the operator has no more places."""
        return next(self.queues[operator], None)


def describe(name, text, site):
    changed = mutate.apply(text, site)
    line = mutate.line_of(text, site)
    return {"operator": site.operator, "file": name, "line": line, "start": site.start,
            "end": site.end, "replacement": site.replacement,
            "was": " ".join(text[site.start:site.end].split()),
            "before": text.split("\n")[line - 1].strip(),
            "after": changed.split("\n")[line - 1].strip()}


# ---- a copy of the tree that can be built ----

def sources():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def digest(names):
    total = hashlib.sha256()
    for name in names:
        if (name.startswith(("core/", "sim/", "user/", "tests/"))
                or name in ("Makefile", "tools/mutate.py", "tools/mutants.py", "tools/recipes.py")):
            total.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    return total.hexdigest()[:16]


class Tree:
    """One copy of the checkout, its build, and the commands by which make builds it (recipes.py)."""

    def __init__(self, folder, names, cc):
        self.folder = folder
        self.copy(names)
        variables, targets = [f"CC={cc}", "O=build"], ["build/drywire", "units"]
        done = self.command(["make", *variables, "-s", "-j2", *targets], 3600)
        if done.returncode:
            raise ToolError("the tree does not build:\n" + done.stdout + done.stderr)
        self.recipes = Recipes(folder, variables, targets)
        how = self.recipes.how
        self.tests = sorted((t for t in how if t.startswith("build/unit/")),
                            key=lambda t: ("test_core" not in t, t))
        self.reaches = {test: self.closure(how[test]) for test in self.tests}
        self.reached_by_drywire = self.closure(["build/cmd/main.o", *how["build/drywire"]])
        self.plain = {}

    def copy(self, names):
        for name in names:
            to = self.folder / name
            if not to.exists() or to.read_bytes() != (ROOT / name).read_bytes():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, to)
        for folder in ("core", "sim", "cmd", "user", "tests"):
            for old in (self.folder / folder).rglob("*"):
                if old.is_file() and str(old.relative_to(self.folder)) not in names:
                    old.unlink()

    def command(self, args, limit_s):
        return subprocess.run(args, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=limit_s)

    def closure(self, words):
        """The object files of a link that the first of them, which has main(), can reach by symbols."""
        objects = [w for w in words if w.endswith(".o")]
        defined, needs = {}, {}
        for line in self.command(["nm", "-gPA", *objects], 600).stdout.splitlines():
            where, symbol, kind = line.split()[:3]
            name = where.rstrip(":")
            if kind in "Uwv":
                needs.setdefault(name, []).append(symbol)
            else:
                defined[symbol] = name
        reached, todo = set(), objects[:1]
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += [defined[s] for s in needs.get(name, ()) if s in defined]
        return reached

    def simulated(self, name):
        """True if the simulator can reach an object file of this source."""
        return not self.reached_by_drywire.isdisjoint(self.recipes.objects(name))

    def plain_object(self, target):
        """The object file without debugging information: what a change must change."""
        out = target + ".plain"
        done = self.command([*self.recipes.command(target, out), "-g0"], 300)
        return (self.folder / out).read_bytes() if done.returncode == 0 else None

    def original(self, name):
        """To be asked while the file has no change in it."""
        for target in self.recipes.objects(name):
            if target not in self.plain:
                self.plain[target] = self.plain_object(target)

    def judge(self, mutant, text, judge):
        """Make the mutant, call judge(), and put everything back."""
        path = self.folder / mutant["file"]
        original = path.read_text()
        self.original(mutant["file"])
        kept = {}
        path.write_text(text)
        try:
            made = self.build_objects(mutant["file"], kept)
            return made if made else judge(self, list(kept))
        finally:
            path.write_text(original)
            for target, old in kept.items():
                shutil.move(self.folder / old, self.folder / target)

    def build_objects(self, name, kept):
        """None when all is built; else why it is not a mutant."""
        changed = {}
        for target in self.recipes.objects(name):
            changed[target] = self.plain_object(target)
            if changed[target] is None:
                return {"verdict": "no-compile"}
        if all(changed[t] == self.plain[t] for t in changed):
            return {"verdict": "same-object"}
        again = list(changed)
        if any(t.startswith("build/user/") for t in changed):
            again.append("build/user.o")
        for target in again:
            kept[target] = target + ".kept"
            shutil.copyfile(self.folder / target, self.folder / kept[target])
            if target in changed:
                (self.folder / target).write_bytes(changed[target])
            else:
                self.link(target)
        self.link("build/drywire")
        return None

    def link(self, target):
        done = self.command(self.recipes.how[target], 300)
        if done.returncode:
            raise ToolError(f"{target} does not link:\n{done.stderr}")

    # ---- who notices ----

    def simulator(self):
        """None: passed. Else the scenario and the oracle that failed first, or "time-out"."""
        child = subprocess.Popen(["build/drywire", *SUITE], cwd=self.folder, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        late = []

        def stop(because):
            late.append(because)
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(RUN_LIMIT_S, stop, ["time-out"])
        timer.start()
        found, runs = None, 0
        try:
            for line in child.stdout:
                run = json.loads(line)
                runs += run.get("verdict") == "pass"
                if run.get("verdict") == "fail":
                    found = f"{run['scenario']} {run.get('oracle') or run.get('kind')}"
                    break
        except json.JSONDecodeError:
            pass  # cut by the time-out
        finally:
            timer.cancel()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.stdout.close()
            code = child.wait()
        if found or late:
            return found or "time-out"
        if code != 0 and code != -signal.SIGKILL or runs == 0:
            raise ToolError(f"drywire run ended with {code} after {runs} runs, without a failure")
        return None

    def ladders(self):
        """None: passed. Else the first that failed, or "ladders time-out"."""
        try:
            done = self.command(["build/drywire", "pkt", "-q", "tests/ladders"], TEST_LIMIT_S)
        except subprocess.TimeoutExpired:
            return "ladders time-out"
        failed = re.search(r"^fail  (\S+)", done.stdout, re.MULTILINE)
        if not failed and done.returncode:
            raise ToolError(f"drywire pkt ended with {done.returncode}, without a failure")
        return failed[1] if failed else None

    def unit_tests(self, changed=None):
        """None: passed. Else the test that failed, or "time-out". With `changed` object files, only
        the tests that can reach one of them."""
        for test in self.tests:
            if changed is not None and not self.reaches[test].intersection(changed):
                continue
            self.link(test)
            try:
                done = self.command([test], TEST_LIMIT_S)
            except subprocess.TimeoutExpired:
                return f"{Path(test).name} time-out"
            if done.returncode:
                words = re.findall(r"\[  FAILED  \] (?:\w+: )?([a-z]\w+)$",
                                   done.stdout + done.stderr, re.MULTILINE)
                return f"{Path(test).name} {words[0] if words else done.returncode}"
        return None


def verdict_of(tree, changed):
    found = tree.simulator()
    if found:
        return {"verdict": "simulator", "by": found}
    found = tree.ladders() or tree.unit_tests(changed)
    return {"verdict": "unit", "by": found} if found else {"verdict": "alive", "by": ""}


# ---- all of them ----

class Kept:
    """Earlier results for the same sources, by change."""

    def __init__(self, path, sources_digest):
        self.path = path
        self.known = {}
        if path.exists():
            lines = [json.loads(line) for line in path.read_text().splitlines() if line[-1:] == "}"]
            if lines and lines[0] == {"sources": sources_digest}:
                self.known = {self.key(m): m for m in lines[1:]}
        if not self.known:
            path.write_text(json.dumps({"sources": sources_digest}) + "\n")

    @staticmethod
    def key(m):
        return m["file"], m["start"], m["end"], m["replacement"]

    def get(self, mutant):
        return self.known.get(self.key(mutant))

    def add(self, mutant):
        with self.path.open("a") as out:
            out.write(json.dumps(mutant) + "\n")


def measure(draw, trees, kept, count):
    """`count` mutants with their verdicts, and how many were drawn again for which reason."""
    pool = Queue()
    for tree in trees:
        pool.put(tree)
    again = {"no-compile": 0, "same-object": 0}
    lock = threading.Lock()
    done = [0]

    def judged(mutant):
        old = kept.get(mutant)
        if old:
            return old
        tree = pool.get()
        try:
            text = mutate.apply(draw.text[mutant["file"]], mutate.Site(*(
                mutant[k] for k in ("operator", "start", "end", "replacement"))))
            mutant.update(tree.judge(mutant, text, verdict_of))
        finally:
            pool.put(tree)
        with lock:
            kept.add(mutant)
        return mutant

    def one(number):
        operator = mutate.OPERATORS[number % len(mutate.OPERATORS)]
        while True:
            with lock:
                found = draw.next(operator)
            if found is None:
                return None
            mutant = judged(describe(found[0], draw.text[found[0]], found[1]))
            with lock:
                if mutant["verdict"] in again:
                    again[mutant["verdict"]] += 1
                    continue
                done[0] += 1
                print(f"{done[0]:4}/{count} {mutant['verdict']:9} {mutant['operator']:10} "
                      f"{mutant['file']}:{mutant['line']} {mutant['by']}", file=sys.stderr)
            return mutant

    # One thread an operator: the draw of each is in its order, whoever is faster.
    def of_operator(index):
        return [one(n) for n in range(index, count, len(mutate.OPERATORS))]

    with ThreadPoolExecutor(len(mutate.OPERATORS)) as threads:
        lists = list(threads.map(of_operator, range(len(mutate.OPERATORS))))
    return [m for of in lists for m in of if m], again


# ---- the report ----

def read_equivalents(path):
    """{(file, line before, line after): reason} of the lines FILE ¦ BEFORE ¦ AFTER ¦ REASON."""
    known = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [f.strip() for f in line.split(" ¦ ")]
        if len(fields) != 4 or not all(fields):
            raise ToolError(f"{path}:{number}: expected FILE ¦ BEFORE ¦ AFTER ¦ REASON")
        known[tuple(fields[:3])] = fields[3]
    return known


def percent(part, whole):
    return f"{100 * part / whole:5.1f} %" if whole else "      -"


def rows(mutants, field):
    for name in sorted({m[field] for m in mutants}):
        of = [m for m in mutants if m[field] == name]
        yield name, of
    yield "all", mutants


def print_table(mutants, field):
    print(f"\n| by {field} | mutants | simulator alone | simulator and unit tests |\n|---|---|---|---|")
    for name, of in rows(mutants, field):
        simulator = sum(m["verdict"] == "simulator" for m in of)
        unit = sum(m["verdict"] == "unit" for m in of)
        print(f"| {name} | {len(of)} | {percent(simulator, len(of))} "
              f"| {percent(simulator + unit, len(of))} |")


def report(mutants, again, known, simulated):
    print_table(mutants, "operator")
    print_table(mutants, "file")
    outside = sorted({m["file"] for m in mutants if not simulated(m["file"])})
    if outside:
        print(f"\nwithout {', '.join(outside)}, which the simulator does not run:")
        print_table([m for m in mutants if m["file"] not in outside], "operator")
    print(f"\ndrawn again: {again['same-object']} that make the same object files, "
          f"{again['no-compile']} that do not compile")
    late = [m for m in mutants if m["by"].endswith(("time-out", "budget.alarm"))]
    if late:
        print(f"\nfound by a time limit: {len(late)}")
        for m in late:
            print(f"  {m['file']}:{m['line']}: {m['after']}")
    alive = [m for m in mutants if m["verdict"] == "alive"]
    print(f"\nalive: {len(alive)}")
    for m in sorted(alive, key=lambda m: (m["file"], m["line"])):
        reason = known.get((m["file"], m["before"], m["after"]))
        print(f"  {m['file']}:{m['line']}: {m['operator']}"
              + (f", equivalent: {reason}" if reason else ""))
        print(f"    - {m['before']}\n    + {m['after']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--build", default="build")
    parser.add_argument("--cc", default="cc")
    options = parser.parse_args()
    folder = ROOT / options.build / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    known = read_equivalents(ROOT / EQUIVALENT)
    names = sources()
    trees = [Tree(folder / f"tree-{n}", names, options.cc) for n in range(options.jobs)]
    for tree in trees[:1]:
        tree.link("build/drywire")
        found = tree.simulator() or tree.ladders() or tree.unit_tests()
        if found:
            raise ToolError(f"without a change already: {found} fails; nothing is measured")
    kept = Kept(folder / f"{options.seed}.jsonl", digest(names))
    mutants, again = measure(Draw(ROOT, options.seed), trees, kept, options.count)
    report(mutants, again, known, trees[0].simulated)
    out = folder / f"{options.seed}.json"
    out.write_text(json.dumps({"seed": options.seed, "again": again, "mutants": mutants}, indent=1))
    print(f"\n{out.relative_to(ROOT)} has all of them")


if __name__ == "__main__":
    try:
        main()
    except ToolError as error:
        sys.exit(f"mutants: {error}")

#!/usr/bin/env python3
"""Plant each bug of tests/bugs in a copy of the core and check that it is reported.

Usage: planted.py [--build DIR] [--cc CC] [NAME...]; `make bugs` runs all of them.

A bug is a patch file, tests/bugs/NAME.patch. Its first line is a sentence about the mistake; lines `key:
value` follow:

    scenario: FILE             the scenario that must fail in the simulator
    oracle: NAME...            one of these must report it, at one of the seeds 1 to 20
    boot: FILE [KEY=VALUE...]  what kernels with the bug boot in QEMU, and words of --device; default:
                               tests/scenarios/common/contract-web.scn. Over each transport, unless
                               the device names one; over mmio when the driver is not changed
    qemu TRANSPORT...: REGEX   what the verdict says there; over the other transports it must pass

and the changes of files below core/, which must apply unchanged. The build must be up to date
(drywire and both kernels): only the object files that a patch reaches are compiled again.
DIR/planted/NAME has the changed sources and the linked programs.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recipes import Recipes

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("core", "sim", "cmd", "user", "targets")
SEEDS = range(1, 21)
BOOT = "tests/scenarios/common/contract-web.scn"
MACHINES = {"rv64": {"mmio": "virt", "mmio-legacy": "virt", "pci-modern": "virt",
                     "pci-legacy": "virt"},
            "x86_64": {"mmio": "microvm", "mmio-legacy": "microvm", "pci-modern": "q35",
                       "pci-legacy": "q35"}}
TRANSPORTS = list(MACHINES["rv64"])
KERNELS = [f"{target}/kernel.elf" for target in MACHINES]
KEYS = re.compile(r"scenario|oracle|boot|qemu( (mmio|pci)-?\w*)+")

# One start of a kernel; `words` is the regular expression of its verdict, or None: it passes.
Boot = namedtuple("Boot", "target transport device scenario words")


class ToolError(Exception):
    pass


class Bug:
    """The contents of a patch file."""

    def __init__(self, path):
        self.name, self.path = path.stem, path
        text = path.read_text()
        head = text.split("\n--- a/", 1)[0].splitlines()
        fields = [line.partition(": ") for line in head[1:] if line]
        values = {key: value for key, _, value in fields}
        for key, value in values.items():
            if not KEYS.fullmatch(key) or not value:
                raise ToolError(f"{path.name}: '{key}' is not a key with a value (tools/planted.py)")
        if len(values) != len(fields) or not {"scenario", "oracle"} <= set(values):
            raise ToolError(f"{path.name} needs scenario: and oracle:, and no key twice")
        self.what = head[0]
        self.scenario = values["scenario"]
        self.oracles = values["oracle"].split()
        self.changes = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
        self.boots = self.starts(values)

    def starts(self, values):
        scenario, *device = values.get("boot", BOOT).split()
        shown = {transport: words for key, words in values.items() if key.startswith("qemu ")
                 for transport in key.split()[1:]}
        over = [word[len("transport="):] for word in device if word.startswith("transport=")]
        device = [word for word in device if not word.startswith("transport=")]
        if not over:
            driver = any(name.startswith("core/virtio/") for name in self.changes)
            over = TRANSPORTS if driver else TRANSPORTS[:1]
        if not shown.keys() <= set(over):
            raise ToolError(f"{self.path.name}: nothing is booted over {' '.join(shown.keys() - set(over))}")
        return [Boot(target, transport, " ".join(device), scenario, shown.get(transport))
                for target in MACHINES for transport in over]

    def apply(self, folder):
        """Change the sources in `folder`; returns the names of the files that were changed."""
        env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}  # no work tree: no index
        done = subprocess.run(["git", "apply", self.path], cwd=folder, env=env, capture_output=True,
                              text=True)
        if done.returncode:
            raise ToolError(f"{self.path.name} does not apply: make it anew\n{done.stderr}")
        return self.changes


def bugs():
    """{name: Bug}, in the order of the names."""
    paths = sorted((ROOT / "tests/bugs").glob("*.patch"), key=lambda p: p.name.encode())
    return {path.stem: Bug(path) for path in paths}


# ---- programs and kernels with a change ----

def revision_flag(folder):
    """The Makefile's digest of the core's sources: a journal is replayed by the core that wrote it."""
    total = hashlib.sha256()
    for path in sorted((folder / "core").glob("*/*.[ch]"), key=lambda p: str(p).encode()):
        total.update(path.read_bytes())
    return f'-DCORE_REVISION="{total.hexdigest()[:16]}"'


class Planter:
    """Links programs and kernels that differ from those in the build in one change of the sources."""

    def __init__(self, build, cc, targets):
        self.build = build
        self.recipes = Recipes(ROOT, [f"O={build}", f"CC={cc}"], [f"{build}/{t}" for t in targets])
        self.revision = revision_flag(ROOT)
        self.revised = {target for target, words in self.recipes.how.items() if self.revision in words
                        and "CORE_REVISION" in (ROOT / words[words.index("-c") + 1]).read_text()}

    def plant(self, folder, change, targets):
        """Copy the sources into `folder`, let change(folder) edit them and return which files it
        changed, and link `targets` in folder/planted, named as in the build."""
        shutil.rmtree(folder, ignore_errors=True)
        for name in SOURCES:
            shutil.copytree(ROOT / name, folder / name)
        if not Path(self.build).is_absolute():  # the commands name object files by relative paths
            (folder / self.build).parent.mkdir(parents=True, exist_ok=True)
            (folder / self.build).symlink_to(ROOT / self.build)
        targets = [f"{self.build}/{t}" for t in targets]
        inputs = {word for target in targets for word in self.recipes.how[target]}
        reached = {o for name in change(folder) for o in self.recipes.objects(name)} & inputs
        if not reached:
            raise ToolError(f"{folder.name} changes nothing of {' '.join(targets)}")
        planted = {self.revision: revision_flag(folder)}
        for target in [*sorted(reached | (self.revised & inputs)), *targets]:
            planted[target] = self.make(folder, target, planted)

    def make(self, folder, target, planted):
        out = folder / "planted" / Path(target).relative_to(self.build)
        out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(self.recipes.command(target, str(out), planted), cwd=folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise ToolError(f"{folder.name}: {target} cannot be built\n{done.stderr}")
        return str(out)


# ---- who reports it ----

def drywire(*args):
    return subprocess.run([str(a) for a in args], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")


def simulate(bug, binary):
    """(seed, oracle) of the run that caught it; ToolError when no seed did."""
    others = set()
    for seed in SEEDS:
        done = drywire(binary, "run", "--json", "--seed", seed, bug.scenario)
        result = json.loads(done.stdout.splitlines()[0])
        if result["verdict"] == "fail":
            if result["oracle"] in bug.oracles:
                return seed, result["oracle"]
            others.add(result["oracle"])
    raise ToolError(f"{bug.name}: {bug.scenario} must fail with {' or '.join(bug.oracles)}; in "
                    f"{len(SEEDS)} seeds: {' and '.join(sorted(others)) or 'all pass'}")


def boot(start, binary, kernel):
    """ToolError for a wrong verdict."""
    done = drywire(binary, "qemu", "--target", start.target, "--machine",
                   MACHINES[start.target][start.transport], "--kernel", kernel, "--device",
                   f"transport={start.transport} {start.device}", start.scenario)
    right = done.returncode == (1 if start.words else 0)
    if start.words and not re.search(f"^what: +{start.words}", done.stdout, re.M):
        right = False
    if not right:
        raise ToolError(f"{start.target} {start.transport}: the verdict must be "
                        f"{start.words or 'pass'}\n{done.stdout}{done.stderr}")


def judge(planter, bug, folder, pool):
    """The report of the simulator, and the futures of its kernels, in `pool`."""
    planter.plant(folder, bug.apply, ["drywire", *KERNELS])
    binary = ROOT / planter.build / "drywire"
    boots = [pool.submit(boot, start, binary, folder / f"planted/{start.target}/kernel.elf")
             for start in bug.boots]
    seed, oracle = simulate(bug, folder / "planted/drywire")
    shown = sum(start.words is not None for start in bug.boots)
    return f"{oracle} at seed {seed}; in {shown} of {len(boots)} kernels", boots


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    known = bugs()
    for name in options.names:
        if name not in known:
            raise ToolError(f"tests/bugs/{name}.patch does not exist")
    names = options.names or list(known)
    planter = Planter(options.build, options.cc, ["drywire", *KERNELS])
    begun, missed = time.monotonic(), 0
    # A kernel that fails mostly waits for a time-out.
    with ThreadPoolExecutor(2) as bug_pool, ThreadPoolExecutor(8) as boot_pool:
        judged = {name: bug_pool.submit(judge, planter, known[name],
                                        ROOT / options.build / "planted" / name, boot_pool)
                  for name in names}
        for name, result in judged.items():
            try:
                line, boots = result.result()
                for started in boots:
                    started.result()
                print(f"{name:24} {line}", flush=True)
            except ToolError as error:
                missed += 1
                print(f"{name:24} NOT AS IT SHOULD BE: {error}", flush=True)
    print(f"{len(names) - missed} of {len(names)} planted bugs are reported as their files expect, "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToolError as error:
        sys.exit(f"planted: {error}")

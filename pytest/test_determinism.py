"""A run is a pure function of scenario, seed and source: compilers, optimisation, sanitizers,
coverage, environment, locale, allocator and instruction set must not matter."""

import functools
import json
import re

import pytest

from conftest import BUILD, ROOT, build_variant, drywire, results

pytestmark = pytest.mark.slow

VARIANTS = {
    "gcc-O0": ["CC=gcc", "CFLAGS_EXTRA=-O0"],
    "clang-O2": ["CC=clang"],
    "clang-O0": ["CC=clang", "CFLAGS_EXTRA=-O0"],
    "asan": ["CC=gcc", "SANITIZE=address,undefined"],
    "gcov": ["CC=gcc", "CFLAGS_EXTRA=-O1 --coverage"],
}


SEEDS = range(1, 21)
SAMPLE = (1, 7, 20)  # of a build that is slow: sanitizers and coverage
SLOW = {"asan", "gcov"}


def hashes(found):
    return {name: r["hash"] for name, r in found.items()}


@functools.lru_cache
def runs_of(binary, seed, *names):
    """{(scenario, memory): (verdict, hash)} under this seed, each scenario weak and strong."""
    done = drywire("run", "--json", "--memory", "both", "--seed", seed, *(names or ["tests/scenarios"]), binary=binary)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and not any(r["verdict"] == "error" for r in found), (seed, done.stderr)
    return {(r["scenario"], r["memory"]): (r["verdict"], r["hash"]) for r in found}


def page(binary, folder):
    """The report of a run with every kind of fault, but for the build's own link to its coverage."""
    path = folder / "run.html"
    done = drywire("report", "tests/scenarios/common/send-everything-wrong.scn", "--seed", 4, "-o", path,
                   binary=binary)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r'"coverage":".*",\n', "", path.read_text())


@pytest.mark.parametrize("name", VARIANTS)
def test_the_build_does_not_matter(name, tmp_path):
    folder = build_variant(name, *VARIANTS[name])
    for seed in SAMPLE if name in SLOW else SEEDS:
        assert runs_of(folder / "drywire", seed) == runs_of(BUILD / "drywire", seed), seed
    assert page(folder / "drywire", tmp_path) == page(BUILD / "drywire", tmp_path)


def test_environment_locale_and_allocator_do_not_matter(reference):
    env = {"LC_ALL": "tr_TR.UTF-8", "LANG": "C.UTF-8", "TZ": "Asia/Kathmandu",
           "MALLOC_PERTURB_": "165", "PADDING": "x" * 4000}
    assert hashes(results("tests/scenarios", env=env)) == hashes(reference)


def test_repeated_in_one_process():
    done = drywire("run", "-q", "--repeat", 5, "tests/scenarios")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_determinism_passes():
    done = drywire("run", "-q", "--check-determinism", "tests/scenarios")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_leak_of_the_wall_clock_is_caught():
    folder = build_variant("leak", "CC=gcc", "CFLAGS_EXTRA=-DDRYWIRE_LEAK_CLOCK")
    done = drywire("run", "--check-determinism", "tests/scenarios/slirp/lease.scn",
                   binary=folder / "drywire")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "differ" in done.stdout + done.stderr


def both_ways(binary):
    """Hashes of all scenarios, one after the other in one process, from either end: another half of them
    ran before each scenario."""
    names = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests/scenarios").rglob("*.scn"))
    return [runs_in_order(binary, order) for order in (names, names[::-1])]


def runs_in_order(binary, names):
    done = drywire("run", "--json", "--jobs", 1, *names, binary=binary)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(names), done.stderr
    return {r["scenario"]: r["hash"] for r in found}


def test_a_run_does_not_see_a_former_one():
    forth, back = both_ways(BUILD / "drywire")
    assert forth == back
    name = "tests/scenarios/slirp/lease.scn"
    assert runs_in_order(BUILD / "drywire", [name]) == {name: forth[name]}


def test_a_machine_that_remembers_former_runs_is_caught():
    folder = build_variant("leak-runs", "CC=gcc", "CFLAGS_EXTRA=-DDRYWIRE_LEAK_RUNS")
    forth, back = both_ways(folder / "drywire")
    assert forth != back


def test_another_instruction_set(reference, tmp_path):
    """World native on aarch64 under user-mode emulation, statically linked."""
    folder = build_variant("aarch64", "CC=aarch64-linux-gnu-gcc", "LD=aarch64-linux-gnu-ld",
                           "SLIRP=", "CFLAGS_EXTRA=-static")
    native = sorted(n for n in reference if "native/" in n)
    assert native
    emulator = tmp_path / "drywire"
    emulator.write_text(f"#!/bin/sh\nexec qemu-aarch64 '{folder}/drywire' \"$@\"\n")
    emulator.chmod(0o755)
    for seed in SAMPLE:
        assert runs_of(emulator, seed, *native) == runs_of(BUILD / "drywire", seed, *native), seed

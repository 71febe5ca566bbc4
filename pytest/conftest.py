"""Orchestration only: where the build is, how to run drywire, how to build a variant of it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = (ROOT / os.environ.get("O", "build")).resolve()
SCENARIOS = sorted((ROOT / "tests/scenarios").glob("**/*.scn"), key=lambda p: str(p).encode())


def relative(path):
    return str(Path(path).relative_to(ROOT))


def command(args, **options):
    """Run a command in the project's root; text in, text out, never a shell."""
    options.setdefault("timeout", 600)
    return subprocess.run(
        [str(a) for a in args],
        cwd=options.pop("cwd", ROOT),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        **options,
    )


def drywire(*args, binary=None, env=None, **options):
    full = dict(os.environ)
    full.pop("GITHUB_ACTIONS", None)
    full.update(env or {})
    return command([binary or BUILD / "drywire", *args], env=full, **options)


def results(*args, **options):
    """The verdict objects of `drywire run --json`, by scenario."""
    done = drywire("run", "--json", *args, **options)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    return {line["scenario"]: line for line in lines}


def build_variant(name, *variables, targets=("drywire",)):
    """Build with other variables into build/variant/NAME; returns that folder."""
    folder = BUILD / "variant" / name
    done = command(["make", "-s", "-j2", f"O={folder}", *variables,
                    *[f"{folder}/{t}" for t in targets]])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pytest_configure(config):
    config.addinivalue_line("markers", "sim: runs scenarios in the simulator")
    config.addinivalue_line("markers", "qemu: boots targets in QEMU")
    config.addinivalue_line("markers", "browser: opens pages in a headless Chromium")
    config.addinivalue_line("markers", "slow: builds variants of the simulator")


@pytest.fixture(scope="session")
def reference():
    """Hash and verdict of every scenario, from the build under test."""
    return results("tests/scenarios")

"""Nothing of the host: no network call is made, and none could be."""

from conftest import BUILD, command


def test_no_network_system_call(tmp_path):
    log = tmp_path / "strace"
    done = command(["strace", "-f", "-qq", "-e", "trace=network", "-o", log,
                    BUILD / "drywire", "run", "-q", "tests/scenarios"])
    assert done.returncode == 0, done.stdout + done.stderr
    calls = [line for line in log.read_text().splitlines()
             if "---" not in line and "+++" not in line]
    assert calls == []


def test_in_an_empty_network_namespace():
    done = command(["unshare", "-rn", BUILD / "drywire", "run", "-q", "tests/scenarios"])
    assert done.returncode == 0, done.stdout + done.stderr

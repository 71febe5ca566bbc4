"""docs/embedding.md: its commands and its program, as printed; as C++; beside the system's headers."""

import re
import shutil

import pytest

from conftest import ROOT, command

TEXT = (ROOT / "docs/embedding.md").read_text()
PROGRAM = re.search(r"^```c\n(.+?)^```$", TEXT, re.M | re.S)[1]
COMMANDS = re.search(r"and run:\n\n((?:    .+\n)+)", TEXT)[1]
# Whatever a program may include besides.
SYSTEM = """arpa/inet.h net/ethernet.h net/if.h net/if_arp.h netdb.h netinet/icmp6.h netinet/in.h netinet/ip.h
    netinet/ip_icmp.h netinet/tcp.h netinet/udp.h poll.h pthread.h signal.h sys/param.h sys/socket.h sys/types.h
    time.h unistd.h""".split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedding")
    shutil.copytree(ROOT / "core", folder / "core")
    (folder / "two.c").write_text(PROGRAM)
    return folder


def test_the_commands_run_as_printed(folder):
    done = command(["sh", "-ec", COMMANDS], cwd=folder)
    assert (done.returncode, done.stdout) == (0, "after 2 ms: hello\n"), done.stderr


@pytest.mark.parametrize("first", ["system", "core"])
@pytest.mark.parametrize("compiler", [["cc", "-xc", "-std=gnu11"], ["clang", "-xc++", "-std=c++17"]], ids=["c", "c++"])
def test_headers_compile_beside_those_of_the_system(folder, compiler, first):
    system = "".join(f"#include <{name}>\n" for name in SYSTEM)
    core = 'extern "C" {\n' if "-xc++" in compiler else ""
    core += '#include "core/net/stack.h"\n#include "core/net/socket.h"\n#include "core/trace/trace.h"\n'
    core += "}\n" if "-xc++" in compiler else ""
    source = folder / f"headers_{first}.txt"
    source.write_text((system + core if first == "system" else core + system) + PROGRAM)
    done = command([*compiler, "-Wall", "-Werror", "-D_GNU_SOURCE", "-I.", "-c", source, "-o", "/dev/null"], cwd=folder)
    assert done.returncode == 0, done.stderr


def test_it_runs_as_cpp_with_invariants_and_sanitizers(folder):
    flags = ["-I.", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = [str(p.relative_to(folder)) for p in sorted((folder / "core/net").glob("*.c")) if p.stem != "socket"]
    build = folder / "cpp"
    build.mkdir()
    base = [f"core/base/{name}.c" for name in ("bitset", "checksum", "rng")]
    for source in sources + base:
        done = command(["clang", "-std=c11", *flags, "-c", source, "-o", build / (source.replace("/", "_") + ".o")],
                       cwd=folder)
        assert done.returncode == 0, done.stderr
    done = command(["clang", "-xc++", *flags, "-fno-sanitize=function,vptr", "two.c", "-xnone",
                    *sorted(build.glob("*.o")), "-o", build / "two"], cwd=folder)
    assert done.returncode == 0, done.stderr
    done = command([build / "two"])
    assert (done.returncode, done.stdout) == (0, "after 2 ms: hello\n"), done.stderr

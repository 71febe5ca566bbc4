"""What the build proves: no hidden globals, really freestanding, who may include whom, generated
documents up to date, virtio constants equal to the kernel's."""

import re
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, command, relative

PLAIN = BUILD / "plain"
OBJECTS = sorted(PLAIN.glob("**/*.o"))
LIBC = {"memcpy", "memmove", "memset", "memcmp"}


def symbols(path):
    out = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        fields = line.split()
        yield fields[-2], fields[-1]


def test_plain_objects_are_there():
    assert len(OBJECTS) > 30


def test_no_writable_file_scope_data():
    bad = [(relative(o), kind, name) for o in OBJECTS for kind, name in symbols(o)
           if kind in "BbDdCGgSs"]
    assert not bad


@pytest.mark.parametrize("room", ["core", "user"])
def test_undefined_symbols_are_the_rooms_own(room):
    objects = [o for o in OBJECTS if o.relative_to(PLAIN).parts[0] == room]
    defined = {name for o in objects for kind, name in symbols(o) if kind.isupper() and kind != "U"}
    undefined = {name for o in objects for kind, name in symbols(o) if kind == "U"}
    allowed = LIBC | ({"drywire_syscall"} if room == "user" else set())
    assert undefined - defined <= allowed


ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
FLOORS = re.findall(r"^\| `([\w/]+)` \|", ARCHITECTURE.split("## Floors")[1].split("\n## ")[0], re.M)
# Folders with fewer includes than their floor allows; the longest prefix of a file counts, and a folder
# always sees itself.
CORE_FOR_SIM = ["core/base", "core/port", "core/trace", "core/interface"]
ONLY = {
    "core/net": ["core/base", "core/port", "core/trace", "core/interface"],
    "user": ["core/interface/syscall.h", "core/base/err.h", "core/base/array.h", "core/base/minmax.h"],
    "sim": [*CORE_FOR_SIM, "sim", "user/programs.h"],
    "sim/frame": ["sim", "core/base/array.h", "core/base/minmax.h"],
    "sim/world/native": ["sim", "core/base/array.h", "core/base/minmax.h"],
    "sim/fake_device": ["core/base/array.h", "core/base/minmax.h", "sim/base/word.h", "sim/engine",
                        "sim/text/values.h", "core/virtio/virtio_spec.h"],
    "sim/machine/guest_core.c": ["core", "sim"],
    "sim/pkt/core_stack.c": ["core", "sim"],
    "sim/world/native/native_core.c": ["core", "sim"],
    "cmd": [*CORE_FOR_SIM, "sim", "cmd", "user/programs.h", "user/http.h"],
    "cmd/qtest": [*CORE_FOR_SIM, "sim", "cmd", "user/programs.h", "core/virtio/virtio_spec.h"],
    "cmd/replay/replay_core.c": ["core", "sim", "cmd"],
    "tests/guests/stack_lwip.c": ["sim/pkt/stack.h"],
    "tests/guests": ["sim/machine/guest.h", "core/port/platform.h"],
    "tests/targets/isolation": ["user", "core/base/array.h"],
}
# What the simulator uses of the C library: memory, text, sorting, a jump. No clock, environment, terminal,
# command line or file; a stream that it writes was opened by the caller.
SIM_LIBC = set("""
    abort bcmp calloc free longjmp madvise malloc memchr memcmp memcpy memmove memset mmap mprotect
    munmap qsort realloc _setjmp _GLOBAL_OFFSET_TABLE_ __stack_chk_fail
    snprintf sprintf sscanf strchr strcmp strcpy strcspn strlen strncmp strnlen strrchr strspn strstr strtok_r
    strtol strtoul vsnprintf
    fprintf fputc fputs fwrite
""".split())
# And who uses more: out of memory ends the program (memory.c), one page that is mapped many times is an
# anonymous file (pattern.c), and libslirp gets its own C library (docs/simulator.md).
SIM_MORE = {
    "sim/base/memory.o": {"exit", "fclose", "open_memstream", "stderr"},
    "sim/base/pattern.o": {"close", "ftruncate", "memfd_create"},
    "sim/world/slirp/host_libc.o": {"__errno_location", "dlsym", "fmemopen", "fstatat", "fstatat64",
                                    "syscall"},
    "sim/world/slirp/world_slirp.o": {"mallopt", "stderr", "unsetenv"},
}
# The core is freestanding: these are the headers of the compiler.
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h"}


def below(path, prefixes):
    """The longest of `prefixes` that is `path` or a folder above it, or None."""
    return max((p for p in prefixes if path == p or path.startswith(p + "/")), key=len, default=None)


def sources():
    for folder in ("core", "user", "sim", "cmd", "targets", "tests"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield relative(path), path


def includes(path):
    for kind, target in re.findall(r'^#include ([<"])([^">]+)[">]', path.read_text(), re.M):
        full = (path.parent / target).resolve()
        if kind == "<" or full.exists():
            yield kind, target if kind == "<" else relative(full)


def test_every_folder_has_its_floor():
    folders = {str(Path(name).parent) for name, _ in sources()
               if name.startswith(("core/", "user/", "sim/", "cmd/"))}
    assert sorted(FLOORS) == sorted(folders)


LAYERS = [re.findall(r"`(\w+)`", row) for row in re.findall(
    r"^\| [^|`]+ \| (`.+) \|$", ARCHITECTURE.split("## Layers of the network")[1].split("\n## ")[0], re.M)
    if "`core/net`" not in row]


def test_no_layer_of_the_network_includes_one_above_it():
    layer = {name: i for i, names in enumerate(LAYERS) for name in names}
    files = sorted((ROOT / "core/net").glob("*.[ch]"))
    assert sorted(layer) == sorted({f.stem for f in files})
    bad = [f"{f.name} includes {target}" for f in files for _, target in includes(f)
           if target.startswith("core/net/") and layer[Path(target).stem] > layer[f.stem]]
    assert not bad


def test_where_is_what():
    table = ARCHITECTURE.split("## Where is ...?")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+\?) \| `(\S+)` \| `(.+)` \|$", table, re.M)
    assert len(rows) >= 25
    bad = [row for row in rows if row[2] not in (ROOT / row[1]).read_text()]
    assert not bad


def test_no_include_points_down_the_list():
    bad = []
    for name, path in sources():
        folder = str(Path(name).parent)
        for kind, target in includes(path):
            if kind == "<":
                if name.startswith(("core/", "user/")) and target not in FREESTANDING:
                    bad.append(f"{name} includes <{target}>")
                continue
            there = str(Path(target).parent)
            if folder in FLOORS and FLOORS.index(there) > FLOORS.index(folder):
                bad.append(f"{name} includes {target}, of a later floor")
            only = below(name, ONLY)
            if only and there != folder and not below(target, ONLY[only]):
                bad.append(f"{name} includes {target}; {only} may not")
    assert not bad


def test_a_run_asks_the_host_for_memory_alone():
    objects = {str(p.relative_to(BUILD)): p for p in sorted((BUILD / "sim").rglob("*.o"))
               if (ROOT / p.relative_to(BUILD)).with_suffix(".c").exists()}
    ours = [*objects.values(), *(BUILD / "core").rglob("*.o"), BUILD / "user.o"]
    defined = {name for o in ours for kind, name in symbols(o) if kind.isupper() and kind != "U"}
    bad = {}
    for name, path in objects.items():
        asked = {symbol for kind, symbol in symbols(path) if kind == "U"} - defined
        asked = {re.sub(r"^__isoc\d+_", "", symbol) for symbol in asked}
        more = asked - SIM_LIBC - SIM_MORE.get(name, set())
        if "sim/world/slirp/" in name:
            more = {symbol for symbol in more if not symbol.startswith("slirp_")}
        if more:
            bad[name] = more
    assert len(objects) > 50 and not bad


def test_protocol_names_stay_out_of_the_kernel():
    """A protocol's name appears only in machine.c (and in the one include of kernel.h)."""
    words = re.compile(r"\b(tcp|udp|dhcp|arp|ipv4|dgram|eth)_\w+\(")
    for path in sorted((ROOT / "core/kernel").glob("*.c")):
        if path.name != "machine.c":
            assert not words.search(path.read_text()), path.name


def test_markers_page_is_what_the_table_says():
    done = command([BUILD / "markers"])
    assert done.stdout == (ROOT / "docs/markers.md").read_text(), \
        "run: build/markers > docs/markers.md"


# Our name -> the kernel's, where they differ.
RENAMED = {
    "VIRTIO_STATUS_ACKNOWLEDGE": "VIRTIO_CONFIG_S_ACKNOWLEDGE",
    "VIRTIO_STATUS_DRIVER": "VIRTIO_CONFIG_S_DRIVER",
    "VIRTIO_STATUS_DRIVER_OK": "VIRTIO_CONFIG_S_DRIVER_OK",
    "VIRTIO_STATUS_FEATURES_OK": "VIRTIO_CONFIG_S_FEATURES_OK",
    "VIRTIO_STATUS_DEVICE_NEEDS_RESET": "VIRTIO_CONFIG_S_NEEDS_RESET",
    "VIRTIO_STATUS_FAILED": "VIRTIO_CONFIG_S_FAILED",
    "VIRTIO_ID_ENTROPY": "VIRTIO_ID_RNG",
    "VIRTIO_F_INDIRECT_DESC": "VIRTIO_RING_F_INDIRECT_DESC",
    "VIRTIO_F_EVENT_IDX": "VIRTIO_RING_F_EVENT_IDX",
    "VIRTQ_DESC_F_NEXT": "VRING_DESC_F_NEXT",
    "VIRTQ_DESC_F_WRITE": "VRING_DESC_F_WRITE",
    "VIRTQ_DESC_F_INDIRECT": "VRING_DESC_F_INDIRECT",
    "VIRTQ_AVAIL_F_NO_INTERRUPT": "VRING_AVAIL_F_NO_INTERRUPT",
    "VIRTQ_USED_F_NO_NOTIFY": "VRING_USED_F_NO_NOTIFY",
    "VIRTIO_MMIO_QUEUE_AVAIL_LOW": "VIRTIO_MMIO_QUEUE_AVAIL_LOW",
    "VIRTIO_PCI_CAP_SIZE": "sizeof(struct virtio_pci_cap)",
    "VIRTIO_PCI_NOTIFY_CAP_SIZE": "sizeof(struct virtio_pci_notify_cap)",
    "VIRTIO_PCI_COMMON_SIZE": "sizeof(struct virtio_pci_common_cfg)",
    "VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT": "VIRTIO_PCI_COMMON_DFSELECT",
    "VIRTIO_PCI_COMMON_DEVICE_FEATURE": "VIRTIO_PCI_COMMON_DF",
    "VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT": "VIRTIO_PCI_COMMON_GFSELECT",
    "VIRTIO_PCI_COMMON_DRIVER_FEATURE": "VIRTIO_PCI_COMMON_GF",
    "VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR": "VIRTIO_PCI_COMMON_MSIX",
    "VIRTIO_PCI_COMMON_NUM_QUEUES": "VIRTIO_PCI_COMMON_NUMQ",
    "VIRTIO_PCI_COMMON_DEVICE_STATUS": "VIRTIO_PCI_COMMON_STATUS",
    "VIRTIO_PCI_COMMON_CONFIG_GENERATION": "VIRTIO_PCI_COMMON_CFGGENERATION",
    "VIRTIO_PCI_COMMON_QUEUE_SELECT": "VIRTIO_PCI_COMMON_Q_SELECT",
    "VIRTIO_PCI_COMMON_QUEUE_SIZE": "VIRTIO_PCI_COMMON_Q_SIZE",
    "VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR": "VIRTIO_PCI_COMMON_Q_MSIX",
    "VIRTIO_PCI_COMMON_QUEUE_ENABLE": "VIRTIO_PCI_COMMON_Q_ENABLE",
    "VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF": "VIRTIO_PCI_COMMON_Q_NOFF",
    "VIRTIO_PCI_COMMON_QUEUE_DESC": "VIRTIO_PCI_COMMON_Q_DESCLO",
    "VIRTIO_PCI_COMMON_QUEUE_DRIVER": "VIRTIO_PCI_COMMON_Q_AVAILLO",
    "VIRTIO_PCI_COMMON_QUEUE_DEVICE": "VIRTIO_PCI_COMMON_Q_USEDLO",
    "VIRTIO_PCI_CONFIG": "VIRTIO_PCI_CONFIG_OFF(0)",
    "VIRTIO_PCI_CONFIG_MSIX": "VIRTIO_PCI_CONFIG_OFF(1)",
    "PCI_BASE_ADDRESS_MEM_MASK": "(uint32_t)PCI_BASE_ADDRESS_MEM_MASK",
    "PCI_BASE_ADDRESS_IO_MASK": "(uint32_t)PCI_BASE_ADDRESS_IO_MASK",
    "VIRTQ_DESC_F_AVAIL": "(1 << VRING_PACKED_DESC_F_AVAIL)",
    "VIRTQ_DESC_F_USED": "(1 << VRING_PACKED_DESC_F_USED)",
    "VIRTQ_EVENT_WRAP": "(1 << VRING_PACKED_EVENT_F_WRAP_CTR)",
    "VIRTQ_EVENT_FLAGS_ENABLE": "VRING_PACKED_EVENT_FLAG_ENABLE",
    "VIRTQ_EVENT_FLAGS_DISABLE": "VRING_PACKED_EVENT_FLAG_DISABLE",
    "VIRTQ_EVENT_FLAGS_DESC": "VRING_PACKED_EVENT_FLAG_DESC",
    "VIRTQ_PACKED_DESC_ADDR": "offsetof(struct vring_packed_desc, addr)",
    "VIRTQ_PACKED_DESC_LEN": "offsetof(struct vring_packed_desc, len)",
    "VIRTQ_PACKED_DESC_ID": "offsetof(struct vring_packed_desc, id)",
    "VIRTQ_PACKED_DESC_FLAGS": "offsetof(struct vring_packed_desc, flags)",
    "VIRTQ_EVENT_OFF_WRAP": "offsetof(struct vring_packed_desc_event, off_wrap)",
    "VIRTQ_EVENT_FLAGS": "offsetof(struct vring_packed_desc_event, flags)",
    "VIRTQ_EVENT_SIZE": "sizeof(struct vring_packed_desc_event)",
}


def test_virtio_constants_equal_the_kernels(tmp_path):
    text = (ROOT / "core/virtio/virtio_spec.h").read_text()
    ours = re.findall(r"^#define (VIRT\w+|PCI_\w+)\s+([0-9][\w]*)", text, re.M)
    lines = []
    for name, _ in ours:
        other = RENAMED.get(name, name)
        line = f"T({name}, {other})\n"
        lines.append(line if "(" in other else f"#ifdef {other}\n{line}#endif\n")
    headers = "".join(f"#include <linux/virtio_{h}.h>\n" for h in
                      ("config", "ring", "mmio", "net", "ids", "pci"))
    headers += "#include <linux/pci_regs.h>\n"
    ours_c = "".join(f"const unsigned long long OURS_{n} = {n};\n" for n, _ in ours)
    (tmp_path / "ours.c").write_text(f'#include "{ROOT}/core/virtio/virtio_spec.h"\n{ours_c}')
    (tmp_path / "kernel.c").write_text(
        headers + "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n"
        + "".join(f"extern const unsigned long long OURS_{n};\n" for n, _ in ours)
        + "static int n, bad;\n#define T(a, b) n++; if (OURS_##a != (unsigned long long)(b)) "
          "{ bad++; puts(#a); }\n"
        + "int main(void)\n{\n" + "".join(lines) + 'printf("%d compared\\n", n); return bad != 0;\n}\n')
    done = command(["gcc", "-o", tmp_path / "t", tmp_path / "kernel.c", tmp_path / "ours.c"])
    assert done.returncode == 0, done.stderr
    done = command([tmp_path / "t"])
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[-2]) >= 70, done.stdout

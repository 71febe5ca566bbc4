#!/bin/sh
# What drywire needs from the system. As root on Debian, what is missing is installed; otherwise the
# exact line is printed. Usage: tools/setup.sh sim|test|doctor
#
#   sim    a compiler, make and xxhash; libslirp is wanted, not needed
#   test   besides: pytest, cmocka, libfdt, gcovr, gdb, tshark, strace, a browser, a second compiler, an
#          aarch64
#          compiler, QEMU for x86_64 and rv64 with their firmware, a compiler for rv64
#
# Exit: 0 ready, 125 something needed is missing and cannot be installed here.
set -u
want=${1:-doctor}

has() { command -v "$1" >/dev/null 2>&1; }
header() { [ -e "/usr/include/$1" ]; }

need='' wish=''
check() { # check needed|wished PACKAGE TEST...
    kind=$1 package=$2
    shift 2
    if "$@"; then
        [ "$want" = doctor ] && echo "  present  $package"
        return
    fi
    [ "$want" = doctor ] && echo "  missing  $package"
    if [ "$kind" = needed ]; then need="$need $package"; else wish="$wish $package"; fi
}

check needed gcc has gcc
check needed make has make
check needed libc6-dev header stdio.h
check needed libxxhash-dev header xxhash.h
check wished libslirp-dev header slirp/libslirp.h
if [ "$want" != sim ]; then
    check needed python3-pytest /usr/bin/python3 -c 'import pytest'
    check needed libcmocka-dev header cmocka.h
    check needed libfdt-dev header libfdt.h
    check needed gcovr has gcovr
    check needed gdb has gdb
    check needed tshark has tshark
    check needed strace has strace
    check needed curl has curl
    check needed iproute2 has ip
    check needed chromium has chromium
    check needed clang has clang
    check needed libclang-rt-14-dev test -e /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux
    check needed gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
    check needed libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdio.h
    check needed gcc-riscv64-unknown-elf has riscv64-unknown-elf-gcc
    check needed qemu-system-x86 has qemu-system-x86_64
    check needed qemu-system-misc has qemu-system-riscv64
    check needed qemu-user has qemu-aarch64
    check needed git has git
    check needed seabios test -e /usr/share/seabios/bios-256k.bin
    check needed ipxe-qemu test -e /usr/lib/ipxe/qemu/efi-virtio.rom
fi

if [ -z "$need$wish" ]; then
    [ "$want" = doctor ] && echo "everything is here"
    exit 0
fi
if [ "$want" = doctor ]; then
    echo "to install what is missing:  apt-get install -y$need$wish"
    exit 0
fi
if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing:$need$wish"
    log=$(mktemp)
    # shellcheck disable=SC2086
    if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $need $wish) >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
fi
if [ -n "$need" ]; then
    echo "drywire: missing:$need" >&2
    echo "drywire: as root:  apt-get install -y$need$wish" >&2
    exit 125
fi
echo "drywire: without$wish some scenarios are skipped; as root:  apt-get install -y$wish" >&2
exit 0

#!/bin/sh
# What drywire needs from the system. As root on Debian, what is missing is installed; otherwise the
# exact line is printed. Usage: tools/setup.sh sim|test|lint|bench|need|doctor
#
#   sim     a compiler, make and xxhash; libslirp is optional
#   test    besides: pytest, cmocka, libfdt, gcovr, gdb, tshark, strace, a browser, a second compiler,
#           an aarch64 compiler, QEMU for x86_64 and rv64 with their firmware, a compiler for rv64
#   lint    what `make lint` and `make fmt` call
#   bench   as test, and: valgrind; lwIP, with which the core is compared, is optional
#   need    as sim, but nothing is installed
#   doctor  every package, present or missing
#
# Each check tries the tool itself, so that no release's paths or versions are listed here, and none
# reads the current folder: the checkout has a folder named pytest.
#
# Exit: 0 ready, 125 something needed is missing and cannot be installed here.
set -u
want=${1:-doctor}

has() { command -v "$1" >/dev/null 2>&1; }
quiet() { "$@" >/dev/null 2>&1; }
header() { # header FILE [FLAG]
    echo "#include <$1>" | quiet cc ${2:+"$2"} -E -x c -
}
sanitizes() { echo 'int main(void) { return 0; }' | quiet clang -fsanitize=address -x c - -o /dev/null; }
firmware() { # firmware FILE: in one of the folders that QEMU looks into
    for folder in $(qemu-system-x86_64 -L help 2>/dev/null); do
        [ -e "$folder/$1" ] && return
    done
    return 1
}

check() { # check needed|optional PACKAGE TEST...
    kind=$1 package=$2
    shift 2
    if "$@"; then
        present="$present $package"
    elif [ "$kind" = needed ]; then
        need="$need $package"
    else
        optional="$optional $package"
    fi
}

# Sets present, need and optional: names of packages, each after a space.
survey() {
    present='' need='' optional=''
    if [ "$want" != lint ]; then
        check needed gcc has gcc
        check needed make has make
        check needed libc6-dev header stdio.h
        check needed libxxhash-dev header xxhash.h
        check optional libslirp-dev header libslirp.h -I/usr/include/slirp
    fi
    case $want in test|lint|bench|doctor) check needed git has git ;; esac
    case $want in bench|doctor)
        check needed valgrind has valgrind
        check optional liblwip-dev header lwip/init.h -I/usr/include/lwip
    esac
    case $want in test|bench|doctor)
        check needed python3-pytest quiet /usr/bin/python3 -I -m pytest --version
        check needed python3-pytest-xdist quiet /usr/bin/python3 -I -c "import xdist"
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
        check needed libclang-rt-dev sanitizes
        check needed gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
        check needed libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdio.h
        [ "$(uname -m)" = x86_64 ] || check needed gcc-x86-64-linux-gnu has x86_64-linux-gnu-gcc
        check needed gcc-riscv64-unknown-elf has riscv64-unknown-elf-gcc
        check needed qemu-system-x86 has qemu-system-x86_64
        check needed qemu-system-misc has qemu-system-riscv64
        check needed qemu-user has qemu-aarch64
        check needed seabios firmware bios-256k.bin
        check needed ipxe-qemu firmware efi-virtio.rom
    esac
    case $want in lint|doctor)
        check needed cppcheck has cppcheck
        check needed clang-tidy has clang-tidy
        check needed clang-format has clang-format
    esac
}

# A package that cannot be installed does not stop the others.
install() { # install PACKAGE...
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" && return
    for package; do
        apt-get install -y -qq --no-install-recommends "$package"
    done
}

# The same for root.
by_hand="apt-get update && apt-get install -y --no-install-recommends"

survey
if [ "$want" = doctor ]; then
    for package in $present; do echo "  present  $package"; done
    for package in $need $optional; do echo "  missing  $package"; done
    if [ -z "$need$optional" ]; then
        echo "everything is here"
    else
        echo "to install what is missing:  $by_hand$need$optional"
    fi
    exit 0
fi
if [ -n "$need$optional" ] && [ "$want" != need ] && [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing:$need$optional"
    log=$(mktemp)
    # shellcheck disable=SC2086
    (export DEBIAN_FRONTEND=noninteractive; install $need $optional) >"$log" 2>&1
    survey
    [ -z "$need$optional" ] || grep '^E:' "$log" >&2
    rm -f "$log"
fi
if [ -n "$need" ]; then
    echo "drywire: missing:$need" >&2
    echo "drywire: as root:  $by_hand$need$optional" >&2
    exit 125
fi
[ -z "$optional" ] || [ "$want" = need ] ||
    echo "drywire: without$optional some scenarios or rows are skipped; as root:  $by_hand$optional" >&2
exit 0

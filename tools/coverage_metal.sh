#!/bin/sh
# Line coverage from metal: boots the kernels of COVERAGE=1 in QEMU and converts the UART output of
# each to a gcovr tracefile, BUILD_FOLDER/coverage/TARGET-BOOT.json.
# Usage: tools/coverage_metal.sh BUILD_FOLDER
set -eu
O=$1/coverage-metal
out=$1/coverage
mkdir -p "$out"
rm -f "$out"/x86_64-* "$out"/rv64-*
make --no-print-directory O="$O" COVERAGE=1 "$O/x86_64/kernel.elf" "$O/rv64/kernel.elf"

# At the gateway: a page and an echo, one process per connection.
page='while read -r l && [ ${#l} -gt 1 ]; do :; done; printf "HTTP/1.0 200 OK\r\n\r\nhello\n"'
net="user,id=n,restrict=on,guestfwd=tcp:10.0.2.100:80-cmd:sh -c '$page'"
net="$net,guestfwd=tcp:10.0.2.100:7-cmd:cat"
all="run=netinfo run=ping,-c,2,10.0.2.2 run=webget,http://10.0.2.100/ \
run=tcpsend,-q,10.0.2.100,7,100000 run=udpsend,10.0.2.3,53,hello%20there daemon=echod"

# boot TARGET NAME COMMAND-LINE-OF-THE-KERNEL QEMU...
boot() {
    target=$1 name=$1-$2 append=$3
    shift 3
    log=$out/$name.log status=0
    timeout 60 "$@" -accel tcg -m 128 -nodefaults -no-reboot -display none -serial stdio \
        -netdev "$net" -kernel "$O/$target/kernel.elf" -append "$append" \
        </dev/null >"$log" 2>&1 || status=$?
    if [ $status -ne 33 ]; then
        tail -n 5 "$log" >&2
        echo "coverage: $name: status $status of QEMU, not 33" >&2
        exit 1
    fi
    tools/gcov_from_serial.py "$log" "$O/$target"
    case $target in rv64) gcov=riscv64-unknown-elf-gcov ;; *) gcov=gcov ;; esac
    gcovr --root . --gcov-executable $gcov --object-directory "$O/$target" --filter core/ \
        --filter targets/ --exclude-unreachable-branches --json "$out/$name.json" "$O/$target"
}

x86_64() {
    boot x86_64 "$@" -device isa-debug-exit,iobase=0xf4,iosize=0x04
}
microvm="qemu-system-x86_64 -M microvm"
q35="qemu-system-x86_64 -M q35"
virt="qemu-system-riscv64 -M virt -bios none"
mmio="-device virtio-net-device,netdev=n"
modern="-global virtio-mmio.force-legacy=off"
pci="-device virtio-net-pci,netdev=n"

# One after the other: gcovr works in the current folder.
# shellcheck disable=SC2086
{
    x86_64 mmio-legacy "trace=all $all" $microvm $mmio
    x86_64 mmio "interrupts=line run=netinfo" $microvm $mmio $modern
    x86_64 pci "$all" $q35 -bios qboot.rom $pci
    x86_64 pci-msi "interrupts=msi run=netinfo" $q35 $pci
    x86_64 pci-legacy "interrupts=line run=netinfo" $q35 $pci,disable-modern=on
    boot rv64 mmio-legacy "trace=all $all" $virt $mmio
    boot rv64 mmio "interrupts=line run=netinfo" $virt $mmio $modern
    boot rv64 pci "$all" $virt $pci
    boot rv64 pci-legacy "interrupts=line run=netinfo" $virt $pci,disable-modern=on
}

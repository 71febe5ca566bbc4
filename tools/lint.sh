#!/bin/sh
# Static checks: cppcheck over everything, clang-tidy's analyser over the core, shell scripts parsed.
#
# What is suppressed: symbols of a linker script are compared on purpose; cppcheck follows neither what
# a fmt, a struct origin or a struct again has been written into, nor that out_of_memory() does not return.
set -eu
for s in tools/*.sh; do sh -n "$s"; done
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
    '--suppress=comparePointers:targets/*' '--suppress=uninitvar:targets/common/c*' \
    --suppress=ctuuninitvar:cmd/base/origin.c --suppress=ctuuninitvar:cmd/report/again.c \
    --suppress=nullPointerArithmeticRedundantCheck:cmd/base/files.c \
    --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective \
    -D__x86_64__=1 -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234 -DUSER_BASE=0x70000000 core sim cmd user targets
# shellcheck disable=SC2046
clang-tidy --quiet --warnings-as-errors='*' \
    --checks='-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.*' \
    $(git ls-files 'core/*.c') -- -std=c11 -ffreestanding 2>/dev/null
echo "lint: clean"

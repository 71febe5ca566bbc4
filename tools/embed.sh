#!/bin/sh
# Files as C: NAME.EXT becomes NAME_EXT[], NAME_EXT_len and, in hexadecimal, NAME_EXT_sha256[].
# Usage: tools/embed.sh FILE... >parts.c
set -eu
sum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi
}
echo '#include <stddef.h>'
for file; do
    name=$(basename "$file" | tr . _)
    hash=$(sum "$file" | cut -c 1-64)
    echo "extern const char ${name}[], ${name}_sha256[];"
    echo "extern const size_t ${name}_len;"
    echo "const char ${name}[] = {"
    od -An -v -tx1 "$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/(char)0x\1,/g'
    echo '};'
    echo "const size_t ${name}_len = sizeof(${name});"
    echo "const char ${name}_sha256[] = \"$hash\";"
done

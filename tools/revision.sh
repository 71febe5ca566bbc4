#!/bin/sh
# The revision of the sources: writes three strings into a C header, unless it already has them.
# Usage: tools/revision.sh FILE
#
# DRYWIRE_VERSION is the text of VERSION.
# DRYWIRE_REVISION is the commit, with "-dirty" when sources differ from it, "unknown" outside of git.
# DRYWIRE_SOURCE is a digest of the sources of core, user, sim and cmd themselves: it is the same for the
# same sources in any folder.
set -eu
revision=$(git rev-parse --short=12 HEAD 2>/dev/null) || revision=unknown
if [ "$revision" != unknown ] && ! git diff-index --quiet HEAD -- core user sim cmd 2>/dev/null; then
    revision=$revision-dirty
fi
version=$(cat VERSION 2>/dev/null) || version=unknown
source=$(find core user sim cmd -name '*.[ch]' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)
cat >"$1.new" <<EOF
#define DRYWIRE_VERSION "$version"
#define DRYWIRE_REVISION "$revision"
#define DRYWIRE_SOURCE "$source"
EOF
if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi

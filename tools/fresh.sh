#!/bin/sh
# Checks the README's commands on a fresh machine: Debian roots are made by debootstrap, and each
# command is run there as printed, as root and as an ordinary user. Run it as root, before a release
# and when the set-up changes.
#
#   tools/fresh.sh BUILD_FOLDER [CELL...]     CELL: RELEASE-ROOT-USER, or a pattern such as 'trixie-*'
#   COMMANDS='make sim-test'                  run only these of the README's commands
#
# The checkout is what is committed. Each root is an overlay on BUILD_FOLDER/fresh/RELEASE, which is
# kept; mounts live in a namespace that ends with its command, so nothing is left mounted. The mirror
# and the proxy are those of this machine's apt.
#
# An ordinary user on a root without the packages must get the line that installs them (exit 125);
# root runs that line, and then the command must pass.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/fresh/logs"
base=$(cd "$1/fresh" && pwd)
shift
[ $# -gt 0 ] || set -- '*'

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "drywire: fresh.sh needs root and debootstrap; as root:  apt-get install -y debootstrap" >&2
    exit 125
fi
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'ORIGIN: Debian' 'LABEL: Debian' | head -n 1)
[ -n "$mirror" ] || { echo "drywire: apt knows no mirror of Debian: run apt-get update" >&2; exit 125; }
proxy=''
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "$proxy" ] || export http_proxy="$proxy"

cell=$base/cell
clean() { rm -rf "$cell" "$base"/*/*.new; }
trap clean EXIT
trap 'exit 130' INT TERM HUP

# Becomes the only root of a mount and a process namespace: not a chroot, which may make no namespaces.
# Arguments: folder of the overlay, lower folders, folder of apt's archives, user, command.
# shellcheck disable=SC2016
ENTER='set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount --bind "$3" var/cache/apt/archives
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
pivot_root . mnt
umount -l /mnt
cd /
[ ! -d /home/dev/drywire ] || cd /home/dev/drywire
home=/root; [ "$4" = root ] || home=/home/$4
exec setpriv --reuid "$4" --regid "$4" --init-groups env -i HOME="$home" LANG=C.UTF-8 PYTEST_ADDOPTS=-rs \
    DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$5"'

enter() { # enter FOLDER LOWER USER COMMAND
    mkdir -p "$1/upper" "$1/work" "$1/root" "$archives/partial"
    unshare --mount --pid --fork --kill-child sh -c "$ENTER" enter "$1" "$2" "$archives" "$3" "$4" </dev/null
}

# A root that is kept: RELEASE/NAME, an overlay on RELEASE/minimal, made by a command; and again when
# that or the set-up has changed.
layer() { # layer NAME COMMAND
    made=$base/$release/$1
    sum=$(echo "$2" | cat - "$here/tools/setup.sh" | cksum)
    [ -d "$made" ] && [ "$(cat "$made.sum" 2>/dev/null)" = "$sum" ] && return
    echo "making $release $1" >&2
    rm -rf "$made"
    mkdir -p "$made.new/upper"
    checkout "$made.new/upper" root
    enter "$made.new" "$base/$release/minimal" root "apt-get update -qq && $2" >"$base/logs/$release-$1.log" 2>&1 ||
        { echo "drywire: $release $1 failed: $base/logs/$release-$1.log" >&2; exit 1; }
    rm -rf "$made.new/upper/home"
    mv "$made.new/upper" "$made"
    echo "$sum" >"$made.sum"
    rm -rf "$made.new"
}

minimal() {
    made=$base/$release/minimal
    [ -d "$made" ] && return
    echo "making $release minimal" >&2
    rm -rf "$made.new"
    mkdir -p "$base/$release"
    unshare --mount --pid --fork --kill-child debootstrap --variant=minbase "$release" "$made.new" "$mirror" \
        >"$base/logs/$release-minimal.log" 2>&1
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries)' >"$made.new/etc/apt/apt.conf.d/00host" || true
    cp /etc/resolv.conf "$made.new/etc/resolv.conf"
    chroot "$made.new" useradd -m dev
    mv "$made.new" "$made"
}

checkout() { # checkout FOLDER USER: for the user of the root, by number
    mkdir -p "$1/home/dev"
    git clone -q "file://$here" "$1/home/dev/drywire"
    [ "$2" = root ] || chown -R 1000:1000 "$1/home/dev"
}

packages() { # as many as are installed now
    installed=$cell/upper/var/lib/dpkg/status
    [ -e "$installed" ] || installed=$from/var/lib/dpkg/status
    [ -e "$installed" ] || installed=$base/$release/minimal/var/lib/dpkg/status
    grep -c '^Status: install ok installed' "$installed"
}

# run USER COMMAND: one row of the table.
run() {
    before=$(packages) start=$(date +%s) status=0
    enter "$cell" "$lower" "$1" "$2" >"$log.part" 2>&1 || status=$?
    { echo "\$ $2    ($1)"; cat "$log.part"; } >>"$log"
    verdict=fail
    [ $status != 0 ] || verdict=pass
    if grep -q 'Error 125' "$log.part" && [ "$1" != root ] && [ "$root" != everything ]; then
        line=$(sed -n 's/^drywire: as root:  //p' "$log.part" | head -n 1)
        [ -z "$line" ] || verdict=125
    fi
    printf '%-9s %-10s %-5s %-8s %6d %8d  %s\n' "$release" "$root" "$1" "$verdict" \
        $(($(date +%s) - start)) $(($(packages) - before)) "$2" | tee -a "$base/table"
    sed -n 's/^SKIPPED/    skipped:/p' "$log.part" | tee -a "$base/table"
    rm -f "$log.part"
    [ $verdict != fail ] || failed=1
}

section=$(sed -n '/^## Two commands/,/^## [^T]/s/^    \([^#]*[^# ]\).*/\1/p' "$here/README.md")
first=$(echo "$section" | head -n 1)
commands=${COMMANDS:-$(echo "$section" | tail -n +2)}
failed=0
printf '%-9s %-10s %-5s %-8s %6s %8s  %s\n' release root user verdict s packages command | tee "$base/table"
for release in bookworm trixie; do
    for root in minimal python tools everything; do
        for user in root dev; do
            wanted=''
            for pattern; do
                # shellcheck disable=SC2254
                case $release-$root-$user in $pattern) wanted=yes ;; esac
            done
            [ -n "$wanted" ] || continue
            archives=$base/$release/archives log=$base/logs/$release-$root-$user.log
            mkdir -p "$archives"
            minimal
            case $root in
            minimal) ;;
            python) layer python 'apt-get install -y --no-install-recommends python3' ;;
            tools) layer tools 'apt-get install -y --no-install-recommends gcc make git' ;;
            everything) layer everything 'apt-get install -y make git && sh tools/setup.sh test' ;;
            esac
            from=$base/$release/$root lower=$base/$release/minimal
            [ "$root" = minimal ] || lower=$from:$lower
            rm -rf "$cell"
            mkdir -p "$cell/upper"
            checkout "$cell/upper" $user
            : >"$log"
            run root "$first"
            while read -r command <&3; do
                run $user "$command"
                [ $verdict != 125 ] || { run root "$line"; run $user "$command"; }
            done 3<<END
$commands
END
            rm -rf "$cell"
        done
    done
done
[ $failed = 0 ] || echo "drywire: logs: $base/logs" >&2
exit $failed

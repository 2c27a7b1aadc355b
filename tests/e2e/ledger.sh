#!/usr/bin/env bash
# Proves the ledger from outside: answers that callers received survive kill -9 (crash), PostgreSQL's going and coming
# (postgres, instances), a full disk (full) and one of two instances (instances); and what it costs (speed). What cannot be tried here
# is said and skipped. Needs Linux and Python 3.11; PostgreSQL (Debian: postgresql) for postgres, instances and parts of the
# others; root for full; wrk and two CPUs for speed, with nothing else running. All of it takes about ten minutes.
#
#   tests/e2e/ledger.sh [PART…] [--kills N] [--clients N] [--seed N] [--seconds N] [--turns N]     # all parts by default
#   tests/e2e/ledger.sh crash postgres full instances --kills 10                                   # a minute or two
#   BINARY=path/to/sij-cds tests/e2e/ledger.sh crash                                               # one that is built already
#   KEEP=1 tests/e2e/ledger.sh crash                                                               # leaves databases and logs
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v python3 > /dev/null || { echo "skipped: python3 is not installed"; exit 0; }
parts=()
while (($#)) && [[ $1 != --* ]]; do parts+=("$1"); shift; done
[[ ${#parts[@]} != 0 ]] || parts=(all)
[[ ${parts[*]} != all ]] || parts=(crash postgres full instances speed)

built="${CARGO_TARGET_DIR:-target}/release"
if [[ -z ${BINARY:-} ]]; then cargo build --release --locked --quiet --bin sij-cds; fi

umask 022
work=$(mktemp -d)
chmod 755 "$work"
clean_up() {
    # Only what is left where ledger.py was ended before it could do this itself.
    find "$work" -name postmaster.pid 2> /dev/null | while IFS= read -r file; do
        postmaster=$(head -1 "$file")
        if grep --quiet --text "$work" "/proc/$postmaster/cmdline" 2> /dev/null; then kill -QUIT "$postmaster" && sleep 1; fi
    done
    awk -v work="$work/" 'index($2, work) == 1 {print $2}' /proc/mounts | while IFS= read -r disk; do umount --lazy "$disk"; done
    if [[ -n ${KEEP:-} ]]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT

body=()
if [[ " ${parts[*]} " == *" speed "* ]]; then
    missing=
    for tool in wrk taskset; do command -v "$tool" > /dev/null || missing="$tool is not installed"; done
    [[ -n $missing ]] || taskset -c 0,1 true 2> /dev/null || missing="two CPUs are needed"
    if [[ -n $missing ]]; then
        echo "skipped speed: $missing"
        kept=()
        for part in "${parts[@]}"; do [[ $part == speed ]] || kept+=("$part"); done
        [[ ${#kept[@]} != 0 ]] || exit 0
        parts=("${kept[@]}")
    else
        [[ -n ${BINARY:-} && -x $built/examples/hook_request ]] || cargo build --release --locked --quiet --example hook_request
        "$built/examples/hook_request" 60 > "$work/60.json"
        body=(--body "$work/60.json")
    fi
fi
mkdir "$work/parts"
python3 -B tests/e2e/ledger.py "${parts[@]}" --binary "${BINARY:-$built/sij-cds}" --work "$work/parts" "${body[@]}" "$@"

#!/usr/bin/env bash
# Attacks a running service on this machine as hostile and broken callers do, beside a client whose calls must all be answered: bodies that
# would become many times their size, slow bodies, answers that are not read, floods of feedback, unauthenticated launches and forms, and
# large charts. Prints the peak memory, the honest client's lost calls and the recovery time. Needs Linux and Python 3.11; takes about two
# minutes.
#
#   tests/e2e/hostile.sh [PART…] [--seconds N]
#   BINARY=path/to/sij-cds tests/e2e/hostile.sh      # one that is built already
#   KEEP=1 tests/e2e/hostile.sh                      # leaves the ledger and the log
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v python3 > /dev/null || { echo "skipped: python3 is not installed"; exit 0; }
if [[ -z ${BINARY:-} ]]; then
    cargo build --release --locked --quiet --bin sij-cds
    BINARY="${CARGO_TARGET_DIR:-target}/release/sij-cds"
fi
work=$(mktemp -d)
trap 'if [[ -n ${KEEP:-} ]]; then echo "kept: $work"; else rm -rf "$work"; fi' EXIT
python3 -B tests/e2e/hostile.py --binary "$BINARY" --work "$work" "$@"

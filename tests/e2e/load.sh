#!/usr/bin/env bash
# Measures the served call by wrk against a bare axum handler that only parses the body: requests/s, CPU a request,
# start-up and peak memory, with the ratios. Under four minutes once everything is built; needs Linux with two CPUs or
# more, Python 3.9 and wrk (Debian: apt-get install wrk). How to read it: docs/performance.md.
#
#   tests/e2e/load.sh [--seconds N] [--turns N]      # a run's length, and how often each is repeated
#   SIJ_CDS__LOG__LEVEL=warn tests/e2e/load.sh       # any setting of the service, by its environment variable
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in wrk taskset python3; do
    command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
if ! taskset -c 0,1 true 2> /dev/null; then echo "skipped: two CPUs are needed"; exit 0; fi

# Apart: with the examples, the program would be built with the features its dependencies have in tests alone.
cargo build --release --quiet --bin sij-cds
cargo build --release --quiet --example bare_axum --example hook_request
built="${CARGO_TARGET_DIR:-target}/release"
# What is measured is the work of a call, not the limit on calls a second.
# What the ledger costs is measured by ledger.sh.
export SIJ_CDS__LEDGER__URL=${SIJ_CDS__LEDGER__URL:-off}
export SIJ_CDS__LIMITS__CALLS_PER_SECOND=1000000
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for resources in 60 1000; do
    "$built/examples/hook_request" "$resources" > "$work/$resources.json"
done
python3 tests/e2e/load.py --ours "$built/sij-cds" --bare "$built/examples/bare_axum" --work "$work" "$@"

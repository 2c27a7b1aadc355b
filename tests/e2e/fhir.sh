#!/usr/bin/env bash
# Every story against a FHIR server of others' making (Medplum's packages): the evaluation must be the same, byte for
# byte, from fetching alone, from prefetch alone, and from any mixture. Needs Node 20.19, npm and Python 3.11.
#
#   tests/e2e/fhir.sh [--mixtures N] [--seed N]      # how many random mixtures a story, and which
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in node npm python3; do
    command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done

# What is kept of the calls is not what is tested.
export SIJ_CDS__LEDGER__URL=off
npm ci --prefix tests/e2e/fhir --no-audit --no-fund --silent
cargo build --release --locked --quiet --bin sij-cds
exec python3 tests/e2e/fhir.py --ours "${CARGO_TARGET_DIR:-target}/release/sij-cds" "$@"

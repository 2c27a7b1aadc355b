#!/usr/bin/env bash
# Every FHIR resource that leaves the service against R4 and the profiles of Da Vinci CRD 2.0.1 and 2.2.1, by Medplum's validator,
# fhirpath.js and what neither of them looks at; and that an order comes back as it was sent but for the coverage information. Asked
# are all requests of fixtures/, for every hook, in several configurations, in both versions. Needs Node 20.19, npm and Python 3.11.
#
#   tests/e2e/crd.sh [--stories NAME...] [--without hooks|settings|coverage-information]...      # leaves parts out, and says so
#   SIJ_CDS_BINARY=target/debug/sij-cds tests/e2e/crd.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in node npm python3; do
    command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
npm ci --prefix tests/e2e/crd --no-audit --no-fund --silent || { echo "skipped: the validators cannot be had from npm (its message is above)"; exit 0; }

echo "held to: R4 (Medplum's copy), CRD 2.2.1 on US Core 7.0.0, CRD 2.0.1 on R4 (it has no US Core parent for these resources)"
echo "not held to: the profiles of resources that references lead to, and value sets that must be licensed (CPT, ICD-10, X12)"
node tests/e2e/crd/self_test.mjs
python3 -B tests/e2e/crd_self_test.py

binary=${SIJ_CDS_BINARY:-${BINARY:-}}
if [[ -z $binary ]]; then
    cargo build --release --locked --quiet --bin sij-cds
    binary=${CARGO_TARGET_DIR:-target}/release/sij-cds
fi
exec python3 -B tests/e2e/crd.py --ours "$(realpath "$binary")" "$@"

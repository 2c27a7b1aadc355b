#!/usr/bin/env bash
# The SMART app in a browser (Chromium, by playwright-core), opened from an EHR of others' making that this starts on this machine:
# npm's oidc-provider with the SMART launch parameters, and Medplum's FHIR router and repository. Each state of the page is held to
# axe-core, to narrow panels and to what may be seen of tokens. tests/e2e/smart/README.md tells which scenario shows what.
# Needs Node 20.19, npm and Chromium.
#
#   tests/e2e/smart.sh [--only NAME]... [--repeat N] [--self-test] [--output FOLDER] [--server-time MILLISECONDS]
#   SIJ_CDS_BINARY=target/debug/sij-cds tests/e2e/smart.sh --server-time 400      # a debug build is slower
#
# Screenshots are left in --output, by default target/e2e/smart. CHROMIUM names another browser.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly limit=15m
for tool in node npm; do
    command -v "$tool" > /dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -n $browser ]] || { echo "skipped: Chromium is not installed"; exit 0; }
export CHROMIUM=$browser
timeout 5m npm ci --prefix tests/e2e/smart --no-audit --no-fund --silent ||
    { echo "skipped: the servers and the browser's driver cannot be had from npm (its message is above)"; exit 0; }

binary=${SIJ_CDS_BINARY:-${BINARY:-}}
if [[ -z $binary && " $* " != *" --self-test "* ]]; then
    cargo build --release --locked --quiet --bin sij-cds
    binary=${CARGO_TARGET_DIR:-target}/release/sij-cds
fi
[[ -z $binary ]] || binary=$(realpath "$binary")
exec timeout --kill-after=30s "$limit" node tests/e2e/smart/run.mjs --ours "$binary" "$@"

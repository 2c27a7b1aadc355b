#!/usr/bin/env bash
# The Inferno test kit for CRD servers (inferno-framework/davinci-crd-test-kit, suite crd_server) against a running service, over TLS, at every
# hook, for both versions of CRD. What it finds is compared with fixtures/conformance/inferno-crd-server.json, check by check.
#
#   tests/e2e/inferno.sh
#   INFERNO_KIT=DIR tests/e2e/inferno.sh           # a checkout or bare repository of the kit, instead of GitHub's
#   SIJ_CDS_BINARY=target/debug/sij-cds tests/e2e/inferno.sh
#   FHIR_RESOURCE_VALIDATOR_URL=URL tests/e2e/inferno.sh
#
# Needs Ruby 3.3.6 or later with Bundler and headers (Debian 13: apt-get install ruby ruby-dev bundler build-essential libyaml-dev), git,
# OpenSSL and Python 3.11, the kit, and its gems from rubygems.org. Where one is missing, it says so and ends with 0. Before that, it makes all
# calls of the kit itself, over TLS, and tries the comparison.
#
# The kit validates resources by a service of its own, the Java validator in Docker (infernocommunity/inferno-resource-validator, port 3500). If
# no address of one is given, a stand-in accepts every resource, and says so; tests/e2e/crd.sh validates all resources in any case.
#
# Not tried so far: the kit's own programs, from `bundle install` on; rubygems.org could not be reached.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly kit_url=https://github.com/inferno-framework/davinci-crd-test-kit
# The checks of another version may differ from those of the fixture.
readonly kit_commit=1d1f2c43191c422eaa31804b46ae5c900a79cd08
readonly oldest_ruby=3.3.6

skip() {
    echo "skipped: $*"
    exit 0
}

for tool in python3 openssl git; do
    command -v "$tool" > /dev/null || skip "$tool is not installed"
done
binary=${SIJ_CDS_BINARY:-${BINARY:-}}
if [[ -z $binary ]]; then
    cargo build --release --locked --quiet --bin sij-cds
    binary=${CARGO_TARGET_DIR:-target}/release/sij-cds
fi
binary=$(realpath "$binary")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What can be tried without the kit.
python3 -B tests/e2e/inferno.py --ours "$binary" --work "$work" --self-test

command -v ruby > /dev/null || skip "Ruby $oldest_ruby is not installed (Debian 13: apt-get install ruby ruby-dev bundler build-essential libyaml-dev)"
ruby -e "exit Gem::Version.new(RUBY_VERSION) >= Gem::Version.new('$oldest_ruby')" ||
    skip "the kit needs Ruby $oldest_ruby, and this is $(ruby -e 'print RUBY_VERSION')"
command -v bundle > /dev/null || skip "Bundler is not installed (Debian: apt-get install bundler)"

GIT_TERMINAL_PROMPT=0 timeout 5m git clone --quiet --no-checkout "${INFERNO_KIT:-$kit_url}" "$work/kit" ||
    skip "the kit cannot be had from ${INFERNO_KIT:-$kit_url} (git's message is above); INFERNO_KIT names a copy"
git -C "$work/kit" checkout --quiet --detach "$kit_commit" || skip "the copy of the kit lacks commit $kit_commit"

export BUNDLE_PATH=$work/gems BUNDLE_FROZEN=true BUNDLE_WITHOUT=development:test BUNDLE_RETRY=1 BUNDLE_TIMEOUT=20
(cd "$work/kit" && timeout 15m bundle install --quiet) || skip "the kit's gems cannot be had from rubygems.org (Bundler's message is above)"

python3 -B tests/e2e/inferno.py --ours "$binary" --kit "$work/kit" --work "$work"

#!/usr/bin/env bash
# Runs the end-to-end tests whose name contains the argument, with the debug build: `make test-one T=name`.
#
# Tests of the arm64 binary and of the layer need what `make build-arm64` builds, too.
set -euo pipefail

name=${1:-}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "$name" ]; then
  echo "test-one: which test? make test-one T=name" >&2
  exit 2
fi
cd "$root"
target=$(uname -m)-unknown-linux-musl
cargo build --quiet --locked --target "$target" -p supervisor
# In one command, so that dependencies are built once: the tests, and with those of layer-build its programs.
package=$(sed -n 's/^name = "\(.*\)"/\1/p' tests/Cargo.toml)
tests=(cargo test --locked -p layer-build -p "$package" --no-run)
"${tests[@]}" --quiet
export SUPERVISOR_BIN=$root/target/$target/debug/supervisor

matching=()
for binary in $("${tests[@]}" 2>&1 | sed -n 's/.*Executable .*(\(.*\))$/\1/p'); do
  if "$binary" --list "$name" | grep ': test$' >/dev/null; then matching+=("$root/$binary"); fi
done
if [ ${#matching[@]} -eq 0 ]; then
  echo "test-one: no end-to-end test has '$name' in its name" >&2
  exit 1
fi

# shellcheck disable=SC2016 # expanded by the inner shell
tests/setup/suite.sh bash -c '
  name=$1; shift; status=0
  cd tests # cargo starts them there
  for binary in "$@"; do "$binary" "$name" || status=$?; done
  exit "$status"' one "$name" "${matching[@]}"

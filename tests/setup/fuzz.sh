#!/usr/bin/env bash
# Runs each fuzz target, for a minute unless FUZZ_SECONDS says otherwise. What fails is left in fuzz/artifacts; put it, made
# small (`cargo fuzz tmin`), into fuzz/regressions/TARGET, where the tests find it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=${TOOLS_DIR:-$root/target/tools}
fuzz=$tools/cargo-fuzz/bin/cargo-fuzz
[ -x "$fuzz" ] || cargo install --quiet --locked --root "$tools/cargo-fuzz" cargo-fuzz@0.13.2

cd "$root/fuzz"
# The coverage that guides it needs compiler options which the stable toolchain has, but calls unstable.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$root/target/fuzz
for target in event config key_to_path layer loader_cache; do
  corpus=$root/target/fuzz/corpus/$target
  seeds=("regressions/$target")
  if [ "$target" = event ]; then seeds+=("$root/examples/events"); fi
  mkdir -p "$corpus"
  "$fuzz" run --sanitizer none "$target" "$corpus" "${seeds[@]}" \
    -- -max_total_time="${FUZZ_SECONDS:-60}" -max_len=8192 -dict=words.dict -timeout=10 -rss_limit_mb=512
done

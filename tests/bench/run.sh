#!/usr/bin/env bash
# Measures the release binary beside existing clients and what the machine can do at best; prints one table.
#
#   SUPERVISOR_BIN   the binary (default: the release build)      VENV           Python environment of the peers
#   TRANSFER_BIN, PREPARE_BIN  the library's instruments (default: built)
#   BENCH_DIR        where to work (default: see below)           REGISTRY_BIN   Debian's docker-registry
#   BENCH_ONLY       sections, comma-separated: start,warm,native,lambda,large,small,prepare,size
#   BENCH_OUT        where bench.json and bench.svg are written (default: target/bench)
#   LAMBDA_SANDBOX_BIN  the imitation of Lambda's sandbox (default: built, where root runs this: it needs root)
#   BENCH_STRICT=1   exit status 1 when a target is missed
#
# It works in memory (/dev/shm) where that has room, so that a disk's mood is not part of the result, else below TMPDIR.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$(uname -m)-unknown-linux-musl
export SUPERVISOR_BIN=${SUPERVISOR_BIN:-$root/target/$target/release/supervisor}
export VENV=${VENV:-$root/target/tools/venv}
export BENCH_ARM64_BIN=${BENCH_ARM64_BIN:-$root/target/aarch64-unknown-linux-musl/release/supervisor}

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }

[ -x "$SUPERVISOR_BIN" ] || die "no $SUPERVISOR_BIN: run 'make build' first"
[ -x "$VENV/bin/udocker" ] || die "no $VENV/bin/udocker: run 'make tools' first"
export REGISTRY_BIN=${REGISTRY_BIN:-$root/target/tools/deb/usr/bin/docker-registry}
[ -x "$REGISTRY_BIN" ] || die "no $REGISTRY_BIN: run 'make tools' first"
for program in musl-gcc rustc curl proot busybox skopeo igzip; do
  command -v "$program" >/dev/null || die "no $program: run 'make tools' first"
done

instrument() {
  echo "bench: building the instrument $2" >&2
  (cd "$root" && cargo build --quiet --locked --release --target "$target" -p "$1" --example "$2")
}
if [ -z "${TRANSFER_BIN:-}" ]; then instrument storage transfer; fi
if [ -z "${PREPARE_BIN:-}" ]; then instrument container prepare; fi
export TRANSFER_BIN=${TRANSFER_BIN:-$root/target/$target/release/examples/transfer}
export PREPARE_BIN=${PREPARE_BIN:-$root/target/$target/release/examples/prepare}
export BENCH_OUT=${BENCH_OUT:-$root/target/bench}

if [[ ,${BENCH_ONLY:-lambda}, == *,lambda,* ]] && [ -z "${LAMBDA_SANDBOX_BIN:-}" ] && [ "$(id -u)" = 0 ]; then
  echo "bench: building the imitation of Lambda's sandbox" >&2
  (cd "$root" && cargo build --quiet --locked -p e2e --bins)
  export LAMBDA_SANDBOX_BIN=$root/target/debug/lambda-sandbox
fi

# Twice the large object, its copy in the workspace, and as much again for the page cache: 6 GiB.
if [ -z "${BENCH_DIR:-}" ]; then
  BENCH_DIR=${TMPDIR:-/tmp}
  free=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1 || true)
  memory=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  if [ "${free:-0}" -gt 6291456 ] && [ "$memory" -gt 8388608 ]; then BENCH_DIR=/dev/shm; fi
fi
BENCH_WORK=$(mktemp -d "$BENCH_DIR/bench-XXXXXX")
export BENCH_WORK
trap 'rm -rf "$BENCH_WORK"' EXIT

mkdir "$BENCH_WORK/programs"
for source in "$here"/programs/*.c; do
  musl-gcc -std=c11 -O2 -Wall -static -o "$BENCH_WORK/programs/$(basename "$source" .c)" "$source"
done
rustc --edition 2024 -O -o "$BENCH_WORK/programs/s3_server" "$here/programs/s3_server/main.rs"

PYTHONDONTWRITEBYTECODE=1 "$VENV/bin/python" "$here/bench.py"

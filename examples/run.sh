#!/usr/bin/env bash
# Runs one of the examples on directories instead of buckets.
#
#   examples/run.sh NAME [OPTION…]        examples/run.sh word-count --image busybox.tar --execmode P1
#
# NAME is a directory with an event.json, or one of several events in a directory: events/sqs is events/sqs.json.
# The options go to the supervisor as they are. The example's buckets are copied to target/examples/NAME first, so that
# the sources stay clean. SUPERVISOR names another binary; a udocker on PATH wins over the one `make demo` installed.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$examples")
example=$examples/${1:?"usage: examples/run.sh NAME [OPTION…]"}
shift
event=$example/event.json
if [ -f "$example.json" ]; then
  event=$example.json
  example=$(dirname "$example")
fi
supervisor=${SUPERVISOR:-$root/target/$(uname -m)-unknown-linux-musl/release/supervisor}
buckets=$root/target/examples/$(basename "$example")/buckets
PATH=$PATH:$root/target/tools/venv/bin

[ -f "$event" ] || { echo "there is no example $example" >&2; exit 2; }
[ -x "$supervisor" ] || { echo "there is no $supervisor: run make build" >&2; exit 2; }
rm -rf "$buckets"
mkdir -p "$buckets"
[ ! -d "$example/buckets" ] || cp -r "$example/buckets/." "$buckets"
# Buckets are never made on the way: those that the outputs name must be there, as in S3.
sed -n 's/^ *path: *\([^/]*\).*/\1/p' "$example/function_config.yaml" | (cd "$buckets" && xargs -r mkdir -p)

status=0
"$supervisor" --event "$event" --config "$example/function_config.yaml" --local-storage "$buckets" "$@" ||
  status=$?
echo "in ${buckets#"$PWD"/}:" >&2
(cd "$buckets" && find . -type f | sort | sed 's/^\./ /') >&2
exit "$status"

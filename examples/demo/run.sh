#!/usr/bin/env bash
# The demo: a picture arrives in a bucket, an unmodified container image makes it gray, the result is stored.
#
#   run.sh SUPERVISOR
#
# The image is made from Debian packages, the engine is udocker with Debian's fakechroot, the buckets are directories.
set -euo pipefail

binary=$(readlink -f "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/demo
buckets=$work/buckets
export UDOCKER_DIR=$work/udocker
export UDOCKER_EXEC=$root/tests/setup/udocker-debian
export UDOCKER_TARBALL="" # no engine download: the engine is Debian's
export UDOCKER_FAKECHROOT_SO=/usr/lib/$(uname -m)-linux-gnu/fakechroot/libfakechroot.so
export UDOCKER_USE_PATCHELF_EXECUTABLE=$root/tests/setup/patchelf

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

python3 "$root/tests/setup/images.py" "$root/target/fixtures" debian
mkdir -p "$work" "$buckets/photos/incoming"
rm -rf "$buckets/photos/grayscale"
cp "$here/evening.png" "$buckets/photos/incoming/evening by the sea.png"

say "The event: an object was created in s3://photos"
grep -E '"(name|key)"' "$here/event.json"

say "supervisor --event event.json --config function.yaml --local-storage ${buckets#"$root"/}"
"$binary" --event "$here/event.json" --config "$here/function.yaml" --local-storage "$buckets"

say "The buckets now"
python3 - "$buckets" <<'PYTHON'
import os, struct, sys

KINDS = {0: "gray", 2: "colour", 3: "palette", 4: "gray with alpha", 6: "colour with alpha"}
for directory, _, names in sorted(os.walk(sys.argv[1])):
    for name in sorted(names):
        path = os.path.join(directory, name)
        with open(path, "rb") as file:
            width, height, depth, kind = struct.unpack(">IIBB", file.read(26)[16:26])
        key = os.path.relpath(path, sys.argv[1])
        print(f"  s3://{key}: {os.path.getsize(path)} bytes, {width}x{height}, {KINDS[kind]}")
PYTHON

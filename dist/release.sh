#!/usr/bin/env bash
# Puts a release together in target/dist from what `make dist` has built: for each processor an archive, the bills of materials
# of both programs, and the layer; and SHA256SUMS over all of it.
#
#   release.sh BUILT      the directory with <target>/release/supervisor and faas-deploy, as cargo leaves them
#
# SOURCE_DATE_EPOCH dates everything; by default it is the date of the last commit.
set -euo pipefail

built=$(realpath "${1:?"usage: release.sh BUILT"}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
out=$root/target/dist
cd "$root"

# In a container the sources may be another user's, which git refuses to read unless it is told.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory="$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
cargo build --quiet --locked -p dist
export DIST_BIN=$root/target/debug/dist
version=$("$DIST_BIN" --version)
version=${version#dist }

mkdir -p "$out"
find "$out" -maxdepth 1 -type f -delete
for arch in x86_64 arm64; do
  target=${arch/arm64/aarch64}-unknown-linux-musl
  "$here/archive.sh" "$arch" "$built/$target/release" "$out"
  "$here/sbom.sh" supervisor supervisor "$target" "$out/supervisor-$version-$arch.cdx.json"
  "$here/sbom.sh" layer-build faas-deploy "$target" "$out/faas-deploy-$version-$arch.cdx.json"
  cp "target/layer/faas-supervisor-$arch.zip" "target/layer/faas-supervisor-$arch.json" "$out/"
done
(cd "$out" && sha256sum -- *.tar.gz *.zip *.json >SHA256SUMS)
ls -l "$out"

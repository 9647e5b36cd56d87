#!/usr/bin/env bash
# Packs a release's archive for one processor: programs, man pages, completions, documents and licences, laid out so that it
# can be unpacked over a prefix (tar -x --strip-components=1 -C /usr/local).
#
#   archive.sh ARCH PROGRAMS OUT      ARCH is x86_64 or arm64, PROGRAMS the directory with supervisor and faas-deploy
#
# DIST_BIN is the built `dist` program. SOURCE_DATE_EPOCH, in seconds, dates the archive. The result is
# OUT/faas-supervisor-VERSION-ARCH.tar.gz; the same inputs give the same bytes.
set -euo pipefail

arch=${1:?"usage: archive.sh ARCH PROGRAMS OUT"} programs=$2 out=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
[ -n "$version" ] || { echo "archive: Cargo.toml has no version in [workspace.package]" >&2; exit 1; }

mkdir -p "$out"
stage=$(mktemp -d "$out/stage-XXXXXX")
trap 'rm -rf "$stage"' EXIT
tree=$stage/faas-supervisor-$version-$arch
documents=$tree/share/doc/faas-supervisor
mkdir -p "$tree/bin" "$documents/docs"
install -m 755 "$programs/supervisor" "$programs/faas-deploy" "$tree/bin/"
"$DIST_BIN" man "$tree/share/man/man1"
"$DIST_BIN" completions "$tree/share"
# Cargo tells the licences of the project in the current directory.
(cd "$root" && "$DIST_BIN" licences --arch "$arch" "$documents/licenses")
cp "$root/README.md" "$root/LICENSE" "$root/CHANGELOG.md" "$documents/"
cp "$root"/docs/*.md "$root"/docs/*.svg "$documents/docs/"
"$here/pack.sh" "$tree" "$out/$(basename "$tree").tar.gz"

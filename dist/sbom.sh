#!/usr/bin/env bash
# Lists the crates linked into one program for one target, as a CycloneDX document (https://cyclonedx.org).
#
#   sbom.sh PACKAGE PROGRAM TARGET OUT.json
#
# cargo-cyclonedx writes beside each manifest and counts the features that any member of the workspace asks for. So it
# works on a copy of the sources whose workspace has PACKAGE and what PACKAGE needs for members, and nothing else.
# The document has no serial number, and its date is SOURCE_DATE_EPOCH: the same sources give the same bytes.
set -euo pipefail

package=${1:?"usage: sbom.sh PACKAGE PROGRAM TARGET OUT.json"}
program=$2 target=$3 out=$4
: "${SOURCE_DATE_EPOCH:?"set it to the date of the sources, in seconds since 1970"}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${TOOLS_DIR:-$root/target/tools}
# shellcheck source=tests/setup/packages.sh
source "$root/tests/setup/packages.sh"

# The version is in the directory's name, so that another one is installed when the pin changes.
home=$tools/cargo-cyclonedx-$CARGO_CYCLONEDX
[ -x "$home/bin/cargo-cyclonedx" ] || cargo install --quiet --locked --root "$home" "cargo-cyclonedx@$CARGO_CYCLONEDX"

copy=$(mktemp -d "${TMPDIR:-/tmp}/faas-sbom-XXXXXX")
trap 'rm -rf "$copy"' EXIT
tar --create --directory="$root" --exclude=./target --exclude=./.git . | tar --extract --directory="$copy"
sed -i -e "s|^members = .*|members = [\"$package\"]|" -e "s|^default-members = .*|default-members = [\"$package\"]|" \
  "$copy/Cargo.toml"

(cd "$copy" && "$home/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --describe binaries \
  --target "$target" --no-build-deps)
# The project's own crates are identified by where they are: that is the copy, which is called otherwise every time.
sed "s|file://$copy|file:///faas-supervisor|g" "$copy/$package/${program}_bin.cdx.json" >"$out"

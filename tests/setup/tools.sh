#!/usr/bin/env bash
# Installs what building, the demo and the tests need, and nothing that is already there.
#
#   tools.sh demo       what `make demo` needs
#   tools.sh tests      the demo's things and what `make test` and `make lint` need
#   tools.sh examples   what `make check-examples` needs
#
# Runs as root, or as a user who may use sudo. Python packages go to target/tools/venv and nowhere else. A second run
# finds everything in place and ends at once. TOOLS_DIR moves the directory.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=${TOOLS_DIR:-$root/target/tools}
venv=$tools/venv
what=${1:-tests}
# shellcheck source=tests/setup/packages.sh
source "$here/packages.sh"

say() { printf 'tools: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "cannot run '$*': be root or install sudo"
  fi
}

# Installs the Debian packages that are missing. The package lists are refreshed only if something is.
apt_packages() {
  local missing=() package
  for package in "$@"; do
    # `|| true`: dpkg-query fails for a package it has never heard of, which is the case to install.
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
      installed) ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "this machine has no apt-get; install by hand: ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

# Unpacks Debian packages below the tools directory without installing them.
deb_packages() {
  local package downloads
  for package in "$@"; do
    [ -e "$tools/deb/.unpacked-$package" ] && continue
    say "unpacking Debian package: $package"
    downloads=$(mktemp -d "$tools/deb-XXXXXX")
    (cd "$downloads" && apt-get -q download -o APT::Sandbox::User=root "$package" ||
      { as_root apt-get update -q && apt-get -q download -o APT::Sandbox::User=root "$package"; }) </dev/null >&2
    dpkg-deb -x "$downloads"/*.deb "$tools/deb"
    rm -r "$downloads"
    touch "$tools/deb/.unpacked-$package"
  done
}

# Installs pinned Python packages into the project's own environment. The stamp names what was asked for: pip itself
# takes a second to find out that there is nothing to do.
pip_packages() {
  local stamp=$venv/.installed-$1
  shift
  if [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then return; fi
  if [ ! -x "$venv/bin/python" ]; then
    # The system's Python, so that a version manager's shim that changes later cannot break the environment.
    mkdir -p "$tools"
    "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)" -m venv "$venv"
  fi
  say "installing Python packages: $*"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" </dev/null >&2
  printf '%s' "$*" >"$stamp"
}

rust_targets() {
  local installed target
  command -v rustup >/dev/null || { say "no rustup: the targets $* must come with the toolchain"; return; }
  installed=$(cd "$root" && rustup target list --installed)
  for target in "$@"; do
    grep -qx "$target" <<<"$installed" || (cd "$root" && rustup target add "$target" </dev/null >&2)
  done
}

case $what in
  demo | tests) ;;
  examples)
    apt_packages "${APT_EXAMPLES[@]}"
    # From wherever it comes: Debian's is older than what most people have.
    command -v node >/dev/null || apt_packages nodejs
    pip_packages examples "${PIP_EXAMPLES[@]}"
    exit
    ;;
  *) die "usage: tools.sh demo|tests|examples" ;;
esac

apt_packages "${APT_DEMO[@]}"
pip_packages demo "${PIP_DEMO[@]}"
rust_targets "${RUST_TARGETS_DEMO[@]}"
if [ "$what" = tests ]; then
  apt_packages "${APT_TESTS[@]}"
  pip_packages tests "${PIP_TESTS[@]}"
  deb_packages "${DEB_TESTS[@]}"
  rust_targets "${RUST_TARGETS_TESTS[@]}"
fi

#!/usr/bin/env bash
# Packs a directory as OUT.tar.gz, always to the same bytes: names in order, one date, no owner, two modes.
#
#   pack.sh DIRECTORY OUT.tar.gz
#
# The archive has one top directory, called as DIRECTORY is. The date is SOURCE_DATE_EPOCH, in seconds; it must be set.
set -euo pipefail

directory=${1:?"usage: pack.sh DIRECTORY OUT.tar.gz"}
out=${2:?"usage: pack.sh DIRECTORY OUT.tar.gz"}
: "${SOURCE_DATE_EPOCH:?"set it to the date of what is packed, in seconds since 1970"}"

# Two modes, whatever the umask of whoever built the files: 755 for directories and programs, 644 for the rest.
# The format is spelled out, as are gzip's level and -n: neither leaves a name or a date of this machine.
LC_ALL=C tar --create --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
  --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
  --directory="$(dirname "$directory")" "$(basename "$directory")" |
  gzip -9n >"$out.part"
mv "$out.part" "$out"

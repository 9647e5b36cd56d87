#!/usr/bin/env bash
# Runs the test suite given as arguments, then checks that it left nothing: no process, no temporary file, no mount.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
temporary=$root/target/suite-tmp

rm -rf "$temporary"
mkdir -p "$temporary"

# What udocker and the supervisor leave in the system's own directory when they are not careful.
strays() { find /tmp -maxdepth 1 \( -name 'udocker-*' -o -name 'faas-*' -o -name 'proot*' \) 2>/dev/null | sort; }

# Processes of the suite: they carry its temporary directory in their environment, command line, directory or program.
# (This script does not: its own environment is the one it was started with.)
survivors() {
  local process
  for process in /proc/[0-9]*; do
    if { cat "$process/environ" "$process/cmdline"; readlink "$process/cwd" "$process/exe"; } 2>/dev/null |
      tr '\0' '\n' | grep -qF "$temporary"; then
      printf '%s %s\n' "${process#/proc/}" "$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)"
    fi
  done
}

before=$(strays)
status=0
TMPDIR=$temporary "$@" || status=$?

# Servers started by the tests end with them; the kernel may need a moment for that.
for _ in $(seq 30); do
  left=$(survivors)
  [ -z "$left" ] && break
  sleep 0.1
done
files=$(find "$temporary" -mindepth 1 | head -20)
mounts=$(grep -F "$temporary" /proc/self/mounts || true)
new=$(comm -13 <(printf '%s\n' "$before") <(strays))

for kind in left files mounts new; do
  if [ -n "${!kind}" ]; then
    printf 'suite: left behind (%s):\n%s\n' "$kind" "${!kind}" >&2
    [ "$status" -ne 0 ] || status=1
  fi
done
if [ "$status" -eq 0 ]; then echo "suite: nothing is left behind: no process, no temporary file, no mount"; fi
exit "$status"

#!/usr/bin/env bash
# Checks the workflows: their syntax against GitHub's schema, and what makes workflows unsafe. Both come with their rules
# and look nothing up. That they only call `make` is a test (dist/tests/workflows.rs).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TOOLS_DIR:-$root/target/tools}/venv/bin
cd "$root"
"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$bin/zizmor" --offline --quiet --no-progress --min-severity low --config .github/zizmor.yml .github/workflows
echo "workflows: they are as GitHub wants them"

#!/usr/bin/env bash
# Checks the templates of examples/attach.
#
#   attach.sh quick   SAM's template, and the syntax of Terraform's
#   attach.sh all     and Terraform's own check, which downloads providers; and the CDK: its program is run, which takes
#                     Node.js, and the template that it writes is checked
set -euo pipefail

what=${1:?"usage: attach.sh quick|all"}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TOOLS_DIR:-$root/target/tools}/venv/bin
scratch=$(mktemp -d "${TMPDIR:-/tmp}/faas-attach-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$root/examples/attach"

"$bin/cfn-lint" --regions us-east-1 -- sam/template.yaml
echo "attach: SAM's template is valid"

"$bin/hcl2tojson" --quiet terraform/main.tf >"$scratch/main.json"
echo "attach: the syntax of Terraform's example is valid"
[ "$what" = all ] || exit 0

mkdir "$scratch/terraform"
cp terraform/main.tf "$scratch/terraform/"
if command -v terraform >/dev/null &&
  timeout 120 terraform -chdir="$scratch/terraform" init -backend=false -input=false >"$scratch/log" 2>&1; then
  terraform fmt -check terraform
  terraform -chdir="$scratch/terraform" validate -no-color
else
  echo "attach: Terraform or its providers cannot be had here: only the SYNTAX of its example is checked" >&2
fi

# An archive in place of the layer's: the program packs it as it is.
mkdir "$scratch/layer"
(cd "$scratch" && "$bin/python" -m zipfile -c layer/faas-supervisor-x86_64.zip main.json)
FAAS_LAYER_DIR=$scratch/layer CDK_OUTDIR=$scratch/cdk "$bin/python" cdk/app.py
# W3005: the CDK names dependencies that follow from references.
"$bin/cfn-lint" --regions us-east-1 --ignore-checks W3005 -- "$scratch/cdk/Greet.template.json"
echo "attach: the CDK's template is valid"

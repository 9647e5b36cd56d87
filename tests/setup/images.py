#!/usr/bin/env python3
"""Makes the container images of the demo and the tests, from Debian packages only.

    images.py DIRECTORY [debian] [busybox]

`debian.tar`   shell, coreutils and netpbm on glibc: what the demo runs, and the tests in F1 mode
`busybox.tar`  a static busybox: what the tests run in P1 and R1 mode
`arguments.tar`  the same with an entrypoint that prints its arguments

An image that is there already is left alone, so a second run ends at once.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile

import docker_save

# Each entry is a list of alternatives, because Debian renamed some libraries between releases. An entry that ends in
# None may be missing: only some releases link against it.
PACKAGES = [
    ["base-files"],
    ["libc6"],
    ["libc-bin"],
    ["dash"],
    ["coreutils"],
    ["util-linux"],
    ["sed"],
    ["grep"],
    ["libacl1"],
    ["libattr1"],
    ["libselinux1"],
    ["libpcre2-8-0"],
    ["libgmp10"],
    ["libcap2", None],
    ["libssl3t64", None],
    ["zlib1g"],
    ["libpng16-16t64", "libpng16-16"],
    ["libnetpbm11t64", "libnetpbm11"],
    ["netpbm"],
]

# Documentation, translations and character sets: nothing a job needs, and a small image keeps each test short.
DROPPED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/bash-completion",
    "usr/share/common-licenses",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/share/netpbm",
    "usr/lib/locale",
    "usr/share/i18n",
    "usr/share/zoneinfo",
)

# Programs of netpbm that the demo uses: the package has three hundred.
NETPBM = {"pngtopam", "pngtopnm", "pnmtopng", "ppmtopgm", "pamfile", "pnmfile"}

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def accounts(layer):
    """The files every image has: accounts, and the directories programs expect."""
    layer.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
    layer.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    for name in ("dev", "proc", "sys", "root", "var/tmp", "var/task", "opt", "home"):
        layer.directory(name)
    layer.directory("tmp", 0o1777)


def available(groups):
    """For each list of alternatives, the first name that this machine's package lists know."""
    names = [name for group in groups for name in group if name]
    policy = subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True, check=True).stdout
    known, current = set(), ""
    for line in policy.splitlines():
        if not line.startswith(" "):
            current = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            known.add(current)
    chosen = []
    for group in groups:
        name = next((name for name in group if name is None or name in known), "")
        if name == "":
            raise SystemExit(f"images: no Debian package called {' or '.join(map(str, group))}")
        if name:
            chosen.append(name)
    return chosen


def download(directory):
    """Fetches the packages, refreshing the machine's package lists if they are missing or out of date."""
    fetch = ["apt-get", "-q", "download", "-o", "APT::Sandbox::User=root"]
    refresh = ["apt-get", "-q", "update"] if os.geteuid() == 0 else ["sudo", "apt-get", "-q", "update"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    try:
        subprocess.run([*fetch, *available(PACKAGES)], cwd=directory, check=True, stderr=subprocess.PIPE, **quiet)
    except (subprocess.CalledProcessError, SystemExit):
        subprocess.run(refresh, check=True, **quiet)
        subprocess.run([*fetch, *available(PACKAGES)], cwd=directory, check=True, **quiet)


def merged(path):
    """The path in a system whose /bin, /sbin and /lib are links into /usr."""
    path = path.removeprefix("./").strip("/")
    top = path.split("/", 1)[0]
    return "usr/" + path if top in ("bin", "sbin", "lib", "lib64") else path


def add_package(layer, deb):
    """Adds the files of one package, less what nobody needs here."""
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True, check=True).stdout
    netpbm = os.path.basename(deb).startswith("netpbm_")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            info.name = merged(info.name)
            if info.name.startswith(DROPPED) or info.name in ("", "usr/bin/X11"):
                continue
            if netpbm and not info.isdir() and os.path.basename(info.name) not in NETPBM:
                continue
            if info.islnk():
                info.linkname = merged(info.linkname)
            info.mode &= 0o777  # no set-uid programs in an image for unprivileged engines
            layer.member(info, archive.extractfile(info) if info.isreg() else None)


def debian(directory):
    """An image with a small Debian userland of the release this machine runs, so that the host's fakechroot fits."""
    layer = docker_save.Layer()
    for name in ("bin", "sbin", "lib", "lib64"):
        layer.link(name, "usr/" + name)
    accounts(layer)
    with tempfile.TemporaryDirectory() as downloads:
        download(downloads)
        for deb in sorted(os.listdir(downloads)):
            add_package(layer, os.path.join(downloads, deb))
    config = {"Env": [PATH, "IMAGE_VARIABLE=from the image"], "Cmd": ["/bin/sh", "-c", "echo default command"]}
    docker_save.write(os.path.join(directory, "debian.tar"), "local/debian:latest", layer.bytes(), config)


SHOW_ARGUMENTS = b"""#!/bin/sh
echo "entrypoint with $# arguments"
for argument in "$@"; do
  printf '[%s]\\n' "$argument"
done
"""


def busybox(directory):
    """An image whose only program is a static busybox, under all its names."""
    program = "/bin/busybox"
    layer = docker_save.Layer()
    accounts(layer)
    with open(program, "rb") as file:
        layer.file("bin/busybox", file.read(), 0o755)
    for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            layer.link("bin/" + applet, "busybox")
    for name in ("usr/bin", "usr/sbin", "sbin", "lib"):
        layer.directory(name)
    layer.file("bin/show-arguments", SHOW_ARGUMENTS, 0o755)
    content = layer.bytes()
    environment = [PATH, "IMAGE_VARIABLE=from the image"]
    command = {"Env": environment, "Cmd": ["/bin/sh", "-c", "echo default command"]}
    docker_save.write(os.path.join(directory, "busybox.tar"), "local/busybox:latest", content, command)
    entrypoint = {"Env": environment, "Entrypoint": ["/bin/show-arguments"], "Cmd": ["the image's own argument"]}
    docker_save.write(os.path.join(directory, "arguments.tar"), "local/arguments:latest", content, entrypoint)


def main():
    directory, *wanted = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    makers = {"debian": (debian, ["debian.tar"]), "busybox": (busybox, ["busybox.tar", "arguments.tar"])}
    for name in wanted or makers:
        make, archives = makers[name]
        if not all(os.path.exists(os.path.join(directory, archive)) for archive in archives):
            print(f"images: making {' and '.join(archives)}", file=sys.stderr)
            make(directory)


if __name__ == "__main__":
    main()

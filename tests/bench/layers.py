"""The image of the preparation benchmark: three gzip layers of what images really hold, the same wherever it is made.

Programs are cut from the pinned Rust toolchain's libraries, scripts and data are those of pinned Python packages, small
text files the sources of the crates in the lockfile. About 9,000 paths, 250 MB unpacked, 95 MB compressed.
"""

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

MB = 1_000_000
# Sizes of the pieces of libraries, in turn: many programs are small, a few are large.
PIECES = [40_000, 4_000_000, 250_000, 1_000_000, 90_000, 600_000]
# What counts as a small file.
SMALL = 50_000
# Docker's level.
LEVEL = 6


class Image:
    """An OCI layout and an archive of it."""

    def __init__(self, directory, root, venv):
        self.layout = directory / "layout"
        self.archive = directory / "image.tar"
        (self.layout / "blobs" / "sha256").mkdir(parents=True)
        makers = [libraries(root, 140 * MB), chain(packages(venv, 30 * MB), archives(root, 25 * MB)), sources(root, 50 * MB)]
        # zlib and hashlib let others work meanwhile.
        with ThreadPoolExecutor() as pool:
            layers = list(pool.map(self._layer, makers))
        self.layers = [self._path(digest) for _, digest, _ in layers]
        self.unpacked = sum(size for *_, size in layers)
        self._describe(layers)
        with tarfile.open(self.archive, "w") as archive:
            for path in ("oci-layout", "index.json", "blobs"):
                archive.add(self.layout / path, arcname=path)

    def _path(self, digest):
        return self.layout / "blobs" / "sha256" / digest

    def _blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self._path(digest).write_bytes(content)
        return digest

    def _layer(self, members):
        buffer, made = io.BytesIO(), set()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, content in members:
                for parent in reversed(Path(path).parents[:-1]):
                    if parent not in made:
                        made.add(parent)
                        directory = tarfile.TarInfo(str(parent))
                        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                        tar.addfile(directory)
                file = tarfile.TarInfo(path)
                file.size = len(content)
                tar.addfile(file, io.BytesIO(content))
        content = buffer.getvalue()
        compressed = gzip.compress(content, LEVEL, mtime=0)
        return hashlib.sha256(content).hexdigest(), self._blob(compressed), len(content)

    def _describe(self, layers):
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        config = {
            "architecture": machine, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id for diff_id, *_ in layers]},
        }
        image = "application/vnd.oci.image."
        manifest = {
            "schemaVersion": 2, "mediaType": image + "manifest.v1+json",
            "config": self._descriptor(image + "config.v1+json", self._blob(json.dumps(config).encode())),
            "layers": [self._descriptor(image + "layer.v1.tar+gzip", digest) for _, digest, _ in layers],
        }
        described = self._descriptor(manifest["mediaType"], self._blob(json.dumps(manifest).encode()))
        described["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))

    def _descriptor(self, kind, digest):
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": self._path(digest).stat().st_size}


def upto(size, files):
    """The first files of so many bytes in all."""
    for path, content in files:
        if size <= 0:
            return
        size -= len(content)
        yield path, content


def below(directory, prefix):
    """The files of a directory in order of their names, less what Python made of them here."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
            yield f"{prefix}/{path.relative_to(directory)}", path.read_bytes()


def libraries(root, size):
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    (library,) = Path(sysroot.stdout.strip(), "lib").glob("librustc_driver-*.so")

    def pieces():
        with open(library, "rb") as file:
            number = 0
            while content := file.read(PIECES[number % len(PIECES)]):
                yield f"usr/lib/lib{number:03}.so", content
                number += 1

    return upto(size, pieces())


def packages(venv, size):
    (site,) = venv.glob("lib/python*/site-packages")
    names = ("botocore/data/ec2", "awscli", "boto3", "moto")
    files = (file for name in names for file in below(site / name, f"usr/lib/python3/{name}"))
    return upto(size, files)


def sources(root, size):
    files = (file for crate in crates(root) for file in below(crate, f"usr/src/{crate.name}"))
    return upto(size, (file for file in files if len(file[1]) < SMALL))


def archives(root, size):
    """What is compressed already: images have such data, too."""
    caches = (crate.parents[2] / "cache" / crate.parent.name / f"{crate.name}.crate" for crate in crates(root))
    return upto(size, ((f"usr/share/crates/{cache.name}", cache.read_bytes()) for cache in caches))


def crates(root):
    """The sources of the crates in the lockfile."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform",
               f"{platform.machine()}-unknown-linux-musl"]
    metadata = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout
    return sorted(Path(p["manifest_path"]).parent for p in json.loads(metadata)["packages"] if p["source"])

"""Writes `docker save` archives: the one image format that every udocker command and Docker itself accept.

The layout is that of the Docker image specification 1.2: `manifest.json`, the image's configuration named by its
digest, one directory per layer with `VERSION`, `json` and `layer.tar`, and the older `repositories` beside them.
Archives are reproducible: the same input gives the same bytes.
"""

import hashlib
import io
import json
import os
import platform
import tarfile


class Layer:
    """One layer being put together: a path is added once, the first addition wins."""

    def __init__(self):
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.GNU_FORMAT)
        self._seen = set()

    def _add(self, info, content=None):
        info.name = info.name.strip("/")
        if not info.name or info.name in self._seen:
            return
        parent = os.path.dirname(info.name)
        if parent and parent not in self._seen:
            self.directory(parent)
        self._seen.add(info.name)
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = "root"
        self._tar.addfile(info, content)

    def directory(self, path, mode=0o755):
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self._add(info)

    def file(self, path, content, mode=0o644):
        info = tarfile.TarInfo(path)
        info.size, info.mode = len(content), mode
        self._add(info, io.BytesIO(content))

    def link(self, path, target):
        info = tarfile.TarInfo(path)
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
        self._add(info)

    def member(self, info, content):
        """A member of another archive, as it is there."""
        self._add(info, content)

    def bytes(self):
        self._tar.close()
        return self._buffer.getvalue()


def write(path, tag, layer, config):
    """Writes the archive `path` of an image `tag` with one layer; `config` is Docker's `Config` object."""
    digest = hashlib.sha256(layer).hexdigest()
    image = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "tests/setup/docker_save.py"}],
    }
    image_text = json.dumps(image, sort_keys=True).encode()
    image_id = hashlib.sha256(image_text).hexdigest()
    layer_id = hashlib.sha256(image_text + digest.encode()).hexdigest()
    repository, version = tag.rsplit(":", 1)
    layer_json = dict(image, id=layer_id)
    del layer_json["rootfs"], layer_json["history"]
    files = {
        layer_id + "/VERSION": b"1.0",
        layer_id + "/json": json.dumps(layer_json, sort_keys=True).encode(),
        layer_id + "/layer.tar": layer,
        image_id + ".json": image_text,
        "manifest.json": json.dumps(
            [{"Config": image_id + ".json", "RepoTags": [tag], "Layers": [layer_id + "/layer.tar"]}]
        ).encode(),
        "repositories": json.dumps({repository: {version: layer_id}}).encode(),
    }
    partial = path + ".partial"
    with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
        directory = tarfile.TarInfo(layer_id)
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(directory)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    # Under its own name only when it is whole: an interrupted run leaves nothing that looks finished.
    os.replace(partial, path)

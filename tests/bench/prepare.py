"""Preparing an image of 250 MB from a registry and from an archive: time, memory, room on the disk."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path

from layers import Image
from runtime_api import status_mb
from table import Figure, Measure

ROUNDS = 5
NAME = "team/bench:1"
# What the disk is looked at beside a preparation, in seconds.
LOOK = 0.002


def measure(setting):
    image = Image(setting.fresh("image"), Path(__file__).resolve().parents[2], setting.venv)
    compressed = sum(layer.stat().st_size for layer in image.layers)
    with Registry(setting, image) as registry:
        times, peaks, room = defaultdict(lambda: defaultdict(list)), defaultdict(list), []
        # Round by round, so that a busy moment of the machine meets all of them.
        for _ in range(ROUNDS):
            for kind, what in (("registry", NAME), ("archive", image.archive)):
                seconds, peak = ours(setting, registry, what)
                times[kind]["supervisor's library"].append(seconds)
                peaks[kind].append(peak)
                seconds, peak = udocker(setting, registry, kind, image)
                times[kind]["udocker"].append(seconds)
                peaks["udocker"].append(peak)
            for name, sample in limits(setting, image).items():
                for kind in times:
                    times[kind][name].append(sample)
            room.append(high_water(setting, registry))
    setting.notes.append(
        f"Image: 3 gzip layers, {image.unpacked / 1e6:.0f} MB unpacked, {compressed / 1e6:.0f} MB compressed; every preparation into a "
        "new directory. The library's is timed as a process of its own (supervisor/crates/container/examples/prepare.rs), as udocker's are."
    )
    return [
        duration("prepare from a registry (udocker: pull + create)", times["registry"]),
        duration("prepare from an archive (udocker: load + create)", times["archive"]),
        Measure(
            "peak memory, preparing from a registry", "MB", Figure("supervisor's library", peaks["registry"]), target=96,
            peers=[Figure("udocker's own process", peaks["udocker"])],
        ),
        Measure("disk in use at most, beyond the image's own size", "MB", Figure("supervisor's library", room), target=64),
    ]


def duration(title, samples):
    figures = {who: Figure(who, values) for who, values in samples.items()}
    ours, peer, *bounds = figures.values()
    wanted = {"udocker": 5, "tar -xf of the layers": 2}
    return Measure(title, "s", ours, target=wanted, peers=[peer], limits=bounds)


class Registry:
    """Debian's docker-registry on the loopback, holding the image; a context manager."""

    def __init__(self, setting, image):
        directory = setting.fresh("registry")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        config = directory / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}/blobs}}}}\n"
            f"http: {{addr: {self.address}}}\n"
        )
        program = os.environ["REGISTRY_BIN"]
        self._process = subprocess.Popen([program, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._image = image

    def __enter__(self):
        source, target = f"oci:{self._image.layout}:latest", f"docker://{self.address}/{NAME}"
        copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--retry-times", "5", "--dest-tls-verify=false"]
        subprocess.run([*copy, source, target], check=True)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def variables(self):
        return {"UDOCKER_REGISTRY": f"http://{self.address}"}


def ours(setting, registry, what):
    """Seconds and peak memory in MB of one preparation into a new store."""
    store = setting.fresh("store")
    command = [os.environ["PREPARE_BIN"], what, store]
    began = time.monotonic()
    done = subprocess.run(command, env=setting.environment(**registry.variables()), stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - began
    expect(store)
    shutil.rmtree(store)
    return seconds, int(done.stdout) * 1024 / 1e6


def udocker(setting, registry, kind, image):
    """The same of udocker's two commands, each watched while it runs."""
    store = setting.fresh("udocker")
    program = [setting.venv / "bin" / "udocker", "--allow-root"]
    fetch = ["pull", NAME] if kind == "registry" else ["load", "-i", image.archive, NAME.rpartition(":")[0]]
    name = NAME if kind == "registry" else f"{NAME.rpartition(':')[0]}:latest"
    environment = setting.environment(UDOCKER_DIR=store, **registry.variables())
    seconds, peak = 0, 0
    for step in (fetch, ["create", "--name=bench", name]):
        began = time.monotonic()
        process = subprocess.Popen(program + step, env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, status_mb(process.pid, "VmHWM") or 0)
            time.sleep(0.005)
        seconds += time.monotonic() - began
        if process.returncode != 0:
            raise SystemExit(f"bench: udocker {' '.join(map(str, step))} failed")
    expect(store)
    shutil.rmtree(store)
    return seconds, peak


def expect(store):
    """Stops the benchmark when a container is not there: a fast failure is no result."""
    if not any((store / "containers").glob("bench/ROOT/usr/src")):
        raise SystemExit(f"bench: no container in {store}")


def limits(setting, image):
    """What the machine needs for the same without any care."""
    samples = {}
    directory = setting.fresh("tar")
    samples["tar -xf of the layers"] = timed(
        *(["tar", "-xf", layer, "-C", directory] for layer in image.layers)
    )
    shutil.rmtree(directory)
    for program in ("gzip", "igzip"):
        if shutil.which(program):
            samples[f"{program} -dc of the layers, to nowhere"] = timed(
                *([program, "-dc", layer] for layer in image.layers)
            )
    return samples


def timed(*commands):
    began = time.monotonic()
    for command in commands:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def high_water(setting, registry):
    """MB on the disk at most while an image is pulled, beyond those in use at its end: whatever else writes there counts, too."""
    seen, over = [], threading.Event()

    def look():
        while not over.wait(LOOK):
            seen.append(used(setting.work))

    store = setting.fresh("store")
    watcher = threading.Thread(target=look)
    watcher.start()
    command = [os.environ["PREPARE_BIN"], NAME, store]
    subprocess.run(command, env=setting.environment(**registry.variables()), stdout=subprocess.DEVNULL, check=True)
    over.set()
    watcher.join()
    beyond = max(seen) - used(setting.work)
    shutil.rmtree(store)
    return max(beyond, 0) / 1e6


def used(directory):
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize

"""A warm run without udocker, in F1 and P1: our time beyond the engine's own command, and udocker's run of the same."""

import base64
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from runtime_api import Function
from start import spawn
from table import Figure, Measure

INVOCATIONS = 40
SAYS = "echo hello from the container"
SCRIPT = f"#!/bin/sh\n{SAYS}\n"
FAKECHROOT = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/fakechroot/libfakechroot.so")
ROOT = Path(__file__).resolve().parent.parent.parent


def configuration(setting, mode, image):
    directory = setting.fresh(f"native-{mode}")
    (directory / "script.sh").write_text(SCRIPT)
    file = directory / "function_config.yaml"
    file.write_text(f"init_script: script.sh\ncontainer:\n  engine: native\n  image_file: {image}\n  execmode: {mode}\n")
    return file


def variables(directory):
    """For every command on this store."""
    return {
        "UDOCKER_DIR": directory / "udocker",
        "UDOCKER_FAKECHROOT_SO": FAKECHROOT,
        "UDOCKER_USE_PATCHELF_EXECUTABLE": ROOT / "tests/setup/patchelf",
    }


def bare(setting, file, store, mode):
    """The engine's command line, as the supervisor has it; the script where it is."""
    (file.parent / "event.json").write_text("{}")
    command = [setting.binary, "--config", file, "--event", file.parent / "event.json", "--local-storage", file.parent]
    environment = setting.environment(**store)

    def supervise(*options):
        return subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=True).stdout

    if mode != "F1":
        line = words(supervise("--explain"), "run")
        end = line.index("/.faas-init")
        kept = [f"{file.parent}:{file.parent}" if "/faas-" in word and word.count(":") else word for word in line[:end]]
        first = next(number for number, word in enumerate(line[:end]) if word.endswith(":/.faas-init"))
        # Without the supervisor's own process, and without what is said of each process for its sake.
        return [kept[0], *kept[3 : first - 1], *kept[first + 1 :], "/bin/sh", file.parent / "script.sh"]
    return bare_f1(supervise, file.parent / "script.sh", SCRIPT, file.parent)


def words(explained, what):
    """A line of `--explain`."""
    return shlex.split(re.search(f"^  {what}: (.*)$", explained, re.M)[1])


def bare_f1(supervise, file, script, shared):
    """The same in F1, where the variables are half of it; they are asked of a script that lists them. `file` is the script on
    this machine; inside it is in `shared`."""
    file.write_text("env\n")
    listed = supervise()
    file.write_text(script)
    # Of a container that is there; the run has made it, where it was not.
    explained = supervise("--explain")
    known = dict(part.split("=", 1) for part in listed.splitlines() if "=" in part)
    assignments = [f"{name}={value}" for name, value in known.items() if not name.startswith(("TMP_", "EVENT"))]
    paths = [f"FAKECHROOT_EXCLUDE_PATH={known['FAKECHROOT_EXCLUDE_PATH']}:{shared}"]
    return ["/usr/bin/env", "-i", *assignments, *paths, *words(explained, "in the container")[:2], f"{shared}/{file.name}"]


def udocker_run(setting, directory, mode, image):
    """The command line with which udocker runs the same, in a store of its own."""
    program = [setting.venv / "bin" / "python", ROOT / "tests/setup/udocker_debian.py", "--allow-root"]
    store = variables(directory)
    environment = setting.environment(**store)
    for step in (["load", "-i", image, "plain"], ["create", "--name=plain", "plain"],
                 ["setup", f"--execmode={mode}", "plain"]):
        subprocess.run(program + step, env=environment, stdout=subprocess.DEVNULL, check=True)
    volumes = [f"--volume={path}" for path in ("/dev", "/proc", "/etc/hosts", "/etc/resolv.conf", directory)]
    run = ["run", "--nobanner", "--nosysdirs", *volumes, "--entrypoint=/bin/sh", "plain", "-c", SAYS]
    return program + run, store


def one(setting, mode, image):
    file = configuration(setting, mode, image)
    store = variables(file.parent)
    event = {"script": base64.b64encode(SCRIPT.encode()).decode()}
    walls, alone, udocker = [], [], []
    plain = setting.fresh(f"plain-{mode}")
    with Function(setting, file, **store) as function:
        function.invoke(event)
        command = bare(setting, file, store, mode)
        peer, peer_store = udocker_run(setting, plain, mode, image)
        for turn in range(INVOCATIONS):
            wall, answer = function.invoke(event)
            if b"hello from the container" not in base64.b64decode(answer["body"]):
                raise SystemExit(f"bench: the container's output is missing in {answer}")
            walls.append(wall / 1e6)
            alone += [line[0] / 1e6 for line in spawn(setting, 1, "exit", command)]
            if turn % 4 == 0:
                udocker += [line[0] / 1e6 for line in spawn(setting, 1, "exit", peer, **peer_store)]
    shutil.rmtree(plain)
    floor = median(alone)
    return [
        Measure(
            f"warm run without udocker, {mode}: event → answer", "ms", Figure("supervisor", walls),
            peers=[Figure("udocker run", udocker)], limits=[Figure("the engine's command by itself", alone)],
        ),
        Measure(
            f"warm run without udocker, {mode}: ours beyond the engine", "ms",
            Figure("supervisor", [wall - floor for wall in walls]), target=2,
        ),
    ]


def measure(setting):
    import images  # tests/setup, which Setting has put on the path

    images.debian(str(setting.work))
    if not FAKECHROOT.exists():
        sys.exit(f"bench: no {FAKECHROOT}: run 'make tools' first")
    return one(setting, "F1", setting.work / "debian.tar") + one(setting, "P1", setting.work / "busybox.tar")

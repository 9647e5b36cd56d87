"""The same in an imitation of Lambda's sandbox: start, warm runs, what undoing changes costs, preparation."""

import base64
import io
import json
import os
import shutil
import sys
import tarfile
from statistics import median

import prepare
import start
from layers import Image
from native import bare_f1
from place import BOOTSTRAP, PROGRAMS, ROOT, Place, why_not
from table import Figure, Measure
from warm import commands, stopwatch_cost

INVOCATIONS = 40
# udocker's own run is the slow one.
EVERY = 4
PREPARATIONS = 3
# Files that a run changes: half of them are there already, half are new.
CHANGES = (0, 10, 1000)
# In so many directories.
DIRECTORIES = 10
SIZE = 1024
SAYS = "echo hello from the container"
PREFIX = "sandbox: "


def measure(setting):
    if reason := why_not():
        print(f"bench: SKIPPED: {reason}", file=sys.stderr)
        setting.notes.append(f"SKIPPED, in an imitation of Lambda's sandbox: {reason}.")
        return []
    import images  # tests/setup, which Setting has put on the path

    images.debian(str(setting.work))
    image = setting.work / "changes.tar"
    with_files(setting.work / "debian.tar", image)
    setting.notes.append(
        "Measures that begin with 'sandbox:' are taken inside of an imitation of Lambda's sandbox, profile 'observed' (user 993, "
        "system call filter, no mounts, own /tmp). What a run changes in the image is found and undone there."
    )
    return [*starts(setting), *by_udocker(setting, image), *natively(setting, image), *cold(setting)]


def with_files(archive, target):
    """The image with the files that runs change, in a layer's place: an archive has one."""
    import docker_save

    layer = docker_save.Layer()
    for number in range(max(CHANGES) // 2):
        layer.file(f"srv/bench/{number % DIRECTORIES}/old-{number}", b"o" * SIZE)
    with tarfile.open(archive) as outer:
        (described,) = json.load(outer.extractfile("manifest.json"))
        config = json.load(outer.extractfile(described["Config"]))["config"]
        with tarfile.open(fileobj=io.BytesIO(outer.extractfile(described["Layers"][0]).read())) as tar:
            for info in tar:
                layer.member(info, tar.extractfile(info) if info.isreg() else None)
    docker_save.write(str(target), described["RepoTags"][0], layer.bytes(), config)


def script(changes):
    """Says something, and changes as many files with what the shell has built in."""
    lines = ["#!/bin/sh", SAYS]
    if changes:
        lines += [
            "for d in 0 1 2 3 4 5 6 7 8 9; do [ -e /srv/bench/$d/new-$d ] && echo stale; done",
            f"i=0; while [ $i -lt {changes // 2} ]; do d=/srv/bench/${{i#${{i%?}}}}",
            "echo changed > $d/old-$i; echo changed > $d/new-$i; i=$((i+1)); done",
        ]
    return "\n".join(lines) + "\n"


def function_in(setting, image, engine, changes=0):
    """A place with a function."""
    place = Place(setting, (image, "/opt/image.tar"))
    (place.task / "script.sh").write_text(script(changes))
    (place.task / "function_config.yaml").write_text(
        f"init_script: script.sh\ncontainer:\n  engine: {engine}\n  image_file: /opt/image.tar\n  execmode: F1\n"
    )
    (place.task / "event.json").write_text("{}")
    return place


def said(answer, expected="hello from the container\n"):
    """Stops the benchmark when a run printed something else: of another run's changes, too."""
    printed = base64.b64decode(answer["body"]).decode()
    if printed != expected:
        raise SystemExit(f"bench: the container printed {printed!r}")


def starts(setting):
    place = Place(setting)
    function = start.FUNCTION | {"LAMBDA_TASK_ROOT": "/var/task", "PYTHONPATH": "/var/task"}
    measures = start.compare(setting, place.task, place.spawn, BOOTSTRAP, lambda name: PROGRAMS / name, function, PREFIX)
    place.clear()
    return measures


def udocker_run(setting, image):
    """udocker's run of the same, in a place of its own; the place and the command line."""
    place = Place(setting, (image, "/opt/image.tar"))
    program = [setting.venv / "bin/python", ROOT / "tests/setup/udocker_debian.py"]
    for step in (["load", "-i", "/opt/image.tar", "plain"], ["create", "--name=plain", "plain"],
                 ["setup", "--execmode=F1", "plain"]):
        place.run(*program, *step)
    volumes = [f"--volume={path}" for path in ("/dev", "/proc", "/etc/hosts", "/etc/resolv.conf", "/var/task")]
    return place, [*program, "run", "--nobanner", "--nosysdirs", *volumes, "--entrypoint=/bin/sh", "plain", "-c", SAYS]


def by_udocker(setting, image):
    """Warm runs by udocker itself."""
    place = function_in(setting, image, "udocker")
    plain, command = udocker_run(setting, image)
    cost = stopwatch_cost(setting)
    log = place.outside("/tmp/udocker-commands.log")
    walls, beyond, counts, alone = [], [], [], []
    with place.function(
        UDOCKER_EXEC=PROGRAMS / "stopwatch",
        UDOCKER_BENCH_REAL=ROOT / "tests/setup/udocker-debian",
        UDOCKER_BENCH_LOG="/tmp/udocker-commands.log",
    ) as function:
        function.invoke({})
        for turn in range(INVOCATIONS):
            before = len(commands(log))
            wall, answer = function.invoke({})
            said(answer)
            ran = commands(log, before)
            counts.append(len(ran))
            walls.append((wall - cost) / 1e6)
            beyond.append(walls[-1] - sum(took for took, _ in ran) / 1e6)
            if turn % EVERY == 0:
                alone += [line[0] / 1e6 for line in plain.spawn(1, "exit", command)]
    for each in (place, plain):
        each.clear()
    return [
        Measure(f"{PREFIX}warm run by udocker, F1: udocker commands", "", Figure("supervisor", counts), target=1),
        Measure(f"{PREFIX}warm run by udocker, F1: ours beyond udocker", "ms", Figure("supervisor", beyond), target=2),
        Measure(
            f"{PREFIX}warm run by udocker, F1: event → answer", "ms", Figure("supervisor, container included", walls),
            limits=[Figure("udocker run of the same, by itself", alone)],
        ),
    ]


def engine_alone(setting, image, changes):
    """The engine's own command in a container that the supervisor has made; the place and the command line."""
    place = function_in(setting, image, "native", changes)
    supervise = [BOOTSTRAP, "--config", "/var/task/function_config.yaml", "--event", "/var/task/event.json",
                 "--local-storage", "/tmp"]
    command = bare_f1(lambda *more: place.run(*supervise, *more), place.task / "script.sh", script(changes), "/var/task")
    return place, command


def undo_by_hand(root):
    """What nobody undoes after the engine's own command."""
    for path in root.glob("srv/bench/*/new-*"):
        path.unlink()


def natively(setting, image):
    """Warm runs without udocker, with changes to undo and without."""
    measures = []
    peer, peer_command = udocker_run(setting, image)
    for changes in CHANGES:
        place = function_in(setting, image, "native", changes)
        plain, command = engine_alone(setting, image, changes)
        # Its name is a link beside it.
        (root,) = (path for path in plain.tmp.glob("shared/udocker/containers/*/ROOT") if not path.parent.is_symlink())
        walls, alone, udocker = [], [], []
        with place.function() as function:
            function.invoke({})
            for turn in range(INVOCATIONS):
                wall, answer = function.invoke({})
                said(answer)
                walls.append(wall / 1e6)
                undo_by_hand(root)
                alone += [line[0] / 1e6 for line in plain.spawn(1, "exit", command)]
                if changes == 0 and turn % EVERY == 0:
                    udocker += [line[0] / 1e6 for line in peer.spawn(1, "exit", peer_command)]
            if "made anew" in function.log():
                raise SystemExit(f"bench: a container was made anew\n{function.log()}")
        floor = median(alone)
        ours = Figure("supervisor", [wall - floor for wall in walls])
        if changes == 0:
            measures += [
                Measure(
                    f"{PREFIX}warm run without udocker, F1: event → answer", "ms", Figure("supervisor", walls),
                    peers=[Figure("udocker run", udocker)], limits=[Figure("the engine's command by itself", alone)],
                ),
                Measure(f"{PREFIX}warm run without udocker, F1: ours beyond the engine", "ms", ours, target=2),
            ]
        else:
            half = str(changes // 2)
            plainly = plain.run(PROGRAMS / "undo", str(INVOCATIONS), half, "/tmp/undo").split()
            measures.append(Measure(
                f"{PREFIX}the same, {changes:,} files changed and restored", "ms", ours,
                limits=[Figure(f"C program: unlink of {half}, copy of {half}", [int(line) / 1e6 for line in plainly])],
            ))
        for each in (place, plain):
            each.clear()
    peer.clear()
    return measures


def cold(setting):
    """Preparing the large image."""
    image = Image(setting.fresh("image"), ROOT, setting.venv)
    # The function's user reads it.
    image.layout.parent.chmod(0o755)
    place = Place(setting, (image.layout.parent, "/opt/image"), (os.environ["PREPARE_BIN"], "/opt/prepare"))
    udocker = [setting.venv / "bin/python", setting.venv / "bin/udocker"]
    times = {"registry": [[], []], "archive": [[], []]}
    limits = {"tar -xf of the layers": [], "igzip -dc of the layers, to nowhere": []}
    layers = [f"/opt/image/{layer.relative_to(image.layout.parent)}" for layer in image.layers]
    with prepare.Registry(setting, image) as registry:
        for _ in range(PREPARATIONS):
            for kind, what in (("registry", prepare.NAME), ("archive", "/opt/image/image.tar")):
                ours, theirs = times[kind]
                variables = registry.variables()
                ours.append(seconds(place, ["/opt/prepare", what, "/tmp/ours"], **variables))
                finished(place.outside("/tmp/ours"))
                name = prepare.NAME.rpartition(":")[0]
                fetch = ["pull", prepare.NAME] if kind == "registry" else ["load", "-i", what, name]
                create = ["create", "--name=bench", prepare.NAME if kind == "registry" else f"{name}:latest"]
                variables["UDOCKER_DIR"] = "/tmp/theirs"
                theirs.append(sum(seconds(place, udocker + step, **variables) for step in (fetch, create)))
                finished(place.outside("/tmp/theirs"))
            place.outside("/tmp/tar").mkdir()
            place.outside("/tmp/tar").chmod(0o777)
            untar = [[shutil.which("tar"), "--no-same-owner", "-xf", layer, "-C", "/tmp/tar"] for layer in layers]
            inflate = [[shutil.which("igzip"), "-dc", layer] for layer in layers]
            for name, steps in zip(limits, (untar, inflate)):
                limits[name].append(sum(seconds(place, step) for step in steps))
            shutil.rmtree(place.outside("/tmp/tar"))
    place.clear()
    return [
        Measure(
            f"{PREFIX}prepare from {'a registry' if kind == 'registry' else 'an archive'}", "s",
            Figure("supervisor's library", ours), target={"udocker": 5}, peers=[Figure("udocker", theirs)],
            limits=[Figure(name, samples) for name, samples in limits.items()],
        )
        for kind, (ours, theirs) in times.items()
    ]


def seconds(place, command, **variables):
    return place.spawn(1, "exit", command, **variables)[0][0] / 1e9


def finished(store):
    prepare.expect(store)
    shutil.rmtree(store)

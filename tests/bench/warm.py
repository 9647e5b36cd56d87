"""Warm invocations: how many udocker commands, and our own time beyond them."""

import base64
import shutil
import subprocess
from statistics import median

from runtime_api import Function
from start import spawn
from table import Figure, Measure

INVOCATIONS = 40
SCRIPT = "#!/bin/sh\necho hello from the container\n"


def commands(log, skip=0):
    """Nanoseconds and verb of each udocker command, as programs/stopwatch.c wrote them."""
    lines = [line.split(" ") for line in log.read_text().splitlines()[skip:]]
    return [(int(line[0]), next(word for word in line[1:] if not word.startswith("-"))) for line in lines]


def stopwatch_cost(setting):
    """What the stopwatch adds around the command it measures, in nanoseconds: its own start and end."""
    log = setting.work / "stopwatch-alone.log"
    outside = spawn(
        setting, 100, "exit", [setting.program("stopwatch")],
        UDOCKER_BENCH_REAL=setting.program("hello"), UDOCKER_BENCH_LOG=log,
    )
    inside = [int(line.split()[0]) for line in log.read_text().splitlines()]
    return median(line[0] for line in outside) - median(inside)


def plain_container(setting):
    """The same image and script, without the supervisor; answers the udocker command line that runs them."""
    directory = setting.fresh("plain")
    script = directory / "script.sh"
    script.write_text(SCRIPT)
    udocker = [setting.venv / "bin" / "udocker", "--allow-root"]
    store = setting.environment(UDOCKER_DIR=directory / "udocker")
    for step in (["load", "-i", setting.work / "busybox.tar"], ["create", "--name=plain", "local/busybox:latest"],
                 ["setup", "--execmode=P1", "plain"]):
        subprocess.run(udocker + step, env=store, stdout=subprocess.DEVNULL, check=True)
    volumes = [f"--volume={path}" for path in ("/dev", "/proc", "/etc/hosts", "/etc/resolv.conf", directory)]
    run = ["run", "--nobanner", "--nosysdirs", *volumes, "--entrypoint=/bin/sh", "plain", script]
    return udocker + run, {"UDOCKER_DIR": directory / "udocker"}


def measure(setting):
    log = setting.work / "udocker-commands.log"
    event = {"script": base64.b64encode(SCRIPT.encode()).decode()}
    plain, store = plain_container(setting)
    cost = stopwatch_cost(setting)
    walls, inside, beyond, counts, alone = [], [], [], [], []
    with Function(
        setting, setting.configuration(),
        UDOCKER_EXEC=setting.program("stopwatch"),
        UDOCKER_BENCH_REAL=setting.venv / "bin" / "udocker",
        UDOCKER_BENCH_LOG=log,
    ) as function:
        function.invoke(event)
        for _ in range(INVOCATIONS):
            before = len(commands(log))
            wall, answer = function.invoke(event)
            if b"hello from the container" not in base64.b64decode(answer["body"]):
                raise SystemExit(f"bench: the container's output is missing in {answer}")
            ran = commands(log, before)
            counts.append(len(ran))
            walls.append((wall - cost) / 1e6)
            inside.append(sum(took for took, _ in ran) / 1e6)
            beyond.append(walls[-1] - inside[-1])
            alone += [line[0] / 1e6 for line in spawn(setting, 1, "exit", plain, **store)]
    shutil.rmtree(store["UDOCKER_DIR"])
    setting.notes.append(
        f"Warm invocations: the clock of the udocker command costs {cost / 1e6:.2f} ms by itself, which is subtracted; "
        f"the command took {median(inside):.1f} ms in median."
    )
    return [
        Measure("warm invocation: udocker commands", "", Figure("supervisor", counts), target=1),
        Measure("warm invocation: ours beyond udocker", "ms", Figure("supervisor", beyond), target=3),
        Measure(
            "warm invocation: event → answer", "ms", Figure("supervisor, container included", walls),
            limits=[Figure("udocker run of the same, by itself", alone)],
        ),
    ]

"""Process start to the first poll for an event, and the memory resident then."""

import subprocess
from functools import partial

from table import Figure, Measure

ROUNDS = 5
STARTS = 20
PYTHON_STARTS = 4

HANDLER = "def handler(event, context):\n    return {}\n"


def spawn(setting, count, until, command, **variables):
    """One line of numbers per start, as programs/spawn.c prints them."""
    command = [setting.program("spawn"), str(count), until, *command]
    environment = setting.environment(**variables)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


FUNCTION = {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
}


def measure(setting):
    task = setting.configuration().parent
    function = FUNCTION | {"LAMBDA_TASK_ROOT": task, "PYTHONPATH": task}
    return compare(setting, task, partial(spawn, setting), setting.binary, setting.program, function)


def compare(setting, task, start, binary, program, function, prefix=""):
    """The measures; `start` starts, `program` names one of programs/, `task` is where a handler for the peer is put."""
    (task / "handler.py").write_text(HANDLER)
    version = setting.versions().get("awslambdaric")
    python = [setting.venv / "bin" / "python", "-m", "awslambdaric", "handler.handler"]
    ours, static, python_client, hello = [], [], [], []
    # Round by round, so that a busy moment of the machine meets all of them.
    for _ in range(ROUNDS):
        ours += start(STARTS, "poll", [binary], **function)
        static += start(STARTS, "poll", [program("poll")])
        hello += start(STARTS, "exit", [program("hello")])
        if version:
            python_client += start(PYTHON_STARTS, "poll", python, **function)
    if not version:
        setting.notes.append("awslambdaric is not installed: the Python runtime client is not in the table.")
    ms = lambda lines: [line[0] / 1e6 for line in lines]
    mb = lambda lines: [line[1] * 1024 / 1e6 for line in lines]
    peer = f"awslambdaric {version}, empty handler"
    return [
        Measure(
            f"{prefix}process start → first /next poll", "ms", Figure("supervisor", ms(ours)), target=1.5,
            peers=[Figure(peer, ms(python_client))] if version else [],
            limits=[Figure("static C program that only polls", ms(static)),
                    Figure("fork + exec of a static hello-world", ms(hello))],
        ),
        Measure(
            f"{prefix}resident memory, idle at that poll", "MB", Figure("supervisor", mb(ours)), target=6,
            peers=[Figure(peer, mb(python_client))] if version else [],
            limits=[Figure("static C program that only polls", mb(static))],
        ),
    ]

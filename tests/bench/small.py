"""1,000 objects of 10 KiB in and out."""

import shutil
import subprocess
from collections import defaultdict

import clients
from setting import SMALL, SMALL_COUNT
from table import Figure, Measure

ROUNDS = 5
# curl's parallel requests, as many as the supervisor has.
STREAMS = 32

# One archive becomes 1,000 outputs.
SCRIPT = 'cd "$TMP_OUTPUT_DIR" && tar -xf "$INPUT_FILE_PATH"\n'


def measure(setting):
    configuration = setting.configuration(SCRIPT)
    setting.supervise("one", setting.configuration(":\n"))  # prepares the image
    down, up = defaultdict(list), defaultdict(list)
    # Round by round, so that a busy moment of the machine meets all of them.
    for _ in range(ROUNDS):
        ours(setting, configuration, down["the supervisor's library"], up["supervisor"])
        for script, name in clients.LIBRARIES.items():
            with_library(setting, script, down[name], up[name])
        with_cli(setting, down[setting.cli], up[setting.cli])
        with_curl(setting, down[f"curl, {STREAMS} streams"], up[f"curl, {STREAMS} streams"])
    setting.notes.append(
        "1,000 × 10 KiB: the supervisor runs one container per object, so its downloads are timed without them, by the "
        "library it is made of (supervisor/crates/storage/examples/transfer.rs)."
    )
    return [rate(f"download of {SMALL_COUNT:,} × 10 KiB", down), rate(f"upload of {SMALL_COUNT:,} × 10 KiB", up)]


def rate(title, seconds):
    ours, *peers, limit = (
        Figure(name, [SMALL_COUNT / sample for sample in samples]) for name, samples in seconds.items()
    )
    return Measure(title, "files/s", ours, better="higher", target="ahead", peers=peers, limits=[limit])


def checked_down(directory, seconds):
    """The seconds, if all objects have arrived."""
    arrived = [file for file in directory.rglob("*") if file.is_file() and file.stat().st_size == SMALL]
    if len(arrived) != SMALL_COUNT:
        raise SystemExit(f"bench: only {len(arrived)} of {SMALL_COUNT} objects arrived in {directory}")
    return seconds


def checked_up(setting, upload):
    """The seconds that `upload` answers, if the server has all objects."""
    setting.reset()
    seconds = upload()
    setting.expect_stored(SMALL_COUNT, SMALL_COUNT * SMALL)
    return seconds


def ours(setting, configuration, down, up):
    directory = setting.fresh("ours")
    command = [setting.transfer, "in", "many/", str(SMALL_COUNT), str(SMALL), directory]
    done = subprocess.run(command, env=setting.environment(), stdout=subprocess.PIPE, text=True, check=True)
    down.append(checked_down(directory, float(done.stdout)))
    shutil.rmtree(directory)

    def upload():
        return setting.supervise("many.tar", configuration)["phases"]["stage_out_ms"] / 1e3

    up.append(checked_up(setting, upload))


def with_library(setting, script, down, up):
    directory = setting.fresh("library")
    down.append(checked_down(directory, clients.library(setting, script, "down-small", directory, "in", "many/")[0]))
    up.append(checked_up(setting, lambda: clients.library(setting, script, "up-small", directory, "out", "")[0]))
    shutil.rmtree(directory)


def with_cli(setting, down, up):
    directory = setting.fresh("cli")
    down.append(checked_down(directory, clients.aws_cli(setting, "--recursive", "s3://in/many", directory)[0]))
    up.append(checked_up(setting, lambda: clients.aws_cli(setting, "--recursive", directory, "s3://out/")[0]))
    shutil.rmtree(directory)


def with_curl(setting, down, up):
    directory = setting.fresh("curl-small")
    gets, puts = [], []
    for name in (f"{number:04}" for number in range(SMALL_COUNT)):
        gets += [f"url={setting.endpoint}/in/many/{name}", f"output={directory}/{name}"]
        puts += [f"url={setting.endpoint}/out/{name}", f"upload-file={directory}/{name}"]
    down.append(checked_down(directory, clients.curl(setting, gets, STREAMS)))
    up.append(checked_up(setting, lambda: clients.curl(setting, puts, STREAMS)))
    shutil.rmtree(directory)

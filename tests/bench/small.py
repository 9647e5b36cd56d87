"""1,000 objects of 10 KiB in and out."""

import shutil
import subprocess

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
    down = {name: [] for name in ("ours", "boto3", "cli", "curl")}
    up = {name: [] for name in down}
    for _ in range(ROUNDS):
        ours(setting, configuration, down["ours"], up["ours"])
        directory = setting.fresh("boto3")
        down["boto3"].append(checked_down(directory, clients.boto3(setting, "down-small", directory, "in", "many/")[0]))
        up["boto3"].append(checked_up(setting, lambda: clients.boto3(setting, "up-small", directory, "out", "")[0]))
        directory = setting.fresh("cli")
        took = clients.aws_cli(setting, "--recursive", "s3://in/many", directory)[0]
        down["cli"].append(checked_down(directory, took))
        up["cli"].append(checked_up(
            setting, lambda: clients.aws_cli(setting, "--recursive", directory, "s3://out/")[0]
        ))
        with_curl(setting, down["curl"], up["curl"])
    setting.notes.append(
        "1,000 × 10 KiB: the supervisor runs one container per object, so its downloads are timed without them, by the "
        "library it is made of (supervisor/examples/transfer.rs)."
    )
    return [
        rate(f"download of {SMALL_COUNT:,} × 10 KiB", "the supervisor's library", down),
        rate(f"upload of {SMALL_COUNT:,} × 10 KiB", "supervisor", up),
    ]


def rate(title, who, seconds):
    rates = {name: [SMALL_COUNT / sample for sample in samples] for name, samples in seconds.items()}
    return Measure(
        title, "files/s", Figure(who, rates["ours"]), better="higher", target="ahead",
        peers=[Figure("boto3, threads", rates["boto3"]), Figure("AWS CLI, CRT client", rates["cli"])],
        limits=[Figure(f"curl, {STREAMS} streams", rates["curl"])],
    )


def checked_down(directory, seconds):
    """The seconds, if all objects have arrived; then they can go."""
    arrived = [file for file in directory.rglob("*") if file.is_file() and file.stat().st_size == SMALL]
    if len(arrived) != SMALL_COUNT:
        raise SystemExit(f"bench: only {len(arrived)} of {SMALL_COUNT} objects arrived in {directory}")
    return seconds


def checked_up(setting, upload):
    setting.reset()
    seconds = upload()
    setting.expect_stored(SMALL_COUNT, SMALL_COUNT * SMALL)
    return seconds


def ours(setting, configuration, down, up):
    directory = setting.fresh("ours")
    command = [setting.transfer, "in", "many/", str(SMALL_COUNT), str(SMALL), directory]
    done = subprocess.run(command, env=setting.environment(), stdout=subprocess.PIPE, text=True, check=True)
    down.append(checked_down(directory, float(done.stdout)))
    report = {}
    checked_up(setting, lambda: report.update(setting.supervise("many.tar", configuration)))
    up.append(report["phases"]["stage_out_ms"] / 1e3)
    shutil.rmtree(directory)


def with_curl(setting, down, up):
    directory = setting.fresh("curl-small")
    names = [f"{number:04}" for number in range(SMALL_COUNT)]
    gets, puts = [], []
    for name in names:
        gets += [f"url={setting.endpoint}/in/many/{name}", f"output={directory}/{name}"]
        puts += [f"url={setting.endpoint}/out/{name}", f"upload-file={directory}/{name}"]
    down.append(checked_down(directory, clients.curl(setting, gets, STREAMS)))
    up.append(checked_up(setting, lambda: clients.curl(setting, puts, STREAMS)))
    shutil.rmtree(directory)

"""One object of 1 GiB in and out: throughput and peak memory."""

import shutil
from collections import defaultdict
from statistics import median

import clients
from runtime_api import Function
from setting import GIB
from table import Figure, Measure

ROUNDS = 4
# curl's parallel streams, as many as the supervisor has for one object.
STREAMS = 8
MIB = 1 << 20

# The same bytes under a second name: no copy disturbs the measurement.
SCRIPT = 'ln "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/large"\n'


def measure(setting):
    configuration = setting.configuration(SCRIPT)
    setting.supervise("one", setting.configuration(":\n"))  # prepares the image
    down, up, peaks = defaultdict(list), defaultdict(list), defaultdict(list)
    server = []
    # Round by round, so that a busy moment of the machine meets all of them.
    for _ in range(ROUNDS):
        before = setting.server_seconds()
        ours(setting, configuration, down["supervisor"], up["supervisor"])
        server.append((setting.server_seconds() - before) / (down["supervisor"][-1] + up["supervisor"][-1]))
        for script, name in clients.LIBRARIES.items():
            with_library(setting, script, down[name], up[name], peaks[name])
        with_cli(setting, down[setting.cli], up[setting.cli], peaks[setting.cli])
        with_curl(setting, down, up)
    setting.notes += [
        "The libraries and the supervisor tell the time of the transfer alone. The CLI's is the server's, from the first "
        "request to the end of the last answer, which leaves out its start and its last writes.",
        f"The server is not the bottleneck: while the supervisor transfers 1 GiB, it is busy {100 * median(server):.0f} % "
        "of one core; curl is as fast or faster on it.",
    ]
    memory = [peak_memory(setting, configuration)]
    return [
        throughput("download of 1 GiB", down),
        throughput("upload of 1 GiB", up),
        Measure(
            "peak memory, 1 GiB in and out", "MB", Figure("supervisor as a function", memory), target=64,
            peers=[Figure(name, samples) for name, samples in peaks.items()],
        ),
    ]


def throughput(title, seconds):
    figures = [Figure(name, [GIB / MIB / sample for sample in samples]) for name, samples in seconds.items()]
    limits = [figure for figure in figures if figure.who.startswith(("curl", "C program"))]
    peers = [figure for figure in figures[1:] if figure not in limits]
    return Measure(title, "MiB/s", figures[0], better="higher", target="ahead", peers=peers, limits=limits)


def ours(setting, configuration, down, up):
    setting.reset()
    phases = setting.supervise("large", configuration)["phases"]
    setting.expect_stored(1, GIB)
    down.append(phases["stage_in_ms"] / 1e3)
    up.append(phases["stage_out_ms"] / 1e3)


def with_library(setting, script, down, up, peaks):
    directory = setting.fresh("library")
    setting.reset()
    for job, bucket, seconds in (("down-large", "in", down), ("up-large", "out", up)):
        took, peak = clients.library(setting, script, job, directory, bucket, "large")
        seconds.append(took)
        peaks.append(peak)
    setting.expect_stored(1, GIB)
    shutil.rmtree(directory)


def with_cli(setting, down, up, peaks):
    directory = setting.fresh("cli")
    file = directory / "large"
    for arguments, seconds in ((("s3://in/large", file), down), ((file, "s3://out/large"), up)):
        took, peak = clients.aws_cli(setting, *arguments)
        seconds.append(took)
        peaks.append(peak)
    setting.expect_stored(1, GIB)
    shutil.rmtree(directory)


def with_curl(setting, down, up):
    directory = setting.fresh("curl-large")
    down["C program, socket to file"].append(clients.fetch(setting, "/in/large", directory / "fetched"))
    (directory / "fetched").unlink()
    one, many = "curl, one stream", f"curl, {STREAMS} streams"
    url, out, size = f"{setting.endpoint}/in/large", f"{setting.endpoint}/out", GIB // STREAMS
    down[one].append(clients.curl(setting, [f"url={url}", f"output={directory}/large"]))
    gets, puts = [], []
    for stream in range(STREAMS):
        first = stream * size
        gets += [f"url={url}", f"output={directory}/{stream}", f"range={first}-{first + size - 1}", "next"]
        puts += [f"url={out}/{stream}", f"upload-file={directory}/{stream}", "next"]
    down[many].append(clients.curl(setting, gets[:-1], STREAMS))
    up[one].append(clients.curl(setting, [f"url={out}/large", f"upload-file={directory}/large"]))
    up[many].append(clients.curl(setting, puts[:-1], STREAMS))
    shutil.rmtree(directory)


def peak_memory(setting, configuration):
    """The process of a warm function after one invocation that stages 1 GiB in and the same out."""
    with Function(setting, configuration) as function:
        function.invoke(setting.s3_event("large"))
        return function.memory_peak_mb()

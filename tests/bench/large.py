"""One object of 1 GiB in and out: throughput and peak memory."""

import shutil
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
    down = {name: [] for name in ("ours", "boto3", "cli", "one", "many")}
    up = {name: [] for name in down}
    peaks = {"boto3": [], "cli": []}
    server = []
    for _ in range(ROUNDS):
        before = setting.server_seconds()
        ours(setting, configuration, down["ours"], up["ours"])
        server.append((setting.server_seconds() - before) / (down["ours"][-1] + up["ours"][-1]))
        with_boto3(setting, down["boto3"], up["boto3"], peaks["boto3"])
        with_cli(setting, down["cli"], up["cli"], peaks["cli"])
        with_curl(setting, down, up)
    setting.notes += [
        "boto3 and ours: the transfer alone, by their own clocks. AWS CLI: `aws s3 cp` by the server's clock, from the "
        "first request to the end of the last answer, which leaves out its start and its last writes.",
        f"The server is not the bottleneck: curl is faster on it, and while we transfer 1 GiB it is busy "
        f"{100 * median(server):.0f} % of one core.",
    ]
    return [
        throughput("download of 1 GiB", down),
        throughput("upload of 1 GiB", up),
        Measure(
            "peak memory, 1 GiB in and out", "MB", Figure("supervisor as a function", peak_memory(setting, configuration)),
            target=64, peers=[Figure("boto3", peaks["boto3"]), Figure("AWS CLI, CRT client", peaks["cli"])],
        ),
    ]


def throughput(title, seconds):
    rate = {name: [GIB / MIB / sample for sample in samples] for name, samples in seconds.items()}
    return Measure(
        title, "MiB/s", Figure("supervisor", rate["ours"]), better="higher", target="ahead",
        peers=[Figure("boto3", rate["boto3"]), Figure("AWS CLI, CRT client", rate["cli"])],
        limits=[Figure("curl, one stream", rate["one"]), Figure(f"curl, {STREAMS} streams", rate["many"])],
    )


def ours(setting, configuration, down, up):
    setting.reset()
    phases = setting.supervise("large", configuration)["phases"]
    setting.expect_stored(1, GIB)
    down.append(phases["stage_in_ms"] / 1e3)
    up.append(phases["stage_out_ms"] / 1e3)


def with_boto3(setting, down, up, peaks):
    directory = setting.fresh("boto3")
    setting.reset()
    for job, bucket, seconds in (("down-large", "in", down), ("up-large", "out", up)):
        took, peak = clients.boto3(setting, job, directory, bucket, "large")
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
    url, slice_size = f"{setting.endpoint}/in/large", GIB // STREAMS
    down["one"].append(clients.curl(setting, [f"url={url}", f"output={directory}/large"]))
    ranges = []
    for stream in range(STREAMS):
        first = stream * slice_size
        ranges += [f"url={url}", f"output={directory}/{stream}", f"range={first}-{first + slice_size - 1}", "next"]
    down["many"].append(clients.curl(setting, ranges[:-1], STREAMS))
    up["one"].append(
        clients.curl(setting, [f"url={setting.endpoint}/out/large", f"upload-file={directory}/large"])
    )
    slices = []
    for stream in range(STREAMS):
        slices += [f"url={setting.endpoint}/out/{stream}", f"upload-file={directory}/{stream}", "next"]
    up["many"].append(clients.curl(setting, slices[:-1], STREAMS))
    shutil.rmtree(directory)


def peak_memory(setting, configuration):
    """The process of a warm function after one invocation that stages 1 GiB in and the same out."""
    with Function(setting, configuration) as function:
        function.invoke(setting.s3_event("large"))
        return [function.memory_peak_mb()]

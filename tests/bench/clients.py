"""The peers and what bounds them, as functions: each runs one transfer and answers its seconds, the peers' also peak memory in MB."""

import subprocess
import time
from pathlib import Path

from runtime_api import status_mb

PEERS = Path(__file__).resolve().parent / "peers"
# Name in the table, by script.
LIBRARIES = {"boto3_transfer.py": "boto3", "crt_transfer.py": "AWS CLI's CRT client"}


def library(setting, script, *arguments):
    """A client in Python, which tells its own time; see peers/job.py."""
    command = [setting.venv / "bin" / "python", PEERS / script, *arguments]
    done = subprocess.run(command, env=setting.environment(), stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak_kb = done.stdout.split()
    return float(seconds), int(peak_kb) * 1024 / 1e6


def aws_cli(setting, *arguments):
    """`aws s3 cp`, by the server's clock: from the first request to the end of the last answer.

    The CLI cannot tell how long its transfer took, and its own start takes longer than some of them. It cannot tell its
    peak memory either, so it is watched while it runs.
    """
    command = [setting.venv / "bin" / "aws", "s3", "cp", "--quiet", *arguments]
    setting.reset()
    process = subprocess.Popen(command, env=setting.environment())
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, status_mb(process.pid, "VmHWM") or 0)
        time.sleep(0.005)
    if process.returncode != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed")
    return setting.stored()[2], peak


def curl(setting, lines, parallel=0):
    """One curl, told what to do by a configuration of these lines."""
    configuration = setting.fresh("curl") / "config"
    configuration.write_text("\n".join(lines) + "\n")
    command = ["curl", "--silent", "--fail", "--config", configuration]
    if parallel:
        command += ["--parallel", "--parallel-max", str(parallel)]
    began = time.monotonic()
    done = subprocess.run(command, env=setting.environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: curl failed: {done.stderr}")
    return time.monotonic() - began


def fetch(setting, path, file):
    """programs/fetch.c: nothing but the copy from the socket to the file."""
    command = [setting.program("fetch"), setting.endpoint.rsplit(":", 1)[1], path, file]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

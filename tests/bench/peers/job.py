"""What the peers have in common: they do one job, and print its seconds and the process's peak memory in kB.

    PEER.py down-large|up-large|down-small|up-small DIRECTORY BUCKET KEY-OR-PREFIX

Only the transfer is timed: imports and the client are ready by then.
"""

import pathlib
import sys
import time

COUNT = 1000


def run(jobs):
    """Does the job that the command line names; `jobs` maps its name to a function (directory, bucket, key)."""
    job, directory, bucket, key = sys.argv[1:]
    directory = pathlib.Path(directory)
    began = time.monotonic()
    jobs[job](directory, bucket, key)
    seconds = time.monotonic() - began
    status = pathlib.Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    print(seconds, peak)

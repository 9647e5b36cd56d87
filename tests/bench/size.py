"""Sizes of the release binaries."""

import os
import platform

from table import Figure, Measure


def measure(setting):
    binaries = {platform.machine(): setting.binary}
    arm64 = os.environ.get("BENCH_ARM64_BIN", "")
    if os.path.exists(arm64):
        binaries.setdefault("aarch64", arm64)
    return [
        Measure(f"binary, {machine}", "MB", Figure("supervisor, static", [os.path.getsize(binary) / 1e6]), target=10)
        for machine, binary in binaries.items()
    ]

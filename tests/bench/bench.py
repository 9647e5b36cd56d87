"""Runs the sections one after the other and prints one table. Started by run.sh, which builds what is needed."""

import os
import sys
import time

import large
import native
import prepare
import size
import small
import start
import table
import warm
from setting import Setting

SECTIONS = {"start": start, "warm": warm, "native": native, "large": large, "small": small, "prepare": prepare, "size": size}


def main():
    wanted = os.environ.get("BENCH_ONLY", ",".join(SECTIONS)).split(",")
    began = time.monotonic()
    measures = []
    with Setting() as setting:
        for name in wanted:
            print(f"bench: {SECTIONS[name].__doc__.splitlines()[0]}", file=sys.stderr)
            measures += SECTIONS[name].measure(setting)
        table.show(measures, setting.describe(time.monotonic() - began))
    missed = [measure.title for measure in measures if measure.met() is False]
    return 1 if missed and os.environ.get("BENCH_STRICT") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())

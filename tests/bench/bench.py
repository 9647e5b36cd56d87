"""Runs the sections one after the other and prints one table; the same as data and as a chart. Started by run.sh, which builds
what is needed."""

import os
import sys
import time
from pathlib import Path

import chart
import in_sandbox
import large
import native
import prepare
import results
import size
import small
import start
import table
import warm
from setting import Setting

SECTIONS = {
    "start": start, "warm": warm, "native": native, "lambda": in_sandbox, "large": large, "small": small, "prepare": prepare,
    "size": size,
}


def main():
    wanted = os.environ.get("BENCH_ONLY", ",".join(SECTIONS)).split(",")
    began = time.monotonic()
    measures = []
    with Setting() as setting:
        for name in wanted:
            print(f"bench: {SECTIONS[name].__doc__.splitlines()[0]}", file=sys.stderr)
            for measure in SECTIONS[name].measure(setting):
                measure.section = name
                measures.append(measure)
        notes = setting.describe(time.monotonic() - began)
        table.show(measures, notes)
        if "BENCH_OUT" in os.environ:
            out = Path(os.environ["BENCH_OUT"])
            out.mkdir(parents=True, exist_ok=True)
            (out / "bench.json").write_text(results.to_json(measures, setting.machine(), notes))
            (out / "bench.svg").write_text(chart.to_svg(measures))
            print(f"\nThe same as data and as a chart: {out}/bench.json, {out}/bench.svg")
    missed = [measure.title for measure in measures if measure.met() is False]
    return 1 if missed and os.environ.get("BENCH_STRICT") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())

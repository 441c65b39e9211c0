"""The process of one side of a benchmark, for `harness.py`.

    python -m tools.bench.worker MODULE SIDE SETTINGS CORES

It says on standard output, one JSON object a line, that it is ready, and then, for each line that
it is given, how long the work took and how much it was. What the libraries print goes elsewhere.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Serves until standard input ends."""
    module, side, settings, cores = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**values):
        print(json.dumps(values), file=answers, flush=True)

    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, available[-int(cores) :])
    try:
        work = importlib.import_module(module).SIDES[side](json.loads(settings))
    except ImportError as error:
        say(problem=f"not installed: {error.name}")
        return
    say(ready=True)
    for _ in sys.stdin:
        facts = timed(work)
        say(**memory() | facts)


def timed(work: Callable) -> dict:
    """Does the work once: how long it took, and what it tells, which may say otherwise."""
    started, processor = time.perf_counter(), time.process_time()
    done = work()
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    facts = done if isinstance(done, dict) else {"amount": done}
    return {"seconds": seconds, "processor_seconds": processor} | facts


def memory() -> dict[str, float]:
    """The most memory that this process has had, in megabytes; empty where there is no telling."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return {"peak_megabytes": int(peak.split()[1]) / 1024}


if __name__ == "__main__":
    main()

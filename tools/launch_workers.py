"""Runs a command as several workers of one training on this machine.

    python tools/launch_workers.py --workers 2 python -m recipes.pretrain --strategy multiworker

Each gets a `TF_CONFIG` of its own, which is printed: on several machines it is set so, with their
names. What the workers print has their number before it. When one fails the others are stopped,
as a cluster does, and with `--restarts` all are started again.
"""

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

PATIENCE = 20.0  # seconds for a worker to end by itself once it is told to


def configs(num_workers: int) -> list[str]:
    """The `TF_CONFIG` of each worker, on ports that are free now."""
    sockets = [socket.socket() for _ in range(num_workers)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(num_workers)
    ]


def run_workers(command: Sequence[str], num_workers: int) -> int:
    """Runs them once; returns 0, or how the first that failed ended."""
    workers, readers = [], []
    try:
        for index, config in enumerate(configs(num_workers)):
            _say(f"[{index}] TF_CONFIG={shlex.quote(config)}")
            worker = subprocess.Popen(
                command,
                env=os.environ | {"TF_CONFIG": config},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            workers.append(worker)
            readers.append(threading.Thread(target=_show, args=(worker, index)))
            readers[-1].start()
        codes = [None]
        while None in codes and not any(codes):
            time.sleep(0.1)
            codes = [worker.poll() for worker in workers]
        return next((code for code in codes if code), 0)
    finally:
        _stop(workers)
        for reader in readers:
            reader.join()


def _stop(workers: Sequence[subprocess.Popen]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(kind)
        until = time.monotonic() + PATIENCE
        for worker in workers:
            try:
                worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


def _show(worker: subprocess.Popen, index: int) -> None:
    for line in worker.stdout:
        _say(f"[{index}] {line.decode(errors='replace').rstrip()}")


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the workers until they have ended well, or often enough."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="how many (default: 2)")
    parser.add_argument("--restarts", type=int, default=0, help="after failures (default: 0)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what each worker runs")
    options = parser.parse_args(arguments)
    if not options.command or options.workers < 1 or options.restarts < 0:
        parser.error("give a command, at least 1 worker and at least 0 restarts")
    try:
        code = run_workers(options.command, options.workers)
        for restart in range(1, options.restarts + 1):
            if code == 0:
                break
            _say(f"A worker ended with {code}: all start again ({restart} of {options.restarts}).")
            code = run_workers(options.command, options.workers)
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code  # as a shell tells a signal


if __name__ == "__main__":
    sys.exit(main())

"""Runs a dispatcher or a worker of a tf.data service, which makes batches beside the training.

    python tools/data_service.py dispatcher --port 5050
    python tools/data_service.py worker --dispatcher HOST:5050
    python -m recipes.pretrain --data-service grpc://HOST:5050

A dispatcher, and on each machine with processors to spare a worker, which must see the shards
under the same path as the training. Workers may come and go. Ctrl-C ends either.
"""

import argparse
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence

SIGNALS = {signal.SIGINT, signal.SIGTERM}  # that end it


def run_dispatcher(port: int, folder: str | None) -> None:
    """Runs until it is told to end; keeps what it is given to do in `folder`, if there is one."""
    from tensorflow.data.experimental import service

    with tempfile.TemporaryDirectory(prefix="data-service-") as temporary:
        config = service.DispatcherConfig(
            port=port, work_dir=folder or temporary, fault_tolerant_mode=True
        )
        dispatcher = service.DispatchServer(config)
        print(f"Dispatcher at {dispatcher.target}", flush=True)
        _wait()


def run_worker(dispatcher: str, host: str, port: int) -> None:
    """Runs until it is told to end."""
    from tensorflow.data.experimental import service

    # Not `port=0`: the address that others reach it by has to be told before it is known.
    port = port or _free_port()
    config = service.WorkerConfig(
        dispatcher_address=dispatcher.rpartition("://")[2],
        worker_address=f"{host}:{port}",
        port=port,
    )
    worker = service.WorkerServer(config)  # held: it ends with its last reference
    print(f"Worker at {host}:{port} of {dispatcher}", flush=True)
    _wait()
    del worker


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return one.getsockname()[1]


def _wait() -> None:
    """Comes back at Ctrl-C or SIGTERM; `join` of the servers does not hear them."""
    signal.sigwait(SIGNALS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    dispatcher = kinds.add_parser("dispatcher", help="tells the workers what to make")
    dispatcher.add_argument("--port", type=int, default=5050, help="0 takes a free one")
    dispatcher.add_argument(
        "--folder", help="where it keeps what it does, to go on after a crash; else temporary"
    )
    worker = kinds.add_parser("worker", help="makes batches")
    worker.add_argument("--dispatcher", required=True, help="HOST:PORT")
    worker.add_argument("--host", default="localhost", help="its name for other machines")
    worker.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args(arguments)
    # Blocked here, before TensorFlow starts threads, which take this over; see `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        if options.kind == "dispatcher":
            run_dispatcher(options.port, options.folder)
        else:
            run_worker(options.dispatcher, options.host, options.port)
    except Exception as error:
        if type(error).__module__.startswith("tensorflow"):
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())

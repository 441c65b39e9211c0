"""Files that several sides work on: the first one makes them, the others find them."""

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bench.harness import ROOT

FOLDER = ROOT / "bench-results" / "made"


def made(name: str, make: Callable[..., None], *arguments) -> Path:
    """The folder `bench-results/made/NAME`; delete it to have it made anew.

    Args:
        name: of the folder, another one for other arguments.
        make: fills a folder, its first argument; a function of a module. It runs in a process of
            its own, so that what it needs is not counted as a side's memory.
        arguments: what else `make` is told.
    """
    folder = FOLDER / name
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=FOLDER) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            with get_context("spawn").Pool(1) as pool:
                pool.apply(make, (new, *arguments))
            new.rename(folder)
    return folder

"""Folders that have their name only when all that belongs in them is there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write into, which gets its name once the block has ended well.

    Args:
        path: the folder.
        overwrite: whether it takes the place of a folder that is there.

    Raises:
        FileExistsError: if there is such a folder and `overwrite` is false.
        OSError: if it cannot be written; nothing is left behind, and a folder that had the name
            before is as it was.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "export"
        >>> with whole_folder(target) as folder:
        ...     _ = (folder / "a.txt").write_text("whole")
        >>> (target / "a.txt").read_text()
        'whole'
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} is there already. Choose another name, or overwrite it with `--overwrite`."
        )
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    replaced = path.with_name(f"{path.name}.{os.getpid()}.replaced")
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        if path.exists():
            path.rename(replaced)
        unfinished.rename(path)
    except OSError as error:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        raise OSError(
            f"Could not write {path}: {error.strerror or error}. Make room, or choose a folder "
            "that can be written to, and run the same again."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)

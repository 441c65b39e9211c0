"""Files that have their name only when they are whole and on the disk."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"  # what the name of a file ends in while it is written


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file under another name, and gives it its own once it is safely on the disk.

    Args:
        path: the file; its folder is made if need be.
        write: writes the content to the open file.

    Raises:
        OSError: if it cannot be written, with what to do; nothing is left behind, and a file that
            had the name before is as it was.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "new" / "a.txt"
        >>> write_atomically(path, lambda file: file.write(b"whole"))
        >>> path.read_text()
        'whole'
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OSError(
            f"Could not write {path}: {error.strerror or error}. Make room, or choose a folder "
            "that can be written to, and run the same again. What was written before is whole, and "
            "in the same folder the work goes on after it."
        ) from error
    finally:
        if unfinished.exists():
            unfinished.unlink()


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself survive a loss of power, where the system can do so."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A megabyte of public-domain prose, so that the package works without any download."""

from importlib.resources import files
from pathlib import Path


def sample_files() -> list[Path]:
    """The six books that ship with the package, by name; `README.md` beside them describes them.

    Returns:
        The text files: UTF-8, one paragraph a line, a blank line between chapters.

    Example:
        >>> len(sample_files()), sample_files()[0].name
        (6, 'baum-the-wonderful-wizard-of-oz.txt')
    """
    # The package is installed as plain files (never imported from a zip), so each is a path.
    texts = (Path(str(file)) for file in files(__name__).iterdir() if file.name.endswith(".txt"))
    return sorted(texts)

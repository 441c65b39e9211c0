"""Where text is: names of files, folders, patterns and datasets, to a list of what to read."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from keras_bert_kit.data.shards import MANIFEST
from keras_bert_kit.data.text_lines import COMPRESSED_ENDINGS

TFDS_PREFIX = "tfds:"
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
TEXT_ENDINGS = ("", ".txt", ".text", ".raw", ".tokens")  # what a folder is searched for

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One file, or one split of a TensorFlow dataset.

    Attributes:
        path: where it is, or `tfds:name[:version][:split]`.
        size: bytes as they lie on the disk.
    """

    path: str
    size: int

    @property
    def is_dataset(self) -> bool:
        """Whether it is a TensorFlow dataset and not a file."""
        return self.path.startswith(TFDS_PREFIX)


def text_ending(path: str | Path) -> str:
    """The ending of a file's name in lower case, that of the compression taken off."""
    path = Path(path)
    if path.suffix.lower() in COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.suffix.lower()


def find_sources(sources: str | Path | Sequence[str | Path | Source]) -> list[Source]:
    """Lists what there is to read, in the order given, folders and patterns sorted by name.

    Args:
        sources: as `Corpus` takes them; those that were found already are taken as they are.

    Raises:
        FileNotFoundError: if one does not exist, or holds no text file.
        ValueError: if one is a folder of shards.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.txt", "a.jsonl.gz", ".hidden.txt", "photo.jpg"):
        ...     (folder / name).touch()
        >>> [Path(source.path).name for source in find_sources(folder)]
        ['a.jsonl.gz', 'b.txt']
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    if not sources or not all(map(str, sources)):
        raise FileNotFoundError("No source of text was given. Name a file, a folder or a pattern.")
    found: dict[str, Source] = {}
    num_repeated = 0
    for source in sources:
        if isinstance(source, Source):
            new = [source]
        elif str(source).startswith(TFDS_PREFIX):
            new = [_dataset_source(str(source))]
        else:
            new = [Source(str(path), path.stat().st_size) for path in _find_files(source)]
        for one in new:
            key = one.path if one.is_dataset else str(Path(one.path).resolve())
            num_repeated += key in found
            found.setdefault(key, one)
    if num_repeated:
        logger.warning("Named %d file(s) more than once; each is read once.", num_repeated)
    return list(found.values())


def _find_files(source: str | Path) -> list[Path]:
    path = Path(source).expanduser()
    if (path / "train" / MANIFEST).exists():
        raise ValueError(
            f"{source} is a folder of shards and not of text. Shards can be trained on where they "
            "are named alone, with the vocabulary that they were made with."
        )
    if path.is_dir():
        return _find_in_folder(path)
    if path.is_file():
        return [path]
    matches = sorted(Path(match) for match in glob(str(path), recursive=True))  # noqa: PTH207
    files = [match for match in matches if match.is_file()]
    if not files:
        raise FileNotFoundError(
            f"{source} is no file, no folder, and no pattern that matches a file. "
            f"Looked from {Path.cwd()}."
        )
    return files


def _find_in_folder(folder: Path) -> list[Path]:
    files, others = [], []
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_hidden or not path.is_file():
            continue
        ending = text_ending(path)
        is_text = ending in TEXT_ENDINGS + JSON_ENDINGS or ending[1:].isdigit()  # part.0001
        (files if is_text else others).append(path)
    if not files:
        raise FileNotFoundError(
            f"There is no text file in {folder}: looked for names that end in .txt, .jsonl or "
            "nothing, or that and .gz or .xz. "
            + (
                f"Found {len(others)} other file(s), such as {others[0].name}: a file that is "
                "named itself, or by a pattern, is read whatever its ending."
                if others
                else "The folder is empty."
            )
        )
    if others:
        logger.warning(
            "%s: left out %d file(s) whose names are not those of text, such as %s.",
            folder,
            len(others),
            others[0].name,
        )
    return files


def _dataset_source(path: str) -> Source:
    builder, split = open_dataset(path)
    info = builder.info.splits[split]
    # A part of a split, such as `train[:10%]`, does not know its bytes.
    return Source(path, getattr(info, "num_bytes", None) or info.num_examples)


def open_dataset(path: str):
    """The builder of `tfds:name[:version][:split]`, its files on the disk, and the split."""
    import tensorflow_datasets as tfds

    name, *rest = path.removeprefix(TFDS_PREFIX).split(":")
    if rest and rest[0][:1].isdigit():
        name = f"{name}:{rest.pop(0)}"
    split = ":".join(rest) or "train"  # joined again: `train[:10%]`
    try:
        builder = tfds.builder(name)
    except ValueError as error:  # and DatasetNotFoundError, which is one
        raise FileNotFoundError(
            f"{path}: TensorFlow Datasets has no {name}. {_first_line(error)}"
        ) from error
    if not builder.is_prepared():
        logger.info("%s is not on the disk yet: TensorFlow Datasets fetches it.", path)
        try:
            builder.download_and_prepare()
        except Exception as error:  # no network, no Apache Beam, no room: whatever it was
            raise FileNotFoundError(
                f"{path} is not in {builder.data_path}, and could not be fetched: "
                f"{_first_line(error)}"
            ) from error
    try:
        builder.info.splits[split]  # also `train[:10%]`, which is not `in`
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: the dataset has no split {split!r}. Its splits: "
            f"{', '.join(builder.info.splits)}."
        ) from error
    return builder, split


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

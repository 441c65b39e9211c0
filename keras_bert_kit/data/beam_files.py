"""Files by the file systems of Apache Beam: `gs://`, `s3://`, `hdfs://` and this machine's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.data.text_sources import Source


def is_remote(path: str | Path) -> bool:
    """Whether `path` names a file system, as in `gs://bucket/a.txt`."""
    return "://" in str(path)


def find_remote_sources(sources: Sequence[str | Path]) -> list[str | Path | Source]:
    """Lists the files behind remote names and patterns; others are left to `find_sources`.

    Raises:
        FileNotFoundError: if a remote name or pattern matches no file.
    """
    from apache_beam.io.filesystems import FileSystems

    found: list[str | Path | Source] = []
    for source in sources:
        if not is_remote(source):
            found.append(source)
            continue
        (match,) = FileSystems.match([str(source)])
        files = sorted((file.path, file.size_in_bytes) for file in match.metadata_list)
        if not files:
            raise FileNotFoundError(
                f"{source} matches no file. Name a remote folder by a pattern, such as "
                "gs://bucket/books/*.txt.gz."
            )
        found += [Source(path, size) for path, size in files]
    return found


def open_file(path: str) -> BinaryIO:
    """Opens a file to be read as it is, compressed or not."""
    if not is_remote(path):
        return Path(path).open("rb")
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def write_file(path: str, content: bytes) -> None:
    """Writes a file, which has its name only when it is whole."""
    if not is_remote(path):
        write_atomically(Path(path), lambda file: file.write(content))
        return
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    # Object stores show a file once it is closed.
    with FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.write(content)


def list_files(patterns: Sequence[str]) -> list[str]:
    """The files that match the patterns."""
    from apache_beam.io.filesystems import FileSystems

    matches = FileSystems.match(list(patterns))
    return [file.path for match in matches for file in match.metadata_list]


def delete_files(paths: Sequence[str]) -> None:
    """Deletes files."""
    from apache_beam.io.filesystems import FileSystems

    if paths:
        FileSystems.delete(list(paths))

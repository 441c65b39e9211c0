"""Writes shards so that a file with its final name is always whole, whatever happens meanwhile."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.data.corpus import Position
from keras_bert_kit.data.shards import Shard, shard_paths


class ShardWriter:
    """Gathers the documents of one split and writes a shard whenever one is full.

    Args:
        folder: where the files go.
        tokens_per_shard: a document that would take a shard beyond it begins the next one.
        records: of the shards that are there already; a record is appended for each new one.
        written: called after each shard, when its files and its record are complete.
    """

    def __init__(
        self,
        folder: Path,
        tokens_per_shard: int,
        records: list[dict],
        written: Callable[[], None],
    ):
        self.folder = folder
        self.tokens_per_shard = tokens_per_shard
        self.records = records
        self.written = written
        self._clear()

    def _clear(self) -> None:
        # Bytes and not lists of arrays: compact for a million tiny documents, and no view that
        # would keep a whole chunk of other documents in memory.
        self._tokens, self._sentence_lengths = bytearray(), bytearray()
        self._dtype = None
        self._sentence_counts: list[int] = []
        self._num_tokens = self._text_bytes = self.num_empty = 0
        self._end, self._num_excluded = None, 0

    def add(
        self,
        tokens: np.ndarray,
        sentence_lengths: np.ndarray,
        text_bytes: int,
        position: Position,
        num_excluded: int = 0,
    ) -> None:
        """Takes the next document.

        Args:
            tokens: all tokens of the document; where there are none it is counted and dropped.
            sentence_lengths: tokens in each sentence, none of them zero, int64.
            text_bytes: length of the document's text in UTF-8.
            position: the position in the corpus behind this document.
            num_excluded: how many documents of the corpus were left out before it.
        """
        if self._num_tokens + len(tokens) > self.tokens_per_shard:
            self.flush()
        self._end, self._num_excluded = position, num_excluded
        if len(tokens) == 0:
            self.num_empty += 1
            return
        self._tokens += tokens.tobytes()
        self._dtype = tokens.dtype
        self._sentence_lengths += sentence_lengths.tobytes()
        self._sentence_counts.append(len(sentence_lengths))
        self._num_tokens += len(tokens)
        self._text_bytes += text_bytes

    def flush(self) -> None:
        """Writes what is gathered as a shard, if there is anything."""
        if not self._num_tokens:
            return
        shard = Shard(
            tokens=np.frombuffer(self._tokens, self._dtype),
            sentence_ends=np.cumsum(np.frombuffer(self._sentence_lengths, np.int64)),
            document_ends=np.cumsum(self._sentence_counts, dtype=np.int64),
        )
        paths = shard_paths(self.folder, len(self.records))
        for path, array in zip(paths, shard, strict=True):
            write_atomically(path, lambda file, array=array: _write_array(file, array))
        self.records.append(
            {
                "documents": len(shard.document_ends),
                "sentences": len(shard.sentence_ends),
                "tokens": len(shard.tokens),
                "text_bytes": self._text_bytes,
                "empty_documents": self.num_empty,
                "end": list(self._end),
                "excluded_before_end": self._num_excluded,
                "file_bytes": [path.stat().st_size for path in paths],
            }
        )
        self._clear()
        self.written()


def write_json(path: Path, content: dict) -> None:
    """Writes `content` to `path`, whole or not at all."""
    write_atomically(path, lambda file: file.write(json_bytes(content)))


def json_bytes(content: dict) -> bytes:
    """`content` as it is written."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    # As `np.save` does, but `np.save` hides which error a full disk gave.
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    file.write(array.data)

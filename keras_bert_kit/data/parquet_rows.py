"""Parquet files to rows, some thousand at a time."""

import json
from collections.abc import Iterator

from keras_bert_kit.data.class_names import Names

BATCH_ROWS = 1_000
BUFFER_BYTES = 1 << 20


class ParquetRows:
    """The rows of a Parquet file.

    Args:
        path: the file.

    Attributes:
        class_names: the names of classes, by column, where Hugging Face's `datasets` wrote them.
        tag_names: the same for columns whose values are lists of classes.

    Raises:
        ImportError: if `pyarrow` is not installed.
        ValueError: if the file is not a Parquet file, or damaged.
    """

    def __init__(self, path: str):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError(f"Reading {path} needs pyarrow: `pip install pyarrow`.") from error
        self.path = path
        self._errors = (pyarrow.ArrowException, OSError)
        try:
            # Fetching ahead, the default, ends with the whole file in memory.
            self._file = pyarrow.parquet.ParquetFile(
                path, pre_buffer=False, buffer_size=BUFFER_BYTES
            )
        except self._errors as error:
            raise self._damaged(error) from error
        features = _hugging_face_features(self._file.schema_arrow.metadata or {})
        self.class_names: dict[str, Names] = {}
        self.tag_names: dict[str, Names] = {}
        for column, feature in features.items():
            if _class_names(feature):
                self.class_names[column] = _class_names(feature)
            # `Sequence` in older versions, `List` in newer ones, or just a list.
            inner = feature[0] if isinstance(feature, list) and feature else feature
            inner = inner.get("feature", inner) if isinstance(inner, dict) else inner
            if inner is not feature and _class_names(inner):
                self.tag_names[column] = _class_names(inner)

    def __iter__(self) -> Iterator[tuple[int, dict]]:
        """The number of each row, from 1, and its values by column."""
        number = 0
        try:
            for batch in self._file.iter_batches(BATCH_ROWS):
                for row in _in_microseconds(batch).to_pylist():
                    number += 1
                    yield number, row
        except self._errors as error:
            raise self._damaged(error) from error
        finally:
            self._file.close()

    def _damaged(self, error: Exception) -> ValueError:
        return ValueError(
            f"{self.path} is not a Parquet file that can be read ({error}). It is damaged, cut "
            "short, or another format: make it again, or give its `format`."
        )


def _in_microseconds(batch):
    """A batch whose times can be Python's, which have no nanoseconds; pandas writes them."""
    import pyarrow

    for at, field in enumerate(batch.schema):
        if getattr(field.type, "unit", None) != "ns":
            continue
        if pyarrow.types.is_timestamp(field.type):
            kind = pyarrow.timestamp("us", field.type.tz)
        elif pyarrow.types.is_duration(field.type):
            kind = pyarrow.duration("us")
        else:
            kind = pyarrow.time64("us")
        column = batch.column(at).cast(kind, safe=False)
        batch = batch.set_column(at, field.name, column)
    return batch


def _hugging_face_features(metadata: dict[bytes, bytes]) -> dict:
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(feature: object) -> Names:
    is_class = isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    return tuple(feature.get("names") or ()) if is_class else ()

"""TensorFlow Datasets to rows."""

from collections.abc import Iterator

from keras_bert_kit.data.class_names import Names
from keras_bert_kit.data.text_sources import open_dataset


class DatasetRows:
    """The rows of one split of a TensorFlow dataset, as plain Python values.

    Texts are decoded, arrays become lists. The fields of a dictionary of fields become columns
    themselves: under their own name, or as `outer/inner` where another column has that name.

    Args:
        path: `tfds:name[:version][:split]`.

    Attributes:
        class_names: the names of classes, by column; the column holds their numbers.
        tag_names: the same for columns whose values are lists of classes.

    Raises:
        FileNotFoundError: if there is no such dataset, or it cannot be fetched.
        ValueError: if it has no such split, or its rows are not dictionaries.
    """

    def __init__(self, path: str):
        import tensorflow_datasets as tfds

        self.path = path
        self._builder, self._split = open_dataset(path)
        features = self._builder.info.features
        if not isinstance(features, tfds.features.FeaturesDict):
            raise ValueError(
                f"{path} has rows without names: {features}. Expected a dictionary of features."
            )
        self._columns = _columns(features)
        self.class_names: dict[str, Names] = {}
        self.tag_names: dict[str, Names] = {}
        for column, (_, feature) in self._columns.items():
            inner = getattr(feature, "feature", None)  # of a sequence
            if isinstance(feature, tfds.features.ClassLabel):
                self.class_names[column] = tuple(feature.names)
            elif isinstance(inner, tfds.features.ClassLabel):
                self.tag_names[column] = tuple(inner.names)

    def __iter__(self) -> Iterator[tuple[int, dict]]:
        """The number of each row, from 1, and its values by column."""
        dataset = self._builder.as_dataset(split=self._split, shuffle_files=False)
        for number, row in enumerate(dataset.as_numpy_iterator(), start=1):
            values = {}
            for column, (keys, _) in self._columns.items():
                value = row
                for key in keys:
                    value = value[key]
                values[column] = _plain(value)
            yield number, values


def _columns(features) -> dict[str, tuple[tuple[str, ...], object]]:
    """The way to each value through the dictionaries of a row, and its feature."""
    found = list(_leaves(features, ()))
    ends = [keys[-1] for keys, _ in found]
    return {
        keys[-1] if len(keys) == 1 or ends.count(keys[-1]) == 1 else "/".join(keys): (keys, feature)
        for keys, feature in found
    }


def _leaves(features, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, feature in features.items():
        # A sequence of dictionaries has items too, but is a value.
        if type(feature) is type(features):
            yield from _leaves(feature, (*keys, key))
        else:
            yield (*keys, key), feature


def _plain(value):
    """Python's own types instead of NumPy's and TensorFlow's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "to_list"):  # a ragged tensor
        value = value.to_list()
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

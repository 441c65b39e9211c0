"""What the weights of a family are called: a table with a column for each format of files.

A row stands for a layer; the kind of the row says what its weights are called in each format. The
tables are read in both directions: from a file into a model and from a model into a file.
"""

import re
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass

FORMATS = ("hugging_face", "google", "keras_hub")

# What comes after the name of the layer, in our models and in each format.
_SINGLE = dict.fromkeys(("ours", *FORMATS), ("",))
_NORM = dict.fromkeys(("ours", *FORMATS), ("/gamma", "/beta")) | {
    "hugging_face": (".weight", ".bias")
}
_DENSE = dict.fromkeys(("ours", *FORMATS), ("/kernel", "/bias")) | {
    "hugging_face": (".weight", ".bias")
}
_OUTPUT = _DENSE | {"google": ("output_weights", "output_bias")}


@dataclass(frozen=True)
class Row:
    """A layer, or a single weight, and what it is called everywhere.

    In a name, `{i}` is the number of the block, and `{query,key,value}` are three layers that ours
    is made of, side by side.

    Attributes:
        ours: the path in our models.
        names: the name by format; a format that has no such layer is left out.
        suffixes: what its weights are called, in ours and in each format.
    """

    ours: str
    names: Mapping[str, str]
    suffixes: Mapping[str, tuple[str, ...]]


def single(ours: str, **names: str) -> Row:
    """A single weight: a table or a bias."""
    return Row(ours, names, _SINGLE)


def norm(ours: str, **names: str) -> Row:
    """A layer norm."""
    return Row(ours, names, _NORM)


def dense(ours: str, **names: str) -> Row:
    """A linear layer."""
    return Row(ours, names, _DENSE)


def output(ours: str, **names: str) -> Row:
    """A linear layer whose columns are classes; Google's code keeps a class to a row."""
    return Row(ours, names, _OUTPUT)


@dataclass(frozen=True)
class Family:
    """The names of all weights of a family of models.

    Attributes:
        name: a key of `keras_bert_kit.config.FAMILIES`.
        prefixes: by format, what the encoder's names begin with where there is a head beside it.
        encoder: the rows of the encoder.
        heads: the rows of each head, by the name of its layer in our models.
    """

    name: str
    prefixes: Mapping[str, str]
    encoder: tuple[Row, ...]
    heads: Mapping[str, tuple[Row, ...]]

    def names(
        self, file_format: str, num_layers: int, heads: Iterable[str] = (), bare: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """The names in a format of the weights of an encoder and some heads.

        Args:
            file_format: one of `FORMATS`.
            num_layers: number of blocks of the encoder.
            heads: names of heads; the family need not have them.
            bare: whether the encoder's names go without the prefix.

        Returns:
            For the path of each weight of ours the names of what it is made of, side by side.

        Example:
            >>> from keras_bert_kit.convert.bert_names import BERT
            >>> names = BERT.names("hugging_face", num_layers=1, heads=["next_sentence"])
            >>> names["next_sentence/linear/kernel"]
            ('cls.seq_relationship.weight',)
            >>> names["block_0/attention/query_key_value/bias"][0]
            'bert.encoder.layer.0.attention.self.query.bias'
        """
        prefix = "" if bare else self.prefixes.get(file_format, "")
        names = _expand(self.encoder, file_format, num_layers, prefix)
        for head in heads:
            names |= _expand(self.heads.get(head, ()), file_format, num_layers, "")
        return names

    def part(self, file_format: str, part: str) -> set[str]:
        """The names in a format of the weights of a head, or of the `"pooler"`."""
        names = self.names(file_format, 0, [part] if part in self.heads else [])
        return {name for path, theirs in names.items() if path.startswith(part) for name in theirs}

    def has(self, file_format: str, part: str, names: Container[str]) -> bool:
        """Whether `names` are those of a file that has a head, or the `"pooler"`."""
        wanted = self.part(file_format, part)
        return bool(wanted) and all(name in names for name in wanted)

    def others(self, file_format: str, parts: Collection[str]) -> set[str]:
        """The names in a format of all heads, and of the `"pooler"`, but those in `parts`."""
        others = {*self.heads, "pooler"} - set(parts)
        return {name for part in others for name in self.part(file_format, part)}


def _expand(rows, file_format, num_layers, prefix) -> dict[str, tuple[str, ...]]:
    names = {}
    for row in rows:
        if file_format not in row.names:
            continue
        suffixes = zip(row.suffixes["ours"], row.suffixes[file_format], strict=True)
        for our_suffix, their_suffix in suffixes:
            ours = row.ours + our_suffix
            theirs = _alternatives(prefix + row.names[file_format] + their_suffix)
            for i in range(num_layers) if "{i}" in ours else [0]:
                numbered = (name.replace("{i}", str(i)) for name in theirs)
                names[ours.replace("{i}", str(i))] = tuple(numbered)
    return names


def _alternatives(name: str) -> list[str]:
    """`a{b,c}d` as `abd` and `acd`."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", name)
    if not found:
        return [name]
    return [name.replace(found[0], choice) for choice in found[1].split(",")]

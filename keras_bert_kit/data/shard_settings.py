"""What shards were made of and how: written in the manifest, and never mixed with anything else."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.shards import FORMAT, FORMAT_VERSION
from keras_bert_kit.text.vocabulary import Vocabulary

LISTED = 5  # of the differences, in the message


def describe_build(
    corpus: Corpus, vocabulary: Vocabulary, lowercase: bool, options: dict[str, Any]
) -> dict[str, Any]:
    """The part of a manifest that is known before anything is read.

    Args:
        corpus: what is read.
        vocabulary: of the tokenizer.
        lowercase: of the tokenizer.
        options: all others that change the result; those that came later than the format only
            where they are not as usual, so that earlier shards remain what they were.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "vocabulary_fingerprint": vocabulary.fingerprint,
        "vocabulary_size": len(vocabulary),
        "lowercase": lowercase,
        "options": options,
        "sources": [{"path": source.path, "bytes": source.size} for source in corpus.sources],
        "made_with": {name: version(name) for name in ("sentencex", "tensorflow-text")},
    }


def describe_split(
    header: dict[str, Any],
    split: str,
    records: list[dict],
    num_empty_at_end: int,
    num_excluded: int,
) -> dict[str, Any]:
    """The whole manifest of one split.

    Args:
        header: what `describe_build` returned.
        split: its name.
        records: those of its shards, in order.
        num_empty_at_end: documents without a token after the last shard.
        num_excluded: documents left out as `exclude` asked for; of no split.
    """
    names = ("documents", "sentences", "tokens", "text_bytes", "empty_documents")
    totals = {f"num_{name}": sum(record[name] for record in records) for name in names}
    totals["num_empty_documents"] += num_empty_at_end
    totals["num_excluded_documents"] = num_excluded
    return header | {"split": split} | totals | {"shards": records}


def refuse_differences(folder: Path, found: dict, new: dict, also: Sequence[str] = ()) -> None:
    """Makes sure that a build would go on with, or give, the shards that are there.

    Args:
        folder: where they are, for the message.
        found: the description of what is there.
        new: the description of the build.
        also: further entries that must be equal.

    Raises:
        ValueError: if they differ; the message names each difference.
    """
    # An option that is not named has its usual value, which `None` stands for.
    options = dict.fromkeys([*new["options"], *found["options"]])
    old, new = (
        _settings(one | {"options": options | one["options"]}, also) for one in (found, new)
    )
    if old["`undecodable`"] == "error":
        del new["`undecodable`"]  # there was none to skip so far
    differences = [
        f"{name} was {old.get(name)!r} and is {value!r}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    if differences:
        if len(differences) > LISTED:
            differences[LISTED:] = [f"and {len(differences) - LISTED} more"]
        raise ValueError(
            f"{folder} holds shards made otherwise: {'; '.join(differences)}. Choose another "
            "folder, or delete this one to build it anew."
        )


def _settings(header: dict, also: Sequence[str]) -> dict:
    # Folders may be moved and named otherwise: a source is known by its name and its size.
    sources = header["sources"]
    return {
        "the vocabulary's fingerprint": header["vocabulary_fingerprint"][:12],
        "`lowercase`": header["lowercase"],
        **{f"`{name}`": value for name, value in header["options"].items()},
        "the number of source files": len(sources),
        **{
            f"source file {number}": f"{Path(source['path']).name} of {source['bytes']:,} bytes"
            for number, source in enumerate(sources, start=1)
        },
        **{name: header[name] for name in also},
    }

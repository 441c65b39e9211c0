"""Shards of literal token ids, without text and without a tokenizer; and what lies in shards."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from keras_bert_kit.data.shards import FORMAT, FORMAT_VERSION, Shards
from keras_bert_kit.text.vocabulary import Vocabulary

Document = list[list[int]]


def write_shards(folder: Path, shards: list[list[Document]], vocabulary: Vocabulary) -> Shards:
    """Writes shards, given as lists of documents, which are lists of sentences of token ids."""
    folder.mkdir(parents=True)
    records = []
    dtype = np.uint16 if len(vocabulary) <= 65_536 else np.int32
    for index, documents in enumerate(shards):
        sentences = [sentence for document in documents for sentence in document]
        arrays = {
            "tokens": np.concatenate(sentences).astype(dtype),
            "sentence_ends": np.cumsum([len(sentence) for sentence in sentences]),
            "document_ends": np.cumsum([len(document) for document in documents]),
        }
        for name, array in arrays.items():
            np.save(folder / f"{index:05d}.{name}.npy", array)
        records.append(
            {
                "documents": len(documents),
                "sentences": len(sentences),
                "tokens": len(arrays["tokens"]),
                "file_bytes": [
                    (folder / f"{index:05d}.{name}.npy").stat().st_size for name in arrays
                ],
            }
        )
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "vocabulary_fingerprint": vocabulary.fingerprint,
        "vocabulary_size": len(vocabulary),
        "shards": records,
    }
    for name in ("documents", "sentences", "tokens"):
        manifest[f"num_{name}"] = sum(record[name] for record in records)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Shards(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their names in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def documents(shards: Shards) -> list[tuple[int, ...]]:
    """The documents of all shards as tuples of tokens."""
    found = []
    for index in range(len(shards)):
        tokens, sentence_ends, document_ends = shards.shard(index)
        ends = [0, *sentence_ends[document_ends - 1].tolist()]
        found += [tuple(tokens[a:b].tolist()) for a, b in pairwise(ends)]
    return found

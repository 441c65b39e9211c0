"""Tokenised documents on disk, read through the page cache: three arrays a shard and a manifest.

`shard_builder.build_shards` writes them. All tokens of a shard lie in one array, without special
tokens; where sentences and documents end lies beside them, so that a sentence or a document is a
slice and nothing has to be parsed.
"""

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_bert_kit.text.vocabulary import Vocabulary

MANIFEST = "manifest.json"
FORMAT = "keras-bert-kit shards"
FORMAT_VERSION = 1


class Shard(NamedTuple):
    """One shard, its arrays mapped from the disk.

    Attributes:
        tokens: all tokens, `(T,)` uint16, or int32 for a vocabulary of more than 65,536.
        sentence_ends: per sentence, the number of tokens up to its end, int64.
        document_ends: per document, the number of sentences up to its end, int64.
    """

    tokens: np.ndarray
    sentence_ends: np.ndarray
    document_ends: np.ndarray


class Shards:
    """The shards of one split: `folder/train` or `folder/heldout` of what `build_shards` wrote.

    Every document has at least one sentence, and every sentence at least one token.

    Args:
        folder: the folder that holds `manifest.json`.

    Attributes:
        folder: as given.
        manifest: what `manifest.json` says.

    Raises:
        FileNotFoundError: if there are no shards, or they are not complete.
        ValueError: if the format is another one, or a file is not as long as the manifest says.

    Example:
        >>> import tempfile
        >>> from keras_bert_kit.data.shard_builder import build_shards
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("It rained. We slept.\\n\\nIt slept.")
        >>> words = Vocabulary(
        ...     ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rained", "we", "slept", "."]
        ... )
        >>> _ = build_shards(
        ...     folder / "a.txt", folder / "shards", words, heldout_fraction=0, progress=False
        ... )
        >>> shards = Shards(folder / "shards" / "train")
        >>> shards.shard(0).tokens.tolist()
        [5, 6, 9, 7, 8, 9, 5, 8, 9]
        >>> shards.shard(0).sentence_ends.tolist(), shards.shard(0).document_ends.tolist()
        ([3, 6, 9], [2, 3])
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        # Three open files each: a system may allow no more than 1,024.
        self.shard = lru_cache(maxsize=128)(self._map)
        for index in range(len(self)):
            self._check_sizes(index)

    @property
    def vocabulary_fingerprint(self) -> str:
        """`Vocabulary.fingerprint` of the vocabulary that the tokens are ids of."""
        return self.manifest["vocabulary_fingerprint"]

    @property
    def num_tokens(self) -> int:
        """The number of tokens in all shards."""
        return self.manifest["num_tokens"]

    @property
    def num_sentences(self) -> int:
        """The number of sentences in all shards."""
        return self.manifest["num_sentences"]

    @property
    def num_documents(self) -> int:
        """The number of documents in all shards."""
        return self.manifest["num_documents"]

    @property
    def num_excluded_documents(self) -> int:
        """The number of documents, of all splits, that were left out as `exclude` asked for."""
        return self.manifest.get("num_excluded_documents", 0)

    @property
    def num_shards(self) -> int:
        """The number of shards."""
        return len(self.manifest["shards"])

    def __len__(self) -> int:
        """The number of shards."""
        return self.num_shards

    @cached_property
    def document_counts(self) -> np.ndarray:
        """The number of documents in each shard, `(num_shards,)` int64."""
        return np.array([shard["documents"] for shard in self.manifest["shards"]], np.int64)

    def token_counts(self, max_tokens: int = 50_000_000) -> np.ndarray:
        """How often each token occurs in the first shards, `(V,)` int64.

        Args:
            max_tokens: shards are counted until there are so many tokens.
        """
        counts = np.zeros(self.manifest["vocabulary_size"], np.int64)
        for index in range(self.num_shards):
            counts += np.bincount(self.shard(index).tokens, minlength=len(counts))
            if counts.sum() >= max_tokens:
                break
        return counts

    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Makes sure that the tokens are ids of `vocabulary`.

        Raises:
            ValueError: if the shards were made with another vocabulary.
        """
        if vocabulary.fingerprint != self.vocabulary_fingerprint:
            raise ValueError(
                f"The shards in {self.folder} were made with another vocabulary: "
                f"{self.manifest['vocabulary_size']:,} tokens, fingerprint "
                f"{self.vocabulary_fingerprint[:12]}. Received one of {len(vocabulary):,} tokens, "
                f"fingerprint {vocabulary.fingerprint[:12]}. Use the former, or build anew."
            )

    def _map(self, index: int) -> Shard:
        return Shard(*(np.load(path, mmap_mode="r") for path in shard_paths(self.folder, index)))

    def _check_sizes(self, index: int) -> None:
        # Reads no array: with thousands of shards, opening them all would be slow.
        sizes = self.manifest["shards"][index]["file_bytes"]
        for path, size in zip(shard_paths(self.folder, index), sizes, strict=True):
            found = path.stat().st_size if path.exists() else None
            if found != size:
                raise ValueError(
                    f"{path} "
                    + ("is missing" if found is None else f"has {found:,} bytes")
                    + f", and the manifest says {size:,} bytes. The shards are damaged: delete "
                    f"{self.folder.parent} and build them anew."
                )


def shard_paths(folder: Path, index: int) -> list[Path]:
    """The three files of a shard, in the order of the fields of `Shard`."""
    return [folder / f"{index:05d}.{field}.npy" for field in Shard._fields]


def _read_manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    if not path.exists():
        is_begun = folder.exists() and any(folder.iterdir())
        raise FileNotFoundError(
            f"The shards in {folder} are not complete: run the same build again, it goes on where "
            "it stopped."
            if is_begun
            else f"There are no shards in {folder}. Build them first with `build_shards`."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = (manifest["format"], manifest["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the manifest of shards: {error!r}.") from error
    if version != (FORMAT, FORMAT_VERSION):
        raise ValueError(
            f"{path} is of format {version[0]!r} version {version[1]!r}, and this kit reads "
            f"{FORMAT!r} version {FORMAT_VERSION}. Build the shards anew."
        )
    return manifest

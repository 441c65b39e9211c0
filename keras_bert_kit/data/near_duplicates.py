"""Finds documents that are almost the same, without comparing each with each: MinHash in bands."""

import re
from functools import cached_property
from hashlib import blake2b, shake_128
from zlib import crc32

import numpy as np

from keras_bert_kit.data.corpus import Document

BLOCK_SHINGLES = 256  # at a time: their hashes stay in the cache

# Characters of Chinese and Japanese are words of their own: no space separates them.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(f"[{_ALONE}]|[^\\W{_ALONE}]+")


class NearDuplicates:
    """Keys of documents, at least one of which two near duplicates have in common.

    How much alike two documents are is the Jaccard similarity of their shingles, the sets of all
    `words_per_shingle` words that stand side by side; case and punctuation do not count. For a
    random order of all shingles the similarity is the probability that both documents have the same
    first one. `num_hashes` such first ones are the signature of a document. It is cut into bands,
    and a band of `rows` of them is a key, so that documents of similarity s share a key with
    probability `1 - (1 - s**rows)**bands`, which rises steeply at the threshold.

    Args:
        threshold: the similarity from which on two documents should share a key, between 0 and 1.
        num_hashes: length of a signature; more make the rise steeper and take longer.
        words_per_shingle: how many words; a document of fewer is one shingle.

    Attributes:
        bands: number of keys of a document.
        rows: hashes in a band.

    Raises:
        ValueError: if `threshold` is not between 0 and 1.

    Reference:
        Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman and
        Ullman, "Mining of Massive Datasets", chapter 3. As a step in making a corpus: Lee et al.,
        "Deduplicating Training Data Makes Language Models Better", 2022.

    Example:
        >>> finder = NearDuplicates(0.8)
        >>> keys = set(finder.keys(["It rained. We stayed in."]))
        >>> keys == set(finder.keys(["it rained;", "we stayed in"]))
        True
        >>> keys & set(finder.keys(["It rained."]))
        set()
    """

    def __init__(self, threshold: float = 0.8, num_hashes: int = 256, words_per_shingle: int = 5):
        if not 0 < threshold < 1:
            raise ValueError(
                f"`threshold` of near duplicates must be between 0 and 1. Received: {threshold}."
            )
        self.threshold = threshold
        self.num_hashes = num_hashes
        self.words_per_shingle = words_per_shingle
        self.rows = min(range(1, num_hashes + 1), key=self._error)
        self.bands = num_hashes // self.rows

    def probability(self, similarity: float | np.ndarray) -> float | np.ndarray:
        """The probability that two documents of that similarity share a key."""
        return _probability(similarity, self.rows, self.bands)

    def keys(self, document: Document) -> list[bytes]:
        """The keys of a document, one a band, the same on every machine.

        Args:
            document: its lines or paragraphs.

        Returns:
            `bands` keys; none for a document without a letter or digit.
        """
        shingles = self._shingles(document)
        if not len(shingles):
            return []
        bands = self._signature(shingles)[: self.bands * self.rows].reshape(self.bands, self.rows)
        return [
            blake2b(band.tobytes(), digest_size=12, salt=index.to_bytes(2, "little")).digest()
            for index, band in enumerate(bands)
        ]

    def _shingles(self, document: Document) -> np.ndarray:
        """A hash of each shingle, `(S,)` uint64."""
        # By the hashes of words: to hash the text of every shingle takes several times as long.
        words = _WORDS.findall(" ".join(document).casefold())
        hashes = np.array([crc32(word.encode("utf-8", "replace")) for word in words], np.uint64)
        size = min(self.words_per_shingle, len(hashes))
        shingles = np.zeros(len(hashes) - size + 1 if size else 0, np.uint64)
        for place in range(size):
            shingles = shingles * _MULTIPLIER + hashes[place : place + len(shingles)]
        return shingles

    def _signature(self, shingles: np.ndarray) -> np.ndarray:
        """The smallest of the hashes of all shingles, for each hash function, uint32."""
        smallest = np.full(self.num_hashes, 2**64 - 1, np.uint64)
        multipliers, offsets = self._functions
        for start in range(0, len(shingles), BLOCK_SHINGLES):
            hashes = shingles[start : start + BLOCK_SHINGLES, np.newaxis] * multipliers  # mod 2**64
            hashes += offsets
            np.minimum(smallest, hashes.min(axis=0), out=smallest)
        return (smallest >> np.uint64(32)).astype(np.uint32)  # the lower half mixes badly

    @cached_property
    def _functions(self) -> np.ndarray:
        # From a hash and not from NumPy's generator, whose numbers may change with its version.
        numbers = shake_128(b"keras-bert-kit near duplicates").digest(16 * self.num_hashes)
        functions = np.frombuffer(numbers, "<u8").reshape(2, -1).astype(np.uint64)
        return functions | np.array([[1], [0]], np.uint64)  # multipliers are odd

    def _error(self, rows: int) -> float:
        """How many pairs are on the wrong side, if every similarity is as frequent."""
        similarity = np.linspace(0, 1, 201)
        shared = _probability(similarity, rows, self.num_hashes // rows)
        return np.where(similarity < self.threshold, shared, 1 - shared).sum()


_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # of Fibonacci hashing


def _probability(similarity, rows: int, bands: int):
    return 1 - (1 - similarity**rows) ** bands

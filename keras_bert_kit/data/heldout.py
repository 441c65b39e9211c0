"""Which documents are set aside for evaluation: by document, and by its text alone."""

from collections.abc import Callable
from hashlib import blake2b

from keras_bert_kit.data.corpus import Corpus, Document

SAMPLE_DOCUMENTS = 2_000
SAMPLE_CHARACTERS = 16 << 20


def choose_heldout(corpus: Corpus, fraction: float, seed: int = 0) -> Callable[[Document], bool]:
    """Holds out the documents whose hash, keyed with `seed`, is below a threshold.

    A document's side depends on its text alone, so copies of one document fall on the same side, in
    whatever order or file they are. The beginning of the corpus is read to set the threshold: where
    all of it is seen (up to `SAMPLE_DOCUMENTS` documents and `SAMPLE_CHARACTERS`), `fraction` of
    the documents is held out to the nearest whole number; where there is more, the threshold is
    `fraction` of all hashes. Either way at least one document goes to each side.

    Args:
        corpus: all documents.
        fraction: the share to hold out, from 0 to 1; 0 holds out none.
        seed: another seed, another choice.

    Returns:
        The function that says whether a document is held out.

    Raises:
        ValueError: if there is one document only, or all are equal.
    """
    if not fraction:
        return lambda document: False
    hashes, num_documents, length = set(), 0, 0
    for _, document in corpus.documents():
        hashes.add(_hash(document, seed))
        num_documents += 1
        length += sum(map(len, document))
        is_enough = num_documents > SAMPLE_DOCUMENTS or length > SAMPLE_CHARACTERS
        if is_enough and len(hashes) > 1:
            is_all = False
            break
    else:
        is_all = True
    if len(hashes) == 1:
        raise ValueError(
            "The corpus is a single document"
            + (f", {num_documents} times over" if num_documents > 1 else "")
            + ": none can be held out. Separate documents by blank lines, give more files, or set "
            "`heldout_fraction` to 0."
        )
    ordered = sorted(hashes)
    if is_all:
        count = min(max(round(fraction * len(ordered)), 1), len(ordered) - 1)
        threshold = ordered[count]
    else:
        threshold = min(max(int(fraction * 2**64), ordered[0] + 1), ordered[-1])
    return lambda document: _hash(document, seed) < threshold


def _hash(document: Document, seed: int) -> int:
    digest = blake2b("\n".join(document).encode(), digest_size=8, key=str(seed).encode())
    return int.from_bytes(digest.digest(), "big")

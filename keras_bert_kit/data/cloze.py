"""Sentences with one word masked, taken from shards by a rule and not by hand."""

from keras_bert_kit.text.vocabulary import Vocabulary

LENGTHS = range(10, 41)  # pieces of a sentence that is worth showing


def cloze_sentences(shards, vocabulary: Vocabulary, count: int) -> list[tuple[list[int], int]]:
    """Masks the middle word of a sentence in each of `count` documents spread over the shards.

    The sentence is the document's first of 10 to 40 pieces without an unknown one; the word is the
    nearest to its middle that is one piece, of letters, and four or more of them. Documents without
    such a sentence are passed over.

    Args:
        shards: a `Shards`.
        vocabulary: the `Vocabulary` of the shards.
        count: how many sentences.

    Returns:
        Up to `count` pairs of the ids of the sentence, one of them `[MASK]`, and the id masked.
    """
    found = []
    for index in range(shards.num_shards):
        shard = shards.shard(index)
        first_sentence = 0
        for last_sentence in shard.document_ends.tolist():
            starts = [0 if first_sentence == 0 else int(shard.sentence_ends[first_sentence - 1])]
            ends = shard.sentence_ends[first_sentence:last_sentence].tolist()
            starts += ends[:-1]
            first_sentence = last_sentence
            for start, end in zip(starts, ends, strict=True):
                example = _mask_middle(shard.tokens[start:end].tolist(), vocabulary)
                if example is not None:
                    found.append(example)
                    break
    return [found[i * len(found) // count] for i in range(count)] if len(found) > count else found


def _mask_middle(ids: list[int], vocabulary: Vocabulary) -> tuple[list[int], int] | None:
    if len(ids) not in LENGTHS or vocabulary.unknown_id in ids:
        return None
    goes_on = [*vocabulary.is_continuation[ids].tolist(), False]
    words = [
        at
        for at, word in enumerate(vocabulary.text_of(i).strip() for i in ids)
        if word.isalpha() and len(word) > 3 and not goes_on[at] and not goes_on[at + 1]
    ]
    if not words:
        return None
    middle = min(words, key=lambda i: abs(i - len(ids) // 2))
    return [*ids[:middle], vocabulary.mask_id, *ids[middle + 1 :]], ids[middle]

"""Texts and pairs of texts as sparse rows of TF-IDF, for the baselines."""

import re
from collections.abc import Sequence

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

# Scripts that put no space between words: every character is a word there, so that the pairs of
# words are pairs of characters. Han, kana, Thai, Lao, Myanmar, Khmer.
_UNSPACED = (
    r"\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3040-\u30FF\u31F0-\u31FF"
    r"\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\uFF66-\uFF9D\U00020000-\U0003FFFF"
)
# Marks that `\w` leaves out although they stand within words: accents, vowel signs.
_MARKS = r"\u0300-\u036F\u0590-\u05C7\u0610-\u065F\u0900-\u0963\u0966-\u0DFF"
WORD = rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w{_MARKS}])+|[^\w\s]"
ENOUGH_ROWS = 1_000  # from here on, what occurs in one text only is left out
OVERLAPS = 6

_find_words = re.compile(WORD).findall


def words_of(text: str) -> list[str]:
    """The words and punctuation marks of a text, in lower case.

    Scikit-learn's own pattern drops words of one character: "I", digits, all of Chinese.

    Example:
        >>> words_of("It's a 5!")
        ['it', "'", 's', 'a', '5', '!']
        >>> words_of("我爱BERT")
        ['我', '爱', 'bert']
    """
    return _find_words(text.lower())


class TextFeatures:
    """TF-IDF of words and of pairs of neighbouring words, learned from the training texts.

    `(1 + ln count) * (1 + ln((1 + n) / (1 + n_w)))`, each row of length 1, for the words that occur
    in two of the `n` training texts or more (in any of them, where there are fewer than 1,000). A
    word that training did not have counts for nothing, and an empty text is a row of zeros.

    A pair of texts gives the rows of both, the distance and the product of the two in each word,
    and six overlaps: the cosine, the cosine of single words, the share of the words of one that the
    other has, both ways, the share that both have of all, and the ratio of the lengths.

    Args:
        texts: the training texts.
        pairs: the second text of each, or None.

    Example:
        >>> features = TextFeatures(["a good film", "a bad film", "good", ""])
        >>> features.transform(["good", "unheard of", ""]).toarray().sum(axis=1)
        array([1., 0., 0.])
        >>> pairs = TextFeatures(["a cat"], ["a dog"])
        >>> pairs.transform(["a cat"], ["a cat"]).toarray()[0, -6:].round(3)
        array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> None:
        both = [*texts, *(pairs or ())]
        at_least = 2 if len(texts) >= ENOUGH_ROWS else 1
        self.words = _fit(both, (1, 1), 1) if pairs is not None else None
        self.phrases = _fit(both, (1, 2), at_least) or _fit(both, (1, 2), 1)

    def transform(self, texts: Sequence[str], pairs: Sequence[str] | None = None):
        """The features of texts `(R,)` as a sparse matrix `(R, F)`, none of them negative."""
        first = _rows(self.phrases, texts)
        if self.words is None:
            return first
        second = _rows(self.phrases, pairs)
        columns = [
            _row_products(first, second),
            _row_products(_rows(self.words, texts), _rows(self.words, pairs)),
            *np.array([_overlaps(*both) for both in zip(texts, pairs, strict=True)]).T,
        ]
        blocks = [first, second, abs(first - second), first.multiply(second)]
        return scipy.sparse.hstack([*blocks, np.column_stack(columns)], format="csr")


def _fit(texts: Sequence[str], sizes: tuple[int, int], at_least: int) -> TfidfVectorizer | None:
    """A vectorizer that knows the training texts; None if no word occurs often enough."""
    vectorizer = TfidfVectorizer(
        token_pattern=WORD, ngram_range=sizes, sublinear_tf=True, min_df=at_least
    )
    try:
        return vectorizer.fit(texts)
    except ValueError:  # scikit-learn's word for an empty vocabulary, its only complaint here
        return None


def _rows(vectorizer: TfidfVectorizer | None, texts: Sequence[str]):
    # Without a single word there is still one column, as no estimator takes a matrix of none.
    if vectorizer is None:
        return scipy.sparse.csr_matrix((len(texts), 1))
    return vectorizer.transform(texts)


def _row_products(first, second) -> np.ndarray:
    return np.asarray(first.multiply(second).sum(axis=1)).ravel()


def _overlaps(text: str, pair: str) -> tuple[float, float, float, float]:
    first, second = words_of(text), words_of(pair)
    one, other = set(first), set(second)
    shared = len(one & other)
    return (
        shared / max(len(one), 1),
        shared / max(len(other), 1),
        shared / max(len(one | other), 1),
        min(len(first), len(second)) / max(len(first), len(second), 1),
    )

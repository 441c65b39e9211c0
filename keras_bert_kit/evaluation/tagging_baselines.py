"""Taggers that look at spelling and neighbours only: what a fine-tuned tagger must beat."""

import logging
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

NO_ENTITIES = "no entities"
MAJORITY = "commonest tag"
COMMONEST_TAG = "commonest tag of each word"
LOGISTIC_REGRESSION = "logistic regression on word features"
OUTSIDE = "O"
LONGEST_AFFIX = 3
NEIGHBOURS = (-2, -1, 1, 2)
AT_LEAST = 2  # features of one training word only teach that word by heart
# Of SAGA over all words. More do not help on WikiANN, and L-BFGS to the end takes ten times as
# long for less.
PASSES = 20

# From probabilities `(W, C)`, how many words each sentence has, and the C tags to tags `(W,)` int.
Choose = Callable[[np.ndarray, np.ndarray, list[str]], np.ndarray]

_log = logging.getLogger(__name__)


def tagging_baselines(
    train_words: Sequence[Sequence[str]],
    train_tags: Sequence[Sequence[str]],
    test_words: Sequence[Sequence[str]],
    seed: int = 0,
    outside: str | None = OUTSIDE,
    choose: Choose | None = None,
) -> dict[str, list[list[str]]]:
    """The tags of three baselines, trained on the training sentences.

    - "no entities": `O` for every word;
    - "commonest tag of each word": as in training, `O` for words that were not there;
    - "logistic regression on word features": each word for itself, by the word, its lower case,
      shape, first and last one to three characters, two neighbours to either side.

    Tags need not follow IOB2's order: the second may begin an entity with `I-`, and so may the last
    without `choose`.

    Args:
        train_words: the words of each training sentence.
        train_tags: their tags.
        test_words: the sentences to tag.
        seed: the order in which the regression sees the words.
        outside: the tag of words that are no entity; None where tags mark none. Then the commonest
            of all tags takes its place, and the first baseline is called "commonest tag".
        choose: how the regression's tags are found in what it says of each word, as those of the
            model beside it are; by default the likeliest of each word.

    Returns:
        By name of the baseline a tag for each word of each sentence.

    Raises:
        ValueError: if there are no training words, or a sentence has another number of tags.

    Example:
        >>> words = [["Ada", "wrote"], ["Ada", "slept"], ["We", "slept"]]
        >>> tags = [["B-PER", "O"], ["B-PER", "O"], ["O", "O"]]
        >>> found = tagging_baselines(words, tags, [["Ada", "and", "Bob"]])
        >>> found["no entities"], found["commonest tag of each word"]
        ([['O', 'O', 'O']], [['B-PER', 'O', 'O']])

    Reference:
        Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003), section
        2.4, for the baseline; Ratinov and Roth, "Design Challenges and Misconceptions in Named
        Entity Recognition" (2009), for the features.
    """
    _check(train_words, train_tags)
    name = NO_ENTITIES
    if outside is None:
        counts = Counter(tag for tags in train_tags for tag in tags)
        name, outside = MAJORITY, counts.most_common(1)[0][0]
    return {
        name: [[outside] * len(words) for words in test_words],
        COMMONEST_TAG: _commonest_tags(train_words, train_tags, test_words, outside),
        LOGISTIC_REGRESSION: _regression_tags(train_words, train_tags, test_words, seed, choose),
    }


def word_shape(word: str) -> str:
    """Capital, small letter, digit or itself for each character, repeats left out.

    Example:
        >>> word_shape("McDonald's"), word_shape("1984-85"), word_shape("北京")
        ("XxXx'x", '0-0', 'x')
    """
    kinds = (
        "X" if c.isupper() else "x" if c.isalpha() else "0" if c.isdigit() else c for c in word
    )
    return re.sub(r"(.)\1+", r"\1", "".join(kinds), flags=re.DOTALL)


def _commonest_tags(train_words, train_tags, test_words, outside) -> list[list[str]]:
    counts = defaultdict(Counter)
    for words, tags in zip(train_words, train_tags, strict=True):
        for word, tag in zip(words, tags, strict=True):
            counts[word][tag] += 1
    commonest = {word: found.most_common(1)[0][0] for word, found in counts.items()}
    return [[commonest.get(word, outside) for word in words] for words in test_words]


def _regression_tags(train_words, train_tags, test_words, seed, choose) -> list[list[str]]:
    flat_tags = [tag for tags in train_tags for tag in tags]
    if len(set(flat_tags)) == 1:
        _log.warning("All training words have the tag %s: every baseline says so.", flat_tags[0])
        return [[flat_tags[0]] * len(words) for words in test_words]
    if not any(len(words) for words in test_words):
        return [[] for _ in test_words]
    vectorizer = DictVectorizer(dtype=np.float32)
    train = vectorizer.fit_transform(f for words in train_words for f in _features(words))
    test = vectorizer.transform(f for words in test_words for f in _features(words))
    frequent = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]) >= AT_LEAST)
    if len(frequent):
        train, test = train[:, frequent], test[:, frequent]
    model = LogisticRegression(solver="saga", max_iter=PASSES, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early on purpose
        model.fit(train, flat_tags)
    if choose is None:
        tags = iter(model.predict(test).tolist())
    else:
        num_words = np.array([len(words) for words in test_words])
        found = choose(model.predict_proba(test), num_words, model.classes_.tolist())
        tags = iter(model.classes_[found].tolist())
    return [[next(tags) for _ in words] for words in test_words]


def _features(words: Sequence[str]) -> Iterator[dict[str, float]]:
    """What the regression sees of each word, as names that are there (1) or not."""
    own = [_own_features(word) for word in words]
    for i, features in enumerate(own):
        found = dict.fromkeys(features, 1.0)
        if i == 0:
            found["first"] = 1.0
        for offset in NEIGHBOURS:
            if not 0 <= i + offset < len(words):
                found[f"{offset}:none"] = 1.0
                continue
            # Of a neighbour its lower case and shape: the affixes would double the work for little.
            found[f"{offset}:{own[i + offset][1]}"] = 1.0
            found[f"{offset}:{own[i + offset][2]}"] = 1.0
        yield found


def _own_features(word: str) -> list[str]:
    lower = word.lower()
    features = [f"word={word}", f"lower={lower}", f"shape={word_shape(word)}"]
    for size in range(1, min(LONGEST_AFFIX, len(lower)) + 1):
        features += [f"starts={lower[:size]}", f"ends={lower[-size:]}"]
    if word[:1].isupper():
        features.append("capital")
    if any(character.isdigit() for character in word):
        features.append("digit")
    return features


def _check(train_words, train_tags) -> None:
    if not any(len(words) for words in train_words):
        raise ValueError("`train_words` holds no word: a baseline needs at least one sentence.")
    if len(train_words) != len(train_tags):
        raise ValueError(
            f"`train_tags` must have one list for each of the {len(train_words)} sentences; "
            f"received {len(train_tags)}."
        )
    for number, (words, tags) in enumerate(zip(train_words, train_tags, strict=True), start=1):
        if len(words) != len(tags):
            raise ValueError(
                f"Expected a tag for each word; sentence {number} of the training rows has "
                f"{len(words)} words and {len(tags)} tags."
            )

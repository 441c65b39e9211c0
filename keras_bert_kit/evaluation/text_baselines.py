"""Classifiers and regressions that know words and no language: what a fine-tuned model must beat.

They are trained on the same rows as the model and scored on the same rows, in seconds. For the
words of sentences see `tagging_baselines`, for questions `question_baselines`.
"""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from threadpoolctl import threadpool_limits

from keras_bert_kit.evaluation.text_features import OVERLAPS, TextFeatures

MAJORITY = "majority"
NAIVE_BAYES = "naive Bayes on TF-IDF"
LOGISTIC_REGRESSION = "logistic regression on TF-IDF"
MEAN = "mean"
COSINE = "cosine of TF-IDF"
RIDGE = "ridge on TF-IDF"
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # the inverse of regularisation, one is chosen
MAXIMUM_CHOOSING_ROWS = 20_000  # more would not change the choice, and IMDB would take minutes
MAXIMUM_STEPS = 1_000

_log = logging.getLogger(__name__)


def classification_baselines(
    train_texts: Sequence[str],
    train_pairs: Sequence[str] | None,
    train_labels: ArrayLike,
    test_texts: Sequence[str],
    test_pairs: Sequence[str] | None,
    num_classes: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The probabilities of three baselines, trained on the training rows.

    - "majority": how often each class is in training, for every text alike;
    - "naive Bayes on TF-IDF": multinomial, the TF-IDF of `TextFeatures` as its counts, one added;
    - "logistic regression on TF-IDF": with the strength of regularisation that has the lowest
      cross-entropy on a fifth of the training rows, held out by `seed`.

    A class without a training row has the probability of add-one smoothing, `1 / (rows + C)`.

    Args:
        train_texts: the training texts.
        train_pairs: the second text of each, or None.
        train_labels: the classes, integers from 0, `(R,)`.
        test_texts: the texts to classify.
        test_pairs: the second text of each, or None.
        num_classes: how many classes there are.
        seed: decides which training rows choose the strength.

    Returns:
        Probabilities by name of the baseline, `(R, C)`, each row with the sum 1.

    Raises:
        ValueError: if there are no rows, columns differ in length, or a label is no class.

    Example:
        >>> texts = ["a fine film", "fine acting", "a dull film", "dull", "so dull"]
        >>> found = classification_baselines(
        ...     texts, None, [1, 1, 0, 0, 0], ["fine", "dull"], None, 2
        ... )
        >>> {name: rows.argmax(axis=1).tolist() for name, rows in found.items()}
        ... # doctest: +NORMALIZE_WHITESPACE
        {'majority': [0, 0], 'naive Bayes on TF-IDF': [1, 0],
         'logistic regression on TF-IDF': [1, 0]}

    Reference:
        Wang and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification"
        (2012).
    """
    labels = _classes(train_labels, num_classes)
    _check(train_texts, train_pairs, labels, test_texts, test_pairs)
    return _classify(
        *_features(train_texts, train_pairs, test_texts, test_pairs), labels, num_classes, seed
    )


def multilabel_baselines(
    train_texts: Sequence[str],
    train_pairs: Sequence[str] | None,
    train_labels: ArrayLike,
    test_texts: Sequence[str],
    test_pairs: Sequence[str] | None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The three of `classification_baselines`, one yes or no for each label.

    Args:
        train_texts: the training texts.
        train_pairs: the second text of each, or None.
        train_labels: which labels each row has, 0 or 1, `(R, C)`.
        test_texts: the texts to classify.
        test_pairs: the second text of each, or None.
        seed: decides which training rows choose the strength.

    Returns:
        Probabilities by name of the baseline, `(R, C)`, each for itself.

    Raises:
        ValueError: if there are no rows, columns differ in length, or a label is not 0 or 1.

    Example:
        >>> texts, labels = ["sun", "rain", "sun rain", "fog"], [[1, 0], [0, 1], [1, 1], [0, 0]]
        >>> found = multilabel_baselines(texts, None, labels, ["sun", "rain"], None)
        >>> (found["logistic regression on TF-IDF"] > 0.5).tolist()
        [[True, False], [False, True]]
    """
    labels = np.asarray(train_labels)
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"`train_labels` must be rows of 0 and 1, one column a label; received the shape "
            f"{labels.shape} with values like {labels.ravel()[:3].tolist()}."
        )
    _check(train_texts, train_pairs, labels, test_texts, test_pairs)
    found = {name: [] for name in (MAJORITY, NAIVE_BAYES, LOGISTIC_REGRESSION)}
    train, test = _features(train_texts, train_pairs, test_texts, test_pairs)
    for column in labels.T.astype(int):
        for name, probabilities in _classify(train, test, column, 2, seed).items():
            found[name].append(probabilities[:, 1])
    return {name: np.column_stack(columns) for name, columns in found.items()}


def regression_baselines(
    train_texts: Sequence[str],
    train_pairs: Sequence[str] | None,
    train_values: ArrayLike,
    test_texts: Sequence[str],
    test_pairs: Sequence[str] | None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The predictions of two or three baselines, trained on the training rows.

    - "mean": the mean of training, for every text;
    - "cosine of TF-IDF": for pairs, the straight line through cosine and value, fitted in training;
    - "ridge on TF-IDF": linear in `TextFeatures`, with the regularisation that has the lowest
      squared error on a fifth of the training rows, held out by `seed`.

    Args:
        train_texts: the training texts.
        train_pairs: the second text of each, or None.
        train_values: their values, `(R,)`.
        test_texts: the texts to rate.
        test_pairs: the second text of each, or None.
        seed: decides which training rows choose the regularisation.

    Returns:
        Values by name of the baseline, `(R,)`.

    Raises:
        ValueError: if there are no rows, columns differ in length, or a value is not finite.

    Example:
        >>> found = regression_baselines(
        ...     ["a cat", "a dog"], ["a cat", "my car"], [5.0, 0.0], ["a fish"], ["a fish"]
        ... )
        >>> found["mean"], found["cosine of TF-IDF"].round(3)
        (array([2.5]), array([5.]))
    """
    values = np.asarray(train_values, np.float64)
    for row in np.flatnonzero(~np.isfinite(values)):
        raise ValueError(
            f"`train_values` must be finite numbers; received {values[row]} at index {row}."
        )
    _check(train_texts, train_pairs, values, test_texts, test_pairs)
    train, test = _features(train_texts, train_pairs, test_texts, test_pairs)

    def regress(strength, x, y):
        return Ridge(alpha=1 / strength, solver="sparse_cg").fit(x, y)

    def squared_error(model, x, y):
        return np.square(model.predict(x) - y).mean()

    found = {MEAN: np.full(len(test_texts), values.mean())}
    if train_pairs is not None:
        train_cosine, test_cosine = (rows[:, [-OVERLAPS]].toarray() for rows in (train, test))
        # Next to no ridge: the line of least squares, or the mean where all cosines are equal.
        line = Ridge(alpha=1e-9).fit(train_cosine, values)
        found[COSINE] = line.predict(test_cosine)
    strength = _choose(regress, squared_error, train, values, seed)
    return found | {RIDGE: regress(strength, train, values).predict(test)}


def _features(train_texts, train_pairs, test_texts, test_pairs) -> tuple:
    features = TextFeatures(train_texts, train_pairs)
    train = features.transform(train_texts, train_pairs)
    return train, features.transform(test_texts, test_pairs)


def _classify(train, test, labels: np.ndarray, num_classes: int, seed: int) -> dict:
    """The three baselines of `classification_baselines` on features."""
    smoothed = (np.bincount(labels, minlength=num_classes) + 1) / (len(labels) + num_classes)
    majority = np.tile(smoothed, (test.shape[0], 1))
    if len(np.unique(labels)) == 1:
        _log.warning("All training rows are of class %d: every baseline says so.", labels[0])
        return dict.fromkeys((MAJORITY, NAIVE_BAYES, LOGISTIC_REGRESSION), majority)

    def regress(strength, x, y):
        return LogisticRegression(C=strength, max_iter=MAXIMUM_STEPS).fit(x, y)

    def cross_entropy(model, x, y):
        probabilities = _all_classes(model, x, smoothed)
        return -np.log(probabilities[np.arange(len(y)), y].clip(1e-9)).mean()

    with threadpool_limits(limits=1):  # vectors are short: threads would only wait for each other
        strength = _choose(regress, cross_entropy, train, labels, seed)
        return {
            MAJORITY: majority,
            NAIVE_BAYES: _all_classes(MultinomialNB().fit(train, labels), test, smoothed),
            LOGISTIC_REGRESSION: _all_classes(regress(strength, train, labels), test, smoothed),
        }


def _choose(fit: Callable, error: Callable, x, y: np.ndarray, seed: int) -> float:
    """The strength with the lowest error on a fifth of the rows; 1 where they are too few."""
    rows = np.random.default_rng(seed).permutation(len(y))[:MAXIMUM_CHOOSING_ROWS]
    held_out, kept = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    if len(held_out) < 2 or len(np.unique(y[kept])) == 1:
        return 1.0
    errors = [error(fit(one, x[kept], y[kept]), x[held_out], y[held_out]) for one in STRENGTHS]
    return STRENGTHS[int(np.argmin(errors))]


def _all_classes(model, x, smoothed: np.ndarray) -> np.ndarray:
    """What the model says of the classes it knows, and add-one smoothing of the others."""
    probabilities = np.tile(smoothed, (x.shape[0], 1))
    known_share = smoothed[model.classes_].sum()
    probabilities[:, model.classes_] = model.predict_proba(x) * known_share
    return probabilities


def _classes(labels: ArrayLike, num_classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.size and labels.dtype.kind not in "iub":
        raise ValueError(
            f"`train_labels` must be integers from 0 to {num_classes - 1}; received "
            f"{labels.ravel()[0]!r}."
        )
    labels = labels.astype(int)
    for row in np.flatnonzero((labels < 0) | (labels >= num_classes)):
        raise ValueError(
            f"`train_labels` must be integers from 0 to {num_classes - 1}; received "
            f"{labels[row]} at index {row}."
        )
    return labels


def _check(train_texts, train_pairs, labels, test_texts, test_pairs) -> None:
    lengths = {
        "train_texts": len(train_texts),
        "train_pairs": len(train_texts) if train_pairs is None else len(train_pairs),
        "train_labels": len(labels),
        "test_texts": len(test_texts),
        "test_pairs": len(test_texts) if test_pairs is None else len(test_pairs),
    }
    for name in ("train_texts", "test_texts"):
        if not lengths[name]:
            raise ValueError(f"`{name}` is empty: a baseline needs at least one text.")
    if (train_pairs is None) != (test_pairs is None):
        raise ValueError("Expected pairs in both training and test texts, or in neither.")
    for name, wanted in (("train_pairs", "train_texts"), ("train_labels", "train_texts"),
                         ("test_pairs", "test_texts")):  # fmt: skip
        if lengths[name] != lengths[wanted]:
            raise ValueError(
                f"`{name}` must have one entry for each of the {lengths[wanted]} `{wanted}`; "
                f"received {lengths[name]}."
            )

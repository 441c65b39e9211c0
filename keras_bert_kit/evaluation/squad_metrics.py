"""Numbers for answers to questions: exact match and F1 as SQuAD defines them.

Both compare answers after the same clean-up: lower case, no ASCII punctuation, no English articles.
A question may have no answer in its context; then the empty answer is right and any other wrong.

All are fractions between 0 and 1 where the official script has percentages.
"""

import logging
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

LISTED_IDS = 5  # how many ids an error message names
VERSIONS = ("2.0", "1.1")

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

logger = logging.getLogger(__name__)


def normalize_answer(text: str) -> str:
    """What is compared of an answer: lower case, without punctuation, articles and extra space.

    Punctuation is ASCII's only and goes first, without leaving a space: `a-the` becomes `athe`,
    which holds no article any more. Dashes and quotes beyond ASCII stay.

    Example:
        >>> normalize_answer("The  U.S. (an ally)")
        'us ally'
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(reference: str, answer: str) -> float:
    """1 where two answers are the same after the clean-up, else 0.

    Example:
        >>> exact_match("the Normans", "Normans.")
        1.0
    """
    return float(normalize_answer(reference) == normalize_answer(answer))


def answer_f1(reference: str, answer: str, version: str = "2.0") -> float:
    """The F1 of the words that two answers share, each as often as both have it.

    Args:
        reference: a right answer.
        answer: the one to score.
        version: where one of both has no words after the clean-up, 2.0 gives 1 if neither has, and
            1.1 always 0.

    Example:
        >>> round(answer_f1("in the 10th century", "10th century"), 3)  # 2 of 2, and 2 of 3 words
        0.8
    """
    words, answered = normalize_answer(reference).split(), normalize_answer(answer).split()
    if not words or not answered:
        return float(version == "2.0" and words == answered)
    shared = sum((Counter(words) & Counter(answered)).values())
    return 2 * shared / (len(words) + len(answered))


def squad_metrics(
    references: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float] | None = None,
    threshold: float = 1.0,
    version: str = "2.0",
) -> dict[str, float | int | None]:
    """Everything about answers, equal to the official script's (`evaluate-v2.0.py`).

    Args:
        references: the right answers by id of the question; none where there is no answer.
        predictions: an answer by id; `""` says that there is none.
        no_answer_scores: by id, higher where there is rather no answer. With them the answer of a
            question whose score is above `threshold` counts as `""`.
        threshold: for these scores; 1.0, as in the script, fits probabilities and leaves every
            answer as it is.
        version: `"2.0"`, or `"1.1"`, which knows no questions without an answer.

    Returns:
        `exact_match` and `f1` of all questions, `has_answer_exact_match` and `has_answer_f1` of
        those with an answer, `no_answer_accuracy` of the others (None where there are no such
        questions), `questions` and `no_answer_questions`, how many. With `no_answer_scores` also
        `best_exact_match` and `best_f1`, what the best threshold would give, with
        `best_exact_match_threshold` and `best_f1_threshold`.

    Raises:
        ValueError: if there are no questions, a question has no prediction or no score, or
            `version` is another; the message names the ids.

    Example:
        >>> metrics = squad_metrics({"q1": ["the cat", "a cat"], "q2": []}, {"q1": "cat", "q2": ""})
        >>> metrics["exact_match"], metrics["no_answer_accuracy"]
        (1.0, 1.0)

    Reference:
        Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016),
        section 6.1; Rajpurkar, Jia and Liang, "Know What You Don't Know" (2018), section 4.
    """
    by_question = question_scores(references, predictions, no_answer_scores, threshold, version)
    metrics = {
        name: None if np.isnan(values).all() else float(np.nanmean(values))
        for name, values in by_question.items()
    }
    answerless = sum(not answers for answers in references.values())
    metrics |= {"questions": len(references), "no_answer_questions": answerless}
    if answerless == len(references):
        logger.warning(
            "No value for has_answer_exact_match, has_answer_f1: no question has an answer."
        )
    if no_answer_scores is not None:
        # The best threshold is looked for among the answers as they were before any threshold.
        raw = question_scores(references, predictions, None, threshold, version)
        for name in ("exact_match", "f1"):
            best, at = _best_threshold(raw[name], references, predictions, no_answer_scores)
            metrics |= {f"best_{name}": best, f"best_{name}_threshold": at}
        if min(no_answer_scores.values()) <= 0 and best == answerless / len(references):
            logger.warning(
                "No threshold gives a better F1 than to answer no question at all. For that the "
                "official script reports 0.0, which fits probabilities; these scores are lower."
            )
    return metrics


def question_scores(
    references: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float] | None = None,
    threshold: float = 1.0,
    version: str = "2.0",
) -> dict[str, np.ndarray]:
    """The scores of each question, in the order of `references`, for instance for a bootstrap.

    Args:
        references: as `squad_metrics`.
        predictions: as `squad_metrics`.
        no_answer_scores: as `squad_metrics`.
        threshold: as `squad_metrics`.
        version: as `squad_metrics`.

    Returns:
        `exact_match`, `f1`, `has_answer_exact_match`, `has_answer_f1` and `no_answer_accuracy`,
        each `(R,)`, NaN where a question does not count: what `row_scores.mean_score` takes.

    Raises:
        ValueError: as `squad_metrics`.

    Example:
        >>> question_scores({"q1": ["cat"], "q2": ["dog"]}, {"q1": "cats", "q2": "dog"})["f1"]
        array([0., 1.])
    """
    if version not in VERSIONS:
        raise ValueError(f"`version` must be one of {', '.join(VERSIONS)}, received {version!r}.")
    if not references:
        raise ValueError("`references` is empty: a metric needs at least one question.")
    _check_ids(references, predictions, "predictions", "Predict an empty text for no answer.")
    wrong = [name for name in references if not isinstance(predictions[name], str)]
    if wrong:
        raise ValueError(
            f"`predictions` must be texts, received {predictions[wrong[0]]!r} for question "
            f"{wrong[0]}. No answer is an empty text."
        )
    if no_answer_scores is not None:
        advice = "Give a score for every question, or none at all."
        _check_ids(references, no_answer_scores, "no_answer_scores", advice)
        wrong = [name for name in references if np.isnan(no_answer_scores[name])]
        if wrong:
            raise ValueError(
                f"`no_answer_scores` is NaN for {len(wrong)} questions: {wrong[0]} ..."
            )
    answerless = [name for name, answers in references.items() if not answers]
    if version == "1.1" and answerless:
        raise ValueError(
            f"SQuAD 1.1 has an answer to every question, received none for {len(answerless)}: "
            f"{', '.join(map(str, answerless[:LISTED_IDS]))}. Score them with `version='2.0'`."
        )
    exact, f1, has_answer = [], [], []
    for identifier, answers in references.items():
        has_answer.append(bool(answers))
        if no_answer_scores is not None and no_answer_scores[identifier] > threshold:
            exact.append(float(not answers))
            f1.append(float(not answers))
            continue
        if version == "2.0":
            # An answer of articles and punctuation alone is none that could be matched.
            answers = [answer for answer in answers if normalize_answer(answer)]
        answers, given = answers or [""], predictions[identifier]
        exact.append(max(exact_match(answer, given) for answer in answers))
        f1.append(max(answer_f1(answer, given, version) for answer in answers))
    exact, f1, has_answer = np.array(exact), np.array(f1), np.array(has_answer)
    return {
        "exact_match": exact,
        "f1": f1,
        "has_answer_exact_match": np.where(has_answer, exact, np.nan),
        "has_answer_f1": np.where(has_answer, f1, np.nan),
        "no_answer_accuracy": np.where(has_answer, np.nan, exact),
    }


def _best_threshold(
    scores: np.ndarray,
    references: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float],
) -> tuple[float, float]:
    """The highest mean score that a threshold gives, and the threshold.

    It starts with every answer withheld and gives them back one by one, lowest score first. As in
    the official script, that start has the threshold 0.0, and of questions with the same score
    the first ones, in the order of `no_answer_scores`, may be taken alone.
    """
    score_of = dict(zip(references, scores.tolist(), strict=True))
    right = best = float(sum(not answers for answers in references.values()))
    threshold = 0.0
    for identifier in sorted(no_answer_scores, key=no_answer_scores.__getitem__):
        if identifier not in score_of:
            continue
        if references[identifier]:
            right += score_of[identifier]
        elif predictions[identifier]:
            right -= 1
        if right > best:
            best, threshold = right, float(no_answer_scores[identifier])
    return best / len(scores), threshold


def _check_ids(references: Mapping, given: Mapping, name: str, advice: str) -> None:
    missing = [identifier for identifier in references if identifier not in given]
    if missing:
        more = f" and {len(missing) - LISTED_IDS} more" if len(missing) > LISTED_IDS else ""
        raise ValueError(
            f"`{name}` has nothing for {len(missing)} of {len(references)} questions: "
            f"{', '.join(map(str, missing[:LISTED_IDS]))}{more}. {advice}"
        )
    extra = sum(identifier not in references for identifier in given)
    if extra:
        logger.warning("`%s` has %d ids that are no question: left out.", name, extra)

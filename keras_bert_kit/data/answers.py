"""Scores of first and last tokens to answers, as text of the context with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_bert_kit.data.spans import QuestionFeatures

MAX_ANSWER_TOKENS = 30  # BERT's `max_answer_length`
NO_SPAN = 1e6  # how much likelier "no answer" is where the context has no token: finite, for JSON
STARTS_AT_ONCE = 50_000  # tokens whose spans are in memory together


@dataclass(frozen=True)
class Answer:
    """What a context says to a question.

    Attributes:
        text: `context[start:end]`, or "" for no answer.
        start: where it begins in the context, in characters; 0 for no answer.
        end: where it ends, exclusively; 0 for no answer.
        probability: of this answer, or of none, among all that were considered.
        no_answer_score: how much rather there is no answer than the best span: the difference of
            their scores.
    """

    text: str
    start: int
    end: int
    probability: float
    no_answer_score: float


def best_answers(
    encoded: QuestionFeatures,
    contexts: Sequence[str],
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    *,
    max_answer_tokens: int = MAX_ANSWER_TOKENS,
    allow_no_answer: bool,
    threshold: float = 0.0,
) -> list[Answer]:
    """The best answer to each question over all windows of its context.

    A span's score is `start_logits[first] + end_logits[last]`. Considered are the spans of at most
    `max_answer_tokens` tokens of the context, within one window, whose first token has most context
    in that window (so that every beginning is considered once). No answer scores
    `start_logits + end_logits` of `[CLS]`, in the window where that is smallest: a single window
    that sees an answer is enough.

    A probability is a softmax over the scores of all spans considered, in all windows of the
    question, and with `allow_no_answer` that of no answer besides. (BERT's script took the best 20
    spans only.)

    Args:
        encoded: the inputs.
        contexts: R contexts, those that were encoded.
        start_logits: `(L,)`, how well each token begins an answer.
        end_logits: `(L,)`, how well it ends one.
        max_answer_tokens: most tokens of an answer.
        allow_no_answer: whether to answer "" where `no_answer_score` is larger than `threshold`.
        threshold: BERT's `null_score_diff_threshold`.

    Returns:
        R answers. Where a context has no token the answer is "".

    Raises:
        ValueError: if there are not finite logits for each token, or contexts for each question.

    Reference:
        `write_predictions` of https://github.com/google-research/bert/blob/master/run_squad.py
    """
    features = encoded.features
    num_tokens = len(features.token_ids)
    if not len(start_logits) == len(end_logits) == num_tokens:
        raise ValueError(
            f"There must be two logits for each of {num_tokens:,} tokens; received "
            f"{len(start_logits):,} and {len(end_logits):,}."
        )
    if len(contexts) != features.num_rows:
        raise ValueError(
            f"There must be a context for each of {features.num_rows:,} questions; received "
            f"{len(contexts):,}."
        )
    if max_answer_tokens < 1:
        raise ValueError(f"`max_answer_tokens` must be positive; received {max_answer_tokens}.")
    start_logits, end_logits = (np.asarray(x, np.float64) for x in (start_logits, end_logits))
    if not (np.isfinite(start_logits).all() and np.isfinite(end_logits).all()):
        raise ValueError("There are logits that are not finite: the model has diverged.")
    null_scores = np.full(features.num_rows, np.inf)
    at_cls = features.splits[:-1]
    np.minimum.at(null_scores, features.rows, start_logits[at_cls] + end_logits[at_cls])

    # RoBERTa's pieces of white space are empty in the text: no answer begins or ends with one.
    is_end = encoded.context_ends > encoded.context_starts
    first = np.flatnonzero(is_end & encoded.has_most_context)
    row = np.repeat(features.rows, features.lengths)[first]
    last, score, mass = _best_ends(
        first,
        np.repeat(features.splits[1:], features.lengths)[first],
        start_logits,
        np.where(is_end, end_logits, -np.inf),
        max_answer_tokens,
    )
    best = np.full(features.num_rows, -np.inf)
    np.maximum.at(best, row, score)
    total = null_scores.copy() if allow_no_answer else np.full(features.num_rows, -np.inf)
    np.logaddexp.at(total, row, mass)
    places = np.zeros((features.num_rows, 2), np.int64)  # in characters
    is_best = np.flatnonzero(score == best[row])
    rows, chosen = np.unique(row[is_best], return_index=True)  # of equally good ones the first
    places[rows, 0] = encoded.context_starts[first[is_best[chosen]]]
    places[rows, 1] = encoded.context_ends[last[is_best[chosen]]]
    return [
        _answer(context, *place, *scores, allow_no_answer, threshold)
        for context, place, *scores in zip(
            contexts, places.tolist(), best, null_scores, total, strict=True
        )
    ]


def _best_ends(
    first: np.ndarray,
    stop: np.ndarray,
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    max_tokens: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each token that may begin an answer, `(S,)`, where its best span ends.

    Args:
        first: the token.
        stop: where its window ends.
        start_logits: `(L,)`.
        end_logits: `(L,)`, -inf where no answer may end.
        max_tokens: most tokens of a span.

    Returns:
        The best span's last token and score, and the log of the sum of `exp(score)` of all spans.
    """
    padded = np.concatenate([end_logits, np.full(max_tokens, -np.inf)])
    ends_from = np.lib.stride_tricks.sliding_window_view(padded, max_tokens)  # (L + 1, max_tokens)
    found = [(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))]
    for at in range(0, len(first), STARTS_AT_ONCE):
        some = slice(at, at + STARTS_AT_ONCE)
        is_inside = np.arange(max_tokens) < (stop[some] - first[some])[:, None]
        scores = np.where(is_inside, ends_from[first[some]], -np.inf)  # (S, max_tokens)
        length = scores.argmax(axis=1)
        best = scores[np.arange(len(length)), length]
        mass = np.log(np.exp(scores - best[:, None]).sum(axis=1))
        score = start_logits[first[some]] + best
        found.append((first[some] + length, score, score + mass))
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def _answer(context, start, end, best, null_score, total, allow_no_answer, threshold) -> Answer:
    """The best span as an answer, or none."""
    if best == -np.inf:
        return Answer("", 0, 0, 1.0, NO_SPAN)
    no_answer_score = float(null_score - best)
    if allow_no_answer and no_answer_score > threshold:
        return Answer("", 0, 0, float(np.exp(null_score - total)), no_answer_score)
    return Answer(context[start:end], start, end, float(np.exp(best - total)), no_answer_score)

"""Questions with contexts to inputs of an encoder, and answers to places among their tokens."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_bert_kit.data.features import Features, join_segments, num_special
from keras_bert_kit.data.inputs import InputOptions, Window, windows
from keras_bert_kit.data.token_places import ids_of_texts, tokens_and_places
from keras_bert_kit.data.window_context import richest_windows

MAX_QUESTION_TOKENS = 64  # BERT's `max_query_length`

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuestionFeatures:
    """Inputs `[CLS] question [SEP] part of the context [SEP]`, and where their tokens come from.

    Attributes:
        features: the inputs, one or several for each question.
        context_starts: `(L,)` int32, where in its context a token begins, in characters; -1 for
            tokens that are not of the context.
        context_ends: `(L,)` int32, where it ends, exclusively; combining marks that the tokenizer
            dropped behind it are in it.
        context_tokens: `(L,)` int32, which token of its context it is, or -1.
        has_most_context: `(L,)` bool, for tokens of the context whether this is the window that
            shows most around them; false for all others.
        offsets: for each question `(N, 2)` int32, the beginning and end of every token of its
            context, in windows or not.
        num_cut_question_tokens: `(R,)` int32, tokens of each question that are in no input.
    """

    features: Features
    context_starts: np.ndarray
    context_ends: np.ndarray
    context_tokens: np.ndarray
    has_most_context: np.ndarray
    offsets: list[np.ndarray]
    num_cut_question_tokens: np.ndarray


def encode_questions(
    questions: Sequence[str],
    contexts: Sequence[str],
    tokenizer,
    options: InputOptions,
    *,
    max_question_tokens: int = MAX_QUESTION_TOKENS,
    num_segments: int = 2,
) -> QuestionFeatures:
    """Tokenises questions and contexts and makes inputs: `[CLS] question [SEP] context [SEP]`.

    A question keeps at most `max_question_tokens`, and never more than half of an input. What is
    left is for the context: its beginning with `long_texts="truncate"`; all of it, in windows that
    overlap, with `"windows"`.

    Args:
        questions: R questions.
        contexts: R texts to find the answers in; equal ones are tokenised once.
        tokenizer: strings to ids, with offsets.
        options: how long inputs may be; BERT has 384 tokens and a stride of 128.
        max_question_tokens: most tokens of a question.
        num_segments: how many segment ids the model knows.

    Returns:
        The inputs, one a question, or several with `"windows"`.

    Raises:
        ValueError: if there are not as many contexts as questions, or `options` cannot be for
            questions.

    Reference:
        https://arxiv.org/abs/1810.04805, section 4.2
    """
    if len(questions) != len(contexts):
        raise ValueError(
            f"There must be a context for each of {len(questions):,} questions; received "
            f"{len(contexts):,}."
        )
    if max_question_tokens < 1:
        raise ValueError(f"`max_question_tokens` must be positive; received {max_question_tokens}.")
    vocabulary = tokenizer.vocabulary
    room = options.sequence_length - num_special(2, vocabulary)
    max_question_tokens = min(max_question_tokens, room // 2)
    _check_options(options, room, max_question_tokens)
    question_ids = ids_of_texts(questions, tokenizer)
    context_ids, offsets = tokens_and_places(contexts, tokenizer)

    token_ids, segment_ids, rows, num_cut = [], [], [], []
    places: list[np.ndarray] = []  # (T, 4) of each input: beginning, end, token, has most context
    for row, (question, context) in enumerate(zip(question_ids, context_ids, strict=True)):
        question = question[:max_question_tokens]
        before = 1 + len(question) + vocabulary.separators_between
        spans = windows(len(context), room - len(question), options.stride)
        if options.long_texts == "truncate":
            spans = [Window(0, min(len(context), room - len(question)))]
        numbers = np.arange(len(context))
        chosen = richest_windows(numbers, numbers + 1, spans)
        for number, (start, stop) in enumerate(spans):
            ids, of_segment = join_segments(
                [question, context[start:stop]], vocabulary, num_segments
            )
            of_context = slice(before, before + stop - start)
            place = np.full((len(ids), 4), (-1, -1, -1, 0), np.int32)
            place[of_context, :2] = offsets[row][start:stop]
            place[of_context, 2] = numbers[start:stop]
            place[of_context, 3] = chosen[start:stop] == number
            token_ids.append(ids)
            segment_ids.append(of_segment)
            places.append(place)
            rows.append(row)
        num_cut.append(len(context) - spans[-1].stop)

    cut_of_questions = np.array(
        [max(0, len(ids) - max_question_tokens) for ids in question_ids], np.int32
    )
    num_cut = np.array(num_cut, np.int32)
    _log_cuts(cut_of_questions, num_cut, max_question_tokens)
    flat = np.concatenate([*places, np.zeros((0, 4), np.int32)])
    return QuestionFeatures(
        Features.of(token_ids, segment_ids, rows, num_cut + cut_of_questions),
        *flat[:, :3].T.copy(),
        flat[:, 3] == 1,
        offsets,
        cut_of_questions,
    )


def span_targets(
    encoded: QuestionFeatures,
    answers: Sequence[Sequence[tuple[str, int]]],
    *,
    no_answer_windows: str = "cls",
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The first and the last token of the answer in each input.

    A question's first answer counts. Its tokens are all that share a character with it. Inputs
    without the whole of it point to `[CLS]`, as do those of questions that have no answer.

    Args:
        encoded: the inputs.
        answers: of each question its answers, each a text and where that begins in the context, in
            characters; none where the context does not answer it.
        no_answer_windows: what inputs are worth that lack the answer of their question, or part of
            it: `"cls"` teaches that the answer is not there, `"skip"` leaves them out, as some do
            where every question has an answer.

    Returns:
        Targets `{"start", "end"}` `(F,)` int32 and weights `{"start", "end"}` `(F,)` float32. The
        weight is 0 for inputs to be skipped, and for questions whose answer has no token at all
        (the tokenizer drops control characters, for instance), which are counted in the log.

    Raises:
        ValueError: if there are not answers for each question, or `no_answer_windows` is unknown.
    """
    features = encoded.features
    if no_answer_windows not in ("cls", "skip"):
        raise ValueError(
            f'`no_answer_windows` must be "cls" or "skip"; received {no_answer_windows!r}.'
        )
    if len(answers) != features.num_rows:
        raise ValueError(
            f"There must be answers, or an empty list, for each of {features.num_rows:,} "
            f"questions; received {len(answers):,}."
        )
    wanted = np.full((features.num_rows, 2), -1, np.int32)  # first and last token in the context
    unseen = np.zeros(features.num_rows, bool)
    for row, some in enumerate(answers):
        if some:
            text, at = some[0]
            starts, ends = encoded.offsets[row].T
            covering = (ends > at) & (starts < at + len(text)) & (ends > starts)
            unseen[row] = not (covering.any() and text)
            if not unseen[row]:
                wanted[row] = np.flatnonzero(covering)[[0, -1]]

    first, last, before = _context_windows(encoded)
    start, end = wanted[features.rows].T
    holds = (start >= first) & (end < last) & (start >= 0)
    targets = [
        np.where(holds, place - first + before, 0).astype(np.int32) for place in (start, end)
    ]
    has_answer = np.array([bool(some) for some in answers], bool)[features.rows]
    weights = np.where(unseen[features.rows], 0.0, 1.0)
    if no_answer_windows == "skip":
        weights[has_answer & ~holds] = 0.0
    weights = weights.astype(np.float32)
    never = np.setdiff1d(np.flatnonzero(wanted[:, 0] >= 0), features.rows[holds])
    _log_lost_answers(unseen, never)
    return dict(zip(("start", "end"), targets, strict=True)), {"start": weights, "end": weights}


def _context_windows(encoded: QuestionFeatures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(F,)` each: first token of the context, the one after the last, and tokens before them."""
    splits = encoded.features.splits
    of_context = encoded.context_tokens >= 0
    counts = np.diff(np.concatenate([[0], np.cumsum(of_context)])[splits])
    # The context stands before the last [SEP]; an empty one begins and ends at token 0.
    before = encoded.features.lengths - 1 - counts
    padded = np.append(encoded.context_tokens, 0)
    first = np.where(counts > 0, padded[splits[:-1] + before], 0)
    return first, first + counts, before


def _check_options(options: InputOptions, room: int, max_question_tokens: int) -> None:
    if options.long_texts == "head_tail":
        raise ValueError(
            '`long_texts="head_tail"` would join what does not belong together, and answers across '
            'the seam. Use "windows", which reads every context to its end, or "truncate".'
        )
    if room < 2:
        raise ValueError(
            f"`sequence_length` {options.sequence_length} leaves room for {room} tokens of "
            "question and context beside the special tokens; make it longer."
        )
    least = room - max_question_tokens
    if options.long_texts == "windows" and options.stride is not None and options.stride > least:
        raise ValueError(
            f"`stride` is {options.stride}, but beside a question of {max_question_tokens} tokens "
            f"a window has room for only {least} of the context: what lies between two windows "
            "would be lost. Use a smaller stride, longer inputs or a smaller `max_question_tokens`."
        )


def _log_cuts(of_questions: np.ndarray, of_contexts: np.ndarray, max_question_tokens: int) -> None:
    if of_questions.any():
        logger.warning(
            f"{np.count_nonzero(of_questions):,} questions are longer than {max_question_tokens} "
            f"tokens; {of_questions.sum():,} tokens at their ends are not read."
        )
    if of_contexts.any():
        logger.warning(
            f"{np.count_nonzero(of_contexts):,} contexts are too long; {of_contexts.sum():,} "
            'tokens at their ends are not read. `long_texts="windows"` reads them.'
        )


def _log_lost_answers(unseen: np.ndarray, never: np.ndarray) -> None:
    if unseen.any():
        logger.warning(
            f"{unseen.sum():,} answers have no token, because the tokenizer drops all of their "
            f"characters: their questions are left out (the first is number "
            f"{np.flatnonzero(unseen)[0]}, counted from 0)."
        )
    if never.size:
        logger.warning(
            f"{never.size:,} answers are not whole in any input: too long for a window, or cut off "
            f"(the first is that of question number {never[0]}, counted from 0)."
        )

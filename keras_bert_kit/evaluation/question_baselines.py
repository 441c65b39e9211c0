"""Answers found by counting shared words: what a question-answering model must beat."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from keras_bert_kit.evaluation.text_features import WORD

NO_ANSWER = "always no answer"
SLIDING_WINDOW = "sliding window"
LONGEST_CANDIDATE = 6  # words; longer answers are rare, and every length more costs time
# Words that neither an answer begins or ends with nor a question is told by.
FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about after against all also although among an and any are as at be because been
        before being between both but by can could did do does during each for from had has
        have he her his how i if in into is it its may more most no not of on one or other
        our over she should so some such than that the their them then there these they this
        through to under until up was we were what when where which while who whom whose why
        will with would you your
        """,
    )
)

_find = re.compile(WORD).finditer
_is_word = re.compile(r"\w").match
_ends_sentence = re.compile(r"[.!?。！？]").fullmatch


def question_baselines(
    ids: Sequence[str],
    questions: Sequence[str],
    contexts: Sequence[str],
    *,
    may_be_unanswerable: bool = True,
) -> dict[str, dict[str, str]]:
    """The answers of baselines that read no training rows.

    - "always no answer": the empty string, for data as SQuAD 2.0 (about half of it is right there);
    - "sliding window": the sentence that shares most words with the question, and in it the run of
      up to six words without a function word, a punctuation mark or a word of the question that
      scores best. Its score is that of the window of the context, as wide as question and run
      together, whose words in either are rarest: `sum ln(1 + 1 / count(word))`.

    The paper's candidates are the constituents of a parse; runs between function words stand in for
    them here, so that no parser is needed.

    Args:
        ids: the questions' names, each once.
        questions: the questions.
        contexts: the passage of each.
        may_be_unanswerable: whether the data has questions without an answer; without, the first
            baseline is left out.

    Returns:
        By name of the baseline the answers by id: substrings of the context, or "".

    Raises:
        ValueError: if the three differ in length, or an id comes twice.

    Example:
        >>> context = "Ada wrote the first program. It was printed in 1843."
        >>> found = question_baselines(["q"], ["When was it printed?"], [context])
        >>> found["always no answer"], found["sliding window"]
        ({'q': ''}, {'q': '1843'})

    Reference:
        Richardson, Burges and Renshaw, "MCTest" (2013), section 4; Rajpurkar et al., "SQuAD"
        (2016), section 5.1.
    """
    if not len(ids) == len(questions) == len(contexts):
        raise ValueError(
            "Expected an id, a question and a context each; received "
            f"{len(ids)}, {len(questions)} and {len(contexts)}."
        )
    for name, count in Counter(ids).items():
        if count > 1:
            raise ValueError(f"Each id must come once; received {name!r} {count} times.")
    read = {context: _read(context) for context in dict.fromkeys(contexts)}
    answers = {
        name: _answer(question, context, *read[context])
        for name, question, context in zip(ids, questions, contexts, strict=True)
    }
    always_none = {NO_ANSWER: dict.fromkeys(ids, "")} if may_be_unanswerable else {}
    return always_none | {SLIDING_WINDOW: answers}


def _read(context: str) -> tuple[list[str], list[tuple[int, int]], list[float], list[int]]:
    """Words in lower case, where they stand, how rare they are, the number of their sentence."""
    found = list(_find(context))
    words = [match.group().lower() for match in found]
    counts = Counter(words)
    rarity = [math.log1p(1 / counts[word]) for word in words]
    sentences, number = [], 0
    for i, match in enumerate(found):
        sentences.append(number)
        # A full stop ends a sentence where a space follows it: not in "U.S." nor in "3.5".
        before_space = context[match.end() : match.end() + 1].strip() == ""
        if _ends_sentence(words[i]) and (before_space or words[i] in "。！？"):
            number += 1
    return words, [match.span() for match in found], rarity, sentences


def _answer(question: str, context: str, words, spans, rarity, sentences) -> str:
    asked = {match.group().lower() for match in _find(question)}
    told = {word for word in asked if _is_word(word) and word not in FUNCTION_WORDS}
    runs = _candidates(words, sentences, asked)
    if not runs:
        return ""
    overlaps = Counter()
    for word, sentence in set(zip(words, sentences, strict=True)):
        overlaps[sentence] += word in told
    most = max(overlaps[sentences[start]] for start, _ in runs)
    best = max(
        ((start, end) for start, end in runs if overlaps[sentences[start]] == most),
        # Of equals the longest: "Marie Curie" rather than "Marie"; max keeps the first of these.
        key=lambda run: (
            round(_window_score(told | set(words[slice(*run)]), words, rarity), 6),
            run[1] - run[0],
        ),
    )
    return context[spans[best[0]][0] : spans[best[1] - 1][1]]


def _candidates(words, sentences, asked: set[str]) -> list[tuple[int, int]]:
    """The runs of words that can be an answer, none longer than `LONGEST_CANDIDATE`."""
    runs, start = [], None
    for i in range(len(words) + 1):
        is_content = (
            i < len(words)
            and _is_word(words[i])
            and words[i] not in FUNCTION_WORDS
            and words[i] not in asked
        )
        starts_anew = start is not None and i < len(words) and sentences[i] != sentences[start]
        if start is not None and (not is_content or starts_anew):
            runs += [(first, min(first + LONGEST_CANDIDATE, i))
                     for first in range(start, i, LONGEST_CANDIDATE)]  # fmt: skip
            start = None
        if is_content and start is None:
            start = i
    return runs


def _window_score(wanted: set[str], words: list[str], rarity: list[float]) -> float:
    """The largest sum over windows of `len(wanted)` words of the rarity of those wanted."""
    worth = [rare if word in wanted else 0.0 for word, rare in zip(words, rarity, strict=True)]
    width = min(len(wanted), len(worth))
    now = best = sum(worth[:width])
    for i in range(width, len(worth)):
        now += worth[i] - worth[i - width]
        best = max(best, now)
    return best

"""One sentence on whether a model beats its baselines, which also says when it does not."""

from collections.abc import Iterable, Mapping

from keras_bert_kit.evaluation.scores import Score, format_apart, format_number, is_defined

# What `beats` finds, as a sentence says it.
VERBS = {"yes": "beats", "not clearly": "does NOT clearly beat", "no": "does NOT beat"}
MIN_ROWS = 20  # of fewer, a few lucky rows decide, and no resampling of them shows it


def verdict(
    metric: str,
    model: float | Iterable[float | None] | None,
    baselines: Mapping[str, float | None],
    *,
    higher_is_better: bool = True,
    difference_interval: tuple[float, float] | None = None,
    num_rows: int | None = None,
    name: str = "BERT",
) -> str:
    """Sets a model against the best of its baselines.

    It beats the baseline only where the difference is more than chance: where zero is outside of
    `difference_interval`, if there is one, the difference is larger than the deviation between
    seeds, and there are at least 20 rows.

    Args:
        metric: what was measured, as it should read.
        model: the model's number, or one for each seed.
        baselines: their numbers by name; those that are not defined are passed over.
        higher_is_better: False for losses and errors.
        difference_interval: the 95 % interval of model minus best baseline on the same rows, as a
            paired bootstrap gives it.
        num_rows: how many rows they were measured on, if it is known.
        name: what the sentence calls the model.

    Returns:
        The sentence, or two.

    Example:
        >>> verdict("accuracy", 0.83, {"majority": 0.51, "logistic regression": 0.80})
        'BERT beats logistic regression: accuracy 0.830 against 0.800.'
        >>> verdict("accuracy", 0.79, {"majority": 0.51, "logistic regression": 0.80})
        ... # doctest: +NORMALIZE_WHITESPACE
        'BERT does NOT beat logistic regression: accuracy 0.790 against 0.800. It is ahead of
        majority.'
        >>> verdict("accuracy", 0.81, {"ridge": 0.80}, difference_interval=(-0.01, 0.03))
        ... # doctest: +NORMALIZE_WHITESPACE
        'BERT does NOT clearly beat ridge: accuracy 0.810 against 0.800, no better than chance
        difference (95 % interval of the difference -0.010 to 0.030).'
    """
    score, gains = _gains(model, baselines, higher_is_better)
    if not is_defined(score.value):
        return f"The {metric} of {name} is not defined on these rows: there is no verdict."
    if not gains:
        own = format_number(score.value) + _seeds(score)
        return f"{name} has the {metric} {own}; there is no baseline to set it against."

    best = min(gains, key=gains.get)
    found = beats(gains[best], score.deviation, difference_interval, num_rows)
    own, other = format_apart(score.value, baselines[best])
    sentence = f"{name} {VERBS[found]} {best}: {metric} {own}{_seeds(score)} against {other}"
    if found == "not clearly":
        sentence += ", no better than chance difference"
    sentence += f"{_why(gains[best], score.deviation, difference_interval, num_rows)}."
    beaten = [who for who, gain in gains.items() if who != best and gain > 0]
    if found == "yes" or not beaten:
        return sentence
    return f"{sentence} It is ahead of {' and '.join(beaten)}."


def beats_best(
    model: float | Iterable[float | None] | None,
    baselines: Mapping[str, float | None],
    *,
    higher_is_better: bool = True,
    difference_interval: tuple[float, float] | None = None,
    num_rows: int | None = None,
) -> str | None:
    """What `verdict` says of the same numbers, for programs.

    Returns:
        `"yes"`, `"not clearly"` or `"no"`; None where there is nothing to set against another.

    Example:
        >>> beats_best(0.83, {"majority": 0.51, "logistic regression": 0.80})
        'yes'
    """
    score, gains = _gains(model, baselines, higher_is_better)
    if not gains:
        return None
    return beats(min(gains.values()), score.deviation, difference_interval, num_rows)


def beats(
    gain: float,
    deviation: float | None,
    interval: tuple[float, float] | None,
    num_rows: int | None = None,
) -> str:
    """Whether a lead is more than chance: `"yes"`, `"not clearly"` or `"no"`.

    Args:
        gain: the lead, negative for who is behind.
        deviation: between seeds, if there are several.
        interval: the 95 % interval of the difference, if it is known.
        num_rows: of how many rows, if it is known.
    """
    if gain <= 0:
        return "no"
    may_be_luck = _holds_zero(interval) or _is_within(gain, deviation) or _are_few(num_rows)
    return "not clearly" if may_be_luck else "yes"


def few_rows(num_rows: int | None) -> str:
    """What a sentence adds where there are too few rows to say more.

    Example:
        >>> few_rows(5), few_rows(1), few_rows(500)
        (', on no more than 5 rows', ', on no more than 1 row', '')
    """
    if not _are_few(num_rows):
        return ""
    return f", on no more than {num_rows} row{'s' if num_rows > 1 else ''}"


def _gains(model, baselines, higher_is_better: bool) -> tuple[Score, dict[str, float]]:
    """The model's score, and how far it is ahead of each baseline, as far as that is defined."""
    score = Score.of_seeds(list(model) if isinstance(model, Iterable) else [model])
    if not is_defined(score.value):
        return score, {}
    sign = 1 if higher_is_better else -1
    known = {who: value for who, value in baselines.items() if is_defined(value)}
    return score, {who: sign * (score.value - value) for who, value in known.items()}


def _why(
    gain: float,
    deviation: float | None,
    interval: tuple[float, float] | None,
    num_rows: int | None,
) -> str:
    """What says whether the difference may be chance."""
    within = "within the deviation between seeds" if _is_within(gain, deviation) else ""
    if interval is None:
        return (f" ({within})" if within else "") + few_rows(num_rows)
    low, high = (format_number(end) for end in interval)
    but = f", but {within}" if within and not _holds_zero(interval) else ""
    return f" (95 % interval of the difference {low} to {high}{but}){few_rows(num_rows)}"


def _holds_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and interval[0] <= 0 <= interval[1]


def _is_within(gain: float, deviation: float | None) -> bool:
    return is_defined(deviation) and abs(gain) <= deviation


def _are_few(num_rows: int | None) -> bool:
    return num_rows is not None and num_rows < MIN_ROWS


def _seeds(score: Score) -> str:
    if not is_defined(score.deviation):
        return ""
    return f" ± {format_number(score.deviation)} over {score.seeds} seeds"

"""One sentence on whether a model beats its baselines, which also says when it does not."""

from collections.abc import Iterable, Mapping

from keras_bert_kit.evaluation.scores import Score, format_apart, format_number, is_defined


def verdict(
    metric: str,
    model: float | Iterable[float | None] | None,
    baselines: Mapping[str, float | None],
    *,
    higher_is_better: bool = True,
    difference_interval: tuple[float, float] | None = None,
    name: str = "BERT",
) -> str:
    """Sets a model against the best of its baselines.

    It beats the baseline only where the difference is more than chance: where zero is outside of
    `difference_interval`, if there is one, and the difference is larger than the deviation between
    seeds.

    Args:
        metric: what was measured, as it should read.
        model: the model's number, or one for each seed.
        baselines: their numbers by name; those that are not defined are passed over.
        higher_is_better: False for losses and errors.
        difference_interval: the 95 % interval of model minus best baseline on the same rows, as a
            paired bootstrap gives it.
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
    score = Score.of_seeds(list(model) if isinstance(model, Iterable) else [model])
    sign = 1 if higher_is_better else -1
    known = {who: value for who, value in baselines.items() if is_defined(value)}
    if not is_defined(score.value):
        return f"The {metric} of {name} is not defined on these rows: there is no verdict."
    if not known:
        own = format_number(score.value) + _seeds(score)
        return f"{name} has the {metric} {own}; there is no baseline to set it against."

    best = max(known, key=lambda who: sign * known[who])
    gain = sign * (score.value - known[best])
    own, other = format_apart(score.value, known[best])
    numbers = f"{metric} {own}{_seeds(score)} against {other}"
    is_chance, why = _chance(gain, score, difference_interval)
    if gain > 0 and not is_chance:
        return f"{name} beats {best}: {numbers}{why}."
    if gain > 0:
        sentence = f"{name} does NOT clearly beat {best}: {numbers}, no better than chance"
        return f"{sentence} difference{why}.{_beaten(known, best, score.value, sign)}"
    return f"{name} does NOT beat {best}: {numbers}{why}.{_beaten(known, best, score.value, sign)}"


def _chance(gain: float, score: Score, interval: tuple[float, float] | None) -> tuple[bool, str]:
    """Whether the difference may be chance, and what says so."""
    if interval is not None:
        low, high = (format_number(end) for end in interval)
        is_chance = interval[0] <= 0 <= interval[1]
        why = f" (95 % interval of the difference {low} to {high})"
        if not is_chance and is_defined(score.deviation) and abs(gain) <= score.deviation:
            return True, f"{why[:-1]}, but within the deviation between seeds)"
        return is_chance, why
    if is_defined(score.deviation) and abs(gain) <= score.deviation:
        return True, " (within the deviation between seeds)"
    return False, ""


def _seeds(score: Score) -> str:
    if not is_defined(score.deviation):
        return ""
    return f" ± {format_number(score.deviation)} over {score.seeds} seeds"


def _beaten(known: Mapping[str, float], best: str, value: float, sign: int) -> str:
    beaten = [who for who in known if who != best and sign * (value - known[who]) > 0]
    return f" It is ahead of {' and '.join(beaten)}." if beaten else ""

"""A measured number with its uncertainty, and a table of them: the model beside the baselines."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NOT_DEFINED = "-"


@dataclass(frozen=True)
class Score:
    """A number, how much it differs between seeds, and the interval that the rows leave it.

    Args:
        value: the number, or the mean over seeds; None where it is not defined.
        deviation: the standard deviation over seeds, None for a single one.
        low: the lower end of the 95 % interval, None where it is not known.
        high: the upper end.
        seeds: how many runs the value is the mean of.

    Example:
        >>> str(Score(0.8314, low=0.806, high=0.855))
        '0.831 [0.806, 0.855]'
    """

    value: float | None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 1

    @classmethod
    def of_seeds(
        cls, values: Sequence[float | None], low: float | None = None, high: float | None = None
    ) -> "Score":
        """Mean and deviation (of a sample) of one number per seed.

        Example:
            >>> str(Score.of_seeds([0.82, 0.83, 0.84]))
            '0.830 ± 0.010'
            >>> str(Score.of_seeds([0.82]))
            '0.820'
        """
        if not values or any(not is_defined(value) for value in values):
            return cls(None, seeds=len(values))
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation, low, high, len(values))

    def __str__(self) -> str:
        """Value, deviation and interval, as far as they are known."""
        if not is_defined(self.value):
            return NOT_DEFINED
        text = format_number(self.value)
        if is_defined(self.deviation):
            text += f" ± {format_number(self.deviation)}"
        if is_defined(self.low) and is_defined(self.high):
            text += f" [{format_number(self.low)}, {format_number(self.high)}]"
        return text


def is_defined(value: float | None) -> bool:
    """Whether there is a number: neither None nor NaN."""
    return value is not None and not math.isnan(value)


def format_number(value: float) -> str:
    """Three decimals below a hundred, as many as make four digits above.

    Example:
        >>> format_number(0.83149), format_number(-0.0001), format_number(1234.5)
        ('0.831', '0.000', '1,234')
    """
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def format_apart(value: float, other: float) -> tuple[str, str]:
    """Both numbers, with as many decimals as it takes to tell them apart (up to six).

    Example:
        >>> format_apart(0.83, 0.8), format_apart(0.8302, 0.8298), format_apart(0.5, 0.5)
        (('0.830', '0.800'), ('0.8302', '0.8298'), ('0.500', '0.500'))
    """
    both = format_number(value), format_number(other)
    decimals = 4
    while both[0] == both[1] and value != other and decimals <= 6:
        both = f"{value:.{decimals}f}", f"{other:.{decimals}f}"
        decimals += 1
    return both


def as_score(value: "Score | float | None") -> Score:
    """A bare number as a `Score`."""
    return value if isinstance(value, Score) else Score(value)


def results_table(results: Mapping[str, Mapping[str, "Score | float | None"]]) -> str:
    """Results as a Markdown table, for the terminal and for a model card.

    Args:
        results: by metric, by who reached it; the model first, then the baselines.

    Returns:
        A line for each metric, a column for each; "-" where a number is missing or not defined.

    Raises:
        ValueError: if there are no results.

    Example:
        >>> accuracies = {"BERT": Score(0.83, 0.01), "majority": 0.5}
        >>> results = {"accuracy": accuracies, "f1": {"BERT": 0.8}}
        >>> print(results_table(results))
        |          |          BERT | majority |
        | -------- | ------------: | -------: |
        | accuracy | 0.830 ± 0.010 |    0.500 |
        | f1       |         0.800 |        - |
    """
    names = columns_of(results)
    rows = [
        ("", *names),
        *((metric, *(str(as_score(found.get(name))) for name in names))
          for metric, found in results.items()),
    ]  # fmt: skip
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(names) + 1)]
    rule = "-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])

    def line(row):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        return f"| {' | '.join((row[0].ljust(widths[0]), *cells))} |"

    return "\n".join(line(row) for row in (rows[0], rule, *rows[1:]))


def columns_of(results: Mapping[str, Mapping]) -> list[str]:
    """Everybody who has a number in any row, in the order of first appearance."""
    names = list(dict.fromkeys(name for found in results.values() for name in found))
    if not names:
        raise ValueError("`results` is empty: expected at least one metric with one number.")
    return names

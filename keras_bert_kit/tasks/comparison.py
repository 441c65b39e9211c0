"""A fine-tuned model beside its baselines, on the same rows, and whether it beats them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from keras_bert_kit.evaluation.bootstrap import bootstrap_intervals, paired_bootstrap
from keras_bert_kit.evaluation.scores import Score, results_table
from keras_bert_kit.evaluation.verdict import beats_best, verdict
from keras_bert_kit.tasks.dev_evaluation import mode_of, scalars

MODEL = "BERT"


@dataclass(frozen=True)
class Comparison:
    """What was measured of a model and of its baselines.

    Attributes:
        metric: the one that counts.
        by_seed: all metrics of each training.
        baselines: all metrics of each baseline, by its name.
        intervals: 95 % intervals over rows of the metrics' means over trainings.
        differences: those means against the best baseline, as `paired_bootstrap` gives it.
        best_baseline: its name, or None without baselines.
        num_rows: how many rows it was measured on.
        title: what stands above the figure of the scores.
        caption: what stands below it.
    """

    title = "Model and baselines"
    caption = "The model and what needs no BERT, with 95 % intervals."

    metric: str
    by_seed: list[dict]
    baselines: dict[str, dict]
    intervals: dict[str, tuple[float, float] | None]
    differences: dict[str, dict | None]
    best_baseline: str | None
    num_rows: int

    @property
    def verdict(self) -> str:
        """Whether the model beats its baselines, in a sentence."""
        return verdict(self.metric, **self._rivals(), name=MODEL)

    @property
    def results(self) -> dict[str, dict[str, Score | float | None]]:
        """By metric, the one that counts first, by who reached it.

        Left out, but in `as_dict`, are means weighted by support, and micro means that are the
        accuracy by another name.
        """
        names = [self.metric, *(n for n in _shown(self.by_seed[0]) if n != self.metric)]
        return {
            name: {MODEL: self.scores[name]}
            | {baseline: metrics.get(name) for baseline, metrics in self.baselines.items()}
            for name in names
        }

    @property
    def scores(self) -> dict[str, Score]:
        """By metric, the mean and deviation over trainings and the interval over rows."""
        scores = {}
        for name in [self.metric, *scalars(self.by_seed[0])]:
            low, high = self.intervals.get(name) or (None, None)
            values = [metrics.get(name) for metrics in self.by_seed]
            scores[name] = Score.of_seeds(values, low, high)
        return scores

    @property
    def card_section(self) -> str:
        """What a model card says of how good the model is."""
        return f"""## How good it is

{results_table(self.results)}

{MODEL}: mean and deviation over trainings, 95 % interval over test rows in brackets. The whole
report, with the most confident mistakes, is `report.html`; all numbers are in `metrics.json`."""

    def as_dict(self) -> dict:
        """Everything, as JSON types, for `metrics.json`."""
        return {
            "verdict": self.verdict,
            "beats_best_baseline": beats_best(**self._rivals()),
            "metric": self.metric,
            "mean": {name: score.value for name, score in self.scores.items()},
            "deviation": {name: score.deviation for name, score in self.scores.items()},
            "intervals": self.intervals,
            "seeds": self.by_seed,
            "baselines": self.baselines,
            "best_baseline": self.best_baseline,
            "difference_to_best_baseline": self.differences,
        }

    def _rivals(self) -> dict:
        """What a verdict is on."""
        metric, found = self.metric, self.differences.get(self.metric)
        return {
            "model": [metrics.get(metric) for metrics in self.by_seed],
            "baselines": {name: metrics.get(metric) for name, metrics in self.baselines.items()},
            "higher_is_better": mode_of(metric) == "max",
            "difference_interval": (found["low"], found["high"]) if found else None,
            "num_rows": self.num_rows,
        }


def compare(
    trained: Sequence[tuple],
    test,
    baselines: Mapping[str, object],
    metric: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Measures predictions of one or several trainings, and those of baselines.

    Args:
        trained: for each training its task, with its labels and thresholds, and what its `predict`
            returned; the first is that of the model that is kept.
        test: the examples.
        baselines: what `task.baselines` returned.
        metric: the one that counts; by default the task's.
        seed: seed of the bootstrap.
    """
    task = trained[0][0]
    metric = metric or task.metric
    by_seed = [own.metrics(test, found) for own, found in trained]
    if metric not in by_seed[0]:
        raise ValueError(
            f"There is no metric {metric!r} for this task; choose one of "
            f"{', '.join(scalars(by_seed[0]))}."
        )
    measured = {name: task.metrics(test, found) for name, found in baselines.items()}
    score = mean_score([own.score(test, found) for own, found in trained])
    intervals = bootstrap_intervals(score, len(test), seed=seed)
    known = {name: m[metric] for name, m in measured.items() if m.get(metric) is not None}
    best, differences = None, {}
    if known:
        choose = {"max": max, "min": min}[mode_of(metric)]
        best = choose(known, key=known.get)
        of_best = task.score(test, baselines[best])
        differences = paired_bootstrap(score, of_best, len(test), seed=seed)
    return Comparison(metric, by_seed, measured, intervals, differences, best, len(test))


def mean_score(scores: Sequence):
    """The mean over trainings of each metric, on the same rows; None where one has none."""
    if len(scores) == 1:
        return scores[0]

    def score(rows):
        found = [one(rows) for one in scores]
        return {
            name: None if any(f[name] is None for f in found) else fmean(f[name] for f in found)
            for name in found[0]
        }

    return score


def _shown(metrics: dict) -> list[str]:
    names = [name for name in scalars(metrics) if not name.endswith("_weighted")]
    if metrics.get("f1_micro") == metrics.get("accuracy"):
        names = [name for name in names if not name.endswith("_micro")]
    return names

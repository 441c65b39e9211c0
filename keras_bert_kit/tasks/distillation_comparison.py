"""A student, its teacher, and the student alone, on the same rows; and what each of them costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_bert_kit.evaluation.bootstrap import paired_bootstrap
from keras_bert_kit.evaluation.scores import Score, format_number, is_defined
from keras_bert_kit.evaluation.verdict import VERBS, beats, few_rows
from keras_bert_kit.tasks.comparison import Comparison, compare, mean_score
from keras_bert_kit.tasks.cost import Cost
from keras_bert_kit.tasks.dev_evaluation import mode_of

TEACHER, STUDENT, ALONE = "teacher", "student", "student without teacher"


@dataclass(frozen=True)
class DistillationComparison:
    """What was measured of `STUDENT`, `TEACHER` and perhaps `ALONE`; read like a `Comparison`.

    Attributes:
        metric: the one that counts.
        measured: the numbers of each, by its name.
        costs: what each costs.
        difference: the 95 % interval of student minus student alone, on the same rows.
        title: what stands above the figure of the scores.
        caption: what stands below it.
    """

    metric: str
    measured: dict[str, Comparison]
    costs: dict[str, Cost]
    difference: tuple[float, float] | None

    title = caption = "Student, teacher, and the student alone"

    @property
    def by_seed(self) -> list[dict]:
        """All metrics of each training of the student."""
        return self.measured[STUDENT].by_seed

    @property
    def scores(self) -> dict[str, Score]:
        """The metric that counts, by who reached it."""
        return {who: one.scores[self.metric] for who, one in self.measured.items()}

    @property
    def verdict(self) -> str:
        """What the student keeps of its teacher, and whether that was of use, in words."""
        num_rows = self.measured[STUDENT].num_rows
        return distillation_verdict(self.metric, self.scores, self.difference, num_rows)

    @property
    def results(self) -> dict[str, dict[str, Score]]:
        """By metric, the one that counts first, by who reached it, the student first."""
        order = [who for who in (STUDENT, TEACHER, ALONE) if who in self.measured]
        return {
            name: {who: self.measured[who].scores.get(name) for who in order}
            for name in self.measured[STUDENT].results
        }

    @property
    def table(self) -> str:
        """Quality and cost in Markdown."""
        scores = self.scores
        return cost_table(self.metric, {who: (scores[who], self.costs[who]) for who in scores})

    @property
    def card_section(self) -> str:
        """What a model card says of quality and cost."""
        return f"""## Cost and quality

{self.table}

Mean and deviation over trainings, 95 % interval over test rows in brackets; milliseconds for one \
input by itself, in Python on the machine that trained it."""

    @property
    def readable_costs(self) -> dict[str, str]:
        """The costs as facts for a report."""
        return {
            f"cost of the {who}": f"{cost.parameters:,} parameters, {cost.megabytes:.1f} MB, "
            f"{cost.milliseconds:.1f} ms an input"
            for who, cost in self.costs.items()
        }

    def as_dict(self) -> dict:
        """Everything, as JSON types, for `metrics.json`."""
        found = {"verdict": self.verdict, "metric": self.metric}
        for who, one in self.measured.items():
            numbers = one.as_dict()
            shown = {name: numbers[name] for name in ("mean", "deviation", "intervals", "seeds")}
            found[who] = self.costs[who]._asdict() | shown
        return found


def compare_distillation(
    trained: Mapping[str, Sequence[tuple]], costs: Mapping[str, Cost], test, metric: str
) -> DistillationComparison:
    """Measures predictions of a teacher, of its students, and of the same students without it.

    Args:
        trained: by name, for each training its task and what its `predict` returned; the first is
            the one that is kept.
        costs: by name, what each costs.
        test: the examples.
        metric: the one that counts.
    """
    measured = {who: compare(trainings, test, {}, metric) for who, trainings in trained.items()}
    difference = None
    if ALONE in trained:
        scores = (
            mean_score([task.score(test, found) for task, found in trained[who]])
            for who in (STUDENT, ALONE)
        )
        found = paired_bootstrap(*scores, len(test)).get(metric)
        difference = (found["low"], found["high"]) if found else None
    return DistillationComparison(metric, measured, dict(costs), difference)


def distillation_verdict(
    metric: str,
    scores: Mapping[str, Score],
    difference: tuple[float, float] | None,
    num_rows: int | None = None,
) -> str:
    """What of the teacher's quality is kept, and whether the teacher was of use.

    Args:
        metric: what was measured.
        scores: of `TEACHER`, `STUDENT` and perhaps `ALONE`.
        difference: the 95 % interval of student minus student alone, on the same rows.
        num_rows: how many rows these are, if it is known.

    Example:
        >>> scores = {TEACHER: Score(0.9), STUDENT: Score(0.88), ALONE: Score(0.85)}
        >>> distillation_verdict("accuracy", scores, (0.01, 0.05))
        ... # doctest: +NORMALIZE_WHITESPACE
        'The student keeps 97.8 % of its teacher: accuracy 0.880 of 0.900. It beats the same student
        without a teacher, 0.850 (95 % interval of the difference 0.010 to 0.050).'
    """
    student, teacher, alone = (scores.get(who) for who in (STUDENT, TEACHER, ALONE))
    if not is_defined(student.value) or not is_defined(teacher.value):
        return f"The {metric} is not defined on these rows: there is no verdict."
    own, of_teacher = _with_deviation(student), _with_deviation(teacher)
    sign = 1 if mode_of(metric) == "max" else -1
    if sign > 0 and teacher.value > 0:
        kept = f"keeps {student.value / teacher.value:.1%} of its teacher".replace("%", " %")
        sentence = f"The student {kept}: {metric} {own} of {of_teacher}."
    else:
        sentence = f"The student has the {metric} {own}, its teacher {of_teacher}."
    if alone is None or not is_defined(alone.value):
        return sentence
    other = _with_deviation(alone)
    gain = sign * (student.value - alone.value)
    spread = max(student.deviation or 0.0, alone.deviation or 0.0)
    interval = (
        f" (95 % interval of the difference {' to '.join(map(format_number, difference))})"
        if difference
        else ""
    )
    verb = VERBS[beats(gain, spread, difference, num_rows)]
    beside = f"the same student without a teacher, {other}{interval}{few_rows(num_rows)}"
    return f"{sentence} It {verb} {beside}."


def cost_table(metric: str, rows: Mapping[str, tuple[Score, Cost]]) -> str:
    """Quality and cost of some models as a Markdown table.

    Example:
        >>> print(cost_table("f1", {"teacher": (Score(0.9), Cost(4_000_000, 16.0, 2.5))}))
        |  | f1 | parameters | MB | ms |
        | --- | ---: | ---: | ---: | ---: |
        | teacher | 0.900 | 4,000,000 | 16.0 | 2.5 |
    """
    lines = [f"|  | {metric} | parameters | MB | ms |", "| --- | ---: | ---: | ---: | ---: |"]
    for who, (score, cost) in rows.items():
        cells = f"{cost.parameters:,} | {cost.megabytes:.1f} | {cost.milliseconds:.1f}"
        lines.append(f"| {who} | {score} | {cells} |")
    return "\n".join(lines)


def _with_deviation(score: Score) -> str:
    return str(Score(score.value, score.deviation))

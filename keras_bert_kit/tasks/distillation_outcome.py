"""What a distillation leaves: student, teacher and the student alone in one table, and a report."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from keras_bert_kit.evaluation.bootstrap import paired_bootstrap
from keras_bert_kit.evaluation.curves import read_curves
from keras_bert_kit.evaluation.figure_style import png
from keras_bert_kit.evaluation.learning_figure import learning_figure
from keras_bert_kit.evaluation.report import Report, write_report
from keras_bert_kit.evaluation.score_figures import scores_figure
from keras_bert_kit.evaluation.scores import Score, format_number, is_defined
from keras_bert_kit.json_file import write_json
from keras_bert_kit.tasks.comparison import compare, mean_score
from keras_bert_kit.tasks.cost import Cost
from keras_bert_kit.tasks.details import details
from keras_bert_kit.tasks.dev_evaluation import mode_of
from keras_bert_kit.tasks.outcome import FIGURES, NUMBERS, REPORT

TEACHER, STUDENT, ALONE = "teacher", "student", "student without teacher"


class Contender(NamedTuple):
    """A teacher, its students, or the same students without it.

    Attributes:
        trainings: for each training its task and what its `predict` returned; the first is the one
            that is kept.
        cost: what the model costs.
    """

    trainings: Sequence[tuple]
    cost: Cost


def write_distillation(
    folder,
    test,
    contenders: Mapping[str, Contender],
    metric: str,
    *,
    name: str,
    command: str,
    facts: Mapping[str, object],
    options: Mapping[str, object],
    metrics_file=None,
) -> dict:
    """Writes `metrics.json`, figures, `report.html` and `card.md` of a student.

    Args:
        folder: the `RunFolder` that they go to.
        test: the test examples.
        contenders: who was measured, by name: `TEACHER`, `STUDENT` and perhaps `ALONE`.
        metric: the one that counts.
        name: name of the student.
        command: what was typed.
        facts: facts about data and training, by label.
        options: all options, by name.
        metrics_file: the log of the student's training.

    Returns:
        What is in `metrics.json`, and the `table` of them all in Markdown.
    """
    found = {who: compare(one.trainings, test, {}, metric) for who, one in contenders.items()}
    scores = {who: one.scores[metric] for who, one in found.items()}
    sentence = distillation_verdict(metric, scores, _difference(contenders, test, metric))
    order = [who for who in (STUDENT, TEACHER, ALONE) if who in found]
    results = {
        shown: {who: found[who].scores.get(shown) for who in order}
        for shown in found[STUDENT].results
    }
    table = cost_table(metric, {who: (scores[who], contenders[who].cost) for who in contenders})
    task, predictions = contenders[STUDENT].trainings[0]
    parts = details(task, test, predictions, found[STUDENT].by_seed[0])
    title = "Student, teacher, and the student alone"
    figures = [
        ("scores", title, png(scores_figure(results[metric], metric, title))),
        *parts.figures,
    ]
    if metrics_file is not None and metric in read_curves(metrics_file)["heldout"]:
        curves = learning_figure(metrics_file, metric)
        figures.append(("learning", "What was learned when; thick lines: held out.", png(curves)))
    numbers = {
        "name": name,
        **facts,
        "verdict": sentence,
        "metric": metric,
        **{
            who: {
                **contenders[who].cost._asdict(),
                "mean": {n: score.value for n, score in one.scores.items()},
                "deviation": {n: score.deviation for n, score in one.scores.items()},
                "intervals": one.intervals,
                "seeds": one.by_seed,
            }
            for who, one in found.items()
        },
    }
    write_json(folder.path / NUMBERS, json.loads(json.dumps(numbers, default=float)))
    (folder.path / FIGURES).mkdir(exist_ok=True)
    for file, _, picture in figures:
        (folder.path / FIGURES / f"{file}.png").write_bytes(picture)
    readable = {k: f"{v:,}" if isinstance(v, int) else v for k, v in facts.items()}
    write_report(
        folder.path / REPORT,
        Report(
            title=name,
            verdict=sentence,
            facts=readable | _readable_costs(contenders),
            results=results,
            classes=parts.classes,
            figures=[(caption, picture) for _, caption, picture in figures],
            mistakes=parts.mistakes,
            options=options,
            command=command,
            text_report=parts.text_report,
        ),
    )
    lines = "\n".join(f"- {label}: {value}" for label, value in readable.items())
    pictures = "\n\n".join(f"![{caption}](figures/{file}.png)" for file, caption, _ in figures)
    folder.write_text(
        "card.md",
        f"# {name}\n\n{sentence}\n\n```\n{command}\n```\n\n{lines}\n\n## Cost and quality\n\n"
        f"{table}\n\nMean and deviation over trainings, 95 % interval over test rows in brackets; "
        "milliseconds for one input by itself, in Python on the machine that trained it.\n\n"
        f"{pictures}\n",
    )
    return numbers | {"table": table}


def distillation_verdict(
    metric: str, scores: Mapping[str, Score], difference: tuple[float, float] | None
) -> str:
    """What of the teacher's quality is kept, and whether the teacher was of use.

    Args:
        metric: what was measured.
        scores: of `TEACHER`, `STUDENT` and perhaps `ALONE`.
        difference: the 95 % interval of student minus student alone, on the same rows.

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
    is_chance = difference is not None and difference[0] <= 0 <= difference[1]
    interval = (
        f" (95 % interval of the difference {' to '.join(map(format_number, difference))})"
        if difference
        else ""
    )
    if gain <= 0:
        verb = "does NOT beat"
    elif is_chance or gain <= spread:
        verb = "does NOT clearly beat"
    else:
        verb = "beats"
    return f"{sentence} It {verb} the same student without a teacher, {other}{interval}."


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


def _difference(contenders, test, metric: str) -> tuple[float, float] | None:
    """The interval of student minus student alone, over rows."""
    if ALONE not in contenders:
        return None
    scores = [
        mean_score([task.score(test, said) for task, said in contenders[who].trainings])
        for who in (STUDENT, ALONE)
    ]
    found = paired_bootstrap(*scores, len(test)).get(metric)
    return (found["low"], found["high"]) if found else None


def _readable_costs(contenders: Mapping[str, Contender]) -> dict[str, str]:
    return {
        f"cost of the {who}": f"{cost.parameters:,} parameters, {cost.megabytes:.1f} MB, "
        f"{cost.milliseconds:.1f} ms an input"
        for who, (_, cost) in contenders.items()
    }


def _with_deviation(score: Score) -> str:
    return str(Score(score.value, score.deviation))

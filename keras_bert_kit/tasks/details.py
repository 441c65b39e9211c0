"""What a report shows of one model besides its scores: figures, classes, and its mistakes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_bert_kit.evaluation.breakdown import by_length
from keras_bert_kit.evaluation.calibration import reliability
from keras_bert_kit.evaluation.class_figures import class_scores_figure, confusion_figure
from keras_bert_kit.evaluation.figure_style import name_legend, png
from keras_bert_kit.evaluation.mistakes import largest_errors, most_confident_mistakes, surest
from keras_bert_kit.evaluation.report import Mistake
from keras_bert_kit.evaluation.score_figures import (
    lengths_figure,
    reliability_figure,
    values_figure,
)
from keras_bert_kit.evaluation.squad_metrics import answer_f1
from keras_bert_kit.evaluation.tagging_metrics import entities
from keras_bert_kit.tasks.question_task import QuestionTask
from keras_bert_kit.tasks.tagging_task import TaggingTask, right_words

NO_ENTITY, NO_ANSWER = "no entity", "no answer"


class Details(NamedTuple):
    """Parts of a report.

    Attributes:
        figures: file name, caption and picture in PNG of each.
        classes: a row for each class.
        mistakes: the most confident ones.
        text_report: scikit-learn's classification report, where it makes sense.
    """

    figures: list[tuple[str, str, bytes]]
    classes: list[dict]
    mistakes: list[Mistake]
    text_report: str = ""


def details(task, test, predictions, metrics: dict) -> Details:
    """The parts of a report on a model.

    Args:
        task: the task, with its labels.
        test: the examples.
        predictions: what `task.predict` returned.
        metrics: what `task.metrics` returned.
    """
    if isinstance(task, TaggingTask):
        return _of_tags(test, predictions, metrics)
    if isinstance(task, QuestionTask):
        return _of_questions(task, test, predictions)
    targets = task.kind.targets(task.labels, test)
    if task.problem == "regression":
        return _of_values(test, targets, predictions[:, 0])
    return _of_classes(task, test, targets, predictions, metrics)


def _of_classes(task, test, targets, probabilities, metrics) -> Details:
    figures, single = [], task.problem == "single_label"
    legend = name_legend(task.labels)
    if single:
        predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
        right = predicted == targets
        matrix = confusion_figure(metrics["confusion_matrix"], task.labels)
        figures.append(("confusion", f"Which class is taken for which. {legend}", png(matrix)))
        calibration = reliability_figure(reliability(right, sure), metrics["calibration_error"])
        figures.append(
            ("reliability", "Whether the model is right as often as it says.", png(calibration))
        )
        expected, found = ([task.labels[i] for i in ids] for ids in (targets, predicted))
    else:
        given = probabilities >= 0.5
        right, sure = (given == targets).all(axis=1), np.abs(probabilities - targets).max(axis=1)
        expected, found = (_several(task.labels, rows) for rows in (targets, given))
    figures.append(
        ("classes", f"F1 of each class. {legend}", png(class_scores_figure(metrics["classes"])))
    )
    figures.append(_lengths_figure(right, _word_counts(test), "accuracy"))
    mistakes = [
        _text_mistake(test, i, expected[i], found[i], float(sure[i]))
        for i in most_confident_mistakes(targets, probabilities)
    ]
    return Details(figures, class_rows(metrics["classes"]), mistakes, metrics.get("report", ""))


def _of_values(test, values, predicted) -> Details:
    figures = [
        (
            "values",
            "What the rows say and what the model says.",
            png(values_figure(values, predicted)),
        ),
        _lengths_figure(np.abs(values - predicted), _word_counts(test), "mean absolute error"),
    ]
    mistakes = [
        _text_mistake(test, i, f"{values[i]:g}", f"{predicted[i]:.2f}", None)
        for i in largest_errors(values, predicted)
    ]
    return Details(figures, [], mistakes)


def _of_tags(test, predictions, metrics) -> Details:
    found = [sentence.tags for sentence in predictions]
    right, words = right_words(test.tags, found)
    sure = [float(np.min(p.probabilities, initial=1.0)) for p in predictions]
    figures = [
        ("classes", "F1 of each kind.", png(class_scores_figure(metrics["classes"]))),
        _lengths_figure(right == words, words, "sentences without a mistake"),
    ]
    mistakes = [
        Mistake(
            " ".join(test.words[i]),
            _named(test.words[i], test.tags[i], test.scheme),
            _named(test.words[i], found[i], test.scheme),
            sure[i],
            test.numbers[i],
        )
        for i in surest(right < words, sure)
    ]
    return Details(figures, class_rows(metrics["classes"]), mistakes)


def _of_questions(task, test, predictions) -> Details:
    threshold = task.no_answer_threshold
    texts = [
        "" if threshold is not None and p.no_answer_score > threshold else p.text
        for p in predictions
    ]
    scores = np.array(
        [
            max((answer_f1(text, given) for text, _ in answers), default=float(not given))
            for answers, given in zip(test.answers, texts, strict=True)
        ]
    )
    figures = [_lengths_figure(scores, [len(c.split()) for c in test.contexts], "F1")]
    mistakes = [
        Mistake(
            test.questions[i],
            " / ".join(dict.fromkeys(text for text, _ in test.answers[i])) or NO_ANSWER,
            texts[i] or NO_ANSWER,
            predictions[i].probability,
            test.numbers[i],
            test.contexts[i],
        )
        for i in surest(scores == 0, [p.probability for p in predictions])
    ]
    return Details(figures, [], mistakes)


def class_rows(classes: dict[str, dict]) -> list[dict]:
    """A row for each class, its name first."""
    return [{"class": name, **metrics} for name, metrics in classes.items()]


def _word_counts(test) -> list[int]:
    pairs = test.pairs or [""] * len(test)
    return [len(f"{a} {b}".split()) for a, b in zip(test.texts, pairs, strict=True)]


def _lengths_figure(scores, lengths, score: str) -> tuple[str, str, bytes]:
    picture = png(lengths_figure(by_length(scores, lengths), score))
    return "lengths", f"{score[0].upper()}{score[1:]} by number of words.", picture


def _text_mistake(test, i: int, expected: str, predicted: str, sure: float | None) -> Mistake:
    pair = test.pairs[i] if test.pairs else None
    return Mistake(test.texts[i], expected, predicted, sure, test.numbers[i], pair)


def _several(labels: Sequence[str], rows: np.ndarray) -> list[str]:
    return [", ".join(np.array(labels)[row.astype(bool)]) or "none" for row in rows]


def _named(words: Sequence[str], tags: Sequence[str], scheme: str) -> str:
    if scheme == "plain":
        return " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True))
    found = [f"{' '.join(words[e.start : e.end])} ({e.type})" for e in entities(tags, strict=False)]
    return ", ".join(found) or NO_ENTITY

"""What a fine-tuned model can and cannot do, as one HTML file to send to another person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_bert_kit.evaluation.report_page import page
from keras_bert_kit.evaluation.scores import Score


@dataclass(frozen=True)
class Mistake:
    """A row that the model got wrong.

    Args:
        text: the text, of any length and in any script.
        expected: what the row says.
        predicted: what the model says.
        confidence: the probability that the model gave to it, between 0 and 1.
        number: where the row is in its source, as `Rows.numbers` counts.
        pair: the second text of a pair.
    """

    text: str
    expected: str
    predicted: str
    confidence: float | None = None
    number: int | None = None
    pair: str | None = None


@dataclass(frozen=True)
class Report:
    """The parts of a report; all but title and verdict may be left out.

    Args:
        title: the heading.
        verdict: the first sentence, as `verdict.verdict` makes it.
        facts: what was trained on what, by name.
        results: by metric, by who reached it: the model first, then the baselines.
        classes: a row for each class, all with the same columns, for instance `{"class": "PER",
            "precision": 0.91, "rows": 120}`.
        figures: captions and pictures in PNG, as `figures` draws them.
        mistakes: the rows to show, the most confident first.
        options: the options of the run, by name.
        command: what was typed to make the run.
        text_report: a report as plain text, scikit-learn's for instance.
    """

    title: str
    verdict: str
    facts: Mapping[str, object] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, Score | float | None]] = field(default_factory=dict)
    classes: Sequence[Mapping[str, object]] = ()
    figures: Sequence[tuple[str, bytes]] = ()
    mistakes: Sequence[Mistake] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    text_report: str = ""


def write_report(path: str | Path, report: Report) -> Path:
    """Writes a report as one file that asks nothing of the network.

    Pictures and style are inside it, and a content security policy forbids the browser to load
    anything else. It reads on a phone, on paper and on a dark screen.

    Args:
        path: where to write, usually `report.html` in the run's folder; the folder is made.
        report: what to write.

    Returns:
        `path` as a path.

    Raises:
        ValueError: if a figure is no PNG, or the rows of `classes` differ in their columns.

    Example:
        >>> import tempfile
        >>> report = Report("Sentiment", "BERT beats majority: accuracy 0.830 against 0.510.")
        >>> path = write_report(Path(tempfile.mkdtemp()) / "report.html", report)
        >>> "accuracy 0.830" in path.read_text(encoding="utf-8")
        True
    """
    path = Path(path)
    # Half a surrogate pair, as a broken file may hold, has no UTF-8: it becomes a question mark.
    content = page(report).encode("utf-8", errors="replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path

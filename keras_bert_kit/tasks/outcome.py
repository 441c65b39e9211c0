"""What a training leaves in its folder: model, numbers, figures, report and card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import tensorflow as tf

from keras_bert_kit.evaluation.curves import read_curves
from keras_bert_kit.evaluation.figure_style import png
from keras_bert_kit.evaluation.learning_figure import learning_figure
from keras_bert_kit.evaluation.report import Report, write_report
from keras_bert_kit.evaluation.score_figures import scores_figure
from keras_bert_kit.json_file import write_json
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.run_folder import RunFolder
from keras_bert_kit.tasks.comparison import Comparison
from keras_bert_kit.tasks.details import details
from keras_bert_kit.tasks.distillation_comparison import DistillationComparison
from keras_bert_kit.text.tokenizer_files import tokenizer_options

REPORT, NUMBERS, FIGURES = "report.html", "metrics.json", "figures"


@dataclass(frozen=True)
class Outcome:
    """What there is to tell of a model on some examples.

    Attributes:
        name: name of the model.
        command: what was typed.
        facts: facts about data and training, by label.
        options: all options, by name.
        comparison: the numbers.
        metrics_file: the log of the training, if there is one.
        model: where the model is, if it is not in the folder of the outcome.
        report_facts: more facts, for the report alone.
    """

    name: str
    command: str
    facts: Mapping[str, object]
    options: Mapping[str, object]
    comparison: Comparison | DistillationComparison
    metrics_file: object = None
    model: str | None = None
    report_facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def readable_facts(self) -> dict[str, object]:
        """The facts with commas in whole numbers."""
        return {k: f"{v:,}" if isinstance(v, int) else v for k, v in self.facts.items()}


def save_model(folder: RunFolder, bundle) -> None:
    """Writes a trained bundle into the folder of its run."""
    folder.keep_vocabulary(bundle.tokenizer.vocabulary)
    folder.write_weights(bundle.model)
    folder.write_config(
        **ModelDescription.of(bundle.model, bundle.labels).as_dict(),
        tokenizer=tokenizer_options(bundle.tokenizer),
        inputs=bundle.inputs.as_dict(),
        **bundle.answering,
    )


def write_outcome(folder: RunFolder, task, test, predictions, outcome: Outcome) -> dict:
    """Writes `metrics.json`, figures, their like in TensorBoard, `report.html` and `card.md`.

    Args:
        folder: where they go.
        task: the task, with its labels.
        test: the examples.
        predictions: what `task.predict` returned for them.
        outcome: what there is to tell.

    Returns:
        What is in `metrics.json`.
    """
    found = outcome.comparison
    parts = details(task, test, predictions, found.by_seed[0])
    figures = list(parts.figures)
    scores = scores_figure(found.results[found.metric], found.metric, found.title)
    figures.insert(0, ("scores", found.caption, png(scores)))
    if outcome.metrics_file is not None and _has_curves(outcome.metrics_file, found.metric):
        curves = learning_figure(outcome.metrics_file, found.metric)
        figures.append(("learning", "What was learned when; thick lines: held out.", png(curves)))
    numbers = {"name": outcome.name, **outcome.facts, **found.as_dict()}
    write_json(folder.path / NUMBERS, json.loads(json.dumps(numbers, default=float)))
    (folder.path / FIGURES).mkdir(exist_ok=True)
    for name, _, picture in figures:
        (folder.path / FIGURES / f"{name}.png").write_bytes(picture)
    _show_in_tensorboard(folder, figures)
    write_report(
        folder.path / REPORT,
        Report(
            title=outcome.name,
            verdict=found.verdict,
            facts=outcome.readable_facts | outcome.report_facts,
            results=found.results,
            classes=parts.classes,
            figures=[(caption, picture) for _, caption, picture in figures],
            mistakes=parts.mistakes,
            options=outcome.options,
            command=outcome.command,
            text_report=parts.text_report,
        ),
    )
    folder.write_text("card.md", _card(outcome, figures))
    return numbers


def _has_curves(metrics_file, metric: str) -> bool:
    return metrics_file.exists() and metric in read_curves(metrics_file)["heldout"]


def _show_in_tensorboard(folder: RunFolder, figures) -> None:
    writer = tf.summary.create_file_writer(str(folder.path / "logs" / "test"))
    with writer.as_default(0):
        for name, caption, picture in figures:
            tf.summary.image(name, tf.io.decode_png(picture, 3)[None], description=caption)
    writer.close()


def _card(outcome: Outcome, figures) -> str:
    facts = "\n".join(f"- {label}: {value}" for label, value in outcome.readable_facts.items())
    pictures = "\n\n".join(f"![{caption}](figures/{name}.png)" for name, caption, _ in figures)
    return f"""# {outcome.name}

{outcome.comparison.verdict}

```
{outcome.command}
```

{facts}

{outcome.comparison.card_section}

{pictures}

## Use

```python
from keras_bert_kit.bundle import Bundle

bundle = Bundle.from_pretrained("{outcome.model or f"saved_models/{outcome.name}"}")
print(bundle.predict_text(["..."]))
```
"""

"""Measures a fine-tuned model on labelled rows: numbers, figures and a report, but no training.

    python -m recipes.evaluate --model saved_models/my-task --data test.tsv
    python -m recipes.evaluate --model saved_models/my-task --data test.tsv --train train.tsv
    python -m recipes.evaluate --model some/hub-id --data dev.tsv --text sentence --labels 0 1

How rows are read is known of models that `recipes.finetune` made, and can be changed by options.
With `--train`, what needs no BERT is trained on those rows and stands beside the model.
"""

import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import tyro

from keras_bert_kit.data.row_options import RowOptions
from recipes.command_line import main
from recipes.task_options import flat, make_task, options_of_run, read_examples

USUAL = {
    "text": "text",
    "pair": None,
    "label": "label",
    "words": "tokens",
    "tags": "tags",
    "scheme": None,
}


@dataclass(frozen=True)
class Options:
    """What to measure, and on what."""

    model: str
    """The folder of a fine-tuned model, of any format, or an id of the Hugging Face Hub."""
    data: tuple[str, ...]
    """Files or `tfds:` names of labelled rows."""
    train: tuple[str, ...] = ()
    """Rows to train baselines on; without them there are none."""
    name: str | None = None
    """Name of the outcome: its folder in `output`; by default the names of model and data."""
    output: str = "saved_models"
    """The folder of all runs."""

    task: Literal["classification", "multilabel", "regression", "tagging", "questions"] | None = (
        None
    )
    """What the model is for, where its folder does not say."""
    labels: tuple[str, ...] = ()
    """What the rows call the model's classes, in the model's order, if its own names are others."""
    text: str | None = None
    """Column of texts; these and all that follow are by default as in training."""
    pair: str | None = None
    """Column of second texts, for tasks on pairs."""
    label: str | None = None
    """Column of labels."""
    words: str | None = None
    """Column of words, for tagging."""
    tags: str | None = None
    """Column of tags, for tagging."""
    scheme: str | None = None
    """Scheme of the tags, such as IOB1 or BIOES; by default it is found out."""
    sequence_length: int | None = None
    """Most tokens of an input."""
    long_texts: Literal["truncate", "head_tail", "windows"] | None = None
    """What is read of longer texts."""
    stride: int | None = None
    """Tokens from one window to the next."""

    files: tyro.conf.OmitArgPrefixes[RowOptions] = RowOptions()  # noqa: RUF009 (frozen)
    metric: str | None = None
    """The metric that counts; by default accuracy, F1 or Spearman's correlation."""
    batch_size: int = 64
    """Inputs that are computed at once."""
    seed: int = 0
    """Seed of the baselines and of the bootstrap."""


def run(options: Options) -> dict:
    """Measures and reports; returns what is in `metrics.json`."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.evaluation.scores import results_table
    from keras_bert_kit.run_folder import RunFolder
    from keras_bert_kit.tasks.comparison import compare
    from keras_bert_kit.tasks.outcome import Outcome, write_outcome

    started = time.monotonic()
    wanted = {"tagging": "tagging", "questions": "span", None: None}
    kind = wanted.get(options.task, "classification")
    bundle = Bundle.from_pretrained(options.model, kind)
    task, files = task_of_bundle(bundle, options)
    test = task.known(read_examples(task, options.data, files))
    train = task.known(read_examples(task, options.train, files)) if options.train else None
    name = (
        options.name or f"{Path(options.model).name}-on-{Path(options.data[0]).name.split('.')[0]}"
    )
    decisive = {k: v for k, v in asdict(options).items() if k not in ("output", "name")}
    folder = RunFolder.open(Path(options.output) / name, "evaluate", decisive)

    predictions = task.predict(bundle.model, bundle.tokenizer, test, options.batch_size)
    baselines = {} if train is None else task.baselines(train, test, options.seed)
    found = compare([(task, predictions)], test, baselines, options.metric, options.seed)
    minutes = (time.monotonic() - started) / 60
    inputs = f"{task.inputs.sequence_length} tokens, longer ones: {task.inputs.long_texts}"
    outcome = Outcome(
        name,
        "python -m recipes.evaluate " + shlex.join(sys.argv[1:]),
        {
            "model": options.model,
            "test": f"{len(test):,} rows of {', '.join(options.data)}",
            "baselines": "none" if train is None else f"trained on {len(train):,} rows",
            "inputs": inputs,
            "minutes": round(minutes, 1),
        },
        flat(asdict(options)),
        found,
        model=options.model,
    )
    numbers = write_outcome(folder, task, test, predictions, outcome)
    print(f"{found.verdict}\n\n{results_table(found.results)}\n")
    print(f"Done in {minutes:.1f} minutes, {len(test):,} rows: {folder.path}/report.html")
    return numbers


def task_of_bundle(bundle, options: Options):
    """The task of a model, and how its files are read: as in training, save for what is given.

    Raises:
        ValueError: if the model is for another task than `options.task`, or labels are missing.
    """
    from keras_bert_kit.text_prediction import default_inputs, names_of_classes, task_of

    found = task_of(bundle.model)
    if options.task not in (None, found):
        raise ValueError(
            f"The model in {options.model} is for {found}, not for {options.task}: leave `--task` "
            "out."
        )
    saved = options_of_run(options.model)
    chosen = {name: getattr(options, name) for name in USUAL}
    chosen = {n: saved.get(n, USUAL[n]) if v is None else v for n, v in chosen.items()}
    files = _files(options, saved.get("files") or {})
    task = make_task(replace(options, task=found, files=files, **chosen))
    given = {
        name: getattr(options, name)
        for name in ("sequence_length", "long_texts", "stride")
        if getattr(options, name) is not None
    }
    task = replace(task, inputs=replace(bundle.inputs or default_inputs(bundle.model), **given))
    if found == "questions":
        return replace(task, no_answer_threshold=bundle.no_answer_threshold), files
    if found == "regression":
        return task, files
    names = names_of_classes(bundle.model, bundle.labels)
    if options.labels and len(options.labels) != len(names):
        raise ValueError(
            f"The model has {len(names)} classes ({', '.join(names)}), but there are "
            f"{len(options.labels)} `--labels`: give one for each, in that order."
        )
    return replace(task, labels=tuple(options.labels or names)), files


def _files(options: Options, saved: dict) -> RowOptions:
    """How to read the rows: what is given, else as in training, the format by the file's name."""
    from keras_bert_kit.data.row_files import ENDINGS

    usual = asdict(RowOptions())
    given = {name: value for name, value in asdict(options.files).items() if value != usual[name]}
    speaking = tuple(e for name, endings in ENDINGS.items() if name != "txt" for e in endings)
    if any(ending in speaking for ending in Path(options.data[0].lower()).suffixes[-2:]):
        saved = saved | {"format": None}
    return RowOptions(**saved | {"on_bad": "error"} | given)


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

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
from dataclasses import asdict, dataclass
from pathlib import Path

from recipes.command_line import main
from recipes.task_options import (
    TaskOfModelOptions,
    check_metric,
    model_task,
    read_examples,
    task_of_bundle,
)


@dataclass(frozen=True)
class ModelAndRows:
    """What `--help` says first."""

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


@dataclass(frozen=True)
class Options(TaskOfModelOptions, ModelAndRows):
    """What to measure, and on what."""

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
    from keras_bert_kit.run_folder import RunFolder, flat
    from keras_bert_kit.tasks.comparison import compare
    from keras_bert_kit.tasks.outcome import Outcome, write_outcome

    started = time.monotonic()
    bundle = Bundle.from_pretrained(options.model, model_task(options.task))
    task, files = task_of_bundle(bundle, options.model, options.data, options)
    test = task.known(read_examples(task, options.data, files))
    train = task.known(read_examples(task, options.train, files)) if options.train else None
    name = (
        options.name or f"{Path(options.model).name}-on-{Path(options.data[0]).name.split('.')[0]}"
    )
    check_metric(options.metric, task)
    not_decisive = ("output", "name", "batch_size", "metric")
    decisive = {k: v for k, v in asdict(options).items() if k not in not_decisive}
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


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

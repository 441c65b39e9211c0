"""Fine-tunes a BERT: classes, sentiment, several labels, similarity, entities, answers.

    python -m recipes.finetune
    python -m recipes.finetune --train train.tsv --test dev.tsv --text sentence --name my-sentiment
    python -m recipes.finetune --task tagging --train train.conll --dev dev.conll --test test.conll
    python -m recipes.finetune --task questions --train train.json --test dev.json
    python -m recipes.finetune --task regression --train stsb.tsv --text sentence1 --pair sentence2

Without options it learns, without a network, which of six authors wrote a passage. It leaves a
model, `report.html`, `metrics.json` and figures in its folder, and says in its first line whether
BERT beats what needs no BERT.
"""

import shlex
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.training.strategy_name import StrategyName
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.task_options import (
    check_given,
    check_metric,
    deciding,
    make_task,
    read_examples,
    sample_examples,
)


@dataclass(frozen=True)
class Options:
    """What to learn, from what, and with which model."""

    train: tuple[str, ...] = ()
    """Files or `tfds:` names of training rows; by default passages of six books that ship here."""
    dev: tuple[str, ...] = ()
    """Rows to choose the best weights by; by default a part of `train`."""
    test: tuple[str, ...] = ()
    """Rows to measure on; by default a part of `train`."""
    name: str = "my-task"
    """Name of the run: its folder in `output`."""
    output: str = "saved_models"
    """The folder of all runs."""
    model: str = "saved_models/bert-tiny"
    """The encoder: a folder of any format, an id of the Hugging Face Hub, a KerasHub preset."""
    start: Literal["pretrained", "random"] = "pretrained"
    """Begin with the model's weights, or with random ones, to see what pre-training is worth."""

    task: Literal["classification", "multilabel", "regression", "tagging", "questions"] = (
        "classification"
    )
    """What to learn."""
    text: str = "text"
    """Column of texts."""
    pair: str | None = None
    """Column of second texts, for tasks on pairs."""
    label: str = "label"
    """Column of labels."""
    label_separator: str = ","
    """What stands between the labels of a row with several, where they are in one string."""
    group: str | None = None
    """Column that says which rows belong together and must not be split, such as a film."""
    words: str = "tokens"
    """Column of words, for tagging."""
    tags: str = "tags"
    """Column of tags, for tagging."""
    scheme: str | None = None
    """Scheme of the tags, such as IOB1 or BIOES; by default it is found out."""
    duplicates: Literal["keep", "drop"] = "keep"
    """What to do with training rows whose text is in the test rows too; they are counted anyway."""
    limit: int | None = None
    """Train on so many rows only, drawn at random."""
    dev_share: float = 0.1
    """Share of the training rows that becomes `dev`, and, without `test`, another for that."""

    sequence_length: int | None = None
    """Most tokens of an input; by default 256, and 384 for questions."""
    long_texts: Literal["truncate", "head_tail", "windows"] | None = None
    """What is read of longer texts; by default the beginning, in tagging and questions all."""
    stride: int | None = None
    """Tokens from one window to the next; by default half a window, in questions 128."""
    class_weights: bool = False
    """Whether rare classes weigh as much as common ones."""
    resample: bool = False
    """Whether rare classes are drawn as often as common ones."""
    pooling: Literal["first", "mean"] | None = None
    """Classify texts by their first token, as BERT does, or by the mean of all, which is better for
    small models and the default below 768 wide; other libraries know only the first."""
    metric: str | None = None
    """What the best weights are chosen by; by default accuracy, F1 or Spearman's correlation."""

    files: tyro.conf.OmitArgPrefixes[RowOptions] = field(default_factory=RowOptions)
    training: tyro.conf.OmitArgPrefixes[TrainingOptions] = field(default_factory=TrainingOptions)
    strategy: StrategyName = "auto"
    """Where to train: on `one` device, `mirrored` on all GPUs of this machine, `multiworker` as
    `TF_CONFIG` says, on a `tpu`; see docs/scaling.md."""
    cpus: int | None = None
    """Without GPUs, cut the CPU into so many devices, to try a strategy out."""
    seed: int = 0
    """Seed of all random draws."""
    seeds: int = 1
    """Trainings with seeds of their own; results are means and deviations."""
    baselines: bool = True
    """Whether to train what a BERT has to beat."""


# What may differ when a run is taken up again: where it lies and how much is done besides.
NOT_OF_THE_RESULT = ("output", "name", "strategy", "cpus", "seeds", "baselines")


def run(options: Options) -> dict:
    """Trains, measures and reports; returns what is in `metrics.json`.

    Of several workers the chief does, with the others' help; these return nothing.
    """
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.evaluation.scores import results_table
    from keras_bert_kit.quiet import standard_error_closed
    from keras_bert_kit.run_folder import RunFolder, flat
    from keras_bert_kit.tasks.comparison import compare
    from keras_bert_kit.tasks.example_splits import fingerprint, split_examples
    from keras_bert_kit.tasks.fine_tuning import fine_tune
    from keras_bert_kit.tasks.outcome import Outcome, save_model, write_outcome
    from keras_bert_kit.tasks.seeds import train_seeds
    from keras_bert_kit.training.strategy import (
        check_workers,
        chief_first,
        choose_strategy,
        is_chief,
        wait_for_all,
    )

    if options.seeds < 1:
        raise ValueError(f"`--seeds` must be at least 1; received {options.seeds}.")
    if not options.train and (options.dev or options.test or options.task != "classification"):
        raise ValueError("Say what to learn from: give `--train`.")
    started = time.monotonic()
    task = make_task(
        options,
        group=options.group if options.train else "group",
        class_weights=options.class_weights,
        resample=options.resample,
        pooling=options.pooling,
    )
    check_given(options, options.task, task.inputs.long_texts)
    check_metric(options.metric, task)
    training = options.training
    with standard_error_closed():
        strategy = choose_strategy(options.strategy, options.cpus)
    check_workers(strategy, training.batch_size, training.checkpoint_minutes)
    with chief_first(strategy):
        train, dev, test = (_examples(task, options, name) for name in ("train", "dev", "test"))
        splits = split_examples(
            task,
            train,
            dev,
            test,
            dev_share=options.dev_share,
            limit=options.limit,
            drop_duplicates=options.duplicates == "drop",
            seed=options.seed,
        )
        check_metric(options.metric, splits.task)  # which knows its labels
        # Only now: options that are corrected have not begun a run yet.
        folder = RunFolder.open(
            Path(options.output) / options.name,
            "finetune",
            deciding(options, NOT_OF_THE_RESULT),
            deciding(Options(), NOT_OF_THE_RESULT),
        )
        taken_up = folder.has_begun
        folder.keep_entry("rows", fingerprint(splits[1:]), "the rows to learn from")
    task = splits.task
    rows = {name: f"{len(getattr(splits, name)):,} rows" for name in ("train", "dev", "test")}
    if is_chief(strategy):
        print(", ".join(f"{name} {count}" for name, count in rows.items()), end=". ")
        print(f"{len(task.labels)} labels: {', '.join(task.labels)}." if task.labels else "")

    def train_one(seed: int):
        return fine_tune(
            task,
            options.model,
            splits.train,
            splits.dev,
            training,
            folder.path / f"seed-{seed}",
            seed=seed,
            metric=options.metric,
            random_start=options.start == "random",
            strategy=strategy,
        )

    seeds = range(options.seed, options.seed + options.seeds)
    best, seeds, predicted = train_seeds(train_one, seeds, splits.test)
    if not is_chief(strategy):
        wait_for_all(strategy)
        return {}
    save_model(folder, best.bundle)

    baselines = task.baselines(splits.train, splits.test, options.seed) if options.baselines else {}
    found = compare(predicted, splits.test, baselines, options.metric)
    minutes = (time.monotonic() - started) / 60
    outcome = Outcome(
        options.name,
        "python -m recipes.finetune " + shlex.join(sys.argv[1:]),
        {
            "encoder": f"{options.model}, {options.start}",
            **rows,
            "trained on": best.description,
            "trainings": f"{options.seeds}, with the seeds {', '.join(map(str, seeds))}; kept "
            "is the first of these, which is best on dev",
            "tokens trained on": best.num_tokens,
            "tokens per second": best.tokens_per_second,
            f"minutes{' since it was taken up again' if taken_up else ''}": round(minutes, 1),
        },
        flat(asdict(options)),
        found,
        folder.path / f"seed-{seeds[0]}" / "metrics.jsonl",
        str(folder.path),
    )
    numbers = write_outcome(folder, best.task, splits.test, predicted[0][1], outcome)
    print(f"\n{found.verdict}\n\n{results_table(found.results)}\n")
    print(f"Done in {minutes:.1f} minutes. The model and its report: {folder.path}/report.html")
    wait_for_all(strategy)  # a worker that leaves earlier counts as crashed
    return numbers


def _examples(task, options: Options, part: str):
    """The examples of a part, or None if it is to be cut from the training rows."""
    sources = getattr(options, part)
    if sources:
        return read_examples(task, sources, options.files)
    return sample_examples(task) if part == "train" else None


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

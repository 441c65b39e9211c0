"""Distils a BERT: a smaller model learns from text or labels, and from its teacher.

    python -m recipes.distill
    python -m recipes.distill --teacher saved_models/my-bert --data my-texts/ --name my-small-bert
    python -m recipes.distill --teacher saved_models/my-task --layers 1 --name my-small-task
    python -m recipes.distill --teacher saved_models/my-task --unlabelled more.jsonl --seeds 3

Without options it pre-trains, without a network, a student of half the blocks of the BERT-tiny
that comes with the repository; for a long pre-training with a teacher there is `recipes.pretrain
--teacher`. If the teacher is fine-tuned, its student learns the task: columns and how rows are read
are known of teachers that `recipes.finetune` made, and so are the training rows; all can be changed
by options, how long inputs are for the student alone. The table at the end sets teacher, student,
and the same student without a teacher side by side.
"""

import shlex
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import tyro

from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.distill_pretrained import distil_pretrained
from recipes.task_options import (
    PARTS,
    TaskOfModelOptions,
    as_trained,
    check_metric,
    deciding,
    model_task,
    splits_of_model,
)

# What may differ when a run is taken up again: where it lies and how much is done besides.
NOT_OF_THE_RESULT = ("output", "name", "seeds", "alone")


@dataclass(frozen=True)
class TeacherAndRows:
    """What `--help` says first."""

    teacher: str = "saved_models/bert-tiny"
    """A pre-trained or a fine-tuned model: a folder of any format, or an id of the Hugging Face
    Hub. What it is says which of the options count."""
    data: tuple[str, ...] = ()
    """Texts for a pre-trained teacher: files, folders, globs or `tfds:` names; by default the prose
    that ships with the package."""
    steps: int | None = None
    """Optimizer steps with a pre-trained teacher; by default 150."""
    train: tuple[str, ...] = ()
    """Files or `tfds:` names of training rows; by default those of the teacher."""
    unlabelled: tuple[str, ...] = ()
    """More rows, without labels, which only the teacher says something of."""
    dev: tuple[str, ...] = ()
    """Rows to choose the best weights by; by default those of the teacher, or a part of `train`."""
    test: tuple[str, ...] = ()
    """Rows to measure on; by default those of the teacher, or a part of `train`."""
    name: str = "my-student"
    """Name of the run: its folder in `output`."""
    output: str = "saved_models"
    """The folder of all runs."""


@dataclass(frozen=True)
class Options(TaskOfModelOptions, TeacherAndRows):
    """Who teaches, whom, and what."""

    limit: int | None = None
    """Train on so many rows only, drawn at random."""
    dev_share: float | None = None
    """Share of the training rows that becomes `dev`, and, without `test`, another for that."""
    metric: str | None = None
    """What the best weights are chosen by; by default accuracy, F1 or Spearman's correlation."""

    distillation: tyro.conf.OmitArgPrefixes[DistillationOptions] = field(
        default_factory=DistillationOptions
    )
    training: tyro.conf.OmitArgPrefixes[TrainingOptions] = field(default_factory=TrainingOptions)
    teacher_dtype: Literal["float32", "mixed_bfloat16"] = "float32"
    """Precision in which the teacher is computed."""
    seed: int = 0
    """Seed of all random draws."""
    seeds: int = 1
    """Students with seeds of their own; results are means and deviations."""
    alone: bool = True
    """Whether to train the same student without its teacher too, to see what that is worth."""


def run(options: Options) -> dict:
    """Trains, measures and reports, as the teacher is; returns numbers, and the `table`."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.models import PretrainingModel

    teacher = Bundle.from_pretrained(
        options.teacher, model_task(options.task), dtype=options.teacher_dtype
    )
    if isinstance(teacher.model, (PretrainingModel, Encoder)):
        return distil_pretrained(options, teacher.model)
    return distil_fine_tuned(options, teacher)


def distil_fine_tuned(options: Options, teacher) -> dict:
    """Distils for a task; returns what is in `metrics.json`, and the `table`."""
    from keras_bert_kit.run_folder import RunFolder, flat
    from keras_bert_kit.tasks.cost import cost_of
    from keras_bert_kit.tasks.distillation_comparison import (
        ALONE,
        STUDENT,
        TEACHER,
        compare_distillation,
    )
    from keras_bert_kit.tasks.distilling import distil
    from keras_bert_kit.tasks.example_splits import fingerprint
    from keras_bert_kit.tasks.outcome import Outcome, save_model, write_outcome
    from keras_bert_kit.tasks.seeds import train_seeds
    from keras_bert_kit.text_prediction import default_inputs

    if options.data or options.steps is not None:
        raise ValueError(
            f"`--data` and `--steps` are for pre-trained teachers, but {options.teacher} was "
            "fine-tuned: give `--train` and `--epochs`, or leave them out."
        )
    if options.seeds < 1:
        raise ValueError(f"`--seeds` must be at least 1; received {options.seeds}.")
    options = replace(options, distillation=options.distillation.for_task())
    started = time.monotonic()
    given = {part: getattr(options, part) for part in PARTS}
    task, splits, files = splits_of_model(
        teacher, options.teacher, given, options, options.dev_share, options.limit, options.seed
    )
    check_metric(options.metric, task)
    left_out = (*NOT_OF_THE_RESULT, "data", "steps")
    decisive, usual = deciding(options, left_out), deciding(Options(), left_out)
    folder = RunFolder.open(Path(options.output) / options.name, "distill", decisive, usual)
    taken_up = folder.has_begun
    folder.keep_entry("rows", fingerprint(splits[1:]), "the rows to learn from")
    print(", ".join(f"{n} {len(getattr(splits, n)):,} rows" for n in ("train", "dev", "test")))
    unlabelled = _unlabelled(task, splits, options, files)
    if unlabelled is not None:
        folder.keep_entry("unlabelled", fingerprint([unlabelled]), "the rows without labels")

    metric = options.metric or task.metric
    teacher_task = as_trained(
        replace(task, inputs=teacher.inputs or default_inputs(teacher.model)), teacher
    )
    said = teacher_task.predict(teacher.model, teacher.tokenizer, splits.test)
    trained = {TEACHER: [(teacher_task, said)]}
    costs = {TEACHER: cost_of(teacher_task, teacher.model, teacher.tokenizer, splits.test)}

    def train_one(who: str, seed: int):
        print(f"{who}, seed {seed}:", flush=True)
        return distil(
            task,
            teacher,
            splits.train,
            splits.dev,
            options.training,
            options.distillation,
            folder.path / f"{'alone' if who == ALONE else 'seed'}-{seed}",
            seed=seed,
            metric=metric,
            unlabelled=unlabelled,
            with_teacher=who == STUDENT,
        )

    seeds = range(options.seed, options.seed + options.seeds)
    students = {
        who: train_seeds(partial(train_one, who), seeds, splits.test)
        for who in ((STUDENT, ALONE) if options.alone else (STUDENT,))
    }
    for who, (best, _, predicted) in students.items():
        trained[who] = predicted
        costs[who] = cost_of(best.task, best.bundle.model, best.bundle.tokenizer, splits.test)
    kept, kept_seeds, _ = students[STUDENT]
    save_model(folder, kept.bundle)
    found = compare_distillation(trained, costs, splits.test, metric)
    minutes = (time.monotonic() - started) / 60
    facts = {
        "teacher": options.teacher,
        "student": f"{kept.bundle.encoder.config['num_layers']} blocks, "
        f"{kept.bundle.encoder.config['hidden_dim']} wide",
        **{n: f"{len(getattr(splits, n)):,} rows" for n in ("train", "dev", "test")},
        "unlabelled": "none" if unlabelled is None else f"{len(unlabelled):,} rows",
        "tokens trained on": kept.num_tokens,
        "tokens per second": kept.tokens_per_second,
        f"minutes{' since it was taken up again' if taken_up else ''}": round(minutes, 1),
    }
    outcome = Outcome(
        options.name,
        "python -m recipes.distill " + shlex.join(sys.argv[1:]),
        facts,
        flat(asdict(options)),
        found,
        folder.path / f"seed-{kept_seeds[0]}" / "metrics.jsonl",
        str(folder.path),
        found.readable_costs,
    )
    numbers = write_outcome(folder, kept.task, splits.test, trained[STUDENT][0][1], outcome)
    print(f"\n{found.verdict}\n\n{found.table}\n")
    print(f"Done in {minutes:.1f} minutes. The student and its report: {folder.path}/report.html")
    return numbers | {"table": found.table}


def _unlabelled(task, splits, options: Options, files):
    """Texts without labels, save for those that are measured with."""
    if not options.unlabelled:
        return None
    from keras_bert_kit.data.labelled_texts import labelled_texts, usual_text
    from keras_bert_kit.data.rows import read_rows

    if not hasattr(task, "text"):
        raise ValueError(
            "`--unlabelled` is for whole texts: what a teacher says of words and answers is "
            "computed batch by batch. Leave it out."
        )
    rows = read_rows(options.unlabelled, **asdict(files))
    text = usual_text(task.text, rows.columns, rows.source)
    texts = labelled_texts(rows, text=text, pair=task.pair, on_bad=files.on_bad, with_labels=False)
    measured = {
        pair
        for part in (splits.dev, splits.test)
        for pair in zip(part.texts, part.pairs or part.texts, strict=True)
    }
    pairs = zip(texts.texts, texts.pairs or texts.texts, strict=True)
    kept = [at for at, pair in enumerate(pairs) if pair not in measured]
    left_out = len(texts) - len(kept)
    print(f"{len(kept):,} texts without labels; {left_out:,} left out, as they are measured with.")
    return texts.select(kept)


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

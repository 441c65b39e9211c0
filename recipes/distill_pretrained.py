"""What `recipes.distill` does with a pre-trained teacher: two runs of `recipes.pretrain`.

The first is the student without its teacher, for comparison; it lies in the folder of the second.
"""

from dataclasses import asdict, replace
from pathlib import Path

from recipes import pretrain
from recipes.pretraining_options import Options as PretrainingOptions
from recipes.pretraining_options import deciding

ALONE_FOLDER = "alone"
STEPS, EVALUATIONS = 150, 2
# Options of `recipes.distill` that mean the same in pre-training.
TAKEN = ("teacher", "data", "name", "output", "distillation", "teacher_dtype", "seed")
TAKEN_BESIDES = ("alone", "steps", "sequence_length", "training", "files")  # one by one, below
OF_TRAINING = (
    *("batch_size", "micro_batches", "warmup", "weight_decay", "clip_norm"),
    *("dtype", "jit_compile", "checkpoint_every", "checkpoint_minutes", "log_every"),
)


def distil_pretrained(options, teacher) -> dict[str, float]:
    """Pre-trains a student with its teacher and without; returns the results of the first.

    Args:
        options: those of `recipes.distill`.
        teacher: the model that `options.teacher` names.

    Raises:
        ValueError: if there are options that are for tasks.
    """
    from keras_bert_kit.model_description import ModelDescription
    from keras_bert_kit.run_folder import RunFolder
    from keras_bert_kit.tasks.distillation_comparison import ALONE

    _refuse_options_for_tasks(options)
    steps = STEPS if options.steps is None else options.steps
    given = {name: getattr(options, name) for name in TAKEN}
    given |= {name: getattr(options.training, name) for name in OF_TRAINING}
    if options.training.learning_rate is not None:
        given["learning_rate"] = options.training.learning_rate
    if options.sequence_length is not None:
        given["sequence_length"] = options.sequence_length
    given["strategy"] = "one"  # two models one after the other, and no option to choose another
    given |= {"steps": steps, "evaluate_every": max(1, steps // EVALUATIONS)}
    family = ModelDescription.of(teacher).family
    given["distillation"] = options.distillation.for_pretraining(family)
    with_teacher = PretrainingOptions(**given)
    # Before anything is trained: the folder may be of another run.
    folder = RunFolder.open(
        Path(options.output, options.name),
        "pretrain",
        deciding(with_teacher),
        deciding(PretrainingOptions()),
    ).path
    beside = {}
    if options.alone:
        print("The student without its teacher:", flush=True)
        beside[ALONE] = folder / ALONE_FOLDER
        pretrain.run(_without_teacher(with_teacher, folder), recipe="distill")
    print("The student:", flush=True)
    return pretrain.run(with_teacher, beside, recipe="distill")


def _without_teacher(options: PretrainingOptions, folder: Path) -> PretrainingOptions:
    """The same student on the same text, from the same first weights, of masked tokens alone."""
    return replace(
        options,
        name=ALONE_FOLDER,
        output=str(folder),
        shards=options.shards or str(folder / "shards"),
        distillation=replace(
            options.distillation,
            label_weight=1.0,
            soft_weight=0.0,
            hidden_weight=0.0,
            attention_weight=0.0,
        ),
    )


def _refuse_options_for_tasks(options) -> None:
    usual = asdict(type(options)())
    found = asdict(options)
    named = [n for n in usual if n not in TAKEN + TAKEN_BESIDES and found[n] != usual[n]]
    for group, taken in (("training", (*OF_TRAINING, "learning_rate")), ("files", ())):
        named += [n for n, v in usual[group].items() if n not in taken and found[group][n] != v]
    if named:
        names = ", ".join(f"`--{name.replace('_', '-')}`" for name in named)
        raise ValueError(
            f"{names} mean nothing for a "
            f"pre-trained teacher, as {options.teacher} is: leave them out. "
            "`python -m recipes.pretrain --teacher` has all options of pre-training."
        )

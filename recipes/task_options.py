"""What recipes share about tasks: from options to a task, and to its examples."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import tyro

from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.training.training_options import OF_ITS_RECORDS

logger = logging.getLogger(__name__)

CHANGED_ROWS = (
    "The rows that %s was trained on have changed since then, and are split otherwise now: some "
    "that it is measured with may have been in its training. Give rows that it has not seen."
)
PROBLEMS = {
    "classification": "single_label",
    "multilabel": "multi_label",
    "regression": "regression",
}
PARTS = "train", "dev", "test"
# Most tokens of an input, what becomes of longer texts, tokens from one window to the next.
USUAL_INPUTS = dict.fromkeys(PROBLEMS, (256, "truncate", None)) | {
    "tagging": (256, "windows", None),
    "questions": (384, "windows", 128),
}
# Columns, by the names that they have where nothing is known of a model.
USUAL_COLUMNS = {
    "text": "text",
    "pair": None,
    "label": "label",
    "label_separator": ",",
    "words": "tokens",
    "tags": "tags",
    "scheme": None,
}
OF_TEXTS = ("text", "pair", "label")
OWN_COLUMNS = {
    "multilabel": (*OF_TEXTS, "label_separator"),
    "tagging": ("words", "tags", "scheme"),
    "questions": (),
}


@dataclass(frozen=True, kw_only=True)
class TaskOfModelOptions:
    """What a fine-tuned model is for and how its rows are read, where it is to be said anew.

    Options of bases come before a recipe's own, those of its last base first.
    """

    task: Literal["classification", "multilabel", "regression", "tagging", "questions"] | None = (
        None
    )
    """What the fine-tuned model is for, where its folder does not say."""
    labels: tuple[str, ...] = ()
    """What the rows call the model's classes, in its order, if its own names are others."""
    text: str | None = None
    """Column of texts; these and all that follow are by default as in the model's training."""
    pair: str | None = None
    """Column of second texts, for tasks on pairs."""
    label: str | None = None
    """Column of labels."""
    label_separator: str | None = None
    """What stands between the labels of a row with several, where they are in one string."""
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
    files: tyro.conf.OmitArgPrefixes[RowOptions] = field(default_factory=RowOptions)


def make_task(options, **for_training):
    """The task that the options of a recipe describe, without its labels.

    Args:
        options: with `task`, all of `USUAL_COLUMNS`, `files`, `sequence_length`, `long_texts` and
            `stride`.
        **for_training: what `TextTask` takes for training alone.
    """
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.data.inputs import InputOptions
    from keras_bert_kit.tasks.question_task import QuestionTask
    from keras_bert_kit.tasks.tagging_task import TaggingTask
    from keras_bert_kit.tasks.text_task import TextTask

    given = (options.sequence_length, options.long_texts, options.stride)
    usual = USUAL_INPUTS[options.task]
    if options.sequence_length is not None:
        usual = (*usual[:2], None)  # the usual stride belongs to the usual length
    inputs = InputOptions(
        *(one if one is not None else other for one, other in zip(given, usual, strict=True))
    )
    given = [_as_option(name) for name in for_training if for_training[name]]
    if options.task not in PROBLEMS and given:
        raise ValueError(
            f"{' and '.join(given)} mean nothing for `--task {options.task}`, only for whole "
            "texts: leave them out."
        )
    if options.task == "tagging":
        return TaggingTask(
            inputs, options.words, options.tags, options.scheme, options.files.on_bad
        )
    if options.task == "questions":
        return QuestionTask(inputs, options.files.on_bad)
    return TextTask(
        PROBLEMS[options.task],
        inputs,
        options.text,
        options.pair,
        options.label,
        label_separator=options.label_separator,
        on_bad=options.files.on_bad,
        **for_training,
    )


def check_given(options, task: str, long_texts: str) -> None:
    """Refuses options of inputs that mean nothing for a task, as they would be ignored.

    Args:
        options: with all of `USUAL_COLUMNS`, and `stride`.
        task: what the model is for, by the name that options call it.
        long_texts: what is read of longer texts, by default or as the options say.

    Raises:
        ValueError: if there is one.
    """
    own = OWN_COLUMNS.get(task, OF_TEXTS)
    given = [
        name
        for name, usual in USUAL_COLUMNS.items()
        if name not in own and getattr(options, name) not in (None, usual)
    ]
    if given:
        named = " and ".join(f"`{_as_option(name)}`" for name in given)
        raise ValueError(f"{named} mean nothing for a model of {task}: leave them out.")
    if options.stride is not None and long_texts != "windows":
        raise ValueError(
            "`--stride` is the distance of windows: give `--long-texts windows` too, or leave it "
            "out."
        )


def _as_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def read_examples(task, sources, files):
    """The examples of a task in some sources of rows."""
    from keras_bert_kit.data.rows import read_rows

    return task.examples(read_rows(sources, **asdict(files)))


def sample_examples(task):
    """The examples that ship here: passages of six books, and who wrote them."""
    from keras_bert_kit.data.rows import Rows
    from keras_bert_kit.sample_data.passages import author_passages

    columns = author_passages()
    return task.examples(Rows(columns, "six books", list(range(1, 1 + len(columns["text"])))))


def _config_of_run(model: str | Path) -> dict:
    from keras_bert_kit.json_file import read_json
    from keras_bert_kit.run_folder import CONFIG

    folder = Path(model).expanduser()
    folder = folder.parent if folder.name == CONFIG else folder
    return read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}


def options_of_run(model: str | Path) -> dict:
    """The options of the run that made a model; none for models from elsewhere.

    Those of a student that it has not of its own are its teacher's, as in `recipes.distill`.
    """
    config = _config_of_run(model)
    options = config.get("options", {})
    if config.get("recipe") != "distill" or "teacher" not in options:
        return options if config.get("recipe") == "finetune" else {}
    usual, files = asdict(RowOptions()), options.get("files") or {}
    own = {name: value for name, value in options.items() if value not in (None, [])}
    own["files"] = {name: value for name, value in files.items() if value != usual[name]}
    of_teacher = options_of_run(options["teacher"])
    if not of_teacher:
        return own
    del own["seed"]  # of its training; rows are split by that of the teacher
    if own.get("train"):
        of_teacher |= {part: [] for part in PARTS}
    return of_teacher | own | {"files": (of_teacher.get("files") or {}) | own["files"]}


def task_of_bundle(
    bundle, model: str, sources: Sequence[str], options: TaskOfModelOptions
) -> tuple:
    """The task of a model, and how its files are read: as in training, save for what is given.

    Args:
        bundle: the model.
        model: where it is from.
        sources: the files to be read.
        options: what is said anew.

    Raises:
        ValueError: if the model is for another task than `options.task`, or labels are missing.
    """
    from keras_bert_kit.data.tag_schemes import are_plain
    from keras_bert_kit.text_prediction import default_inputs, names_of_classes, task_of

    found = task_of(bundle.model)
    if options.task not in (None, found):
        raise ValueError(
            f"The model in {model} is for {found}, not for {options.task}: leave `--task` out."
        )
    saved = options_of_run(model)
    chosen = {name: getattr(options, name) for name in USUAL_COLUMNS}
    chosen = {n: saved.get(n, USUAL_COLUMNS[n]) if v is None else v for n, v in chosen.items()}
    files = _files(options.files, sources, saved.get("files") or {})
    task = make_task(replace(options, task=found, files=files, **chosen))
    given = {
        name: getattr(options, name)
        for name in ("sequence_length", "long_texts", "stride")
        if getattr(options, name) is not None
    }
    if "sequence_length" in given:
        given.setdefault("stride", None)  # that of training belongs to its length
    task = replace(task, inputs=replace(bundle.inputs or default_inputs(bundle.model), **given))
    check_given(options, found, task.inputs.long_texts)
    task = as_trained(task, bundle)
    if found in ("questions", "regression"):
        if options.labels:
            raise ValueError(f"A model of {found} has no classes: leave `--labels` out.")
        return task, files
    names = names_of_classes(bundle.model, bundle.labels)
    if options.labels and len(options.labels) != len(names):
        raise ValueError(
            f"The model has {len(names)} classes ({', '.join(names)}), but there are "
            f"{len(options.labels)} `--labels`: give one for each, in that order."
        )
    if found == "tagging":
        task = replace(task, plain=are_plain(names))
    return replace(task, labels=tuple(options.labels or names)), files


def as_trained(task, bundle):
    """A task that answers as its model was set to in training.

    Of questions, when not at all; of words, with tags that follow a scheme.
    """
    return replace(task, **{k: v for k, v in bundle.answering.items() if hasattr(task, k)})


def check_metric(metric: str | None, task) -> None:
    """Refuses a metric that a task does not have, as far as it knows its labels.

    Raises:
        ValueError: if there is none of that name.
    """
    if metric not in (None, *task.metric_names):
        raise ValueError(
            f"`--metric {metric}` is none of this task; choose one of "
            f"{', '.join(task.metric_names)}."
        )


def model_task(task: str | None) -> str | None:
    """What `Bundle.from_pretrained` calls the task of an option; None if the model is to say.

    Example:
        >>> model_task("questions"), model_task("multilabel")
        ('span', 'classification')
    """
    return {"tagging": "tagging", "questions": "span", None: None}.get(task, "classification")


def splits_of_model(
    bundle,
    model: str,
    given: dict[str, Sequence[str]],
    options: TaskOfModelOptions,
    dev_share: float | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> tuple:
    """The task of a model, and its training, development and test rows.

    Args:
        bundle: the model.
        model: where it is from.
        given: sources of rows for some of `PARTS`; without those of `"train"` all that are missing
            are those of the model's training.
        options: what is said anew of the task.
        dev_share: share of the training rows for the parts that are missing; by default as in
            training.
        limit: how many training rows to keep.
        seed: of the draws, where the model's training does not say.

    Returns:
        The task with the model's labels; the `ExampleSplits`; how files are read.

    Raises:
        ValueError: if it is not known what the model was trained on.
    """
    from keras_bert_kit.tasks.example_splits import fingerprint, split_examples

    of_run = options_of_run(model)
    given = {part: given.get(part, ()) for part in PARTS}
    are_of_run = not any(given.values()) and dev_share is None
    if not given["train"]:
        if not of_run:
            raise ValueError(f"It is not known what {model} was trained on: give `--train`.")
        given = {part: given[part] or tuple(of_run.get(part) or ()) for part in PARTS}
    task, files = task_of_bundle(bundle, model, given["train"], options)
    if hasattr(task, "group"):
        task = replace(task, group=of_run.get("group") if given["train"] else "group")
    examples = {
        part: read_examples(task, sources, files) if sources else None
        for part, sources in given.items()
    }
    if not given["train"]:
        examples["train"] = sample_examples(task)
    if task.labels is not None:
        examples["train"] = task.known(examples["train"])

    def split(limit):
        return split_examples(
            task,
            *(examples[part] for part in PARTS),
            dev_share=of_run.get("dev_share", 0.1) if dev_share is None else dev_share,
            limit=limit,
            drop_duplicates=of_run.get("duplicates") == "drop",
            seed=of_run.get("seed", seed),
        )

    splits = split(limit)
    config = _config_of_run(model)
    if are_of_run and "rows" in config:
        limit_then = config["options"].get("limit")
        as_then = splits if limit_then == limit else split(limit_then)
        if fingerprint(as_then[1:]) != config["rows"]:
            logger.warning(CHANGED_ROWS, model)
    if task.labels is None:
        return splits.task, splits, files
    # In the model's order, and with classes of which there is no training row here.
    return replace(splits.task, labels=task.labels), splits, files


def _files(options: RowOptions, sources: Sequence[str], saved: dict) -> RowOptions:
    """How to read the rows: what is given, else as in training, the format by the file's name."""
    from keras_bert_kit.data.row_files import ENDINGS

    usual = asdict(RowOptions())
    given = {name: value for name, value in asdict(options).items() if value != usual[name]}
    speaking = tuple(e for name, endings in ENDINGS.items() if name != "txt" for e in endings)
    if sources and any(e in speaking for e in Path(sources[0].lower()).suffixes[-2:]):
        saved = saved | {"format": None}
    return RowOptions(**saved | {"on_bad": "error"} | given)


def deciding(options, left_out: Sequence[str]) -> dict:
    """The options that the result depends on, by name: without some, and what training shows."""
    found = {name: value for name, value in asdict(options).items() if name not in left_out}
    found["training"] = {k: v for k, v in found["training"].items() if k not in OF_ITS_RECORDS}
    return found

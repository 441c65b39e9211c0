"""What recipes share about tasks: from options to a task, and to its examples."""

from dataclasses import asdict
from pathlib import Path

PROBLEMS = {
    "classification": "single_label",
    "multilabel": "multi_label",
    "regression": "regression",
}
# Most tokens of an input, what becomes of longer texts, tokens from one window to the next.
USUAL_INPUTS = dict.fromkeys(PROBLEMS, (256, "truncate", None)) | {
    "tagging": (256, "windows", None),
    "questions": (384, "windows", 128),
}


def make_task(options, **for_training):
    """The task that the options of a recipe describe, without its labels.

    Args:
        options: with `task`, its columns `text`, `pair`, `label`, `words`, `tags`, and `scheme`,
            `files`, `sequence_length`, `long_texts`, `stride`.
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
    given = [f"--{name.replace('_', '-')}" for name in for_training if for_training[name]]
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
        on_bad=options.files.on_bad,
        **for_training,
    )


def read_examples(task, sources, files):
    """The examples of a task in some sources of rows."""
    from keras_bert_kit.data.rows import read_rows

    return task.examples(read_rows(sources, **asdict(files)))


def options_of_run(model: str | Path) -> dict:
    """The options of the `recipes.finetune` that made a model; none for models from elsewhere."""
    from keras_bert_kit.json_file import read_json
    from keras_bert_kit.run_folder import CONFIG

    folder = Path(model).expanduser()
    folder = folder.parent if folder.name == CONFIG else folder
    if not (folder / CONFIG).is_file():
        return {}
    config = read_json(folder / CONFIG)
    return config.get("options", {}) if config.get("recipe") == "finetune" else {}


def flat(options: dict) -> dict:
    """Options by name, those of groups such as `files` among the others."""
    found = {}
    for name, value in options.items():
        found |= value if isinstance(value, dict) else {name: value}
    return found

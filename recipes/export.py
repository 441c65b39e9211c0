"""Writes a trained model as what others run: SavedModel, TensorFlow Lite (LiteRT), ONNX.

    python -m recipes.export
    python -m recipes.export --model saved_models/my-task --format tflite
    python -m recipes.export --model saved_models/my-task --format saved_model onnx

All that is written is loaded again and asked rows that training has not seen: those that a model of
`recipes.finetune` was tested on, else `--data`. What it says, what it costs and how it compares
with Keras is in the tables that are printed, and in the card. Phones take `dynamic_int8.tflite`.
"""

import shlex
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from keras_bert_kit.data.row_options import RowOptions
from recipes.command_line import main
from recipes.task_options import (
    TaskOfModelOptions,
    as_trained,
    model_task,
    options_of_run,
    read_examples,
    splits_of_model,
    task_of_bundle,
)

SAVED_MODEL, LITE, ONNX = "saved_model", "tflite", "onnx"
FULL_INT8 = "full_int8"
CALIBRATION_ROWS = 200  # enough to see how large values get


@dataclass(frozen=True)
class ModelAndTarget:
    """What `--help` says first."""

    model: str = "saved_models/sentiment-tiny"
    """The folder of a trained model, of any format, or an id of the Hugging Face Hub."""
    format: tuple[Literal["saved_model", "tflite", "onnx"], ...] = (SAVED_MODEL, LITE)
    """What to write."""
    name: str | None = None
    """Name of the export: its folder in `output`; by default that of the model and `-export`."""
    output: str = "saved_models"
    """The folder of all runs."""
    overwrite: bool = False
    """Whether it may take the place of such a folder."""


@dataclass(frozen=True)
class Options(TaskOfModelOptions, ModelAndTarget):
    """What to write, and how."""

    quantization: tuple[
        Literal["float32", "float16", "dynamic_int8", "weight_only_int8", "full_int8"], ...
    ] = ("dynamic_int8", "float16", "float32")
    """The number formats, each a `.tflite`: `dynamic_int8` is the one for phones, `full_int8` for
    accelerators that know integers only."""
    dynamic_length: bool = False
    """Whether a `.tflite` takes inputs of any length rather than of `--sequence-length`; not every
    client can, and browsers cannot."""
    tokenizer_inside: bool = False
    """Whether there is also a `.tflite` of each number format that takes strings; it runs where
    tensorflow-text's operations are."""
    mediapipe: bool | None = None
    """Whether MediaPipe is to tokenise as a `.tflite` says; by default where it can: for classes
    and embeddings of models that lower-case."""
    data: tuple[str, ...] = ()
    """Rows to compare on; by default those of the model's test, or passages of six books."""
    rows: int = 500
    """How many of them, the first ones."""
    files: RowOptions = field(default_factory=RowOptions)  # `--format` is another's here


def run(options: Options) -> dict[str, str]:
    """Writes and compares; returns the tables by format."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.export.description import DESCRIPTION, describe
    from keras_bert_kit.export.lite_check import LiteCheck
    from keras_bert_kit.export.lite_conversion import check_tokenizer_inside, length_of
    from keras_bert_kit.export.onnx_file import packages
    from keras_bert_kit.export.served_model import in_float32
    from keras_bert_kit.export.whole_folder import whole_folder

    if options.rows < 1:
        raise ValueError(f"`--rows` must be at least 1; received {options.rows}.")
    started = time.monotonic()
    target = Path(options.output) / (options.name or f"{Path(options.model).name}-export")
    if options.overwrite and target.exists() and not (target / DESCRIPTION).is_file():
        raise ValueError(f"{target} is no export, so it is not overwritten: give another `--name`.")
    command = "python -m recipes.export " + shlex.join(sys.argv[1:])
    bundle = in_float32(Bundle.from_pretrained(options.model, model_task(options.task)))
    length = length_of(bundle, options.sequence_length)
    if ONNX in options.format:
        packages()  # or none of the rest is worth the wait
    if LITE in options.format and options.tokenizer_inside:
        check_tokenizer_inside(bundle)
    bundle, rows, calibration = rows_to_ask(bundle, options)
    tables = {}
    with whole_folder(target, options.overwrite) as folder:
        if SAVED_MODEL in options.format:
            tables[SAVED_MODEL] = export_saved_model(bundle, folder, rows)
        if LITE in options.format or ONNX in options.format:
            check = LiteCheck(bundle, rows, None if options.dynamic_length else length)
        if LITE in options.format:
            tables[LITE] = export_lite_files(bundle, folder, check, calibration, options)
        if ONNX in options.format:
            tables[ONNX] = export_onnx(bundle, folder, check)
        describe(bundle, folder, model=options.model, command=command)
        text = "\n\n".join(f"## {name}\n\n{table}" for name, table in tables.items())
        note = (
            f"Compared with Keras on {len(rows.examples):,} rows of {rows.examples.source}. Times "
            "are of one input, on the machine that wrote this."
        )
        card = f"# {target.name}\n\n```\n{command}\n```\n\n{note}\n\n{text}\n"
        (folder / "card.md").write_text(card, encoding="utf-8")
    print(f"\n{note}\n\n{text}\n")
    print(f"Done in {(time.monotonic() - started) / 60:.1f} minutes: {target}")
    return tables


def rows_to_ask(bundle, options: Options) -> tuple:
    """The model as it is to read texts, the rows to compare on, and inputs for `full_int8`."""
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.export.held_out_rows import HeldOutRows
    from keras_bert_kit.models import SpanModel
    from keras_bert_kit.sample_data.passages import author_passages

    needs_calibration = LITE in options.format and FULL_INT8 in options.quantization
    found = None if isinstance(bundle.model, Encoder) else _rows_of_model(bundle, options)
    if found:
        task, examples, train = found
        bundle = replace(bundle, inputs=task.inputs, labels=bundle.labels or task.labels)
    elif isinstance(bundle.model, SpanModel):
        raise ValueError(
            f"There are no questions to ask {options.model} by themselves: give some as `--data`."
        )
    else:
        bundle = replace(bundle, labels=options.labels or bundle.labels)
        rows = HeldOutRows.of_texts(bundle, author_passages()["text"][: options.rows])
        task, examples, train = rows.task, replace(rows.examples, source="six books"), None
    examples = examples.select(range(min(options.rows, len(examples))))
    rows = HeldOutRows(task, examples, is_labelled=bool(found))
    if not needs_calibration:
        return bundle, rows, None
    if not train:
        raise ValueError(
            "`--quantization full_int8` learns from rows how large values get, and it is not known "
            f"what {options.model} was trained on, or not here: give more `--data` than `--rows`."
        )
    some = HeldOutRows(task, train.select(range(min(CALIBRATION_ROWS, len(train)))))
    some = some.within(options.sequence_length)
    encoded = some.task.encode(some.examples, bundle.model, bundle.tokenizer)
    return bundle, rows, getattr(encoded, "features", encoded)


def _rows_of_model(bundle, options: Options) -> tuple | None:
    """The task, the rows to compare on and others; of `--data`, else of the model's training."""
    if options.data:
        task, files = task_of_bundle(bundle, options.model, options.data, options)
        examples = task.known(read_examples(task, options.data, files))
        others = range(min(options.rows, len(examples)), len(examples))
        return task, examples, examples.select(others)
    if not options_of_run(options.model):
        return None
    try:
        task, splits, _ = splits_of_model(bundle, options.model, {}, options)
    except FileNotFoundError as error:
        print(f"The rows that {options.model} was tested on are not here. {error}")
        return None
    return as_trained(task, bundle), splits.test, splits.train


def export_saved_model(bundle, folder: Path, rows) -> str:
    """Writes the SavedModels; returns their table."""
    from keras_bert_kit.export.saved_model import write_saved_models
    from keras_bert_kit.export.saved_model_check import check_saved_model

    print("SavedModel ...", flush=True)
    write_saved_models(bundle, folder / SAVED_MODEL)
    return check_saved_model(bundle, folder / SAVED_MODEL, *rows.texts).table


def export_lite_files(bundle, folder: Path, check, calibration, options: Options) -> str:
    """Writes the `.tflite` files; returns their table."""
    from keras_bert_kit.export.lite import export_lite, lite_table
    from keras_bert_kit.export.lite_conversion import has_client, length_of
    from keras_bert_kit.export.lite_text import LiteTextCheck
    from keras_bert_kit.export.metadata import check_client_tokenizer

    for_client = options.mediapipe
    if for_client is None and has_client(bundle.model):
        try:
            check_client_tokenizer(bundle.tokenizer)
        except ValueError as error:
            print(f"Not for MediaPipe. {error}")
            for_client = False
    reports = []

    def write(quantization: str, suffix: str, check, **given) -> None:
        name = f"{quantization}{suffix}.tflite"
        print(f"TensorFlow Lite, {name} ...", flush=True)
        options = {"quantization": quantization, "sequence_length": check.sequence_length, **given}
        reports.append(export_lite(bundle, folder / LITE / name, check, **options))

    for quantization in options.quantization:
        write(
            quantization,
            "",
            check,
            dynamic_length=options.dynamic_length,
            calibration=calibration if quantization == FULL_INT8 else None,
            for_client=for_client,
        )
    if options.tokenizer_inside:
        texts = LiteTextCheck(bundle, check.rows, length_of(bundle, options.sequence_length))
        for quantization in options.quantization:
            if quantization != FULL_INT8:  # whose calibration would have to be of strings
                write(quantization, "_of_text", texts, tokenizer_inside=True)
    return lite_table(reports)


def export_onnx(bundle, folder: Path, check) -> str:
    """Writes the ONNX file; returns its table."""
    from keras_bert_kit.export.agreement import check_difference
    from keras_bert_kit.export.onnx_file import OnnxModel, write_onnx

    print("ONNX ...", flush=True)
    path = folder / ONNX / "float32.onnx"
    path.parent.mkdir()
    write_onnx(bundle, path)
    found = check.compare(OnnxModel(path), path.name)
    check_difference(found.difference, path.name)
    alike = "-" if found.alike is None else f"{found.alike:.4f}"
    return (
        "| file | MB | largest difference | same answers |\n| --- | ---: | ---: | ---: |\n"
        f"| float32 | {path.stat().st_size / 1e6:.2f} | {found.difference:.1e} | {alike} |"
    )


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

"""A trained model as a LiteRT (TensorFlow Lite) file, which has its name once it is checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_bert_kit import __version__
from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.features import Features
from keras_bert_kit.export.agreement import Agreement, check_difference
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite_check import LiteCheck
from keras_bert_kit.export.lite_conversion import (
    convert,
    convert_with_tokenizer,
    has_client,
    length_of,
    num_weights,
)
from keras_bert_kit.export.lite_cost import THREADS, LiteCost
from keras_bert_kit.export.lite_model import packed_files
from keras_bert_kit.export.lite_quantization import QUANTIZATIONS
from keras_bert_kit.export.lite_text import LiteTextCheck
from keras_bert_kit.export.metadata import check_client_tokenizer, pack
from keras_bert_kit.export.served_model import in_float32
from keras_bert_kit.text.tokenizer_files import tokenizer_options

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiteReport:
    """A file that was written, what it says beside its model, and what it costs.

    Attributes:
        path: the file.
        quantization: its number format.
        sequence_length: T of its inputs; None if it takes any.
        bytes: its size, labels and vocabulary included.
        bytes_a_weight: of the model in it, without those.
        agreement: how it compares with Keras.
        cost: time and memory.
    """

    path: Path
    quantization: str
    sequence_length: int | None
    bytes: int
    bytes_a_weight: float
    agreement: Agreement
    cost: LiteCost


def export_lite(
    bundle: Bundle,
    path: str | Path,
    rows: HeldOutRows | LiteCheck | LiteTextCheck,
    *,
    quantization: str = "dynamic_int8",
    sequence_length: int | None = None,
    dynamic_length: bool = False,
    calibration: Features | None = None,
    for_client: bool | None = None,
    tokenizer_inside: bool = False,
    overwrite: bool = False,
) -> LiteReport:
    """Writes a model as a LiteRT file, with labels and vocabulary in it, and checks it.

    The file takes `token_ids`, `segment_ids` and `padding_mask`, `(1, T)` int32, and gives by name:
    `probabilities (1, C)` of classes, or `value (1,)`; `logits` and `probabilities (1, T, C)` of
    tags; `start_logits` and `end_logits (1, T)` of answers; `embedding (1, D)` of a bare encoder.
    With the tokenizer inside it takes `text (1,)`, of rows of pairs also `pair (1,)`, strings. It
    has its name only once it has been run by LiteRT on `rows` and compared with Keras.

    Args:
        bundle: the model; in another precision than float32 it is built again, which is logged.
        path: the file.
        rows: what model and file are asked; a `LiteCheck` (with the tokenizer inside, a
            `LiteTextCheck`) where several files of one model are made, so that Keras answers once.
        quantization: one of `QUANTIZATIONS`.
        sequence_length: T; by default as the model reads texts, or 128. A longer input takes more
            time for every text, however short.
        dynamic_length: whether the file takes inputs of any length instead, up to the model's
            positions. Not every client can.
        calibration: for `"full_int8"`, inputs as `task.encode` makes them, a hundred or so from
            training, to learn from how large values get.
        for_client: whether MediaPipe and its like are to tokenise as the file says; by default for
            classes and embeddings, which they have clients for.
        tokenizer_inside: whether the file takes strings, and makes the very tokens of the model's
            tokenizer of them. It runs only where tensorflow-text's operations are: with that
            package, or in an app that is built with them.
        overwrite: whether there may be such a file already.

    Returns:
        The file's size, agreement and cost.

    Raises:
        FileExistsError: if there is such a file already and `overwrite` is false.
        ValueError: if the arguments do not go together, or the model has no labels, or the
            vocabulary is not its own, or no client can tokenise for it.
        RuntimeError: if the file says otherwise than the model; it is not kept.

    Example:
        >>> bundle = Bundle.from_pretrained("saved_models/my-task")  # doctest: +SKIP
        >>> rows = HeldOutRows.of_texts(bundle, ["A text."])  # doctest: +SKIP
        >>> export_lite(bundle, "my-task.tflite", rows).agreement.alike  # doctest: +SKIP
        1.0
    """
    path = Path(path).expanduser()
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: say `overwrite`, or give another name.")
    if for_client is None:
        for_client = has_client(bundle.model) and not tokenizer_inside
    if for_client:
        check_client_tokenizer(bundle.tokenizer)
    bundle = in_float32(bundle)
    if tokenizer_inside and (for_client or dynamic_length or calibration is not None):
        raise ValueError(
            "With `tokenizer_inside` nobody else tokenises and inputs have one length: leave "
            "`for_client`, `dynamic_length` and `calibration` out."
        )
    length = None if dynamic_length else length_of(bundle, sequence_length)
    if isinstance(rows, HeldOutRows):
        rows = (LiteTextCheck if tokenizer_inside else LiteCheck)(bundle, rows, length)
    elif rows.sequence_length != length:
        raise ValueError(
            f"`rows` is a check of inputs of {rows.sequence_length} tokens, but the file is to "
            f"take {length}: make another one."
        )
    if tokenizer_inside:
        content = convert_with_tokenizer(bundle, quantization, length, rows.has_pairs)
    else:
        content = convert(bundle, quantization, length, calibration)
    content = pack(
        content,
        name=path.stem,
        description=f"BERT by keras-bert-kit {__version__}, {QUANTIZATIONS[quantization]}.",
        tokenizer=bundle.tokenizer,
        labels=bundle.labels,
        about=_about(bundle, quantization, length),
        for_client=for_client,
    )
    reports = []

    def write_and_check(file) -> None:
        file.write(content)
        file.flush()
        cost, agreement = rows.cost(Path(file.name)), rows.agreement(Path(file.name))
        if quantization == "float32":
            check_difference(agreement.difference, path.name)
        reports.append((agreement, cost))

    write_atomically(path, write_and_check)
    packed = sum(map(len, packed_files(path).values()))
    size = len(content)
    ratio = (size - packed) / num_weights(bundle.model, length)
    logger.info("%s: %.1f MB, %.2f bytes a weight.", path.name, size / 1e6, ratio)
    return LiteReport(path, quantization, length, size, ratio, *reports[0])


def lite_table(reports: Sequence[LiteReport]) -> str:
    """The reports as a table in Markdown, one line a file, for the card of a model."""
    with_metric = any(report.agreement.metric for report in reports)
    columns = ["file", "MB", "bytes a weight", "largest difference", "same answers"]
    if with_metric:
        metric = reports[0].agreement.metric
        columns += [f"{metric} in Keras", f"{metric} of the file"]
    columns += [f"ms, {n} thread{'s' * (n > 1)} (p50 / p95)" for n in THREADS] + ["peak MB"]
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    for report in reports:
        found, cost = report.agreement, report.cost
        line = [
            report.path.stem,
            f"{report.bytes / 1e6:.2f}",
            f"{report.bytes_a_weight:.2f}",
            f"{found.difference:.1e}",
            "-" if found.alike is None else f"{found.alike:.4f}",
        ]
        if with_metric:
            line += [f"{found.of_model:.4f}", f"{found.of_file:.4f}"]
        line += [f"{p50:.1f} / {p95:.1f}" for p50, p95 in cost.latency.values()]
        peak = "-" if cost.peak_megabytes is None else f"{cost.peak_megabytes:.0f}"
        lines.append([*line, peak])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _about(bundle: Bundle, quantization: str, sequence_length: int | None) -> dict:
    """What programs may want to know of a file."""
    tokenizer = bundle.tokenizer
    return {
        "made_by": f"keras-bert-kit {__version__}",
        "model": type(bundle.model).__name__,
        "problem": getattr(bundle.model, "arguments", {}).get("problem"),
        "quantization": quantization,
        "sequence_length": sequence_length,
        "max_sequence_length": bundle.encoder.config["max_sequence_length"],
        "tokenizer": {"kind": type(tokenizer).__name__, **tokenizer_options(tokenizer)},
        "vocabulary_fingerprint": tokenizer.vocabulary.fingerprint,
        **bundle.answering,
    }

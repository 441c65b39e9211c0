"""Size and time of a DistilBERT in LiteRT's and in ONNX Runtime's number formats.

    python tools/compare_phone_formats.py
    python tools/compare_phone_formats.py --layers 2 --hidden-dim 128 --rounds 50

The weights are random: what is measured does not depend on them. All are timed on one thread with
one input at a time, in turns, so that a busy machine slows all of them alike; the ratio to LiteRT's
float32 is the median over the rounds. Needs `tf2onnx` and `onnxruntime`.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tyro
from onnxruntime.quantization import QuantType, quantize_dynamic

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.export.lite_conversion import convert
from keras_bert_kit.export.lite_model import LiteModel, padded
from keras_bert_kit.export.onnx_file import OnnxModel, write_onnx
from keras_bert_kit.models import ClassificationModel
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

FORMATS = ("float32", "float16", "dynamic_int8", "weight_only_int8")


def main(
    layers: int = 6,
    hidden_dim: int = 768,
    vocabulary_size: int = 30_522,
    sequence_length: int = 128,
    rounds: int = 20,
) -> None:
    """Prints a Markdown table.

    Args:
        layers: blocks of the encoder.
        hidden_dim: its width; a head has 64.
        vocabulary_size: tokens.
        sequence_length: tokens of an input, none of them padding.
        rounds: how often each is timed.
    """
    encoder = Encoder(
        vocabulary_size=vocabulary_size,
        num_layers=layers,
        num_heads=hidden_dim // 64,
        hidden_dim=hidden_dim,
        intermediate_dim=4 * hidden_dim,
        num_segments=0,
        pooler=False,
    )
    model = ClassificationModel(encoder, 2)
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]))
    bundle = Bundle(tokenizer, model, ("negative", "positive"))
    ids = np.random.default_rng(0).integers(5, vocabulary_size, sequence_length)
    inputs = padded(ids, None, sequence_length)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.tflite" for name in FORMATS}
        runs = {}
        for name, path in files.items():
            path.write_bytes(convert(bundle, name, sequence_length))
            lite = LiteModel(path)
            runs[f"LiteRT {name}"] = path, lambda lite=lite: lite.milliseconds([inputs])[0]
        plain, int8 = (Path(folder) / name for name in ("float32.onnx", "int8.onnx"))
        write_onnx(bundle, plain)
        quantize_dynamic(plain, int8, per_channel=True, weight_type=QuantType.QInt8)
        for name, path in (("float32", plain), ("dynamic int8", int8)):
            session = OnnxModel(path, threads=1)
            runs[f"ONNX Runtime {name}"] = path, lambda session=session: _time(session, inputs)
        for _, run in runs.values():
            run()
        taken = np.array([[run() for _, run in runs.values()] for _ in range(rounds)])
        ratios = np.median(taken / taken[:, :1], axis=0)
        print(f"{model.count_params():,} weights, {sequence_length} tokens, one thread\n")
        print("| format | MB | ms, median | ms, least | of LiteRT's float32 |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for (name, (path, _)), column, ratio in zip(runs.items(), taken.T, ratios, strict=True):
            print(
                f"| {name} | {path.stat().st_size / 1e6:.1f} | {np.median(column):.1f} | "
                f"{column.min():.1f} | {ratio:.3f} |"
            )


def _time(session: OnnxModel, inputs: dict) -> float:
    started = time.perf_counter()
    session(inputs)
    return 1_000 * (time.perf_counter() - started)


if __name__ == "__main__":
    tyro.cli(main)

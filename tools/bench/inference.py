"""A text classifier as it is served: the kit's SavedModel and LiteRT, ONNX Runtime and PyTorch.

All sides have the same random weights, in a folder as Transformers writes it; `first_probability`,
that of the first class of the first text, shows that they compute the same, int8 about the same;
the report says where sides in float32 differ.
The kit loads and exports that folder, and plain TensorFlow or LiteRT runs the file. The ONNX file
is that of `torch.onnx.export`, by TorchScript, since the newer way needs `onnxscript`; its int8 is
that of `quantize_dynamic` with a scale for each column, the same as LiteRT's. PyTorch runs
Transformers' model as it is. Files are written by another process, so that memory is that of
serving. Every text is given as NumPy arrays of token ids, and its probabilities are taken as one.

Texts one by one are without padding, of the eight lengths that stand at 1/16, 3/16, ... 15/16 of
the dev set of SST-2 and of every tenth text of IMDB's test set, as the tokenizer of
`bert-base-uncased` reads them, `[CLS]` and `[SEP]` among them, cut to 512. The LiteRT file takes
any length, and one text at a time, in batches too.
"""

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.bench.harness import Case

TITLE = "Inference"
UNIT = "texts/s"
VOCABULARY_SIZE = 30_522
# size: family, layers, heads, width
SIZES = {
    "tiny": ("bert", 2, 2, 128),
    "distil": ("distilbert", 6, 12, 768),
    "base": ("bert", 12, 12, 768),
}
SST2_LENGTHS = (10, 15, 19, 23, 26, 30, 35, 42)
IMDB_LENGTHS = (87, 147, 171, 198, 242, 308, 408, 512)
# name, lengths, batch size, how often a turn goes through the lengths
WAYS = (
    ("32 x 32", (32,), 32, 1),
    ("32 x 128", (128,), 32, 1),
    ("1 at a time, SST-2", SST2_LENGTHS, 1, 4),
    ("1 at a time, IMDB", IMDB_LENGTHS, 1, 1),
)
FLOAT32 = ("kit_saved_model", "onnx", "transformers")
INT8 = ("kit_lite_int8", "onnx_int8")

# What weights are called in Transformers, and their axes: vocabulary, positions, segments, width,
# feed-forward width, classes. Tables have no bias, and what has one axis is a layer norm.
TENSORS = {
    "bert": {
        "bert.embeddings.word_embeddings": "VD",
        "bert.embeddings.position_embeddings": "PD",
        "bert.embeddings.token_type_embeddings": "SD",
        "bert.embeddings.LayerNorm": "D",
        "bert.encoder.layer.{}.attention.self.query": "DD",
        "bert.encoder.layer.{}.attention.self.key": "DD",
        "bert.encoder.layer.{}.attention.self.value": "DD",
        "bert.encoder.layer.{}.attention.output.dense": "DD",
        "bert.encoder.layer.{}.attention.output.LayerNorm": "D",
        "bert.encoder.layer.{}.intermediate.dense": "FD",
        "bert.encoder.layer.{}.output.dense": "DF",
        "bert.encoder.layer.{}.output.LayerNorm": "D",
        "bert.pooler.dense": "DD",
        "classifier": "CD",
    },
    "distilbert": {
        "distilbert.embeddings.word_embeddings": "VD",
        "distilbert.embeddings.position_embeddings": "PD",
        "distilbert.embeddings.LayerNorm": "D",
        "distilbert.transformer.layer.{}.attention.q_lin": "DD",
        "distilbert.transformer.layer.{}.attention.k_lin": "DD",
        "distilbert.transformer.layer.{}.attention.v_lin": "DD",
        "distilbert.transformer.layer.{}.attention.out_lin": "DD",
        "distilbert.transformer.layer.{}.sa_layer_norm": "D",
        "distilbert.transformer.layer.{}.ffn.lin1": "FD",
        "distilbert.transformer.layer.{}.ffn.lin2": "DF",
        "distilbert.transformer.layer.{}.output_layer_norm": "D",
        "pre_classifier": "DD",
        "classifier": "CD",
    },
}


def cases(smoke: bool) -> list[Case]:
    """Batches of 32, whose float32 the bar is of, and texts one by one; int8 has cases of its own.

    In all of them the first side is the kit's, which the others are compared to.
    """
    if smoke:
        return [_case("tiny", "2 x 16", (16,), 2, 1, ("kit_lite", "onnx"))]
    found = []
    for size in ("distil", "base"):
        for way in WAYS:
            lite = ("kit_lite",) if way[2] == 1 else ()
            found.append(_case(size, *way, (*FLOAT32, *lite)))
        if size == "distil":
            found += [_case(size, f"{name}, int8", *way, INT8) for name, *way in WAYS]
    return found


def _case(
    size: str, name: str, lengths: tuple, batch_size: int, repeats: int, sides: tuple
) -> Case:
    family, layers, heads, width = SIZES[size]
    settings = {
        "family": family,
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": width,
        "lengths": lengths,
        "batch_size": batch_size,
        "repeats": repeats,
    }
    is_int8 = set(sides) <= set(INT8)
    return Case(
        f"{size}, {name}",
        settings,
        sides,
        0.0 if is_int8 else flops_per_text(settings),
        "int8" if is_int8 else "float32",
    )


def flops_per_text(settings: dict) -> float:
    """Operations of the products of all blocks, on the mean of the lengths.

    Of a token `24 D^2`, attention `4 T D`, in each block.
    """
    width, lengths = settings["hidden_dim"], np.array(settings["lengths"])
    blocks = settings["num_layers"] * (24 * width**2 + 4 * lengths * width)
    return float(np.mean(lengths * blocks))


def _batches(settings: dict) -> list[np.ndarray]:
    """Token ids `(B, T)`, one batch for each length, drawn by the seed 0."""
    draw = np.random.default_rng(0)
    return [
        draw.integers(1000, VOCABULARY_SIZE, (settings["batch_size"], length))
        for length in settings["lengths"]
    ]


def _work(settings, probabilities):
    """All batches, each by `probabilities`, from token ids `(B, T)` to `(B, 2)`."""
    batches = settings["repeats"] * _batches(settings)
    amount = sum(len(batch) for batch in batches)

    def work():
        started = time.perf_counter()
        found = [probabilities(batch) for batch in batches]
        milliseconds = 1_000 * (time.perf_counter() - started)
        return {
            "amount": amount,
            "milliseconds_a_text": milliseconds / amount,
            "first_probability": float(found[0][0, 0]),
        }

    return work


def _apart(function, *arguments):
    """Calls a function of this module in another process, which then ends."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _write_checkpoint(settings, folder):
    """The folder of a classifier as Transformers writes it, its weights drawn by the seed 0."""
    from keras_bert_kit.convert.safetensors_writer import write_safetensors

    family, layers, width = (settings[key] for key in ("family", "num_layers", "hidden_dim"))
    sizes = {"V": VOCABULARY_SIZE, "P": 512, "S": 2, "D": width, "F": 4 * width, "C": 2}
    draw = np.random.default_rng(0)
    tensors = {}
    for pattern, axes in TENSORS[family].items():
        shape = tuple(sizes[axis] for axis in axes)
        for name in sorted({pattern.format(index) for index in range(layers)}):
            values = 0.02 * draw.standard_normal(shape, "float32")
            tensors[f"{name}.weight"] = values if len(shape) > 1 else 1 + values
            if axes[0] not in "VPS":
                tensors[f"{name}.bias"] = 0.02 * draw.standard_normal(shape[:1], "float32")
    keys = {
        "bert": ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size"),
        "distilbert": ("n_layers", "n_heads", "dim", "hidden_dim"),
    }[family]
    name = {"bert": "Bert", "distilbert": "DistilBert"}[family]
    config = {
        "model_type": family,
        "architectures": [f"{name}ForSequenceClassification"],
        "vocab_size": VOCABULARY_SIZE,
        "max_position_embeddings": 512,
        **dict(zip(keys, (layers, settings["num_heads"], width, 4 * width), strict=True)),
    }
    write_safetensors(folder, tensors)
    Path(folder, "config.json").write_text(json.dumps(config))
    Path(folder, "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))


def _bundle(settings, folder):
    from keras_bert_kit.bundle import Bundle

    _write_checkpoint(settings, folder)
    return Bundle.from_pretrained(folder, "classification", labels=("negative", "positive"))


def _write_saved_model(settings, folder):
    from keras_bert_kit.export.saved_model import write_saved_models

    write_saved_models(_bundle(settings, f"{folder}/checkpoint"), folder)


def _kit_saved_model(settings):
    with TemporaryDirectory() as folder:
        _apart(_write_saved_model, settings, folder)
        import tensorflow as tf

        served = tf.saved_model.load(f"{folder}/tokens")
    has_segments = settings["family"] == "bert"

    def probabilities(batch):
        ids = batch.astype("int32")
        inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
        if has_segments:
            inputs["segment_ids"] = np.zeros_like(ids)
        inputs = {name: tf.constant(values) for name, values in inputs.items()}
        return served.signatures["serving_default"](**inputs)["probabilities"].numpy()

    return _work(settings, probabilities)


def _write_lite(settings, folder, quantization):
    from keras_bert_kit.export.lite_conversion import convert

    content = convert(_bundle(settings, f"{folder}/checkpoint"), quantization, None)
    Path(folder, "model.tflite").write_bytes(content)


def _kit_lite(settings, quantization="float32"):
    from ai_edge_litert.interpreter import Interpreter

    with TemporaryDirectory() as folder:
        _apart(_write_lite, settings, folder, quantization)
        threads = int(os.environ["OMP_NUM_THREADS"])
        interpreter = Interpreter(f"{folder}/model.tflite", num_threads=threads)
    run = interpreter.get_signature_runner()

    def probabilities(batch):
        found = []
        for ids in batch[:, None].astype("int32"):
            inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
            inputs["segment_ids"] = np.zeros_like(ids)
            found.append(run(**inputs)["probabilities"][0])
        return np.array(found)

    return _work(settings, probabilities)


def _load_transformers(folder):
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(folder).eval()


def _transformers_inputs(settings, batch):
    """As Transformers' tokenizer gives them, int64."""
    inputs = {"input_ids": batch, "attention_mask": np.ones_like(batch)}
    if settings["family"] == "bert":
        inputs["token_type_ids"] = np.zeros_like(batch)
    return inputs


def _write_onnx(settings, folder, is_int8):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    _write_checkpoint(settings, f"{folder}/checkpoint")
    model = _load_transformers(f"{folder}/checkpoint")
    inputs = _transformers_inputs(settings, _batches(settings)[0])
    plain, int8 = f"{folder}/float32.onnx", f"{folder}/int8.onnx"
    torch.onnx.export(
        model,
        kwargs={name: torch.from_numpy(values) for name, values in inputs.items()},
        f=plain,
        input_names=list(inputs),
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in inputs},
        opset_version=17,
        dynamo=False,
    )
    if is_int8:
        quantize_dynamic(plain, int8, per_channel=True, weight_type=QuantType.QInt8)


def _onnx(settings, is_int8=False):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    with TemporaryDirectory() as folder:
        _apart(_write_onnx, settings, folder, is_int8)
        file = f"{folder}/{'int8' if is_int8 else 'float32'}.onnx"
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def probabilities(batch):
        (logits,) = session.run(None, _transformers_inputs(settings, batch))
        raised = np.exp(logits - logits.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)

    return _work(settings, probabilities)


def _transformers(settings):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with TemporaryDirectory() as folder:
        _apart(_write_checkpoint, settings, folder)
        model = _load_transformers(folder)

    @torch.inference_mode()
    def probabilities(batch):
        inputs = _transformers_inputs(settings, batch)
        inputs = {name: torch.from_numpy(values) for name, values in inputs.items()}
        return torch.softmax(model(**inputs).logits, -1).numpy()

    return _work(settings, probabilities)


SIDES = {
    "kit_saved_model": _kit_saved_model,
    "kit_lite": _kit_lite,
    "kit_lite_int8": lambda settings: _kit_lite(settings, "dynamic_int8"),
    "onnx": _onnx,
    "onnx_int8": lambda settings: _onnx(settings, is_int8=True),
    "transformers": _transformers,
}

"""Measures how long loading a BERT-base takes and how much memory: ours, Transformers, KerasHub.

    pip install torch transformers
    python tools/bench_loading.py --rounds 5

Random weights are written once into a temporary folder, in every format. Each measurement is a
process of its own; in a round, all ways to load take turns. The clock and the memory start after
the imports and one tiny operation. Every weight is summed up after the load, on the clock, since a
side that maps its file has read nothing before; that the sums agree is checked. Memory is the
largest resident memory of the process, less what it had when the load began. Prints a Markdown
table. Linux only.
"""

import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tyro

MEBIBYTE = 2**20
SUMS_DIFFER = 1.0  # of 1e8 float32 values; a matrix left out would change the sum by more


def main(
    rounds: int = 5,
    ways: tuple[str, ...] = (),
    num_layers: int = 12,
    folder: Path | None = None,
) -> None:
    """Prints the table.

    Args:
        rounds: how often each way is measured.
        ways: which ways to measure, by the names of the table; by default all.
        num_layers: number of blocks; 12 is BERT-base.
        folder: where the models are, and are written to if it is empty; by default a temporary one.
    """
    ways = ways or tuple(WAYS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        if not (folder / "weights.json").exists():
            _in_new_process(_make_models, folder, num_layers)
        weights = json.loads((folder / "weights.json").read_text())
        results = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                result = _in_new_process(_measure, way, folder)
                if abs(result["sum"] - weights["sum"]) > SUMS_DIFFER:
                    raise SystemExit(f"{way}: a sum of {result['sum']}, not {weights['sum']}.")
                results[way].append(result)

    size = weights["bytes"]
    print(f"\n{weights['bytes'] // 4:,} weights, {size / MEBIBYTE:,.0f} MiB; rounds: {rounds}\n")
    print("| load | seconds, median [least, most] | peak, MiB | times the weights |")
    print("| --- | --- | --- | --- |")
    for way, rows in results.items():
        seconds = sorted(row["seconds"] for row in rows)
        peak = statistics.median(row["peak"] for row in rows)
        print(
            f"| {way} | {statistics.median(seconds):.2f} [{seconds[0]:.2f}, {seconds[-1]:.2f}] | "
            f"{peak / MEBIBYTE:,.0f} | {peak / size:.2f} |"
        )


def _in_new_process(function, *arguments):
    """What `function` returns in a process that has imported nothing yet."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _make_models(folder: Path, num_layers: int) -> None:
    import numpy as np
    import torch
    import transformers

    from keras_bert_kit import pretrained
    from keras_bert_kit.convert import google, keras_hub
    from keras_bert_kit.run_folder import RunFolder

    torch.manual_seed(0)
    theirs = transformers.BertModel(transformers.BertConfig(num_hidden_layers=num_layers))
    theirs.save_pretrained(folder / "safetensors")
    theirs.config.save_pretrained(folder / "bin")
    torch.save(theirs.state_dict(), folder / "bin" / "pytorch_model.bin")
    model, _, description = pretrained.load(folder / "safetensors", with_tokenizer=False)
    (folder / "ours").mkdir()
    RunFolder(folder / "ours").write_config(**description.as_dict())
    RunFolder(folder / "ours").write_weights(model)
    keras_hub.write_model(model, folder / "keras_hub")
    google.write_model(model, folder / "tensorflow1")
    total = sum(float(np.asarray(weight, np.float64).sum()) for weight in model.get_weights())
    weights = {"bytes": 4 * model.count_params(), "sum": total}
    (folder / "weights.json").write_text(json.dumps(weights))


def _measure(way: str, folder: Path) -> dict[str, float]:
    """Seconds, bytes and the sum of all weights of one load in this process."""
    prepare, place = WAYS[way]
    load = prepare()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    started = time.perf_counter()
    sums = [float(total) for total in load(str(folder / place))]
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak": peak - resident, "sum": sum(sums)}


def _ours():
    import tensorflow as tf

    from keras_bert_kit import pretrained

    tf.reduce_sum(tf.zeros([2])).numpy()

    def load(source):
        model = pretrained.load(source, with_tokenizer=False).model
        return [tf.reduce_sum(weight.value) for weight in model.weights]

    return load


def _transformers():
    import torch
    from transformers import BertModel

    torch.zeros([2]).sum().item()

    def load(source):
        model = BertModel.from_pretrained(source)
        with torch.no_grad():
            return [weight.sum() for weight in model.parameters()]

    return load


def _keras_hub():
    import tensorflow as tf
    from keras_nlp.models import BertBackbone

    tf.reduce_sum(tf.zeros([2])).numpy()

    def load(source):
        model = BertBackbone.from_preset(source)
        return [tf.reduce_sum(weight.value) for weight in model.weights]

    return load


WAYS = {
    "ours, own folder": (_ours, "ours"),
    "ours, `model.safetensors`": (_ours, "safetensors"),
    "ours, `pytorch_model.bin`": (_ours, "bin"),
    "ours, TensorFlow 1 checkpoint": (_ours, "tensorflow1"),
    "ours, KerasHub preset": (_ours, "keras_hub"),
    "Transformers, `model.safetensors`": (_transformers, "safetensors"),
    "KerasHub, its preset": (_keras_hub, "keras_hub"),
    "KerasHub, `model.safetensors`": (_keras_hub, "safetensors"),
}

if __name__ == "__main__":
    tyro.cli(main)

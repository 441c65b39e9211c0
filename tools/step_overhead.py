"""Times a training step of the kit against that of stock Keras, the two alternating.

    python tools/step_overhead.py
    python tools/step_overhead.py --size base --batch-size 2 --steps 3

The same network with the same losses, metrics and optimizer on the same batch. Stock Keras divides
the losses otherwise and tells no gradient norm; this is about time only.
"""

import statistics
import sys
import time
from dataclasses import asdict, dataclass

import tyro


@dataclass(frozen=True)
class Options:
    """What to time."""

    size: str = "tiny"
    batch_size: int = 8
    sequence_length: int = 64
    vocabulary_size: int = 8_000
    steps: int = 50
    """Of one `fit`."""
    rounds: int = 15
    """How often each is timed."""
    steps_per_execution: int = 1
    jit_compile: bool = False


def batch_of(options: Options, model):
    """A batch of random tokens, every seventh masked."""
    import numpy as np

    draw = np.random.default_rng(0).integers
    shape = options.batch_size, options.sequence_length
    masked = options.batch_size, max(1, options.sequence_length // 7)
    ids = draw(5, options.vocabulary_size, shape).astype("int32")
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": draw(0, options.sequence_length, masked).astype("int32"),
    }
    y = {
        "masked_lm": draw(5, options.vocabulary_size, masked).astype("int32"),
        "next_sentence": draw(0, 2, options.batch_size).astype("int32"),
    }
    weights = {name: np.ones(y[name].shape, "float32") for name in y}
    return x, y, weights


def main(options: Options) -> None:
    """Prints milliseconds a step, and the ratio."""
    import keras
    import tensorflow as tf

    from keras_bert_kit.config import encoder_config
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.models import PretrainingModel
    from keras_bert_kit.training.optimizers import AdamW

    models = {}
    for name in ("kit", "stock"):
        keras.utils.set_random_seed(0)
        config = encoder_config(options.size, vocabulary_size=options.vocabulary_size)
        own = PretrainingModel(Encoder(**asdict(config)))
        model = own if name == "kit" else keras.Model(own.input, own.output)
        model.compile(
            AdamW(1e-4, global_clipnorm=1.0),
            loss=own.losses_by_output(),
            weighted_metrics=own.metrics_by_output(),
            jit_compile=options.jit_compile,
            steps_per_execution=options.steps_per_execution,
        )
        models[name] = model
    batch = batch_of(options, own)
    without_autotuning = tf.data.Options()  # with it `fit` comes back late (`data/read_ahead.py`)
    without_autotuning.autotune.enabled = False
    data = tf.data.Dataset.from_tensors(batch).repeat(options.steps)
    data = data.with_options(without_autotuning)
    seconds = {name: [] for name in models}
    for round_ in range(1 + options.rounds):  # the first compiles
        for name in sorted(models, reverse=round_ % 2 == 1):
            started = time.perf_counter()
            models[name].fit(data, shuffle=False, verbose=0)
            if round_:
                seconds[name].append((time.perf_counter() - started) / options.steps)
    for name, times in seconds.items():
        print(f"{name:>5}: {1e3 * statistics.median(times):8.3f} ms a step")
    ratios = sorted(a / b for a, b in zip(seconds["kit"], seconds["stock"], strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"ratio: {statistics.median(ratios):.3f} (half of the rounds: {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))

"""Tells how much memory a training step needs, and how long it takes.

    python tools/step_memory.py
    python tools/step_memory.py --remat

Of the process, from before the first step to the most that it ever had: activations, gradients,
the optimizer's moments, and what TensorFlow needs to make its graph.
"""

import statistics
import sys
import time
from dataclasses import asdict, dataclass

import tyro
from step_overhead import batch_of


@dataclass(frozen=True)
class Options:
    """Which step."""

    size: str = "small"
    batch_size: int = 8
    sequence_length: int = 512
    vocabulary_size: int = 8_000
    remat: bool = False
    micro_batches: int = 1
    jit_compile: bool = False
    dtype: str = "float32"
    steps: int = 5
    """After the first, which compiles; with 0 the time is not measured."""


def main(options: Options) -> None:
    """Prints megabytes, and seconds a step."""
    import keras

    from keras_bert_kit.config import encoder_config
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.export.lite_cost import peak_megabytes
    from keras_bert_kit.models import PretrainingModel
    from keras_bert_kit.training.optimizers import AdamW

    keras.utils.set_random_seed(0)
    config = encoder_config(options.size, vocabulary_size=options.vocabulary_size)
    model = PretrainingModel(Encoder(**asdict(config), dtype=options.dtype))
    model.compile(
        AdamW(1e-4, global_clipnorm=1.0),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        jit_compile=options.jit_compile,
        micro_batches=options.micro_batches,
        remat=options.remat,
    )
    batch = batch_of(options, model)
    before, times = peak_megabytes(), []
    for _ in range(1 + options.steps):  # the first compiles
        started = time.perf_counter(), time.process_time()
        model.train_on_batch(*batch)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    more = peak_megabytes() - before
    print(f"memory: {more:,.0f} MB more than the {before:,.0f} MB before")
    if options.steps:
        seconds, of_processors = map(statistics.median, zip(*times[1:], strict=True))
        print(f"time: {seconds:.3f} s a step, {of_processors:.3f} s of all processors together")


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))

"""Measures the pre-training pipeline from shards alone: tokens a second on one core, no model.

    python tools/bench_pipeline.py
    python tools/bench_pipeline.py --shards my_shards/train --vocabulary vocab.txt

Without shards, it builds some from the sample text. The process is held to one core where the
system can do that (Linux). A row of the table is the median of several runs: tokens that are not
padding by seconds of processor time, towards which other work on the machine does not count; the
same by seconds on the clock; and places of the batch, padding included, by processor time. Then,
what it costs to count the examples of an epoch (which is what going on at a later step has to do
for those before it) and to plan them.
"""

import os
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import tyro


def main(
    shards: Path | None = None,
    vocabulary: Path | None = None,
    batch_sizes: tuple[int, ...] = (32, 256),
    sequence_length: int = 128,
    units: tuple[str, ...] = ("token", "word", "span"),
    tokens_per_run: int = 1_000_000,
    runs: int = 5,
    service: str | None = None,
) -> None:
    """Prints a Markdown table.

    Args:
        shards: the folder of a split; by default shards are built from the sample text.
        vocabulary: the `vocab.txt` that they were made with.
        batch_sizes: the batch sizes to measure.
        sequence_length: tokens of an example.
        units: what is masked at once.
        tokens_per_run: places of the batches that a run takes.
        runs: how many runs the median is of.
        service: the address of a tf.data service that makes the batches; what it costs to take
            them from it is measured then.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Only now, as TensorFlow makes as many threads as it finds cores.
    from keras_bert_kit.data.masking import Masking
    from keras_bert_kit.data.pretraining import PLANNERS, PretrainingData
    from keras_bert_kit.data.shards import Shards
    from keras_bert_kit.text.vocabulary import Vocabulary

    with tempfile.TemporaryDirectory() as folder:
        if shards is None:
            split, words = _build_sample(Path(folder))
        else:
            split, words = Shards(shards), Vocabulary.read(vocabulary)
        print(f"{split.num_tokens:,} tokens in {len(split)} shard(s), T = {sequence_length}\n")
        print("| examples | B | unit | tokens/s and core | by the clock | places/s and core |")
        print("| --- | --- | --- | --- | --- | --- |")
        for pairs in PLANNERS:
            for batch_size in batch_sizes:
                for unit in units:
                    options = {"masking": Masking(unit=unit), "pairs": pairs}
                    data = PretrainingData(split, words, batch_size, sequence_length, **options)
                    steps = max(1, tokens_per_run // (batch_size * sequence_length))
                    rates = _measure(data.dataset(service=service), steps, runs)
                    print(
                        f"| {pairs} | {batch_size} | {unit} | "
                        + " | ".join(f"{rate:,.0f}" for rate in rates)
                        + " |",
                        flush=True,
                    )
        print("\n| examples | of an epoch | count, us each | count and plan, us each |")
        print("| --- | --- | --- | --- |")
        for pairs, (planner, short_rate, _) in PLANNERS.items():
            count, counting, planning = _measure_plan(split, planner(sequence_length, short_rate))
            print(f"| {pairs} | {count:,} | {counting:.1f} | {planning:.1f} |")


def _build_sample(folder: Path):
    from keras_bert_kit.data.shard_builder import build_shards
    from keras_bert_kit.sample_data import sample_files
    from keras_bert_kit.text.learn import learn_vocabulary

    texts = (path.read_text(encoding="utf-8") for path in sample_files())
    lines = (line for text in texts for line in text.splitlines())
    vocabulary = learn_vocabulary(lines, 8000, progress=False)
    built = build_shards(
        sample_files(), folder / "shards", vocabulary, heldout_fraction=0, progress=False
    )
    return built["train"], vocabulary


def _measure(dataset, steps: int, runs: int) -> tuple[float, float, float]:
    """Tokens by processor time and by the clock, and places by processor time, each a second."""
    batches = iter(dataset)
    list(islice(batches, 5))  # the graph is traced, the first window planned
    results = []
    for _ in range(runs):
        clock, processor = time.perf_counter(), time.process_time()
        masks = [x["padding_mask"] for x, _, _ in islice(batches, steps)]
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        tokens = sum(int(mask.numpy().sum()) for mask in masks)
        places = sum(int(mask.numpy().size) for mask in masks)
        results.append((tokens / processor, tokens / clock, places / processor))
    return tuple(statistics.median(column) for column in zip(*results, strict=True))


def _measure_plan(split, planner) -> tuple[int, float, float]:
    """The examples of an epoch, and microseconds for each to count, and to count and plan them."""
    from keras_bert_kit.data.example_stream import ExampleStream

    stream = ExampleStream(split, planner, tokens_per_window=2**62)
    start = time.process_time()
    num_examples = stream.num_examples()
    counted = time.process_time()
    stream.take(0, 1)
    planned = time.process_time()
    return num_examples, *(1e6 * (end - start) / num_examples for end in (counted, planned))


if __name__ == "__main__":
    tyro.cli(main)

"""Measures what length buckets are worth: training steps a second against padding to one length.

    python tools/bench_buckets.py --data ../shared/data/sst2/train.tsv.xz --text sentence

Two trainings of one model take turns in one process, so that other work on the machine weighs on
both. Everything is in it: batches made by `Batches`, the step of `fit`, the optimizer. The same
rows are read by both.
"""

import statistics
import time

import tyro


def main(
    data: str,
    text: str = "text",
    label: str = "label",
    model: str = "saved_models/bert-tiny",
    sequence_length: int = 128,
    batch_size: int = 32,
    steps: int = 100,
    rounds: int = 5,
) -> None:
    """Prints a Markdown table.

    Args:
        data: labelled rows.
        text: the column of texts.
        label: the column of labels.
        model: the encoder.
        sequence_length: the length that all batches are padded to without buckets.
        batch_size: rows of a batch.
        steps: training steps of a turn.
        rounds: turns of each.
    """
    import keras

    from keras_bert_kit import pretrained
    from keras_bert_kit.data.inputs import InputOptions
    from keras_bert_kit.data.rows import read_rows
    from keras_bert_kit.tasks.text_task import TextTask
    from keras_bert_kit.training.optimizers import AdamW

    task = TextTask(inputs=InputOptions(sequence_length), text=text, label=label)
    rows = task.examples(read_rows(data))
    task = task.with_labels_of(rows)
    trainings = {}
    for name, bucketed in (("buckets", True), (f"padded to {sequence_length}", False)):
        keras.utils.set_random_seed(0)
        encoder, tokenizer, _ = pretrained.load(model, "encoder")
        classifier = task.model(encoder, rows)
        classifier.compile(AdamW(1e-4), classifier.losses_by_output())
        batches = task.batches(
            rows,
            classifier,
            tokenizer,
            batch_size=batch_size,
            bucketed=bucketed,
            pad_to=sequence_length,
        )
        trainings[name] = (classifier, batches)
        _train(classifier, batches, 0, 10)  # compiles
    times = {name: [] for name in trainings}
    for turn in range(rounds):
        for name, (classifier, batches) in trainings.items():
            times[name].append(_train(classifier, batches, 10 + turn * steps, steps))

    print(f"{len(rows):,} rows, batches of {batch_size}, {rounds} turns of {steps} steps each\n")
    print("| | padding | steps/s | rows/s |\n| --- | ---: | ---: | ---: |")
    for name, (_, batches) in trainings.items():
        rate = steps / statistics.median(times[name])
        padding = batches.padding_share()
        print(f"| {name} | {padding:.1%} | {rate:.1f} | {rate * batch_size:.0f} |")
    with_buckets, without = times.values()
    ratios = [slow / fast for fast, slow in zip(with_buckets, without, strict=True)]
    print(f"\nBuckets are {statistics.median(ratios):.1f} times faster ", end="")
    print(f"({min(ratios):.1f} to {max(ratios):.1f} in single rounds).")


def _train(model, batches, start_step: int, steps: int) -> float:
    """Trains some steps through `fit` and returns the seconds."""
    began = time.perf_counter()
    data = batches.dataset(start_step)
    model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)
    return time.perf_counter() - began


if __name__ == "__main__":
    tyro.cli(main)

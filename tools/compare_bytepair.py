"""Compares our byte-level BPE tokenizer with Transformers' RoBERTa, line by line, and times both.

    TOKENIZERS_PARALLELISM=false taskset -c 1 python tools/compare_bytepair.py \
        --vocabulary roberta-base/ --texts books.txt.xz wikipedia.txt.xz

Prints two Markdown tables. One says how many lines differ: in the ids of either engine, without and
with special tokens, and in offsets. The other, megabytes a second of processor time on one core,
the best of several runs that alternate, each on lines not seen before (all but ours in the graph
remember words): our two engines and KerasHub's tokenizer in `tf.data`, and Transformers, all on
batches of lines. Ends with code 1 if a line differs. Needs `transformers` and
`keras-hub`.
"""

import itertools
import lzma
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_hub
import tensorflow as tf
import transformers
import tyro

from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary

MEGABYTE = 1_000_000
KINDS = ("tokenizers", "with special tokens", "in graph", "in graph, special", "offsets")


def main(
    vocabulary: Path,
    texts: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE ...")],
    megabytes: float = 10,
    batch_size: int = 256,
    megabytes_timed: float = 3,
    megabytes_keras_hub: float = 0.1,
    runs: int = 3,
) -> int:
    """Prints the tables and the first lines that differ.

    Args:
        vocabulary: a folder with `vocab.json` and `merges.txt`.
        texts: UTF-8 text files, `.xz` or not.
        megabytes: how much of each file to take.
        batch_size: lines at a time.
        megabytes_timed: how much of that to time in each run.
        megabytes_keras_hub: the same for KerasHub, which is slow.
        runs: how often each is timed.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    pieces = BytePairVocabulary.read(vocabulary)
    ours, in_graph = BytePairTokenizer(pieces), BytePairTokenizer(pieces, in_graph=True)
    ids = {token: i for i, token in enumerate(pieces.tokens)}
    merges = list(pieces.merges)
    mask = transformers.AddedToken("<mask>", lstrip=True, special=True, normalized=False)
    theirs = transformers.RobertaTokenizer(vocab=ids, merges=merges, mask_token=mask)
    hub = keras_hub.models.RobertaTokenizer(ids, [" ".join(merge) for merge in merges])

    differ = ["| text | MB | lines | " + " | ".join(KINDS) + " |", "| --- " * 8 + "|"]
    rates = [
        "| text | tokenizers | in graph | Transformers | KerasHub |",
        "| --- " * 5 + "|",
    ]
    num_different = 0
    for path in texts:
        lines = _read_lines(path, int(megabytes * MEGABYTE))
        counts = [0] * len(KINDS)
        for at in range(0, len(lines), batch_size):
            found = _count_different(ours, in_graph, theirs, lines[at : at + batch_size])
            counts = [n + m for n, m in zip(counts, found, strict=True)]
        row = (path.name, f"{_size(lines):.1f}", f"{len(lines):,}", *map(str, counts))
        differ.append(f"| {' | '.join(row)} |")
        best = [0.0] * 4
        for run in range(runs):
            part = _part(lines, run * megabytes / runs, megabytes_timed)
            few = _part(part, 0, megabytes_keras_hub)
            measured = (
                _rate_in_tf_data(ours, part, batch_size),
                _rate_in_tf_data(in_graph, part, batch_size),
                _rate_of_transformers(theirs, part, batch_size),
                _rate_in_tf_data(hub, few, batch_size // 8),
            )
            best = list(map(max, best, measured))
        rates.append(f"| {path.name} | {' | '.join(f'{rate:.2f}' for rate in best)} |")
        num_different += sum(counts)
    print("\n".join([*differ, "", *rates]))
    return 1 if num_different else 0


def _read_lines(path: Path, size: int) -> list[str]:
    """The whole lines among the first `size` bytes; only line feeds end a line."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rb") as file:
        data = file.read(size)
        if file.read(1):
            data = data[: data.rfind(b"\n")]
    return data.decode().split("\n")


def _count_different(ours, in_graph, theirs, lines: list[str]) -> list[int]:
    """How many lines differ, by `KINDS`."""
    options = {"add_special_tokens": False, "verbose": False}
    plain = theirs(lines, split_special_tokens=True, return_offsets_mapping=True, **options)
    special = theirs(lines, **options)["input_ids"]
    ids, starts, ends = (x.to_list() for x in ours.tokenize_with_offsets(lines))
    spans = []
    for line, mapping in zip(lines, plain["offset_mapping"], strict=True):
        byte_at = list(itertools.accumulate((len(c.encode()) for c in line), initial=0))
        spans.append([(byte_at[start], byte_at[end]) for start, end in mapping])
    offsets = [list(zip(*row, strict=True)) for row in zip(starts, ends, strict=True)]
    pairs = (
        (ours(lines).to_list(), plain["input_ids"]),
        (ours(lines, special_tokens=True).to_list(), special),
        (in_graph(lines).to_list(), plain["input_ids"]),
        (in_graph(lines, special_tokens=True).to_list(), special),
        (list(zip(ids, offsets, strict=True)), list(zip(plain["input_ids"], spans, strict=True))),
    )
    counts = []
    for kind, (our_rows, their_rows) in zip(KINDS, pairs, strict=True):
        rows = zip(lines, our_rows, their_rows, strict=True)
        wrong = [line for line, a, b in rows if a != b]
        for line in wrong[:1]:
            print(f"differs ({kind}): {line[:200]!r}")
        counts.append(len(wrong))
    return counts


def _size(lines) -> float:
    """Megabytes of lines with their ends."""
    return sum(len(line.encode()) + 1 for line in lines) / MEGABYTE


def _part(lines: list[str], start: float, megabytes: float) -> list[str]:
    """The lines from `start` megabytes on, of `megabytes` together."""
    ends = list(itertools.accumulate(_size([line]) for line in lines))
    return [line for line, end in zip(lines, ends, strict=True) if start < end <= start + megabytes]


def _rate_in_tf_data(tokenize: Callable, lines: list[str], batch_size: int) -> float:
    """MB/s of `tokenize` in `tf.data`."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    data = tf.data.Dataset.from_tensor_slices(lines).batch(batch_size)
    batches = iter(data.map(lambda texts: tokenize(texts).flat_values).with_options(options))
    next(batches)  # starts everything
    started = time.process_time()
    for _ in batches:
        pass
    return _size(lines[batch_size:]) / (time.process_time() - started)


def _rate_of_transformers(tokenizer, lines: list[str], batch_size: int) -> float:
    """MB/s of calling the tokenizer as its users do."""
    started = time.process_time()
    for at in range(0, len(lines), batch_size):
        tokenizer(lines[at : at + batch_size], add_special_tokens=False)
    return _size(lines) / (time.process_time() - started)


if __name__ == "__main__":
    raise SystemExit(tyro.cli(main))

"""Compares our WordPiece tokenizer with Transformers', line by line, and times both.

    python tools/compare_tokenizers.py --vocabulary vocab.txt --texts books.txt.xz wikipedia.txt.xz

Prints a Markdown table: lines, how many of them differ, and megabytes a second of processor time on
one core, the best of several runs that alternate. Ours runs in `tf.data` on batches of lines,
`tokenizers` (which is what `BertTokenizerFast` calls) on the same batches. Ends with code 1 if a
line differs. Needs `transformers`.
"""

import itertools
import lzma
import os
import time
from pathlib import Path
from typing import Annotated

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
import tokenizers
import transformers
import tyro

from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

MEGABYTE = 1_000_000
LEAST_MEGABYTES_TIMED = 30


def main(
    vocabulary: Path,
    texts: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE ...")],
    lowercase: bool = True,
    megabytes: float = 10,
    batch_size: int = 256,
    runs: int = 3,
) -> int:
    """Prints the table and the first lines that differ.

    Args:
        vocabulary: a `vocab.txt`.
        texts: UTF-8 text files, `.xz` or not.
        lowercase: whether the vocabulary is an uncased one.
        megabytes: how much of each file to take.
        batch_size: lines at a time.
        runs: how often each is timed.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    ours = WordPieceTokenizer(Vocabulary.read(vocabulary), lowercase)
    tokens = {token: i for i, token in enumerate(ours.vocabulary.tokens)}
    special = transformers.BertTokenizerFast(vocab=tokens, do_lower_case=lowercase)
    plain = tokenizers.Tokenizer(tokenizers.models.WordPiece(tokens, unk_token="[UNK]"))
    plain.normalizer = special.backend_tokenizer.normalizer
    plain.pre_tokenizer = special.backend_tokenizer.pre_tokenizer

    print(
        "| text | MB | lines | differ | differ with special tokens | differ in offsets "
        "| ours, MB/s | tokenizers, MB/s | times as fast |\n" + "| --- " * 9 + "|"
    )
    num_different = 0
    for path in texts:
        lines = _read_lines(path, int(megabytes * MEGABYTE))
        batches = [lines[at : at + batch_size] for at in range(0, len(lines), batch_size)]
        different = [0, 0, 0]
        for batch in batches:
            for i, count in enumerate(_count_different(ours, plain, special, batch)):
                different[i] += count
        size = sum(len(line.encode()) + 1 for line in lines) / MEGABYTE
        ours_rate, their_rate = _rates(ours, plain, batches, runs, size)
        print(
            f"| {path.name} | {size:.1f} | {len(lines):,} | {' | '.join(map(str, different))} | "
            f"{ours_rate:.1f} | {their_rate:.1f} | {ours_rate / their_rate:.1f} |",
            flush=True,
        )
        num_different += sum(different)
    return 1 if num_different else 0


def _read_lines(path: Path, size: int) -> list[str]:
    """The whole lines among the first `size` bytes; only line feeds end a line."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rb") as file:
        data = file.read(size)
        if file.read(1):
            data = data[: data.rfind(b"\n")]
    return data.decode().split("\n")


def _count_different(ours, plain, special, lines: list[str]) -> list[int]:
    """How many lines differ: plain, with special tokens, in offsets."""
    encodings = plain.encode_batch(lines, add_special_tokens=False)
    ids, starts, ends = (x.to_list() for x in ours.tokenize_with_offsets(lines))
    different = [0, 0, 0]
    checks = zip(
        lines,
        *(ours(lines).to_list(), encodings, ids, starts, ends),
        ours(lines, special_tokens=True).to_list(),
        special(lines, add_special_tokens=False)["input_ids"],
        strict=True,
    )
    for line, our_ids, encoding, *pieces, our_special, their_special in checks:
        byte_at = list(itertools.accumulate((len(c.encode()) for c in line), initial=0))
        their_starts = [byte_at[start] for start, _ in encoding.offsets]
        their_ends = [byte_at[end] for _, end in encoding.offsets]
        their_pieces = [encoding.ids, their_starts, their_ends]
        wrong = (our_ids != encoding.ids, our_special != their_special, pieces != their_pieces)
        if any(wrong) and not any(different):
            print(f"differs: {line[:200]!r}")
        different = [n + is_wrong for n, is_wrong in zip(different, wrong, strict=True)]
    return different


def _rates(ours, plain, batches, runs: int, size: float) -> tuple[float, float]:
    """Megabytes a second of processor time: ours in tf.data, and `tokenizers`."""
    lines = [line for batch in batches for line in batch]
    repeats = max(1, round(LEAST_MEGABYTES_TIMED / size))
    data = tf.data.Dataset.from_tensor_slices(lines).batch(len(batches[0])).cache()
    pipeline = data.repeat(repeats + 1).map(lambda texts: ours(texts).flat_values)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    pipeline = pipeline.with_options(options)

    def time_ours():
        batches_left = iter(pipeline)
        for _ in batches:  # fills the cache and starts everything
            next(batches_left)
        started = time.process_time()
        for _ in batches_left:
            pass
        return repeats * size / (time.process_time() - started)

    def time_theirs():
        started = time.process_time()
        for batch in batches:
            plain.encode_batch_fast(batch, add_special_tokens=False)
        return size / (time.process_time() - started)

    rates = [(time_ours(), time_theirs()) for _ in range(runs)]
    return tuple(map(max, zip(*rates, strict=True)))


if __name__ == "__main__":
    raise SystemExit(tyro.cli(main))

"""Measures the shard builder: tokens a second and core, and peak memory against input size.

    python tools/bench_shards.py --corpus texts/ --vocabulary vocab.txt --sizes 15 350

Every row of the second table is a build in fresh processes, from the beginning of the corpus, cut
to that size and compressed with xz. Tokens a second and core are tokens by seconds of processor
time of all processes together; the second such column leaves out the start of the processes, which
is measured by itself.
"""

import lzma
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import tyro

from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.parallel_tokenizer import CALL_CHARACTERS, tokenize_documents, word_piece
from keras_bert_kit.data.sentences import sentences
from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.text.batches import character_batches
from keras_bert_kit.text.vocabulary import Vocabulary

MEGABYTE = 1_000_000


def main(
    corpus: Path, vocabulary: Path, sizes: tuple[int, ...] = (15, 350), num_processes: int = 2
) -> None:
    """Prints two Markdown tables.

    Args:
        corpus: a file or folder of text.
        vocabulary: a `vocab.txt`.
        sizes: megabytes of text to build shards from; at most what the corpus has is taken.
        num_processes: processes that tokenise.
    """
    with tempfile.TemporaryDirectory() as folder:
        print("| alone, one core | MB/s | tokens/s |\n| --- | --- | --- |")
        for name, text_bytes, tokens, seconds in _apart(_measure_parts, corpus, vocabulary):
            print(f"| {name} | {_rate(text_bytes, seconds)} | {tokens / seconds:,.0f} |")
        print(
            "\n| text, MB | tokens | wall, s | tokens/s | tokens/s and core | the same without the "
            "start | peak of the parent, MB | peak of a worker, MB |\n" + "| --- " * 8 + "|"
        )
        starting = _apart(_measure_start, vocabulary) * num_processes
        for size in sizes:
            source = Path(folder) / f"{size}.txt.xz"
            text_bytes = _cut(corpus, source, size * MEGABYTE)
            shards = Path(folder) / f"{size}"
            tokens, wall, cores, parent, worker = _apart(
                _measure_build, source, shards, vocabulary, num_processes
            )
            print(
                f"| {text_bytes / MEGABYTE:.0f} | {tokens:,} | {wall:.1f} | {tokens / wall:,.0f} | "
                f"{tokens / cores:,.0f} | {tokens / (cores - starting):,.0f} | {parent:.0f} | "
                f"{worker:.0f} |",
                flush=True,
            )


def _measure_parts(corpus: Path, vocabulary: Path) -> list[tuple[str, int, int, float]]:
    """Seconds of processor time that each step takes for 10 MB of text."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tokenize = word_piece(Vocabulary.read(vocabulary), lowercase=True)
    tokenize(["Warm up."])

    def timed(work):
        start = time.process_time()
        return work(), time.process_time() - start

    documents, reading = timed(lambda: _beginning(corpus, 10 * MEGABYTE))
    texts, splitting = timed(lambda: [text for lines in documents for text in sentences(lines)])
    batches = list(character_batches(texts, CALL_CHARACTERS))
    calls, tokenizing = timed(lambda: [tokenize(batch) for batch in batches])
    _, both = timed(lambda: tokenize_documents(documents, tokenize))
    text_bytes = sum(len(line.encode()) for lines in documents for line in lines)
    tokens = sum(len(ids) for ids, _ in calls)
    steps = {"read": reading, "split": splitting, "tokenise": tokenizing, "split, tokenise": both}
    return [(name, text_bytes, tokens, seconds) for name, seconds in steps.items()]


def _measure_start(vocabulary: Path) -> float:
    """Seconds of processor time until a process has its tokenizer."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    word_piece(Vocabulary.read(vocabulary), lowercase=True)(["One sentence."])
    return time.process_time()


def _measure_build(source: Path, folder: Path, vocabulary: Path, num_processes: int) -> tuple:
    start = time.monotonic()
    shards = build_shards(
        source, folder, Vocabulary.read(vocabulary), num_processes=num_processes, progress=False
    )
    wall = time.monotonic() - start
    tokens = sum(split.num_tokens for split in shards.values())
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cores = sum(one.ru_utime + one.ru_stime for one in usage)
    return tokens, wall, cores, *(one.ru_maxrss / 1024 for one in usage)


def _beginning(corpus: Path, size: int) -> list[list[str]]:
    found, length = [], 0
    for _, document in Corpus(corpus).documents():
        found.append(document)
        length += sum(map(len, document))
        if length >= size:
            break
    return found


def _cut(corpus: Path, path: Path, size: int) -> int:
    """Writes the first `size` bytes of the corpus, in whole documents; returns how many."""
    written = 0
    with lzma.open(path, "wb", preset=0) as file:
        for _, document in Corpus(corpus).documents():
            written += file.write(("\n".join(document) + "\n\n").encode())
            if written >= size:
                break
    return written


def _rate(text_bytes: int, seconds: float) -> str:
    return f"{text_bytes / MEGABYTE / seconds:.1f}"


def _apart(work, *arguments):
    """Runs `work` in a process of its own, so that its peak of memory is its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sending, work, *arguments))
    process.start()
    sending.close()
    try:
        return receiving.recv()
    finally:
        process.join()


def _send(sending, work, *arguments) -> None:
    sending.send(work(*arguments))


if __name__ == "__main__":
    tyro.cli(main)

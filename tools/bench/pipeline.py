"""Batches for masked tokens without a model: tokens that are not padding, by the clock.

The kit pairs sentences, packs and masks what it reads from shards. There is nothing quite like it
elsewhere. KerasHub's `BertMaskedLMPreprocessor` tokenises lines of text in the same go, and has
single pieces only; Transformers' `DataCollatorForLanguageModeling` gets rows that are tokenised and
padded already, lies in memory with all of them, and has no next sentences.

All the cores that a side may use work for it: how it scales, runs with `--cores 1` and `--cores 2`
tell. The last cases have more and more text, the sample text over and over. What the kit then needs
beyond its window of 16 million tokens are pages of the shards, which the system may drop: facts are
its memory without such pages, before the first batch and now, and the pages, TensorFlow's own among
them. A turn there is half a window, so that several turns go through more than one.

`tools/bench_pipeline.py` measures one's own shards, smaller batches, a data service, and planning.
"""

import math
import os
from itertools import cycle, islice
from pathlib import Path

from tools.bench.harness import Case
from tools.bench.made_files import made
from tools.bench.tokenizing import learn

TITLE = "Input pipeline"
UNIT = "tokens/s"
BATCH_SIZE = 256
MASKED_SHARE = 0.15
CORPORA = (10, 100, 1_000)  # megabytes of text
PEERS = ("transformers", "keras_hub")


def cases(smoke: bool) -> list[Case]:
    """Lengths and what is masked at once; then sizes of the corpus."""
    if smoke:
        return [_case(128, "word", 10, 60_000)]
    ways = [
        _case(length, unit, 10, 1_000_000) for length in (128, 512) for unit in ("token", "word")
    ]
    sizes = [_case(128, "word", size, 8_000_000, ("kit",), f"{size:,} MB of text, ")
             for size in CORPORA]  # fmt: skip
    return ways + sizes


def _case(length: int, unit: str, megabytes: int, tokens: int, sides=None, prefix="") -> Case:
    if sides is None:
        sides = ("kit", *PEERS) if unit == "token" else ("kit", "transformers")
    settings = {
        "sequence_length": length,
        "batch_size": BATCH_SIZE,
        "unit": unit,
        "megabytes": megabytes,
        "tokens": tokens,
    }
    what = {"token": "single pieces", "word": "whole words"}[unit]
    return Case(f"{prefix}{BATCH_SIZE} x {length}, {what}", settings, sides)


def make_shards(folder: Path, vocabulary_file: str, megabytes: int) -> None:
    """Writes shards of so much text: those of the sample text, over and over."""
    import numpy as np

    from keras_bert_kit.data.shard_builder import build_shards
    from keras_bert_kit.data.shard_settings import describe_split
    from keras_bert_kit.data.shard_writer import ShardWriter, write_json
    from keras_bert_kit.data.shards import MANIFEST
    from keras_bert_kit.sample_data import sample_files
    from keras_bert_kit.text.vocabulary import Vocabulary

    vocabulary = Vocabulary.read(vocabulary_file)
    sample = build_shards(
        sample_files(), folder / "sample", vocabulary, heldout_fraction=0, progress=False
    )["train"]
    shard = sample.shard(0)
    ends = shard.sentence_ends[shard.document_ends - 1]
    documents = list(
        zip(
            np.split(shard.tokens, ends[:-1]),
            np.split(np.diff(shard.sentence_ends, prepend=0), shard.document_ends[:-1]),
            strict=True,
        )
    )
    bytes_per_token = sample.manifest["num_text_bytes"] / sample.num_tokens
    records, size = [], 0
    (folder / "train").mkdir()
    writer = ShardWriter(folder / "train", 2_000_000, records, written=lambda: None)
    for number, (tokens, lengths) in enumerate(cycle(documents), start=1):
        text_bytes = round(bytes_per_token * len(tokens))
        writer.add(tokens, lengths, text_bytes, (0, number))
        size += text_bytes
        if size >= megabytes * 1_000_000:
            break
    writer.flush()
    manifest = describe_split(sample.manifest, "train", records, 0, 0)
    write_json(folder / "train" / MANIFEST, manifest)


def _vocabulary_file() -> Path:
    return made("WordPiece-8000", learn, "WordPiece") / "vocab.txt"


def _kit(settings):
    from keras_bert_kit.data.masking import Masking
    from keras_bert_kit.data.pretraining import PretrainingData
    from keras_bert_kit.data.read_ahead import BATCHES_AHEAD
    from keras_bert_kit.data.shards import Shards
    from keras_bert_kit.text.vocabulary import Vocabulary

    size = settings["megabytes"]
    folder = made(f"shards-{size}", make_shards, str(_vocabulary_file()), size)
    data = PretrainingData(
        Shards(folder / "train"),
        Vocabulary.read(_vocabulary_file()),
        settings["batch_size"],
        settings["sequence_length"],
        masking=Masking(unit=settings["unit"]),
    )
    dataset = data.dataset()
    before = _megabytes("RssAnon")
    batches = iter(dataset)
    num_ahead = BATCHES_AHEAD + int(os.environ["OMP_NUM_THREADS"])

    def work():
        list(islice(batches, num_ahead))  # made between the turns, so they do not count
        tokens = 0
        while tokens < settings["tokens"]:
            tokens += int(next(batches)[0]["padding_mask"].numpy().sum())
        return {
            "amount": tokens,
            "own_megabytes_before": before,
            "own_megabytes": _megabytes("RssAnon"),
            "file_megabytes": _megabytes("RssFile"),
        }

    return work


def _megabytes(field: str) -> float:
    """A line of Linux's `/proc/self/status`; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def _texts(settings: dict) -> list[str]:
    """The sample text in parts that fill a row, nearly, and seldom more."""
    from keras_bert_kit.sample_data import sample_files

    words = " ".join(path.read_text(encoding="utf-8") for path in sample_files()).split()
    size = settings["sequence_length"] * 5 // 8
    return [" ".join(words[at : at + size]) for at in range(0, len(words), size)]


def _keras_hub(settings):
    import keras_hub
    import tensorflow as tf

    length = settings["sequence_length"]
    tokens = _vocabulary_file().read_text(encoding="utf-8").removesuffix("\n").split("\n")
    preprocess = keras_hub.models.BertMaskedLMPreprocessor(
        keras_hub.models.BertTokenizer(tokens, lowercase=True, strip_accents=True),
        sequence_length=length,
        mask_selection_rate=MASKED_SHARE,
        mask_selection_length=math.ceil(MASKED_SHARE * length),
    )
    cores = int(os.environ["OMP_NUM_THREADS"])
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = cores
    texts = tf.data.Dataset.from_tensor_slices(_texts(settings)).repeat()
    data = texts.batch(settings["batch_size"]).map(preprocess, cores if cores > 1 else None)
    batches = iter(data.with_options(options))

    def work():
        tokens = 0
        while tokens < settings["tokens"] // 4:
            tokens += int(next(batches)[0]["padding_mask"].numpy().sum())
        return tokens

    return work


def _transformers(settings):
    import torch
    from transformers import BertTokenizerFast, DataCollatorForLanguageModeling

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tokens = _vocabulary_file().read_text(encoding="utf-8").removesuffix("\n").split("\n")
    tokenizer = BertTokenizerFast(vocab={token: index for index, token in enumerate(tokens)})
    by_word = settings["unit"] == "word"
    collate = DataCollatorForLanguageModeling(
        tokenizer, mlm_probability=MASKED_SHARE, whole_word_mask=by_word
    )
    encoded = tokenizer(
        _texts(settings),
        truncation=True,
        padding="max_length",
        max_length=settings["sequence_length"],
        return_special_tokens_mask=True,
        return_offsets_mapping=by_word,
    )
    columns = encoded.values()
    rows = [dict(zip(encoded, row, strict=True)) for row in zip(*columns, strict=True)]
    num_batches = len(rows) // settings["batch_size"]
    starts = cycle(range(0, num_batches * settings["batch_size"], settings["batch_size"]))

    def work():
        tokens = 0
        while tokens < settings["tokens"] // 4:
            start = next(starts)
            batch = collate(rows[start : start + settings["batch_size"]])
            tokens += int(batch["attention_mask"].sum())
        return tokens

    return work


SIDES = {"kit": _kit, "transformers": _transformers, "keras_hub": _keras_hub}

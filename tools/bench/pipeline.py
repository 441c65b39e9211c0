"""Batches for masked tokens without a model: tokens that are not padding, by the clock.

The kit pairs sentences, packs and masks what it reads from shards. There is nothing quite like it
elsewhere. KerasHub's `BertMaskedLMPreprocessor` tokenises lines of text in the same go, and has
single pieces only; Transformers' `DataCollatorForLanguageModeling` gets rows that are tokenised and
padded already, lies in memory with all of them, and has no next sentences.

On several cores the kit and KerasHub make as many batches at a time, in threads, and Transformers'
collator runs in as many processes of a `DataLoader`, whose memory and processor time are not told;
on one core it runs in the main thread.

The last cases have more and more text, the sample text over and over. What the kit then needs
beyond its window of 16 million tokens are pages of the shards, which the system may drop: facts are
its memory without such pages, before the first batch and now, and the pages, TensorFlow's own among
them. A turn there is half a window, so that several turns go through more than one.

`tools/bench_pipeline.py` measures one's own shards, smaller batches, a data service, and planning.
"""

import math
import os
from itertools import cycle
from pathlib import Path

from tools.bench.batch_turns import batch_turns
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
    num_ahead = BATCHES_AHEAD + _cores()
    turn = batch_turns(iter(dataset), num_ahead, _cores(), _num_tokens, settings["tokens"])

    def work():
        return turn() | {
            "own_megabytes_before": before,
            "own_megabytes": _megabytes("RssAnon"),
            "file_megabytes": _megabytes("RssFile"),
        }

    return work


def _cores() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


def _num_tokens(batch: tuple) -> int:
    """Tokens that are not padding, of a batch of the kit or of KerasHub."""
    return int(batch[0]["padding_mask"].numpy().sum())


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
    num_ahead = _cores() if _cores() > 1 else 0
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = _cores()
    texts = tf.data.Dataset.from_tensor_slices(_texts(settings)).repeat()
    data = texts.batch(settings["batch_size"]).map(preprocess, num_ahead or None)
    batches = iter(data.with_options(options))
    return batch_turns(batches, num_ahead, _cores(), _num_tokens, settings["tokens"] // 4)


def _transformers(settings):
    import torch
    from torch.utils.data import DataLoader
    from transformers import BertTokenizerFast, DataCollatorForLanguageModeling

    torch.set_num_threads(_cores())
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
    size = settings["batch_size"]
    indices = cycle([range(end - size, end) for end in range(size, len(rows) + 1, size)])
    num_workers = _cores() if _cores() > 1 else 0
    loader = DataLoader(rows, batch_sampler=indices, collate_fn=collate, num_workers=num_workers)
    num_ahead = num_workers * (loader.prefetch_factor or 0)
    return batch_turns(
        iter(loader),
        num_ahead,
        _cores(),
        lambda batch: int(batch["attention_mask"].sum()),
        settings["tokens"] // 4,
    )


SIDES = {"kit": _kit, "transformers": _transformers, "keras_hub": _keras_hub}

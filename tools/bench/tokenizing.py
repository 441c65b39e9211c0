"""Text to token ids: WordPiece and byte-level BPE, batches of lines, in megabytes of text.

The kit and KerasHub run in `tf.data`, `tokenizers` by `encode_batch_fast`, and nobody takes its ids
out of its objects. A turn goes on in the text where the last one ended, from the beginning again
after the end; all of BPE but the kit's in the graph remembers words. The side `kit_tokenizers`
calls `tokenizers` out of the graph, and KerasHub's BPE is slow and gets less text. The fact `ids`
is a checksum of the ids of the first lines; the report says where sides differ.
"""

import json
import lzma
import os
import zlib
from itertools import chain, cycle
from pathlib import Path

import numpy as np

from tools.bench.batch_turns import batch_turns
from tools.bench.harness import ROOT, Case
from tools.bench.made_files import made

TITLE = "Tokenising"
UNIT = "MB/s"
SHARED = ROOT.parent / "shared" / "data"
VOCABULARY_SIZE = 8_000
BATCH_SIZE = 1_024
LINES_COMPARED = 100
PEERS = ("tokenizers", "keras_hub")


def cases(smoke: bool) -> list[Case]:
    """The shipped prose with vocabularies learned from it; Wikipedia, where it is at hand."""
    if smoke:
        return [_case("WordPiece", "sample", "", 0.1)]
    found = [_case(kind, "sample", "", 1.0) for kind in ("WordPiece", "BPE")]
    if SHARED.exists():
        found += [
            _case("WordPiece", "wikipedia", "bert-base-uncased", 2.0),
            _case("BPE", "wikipedia", "roberta-base", 1.0),
        ]
    return found


def _case(kind: str, text: str, vocabulary: str, megabytes: float) -> Case:
    settings = {
        "kind": kind,
        "text": text,
        "vocabulary": vocabulary,
        "megabytes": megabytes,
        "keras_hub_megabytes": megabytes if kind == "WordPiece" else megabytes / 20,
    }
    sides = ("kit", *PEERS) if kind == "WordPiece" else ("kit", "kit_tokenizers", *PEERS)
    learned = f"{VOCABULARY_SIZE:,} tokens learned from it"
    return Case(f"{kind}, {text}, {vocabulary or learned}", settings, sides)


def _lines(settings: dict) -> list[str]:
    if settings["text"] == "sample":
        from keras_bert_kit.sample_data import sample_files

        text = "\n".join(path.read_text(encoding="utf-8") for path in sample_files())
    else:
        with lzma.open(SHARED / "pretraining" / f"{settings['text']}.txt.xz") as file:
            data = file.read(10_000_000)
        text = data[: data.rfind(b"\n")].decode()
    return text.split("\n")


def _vocabulary_files(settings: dict) -> Path:
    """A folder with `vocab.txt`, or with `vocab.json` and `merges.txt`."""
    if settings["vocabulary"]:
        return SHARED / "vocab" / settings["vocabulary"]
    kind = settings["kind"]
    return made(f"{kind}-{VOCABULARY_SIZE}", learn, kind)


def learn(folder: Path, kind: str) -> None:
    """Learns a vocabulary from the sample text."""
    from keras_bert_kit.text.learn import learn_vocabulary
    from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
    from keras_bert_kit.text.tokenizer_files import write_vocabulary

    function = learn_vocabulary if kind == "WordPiece" else learn_bytepair_vocabulary
    lines = _lines({"text": "sample"})
    write_vocabulary(function(lines, VOCABULARY_SIZE, progress=False), folder)


def _vocabulary(settings: dict):
    """The tokens with their ids, and the merges of BPE."""
    folder = _vocabulary_files(settings)
    if settings["kind"] == "WordPiece":
        tokens = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return {token: index for index, token in enumerate(tokens)}, []
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return ids, [line for line in merges if not line.startswith("#version")]


def _cores() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


def _checksum(ids) -> str:
    """Of the ids of lines, and of where these end."""
    return f"{zlib.crc32(np.array(list(chain(*([*row, -1] for row in ids))), np.int32)):08x}"


def _kit(settings, in_graph=True):
    from keras_bert_kit.text.bytepair import BytePairTokenizer
    from keras_bert_kit.text.tokenizer_files import read_vocabulary
    from keras_bert_kit.text.wordpiece import WordPieceTokenizer

    vocabulary = read_vocabulary(_vocabulary_files(settings))
    if settings["kind"] == "WordPiece":
        tokenizer = WordPieceTokenizer(vocabulary)
    else:
        tokenizer = BytePairTokenizer(vocabulary, in_graph=in_graph)
    return _in_tf_data(tokenizer, settings, settings["megabytes"])


def _keras_hub(settings):
    import keras_hub

    ids, merges = _vocabulary(settings)
    if settings["kind"] == "WordPiece":
        tokenizer = keras_hub.models.BertTokenizer(list(ids), lowercase=True, strip_accents=True)
    else:
        tokenizer = keras_hub.tokenizers.BytePairTokenizer(ids, merges)
    return _in_tf_data(tokenizer, settings, settings["keras_hub_megabytes"])


def _in_tf_data(tokenizer, settings, megabytes):
    """Takes batches until there are so many megabytes."""
    import tensorflow as tf

    lines = _lines(settings)
    batch_size = max(1, round(BATCH_SIZE * megabytes / settings["megabytes"]))
    sizes = cycle(_sizes(lines, batch_size))
    options = tf.data.Options()
    options.threading.private_threadpool_size = _cores()
    options.autotune.enabled = False  # with it nobody knows how many batches are made ahead
    data = tf.data.Dataset.from_tensor_slices(lines).batch(batch_size).cache().repeat()
    num_ahead = _cores() if _cores() > 1 else 0
    ids = data.map(lambda texts: tokenizer(texts).flat_values, num_ahead or None)
    batches = iter(ids.with_options(options))
    first = tokenizer(tf.constant(lines[:LINES_COMPARED]))
    checksum = _checksum(first if isinstance(first, list) else first.to_list())
    turn = batch_turns(batches, num_ahead, _cores(), lambda batch: next(sizes), megabytes)
    return lambda: turn() | {"ids": checksum}


def _sizes(lines: list[str], batch_size: int) -> list[float]:
    """Megabytes of each batch, ends of lines included."""
    sizes = np.array([len(line.encode()) + 1 for line in lines]) / 1e6
    return [float(sizes[at : at + batch_size].sum()) for at in range(0, len(lines), batch_size)]


def _tokenizers(settings):
    import tokenizers

    ids, merges = _vocabulary(settings)
    if settings["kind"] == "WordPiece":
        tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    else:
        pairs = [tuple(merge.split(" ")) for merge in merges]
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ids, pairs))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    lines = _lines(settings)
    sizes = cycle(_sizes(lines, BATCH_SIZE))
    batches = cycle([lines[at : at + BATCH_SIZE] for at in range(0, len(lines), BATCH_SIZE)])
    checksum = _checksum(e.ids for e in tokenizer.encode_batch_fast(lines[:LINES_COMPARED]))

    def work():
        amount = 0.0
        while amount < settings["megabytes"]:
            tokenizer.encode_batch_fast(next(batches))
            amount += next(sizes)
        return {"amount": amount, "ids": checksum}

    return work


SIDES = {
    "kit": _kit,
    "kit_tokenizers": lambda settings: _kit(settings, in_graph=False),
    "tokenizers": _tokenizers,
    "keras_hub": _keras_hub,
}

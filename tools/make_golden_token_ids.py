"""Writes the ids that Transformers gives to the nasty text, for `tests/text/test_wordpiece.py`.

    python tools/make_golden_token_ids.py --vocabularies ../shared/data/vocab

Needs `transformers`. Writes beside `tests/text/nasty.txt`: `nasty_vocab.txt`, a vocabulary made of
most of the characters in it, so that few words are `[UNK]` and each character counts; and
`golden_ids.json`, the ids of every line for that and for each of the real vocabularies.
"""

import json
from pathlib import Path

import tokenizers
import transformers
import tyro
from tokenizers.normalizers import BertNormalizer

from keras_bert_kit.text.vocabulary import CONTINUATION_PREFIX, SPECIAL_TOKENS, Vocabulary

FOLDER = Path(__file__).parents[1] / "tests" / "text"
WORDS = [
    "the",
    "quick",
    "word",
    "##ing",
    "##word",
    "mask",
    "naive",
    "na",
    "##ï",
    "中",
    "##中",
    "##.",
]
LEFT_OUT_EVERY = 11  # characters: the words with them are [UNK]


def main(vocabularies: Path | None = None) -> None:
    """Writes the two files.

    Args:
        vocabularies: a folder with `bert-base-uncased/vocab.txt` and `bert-base-cased/vocab.txt`.
    """
    lines = (FOLDER / "nasty.txt").read_bytes().decode().split("\n")
    small = FOLDER / "nasty_vocab.txt"
    _nasty_vocabulary(lines).write(small)
    runs = {"nasty uncased": (small, True), "nasty cased": (small, False)}
    if vocabularies:
        for name, lowercase in (("bert-base-uncased", True), ("bert-base-cased", False)):
            runs[name] = (vocabularies / name / "vocab.txt", lowercase)
    golden = {
        "made with": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}"
    }
    golden |= {name: _ids(lines, *run) for name, run in runs.items()}
    text = json.dumps(golden, separators=(",", ":")).replace("]],", "]],\n").replace("],[", "],\n[")
    (FOLDER / "golden_ids.json").write_text(text + "\n")


def _nasty_vocabulary(lines: list[str]) -> Vocabulary:
    characters = set()
    for lowercase in (True, False):
        characters |= set(BertNormalizer(lowercase=lowercase).normalize_str("\n".join(lines)))
    kept = [c for i, c in enumerate(sorted(characters - {" "})) if i % LEFT_OUT_EVERY]
    pieces = [*SPECIAL_TOKENS, *WORDS, *kept, *(CONTINUATION_PREFIX + c for c in kept)]
    return Vocabulary(dict.fromkeys(pieces))


def _ids(lines: list[str], vocabulary: Path, lowercase: bool) -> dict:
    """The ids with special tokens and without, and the offsets of the latter in bytes."""
    tokens = {token: i for i, token in enumerate(Vocabulary.read(vocabulary).tokens)}
    tokenizer = transformers.BertTokenizerFast(vocab=tokens, do_lower_case=lowercase)
    special = tokenizer(lines, add_special_tokens=False)["input_ids"]
    plain = tokenizers.Tokenizer(tokenizers.models.WordPiece(tokens, unk_token="[UNK]"))
    plain.normalizer = tokenizer.backend_tokenizer.normalizer
    plain.pre_tokenizer = tokenizer.backend_tokenizer.pre_tokenizer
    encodings = [plain.encode(line, add_special_tokens=False) for line in lines]
    offsets = [
        [[len(line[:at].encode()) for at in span] for span in encoding.offsets]
        for line, encoding in zip(lines, encodings, strict=True)
    ]
    return {"plain": [e.ids for e in encodings], "special": special, "offsets": offsets}


if __name__ == "__main__":
    tyro.cli(main)

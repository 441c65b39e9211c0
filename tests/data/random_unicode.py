"""Texts that go wrong, by chance but the same each time, and small tokenizers that read them."""

import functools
import random
import unicodedata

from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

WORDS = (
    "Paris",
    "don't",
    "U.S.",
    "e-mail",
    "lower",
    "LOW",
    "a",
    "42",
    "Müller",
    "naïve",
    "x" * 120,
)
ODD = (
    *(
        "e\u0301",
        "\u0301",
        "A\u030a\u0323",
        "\u00c5",
        "\u1e9e",
        "\u0130",
        "\u00df",
        "\u0149",
        "\ufb01",
    ),
    *("\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1eb\U0001f1f7", "\U0001f44d\U0001f3fd"),
    *("\u2764\ufe0f", "\u4f60\u597d", "\u6771", "\U00020000", "\uf900", "\u3042\u3099", "\u304c"),
    *("\u0627\u0644\u0639\u0631\u0628\u064e\u0629", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22"),
    *("\u0e33", "\ud55c\uad6d", "\u1112\u1161\u11ab", "\u0928\u093f", "\u03a3\u03c2", "\u212b"),
    *(
        "\u200b",
        "\u200d",
        "\ufeff",
        "\u00ad",
        "\u180e",
        "\x00",
        "\x07",
        "\x0b",
        "\x0c",
        "\x85",
        "\x1c",
    ),
    *(
        "\ud83d",
        "\udc00",
        "\ufffd",
        "\ue000",
        "\u2028",
        "\u2029",
        "\t",
        "\r\n",
        "\n",
        "\u3000",
        "\xa0",
    ),
    *(
        "\u201c",
        "\u2019",
        "\u00bf",
        "\u2014",
        "\u2026",
        "\u20ac",
        "\u00bd",
        "\u2122",
        "[MASK]",
        "##",
    ),
)
KINDS = ("cased", "uncased", "byte pairs", "byte pairs after a space")


def random_text(chance: random.Random, num_parts: int) -> str:
    """Words, oddities and arbitrary characters, with spaces here and there."""
    parts = []
    for _ in range(num_parts):
        roll = chance.random()
        if roll < 0.35:
            parts.append(chance.choice(WORDS))
        elif roll < 0.8:
            parts.append(chance.choice(ODD))
        elif roll < 0.85:
            parts.append(chr(chance.randrange(0x110000)))
        if chance.random() < 0.5:
            parts.append(chance.choice(("", " ", " ", "  ", ", ")))
    return "".join(parts)


def random_texts(seed: int, count: int, num_parts: int) -> list[str]:
    """Texts of up to so many parts, empty ones among them."""
    chance = random.Random(seed)
    return [random_text(chance, chance.randrange(num_parts + 1)) for _ in range(count)]


@functools.cache
def tokenizer_of(kind: str):
    """A tokenizer whose vocabulary has most of the characters above, though not all."""
    if kind.startswith("byte pairs"):
        texts = [" ".join(WORDS + WORDS), " ".join(o for o in ODD if not _is_lone(o)) * 2]
        vocabulary = learn_bytepair_vocabulary(texts, 400, progress=False)
        return BytePairTokenizer(vocabulary, add_prefix_space=kind.endswith("space"))
    characters = set("".join(WORDS + ODD) + ".,'-()!")
    characters |= set(unicodedata.normalize("NFD", "".join(characters).lower()))
    known = [c for c in sorted(characters) if not _is_lone(c) and ord(c) % 7 and not c.isspace()]
    tokens = dict.fromkeys([*known, *(f"##{c}" for c in known), "Par", "par", "##is", "lo", "##we"])
    return WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *tokens]), lowercase=kind == "uncased")


def _is_lone(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)

"""BERT's text normalisation as a table that the graph looks up, one entry per code point.

BERT cleans its text before WordPiece sees it: control characters go, every white space becomes a
space, Chinese characters and punctuation stand alone; uncased models also decompose, drop accents
and lower-case. Each of these steps looks at one code point at a time, so all of them together are a
table from a code point to a short string.

`tensorflow-text` has a kernel for such tables, `FastBertNormalizer`, but fills it with other rules:
it folds case and compatibility forms (final sigma to sigma, ™ to tm, ½ to 1⁄2, … to ...) and turns
the acute accent sign into a space, so that one Wikipedia line in seventy gets other ids. The kernel
takes a table of one's own, though. This file asks the `tokenizers` package, which is what made the
ids of the published models, for its answer to each code point, and writes the answers in the
kernel's format. What comes out is as fast as before, and right.
"""

from functools import cache
from typing import NamedTuple

import flatbuffers
import numpy as np
import tensorflow_text as tf_text
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# BERT's list as `tokenizers` has it: without U+2B820 to U+2B91F, by an oversight. No rule changes
# these, save that the compatibility ideographs decompose.
_CHINESE = (
    *(range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x2A6E0)),
    *(range(0x2A700, 0x2B820), range(0x2B920, 0x2CEB0), range(0x2F800, 0x2FA20)),
)
# BERT drops these as it does control characters.
_PRIVATE_USE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
# Where else Unicode has assigned characters; those it has not are letters, and stay.
_OTHERS = (
    *(range(0x3400), range(0x4DC0, 0x4E00), range(0xA000, 0xD800), range(0xF900, 0x1FC00)),
    *(range(0x2B820, 0x2B920), range(0x2F800, 0x2FA20), range(0xE0000, 0xE0200)),
)
_PROBE = "0"  # a letter to BERT, changed by no rule and the outcome of no other


class NormalizationRules(NamedTuple):
    """What to do with each code point.

    Attributes:
        strips_accents: whether text is decomposed and its accents are dropped.
        replacements: code point to the text that takes its place; others stay as they are.
        stand_ins: letters that tensorflow-text takes for punctuation and BERT does not, mapped to
            private-use code points (which BERT never lets through) that both take for letters. The
            vocabulary must be renamed alike.
        alone: what is a word of its own wherever it stands: punctuation, Chinese characters.
        model: the replacements, as `compile_normalizer` writes them.
    """

    strips_accents: bool
    replacements: dict[int, str]
    stand_ins: dict[int, int]
    alone: frozenset[str]
    model: bytes


@cache
def normalization_rules(lowercase: bool, strip_accents: bool | None = None) -> NormalizationRules:
    """BERT's treatment of every code point, as the `tokenizers` package has it.

    Args:
        lowercase: also lower-case, as the uncased models do.
        strip_accents: also decompose and drop accents; by default as `lowercase`.

    Returns:
        The rules. Applied one by one they split a text into the words of BERT's pre-tokenizer, with
        `FastWordpieceTokenizer`'s own splitting at spaces and punctuation.

    Example:
        >>> rules = normalization_rules(lowercase=True)
        >>> rules.replacements[ord("É")], rules.replacements[0], ord("™") in rules.replacements
        ('e', '', False)
    """
    strip_accents = lowercase if strip_accents is None else strip_accents
    characters = _characters(_OTHERS)
    normalized = _normalize_each(characters, lowercase, strip_accents)
    chinese = set(_characters(_CHINESE))
    outcomes = set("".join(normalized)) - {" "} - chinese
    alone = _punctuation_in_bert(outcomes)
    alone_for_us = _punctuation_in_tensorflow_text(outcomes)

    stand_ins = sorted(map(ord, alone_for_us - alone))
    stand_ins = dict(zip(stand_ins, _PRIVATE_USE[0], strict=False))
    rewrite = stand_ins | {ord(c): f" {c} " for c in alone - alone_for_us}

    replacements = dict.fromkeys((c for block in _PRIVATE_USE for c in block), "")
    for character, text in zip(characters, normalized, strict=True):
        text = text.strip(" ") or text  # tensorflow-text splits Chinese characters off by itself
        if text != character or ord(character) in rewrite:
            replacements[ord(character)] = text.translate(rewrite)
    model = compile_normalizer(replacements)
    alone = frozenset(alone | chinese)
    return NormalizationRules(strip_accents, replacements, stand_ins, alone, model)


def compile_normalizer(replacements: dict[int, str]) -> bytes:
    """Packs replacements into the model format of `tensorflow_text.FastBertNormalizer`.

    The format is a trie over the UTF-8 bytes of a code point, laid out as a double array: from the
    node at position `p` byte `b` leads to the unit at `p ^ offset(p) ^ b`, if that has the label
    `b`. A UTF-8 byte after the first holds six bits, so each level of the trie is a row of 64; rows
    that are alike (all of private use, say) are stored once.

    Args:
        replacements: code point to the text, at most 63 bytes of UTF-8, that takes its place.

    Returns:
        The bytes for `FastBertNormalizer(model_buffer=...)`.

    Example:
        >>> model = compile_normalizer({ord("B"): "b", ord("!"): " ! "})
        >>> tf_text.FastBertNormalizer(model_buffer=model).normalize(["AB!"]).numpy()
        array([b'Ab ! '], dtype=object)
    """
    values, pool = _encode_texts(replacements)
    # Level by level from the last byte up: a code point is 3 + 6 + 6 + 6 bits.
    last, last_of = _distinct_rows(values)
    middle, middle_of = _distinct_rows(last_of)
    first, first_of = _distinct_rows(middle_of)
    leaves, leaf_of = np.unique(last, return_inverse=True)

    # The units: 256 for the root, 64 for each row, one for each leaf.
    sizes = [256, first.size, middle.size, last.size, leaves.size]
    _, first_start, middle_start, last_start, leaf_start = np.cumsum([0, *sizes[:-1]])
    units = np.zeros(-(-sum(sizes) // 256) * 256, np.uint32)

    def link(positions, labels, children, is_value=0):
        """Puts nodes at `positions`; byte `b` leads from one to the unit at its `children ^ b`."""
        units[positions] = labels | is_value << 8 | (children ^ positions) << 10

    def link_rows(start, rows, children, is_value=0):
        positions = np.arange(start, start + rows.size)
        link(positions, 0x80 + positions % 64, children, is_value)

    def row(start, numbers):
        return (start + 64 * numbers.ravel()) ^ 0x80  # so that `row ^ byte` is the byte's unit

    one = np.flatnonzero(values[:128])  # ASCII that changes; of the rest the root knows nothing
    one = one[one > 0]  # NUL ends a C string: the format keeps its value apart
    two, three, four = np.arange(0xC2, 0xE0), np.arange(0xE0, 0xF0), np.arange(0xF0, 0xF5)
    link(one, one, leaf_start + np.searchsorted(leaves, values[one]), is_value=1)
    link(two, two, row(last_start, last_of[two - 0xC0]))
    link(three, three, row(middle_start, middle_of[three - 0xE0]))
    link(four, four, row(first_start, first_of[four - 0xF0]))
    link_rows(first_start, first, row(middle_start, first))
    link_rows(middle_start, middle, row(last_start, middle))
    link_rows(last_start, last, leaf_start + leaf_of.ravel(), is_value=1)
    units[leaf_start : leaf_start + leaves.size] = leaves | 1 << 31

    builder = flatbuffers.Builder(4 * units.size + len(pool) + 1024)
    pool_at = builder.CreateByteVector(pool)
    units_at = builder.CreateNumpyVector(units)
    builder.StartObject(4)  # slot 0 is a flag that the kernel does not read
    builder.PrependUOffsetTRelativeSlot(1, units_at, 0)
    builder.PrependInt32Slot(2, int(values[0]), 0)
    builder.PrependUOffsetTRelativeSlot(3, pool_at, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _encode_texts(replacements: dict[int, str]) -> tuple[np.ndarray, bytes]:
    """Per code point "changed" (bit 30), place in the pool (bits 6 to 29) and length; and the pool.

    0 stands for "unchanged".
    """
    pool = bytearray()
    codes = {}
    for text in dict.fromkeys(replacements.values()):
        codes[text] = 1 << 30 | len(pool) << 6 | len(text.encode())
        pool += text.encode()
    values = np.zeros(5 * 64**3, np.uint32)
    values[list(replacements)] = [codes[text] for text in replacements.values()]
    return values, bytes(pool)


def _distinct_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of 64 among `values`, `(N, 64)`, and of each row its number among them."""
    numbers = {}
    number_of = [numbers.setdefault(row.tobytes(), len(numbers)) for row in values.reshape(-1, 64)]
    rows = np.frombuffer(b"".join(numbers), values.dtype).reshape(-1, 64)
    return rows, np.array(number_of, np.uint32)


def _characters(blocks: tuple[range, ...]) -> list[str]:
    return [chr(code_point) for block in blocks for code_point in block]


def _normalize_each(characters: list[str], lowercase: bool, strip_accents: bool) -> list[str]:
    """What BERT's normaliser makes of each character, in one call."""
    text = _PROBE.join(characters)
    normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    parts = normalizer.normalize_str(text).split(_PROBE)
    probe_at = characters.index(_PROBE)  # here the split found one part too many
    return [*parts[:probe_at], _PROBE, *parts[probe_at + 2 :]]


def _punctuation_in_bert(characters: set[str]) -> set[str]:
    """The characters that BERT's pre-tokenizer makes words of their own."""
    text = _PROBE + _PROBE.join(characters) + _PROBE
    pieces = (piece for piece, _ in BertPreTokenizer().pre_tokenize_str(text))
    return {piece for piece in pieces if len(piece) == 1} - {_PROBE}


def _punctuation_in_tensorflow_text(characters: set[str]) -> set[str]:
    """The characters that `FastWordpieceTokenizer` makes words of their own."""
    text = (_PROBE + _PROBE.join(characters) + _PROBE).encode()
    tokenizer = tf_text.FastWordpieceTokenizer(["[UNK]", _PROBE])
    _, starts, ends = tokenizer.tokenize_with_offsets([text])
    spans = zip(starts.flat_values.numpy(), ends.flat_values.numpy(), strict=True)
    pieces = (text[start:end].decode() for start, end in spans)
    return {piece for piece in pieces if len(piece) == 1} - {_PROBE}

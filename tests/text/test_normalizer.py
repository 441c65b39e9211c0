"""The rules, against the `tokenizers` package, for each code point there is."""

import pytest
import tensorflow_text as tf_text
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from keras_bert_kit.text.normalizer import compile_normalizer, normalization_rules

# Without the surrogates, which are no characters.
EVERY_CODE_POINT = [*range(0xD800), *range(0xE000, 0x110000)]


def words_in_bert(text, lowercase):
    text = BertNormalizer(lowercase=lowercase).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(text)]


def words_in_graph(text, lowercase):
    rules = normalization_rules(lowercase)
    text = tf_text.FastBertNormalizer(model_buffer=rules.model).normalize([text]).numpy()[0]
    # A vocabulary in which everything is unknown: each piece is a word.
    tokenizer = tf_text.FastWordpieceTokenizer(["[UNK]", "x"], max_bytes_per_word=1 << 30)
    _, starts, ends = tokenizer.tokenize_with_offsets([text])
    words = zip(starts.flat_values.numpy().tolist(), ends.flat_values.numpy().tolist(), strict=True)
    letters = {stand_in: letter for letter, stand_in in rules.stand_ins.items()}
    # All decoded at once, which is faster: no word has a line end in it.
    lines = b"\n".join(text[start:end] for start, end in words)
    return lines.decode().translate(letters).split("\n") if lines else []


def check_words(code_points, lowercase):
    # By itself, inside a word, twice at the end of one.
    texts = [f"{c} a{c}b b{c}{c}" for c in map(chr, code_points)]
    # `tokenizers` takes several times as long for one long text as for its parts.
    parts = [" ".join(texts[at : at + 3000]) for at in range(0, len(texts), 3000)]
    expected = [word for part in parts for word in words_in_bert(part, lowercase)]
    assert words_in_graph(" ".join(parts), lowercase) == expected


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_code_point_makes_the_words_it_makes_in_bert(lowercase):
    check_words(EVERY_CODE_POINT[:0x3000] + EVERY_CODE_POINT[0x3000::61], lowercase)


@pytest.mark.slow
@pytest.mark.parametrize("lowercase", [True, False])
def test_each_code_point_makes_the_words_it_makes_in_bert(lowercase):
    check_words(EVERY_CODE_POINT, lowercase)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ÀÉ e\u0301 ςΣ İ ß ™ ½ … \u00b4", ["ae", "e", "ςσ", "i", "ß", "™", "½", "…", "\u00b4"]),
        ("a\x00b\ufffdc\u200bd\ue000e\u00adf", ["abcdef"]),
        ("a\u3000b\u2028c\td", ["a", "b", "c", "d"]),
        ("中文a", ["中", "文", "a"]),
        ("x$y^z`“q”", ["x", "$", "y", "^", "z", "`", "“", "q", "”"]),
    ],
)
def test_uncased(text, expected):
    assert words_in_graph(text, lowercase=True) == expected


def test_cased():
    words = words_in_graph("ÀÉ e\u0301 Σ a\x00b 中文", lowercase=False)
    assert words == ["ÀÉ", "e\u0301", "Σ", "ab", "中", "文"]


def test_a_compiled_table_is_the_table():
    table = {0: "nul", 0x7F: "", 0xE9: "e", 0x7FF: "x" * 63, 0x800: " ", 0xFFFF: "é", 0x10FFFF: "ж"}
    normalize = tf_text.FastBertNormalizer(model_buffer=compile_normalizer(table)).normalize
    characters = [chr(c) for c in EVERY_CODE_POINT]
    normalized = [text.decode() for text in normalize(characters).numpy()]
    assert normalized == [table.get(c, chr(c)) for c in EVERY_CODE_POINT]


def test_an_empty_table_changes_nothing():
    normalize = tf_text.FastBertNormalizer(model_buffer=compile_normalizer({})).normalize
    assert normalize(["a é 中 \U0001f600"]).numpy()[0].decode() == "a é 中 \U0001f600"

"""Text to byte-level BPE ids and back: RoBERTa's ids exactly, whichever engine gives them."""

import itertools
import lzma
import pickle
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import SPECIAL_TOKENS, BytePairVocabulary
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary

HERE = Path(__file__).parent
SHARED = Path(__file__).parents[3] / "shared" / "data"
NASTY_LINES = (HERE / "nasty.txt").read_bytes().decode().split("\n")
WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
ADDED = ("covid", "covid-19", "high blood pressure", "naïve", "\n", "low", "mask", "e")

# fmt: off
TOKENS = (
    "<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "e", "r", "Ġ", "a", "Ã", "©", "lo", "we", "low",
    "Ġlow", "er", "aa", "Ã©", ".", "<mask>",
)
# fmt: on
MERGES = [("l", "o"), ("w", "e"), ("lo", "w"), ("Ġ", "low"), ("e", "r"), ("a", "a"), ("Ã", "©")]


@pytest.fixture(scope="module", params=[False, True], ids=["tokenizers", "in graph"])
def tokenizer(request):
    return BytePairTokenizer(BytePairVocabulary(TOKENS, MERGES), in_graph=request.param)


@pytest.fixture(scope="module")
def learned():
    """A vocabulary with pieces of many scripts."""
    texts = [*NASTY_LINES * 3, *["it's we'll they're I'd \n\n  \t\t  12 345"] * 2]
    return learn_bytepair_vocabulary(texts, 1500, progress=False)


def pieces(ids):
    return [TOKENS[i] for i in np.asarray(ids)]


# By hand: "lower" is l o w e r. Of its pairs "l o" has the lowest rank, 0: lo w e r. Then comes
# "w e", 1: lo we r. There is no merge of "lo we" or "we r". " low" is merged by ranks 0, 2, 3.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("low", "low"),
        ("lower", "lo we r"),
        ("low low", "low Ġlow"),
        (" lower", "Ġ lo we r"),
        ("wer", "we r"),
        ("er", "er"),
        ("low  low", "low Ġ Ġlow"),
        ("low  ", "low Ġ Ġ"),
        ("aaaaa", "aa aa a"),
        ("aaaa a", "aa aa Ġ a"),
        ("é.ö", "Ã© . Ã <unk>"),
        ("low\nlow", "low <unk> low"),
        ("low.low", "low . low"),
        ("", ""),
        (" ", "Ġ"),
    ],
)
def test_by_hand(tokenizer, text, expected):
    assert pieces(tokenizer(text)) == expected.split()


def test_a_string_gives_a_vector_and_a_batch_a_ragged_tensor(tokenizer):
    one = tokenizer("low lower")
    assert (one.dtype, one.shape.rank, one.numpy().tolist()) == (tf.int32, 1, [15, 9, 13, 14, 8])
    many = tokenizer(["low", "", "aaa"])
    assert isinstance(many, tf.RaggedTensor)
    assert many.dtype == tf.int32
    assert many.to_list() == [[15], [], [18, 10]]
    assert tokenizer([]).to_list() == []
    assert tokenizer(np.array(["low", "er"])).to_list() == [[15], [17]]


def test_special_tokens_are_text_unless_asked_for(tokenizer):
    text = "low  <mask>low</s>"
    assert pieces(tokenizer(text)).count("<mask>") == 0
    assert pieces(tokenizer(text, special_tokens=True)) == ["low", "<mask>", "low", "</s>"]
    texts = ["<mask>", "", "<s> <pad>", "<mask", " <unk> <mask> "]
    assert [pieces(row) for row in tokenizer(texts, special_tokens=True).to_list()] == [
        ["<mask>"],
        [],
        ["<s>", "Ġ", "<pad>"],
        ["<unk>", "<unk>", "a", "<unk>", "<unk>"],
        ["Ġ", "<unk>", "<mask>", "Ġ"],
    ]


@pytest.mark.parametrize("in_graph", [False, True])
def test_prefix_space(in_graph):
    vocabulary = BytePairVocabulary([*TOKENS, "zz"], MERGES, ["zz"])
    tokenizer = BytePairTokenizer(vocabulary, add_prefix_space=True, in_graph=in_graph)
    low, space_low, mask, zz = 15, 16, 21, 22
    assert tokenizer(["low", " low", "", "low low"]).to_list() == [
        [space_low],
        [space_low],
        [],
        [space_low, space_low],
    ]
    ids = tokenizer("low<mask>lowzzlow", special_tokens=True)
    assert ids.numpy().tolist() == [space_low, mask, space_low, zz, space_low]
    assert low not in ids


@pytest.mark.parametrize("in_graph", [False, True])
def test_added_tokens_come_first(in_graph):
    added = ["lowlow", "low-low", "aa.", "é"]
    vocabulary = BytePairVocabulary([*TOKENS, *added], MERGES, added)
    tokenizer = BytePairTokenizer(vocabulary, in_graph=in_graph)
    lowlow, low_low, aa, e_acute = range(22, 26)
    assert tokenizer(["lowlowlow", "low-low lowlow", "aaa.é", "low lo"]).to_list() == [
        [lowlow, 15],
        [low_low, 9, lowlow],
        [10, aa, e_acute],
        [15, 9, 13],
    ]
    assert tokenizer.detokenize([22, 25, 15]).numpy().decode() == "lowlowélow"


def test_merges_out_of_order():
    # "a bc" is made after "abc a", which uses it: the leftmost goes first, and takes the next a.
    tokens = [*SPECIAL_TOKENS, "a", "b", "c", "bc", "abc", "abca"]
    vocabulary = BytePairVocabulary(tokens, [("b", "c"), ("abc", "a"), ("a", "bc")])
    for in_graph in (False, True):
        ids = BytePairTokenizer(vocabulary, in_graph=in_graph)("abcabcabcabc")
        assert [tokens[i] for i in ids] == ["abca", "bc", "abca", "bc"]


def test_offsets_are_bytes_of_the_source():
    tokenizer = BytePairTokenizer(BytePairVocabulary(TOKENS, MERGES))
    text = "lower  lowé <mask>ö"
    ids, starts, ends = tokenizer.tokenize_with_offsets(text, special_tokens=True)
    spans = [text.encode()[a:b].decode() for a, b in zip(starts, ends, strict=True)]
    assert list(zip(pieces(ids), spans, strict=True)) == [
        *(("lo", "lo"), ("we", "we"), ("r", "r"), ("Ġ", ""), ("Ġlow", "low"), ("Ã©", "é")),
        *(("<mask>", "<mask>"), ("Ã", "ö"), ("<unk>", "ö")),
    ]
    assert starts.numpy().tolist() == [0, 2, 4, 6, 7, 10, 13, 19, 19]
    assert (starts.dtype, ends.dtype) == (tf.int32, tf.int32)


def test_offsets_in_bytes_that_are_not_utf8():
    tokenizer = BytePairTokenizer(BytePairVocabulary(TOKENS, MERGES))
    ids, starts, ends = tokenizer.tokenize_with_offsets([b"lo\xe2\x82we\xfflo", b""])
    unknown = [3, 3, 3]  # the three bytes of U+FFFD
    assert ids.to_list() == [[13, *unknown, 14, *unknown, 13], []]
    assert starts.to_list() == [[0, 2, 2, 2, 4, 6, 6, 6, 7], []]
    assert ends.to_list() == [[2, 4, 4, 4, 6, 7, 7, 7, 9], []]


def test_any_bytes_are_decoded_as_python_does(learned):
    generator = np.random.default_rng(0)
    bytes_ = np.frombuffer(
        b"a \x00\x80\x8f\x90\x9f\xa0\xbb\xbd\xbe\xbf\xc1\xc2\xdf\xe0\xe2\xed\xef\xf0\xf3\xf4\xf5",
        np.uint8,
    )
    texts = [bytes(generator.choice(bytes_, 12)) for _ in range(3000)]
    texts += [b"a\xed\xa0\x80b", b"\xed\xa0\x80\xed\xb0\x80", b"\xff" * 9]
    default, graph = BytePairTokenizer(learned), BytePairTokenizer(learned, in_graph=True)
    decoded = [text.decode(errors="replace") for text in texts]
    expected = default(decoded).to_list()
    assert default(texts).to_list() == graph(texts).to_list() == expected
    ids, starts, ends = (x.to_list() for x in default.tokenize_with_offsets(texts))
    assert ids == expected
    for text, row_starts, row_ends in zip(texts, starts, ends, strict=True):
        assert row_starts == sorted(row_starts)
        for start, end in zip(row_starts, row_ends, strict=True):
            assert 0 <= start <= end <= len(text)
            if b"\xef\xbf\xbd" not in text:
                # What a span holds is whole characters, each decoded as in the text around it.
                assert text[start:end].decode(errors="replace") in text.decode(errors="replace")


class Comparison:
    """Checks ids and offsets of both engines against those of Transformers."""

    def __init__(self, vocabulary, added_tokens=(), add_prefix_space=False):
        transformers = pytest.importorskip("transformers")
        # Published files have `lstrip`; a `RobertaTokenizer` made of a vocabulary has not.
        mask = transformers.AddedToken("<mask>", lstrip=True, special=True, normalized=False)
        options = {"add_prefix_space": add_prefix_space}
        ids = {token: i for i, token in enumerate(vocabulary.tokens)}
        self.reference = transformers.RobertaTokenizer(
            vocab=ids, merges=list(vocabulary.merges), mask_token=mask, **options
        )
        self.reference.add_tokens(list(added_tokens))
        vocabulary = BytePairVocabulary(self.reference.get_vocab(), vocabulary.merges, added_tokens)
        self.default = BytePairTokenizer(vocabulary, **options)
        self.in_graph = BytePairTokenizer(vocabulary, in_graph=True, **options)

    def check(self, texts, special_tokens):
        texts = list(texts)
        expected = self.reference(
            texts,
            add_special_tokens=False,
            split_special_tokens=not special_tokens,
            return_offsets_mapping=True,
            verbose=False,
        )
        tensor = tf.constant(texts)
        in_graph = self.in_graph(tensor, special_tokens).to_list()
        default = self.default(tensor, special_tokens).to_list()
        pieces = self.default.tokenize_with_offsets(tensor, special_tokens)
        ids, starts, ends = (x.to_list() for x in pieces)
        for i, text in enumerate(texts):
            assert in_graph[i] == expected["input_ids"][i], ascii(text)
            assert default[i] == ids[i] == expected["input_ids"][i], ascii(text)
            at = list(itertools.accumulate((len(c.encode()) for c in text), initial=0))
            spans = [(at[start], at[end]) for start, end in expected["offset_mapping"][i]]
            assert list(zip(starts[i], ends[i], strict=True)) == spans, ascii(text)


@pytest.fixture(scope="module", params=["plain", "added tokens", "prefix space"])
def comparison(learned, request):
    added = () if request.param == "plain" else ADDED
    return Comparison(learned, added, add_prefix_space=request.param == "prefix space")


@pytest.mark.parametrize("special_tokens", [False, True])
def test_the_nasty_text(comparison, special_tokens):
    comparison.check(NASTY_LINES, special_tokens)
    comparison.check(["\n".join(NASTY_LINES)], special_tokens)


@pytest.mark.parametrize("special_tokens", [False, True])
def test_random_text(comparison, special_tokens):
    # fmt: off
    parts = (
        *WHITE_SPACE, " ", " ", "\n", "\x00", "\x01", "\x1c", "\u180e", "\u200b", "\ufeff",
        "\ufffd", "a", "the", "é", "e\u0301", "中", "नि", "😀", "1", "٣", "½", "Ⅳ", "_", "!", "...",
        "—", "'", "'s", "'S", "'re", "'ll", "’s", "\ud7ff", "\ue000", "\U0010ffff",
        "aaaaaaaa", *SPECIAL_TOKENS, *("<mask>",) * 5, "<mask", *ADDED,
    )
    # fmt: on
    generator = random.Random(7)
    texts = ["".join(generator.choices(parts, k=generator.randint(1, 9))) for _ in range(4000)]
    comparison.check(texts, special_tokens)


def test_white_space_runs(comparison):
    every = map(chr, range(0x110000))
    assert {c for c in every if c.isspace()} == {*WHITE_SPACE, *"\x1c\x1d\x1e\x1f"}
    pairs = [a + b for a, b in itertools.product(WHITE_SPACE, repeat=2)]
    runs = [*WHITE_SPACE, *pairs, "   ", " \n ", "\n\n ", "\t  ", "\u3000  ", "  \x85", " " * 9]
    comparison.check(["x" + run + end for run in runs for end in ("", "a", "'s", "1", "!")], False)
    comparison.check([run + "<mask>" + run for run in runs], True)


def test_contractions(comparison):
    endings = ("s", "t", "re", "ve", "m", "ll", "d", "x", "r", "l", "S", "LL", "sx", "tre", "")
    texts = [
        before + "'" + ending + after
        for before in ("", "don", " ", "  ", "1", "!", "'", "é")
        for ending in endings
        for after in ("", " a", "'s", "1", "n")
    ]
    comparison.check(texts, False)


@pytest.mark.slow
def test_code_points_of_every_script(learned):
    # All of the first plane's scripts, of the others every third character, and of Chinese, of
    # private use and of what Unicode has not assigned every fiftieth.
    scripts = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xD7A4, 0xE000)]
    scripts += [*range(0xF900, 0x10000), *range(0x10000, 0x1FC00, 3), *range(0xE0000, 0xE0200)]
    code_points = sorted({*scripts, *range(0, 0x110000, 50)})
    comparison = Comparison(learned)
    characters = [chr(c) for c in code_points if not 0xD800 <= c < 0xE000]
    for at in range(0, len(characters), 20_000):
        some = characters[at : at + 20_000]
        # Alone, inside a word, doubled, after a number
        comparison.check(map("{0} a{0}b {0}{0}1{0}".format, some), False)


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", ["books", "wikipedia"])
def test_roberta_ids_equal_those_of_transformers(corpus):
    folder = SHARED / "vocab" / "roberta-base"
    if not folder.exists():
        pytest.skip(f"there is no {folder}")
    comparison = Comparison(BytePairVocabulary.read(folder))
    # `tools/compare_bytepair.py` takes as many as one likes.
    with lzma.open(SHARED / "pretraining" / f"{corpus}.txt.xz") as file:
        lines = file.read(1_500_000).decode(errors="ignore").split("\n")
    for at in range(0, len(lines), 1000):
        comparison.check(lines[at : at + 1000], special_tokens=at % 2000 == 0)


def test_runs_in_tf_data_and_in_a_function(tokenizer):
    texts = ["low lower", "aaa <mask>", ""]
    expected = [[15, 9, 13, 14, 8], [18, 10, 21], []]
    special = partial(tokenizer, special_tokens=True)
    dataset = tf.data.Dataset.from_tensor_slices(texts)
    single = dataset.map(special)
    assert [ids.numpy().tolist() for ids in single] == expected
    assert single.element_spec == tf.TensorSpec([None], tf.int32)
    batched = dataset.batch(3).map(special)
    assert next(iter(batched)).to_list() == expected
    assert batched.element_spec == tf.RaggedTensorSpec([None, None], tf.int32)
    assert tf.function(special)(tf.constant(texts)).to_list() == expected


def test_offsets_in_tf_data():
    tokenizer = BytePairTokenizer(BytePairVocabulary(TOKENS, MERGES))
    dataset = tf.data.Dataset.from_tensor_slices(["low lower", ""])
    ids, starts, ends = next(iter(dataset.batch(2).map(tokenizer.tokenize_with_offsets)))
    assert ids.to_list() == [[15, 9, 13, 14, 8], []]
    assert starts.to_list() == [[0, 4, 4, 6, 8], []]
    assert ends.to_list() == [[3, 4, 6, 8, 9], []]


def test_made_from_a_pickle_as_worker_processes_do():
    make = partial(BytePairTokenizer, BytePairVocabulary(TOKENS, MERGES), in_graph=False)
    assert pickle.loads(pickle.dumps(make))()("low").numpy().tolist() == [15]


def test_detokenize_gives_the_text_back(learned):
    tokenizer = BytePairTokenizer(learned)
    texts = tokenizer.detokenize(tokenizer(NASTY_LINES)).numpy()
    assert [text.decode() for text in texts] == NASTY_LINES


def test_detokenize_batches(tokenizer):
    ids = [[0, 15, 16, 21, 2], [0, 11, 12, 2, 1]]
    shown = ["<s>low low<mask></s>", "<s>é</s><pad>"]
    texts = tokenizer.detokenize(tf.constant(ids))
    assert [text.decode() for text in texts.numpy()] == shown
    dropped = tokenizer.detokenize(ids, drop_special_tokens=True).numpy()
    assert [text.decode() for text in dropped] == ["low low", "é"]
    ragged = tf.ragged.constant([[6, 12], [], [15]], dtype=tf.int64)
    texts = tokenizer.detokenize(ragged).numpy()
    assert [text.decode() for text in texts] == ["w\ufffd", "", "low"]
    dataset = tf.data.Dataset.from_tensors(ids).map(tokenizer.detokenize)
    assert next(iter(dataset)).numpy().tolist() == [text.encode() for text in shown]


@pytest.mark.parametrize("texts", [3, [1, 2], tf.constant([1.0])])
def test_texts_of_another_type(tokenizer, texts):
    with pytest.raises(
        TypeError, match=r"`texts` must be strings, scalar or \(B,\), got (int|float)"
    ):
        tokenizer(texts)


def test_texts_that_are_no_tensor(tokenizer):
    with pytest.raises(
        TypeError, match=r"`texts` must be strings, scalar or \(B,\), got \['a', 1\]"
    ):
        tokenizer(["a", 1])


def test_texts_of_another_rank(tokenizer):
    with pytest.raises(ValueError, match=r"scalar or of shape \(B,\), got shape \(1, 2\): flatten"):
        tokenizer([["a", "b"]])


def test_ids_of_another_type(tokenizer):
    with pytest.raises(TypeError, match=r"`ids` must be integers, got float32\."):
        tokenizer.detokenize([1.0])

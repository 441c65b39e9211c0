"""Words to pieces and tags back to words, on hand-written rows and on random Unicode."""

import logging
import lzma
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from random_unicode import KINDS, random_texts, tokenizer_of

from keras_bert_kit.data.entities import split_words
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.tagging import encode_words, tag_targets, tags_of_words
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

SHARED = Path(__file__).parents[3] / "shared" / "data"
# ids: un 5, ##know 6, ##n 7, is 8, a 9, b 10
TOKENIZER = WordPieceTokenizer(
    Vocabulary([*SPECIAL_TOKENS, "un", "##know", "##n", "is", "a", "b"]), lowercase=True
)


def encode(words, length=16, long_texts="truncate", stride=None, tokenizer=TOKENIZER):
    return encode_words(words, tokenizer, InputOptions(length, long_texts, stride))


def inputs_of(encoded):
    splits = encoded.features.splits[1:-1]
    ids, speakers = (np.split(x, splits) for x in (encoded.features.token_ids, encoded.word_of))
    return [x.tolist() for x in ids], [x.tolist() for x in speakers]


def random_rows(seed, count):
    """Rows of words: of a text, split, and of anything at all, white space and "" among them."""
    chance = random.Random(seed)
    rows = [split_words(text)[0] for text in random_texts(seed, count, 12)]
    anything = random_texts(seed + 1, count * 3, 2)
    return rows + [chance.sample(anything, chance.randrange(8)) for _ in range(count)]


def test_the_first_piece_of_a_word_speaks_for_it():
    encoded = encode([["Unknown", "is"], [], ["b"]])
    assert inputs_of(encoded) == (
        [[2, 5, 6, 7, 8, 3], [2, 3], [2, 10, 3]],
        [[-1, 0, -1, -1, 1, -1], [-1, -1], [-1, 0, -1]],
    )
    assert encoded.features.rows.tolist() == [0, 1, 2]
    assert encoded.features.segment_ids.tolist() == [0] * 11
    assert encoded.word_of.dtype == np.int32


def test_no_rows():
    encoded = encode([])
    assert len(encoded.features) == 0
    assert tags_of_words(encoded, np.zeros((0, 3)), 0) == ([], [])
    assert tag_targets(encoded, [])[0]["tags"].shape == (0,)


def test_truncation_loses_words_and_says_so(caplog):
    # Room for four tokens. The second word keeps its first piece, which speaks for it.
    with caplog.at_level(logging.WARNING):
        encoded = encode([["unknown", "unknown", "a", "b"], ["a"]], length=6)
    assert inputs_of(encoded)[0] == [[2, 5, 6, 7, 5, 3], [2, 9, 3]]
    assert inputs_of(encoded)[1][0] == [-1, 0, -1, -1, 1, -1]
    assert encoded.num_cut_words.tolist() == [2, 0]
    assert encoded.features.num_cut.tolist() == [4, 0]
    assert "2 words at the end of 1 rows are beyond 6 tokens" in caplog.text


def test_windows_split_no_word_and_speak_for_each_once():
    encoded = encode([["a", "unknown", "b", "is", "a"]], length=6, long_texts="windows", stride=2)
    # Pieces 1 3 1 1 1, room for 4. From 0 the stride leads to 2, rounded down to word 1; the next
    # window would be words 2 to 4, which as the last one goes as far back as it can.
    assert inputs_of(encoded)[0] == [[2, 9, 5, 6, 7, 3], [2, 5, 6, 7, 10, 3], [2, 10, 8, 9, 3]]
    # Poorer sides of "unknown": 0 in both, equally long: the first. Of "b": 0 and 0; the longer.
    assert inputs_of(encoded)[1] == [
        [-1, 0, 1, -1, -1, -1],
        [-1, -1, -1, -1, 2, -1],
        [-1, -1, 3, 4, -1],
    ]
    assert encoded.features.rows.tolist() == [0, 0, 0]
    assert encoded.features.num_cut.tolist() == [0]


def test_a_word_longer_than_a_window_goes_on_in_the_next():
    encoded = encode([["a", "un" + "known" * 3, "b"]], length=5, long_texts="windows", stride=3)
    # "unknownknownknown" is un ##know ##n ##know ##n ##know ##n: 7 pieces, room for 3.
    ids, speakers = inputs_of(encoded)
    assert [token for row in ids for token in row].count(5) == 1
    assert {7, 6} <= {token for row in ids for token in row}
    assert sorted(word for row in speakers for word in row if word >= 0) == [0, 1, 2]
    assert all(len(row) <= 5 for row in ids)


def test_words_that_the_tokenizer_does_not_see_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        encoded = encode([["a", "\u200b", "b"], ["\x07", "", " \t"]])
    assert inputs_of(encoded)[1] == [[-1, 0, 2, -1], [-1, -1]]
    assert encoded.num_empty_words.tolist() == [1, 3]
    assert encoded.num_words.tolist() == [3, 3]
    assert "4 words in 2 rows are nothing to the tokenizer" in caplog.text


def test_roberta_sees_spaces_but_no_piece_reaches_into_the_next_word():
    vocabulary = BytePairVocabulary(
        ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "a", "b", "Ġa", "Ġb", "a b", "<mask>"],
        merges=[("Ġ", "a"), ("Ġ", "b")],
        added_tokens=["a b"],
    )
    tokenizer = BytePairTokenizer(vocabulary)
    assert tokenizer("b a b").numpy().tolist() == [6, 4, 9]
    encoded = encode([["b", "a", "b"], ["a b"]], tokenizer=tokenizer)
    assert inputs_of(encoded)[0] == [[0, 6, 7, 8, 2], [0, 9, 2]]
    assert inputs_of(encoded)[1] == [[-1, 0, 1, 2, -1], [-1, 0, -1]]


def test_head_and_tail_is_refused():
    with pytest.raises(ValueError, match='"head_tail"` would leave the words in the middle'):
        encode([["a"]], long_texts="head_tail")


def test_a_stride_larger_than_a_window_is_refused():
    with pytest.raises(ValueError, match="`stride` is 9, but a window has room for only 4"):
        encode([["a"] * 9], length=6, long_texts="windows", stride=9)


def test_targets_and_weights_stand_where_words_are_spoken_for():
    encoded = encode([["unknown", "is"], ["\x07", "b"]])
    targets, weights = tag_targets(encoded, [[3, 1], [2, 4]])
    assert targets["tags"].tolist() == [0, 3, 0, 0, 1, 0, 0, 4, 0]
    assert weights["tags"].tolist() == [0, 1, 0, 0, 1, 0, 0, 1, 0]
    assert targets["tags"].dtype == np.int32
    assert weights["tags"].dtype == np.float32


def test_tags_for_another_number_of_words_are_refused():
    encoded = encode([["a"], ["a", "b"]])
    with pytest.raises(ValueError, match=r"Row 1 \(counted from 0\) has 2 words but 1 tags"):
        tag_targets(encoded, [[0], [0]])
    with pytest.raises(ValueError, match="tags for each of 2 rows; received 1"):
        tag_targets(encoded, [[0]])


def test_tags_of_words_are_those_of_their_first_pieces():
    encoded = encode([["unknown", "\x07"], [], ["b"]])
    probabilities = np.full((len(encoded.word_of), 3), 0.2)
    probabilities[1] = [0.1, 0.2, 0.7]  # un
    probabilities[2] = [0.9, 0.05, 0.05]  # ##know, which nobody asks
    probabilities[-2] = [0.3, 0.6, 0.1]  # b
    tags, confidences = tags_of_words(encoded, probabilities, outside=0)
    assert [x.tolist() for x in tags] == [[2, 0], [], [1]]
    assert np.concatenate(confidences) == pytest.approx([0.7, 0.0, 0.6])


def test_probabilities_of_other_tokens_are_refused():
    with pytest.raises(ValueError, match="probabilities for each of 3 tokens; received 2"):
        tags_of_words(encode([["a"]]), np.zeros((2, 3)), 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_every_word_of_random_rows_is_spoken_for_once_or_counted(kind, seed):
    chance = random.Random(seed)
    rows = random_rows(seed, 60)
    length, stride = chance.choice([(5, None), (9, 2), (12, 10)])
    for long_texts in ("truncate", "windows"):
        encoded = encode(rows, length, long_texts, stride, tokenizer_of(kind))
        assert encoded.features.lengths.max() <= length
        spoken = [[] for _ in rows]
        for row, word in zip(encoded.row_of, encoded.word_of, strict=True):
            if word >= 0:
                spoken[row].append(int(word))
        for row, words in enumerate(rows):
            assert len(set(spoken[row])) == len(spoken[row])
            lost = int(encoded.num_cut_words[row] + encoded.num_empty_words[row])
            assert len(spoken[row]) + lost == len(words) == encoded.num_words[row]
        if long_texts == "windows":
            assert not encoded.num_cut_words.any()
            assert not encoded.features.num_cut.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_random_rows_are_those_of_the_words_joined(kind, seed):
    tokenizer = tokenizer_of(kind)
    rows = [[w for w in row if w.strip()] for row in random_rows(seed, 60)]
    rows = [[w.strip() for w in row if len(w.split()) == 1] for row in rows]
    no_surrogates = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
    joined = [" ".join(row).translate(no_surrogates) for row in rows]
    ids, starts, _ = (x.to_list() for x in tokenizer.tokenize_with_offsets(joined))
    encoded = encode(rows, 10_000, tokenizer=tokenizer)
    found, speakers = inputs_of(encoded)
    for at, row in enumerate(rows):
        assert found[at][1:-1] == ids[at], [ascii(word) for word in row]
        # The place of each word, by bytes: the first piece that begins in it speaks for it.
        sizes = [len(w.encode("utf-8", "surrogatepass")) for w in row]  # U+FFFD has three, too
        word_starts = np.cumsum([0, *(size + 1 for size in sizes)])
        word_of = np.searchsorted(word_starts, starts[at], side="right") - 1
        expected = [
            int(word) if first or word != before else -1
            for first, before, word in zip(
                [True] + [False] * len(word_of), [-1, *word_of], word_of, strict=False
            )
        ]
        assert speakers[at][1:-1] == expected, [ascii(word) for word in row]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_random_rows_cover_them_and_split_no_word(kind):
    tokenizer, room = tokenizer_of(kind), 7
    rows = random_rows(5, 60)
    whole = zip(*inputs_of(encode(rows, 10_000, tokenizer=tokenizer)), strict=True)
    encoded = encode(rows, room + 2, "windows", tokenizer=tokenizer)
    windows_of_rows = [[] for _ in rows]
    for row, ids in zip(encoded.features.rows, inputs_of(encoded)[0], strict=True):
        windows_of_rows[row].append(ids[1:-1])
    for (ids, speakers), stretches in zip(whole, windows_of_rows, strict=True):
        pieces = ids[1:-1]
        word_starts = [at for at, word in enumerate(speakers[1:-1]) if word >= 0] + [len(pieces)]
        fits = all(b - a <= room for a, b in pairwise(word_starts))
        reached = {0}  # where the windows so far may end: stretches may repeat
        previous = -1
        for stretch in stretches:
            places = [
                at
                for at in range(previous + 1, max(reached) + 1)
                if pieces[at : at + len(stretch)] == stretch and (not fits or at in word_starts)
            ]
            assert places, "a window is no stretch of the row, or leaves a gap before it"
            previous = places[0]
            reached |= {at + len(stretch) for at in places}
        assert len(pieces) in reached


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("long_texts", ["truncate", "windows"])
def test_tags_come_back_to_the_words_they_were_given_for(kind, long_texts):
    rows = random_rows(11, 60)
    chance = random.Random(0)
    tag_ids = [[chance.randrange(1, 6) for _ in row] for row in rows]
    encoded = encode(rows, 8, long_texts, tokenizer=tokenizer_of(kind))
    targets, weights = tag_targets(encoded, tag_ids)
    assert set(targets["tags"][weights["tags"] == 0]) <= {0}
    tags, confidences = tags_of_words(encoded, np.eye(6)[targets["tags"]], outside=0)
    for row, (given, found, sure) in enumerate(zip(tag_ids, tags, confidences, strict=True)):
        assert [t if c else 0 for t, c in zip(given, sure, strict=True)] == found.tolist()
        lost = encoded.num_cut_words[row] + encoded.num_empty_words[row]
        assert np.count_nonzero(sure == 0) == lost


def conll_words(path, prefix=""):
    if not path.exists():
        pytest.skip(f"there is no {path}")
    content = path.read_bytes()
    content = lzma.decompress(content) if path.suffix == ".xz" else content
    rows = [[]]
    for line in content.decode().split("\n"):
        if line.strip():
            rows[-1].append(line.split("\t")[0].removeprefix(prefix))
        elif rows[-1]:
            rows.append([])
    return [row for row in rows if row]


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["bert-base-uncased", "bert-base-cased"])
@pytest.mark.parametrize(
    ("corpus", "prefix"), [("wnut17/train.conll", ""), ("wikiann_en/dev.txt.xz", "en:")]
)
def test_words_are_where_transformers_finds_them(name, corpus, prefix):
    transformers = pytest.importorskip("transformers")
    vocabulary = SHARED / "vocab" / name / "vocab.txt"
    rows = conll_words(SHARED / corpus, prefix)[:2000]
    lowercase = name == "bert-base-uncased"
    theirs = transformers.BertTokenizerFast(str(vocabulary), do_lower_case=lowercase)
    expected = theirs(rows, is_split_into_words=True)
    tokenizer = WordPieceTokenizer(Vocabulary.read(vocabulary), lowercase)
    found, speakers = inputs_of(encode(rows, 512, tokenizer=tokenizer))
    differing = []
    for row in range(len(rows)):
        words = [-1 if word is None else word for word in expected.word_ids(row)]
        first = [w if w != before else -1 for before, w in zip([-1, *words], words, strict=False)]
        if (found[row], speakers[row]) != (expected["input_ids"][row], first):
            differing.append(rows[row])
    assert not differing, f"{len(differing)} rows differ, such as {differing[:3]}"

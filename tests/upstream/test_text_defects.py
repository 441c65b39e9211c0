"""Defects of tensorflow-text, tokenizers, KerasHub and sentencex."""

import time

import keras_nlp
import numpy as np
import sentencex
import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from upstream_defects import still_broken

NORMALIZER = "keras_bert_kit/text/normalizer.py"


def test_the_fast_normaliser_has_other_rules_than_bert():
    texts = ["ας", "™", "½", "…"]  # the first ends in a final sigma
    right = [BertNormalizer(lowercase=True).normalize_str(text) for text in texts]
    assert right == texts
    normalizer = tf_text.FastBertNormalizer(lower_case_nfd_strip_accents=True)
    assert normalizer.normalize(["Éa"]).numpy().tolist() == [b"ea"]
    with still_broken(
        "tensorflow-text's `FastBertNormalizer` folds case and compatibility forms",
        f"{NORMALIZER}: def compile_normalizer",
    ):
        found = [text.decode() for text in normalizer.normalize(texts).numpy()]
        assert found == ["ασ", "tm", "1⁄2", "..."]


def test_the_fast_normaliser_drops_the_acute_accent():
    normalizer = tf_text.FastBertNormalizer(lower_case_nfd_strip_accents=True)
    assert BertNormalizer(lowercase=True).normalize_str("a\u00b4b") == "a\u00b4b"
    with still_broken(
        "tensorflow-text's `FastBertNormalizer` makes a space of the acute accent sign",
        f"{NORMALIZER}: the acute accent sign into a space",
    ):
        assert normalizer.normalize(["a\u00b4b"]).numpy().tolist() == [b"a b"]


def test_other_characters_are_punctuation():
    def is_alone(character):
        text = f"0{character}0"
        tokenizer = tf_text.FastWordpieceTokenizer(["[UNK]", "0"])
        (starts,) = tokenizer.tokenize_with_offsets([text])[1].to_list()
        ours = len(BertPreTokenizer().pre_tokenize_str(text)) == 3
        return len(starts) == 3, ours

    assert is_alone(",") == (True, True) and is_alone("é") == (False, False)
    with still_broken(
        "tensorflow-text and BERT do not take the same characters for punctuation",
        f"{NORMALIZER}: def _punctuation_in_tensorflow_text",
        "keras_bert_kit/text/longest_match.py: rules.stand_ins",
    ):
        assert is_alone("\u061d") == (True, False)
        assert is_alone("\u166d") == (False, True)


def test_the_longest_word_is_counted_in_bytes():
    vocabulary = ["[UNK]", "a", "##a", "é", "##é"]
    tokenizer = tf_text.FastWordpieceTokenizer(
        vocabulary, max_bytes_per_word=100, token_out_type=tf.int32
    )
    assert tokenizer.tokenize(["a" * 100]).to_list() == [[1] + 99 * [2]]
    assert tokenizer.tokenize(["é" * 50]).to_list() == [[3] + 49 * [4]]
    with still_broken(
        "`FastWordpieceTokenizer` limits the bytes of a word, where BERT limits its characters",
        "keras_bert_kit/text/longest_match.py: def _tokenize_long_words",
        "keras_bert_kit/export/lite_tokenizer.py: def _characters_before",
    ):
        assert tokenizer.tokenize(["é" * 51]).to_list() == [[0]]


def test_a_text_ends_at_nul():
    def parts(text):
        return tf_text.regex_split_with_offsets([text], r"\[SEP\]")[0].to_list()

    assert parts("a\x01b[SEP]c") == [[b"a\x01b", b"c"]]
    with still_broken(
        "tensorflow-text's `regex_split_with_offsets` takes NUL for the end of the text",
        "keras_bert_kit/text/wordpiece.py: The kernel takes NUL for the end of the text",
    ):
        assert parts("a\x00b[SEP]c") == [[b"a"]]


def test_keras_hub_keeps_accents():
    tokenizer = keras_nlp.models.BertTokenizer(
        vocabulary=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "naive", "naïve"], lowercase=True
    )
    assert np.asarray(tokenizer("Naive")).tolist() == [5]
    with still_broken(
        "KerasHub's uncased `BertTokenizer` keeps accents, which BERT drops",
        "keras_bert_kit/text/keras_hub_tokenizer.py: KerasHub's uncased tokenizers keep accents",
    ):
        assert np.asarray(tokenizer("naïve")).tolist() == [6]


def test_learning_twice_gives_two_vocabularies():
    def learned():
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordPieceTrainer(vocab_size=200, show_progress=False)
        tokenizer.train_from_iterator(["abcdefghijklmnopqrstuvwxyz", "abcd efgh aei bdf"], trainer)
        return tuple(sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get))

    with still_broken(
        "`tokenizers` learns another vocabulary in every run (huggingface/tokenizers#1794)",
        "keras_bert_kit/text/learn.py: huggingface/tokenizers#1794",
        "keras_bert_kit/text/learn_bytepair.py: so that their order is ours",
    ):
        assert len({learned() for _ in range(8)}) > 1


def test_some_chinese_characters_are_not_known_to_be():
    def normalize(code_point):
        return BertNormalizer(clean_text=False).normalize_str(chr(code_point))

    assert normalize(0x2B81F) == " \U0002b81f " and normalize(0x2B920) == " \U0002b920 "
    with still_broken(
        "`tokenizers` leaves U+2B820 to U+2B91F out of BERT's list of Chinese characters",
        f"{NORMALIZER}: without U+2B820 to U+2B91F",
    ):
        assert normalize(0x2B820) == "\U0002b820" and normalize(0x2B91F) == "\U0002b91f"


def test_sentences_of_chinese_take_quadratic_time():
    def seconds(num_characters):
        text, best = "这是一个句子。" * (num_characters // 7), float("inf")
        for _ in range(3):
            start = time.process_time()
            list(sentencex.segment("en", text))
            best = min(best, time.process_time() - start)
        return best

    with still_broken(
        "sentencex is quadratic in the length of Chinese text",
        "keras_bert_kit/data/sentences.py: BLOCK_CHARACTERS = 2_000",
    ):
        # Eight times as much: 8 times as long if linear, 64 times if quadratic.
        ratio = seconds(28_000) / seconds(3_500)
        assert ratio > 24, ratio

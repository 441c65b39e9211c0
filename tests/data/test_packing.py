import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.data.packing import cut_longest, pack_segments, pack_spans
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *"abcdefgh"])  # a is 5; [PAD] 0, [CLS] 2, [SEP] 3
A, B, C, D, E = range(5, 10)


def ragged(rows):
    return tf.ragged.constant(rows, dtype=tf.int32)


def as_lists(batch):
    assert {value.dtype for value in batch.values()} == {tf.int32}
    return {name: value.numpy().tolist() for name, value in batch.items()}


def test_pairs():
    batch, num_cut = pack_segments([ragged([[A, B], [C]]), ragged([[D], [E, A]])], VOCABULARY, 8)
    assert as_lists(batch) == {
        "token_ids": [[2, A, B, 3, D, 3, 0, 0], [2, C, 3, E, A, 3, 0, 0]],
        "segment_ids": [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]],
        "padding_mask": [[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]],
    }
    assert num_cut.numpy().tolist() == [0, 0]


def test_pairs_of_roberta_have_two_separators_between():
    # Liu et al. 2019, and `build_inputs_with_special_tokens` of Transformers' RobertaTokenizer
    vocabulary = BytePairVocabulary(["<s>", "<pad>", "</s>", "<unk>", *"abc", "<mask>"], merges=[])
    batch, num_cut = pack_segments(
        [ragged([[4, 5], [4]]), ragged([[6], [4, 5, 6]])], vocabulary, 8, num_segments=1
    )
    assert batch["token_ids"].numpy().tolist() == [
        [0, 4, 5, 2, 2, 6, 2, 1],
        [0, 4, 2, 2, 4, 5, 6, 2],
    ]
    assert num_cut.numpy().tolist() == [0, 0]
    assert not batch["segment_ids"].numpy().any()


def test_single_segments():
    batch, num_cut = pack_segments(ragged([[A, B, C], [], [D]]), VOCABULARY, 4)
    assert as_lists(batch) == {
        "token_ids": [[2, A, B, 3], [2, 3, 0, 0], [2, D, 3, 0]],
        "segment_ids": [[0] * 4] * 3,
        "padding_mask": [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]],
    }
    assert num_cut.numpy().tolist() == [1, 0, 0]


def test_empty_segments_keep_their_separators():
    batch, _ = pack_segments([ragged([[], [A]]), ragged([[], []])], VOCABULARY, 6)
    assert as_lists(batch)["token_ids"] == [[2, 3, 3, 0, 0, 0], [2, A, 3, 3, 0, 0]]


def test_the_longest_segment_is_cut_from_its_end():
    batch, num_cut = pack_segments([ragged([[A]]), ragged([[B, C, D, E]])], VOCABULARY, 6)
    assert as_lists(batch)["token_ids"] == [[2, A, 3, B, C, 3]]
    assert num_cut.numpy().tolist() == [2]


def test_one_segment_id_for_models_that_know_no_other():
    segments = [ragged([[A]]), ragged([[B]])]
    batch, _ = pack_segments(segments, VOCABULARY, 6, num_segments=1)
    assert as_lists(batch)["segment_ids"] == [[0] * 6]


def test_int64_ids_and_another_padding():
    vocabulary = Vocabulary(["a", *SPECIAL_TOKENS])  # [PAD] 1, [CLS] 3, [SEP] 4
    segments = tf.ragged.constant([[0], []], dtype=tf.int64)
    batch, _ = pack_segments(segments, vocabulary, 4)
    assert as_lists(batch)["token_ids"] == [[3, 0, 4, 1], [3, 4, 1, 1]]


@pytest.mark.parametrize("room", [1, 5, 8, 30])
def test_cut_longest_is_the_loop_that_takes_tokens_one_by_one(room):
    rng = np.random.default_rng(room)
    lengths = rng.integers(0, 12, (300, 3))
    expected = lengths.copy()
    for row in expected:
        while row.sum() > room:
            row[2 - np.argmax(row[::-1])] -= 1  # of equally long ones the last
    assert cut_longest(tf.constant(lengths, tf.int32), room).numpy().tolist() == expected.tolist()


def test_spans_anywhere_and_rows_of_a_varying_number_of_them():
    values = tf.constant([A, B, C, D, E])
    starts = tf.constant([[3, 0, 1], [1, 0, 0]])
    lengths = tf.constant([[2, 1, 0], [3, -1, -1]])  # -1: no such segment
    batch = pack_spans(values, starts, lengths, VOCABULARY, 8)
    assert as_lists(batch) == {
        "token_ids": [[2, D, E, 3, A, 3, 3, 0], [2, B, C, D, 3, 0, 0, 0]],
        "segment_ids": [[0, 0, 0, 0, 1, 1, 1, 0], [0] * 8],
        "padding_mask": [[1] * 7 + [0], [1] * 5 + [0] * 3],
    }


def test_no_tokens_at_all():
    batch = pack_spans(tf.zeros([0], tf.int32), [[0]], tf.constant([[0]]), VOCABULARY, 3)
    assert as_lists(batch)["token_ids"] == [[2, 3, 0]]


def test_spans_that_do_not_fit_are_refused():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="A row is longer than `sequence_length`"
    ):
        pack_spans(tf.constant([A, B, C]), [[0]], tf.constant([[3]]), VOCABULARY, 4)


def test_inside_tf_data_the_length_is_static():
    dataset = tf.data.Dataset.from_tensors((ragged([[A, B], [C]]), ragged([[D], [E, A]])))
    dataset = dataset.map(lambda a, b: pack_segments([a, b], VOCABULARY, 8)[0])
    assert dataset.element_spec["token_ids"].shape[1] == 8
    expected, _ = pack_segments([ragged([[A, B], [C]]), ragged([[D], [E, A]])], VOCABULARY, 8)
    assert as_lists(next(iter(dataset))) == as_lists(expected)


def test_no_room_beside_the_special_tokens_is_refused():
    segments = [ragged([[A]]), ragged([[B]])]
    with pytest.raises(ValueError, match=r"room for 3 special tokens and at least one.*received 3"):
        pack_segments(segments, VOCABULARY, 3)


def test_dense_segments_are_refused():
    with pytest.raises(ValueError, match=r"ragged, of shape \(B, None\); received .*\(1, 2\)"):
        pack_segments([tf.constant([[A, B]])], VOCABULARY, 8)

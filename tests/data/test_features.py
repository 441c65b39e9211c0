"""Inputs of several lengths, and special tokens around segments."""

import numpy as np
import pytest

from keras_bert_kit.data.features import Features, join_segments, num_special
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

BERT = Vocabulary([*SPECIAL_TOKENS, "a"])  # [CLS] 2, [SEP] 3
ROBERTA = BytePairVocabulary(["<s>", "<pad>", "</s>", "<unk>", "a", "<mask>"], merges=[])


def test_lists_become_flat_arrays():
    features = Features.of(
        [[2, 5, 3], [2, 3], [2, 5, 5, 3]], [[0] * 3, [0, 1], [0] * 4], [0, 0, 1], [4, 0]
    )
    assert features.token_ids.tolist() == [2, 5, 3, 2, 3, 2, 5, 5, 3]
    assert features.segment_ids.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert features.splits.tolist() == [0, 3, 5, 9]
    assert features.lengths.tolist() == [3, 2, 4]
    assert features.window_counts.tolist() == [2, 1]
    assert (len(features), features.num_rows, features.num_cut.tolist()) == (3, 2, [4, 0])
    dtypes = [
        x.dtype for x in (features.token_ids, features.splits, features.rows, features.num_cut)
    ]
    assert dtypes == [np.int32, np.int64, np.int32, np.int32]


def test_no_inputs():
    features = Features.of([], [], [], [])
    assert (len(features), features.num_rows, features.splits.tolist()) == (0, 0, [0])
    assert features.lengths.tolist() == features.window_counts.tolist() == []


@pytest.mark.parametrize(
    ("segments", "num_segments", "ids", "of_segment"),
    [
        ([[5]], 2, [2, 5, 3], [0, 0, 0]),
        ([[]], 2, [2, 3], [0, 0]),
        ([[5, 5], [5]], 2, [2, 5, 5, 3, 5, 3], [0, 0, 0, 0, 1, 1]),
        ([[], [5]], 2, [2, 3, 5, 3], [0, 0, 1, 1]),
        ([[5], []], 2, [2, 5, 3, 3], [0, 0, 0, 1]),
        ([[5], [5]], 1, [2, 5, 3, 5, 3], [0] * 5),
        ([[5], [5]], 0, [2, 5, 3, 5, 3], [0] * 5),
        ([[5], [5], [5]], 3, [2, 5, 3, 5, 3, 5, 3], [0, 0, 0, 1, 1, 2, 2]),
        ([[5], [5], [5]], 2, [2, 5, 3, 5, 3, 5, 3], [0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_special_tokens_stand_around_segments(segments, num_segments, ids, of_segment):
    found = join_segments(segments, BERT, num_segments)
    assert [x.tolist() for x in found] == [ids, of_segment]
    assert len(ids) - sum(map(len, segments)) == num_special(len(segments), BERT)


def test_roberta_has_two_separators_between_segments():
    ids, of_segment = join_segments([[4], [4, 4]], ROBERTA, 1)
    assert ids.tolist() == [0, 4, 2, 2, 4, 4, 2]
    assert of_segment.tolist() == [0] * 7
    assert num_special(2, ROBERTA) == 4
    assert num_special(1, ROBERTA) == 2

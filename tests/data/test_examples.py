import numpy as np

from keras_bert_kit.data.examples import Examples, ranges


def some_examples(shift=0):
    # Examples of two, one and no segments.
    return Examples(
        shard=np.array([0, 1, 2]),
        start=np.array([10, 20, 30]) + shift,
        stop=np.array([11, 22, 33]) + shift,
        splits=np.array([0, 2, 3, 3]),
        is_random_next=np.array([True, False, False]),
    )


def as_lists(examples):
    return [column.tolist() for column in examples]


def test_rows_come_in_the_order_asked_for():
    assert some_examples().num_examples == 3
    assert as_lists(some_examples().rows([1, 2, 0])) == [
        [2, 0, 1],
        [30, 10, 20],
        [33, 11, 22],
        [0, 1, 1, 3],
        [False, False, True],
    ]


def test_plans_are_joined_one_after_the_other():
    assert as_lists(Examples.concatenate([some_examples(), some_examples(100).rows([0])])) == [
        [0, 1, 2, 0, 1],
        [10, 20, 30, 110, 120],
        [11, 22, 33, 111, 122],
        [0, 2, 3, 3, 5],
        [True, False, False, True],
    ]


def test_ranges_of_nothing():
    assert ranges(np.array([], int), np.array([], int)).tolist() == []

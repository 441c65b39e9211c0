import numpy as np

from keras_bert_kit.evaluation.mistakes import largest_errors, most_confident_mistakes, surest


def test_the_surest_mistake_comes_first():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])
    labels = [0, 0, 1, 0, 0]
    # Row 0 is right; 3 is wrong at 0.9, 1 and 4 at 0.8 in their order, 2 at 0.6.
    assert most_confident_mistakes(labels, probabilities) == [3, 1, 4, 2]
    assert most_confident_mistakes(labels, probabilities, top=2) == [3, 1]


def test_no_mistakes():
    assert most_confident_mistakes([1], [[0.1, 0.9]]) == []
    assert largest_errors([1.0], [1.0]) == []


def test_a_row_of_several_labels_counts_by_its_worst():
    labels = [[1, 0], [1, 1], [0, 0]]
    probabilities = [[0.9, 0.7], [0.8, 0.1], [0.4, 0.3]]
    assert most_confident_mistakes(labels, probabilities) == [1, 0]


def test_values():
    assert largest_errors([1.0, 2.0, 3.0, 4.0], [1.5, 5.0, 3.0, 2.0]) == [1, 3, 0]


def test_any_task():
    assert surest([1, 0, 1], [0.1, 0.9, 0.3], top=5) == [2, 0]

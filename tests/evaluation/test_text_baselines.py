import lzma
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.evaluation.text_baselines import (
    classification_baselines,
    multilabel_baselines,
    regression_baselines,
)

SST2 = Path(__file__).parents[3] / "shared" / "data" / "sst2"
LOGISTIC = "logistic regression on TF-IDF"
BAYES = "naive Bayes on TF-IDF"
GOOD = ["fine film", "a fine day", "fine acting", "truly fine", "so fine"] * 3
BAD = ["dull film", "a dull day", "dull acting", "truly dull"] * 3


def classify(texts=None, labels=None, test=("fine", "dull"), num_classes=2, **options):
    texts = GOOD + BAD if texts is None else texts
    labels = [1] * len(GOOD) + [0] * len(BAD) if labels is None else labels
    return classification_baselines(texts, None, labels, list(test), None, num_classes, **options)


def test_words_decide():
    found = classify()
    assert list(found) == ["majority", BAYES, LOGISTIC]
    # 15 and 12 rows, one added to each.
    np.testing.assert_allclose(found["majority"], [[13 / 29, 16 / 29]] * 2)
    for name in (BAYES, LOGISTIC):
        assert found[name].argmax(axis=1).tolist() == [1, 0]
        np.testing.assert_allclose(found[name].sum(axis=1), 1)


def test_naive_bayes_is_the_formula():
    found = classify(["a", "b"], [0, 1], ["a"])[BAYES]
    # Two words, each with the weight 1 in its class: (1 + 1) / (1 + 2) against 1 / 3.
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3]])


def test_unseen_words_and_empty_texts_get_what_is_common():
    found = classify(test=["", "unheard of"])
    for probabilities in (found[BAYES], found[LOGISTIC]):
        assert (probabilities.argmax(axis=1) == 1).all()
    np.testing.assert_allclose(found[BAYES], [[12 / 27, 15 / 27]] * 2)


def test_a_class_that_training_lacks_has_its_smoothed_share():
    found = classify(num_classes=4)
    for probabilities in found.values():
        np.testing.assert_allclose(probabilities[:, 2:], 1 / 31)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_one_class_only_is_said(caplog):
    found = classify(["a", "b"], [1, 1])
    assert all(probabilities.argmax(axis=1).tolist() == [1, 1] for probabilities in found.values())
    assert "All training rows are of class 1" in caplog.text


def test_texts_without_words():
    found = classify(["", "", ""], [0, 0, 1], [""])
    assert all(probabilities.argmax(axis=1).tolist() == [0] for probabilities in found.values())


def test_chinese():
    found = classify(["好电影", "很好", "坏电影", "很坏"] * 3, [1, 1, 0, 0] * 3, ["好", "坏"])
    assert found[LOGISTIC].argmax(axis=1).tolist() == [1, 0]


def test_pairs_are_compared():
    animals = ["cat", "dog", "cow", "pig", "hen", "fox"] * 4
    others = animals[1:] + animals[:1]
    texts, pairs = animals * 2, animals + others
    labels = [1] * len(animals) + [0] * len(animals)
    found = classification_baselines(texts, pairs, labels, ["owl", "owl"], ["owl", "bat"], 2)
    assert found[LOGISTIC].argmax(axis=1).tolist() == [1, 0]


def test_the_same_seed_gives_the_same():
    for name, probabilities in classify(seed=3).items():
        np.testing.assert_array_equal(probabilities, classify(seed=3)[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], None, [], ["a"], None, 2), "`train_texts` is empty: a baseline needs at least one"),
        ((["a"], None, [0], [], None, 2), "`test_texts` is empty"),
        ((["a"], None, [0, 1], ["a"], None, 2), "`train_labels` must have one entry for each of "
         "the 1 `train_texts`; received 2"),
        ((["a"], ["b"], [0], ["a"], None, 2), "pairs in both training and test texts"),
        ((["a"], [], [0], ["a"], ["b"], 2), "`train_pairs` must have one entry"),
        ((["a"], ["b"], [0], ["a"], [], 2), "`test_pairs` must have one entry"),
        ((["a", "b"], None, [0, 2], ["a"], None, 2), "integers from 0 to 1; received 2 at index 1"),
        ((["a"], None, [-1], ["a"], None, 2), "received -1 at index 0"),
        ((["a"], None, [0.5], ["a"], None, 2), "integers from 0 to 1; received .*0.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_classified(arguments, message):
    with pytest.raises(ValueError, match=message):
        classification_baselines(*arguments)


def test_each_label_for_itself():
    texts = ["sun", "rain", "sun rain", "fog"] * 5
    labels = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]] * 5
    found = multilabel_baselines(texts, None, labels, ["sun", "rain", "rain sun", ""], None)
    wanted = [[True, False, False], [False, True, False], [True, True, False], [False] * 3]
    assert (found[LOGISTIC] > 0.5).tolist() == wanted
    np.testing.assert_allclose(found["majority"], [[0.5, 0.5, 1 / 22]] * 4)


@pytest.mark.parametrize("labels", [[[2, 0]], [[0.5, 0]], [1]])
def test_labels_that_are_neither_yes_nor_no(labels):
    with pytest.raises(ValueError, match="`train_labels` must be rows of 0 and 1, one column"):
        multilabel_baselines(["a"], None, labels, ["a"], None)


def test_mean_line_and_ridge():
    texts = ["a", "a", "a b", "a c"] * 6
    pairs = ["a", "b", "a b", "b d"] * 6
    values = [5.0, 1.0, 5.0, 1.0] * 6
    found = regression_baselines(texts, pairs, values, ["b", "a"], ["b", "c"])
    assert found["mean"].tolist() == [3.0, 3.0]
    # The cosine is 1 or 0 throughout, so the line goes through both values.
    np.testing.assert_allclose(found["cosine of TF-IDF"], [5.0, 1.0], atol=1e-5)
    assert found["ridge on TF-IDF"][0] > 4 > 2 > found["ridge on TF-IDF"][1]


def test_single_texts_have_no_cosine():
    found = regression_baselines(["good", "bad"] * 10, None, [1.0, 0.0] * 10, ["good", "bad"], None)
    assert list(found) == ["mean", "ridge on TF-IDF"]
    np.testing.assert_allclose(found["ridge on TF-IDF"], [1, 0], atol=0.1)


def test_a_value_that_is_no_number():
    with pytest.raises(ValueError, match="must be finite numbers; received nan at index 1"):
        regression_baselines(["a", "b"], None, [1.0, float("nan")], ["a"], None)


@pytest.mark.corpora
@pytest.mark.skipif(not SST2.exists(), reason="../shared/data is not there")
def test_logistic_regression_on_sst2():
    with lzma.open(SST2 / "train.tsv.xz", "rt", encoding="utf-8") as file:
        train = [line.rstrip("\n").split("\t") for line in file][1:10_001]
    lines = (SST2 / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    dev = [line.split("\t") for line in lines]
    labels = np.array([int(label) for _, label in dev])
    found = classification_baselines(
        [text for text, _ in train], None, [int(label) for _, label in train],
        [text for text, _ in dev], None, 2,
    )  # fmt: skip
    accuracy = {name: (rows.argmax(axis=1) == labels).mean() for name, rows in found.items()}
    assert accuracy["majority"] == pytest.approx(444 / 872)
    assert accuracy[LOGISTIC] > 0.75
    assert accuracy[BAYES] > 0.75

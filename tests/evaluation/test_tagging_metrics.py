import random

import pytest
from seqeval import metrics as seqeval
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2, Tokens

from keras_bert_kit.evaluation.bootstrap import bootstrap_intervals
from keras_bert_kit.evaluation.row_scores import tagging_score
from keras_bert_kit.evaluation.tagging_metrics import entities, entity_counts, tagging_metrics

# By hand: tags, the entities of strict IOB2, and what the lenient reading has besides or instead.
AWKWARD = [
    ("", [], []),
    ("O O", [], []),
    ("B-PER", [("PER", 0, 1)], [("PER", 0, 1)]),
    ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)], [("PER", 0, 2), ("LOC", 3, 4)]),
    # I- after O, and at the start
    ("O I-PER O", [], [("PER", 1, 2)]),
    ("I-PER I-PER O", [], [("PER", 0, 2)]),
    # the type changes inside
    ("B-PER I-LOC", [("PER", 0, 1)], [("PER", 0, 1), ("LOC", 1, 2)]),
    ("B-PER I-LOC I-PER", [("PER", 0, 1)], [("PER", 0, 1), ("LOC", 1, 2), ("PER", 2, 3)]),
    ("B-PER I-PER I-LOC I-LOC", [("PER", 0, 2)], [("PER", 0, 2), ("LOC", 2, 4)]),
    # neighbours
    ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)], [("PER", 0, 1), ("PER", 1, 2)]),
    ("B-PER B-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)], [("PER", 0, 1), ("LOC", 1, 3)]),
    ("I-PER B-PER I-PER", [("PER", 1, 3)], [("PER", 0, 1), ("PER", 1, 3)]),
    ("B-PER I-PER B-PER I-PER", [("PER", 0, 2), ("PER", 2, 4)], [("PER", 0, 2), ("PER", 2, 4)]),
    # one after O is lost, and does not come back
    ("O I-PER I-PER B-LOC", [("LOC", 3, 4)], [("PER", 1, 3), ("LOC", 3, 4)]),
    ("B-PER O I-PER", [("PER", 0, 1)], [("PER", 0, 1), ("PER", 2, 3)]),
    # types with dashes, of one letter, and none
    ("B-corporate-name I-corporate-name", [("corporate-name", 0, 2)], [("corporate-name", 0, 2)]),
    ("B-O I-O O", [("O", 0, 2)], [("O", 0, 2)]),
    ("B-I B-B", [("I", 0, 1), ("B", 1, 2)], [("I", 0, 1), ("B", 1, 2)]),
    ("B I O I", [("_", 0, 2)], [("_", 0, 2), ("_", 3, 4)]),
    ("B-人名 I-人名", [("人名", 0, 2)], [("人名", 0, 2)]),
    ("B-per I-PER", [("per", 0, 1)], [("per", 0, 1), ("PER", 1, 2)]),
]


def of_seqeval(tags, strict):
    if strict:
        return [(e.tag, e.start, e.end) for e in Tokens(list(tags), scheme=IOB2).entities]
    found = seqeval.sequence_labeling.get_entities(list(tags))
    return [(type_, start, last + 1) for type_, start, last in found]


@pytest.mark.parametrize(("tags", "strict", "lenient"), AWKWARD)
def test_entities_of_awkward_tags(tags, strict, lenient):
    tags = tags.split()
    assert entities(tags) == strict == of_seqeval(tags, strict=True)
    assert entities(tags, strict=False) == lenient == of_seqeval(tags, strict=False)


def random_sentence(draw, types, length=None):
    tags = ["O"] + [f"{prefix}-{type_}" for prefix in "BI" for type_ in types]
    return draw.choices(tags, k=draw.randint(0, 9) if length is None else length)


@pytest.mark.parametrize("strict", [True, False])
def test_entities_of_random_tags_are_those_of_seqeval(strict):
    draw = random.Random(0)
    for _ in range(3000):
        tags = random_sentence(draw, draw.sample(["PER", "LOC", "a-b", "O", "_"], 2))
        assert entities(tags, strict) == of_seqeval(tags, strict), tags


def scores_of_seqeval(true, predicted, average, strict):
    if strict:
        return strict_scores(true, predicted, average=average, scheme=IOB2, zero_division=0)
    return seqeval.sequence_labeling.precision_recall_fscore_support(
        true, predicted, average=average, zero_division=0
    )


@pytest.mark.parametrize("strict", [True, False])
def test_metrics_of_random_tags_are_those_of_seqeval(strict):
    draw = random.Random(1)
    compared = 0
    for _ in range(150):
        # Types of one side only are among them, and predictions that are mostly right.
        true = [random_sentence(draw, ["PER", "LOC", "X"]) for _ in range(draw.randint(1, 8))]
        kinds = draw.choice([["PER", "LOC", "X"], ["PER", "Y"], ["Z"]])
        predicted = [
            tags if draw.random() < 0.5 else random_sentence(draw, kinds, len(tags))
            for tags in true
        ]
        found = tagging_metrics(true, predicted, strict=strict)
        if not found["entities"] or not found["entities_predicted"]:
            continue
        compared += 1
        names = ("precision", "recall", "f1")
        for average, ending in (("micro", ""), ("macro", "_macro"), ("weighted", "_weighted")):
            expected = scores_of_seqeval(true, predicted, average, strict)[:3]
            assert [found[name + ending] for name in names] == pytest.approx(expected, abs=1e-12)
        by_type = scores_of_seqeval(true, predicted, None, strict)
        for row, (type_, rates) in enumerate(sorted(found["classes"].items())):
            expected = [column[row] for column in by_type]
            received = [rates[name] or 0 for name in (*names, "support")]
            assert received == pytest.approx(expected, abs=1e-12), type_
        assert found["accuracy"] == pytest.approx(seqeval.accuracy_score(true, predicted))
    assert compared > 120


def test_metrics_by_hand(caplog):
    true = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"], []]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-ORG", "I-LOC"], []]
    metrics = tagging_metrics(true, predicted, names=["PER", "LOC", "MISC"])
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == pytest.approx(1 / 3)
    # PER 0, LOC 2 * 1 / (1 + 2), ORG 0; MISC does not occur.
    assert metrics["f1_macro"] == pytest.approx((2 / 3) / 3)
    assert metrics["f1_weighted"] == pytest.approx((2 * 2 / 3 + 0) / 3)
    assert metrics["accuracy"] == 3 / 6
    assert (metrics["rows"], metrics["words"]) == (3, 6)
    assert (metrics["entities"], metrics["entities_predicted"]) == (3, 3)
    none = {"precision": None, "recall": None, "f1": None, "support": 0}
    assert list(metrics["classes"]) == ["PER", "LOC", "MISC", "ORG"]
    assert metrics["classes"]["MISC"] == none
    assert metrics["classes"]["ORG"] == {"precision": 0, "recall": None, "f1": 0, "support": 0}
    assert metrics["classes"]["LOC"]["recall"] == 0.5
    assert len(caplog.records) == 1
    assert "Classes not in the data: MISC, ORG; never predicted: MISC." in caplog.text


def test_a_model_that_finds_nothing_has_an_f1_of_zero_and_no_precision():
    metrics = tagging_metrics([["B-PER"]], [["O"]])
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (None, 0.0, 0.0)


@pytest.mark.parametrize("sentences", [[], [[]], [["O", "O"]]])
def test_without_entities_there_are_no_numbers(sentences):
    metrics = tagging_metrics(sentences, sentences)
    assert [metrics[name] for name in ("precision", "recall", "f1", "f1_macro")] == [None] * 4
    assert metrics["accuracy"] == (1.0 if sentences == [["O", "O"]] else None)


def test_a_resample_has_the_metrics_of_its_sentences():
    draw = random.Random(2)
    true = [random_sentence(draw, ["PER", "LOC"], 4) for _ in range(30)]
    predicted = [random_sentence(draw, ["PER", "LOC"], 4) for _ in range(30)]
    _, *counts = entity_counts(true, predicted)
    score = tagging_score(*counts)
    rows = [draw.randrange(30) for _ in range(30)]
    of_rows = tagging_metrics([true[i] for i in rows], [predicted[i] for i in rows])
    found = score(rows)
    assert found == pytest.approx({name: of_rows[name] for name in found})
    assert {"f1", "f1_macro", "precision", "recall", "accuracy"} <= set(found)
    low, high = bootstrap_intervals(score, 30, resamples=100)["f1"]
    assert low < tagging_metrics(true, predicted)["f1"] < high


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([["O"]], [], "`true` has 1 sentences, `predicted` 0: expected as many"),
        ([[], ["O"]], [[], ["O", "O"]], "Sentence 2 has 1 tags in `true` and 2 in `predicted`"),
        ([["O", "E-PER"]], [["O", "O"]], "Sentence 1: word 2 has the tag 'E-PER', expected O, B-"),
        ([["O"]], [["PER"]], r"has the tag 'PER', expected .* \(IOB2\). Convert other schemes"),
        ([["BPER"]], [["O"]], "the tag 'BPER'"),
        ([["O"]], [[3]], "the tag 3"),
        ([["O"]], [[""]], "the tag ''"),
    ],
)
def test_tags_that_are_no_iob2_are_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        tagging_metrics(true, predicted)

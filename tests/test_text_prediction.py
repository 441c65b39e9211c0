"""Tests of what models say of texts, as plain values, through `Bundle.predict_text`."""

import json

import numpy as np
import pytest
from tiny_bundles import LABELS, TASKS, odd_texts, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.classification import encode_texts
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.tag_schemes import begun
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.prediction import classify
from keras_bert_kit.text_prediction import predict_text, predict_words, task_of

TEXTS = ["the star shines", "", "bread is warm . " * 30, "Ada smiled"]


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param


@pytest.fixture(scope="module")
def bundle(task):
    return tiny_bundle(task)


def pairs_for(task):
    return ["who is far ?"] * len(TEXTS) if task == "questions" else None


def test_the_task_of_a_model_is_known(task, bundle):
    assert task_of(bundle.model) == task


def test_every_task_gives_json_values(task, bundle):
    results = bundle.predict_text(TEXTS, pairs_for(task), batch_size=3)
    assert json.loads(json.dumps(results)) == results
    assert [list(one) for one in results] == [
        {
            "classification": ["label", "probability", "probabilities"],
            "multilabel": ["labels", "probabilities"],
            "regression": ["value"],
            "tagging": ["entities"],
            "questions": ["answer", "start", "end", "probability"],
        }[task]
    ] * len(TEXTS)


def test_no_text_gives_nothing(task, bundle):
    assert bundle.predict_text([], [] if task == "questions" else None) == []


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_values_are_those_of_the_arrays(kind):
    bundle = tiny_bundle(kind)
    features = encode_texts(TEXTS, bundle.tokenizer, bundle.inputs)
    values = classify(bundle.model, bundle.tokenizer, features)
    for row, one in zip(values, bundle.predict_text(TEXTS), strict=True):
        if kind == "regression":
            assert one["value"] == pytest.approx(row[0], abs=1e-6)
            continue
        assert list(one["probabilities"]) == list(LABELS[kind])
        np.testing.assert_allclose(list(one["probabilities"].values()), row, atol=1e-6)
        if kind == "classification":
            assert one["label"] == LABELS[kind][row.argmax()]
            assert one["probability"] == pytest.approx(row.max())
        else:
            given = [name for name, share in zip(LABELS[kind], row, strict=True) if share >= 0.5]
            assert one["labels"] == given


def test_classes_without_names_are_numbered():
    bundle = tiny_bundle("classification")
    bare = Bundle(bundle.tokenizer, bundle.model)  # neither labels nor how texts are read
    (one,) = bare.predict_text(["ada"])
    assert list(one["probabilities"]) == ["0", "1", "2"]


@pytest.mark.parametrize(("seed", "scheme"), [(0, None), (1, "IOB2"), (2, "IOB2")])
def test_entities_are_slices_of_odd_texts(seed, scheme):
    bundle = tiny_bundle("tagging", tag_scheme=scheme)
    texts = odd_texts(seed, 40, 25)
    results = bundle.predict_text(texts)
    num_entities = 0
    for text, one in zip(texts, results, strict=True):
        ends = [0]
        for entity in one["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"] != ""
            assert ends[-1] <= entity["start"] < entity["end"]
            assert entity["label"] in ("PER", "LOC")
            assert 0 <= entity["probability"] <= 1
            ends.append(entity["end"])
            num_entities += 1
    assert num_entities > 40


@pytest.mark.parametrize(("seed", "threshold"), [(0, None), (1, 0.0), (2, None)])
def test_answers_are_slices_of_odd_texts(seed, threshold):
    bundle = tiny_bundle("questions", no_answer_threshold=threshold)
    questions, contexts = odd_texts(seed, 40, 6), odd_texts(seed + 100, 40, 25)
    results = bundle.predict_text(questions, contexts)
    for context, one in zip(contexts, results, strict=True):
        assert context[one["start"] : one["end"]] == one["answer"]
        assert 0 < one["probability"] <= 1 + 1e-9
    assert sum(bool(one["answer"]) for one in results) > 5


def test_what_was_cut_is_counted():
    bundle = tiny_bundle("classification", InputOptions(8, "truncate"))
    texts = ["the star", "the star shines . " * 2]
    found = predict_text(bundle.model, bundle.tokenizer, texts, options=bundle.inputs)
    assert found.num_cut.tolist() == [0, 2]
    words = tiny_bundle("tagging", InputOptions(8, "truncate"))
    rows = [text.split() for text in texts]
    tagged = predict_words(words.model, words.tokenizer, rows, options=words.inputs)
    assert tagged.num_cut.tolist() == [0, 2]
    assert tagged.results[1]["probabilities"][6:] == [0.0, 0.0]


def test_of_all_tags_the_likeliest_that_follow_the_scheme_are_given(tmp_path):
    texts = odd_texts(5, 40, 25)
    rows = [text.split() for text in texts]

    def tags(bundle):
        options = {"labels": bundle.labels, "tag_scheme": bundle.tag_scheme}
        found = predict_words(bundle.model, bundle.tokenizer, rows, **options).results
        return [one["tags"] for one in found]

    bundle = tiny_bundle("tagging", tag_scheme="IOB2")
    found, each_by_itself = tags(bundle), tags(tiny_bundle("tagging"))
    assert found != each_by_itself
    assert [begun(one) for one in found] == found
    bundle.save_pretrained(tmp_path / "kept")
    kept = Bundle.from_pretrained(tmp_path / "kept")
    assert tags(kept) == found
    assert kept.predict_text(texts) == bundle.predict_text(texts)
    assert kept.predict_text(texts) != tiny_bundle("tagging").predict_text(texts)


def test_words_keep_their_number():
    bundle = tiny_bundle("tagging")
    words = [["the", "\u200b", "New York"], [], ["star"] * 50]
    found = predict_words(bundle.model, bundle.tokenizer, words, labels=bundle.labels).results
    assert [len(one["tags"]) for one in found] == [3, 0, 50]
    assert found[0]["tags"][1] == "O"
    assert set(found[2]["tags"]) <= set(LABELS["tagging"])
    assert predict_words(bundle.model, bundle.tokenizer, []).results == []


def test_only_a_tagger_reads_words():
    bundle = tiny_bundle("regression")
    with pytest.raises(ValueError, match=r"Only a model that tags words .* is for regression"):
        predict_words(bundle.model, bundle.tokenizer, [["a"]])


def test_a_pre_trained_model_says_nothing():
    bundle = tiny_bundle("classification")
    other = Bundle(bundle.tokenizer, bundle.encoder)
    assert isinstance(other.model, Encoder)
    with pytest.raises(ValueError, match=r"says nothing of texts: it is a Encoder\. Fine-tune it"):
        other.predict_text(["a"])


@pytest.mark.parametrize(
    ("task", "texts", "pairs", "error", "message"),
    [
        ("classification", "one", None, TypeError, "lists of strings; received a single one"),
        ("classification", ["a"], "one", TypeError, "lists of strings; received a single one"),
        ("classification", ["a", None], None, TypeError, "`texts` .* received None at place 1"),
        ("classification", ["a"], [3], TypeError, "`pairs` .* received 3 at place 0"),
        ("classification", ["a"], ["b", "c"], ValueError, "a pair for each of 1 texts; got 2"),
        ("questions", ["a"], None, ValueError, "needs the text of each as `pairs`"),
        ("tagging", ["a"], ["b"], ValueError, "reads single texts: leave `pairs` out"),
    ],
)
def test_what_cannot_be_is_refused(task, texts, pairs, error, message):
    with pytest.raises(error, match=message):
        tiny_bundle(task).predict_text(texts, pairs)

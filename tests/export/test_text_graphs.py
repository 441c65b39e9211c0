"""What the graph says of strings is what Python says, on texts chosen to be hard."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.text_answers import AnswersOfTexts
from keras_bert_kit.export.text_classes import ClassesOfTexts
from keras_bert_kit.export.text_entities import EntitiesOfTexts

# Half a surrogate pair has no UTF-8, so no string of TensorFlow holds it.
TEXTS, PAIRS = (
    ["", *(text.replace("\ud83d", "") for text in odd_texts(seed, 60, 40)), "x " * 300]
    for seed in (0, 1)
)
WINDOWS = InputOptions(16, "windows", 5)
STRINGS = tf.TensorSpec((None,), tf.string)


def as_tensor(texts):
    return tf.constant([text.encode() for text in texts])


def graph_of(function, num_inputs):
    return tf.function(function, [STRINGS] * num_inputs, autograph=False)


@pytest.mark.parametrize("texts", [(TEXTS,), (TEXTS, PAIRS)], ids=["single", "pairs"])
@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("classification", WINDOWS),
        ("classification", InputOptions(16, "truncate")),
        ("classification", InputOptions(16, "head_tail")),
        ("multilabel", WINDOWS),
        ("regression", InputOptions(16, "windows")),
    ],
    ids=lambda value: getattr(value, "long_texts", value),
)
def test_classes_and_values_are_those_of_predict_text(task, options, texts):
    bundle = tiny_bundle(task, options)
    expected = bundle.predict_text(*texts)
    found = graph_of(ClassesOfTexts(bundle, options), len(texts))(*map(as_tensor, texts))
    if task == "regression":
        values = [one["value"] for one in expected]
        np.testing.assert_allclose(found["value"], values, atol=1e-6)
        return
    probabilities = [list(one["probabilities"].values()) for one in expected]
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-6)
    to_probabilities = tf.nn.softmax if task == "classification" else tf.nn.sigmoid
    np.testing.assert_allclose(to_probabilities(found["logits"]), probabilities, atol=1e-6)


@pytest.mark.parametrize("scheme", [None, "IOB2"])
@pytest.mark.parametrize(
    "options", [WINDOWS, InputOptions(16, "windows"), InputOptions(16, "truncate")], ids=str
)
def test_entities_are_those_of_predict_text(options, scheme):
    bundle = tiny_bundle("tagging", options, tag_scheme=scheme)
    expected = bundle.predict_text(TEXTS)
    found = graph_of(EntitiesOfTexts(bundle, options), 1)(as_tensor(TEXTS))
    found = {name: values.numpy() for name, values in found.items()}
    assert sum(len(one["entities"]) for one in expected) > 200
    for row, one in enumerate(expected):
        count = np.count_nonzero(found["starts"][row] >= 0)
        entities = [
            {
                "label": found["labels"][row, at].decode(),
                "start": found["starts"][row, at],
                "end": found["ends"][row, at],
                "text": found["entities"][row, at].decode(),
                "probability": pytest.approx(float(found["probabilities"][row, at]), abs=1e-6),
            }
            for at in range(count)
        ]
        assert one["entities"] == entities, TEXTS[row]
        assert not found["entities"][row, count:].any()


@pytest.mark.parametrize("threshold", [None, 0.0])
@pytest.mark.parametrize("options", [WINDOWS, InputOptions(16, "truncate")], ids=str)
def test_answers_are_those_of_predict_text(options, threshold):
    bundle = tiny_bundle("questions", options, no_answer_threshold=threshold)
    expected = bundle.predict_text(TEXTS, PAIRS)
    found = graph_of(AnswersOfTexts(bundle, options), 2)(as_tensor(TEXTS), as_tensor(PAIRS))
    assert sum(bool(one["answer"]) for one in expected) > 40
    assert [one["answer"] for one in expected] == [a.decode() for a in found["answer"].numpy()]
    for name in ("start", "end"):
        assert [one[name] for one in expected] == found[name].numpy().tolist()
    probabilities = [one["probability"] for one in expected]
    np.testing.assert_allclose(found["probability"], probabilities, atol=1e-6)


def test_no_texts_give_no_answers():
    nothing = tf.zeros([0], tf.string)
    classes = ClassesOfTexts(tiny_bundle("classification"), WINDOWS)
    assert graph_of(classes, 1)(nothing)["probabilities"].shape == (0, 3)
    assert (
        graph_of(EntitiesOfTexts(tiny_bundle("tagging", tag_scheme="IOB2"), WINDOWS), 1)(nothing)[
            "labels"
        ].shape[0]
        == 0
    )
    answers = AnswersOfTexts(tiny_bundle("questions"), WINDOWS)
    assert graph_of(answers, 2)(nothing, nothing)["answer"].shape == (0,)


def test_bytes_that_are_no_utf8_are_read_as_python_decodes_them():
    bundle = tiny_bundle("tagging")
    broken = b"Ada \xff\xfe smiled \xe4\xbd ."
    expected = bundle.predict_text([broken.decode(errors="replace")])[0]["entities"]
    found = EntitiesOfTexts(bundle, WINDOWS)(tf.constant([broken]))
    assert found["starts"][0].numpy().tolist() == [entity["start"] for entity in expected]
    assert [text.decode() for text in found["entities"][0].numpy()] == [e["text"] for e in expected]

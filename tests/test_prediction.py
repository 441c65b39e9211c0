"""Tests of predictions as arrays: in order, without padding, of windows the mean, in batches."""

import logging

import numpy as np
import pytest
from reference_bert import softmax
from tiny_bundles import TASKS, odd_texts, tiny_bundle

from keras_bert_kit import prediction
from keras_bert_kit.data.classification import encode_texts
from keras_bert_kit.data.features import Features, join_segments
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.spans import encode_questions
from keras_bert_kit.data.tagging import encode_words
from keras_bert_kit.prediction import answer, classify, outputs_of, tag

LENGTHS = (5, 1, 11, 0, 16, 2, 16)  # of tokens beside the special ones


def mixed_features(bundle) -> Features:
    random = np.random.default_rng(0)
    size = len(bundle.tokenizer.vocabulary)
    inputs = [
        join_segments([random.integers(5, size, length)], bundle.tokenizer.vocabulary)
        for length in LENGTHS
    ]
    ids, of_segment = zip(*inputs, strict=True)
    return Features.of(ids, of_segment, range(len(ids)), [0] * len(ids))


def alone(bundle, features, index) -> dict:
    """What the model says of one input, called by itself, without any padding."""
    there = slice(*features.splits[index : index + 2])
    ids = features.token_ids[None, there]
    batch = {
        "token_ids": ids,
        "segment_ids": features.segment_ids[None, there],
        "padding_mask": np.ones_like(ids),
    }
    return {name: v.numpy()[0] for name, v in bundle.model(batch, training=False).items()}


@pytest.fixture(scope="module", params=["classification", "tagging", "questions"])
def bundle(request):
    return tiny_bundle(request.param)


def test_outputs_are_those_of_each_input_alone_and_in_order(bundle):
    features = mixed_features(bundle)
    found = outputs_of(bundle.model, features, bundle.tokenizer.vocabulary.pad_id, batch_size=3)
    expected = [alone(bundle, features, index) for index in range(len(features))]
    assert found.keys() == expected[0].keys()
    for name, values in found.items():
        join = np.stack if name == "label" else np.concatenate
        np.testing.assert_allclose(values, join([one[name] for one in expected]), atol=1e-5)


def test_what_takes_long_says_how_far_it_is(monkeypatch, caplog):
    monkeypatch.setattr(prediction, "SECONDS_BETWEEN_LINES", 0)
    bundle = tiny_bundle("classification")
    with caplog.at_level(logging.INFO):
        outputs_of(bundle.model, mixed_features(bundle), 0, batch_size=3)
    assert [record.getMessage() for record in caplog.records][-1] == (
        "The model has read 6 of 7 inputs."
    )


def test_every_position_of_the_model_can_be_used():
    bundle = tiny_bundle("classification", positions=18)  # no multiple of what lengths round to
    features = mixed_features(bundle)
    assert features.lengths.max() == 18
    found = outputs_of(bundle.model, features, 0)["label"]
    assert np.isfinite(found).all()


def test_an_input_that_is_too_long_for_the_model_is_refused():
    bundle = tiny_bundle("classification", positions=10)
    with pytest.raises(ValueError, match="An input has 18 tokens, but the model reads at most 10"):
        outputs_of(bundle.model, mixed_features(bundle), 0)


def test_no_input_is_refused():
    bundle = tiny_bundle("classification")
    with pytest.raises(ValueError, match="There are no inputs"):
        outputs_of(bundle.model, Features.of([], [], [], []), 0)


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_windows_of_a_text_are_pooled_to_the_mean(task):
    bundle = tiny_bundle(task)
    texts = ["the star shines far", "bread " * 20 + "ada smiled", "", "who is warm ? " * 5]
    features = encode_texts(texts, bundle.tokenizer, bundle.inputs)
    assert features.window_counts.tolist() == [1, 3, 1, 3]
    logits = [alone(bundle, features, i)["label"] for i in range(len(features))]
    to_values = {
        "classification": softmax,
        "multilabel": lambda z: 1 / (1 + np.exp(-z)),
        "regression": lambda z: z,
    }[task]
    values = [to_values(one.astype(np.float64)) for one in logits]
    expected = [
        np.mean([v for v, row in zip(values, features.rows, strict=True) if row == at], axis=0)
        for at in range(len(texts))
    ]
    found = classify(bundle.model, bundle.tokenizer, features, batch_size=4)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_a_long_text_is_read_in_batches_of_bounded_size(task, monkeypatch):
    bundle = tiny_bundle(task)
    num_tokens = 5_000 if task == "classification" else 500
    text = "the star shines . " * (num_tokens // 4)
    shapes = []
    predict = bundle.model.predict_on_batch

    def watched(x):
        shapes.append(tuple(x["token_ids"].shape))
        return predict(x)

    monkeypatch.setattr(bundle.model, "predict_on_batch", watched)
    pairs = [text, "ada"] if task == "questions" else None
    texts = ["who is far ?", "who ?"] if task == "questions" else [text, "ada"]
    results = bundle.predict_text(texts, pairs, batch_size=8)
    assert len(results) == 2
    assert len(shapes) > num_tokens / 16 / 8  # in windows of 16 tokens, 8 of them at once
    assert max(rows for rows, _ in shapes) == 8
    assert max(length for _, length in shapes) <= 16


def test_words_have_the_tag_that_their_first_piece_has_in_its_window():
    bundle = tiny_bundle("tagging")
    words = [["the", "star", "zzz"], ["ada"], []]
    options = InputOptions(16, "windows", 5)
    encoded = encode_words(words, bundle.tokenizer, options)
    tags, sure = tag(bundle.model, bundle.tokenizer, encoded, bundle.labels)
    vocabulary = bundle.tokenizer.vocabulary
    ids = [vocabulary.id_of(t) for t in ("the", "star", "z", "##z", "##z")]
    tokens, of_segment = join_segments([ids], vocabulary)
    features = Features.of([tokens], [of_segment], [0], [0])
    expected = softmax(alone(bundle, features, 0)["tags"].astype(np.float64))[[1, 2, 3]]
    assert tags[0].tolist() == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(sure[0], expected.max(axis=1), atol=1e-5)
    assert [len(one) for one in tags] == [len(one) for one in sure] == [3, 1, 0]


def test_answers_are_the_spans_with_the_highest_sum():
    bundle = tiny_bundle("questions")
    context = "ada is far . the star"
    encoded = encode_questions(["who ?"], [context], bundle.tokenizer, bundle.inputs)
    (found,) = answer(bundle.model, bundle.tokenizer, encoded, [context])
    vocabulary = bundle.tokenizer.vocabulary
    words = context.split()
    ids = [[vocabulary.id_of(t) for t in part] for part in (["who", "?"], words)]
    tokens, of_segment = join_segments(ids, vocabulary)
    logits = alone(bundle, Features.of([tokens], [of_segment], [0], [0]), 0)
    start, end = (logits[name][4:10].astype(np.float64) for name in ("start", "end"))
    scores = np.where(np.triu(np.ones((6, 6))) == 1, start[:, None] + end, -np.inf)
    first, last = np.unravel_index(scores.argmax(), scores.shape)
    assert found.text == " ".join(words[first : last + 1])
    share = np.exp(scores.max()) / np.exp(scores).sum()
    np.testing.assert_allclose(found.probability, share, atol=1e-5)


def test_a_text_is_read_the_same_alone_and_among_others():
    bundle = tiny_bundle("classification")
    texts = odd_texts(1, 40, 12)
    tokenizer = bundle.tokenizer
    features = encode_texts(texts, tokenizer, bundle.inputs)
    together = classify(bundle.model, tokenizer, features, batch_size=7)
    for at in (0, 7, 23, 39):
        by_itself = encode_texts([texts[at]], tokenizer, bundle.inputs)
        (one,) = classify(bundle.model, tokenizer, by_itself)
        np.testing.assert_allclose(together[at], one, atol=1e-5)

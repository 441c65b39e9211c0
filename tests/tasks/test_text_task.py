from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_models import tiny_encoder

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.rows import Rows
from keras_bert_kit.tasks.text_task import TextTask, balanced_weights
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdef"]))
INPUTS = InputOptions(8)


def examples(labels, texts=None, pairs=None):
    texts = texts or ["a b c", "d", "e f", "a"][: len(labels)]
    return LabelledTexts(texts, pairs, labels, list(range(len(labels))), "train.tsv")


def one_batch(task, rows, **options):
    model = task.model(tiny_encoder(), rows)
    batches = task.batches(rows, model, TOKENIZER, batch_size=len(rows), **options)
    return model, batches, next(iter(batches.one_pass()))


def test_classes_become_their_numbers_in_the_order_of_the_names():
    rows = examples(["good", "bad", "good", "bad"])
    task = TextTask(inputs=INPUTS).with_labels_of(rows)
    assert task.labels == ("bad", "good")
    _, batches, (x, y, weights) = one_batch(task, rows)
    assert np.array(y["label"])[np.argsort(batches.order)].tolist() == [1, 0, 1, 0]
    assert np.array(weights["label"]).tolist() == [1.0] * 4
    assert x["token_ids"].shape == (4, 8)


def test_a_regression_starts_where_its_labels_are_and_as_far_apart():
    heads = {}
    for unit in (1.0, 100.0):
        keras.utils.set_random_seed(0)
        rows = examples([unit * label for label in (1.0, 2.0, 3.0, 6.0)])
        model = TextTask("regression", INPUTS).model(tiny_encoder(), rows)
        heads[unit] = [np.array(w) for w in model.get_layer("classifier").linear.weights]
    kernel, bias = heads[1.0]
    np.testing.assert_allclose(heads[100.0][0], 100 * kernel, rtol=1e-5)
    assert bias.tolist() == [3.0] and heads[100.0][1].tolist() == [300.0]
    assert kernel.std() > 0


@pytest.mark.parametrize(("labels", "has_f1"), [(["a", "b"], True), (["a", "b", "c"], False)])
def test_metrics_of_the_second_class_are_those_of_two(labels, has_f1):
    task = TextTask(inputs=INPUTS).with_labels_of(examples(labels))
    assert ("f1" in task.metric_names) == has_f1 and "f1_macro" in task.metric_names


def test_class_weights_make_rare_rows_weigh_more():
    rows = examples(["a", "a", "a", "b"])
    task = TextTask(inputs=INPUTS, class_weights=True).with_labels_of(rows)
    _, _, (_, y, weights) = one_batch(task, rows)
    by_class = dict(
        zip(np.array(y["label"]).tolist(), np.array(weights["label"]).tolist(), strict=True)
    )
    assert by_class == {0: pytest.approx(4 / 6), 1: pytest.approx(2.0)}


def test_resampling_draws_rare_rows_as_often_as_common_ones():
    rows = examples(["a"] * 9 + ["b"], ["a"] * 9 + ["b"])
    task = TextTask(inputs=INPUTS, resample=True).with_labels_of(rows)
    model = task.model(tiny_encoder(), rows)
    batches = task.batches(rows, model, TOKENIZER, batch_size=10)
    drawn = np.concatenate([y["label"] for _, y, _ in batches.dataset().take(200)])
    assert 0.45 < drawn.mean() < 0.55
    plain = TextTask(inputs=INPUTS, labels=task.labels).batches(rows, model, TOKENIZER)
    drawn = np.concatenate([y["label"] for _, y, _ in plain.dataset().take(20)])
    assert drawn.mean() == pytest.approx(0.1)


def test_several_labels_are_rows_of_zeros_and_ones():
    rows = examples([("x", "y"), (), ("y",)])
    task = TextTask("multi_label", INPUTS).with_labels_of(rows)
    model, batches, (_, y, _) = one_batch(task, rows)
    assert np.array(y["label"])[np.argsort(batches.order)].tolist() == [[1, 1], [0, 0], [0, 1]]
    assert model.arguments["problem"] == "multi_label"


def test_a_regression_starts_at_the_mean():
    rows = examples([1.0, 4.0, 4.0])
    task = TextTask("regression", INPUTS).with_labels_of(rows)
    model, _, (_, y, _) = one_batch(task, rows)
    assert sorted(np.array(y["label"]).tolist()) == [1.0, 4.0, 4.0]
    assert model.get_layer("classifier").linear.bias.numpy().tolist() == [3.0]


def test_windows_share_the_weight_of_their_row():
    rows = examples(["x", "y"], ["a b c d e f a b c d", "a"])
    task = TextTask(inputs=InputOptions(8, "windows", 6)).with_labels_of(rows)
    model = task.model(tiny_encoder(), rows)
    batches = task.batches(rows, model, TOKENIZER)
    assert batches.features.rows.tolist() == [0, 0, 1]
    assert batches.weights["label"].tolist() == pytest.approx([0.75, 0.75, 1.5])  # mean 1


def test_a_long_row_counts_as_much_as_a_short_one_whatever_batches_they_are_in():
    long, short = "a b c d e f " * 6, "b"
    rows = examples(["x"] * 8 + ["y"] * 8, [long] * 8 + [short] * 8)
    task = TextTask(inputs=InputOptions(8, "windows", 6)).with_labels_of(rows)
    model = task.model(tiny_encoder(), rows)
    model.compile(
        keras.optimizers.SGD(0.0),
        model.losses_by_output(),
        mean_over_weights=task.mean_over_weights,
    )
    bias = model.get_layer("classifier").linear.bias
    bias.assign([0.0, 0.0])
    model.get_layer("classifier").linear.kernel.assign(np.zeros((8, 2)))
    batches = task.batches(rows, model, TOKENIZER, batch_size=4)
    gradient = np.zeros(2)
    for x, y, weights in batches.dataset().take(batches.steps_per_epoch):
        found = model._gradients(x, y, weights, 1.0, 1.0, {})
        at = [v.path for v in model.trainable_variables].index(bias.path)
        gradient += found[at].numpy() * len(x["token_ids"])
    # All probabilities are a half: rows of x pull one way, rows of y the other, equally.
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)


def test_options_for_rare_classes_are_one_at_a_time_and_for_classes():
    with pytest.raises(ValueError, match="choose one of them"):
        TextTask(class_weights=True, resample=True)
    with pytest.raises(ValueError, match="not for regression: leave them out"):
        TextTask("regression", class_weights=True)


def test_small_encoders_are_read_by_the_mean_unless_told_otherwise():
    rows = examples(["x", "y"])
    task = TextTask(inputs=INPUTS).with_labels_of(rows)
    assert task.model(tiny_encoder(), rows).arguments["pooling"] == "mean"
    first = replace(task, pooling="first")
    assert first.model(tiny_encoder(), rows).arguments["pooling"] == "first"
    assert first.model(tiny_encoder(), rows).arguments["hidden_activation"] is None
    wide = tiny_encoder(hidden_dim=768)
    assert task.model(wide, rows).arguments["pooling"] == "first"


def test_an_encoder_without_pooler_gets_a_dense_layer_over_its_first_token():
    rows = examples(["x", "y"])
    task = TextTask(inputs=INPUTS, pooling="first").with_labels_of(rows)
    assert task.model(tiny_encoder(pooler=False), rows).arguments["hidden_activation"] == "tanh"


def test_predictions_are_probabilities_of_the_rows_in_order():
    rows = examples(["x", "y", "x", "y"])
    task = TextTask(inputs=INPUTS).with_labels_of(rows)
    model = task.model(tiny_encoder(), rows)
    found = task.predict(model, TOKENIZER, rows)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
    alone = task.predict(model, TOKENIZER, rows.select([2]))
    np.testing.assert_allclose(found[2:3], alone, atol=1e-6)
    metrics = task.metrics(rows, found)
    assert metrics["rows"] == 4
    assert task.score(rows, found)(np.arange(4))["accuracy"] == metrics["accuracy"]


def test_one_class_only_is_refused_for_training():
    with pytest.raises(ValueError, match=r"All 2 rows of train\.tsv have the label 'x'"):
        TextTask().with_labels_of(examples(["x", "x"]))


def test_examples_come_from_the_columns_that_are_named():
    rows = Rows({"t": ["a", "b"], "l": [1, 0], "g": ["u", "v"]}, "a.csv", [2, 3])
    found = TextTask(text="t", label="l", group="g").examples(rows)
    assert (found.texts, found.labels, found.groups) == (["a", "b"], ["1", "0"], ["u", "v"])


def test_balanced_weights_of_a_class_that_is_not_there():
    assert balanced_weights(np.array([0, 0, 2, 2]), 3).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_fit_takes_the_batches():
    keras.utils.set_random_seed(0)
    rows = examples(["x", "y"] * 8, ["a b", "e f"] * 8)
    task = TextTask(inputs=INPUTS).with_labels_of(rows)
    model = task.model(tiny_encoder(), rows)
    batches = task.batches(rows, model, TOKENIZER, batch_size=8)
    model.compile(keras.optimizers.Adam(3e-3), model.losses_by_output())
    history = model.fit(
        batches.dataset(),
        steps_per_epoch=batches.steps_per_epoch,
        epochs=60,
        verbose=0,
        shuffle=False,
    )
    assert history.history["loss"][-1] < 0.1
    assert task.metrics(rows, task.predict(model, TOKENIZER, rows))["accuracy"] == 1.0

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of, within
from tiny_models import ARGUMENTS, BATCH, MASK_POSITIONS, tiny_encoder, tiny_pretraining_model

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

INPUTS = BATCH[0]
ROBERTA = {"num_segments": 0, "pooler": False, "position_offset": 2}
DISTILBERT = {"num_segments": 0, "pooler": False}
# Each with the labels of the batch.
TASKS = {
    "classification": (
        lambda encoder: ClassificationModel(encoder, 3, name="texts"),
        {"label": [2, 0]},
    ),
    "tagging": (
        lambda encoder: TaggingModel(encoder, 3, name="tokens"),
        {"tags": [[0, 1, 2, 0, 1, 0], [2, 2, 1, 0, 0, 0]]},
    ),
    "span": (
        lambda encoder: SpanModel(encoder, name="answers"),
        {"start": [1, 0], "end": [2, 3]},
    ),
}


def assert_same_outputs(outputs, expected, atol=0.0):
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "make", [*(make for make, _ in TASKS.values()), PretrainingModel], ids=[*TASKS, "pretraining"]
)
def test_insides_come_with_the_same_outputs(make):
    model = make(tiny_encoder(num_layers=2))
    randomize(model)
    found = model.with_internals()(INPUTS)
    inside = model.encoder.with_internals()(INPUTS)
    for name in ("hidden_states", "attention"):
        for value, expected in zip(found.pop(name), inside[name], strict=True):
            np.testing.assert_array_equal(value, expected)
    assert_same_outputs(found, model(INPUTS))


def test_equals_the_reference():
    model = tiny_pretraining_model(num_layers=2)
    weights = weights_of(model)
    encoded = reference_bert.encoder(INPUTS, weights, num_heads=2)
    expected = {
        "masked_lm": reference_bert.masked_lm(
            encoded["sequence_output"],
            MASK_POSITIONS,
            within(weights, "masked_lm"),
            weights["embeddings/token/table"],
        ),
        "next_sentence": reference_bert.next_sentence(
            encoded["pooled_output"], within(weights, "next_sentence")
        ),
    }
    assert_same_outputs(model(INPUTS), expected, atol=1e-5)


def test_without_next_sentence_there_is_one_output():
    model = tiny_pretraining_model(next_sentence=False, pooler=False, num_segments=0)
    assert set(model(INPUTS)) == {"masked_lm"}
    assert set(model.losses_by_output()) == set(model.metrics_by_output()) == {"masked_lm"}


def test_next_sentence_without_a_pooler_is_an_error():
    with pytest.raises(ValueError, match=r"built with `pooler=False`. Build it with a pooler, or"):
        PretrainingModel(tiny_encoder(pooler=False))


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'next_sentences'"):
        PretrainingModel(tiny_encoder(), next_sentences=False)


def test_two_models_may_stand_on_one_encoder_of_any_name():
    encoder = tiny_encoder(name="reader")
    first, second = PretrainingModel(encoder), PretrainingModel(encoder, next_sentence=False)
    assert first.encoder is second.encoder is encoder
    encoder.token_embedding.table.assign(np.zeros((11, 8)))
    for model in (first, second):
        np.testing.assert_array_equal(model(INPUTS)["masked_lm"], 0.0)


@pytest.mark.parametrize("next_sentence", [True, False])
def test_config_makes_the_same_model(next_sentence):
    model = PretrainingModel(
        Encoder(**ARGUMENTS, dtype="mixed_bfloat16"), next_sentence, name="two_heads"
    )
    again = PretrainingModel.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.name == "two_heads"
    assert [v.shape for v in again.variables] == [v.shape for v in model.variables]


def test_keras_file_holds_the_model_and_keeps_its_tie(tmp_path):
    model = tiny_pretraining_model()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same_outputs(again(INPUTS), model(INPUTS))

    tables = [weight for weight in again.weights if tuple(weight.shape) == (11, 8)]
    assert tables == [again.encoder.token_embedding.table]
    tables[0].assign(np.zeros((11, 8)))
    bias = again.get_layer("masked_lm").output_bias
    np.testing.assert_array_equal(again(INPUTS)["masked_lm"], np.broadcast_to(bias, (2, 3, 11)))


def test_weights_file_holds_the_model(tmp_path):
    model, again = tiny_pretraining_model(), PretrainingModel(Encoder(**ARGUMENTS))
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    assert_same_outputs(again(INPUTS), model(INPUTS))


def test_mixed_precision_gives_float32_logits_that_stay_near():
    logits = tiny_pretraining_model(dtype="mixed_bfloat16")(INPUTS)
    assert {value.dtype for value in logits.values()} == {tf.float32}
    assert_same_outputs(logits, tiny_pretraining_model()(INPUTS), atol=0.1)


def test_xla_gives_the_same():
    model = tiny_pretraining_model()
    compiled = tf.function(lambda x: model(x), jit_compile=True)
    assert_same_outputs(compiled(INPUTS), model(INPUTS), atol=1e-5)


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    """The model of a task and the labels of the batch."""
    make, labels = TASKS[request.param]
    model = make(Encoder(**ARGUMENTS | {"dropout": 0.0}))
    randomize(model)
    return model, {name: np.array(values, "int32") for name, values in labels.items()}


def expected_logits(model):
    """By hand from the encoder's outputs and the weights of the head."""
    encoded = model.encoder({key: INPUTS[key] for key in model.encoder.input})
    features = encoded["pooled_output" if model.name == "texts" else "sequence_output"]
    scores = reference_bert.dense(
        np.asarray(features, "float64"), within(weights_of(model.layers[-1]), "linear")
    )
    names = list(model.output)
    return (
        {names[0]: scores}
        if len(names) == 1
        else dict(zip(names, np.moveaxis(scores, -1, 0), strict=True))
    )


def test_a_task_model_is_its_head_on_the_encoder(task):
    model, _ = task
    assert_same_outputs(model(INPUTS), expected_logits(model), atol=1e-5)


def test_config_makes_the_same_task_model(task):
    model, _ = task
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert [(w.path, w.shape) for w in again.weights] == [(w.path, w.shape) for w in model.weights]


def test_keras_file_holds_the_task_model(task, tmp_path):
    model, _ = task
    model.save(tmp_path / "model.keras")
    assert_same_outputs(keras.models.load_model(tmp_path / "model.keras")(INPUTS), model(INPUTS))


def test_a_task_model_is_trained_by_its_losses(task):
    model, labels = task
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    losses = again.losses_by_output()
    assert set(losses) == set(again.metrics_by_output()) == set(labels) == set(again.output)
    again.compile("sgd", loss=losses, weighted_metrics=again.metrics_by_output())
    inputs = {key: INPUTS[key] for key in again.input}
    history = again.fit(inputs, labels, epochs=2, batch_size=2, verbose=0, shuffle=False).history
    assert {f"{name}_accuracy" for name in labels} <= set(history)
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize(
    ("changes", "hidden_activation"), [({}, None), (ROBERTA, "tanh"), (DISTILBERT, "relu")]
)
def test_a_classifier_has_the_dense_layer_of_its_family(changes, hidden_activation):
    model = ClassificationModel(tiny_encoder(**changes), 3)
    assert model.arguments["hidden_activation"] == hidden_activation
    head = model.get_layer("classifier")
    assert head.hidden_activation == hidden_activation
    assert len(head.weights) == (4 if hidden_activation else 2)


def test_a_classifier_with_a_dense_layer_reads_the_first_token():
    model = ClassificationModel(tiny_encoder(**DISTILBERT), 3)
    randomize(model)
    weights = weights_of(model.get_layer("classifier"))
    inputs = {key: INPUTS[key] for key in model.input}
    first = np.asarray(model.encoder(inputs)["sequence_output"], "float64")[:, 0]
    hidden = np.maximum(reference_bert.dense(first, within(weights, "hidden")), 0)
    expected = {"label": reference_bert.dense(hidden, within(weights, "linear"))}
    assert_same_outputs(model(inputs), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "dropout"),
    [
        (lambda encoder: ClassificationModel(encoder, 3), 0.3),
        (lambda encoder: ClassificationModel(encoder, 3, dropout=0.0), 0.0),
        (lambda encoder: TaggingModel(encoder, 3), 0.3),
        (lambda encoder: TaggingModel(encoder, 3, dropout=0.0), 0.0),
        (SpanModel, 0.0),
    ],
)
def test_dropout_of_a_head_is_the_encoders_but_before_spans(make, dropout):
    model = make(tiny_encoder(dropout=0.3))
    assert model.layers[-1].dropout == model.arguments["dropout"] == dropout


def test_a_classifier_on_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"A BERT classifier reads the pooled output.*own with"):
        ClassificationModel(tiny_encoder(pooler=False), 3)


def test_without_a_pooler_a_classifier_may_have_a_dense_layer():
    model = ClassificationModel(tiny_encoder(pooler=False), 3, hidden_activation="tanh")
    assert model(INPUTS)["label"].shape == (2, 3)


def evaluate_problem(problem, labels, run_eagerly=False, **losses):
    """A classifier of a problem, its logits and the logs of an evaluation with weights."""
    labels = np.array(labels)
    num_classes = 1 if labels.ndim == 1 else labels.shape[1]
    model = ClassificationModel(tiny_encoder(dropout=0.0), num_classes, problem=problem)
    randomize(model)
    metrics = model.metrics_by_output()
    model.compile(
        "sgd",
        loss=model.losses_by_output(**losses),
        weighted_metrics=metrics,
        run_eagerly=run_eagerly,
    )
    weights = {"label": np.array([1.0, 3.0], "float32")}
    inputs = {key: INPUTS[key] for key in model.input}
    logits = np.asarray(model(inputs)["label"], "float64")
    logs = model.test_on_batch(inputs, {"label": labels}, weights, return_dict=True)
    return model, logits, logs


def fit_problem(problem, labels):
    """The logits of a classifier and the logs of an evaluation, after which it has trained."""
    model, logits, logs = evaluate_problem(problem, labels)
    inputs = {key: INPUTS[key] for key in model.input}
    weights = {"label": np.array([1.0, 3.0], "float32")}
    labels = {"label": np.array(labels)}
    assert model.fit(inputs, labels, sample_weight=weights, verbose=0).history
    return logits, logs


def test_a_regression_has_the_errors_of_its_rows():
    labels = [0.5, -2.0]
    logits, logs = fit_problem("regression", labels)
    errors = np.array(labels) - logits[:, 0]
    assert logs == {
        "loss": pytest.approx((errors**2 @ [1, 3]) / 4, rel=1e-4),
        "label_loss": pytest.approx((errors**2 @ [1, 3]) / 4, rel=1e-4),
        "label_mean_squared_error": pytest.approx((errors**2 @ [1, 3]) / 4, rel=1e-4),
        "label_mean_absolute_error": pytest.approx((abs(errors) @ [1, 3]) / 4, rel=1e-4),
    }


def test_several_labels_have_a_yes_and_no_each():
    labels = [[1, 0, 1], [0, 0, 1]]
    logits, logs = fit_problem("multi_label", labels)
    signed = np.where(np.array(labels) == 1, logits, -logits)
    rows = np.log(1 + np.exp(-signed)).mean(axis=-1)
    assert logs["label_loss"] == pytest.approx((rows @ [1, 3]) / 4, rel=1e-4)
    assert logs["label_accuracy"] == pytest.approx(((signed > 0).mean(axis=-1) @ [1, 3]) / 4)
    # of the classes only the first has both answers, the others have no area
    assert logs["label_roc_auc"] == pytest.approx(float(logits[0, 0] > logits[1, 0]) / 3)


def test_options_of_the_losses_change_them():
    labels = [[1, 0, 1], [0, 0, 1]]
    found = [
        evaluate_problem("multi_label", labels, run_eagerly=True, **options)[2]["loss"]
        for options in ({}, {"label_smoothing": 0.3}, {"focal_gamma": 2.0})
    ]
    assert len({round(value, 4) for value in found}) == 3
    tagger = TaggingModel(tiny_encoder(), 3)
    assert tagger.losses_by_output(label_smoothing=0.1)["tags"].label_smoothing == 0.1
    assert tagger.losses_by_output(focal_gamma=1.5)["tags"].gamma == 1.5


@pytest.mark.parametrize("problem", ["single_label", "multi_label", "regression"])
def test_the_problem_outlasts_its_config(problem):
    model = ClassificationModel(tiny_encoder(), 1, problem=problem)
    assert model.arguments["problem"] == problem
    again = ClassificationModel.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    metrics = [metric.name for metric in again.metrics_by_output()["label"]]
    assert metrics == [metric.name for metric in model.metrics_by_output()["label"]]


def test_a_config_from_before_problems_is_of_classes():
    config = ClassificationModel(tiny_encoder(), 3).get_config()
    del config["problem"]
    assert ClassificationModel.from_config(config).arguments["problem"] == "single_label"


@pytest.mark.parametrize("problem", ["multi_label", "regression"])
def test_a_keras_file_holds_the_problem(problem, tmp_path):
    model = ClassificationModel(tiny_encoder(), 1, problem=problem)
    model.compile("sgd", loss=model.losses_by_output(), weighted_metrics=model.metrics_by_output())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = {key: INPUTS[key] for key in model.input}
    labels = {"label": np.array([[1.0], [0.0]], "float32")}
    expected = model.test_on_batch(inputs, labels, return_dict=True)
    assert again.test_on_batch(inputs, labels, return_dict=True) == pytest.approx(expected)


def test_a_problem_that_is_none_is_an_error():
    message = r"one of single_label, multi_label, regression; received 'ordinal'"
    with pytest.raises(ValueError, match=message):
        ClassificationModel(tiny_encoder(), 3, problem="ordinal")


def test_a_regression_of_several_values_is_an_error():
    message = r"`problem='regression'` with `num_classes=3`\. Give `num_classes=1`"
    with pytest.raises(ValueError, match=message):
        ClassificationModel(tiny_encoder(), 3, problem="regression")


@pytest.mark.parametrize("problem", ["single_label", "multi_label"])
def test_smoothing_and_focus_together_are_an_error(problem):
    model = ClassificationModel(tiny_encoder(), 3, problem=problem)
    message = r"received label_smoothing=0\.1 and focal_gamma=2\.0\. Leave one at 0\."
    with pytest.raises(ValueError, match=message):
        model.losses_by_output(label_smoothing=0.1, focal_gamma=2.0)


def test_smoothing_of_a_regression_is_an_error():
    model = ClassificationModel(tiny_encoder(), 1, problem="regression")
    with pytest.raises(ValueError, match=r"A regression has no classes.* received 0\.1 and 0\.0"):
        model.losses_by_output(label_smoothing=0.1)


def test_a_pretraining_model_without_heads_is_an_error():
    with pytest.raises(ValueError, match=r"one head or both, but `next_sentence` and `masked_lm`"):
        PretrainingModel(tiny_encoder(), next_sentence=False, masked_lm=False)


def test_next_sentence_alone_takes_no_positions():
    model = PretrainingModel(tiny_encoder(), masked_lm=False)
    assert set(model.output) == {"next_sentence"}
    assert "mask_positions" not in model.input


needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)


def run_on_jax(program, *arguments):
    # Less optimisation, for faster compilation
    environment = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[1],
        env=os.environ | environment,
        check=True,
    )


IMPORT = """
import sys

import keras

import keras_bert_kit.encoder
import keras_bert_kit.heads.masked_lm
import keras_bert_kit.heads.next_sentence
import keras_bert_kit.models
import keras_bert_kit.training.losses

assert keras.config.backend() == "jax"
assert "tensorflow" not in sys.modules, "importing the model imported TensorFlow"
"""


@needs_jax
def test_on_jax_does_without_tensorflow():
    run_on_jax(IMPORT)


PREDICT = """
import json
import sys
from pathlib import Path

import numpy as np

from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

folder = Path(sys.argv[1])
model = PretrainingModel.from_config(json.loads((folder / "config.json").read_text()))
model.load_weights(folder / "model.weights.h5")
with np.load(folder / "inputs.npz") as inputs:
    outputs = model.predict(dict(inputs), verbose=0)
np.savez(folder / "outputs.npz", **{name: np.asarray(value) for name, value in outputs.items()})
"""


@needs_jax
@pytest.mark.slow
def test_on_jax_gives_the_same(tmp_path):
    model = tiny_pretraining_model()
    (tmp_path / "config.json").write_text(json.dumps(model.get_config()))
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "inputs.npz", **INPUTS)
    run_on_jax(PREDICT, str(tmp_path))
    with np.load(tmp_path / "outputs.npz") as outputs:
        assert_same_outputs(dict(outputs), model(INPUTS), atol=1e-5)

"""A student learns what its teacher says and does inside; the teacher stays what it is."""

import keras
import numpy as np
import pytest
from reference_bert import randomize
from tiny_models import ARGUMENTS, BATCH, INPUTS

from keras_bert_kit.compression.distillation import DistillationModel
from keras_bert_kit.compression.losses import SoftCrossEntropy, cosine_distance, vector_error
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import (
    ClassificationModel,
    PretrainingModel,
    SpanModel,
    TaggingModel,
)

LABELS = {"label": np.array([0, 2], "int32")}


def encoder(**changes):
    return Encoder(**{**ARGUMENTS, "dropout": 0.0, **changes})


def classifier(num_layers, seed, problem="single_label", classes=3, **changes):
    model = ClassificationModel(
        encoder(num_layers=num_layers, **changes), classes, problem=problem, pooling="mean"
    )
    randomize(model, seed)
    return model


def compiled(model, weights=None, rate=1e-2, optimizer=keras.optimizers.Adam, **options):
    model.compile(
        optimizer(rate),
        loss=model.losses_by_output(),
        loss_weights=weights or model.loss_weights_by_output(),
        weighted_metrics=model.metrics_by_output(),
        **options,
    )
    return model


def values(model):
    return [weight.numpy() for weight in model.weights]


def test_every_loss_is_the_weighted_mean_of_its_terms():
    student, teacher = classifier(1, 1), classifier(2, 2)
    model = compiled(DistillationModel(student, teacher, 3.0, "all", attention=True))
    logs = model.test_on_batch(INPUTS, LABELS, return_dict=True)
    ours, theirs = (m.with_internals()(INPUTS) for m in (student, teacher))
    mask = INPUTS["padding_mask"]

    def mean(terms):
        return float((np.array(terms) * mask).sum() / mask.sum())

    soft = SoftCrossEntropy(3.0).call(theirs["label"], ours["label"])
    assert logs["soft_label_loss"] == pytest.approx(float(np.mean(soft)), rel=1e-4)
    for block, of_teacher in ((0, 0), (1, 2)):
        terms = vector_error(theirs["hidden_states"][of_teacher], ours["hidden_states"][block])
        assert logs[f"hidden_{block}_loss"] == pytest.approx(mean(terms), rel=1e-4)
    a, b = (np.array(o["attention"][-1], "float64") for o in (theirs, ours))
    terms = np.where(a > 1e-9, a * np.log(np.maximum(a, 1e-9) / np.maximum(b, 1e-9)), 0)
    terms = terms.sum(axis=-1).mean(axis=1)
    assert logs["attention_1_loss"] == pytest.approx(mean(terms), rel=1e-3)
    kinds = logs["hidden_0_loss"] / 2 + logs["hidden_1_loss"] / 2 + logs["attention_1_loss"]
    expected = logs["label_loss"] + logs["soft_label_loss"] + kinds
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    assert "label_accuracy" in logs


def test_a_student_comes_to_say_what_its_teacher_says_who_does_not_change():
    student, teacher = classifier(1, 1), classifier(2, 2)
    before = values(teacher)
    model = DistillationModel(student, teacher)
    model = compiled(model, model.loss_weights_by_output(label=0.0))
    first = model.train_on_batch(INPUTS, LABELS, return_dict=True)["soft_label_loss"]
    for _ in range(150):
        model.reset_metrics()
        last = model.train_on_batch(INPUTS, LABELS, return_dict=True)["soft_label_loss"]
    assert last < 0.01 * first
    found, expected = (keras.ops.softmax(m(INPUTS)["label"]) for m in (student, teacher))
    np.testing.assert_allclose(found, expected, atol=0.05)
    for weight, value in zip(teacher.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_the_teacher_is_no_part_of_what_is_saved():
    student, teacher = classifier(1, 1), classifier(2, 2)
    assert len(DistillationModel(student, teacher, hidden="last").weights) == len(student.weights)
    wide = classifier(2, 2, hidden_dim=12)
    model = DistillationModel(student, wide, hidden="all")
    assert len(model.weights) == len(student.weights) + 2 * 2  # two projections, each with a bias


def test_a_teacher_of_another_width_is_met_by_projections():
    student, teacher = classifier(1, 1), classifier(2, 2, hidden_dim=12)
    model = DistillationModel(student, teacher, hidden="all")
    assert model.output["hidden_1"].shape[-1] == 12
    model = compiled(model, model.loss_weights_by_output(0.0, 0.0, 1.0))
    first = model.train_on_batch(INPUTS, LABELS, return_dict=True)["loss"]
    for _ in range(60):
        model.reset_metrics()
        last = model.train_on_batch(INPUTS, LABELS, return_dict=True)["loss"]
    assert last < 0.5 * first


def test_the_last_states_agree_in_direction():
    model = DistillationModel(classifier(1, 1), classifier(4, 2), hidden="last", attention=True)
    assert set(model.output) == {"label", "soft_label", "hidden_1", "attention_1"}
    assert model.losses_by_output()["hidden_1"] is cosine_distance


def test_insides_are_those_of_the_same_pass_as_the_logits():
    """With dropout, a second pass would have other logits than those of the hidden states."""
    student = ClassificationModel(encoder(dropout=0.5), 3, dropout=0.0, pooling="mean")
    randomize(student)
    model = DistillationModel(student, classifier(2, 2), hidden="last")
    out = model(INPUTS, training=True)
    np.testing.assert_array_equal(out["label"], out["soft_label"])
    mask = INPUTS["padding_mask"][..., None]
    pooled = (np.array(out["hidden_1"]) * mask).sum(axis=1) / mask.sum(axis=1)
    linear = student.get_layer("classifier").linear
    logits = pooled @ linear.kernel.numpy() + linear.bias.numpy()
    np.testing.assert_allclose(out["label"], logits, atol=1e-5)


def test_pretraining_without_next_sentences():
    teacher = PretrainingModel(encoder(num_layers=2))
    student = PretrainingModel(encoder(num_segments=0, pooler=False), next_sentence=False)
    randomize(teacher, 1)
    randomize(student, 2)
    model = compiled(DistillationModel(student, teacher, hidden="last"), run_eagerly=True)
    assert set(model.output) == {"masked_lm", "soft_masked_lm", "hidden_1"}
    x, y, weights = BATCH
    logs = model.test_on_batch(x, y, weights, return_dict=True)
    terms = SoftCrossEntropy(2.0).call(teacher(x)["masked_lm"], student(x)["masked_lm"])
    weights = weights["masked_lm"]
    expected = float((np.array(terms) * weights).sum() / weights.sum())
    assert logs["soft_masked_lm_loss"] == pytest.approx(expected, rel=1e-4)
    before = values(teacher)
    model.train_on_batch(*BATCH)
    for weight, value in zip(teacher.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def distilbert_loss(student, teacher, batch, temperature=2.0):
    """DistilBERT's loss in float64: `5 T^2 KL + 2 CE + 1 (1 - cos)`, each over its own tokens."""
    x, y, weights = batch
    found, given = (m.with_internals()(x) for m in (student, teacher))
    masked = weights["masked_lm"] > 0
    ours, theirs = (np.array(out["masked_lm"], "float64")[masked] for out in (found, given))
    soft, target = (log_softmax(logits / temperature) for logits in (ours, theirs))
    divergence = (np.exp(target) * (target - soft)).sum() / len(ours) * temperature**2
    of_labels = -log_softmax(ours)[np.arange(len(ours)), y["masked_lm"][masked]].mean()
    tokens = x["padding_mask"] > 0
    a, b = (np.array(out["hidden_states"][-1], "float64")[tokens] for out in (found, given))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return 5 * divergence + 2 * of_labels + (1 - cosine).mean()


def test_distilberts_loss():
    """In micro-batches too, and the gradients, where rows have unlike numbers of tokens."""
    batch = BATCH[0], *({"masked_lm": part["masked_lm"]} for part in BATCH[1:])
    losses, weights = [], []
    for micro_batches in (1, 2):
        teacher = PretrainingModel(encoder(num_layers=2), next_sentence=False)
        student = PretrainingModel(encoder(num_segments=0, pooler=False), next_sentence=False)
        randomize(teacher, 1)
        randomize(student, 2)
        expected = distilbert_loss(student, teacher, batch)
        model = DistillationModel(student, teacher, 2.0, hidden="last")
        of_sanh = model.loss_weights_by_output(label=2.0, soft=5.0, hidden=1.0)
        # SGD, as Adam's first step is as long for a gradient that is rounding alone
        compiled(model, of_sanh, 1.0, keras.optimizers.SGD, micro_batches=micro_batches)
        losses.append(model.train_on_batch(*batch, return_dict=True)["loss"])
        weights.append(values(student))
        assert losses[-1] == pytest.approx(expected, rel=1e-4)
    for found, other in zip(*weights, strict=True):
        np.testing.assert_allclose(found, other, atol=1e-5)


def test_a_teacher_in_bfloat16_teaches_about_the_same():
    logs = []
    for dtype in ("float32", "mixed_bfloat16"):
        teacher = PretrainingModel(encoder(num_layers=2, dtype=dtype), next_sentence=False)
        student = PretrainingModel(encoder(num_segments=0, pooler=False), next_sentence=False)
        randomize(teacher, 1)
        randomize(student, 2)
        model = compiled(DistillationModel(student, teacher, hidden="last"), run_eagerly=True)
        x, y, weights = BATCH
        logs.append(model.test_on_batch(x, y, weights, return_dict=True))
    assert logs[1]["soft_masked_lm_loss"] == pytest.approx(logs[0]["soft_masked_lm_loss"], rel=0.05)
    assert logs[1]["masked_lm_loss"] == logs[0]["masked_lm_loss"]


def test_a_teacher_has_no_dropout():
    teacher = PretrainingModel(encoder(num_layers=2, dropout=0.5), next_sentence=False)
    student = PretrainingModel(encoder(), next_sentence=False)
    losses = []
    for _ in range(2):
        randomize(teacher, 1)
        randomize(student, 2)
        model = compiled(DistillationModel(student, teacher, hidden="last"), run_eagerly=True)
        losses.append(model.train_on_batch(*BATCH, return_dict=True)["loss"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("make", "labels"),
    [
        (lambda e: TaggingModel(e, 3), {"tags": np.zeros((2, 6), "int32")}),
        (SpanModel, {"start": np.array([1, 2]), "end": np.array([2, 3])}),
        (
            lambda e: ClassificationModel(e, 3, problem="multi_label"),
            {"label": np.array([[0, 1, 1], [1, 0, 0]], "float32")},
        ),
        (
            lambda e: ClassificationModel(e, 1, problem="regression"),
            {"label": np.array([1.0, 2.0], "float32")},
        ),
    ],
)
def test_every_task_and_micro_batches(make, labels):
    losses = []
    for micro_batches in (1, 2):
        student, teacher = make(encoder()), make(encoder(num_layers=2))
        randomize(student, 1)
        randomize(teacher, 2)
        model = DistillationModel(student, teacher, hidden="all", attention=True)
        compiled(model, micro_batches=micro_batches, run_eagerly=True)
        model.train_on_batch(INPUTS, labels)
        model.reset_metrics()
        losses.append(model.test_on_batch(INPUTS, labels, return_dict=True)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_answers_of_a_teacher_may_be_in_the_batch():
    student, teacher = classifier(1, 1), classifier(2, 2)
    said = np.array(teacher(INPUTS)["label"])
    here = compiled(DistillationModel(student, teacher)).test_on_batch(
        INPUTS, LABELS, return_dict=True
    )
    given = compiled(DistillationModel(student)).test_on_batch(
        INPUTS, {**LABELS, "soft_label": said}, return_dict=True
    )
    assert given["loss"] == pytest.approx(here["loss"], rel=1e-5)


def test_what_cannot_be_compared():
    student = classifier(1, 1)
    with pytest.raises(ValueError, match='`hidden` must be None, "last" or "all"'):
        DistillationModel(student, student, hidden="first")
    with pytest.raises(ValueError, match="compared with a teacher that reads the same batches"):
        DistillationModel(student, hidden="last")
    with pytest.raises(ValueError, match="has 2 heads a block and its teacher 4"):
        DistillationModel(student, classifier(1, 2, num_heads=4), attention=True)
    with pytest.raises(ValueError, match="Student and teacher have no output in common"):
        DistillationModel(student, TaggingModel(encoder(), 3))

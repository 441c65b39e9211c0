"""Students begin with the weights of their teacher's blocks, and with nothing else of it."""

import numpy as np
import pytest
from tiny_models import INPUTS, tiny_encoder

from keras_bert_kit.compression.students import student_encoder, taken_layers
from keras_bert_kit.config import EncoderConfig, family_of

TEACHER = tiny_encoder(num_layers=4)


def states(encoder, inputs=INPUTS):
    return [np.array(s) for s in encoder.with_internals()(inputs)["hidden_states"]]


def test_blocks_and_all_else_are_the_teachers():
    student = student_encoder(TEACHER, [1, 3])
    assert student.config == {**TEACHER.config, "num_layers": 2}
    for ours, theirs in ((0, 1), (1, 3)):
        for weight, given in zip(
            student.get_layer(f"block_{ours}").weights,
            TEACHER.get_layer(f"block_{theirs}").weights,
            strict=True,
        ):
            np.testing.assert_array_equal(weight, given)
    np.testing.assert_array_equal(states(student)[0], states(TEACHER)[0])
    for weight, given in zip(
        student.get_layer("pooler").weights, TEACHER.get_layer("pooler").weights, strict=True
    ):
        np.testing.assert_array_equal(weight, given)


def test_weights_in_half_precision_are_copied_too():
    teacher = tiny_encoder(num_layers=1, dtype="bfloat16")
    student = student_encoder(teacher, 1)
    for weight, given in zip(student.weights, teacher.weights, strict=True):
        np.testing.assert_array_equal(np.float32(weight), np.float32(given))


def test_a_student_with_all_blocks_says_what_its_teacher_says():
    found, expected = (e(INPUTS) for e in (student_encoder(TEACHER, 4), TEACHER))
    np.testing.assert_array_equal(found["pooled_output"], expected["pooled_output"])


def test_a_distilbert_reads_single_texts_as_its_teacher_does():
    student = student_encoder(TEACHER, 4, family="distilbert")
    assert family_of(EncoderConfig(**student.config)) == "distilbert"
    one_text = {**INPUTS, "segment_ids": 0 * INPUTS["segment_ids"]}
    for found, expected in zip(states(student), states(TEACHER, one_text), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_teacher_is_left_as_it_was():
    before = [w.numpy() for w in TEACHER.weights]
    student = student_encoder(TEACHER, 2, family="distilbert")
    for weight in student.weights:
        weight.assign(0 * weight)
    for weight, expected in zip(TEACHER.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (0, "1 to 4 of them; received 0"),
        (5, "1 to 4 of them; received 5"),
        ([], r"numbers from 0 to 3, the teacher's blocks; received \[\]"),
        ([0, 4], r"numbers from 0 to 3, the teacher's blocks; received \[0, 4\]"),
        ([2, 1], r"`layers` must rise, each being there once; received \[2, 1\]"),
    ],
)
def test_blocks_that_are_not_there(layers, message):
    with pytest.raises(ValueError, match=message):
        taken_layers(4, layers)


def test_dropout_and_precision_are_chosen_and_a_frozen_teacher_teaches():
    teacher = tiny_encoder(num_layers=2, dropout=0.3)
    teacher.trainable = False
    student = student_encoder(teacher, 2, dropout=0.0, dtype="mixed_bfloat16")
    assert student.config == {**teacher.config, "dropout": 0.0}
    assert student.get_layer("block_0").compute_dtype == "bfloat16"
    for weight, given in zip(student.trainable_weights, values_of(teacher), strict=True):
        np.testing.assert_array_equal(weight, given)


def values_of(encoder):
    return [w.numpy() for w in encoder.weights if "seed" not in w.path]


def test_families():
    with pytest.raises(ValueError, match='must be "same" or "distilbert"; received \'roberta\''):
        student_encoder(TEACHER, 2, family="roberta")
    roberta = tiny_encoder(num_segments=0, position_offset=2, pooler=False)
    with pytest.raises(ValueError, match="A RoBERTa has no segments to leave out"):
        student_encoder(roberta, 1, family="distilbert")
    assert student_encoder(roberta, 1).config == roberta.config

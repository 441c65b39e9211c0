"""Student, teacher and student alone on the same masked tokens."""

import numpy as np
import tensorflow as tf
from tiny_models import BATCH, tiny_pretraining_model

from keras_bert_kit.evaluation.masked_tokens import MaskedTokenScores
from keras_bert_kit.tasks.cost import Cost
from keras_bert_kit.tasks.distillation_comparison import ALONE, STUDENT, TEACHER
from keras_bert_kit.tasks.pretraining_comparison import PretrainingComparison, compare_pretrained

COST = Cost(1_000, 0.004, 2.0)


def scores(loss, hits):
    """Of four examples, each with ten masked tokens, some of which are right."""
    counts = np.full(4, 10.0)
    return MaskedTokenScores(loss * counts, np.array(hits, float), counts)


def comparison(**by_name):
    names = {"teacher": TEACHER, "student": STUDENT, "alone": ALONE}
    found = {names[name]: one for name, one in by_name.items()}
    return PretrainingComparison(found, dict.fromkeys(found, COST))


def test_a_student_that_beats_itself_without_a_teacher():
    found = comparison(
        teacher=scores(1.0, [8, 8, 8, 8]),
        student=scores(1.5, [6, 6, 6, 6]),
        alone=scores(2.0, [4, 4, 4, 4]),
    )
    assert found.verdict == (
        "The student keeps 75.0 % of its teacher: masked-token accuracy 0.600 of 0.800. It beats "
        "the same student without a teacher, 0.400 (95 % interval of the difference 0.200 to "
        "0.200). By the loss it beats it: 1.500 against 2.000 nats (95 % interval of the "
        "difference -0.500 to -0.500)."
    )
    assert "| student without teacher | 1,000 | 0.0 | 2.0 | 2.000 | 0.400 |" in found.table
    assert found.table in found.card_section
    assert "of the 40 masked tokens" in found.card_section


def test_a_student_that_does_not():
    found = comparison(
        teacher=scores(1.0, [8, 8, 8, 8]),
        student=scores(2.0, [5, 3, 4, 4]),
        alone=scores(1.5, [4, 4, 4, 4]),
    )
    assert "It does NOT beat the same student without a teacher" in found.verdict
    assert "By the loss it does NOT beat it: 2.000 against 1.500 nats" in found.verdict


def test_without_a_student_alone():
    found = comparison(teacher=scores(1.0, [8] * 4), student=scores(1.5, [6] * 4))
    assert found.differences() == {}
    assert found.verdict.endswith("masked-token accuracy 0.600 of 0.800.")
    assert "without" not in found.table


def test_models_are_measured_on_the_same_tokens():
    models = {
        TEACHER: tiny_pretraining_model(num_layers=2),
        STUDENT: tiny_pretraining_model(next_sentence=False, num_segments=0, pooler=False),
    }
    heldout = tf.data.Dataset.from_tensors(BATCH)
    found = compare_pretrained(models, heldout)
    np.testing.assert_array_equal(found.scores[TEACHER].counts, found.scores[STUDENT].counts)
    assert found.costs[TEACHER].parameters == models[TEACHER].count_params()
    assert found.costs[STUDENT].milliseconds > 0

"""A pre-trained student begins with its teacher's weights and learns what options say."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_models import BATCH, INPUTS, MASK_POSITIONS, tiny_encoder, tiny_pretraining_model

from keras_bert_kit.models import ClassificationModel
from keras_bert_kit.pretrained import save
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.tasks.distilled_pretraining import (
    load_teacher,
    pretraining_learner,
    pretraining_student,
)
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "b", "c", "d", "e", "f"]))
X = {**INPUTS, "segment_ids": 0 * INPUTS["segment_ids"], "mask_positions": MASK_POSITIONS}


def saved(model, folder, tokenizer=TOKENIZER):
    save(model, tokenizer, folder)
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    model = tiny_pretraining_model(num_layers=4, dropout=0.3)
    return load_teacher(saved(model, tmp_path_factory.mktemp("models") / "teacher"))


def test_a_teacher_has_no_dropout_and_no_next_sentences(teacher):
    assert teacher.description.heads == ("masked_lm",)
    assert teacher.model.encoder.config["dropout"] == 0.0
    np.testing.assert_array_equal(
        teacher.model(X, training=True)["masked_lm"], teacher.model(X)["masked_lm"]
    )


def test_a_student_of_all_blocks_says_what_its_teacher_says(teacher):
    for family in (None, "same"):
        options = DistillationOptions(layers=(4,), family=family)
        student = pretraining_student(teacher, options)
        found, expected = (one.model(X)["masked_lm"] for one in (student, teacher))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert student.description.family == ("bert" if family else "distilbert")
        assert student.tokenizer is teacher.tokenizer
        assert not student.description.encoder.pooler


def test_a_student_has_half_of_the_blocks_and_options_of_its_own(teacher):
    student = pretraining_student(
        teacher, DistillationOptions(), dropout=0.1, dtype="mixed_bfloat16"
    )
    assert student.description.encoder.num_layers == 2
    assert student.description.encoder.dropout == 0.1
    assert student.description.build().count_params() == student.model.count_params()
    assert student.model.encoder.get_layer("block_0").compute_dtype == "bfloat16"


def test_another_student_has_the_same_vocabulary(teacher, tmp_path):
    narrow = tiny_pretraining_model(hidden_dim=4)
    options = DistillationOptions(student=str(saved(narrow, tmp_path / "narrow")))
    student = pretraining_student(teacher, options)
    learner = pretraining_learner(student.model, teacher.model, options)
    assert learner.model.output["hidden_1"].shape[-1] == 8  # projected to the teacher's width
    block = pretraining_student(teacher, replace(options, layers=(1,), family="distilbert"))
    assert block.description.encoder.num_layers == 1 and not block.description.encoder.pooler
    one, first = (m.encoder.get_layer("block_0").get_weights() for m in (block.model, narrow))
    assert all(map(np.array_equal, one, first))
    others = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "u", "v", "w", "x", "y", "z"]))
    folder = saved(narrow, tmp_path / "other", others)
    with pytest.raises(ValueError, match=f"vocabulary of {folder} is another than its teacher's"):
        pretraining_student(teacher, replace(options, student=str(folder)))


@pytest.mark.filterwarnings("ignore")
def test_a_fine_tuned_model_is_no_teacher_of_texts(tmp_path):
    model = ClassificationModel(tiny_encoder(), 2)
    with pytest.raises(ValueError, match="has no masked-token head, so it cannot say what stands"):
        load_teacher(saved(model, tmp_path / "model"))


def test_what_does_not_count_is_not_compared(teacher):
    student = pretraining_student(teacher, DistillationOptions()).model
    alone = DistillationOptions(soft_weight=0.0, hidden_weight=0.0)
    assert pretraining_learner(student, teacher.model, alone) == (student, {"masked_lm": 2.0})
    without_states = pretraining_learner(
        student, teacher.model, DistillationOptions(hidden_weight=0.0)
    )
    assert without_states.loss_weights == {"masked_lm": 2.0, "soft_masked_lm": 5.0}
    all_of_it = DistillationOptions(hidden="all", attention=True)
    assert len(pretraining_learner(student, teacher.model, all_of_it).loss_weights) == 2 + 3 + 2


def test_the_weight_of_a_loss_that_nobody_asked_for():
    # Hidden states are compared in pre-training without being asked for, attention is not.
    assert DistillationOptions(hidden_weight=2.0).for_pretraining("bert").hidden == "last"
    with pytest.raises(ValueError, match="`attention_weight` means nothing without `attention`"):
        DistillationOptions(attention_weight=2.0).for_pretraining("bert")


def test_a_student_learns_and_its_teacher_does_not(teacher):
    options = DistillationOptions(label_weight=0.0)  # the labels say something else
    student = pretraining_student(teacher, options).model
    learner, weights = pretraining_learner(student, teacher.model, options)
    learner.compile(keras.optimizers.Adam(3e-3), learner.losses_by_output(), weights)
    before = teacher.model.get_weights()
    batch = X, *({"masked_lm": part["masked_lm"]} for part in BATCH[1:])
    losses = []
    for _ in range(30):
        learner.reset_metrics()
        losses.append(learner.train_on_batch(*batch, return_dict=True)["soft_masked_lm_loss"])
    assert losses[-1] < 0.5 * losses[0]
    for weight, value in zip(teacher.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)

"""Students learn from what a teacher says, computed once; heads and blocks are the teacher's."""

from dataclasses import replace

import numpy as np
import pytest
from reference_bert import randomize
from tiny_bundles import LABELS, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.evaluation.scores import Score
from keras_bert_kit.prediction import outputs_of
from keras_bert_kit.tasks import distilling
from keras_bert_kit.tasks.cost import cost_of
from keras_bert_kit.tasks.distillation_comparison import (
    ALONE,
    STUDENT,
    TEACHER,
    distillation_verdict,
)
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.tasks.distilling import answers_of, distil, new_student
from keras_bert_kit.tasks.text_task import TextTask
from keras_bert_kit.training.training_options import TrainingOptions

OPTIONS = TrainingOptions(epochs=30, batch_size=8, learning_rate=5e-3, dropout=0.0)
NAMES = LABELS["classification"]


def texts(count, first=0):
    words = ["the", "star", "shines", "far", "ada", "bread", "warm", "who", "smiled"]
    random = np.random.default_rng(first)
    made = [" ".join(random.choice(words, size=random.integers(1, 9))) for _ in range(count)]
    labels = [NAMES[i % len(NAMES)] for i in range(count)]
    return LabelledTexts(made, None, labels, list(range(count)), "made up")


TRAIN, DEV = texts(32), texts(12, first=1)


@pytest.fixture(scope="module")
def teacher():
    return tiny_bundle("classification")


@pytest.fixture
def task(teacher):
    return TextTask(inputs=teacher.inputs, labels=NAMES)


def test_a_student_says_more_of_what_its_teacher_says(teacher, task, tmp_path):
    """The labels are in an order that says nothing: only the teacher can be learned."""
    teacher.save_pretrained(tmp_path / "encoder")
    distillation = DistillationOptions(
        student=str(tmp_path / "encoder"), label_weight=0.0, soft_weight=1.0
    )
    _, fresh, _ = new_student(task, teacher, TRAIN, OPTIONS, distillation)
    options = replace(OPTIONS, evaluations=1 / OPTIONS.epochs)  # keep the last weights
    found = distil(task, teacher, TRAIN, DEV, options, distillation, tmp_path / "a" / "seed-0")
    said = task.predict(teacher.model, teacher.tokenizer, TRAIN)
    before, after = (
        np.abs(task.predict(model, teacher.tokenizer, TRAIN) - said).mean()
        for model in (fresh, found.bundle.model)
    )
    assert after < 0.3 * before
    assert (tmp_path / "a" / distilling.ANSWERS).is_file()


def test_answers_are_the_teachers_logits_and_computed_once(teacher, task, tmp_path, monkeypatch):
    path = tmp_path / "answers.npz"
    found = answers_of(teacher, task, TRAIN, path)
    assert found.shape == (len(TRAIN), len(NAMES))
    features = task.encode(TRAIN, teacher.model, teacher.tokenizer)
    logits = outputs_of(teacher.model, features, teacher.tokenizer.vocabulary.pad_id)["label"]
    one = np.flatnonzero(features.window_counts == 1)
    first = np.searchsorted(features.rows, one)
    np.testing.assert_allclose(found[one], logits[first], atol=1e-5)
    with monkeypatch.context() as patch:
        patch.setattr(distilling, "outputs_of", None)
        np.testing.assert_array_equal(answers_of(teacher, task, TRAIN, path), found)
        with pytest.raises(TypeError):  # other texts are asked anew
            answers_of(teacher, task, DEV, path)
        other = tiny_bundle("classification")
        other.model.weights[0].assign(other.model.weights[0] + 1)
        with pytest.raises(TypeError):  # and so are they of another teacher
            answers_of(other, task, TRAIN, path)


def test_unlabelled_texts_teach_only_what_the_teacher_says(teacher, task, tmp_path):
    more = replace(texts(16, first=2), labels=None)
    model = new_student(task, teacher, TRAIN, OPTIONS, DistillationOptions(layers=(1,)))[1]
    batches = distilling._batches_with_answers(
        task, teacher, TRAIN, more, model, teacher.tokenizer, OPTIONS, 0, tmp_path / "seed-0"
    )
    is_given = batches.features.rows < len(TRAIN)
    assert 0 < is_given.sum() < len(is_given)
    assert (batches.weights["label"][is_given] > 0).all()
    assert (batches.weights["label"][~is_given] == 0).all()
    assert (batches.weights["soft_label"] > 0).all()


def test_a_new_student_has_the_head_and_the_blocks_of_its_teacher(teacher, task):
    num_layers = teacher.encoder.config["num_layers"]
    every_block = DistillationOptions(layers=(num_layers,))
    _, student, tokenizer = new_student(task, teacher, TRAIN, OPTIONS, every_block)
    found, expected = (task.predict(m, tokenizer, DEV) for m in (student, teacher.model))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_student_begins_with_blocks_of_another_model(teacher, task, tmp_path):
    other = Encoder(**teacher.encoder.config | {"num_layers": 3})
    randomize(other)
    Bundle(teacher.tokenizer, other).save_pretrained(tmp_path / "other")
    distillation = DistillationOptions(student=str(tmp_path / "other"), layers=(0, 2))
    _, student, _ = new_student(task, teacher, TRAIN, OPTIONS, distillation)
    assert student.encoder.config["num_layers"] == 2
    for index, of_other in enumerate((0, 2)):
        found, expected = (
            encoder.get_layer(f"block_{at}").get_weights()
            for encoder, at in ((student.encoder, index), (other, of_other))
        )
        assert all(map(np.array_equal, found, expected))


def test_insides_are_compared_batch_by_batch(teacher, task, tmp_path):
    distillation = DistillationOptions(layers=(1,), hidden="all", attention=True)
    options = replace(OPTIONS, epochs=1)
    folder = tmp_path / "a" / "seed-0"
    distil(task, teacher, TRAIN, DEV, options, distillation, folder)
    assert not (tmp_path / "a" / distilling.ANSWERS).exists()
    assert '"hidden_1_loss"' in (folder / "metrics.jsonl").read_text()
    with pytest.raises(ValueError, match="Texts without labels are for whole texts"):
        distil(
            task, teacher, TRAIN, DEV, options, distillation, tmp_path / "b", unlabelled=texts(2)
        )


def test_a_student_without_segments_does_not_take_them_from_its_teacher(
    teacher, task, tmp_path, monkeypatch
):
    seen = []
    original = distilling.train_model

    def train_model(task, model, tokenizer, batches, *args, **kwargs):
        seen.append(batches.features.segment_ids.max())
        return original(task, model, tokenizer, batches, *args, **kwargs)

    monkeypatch.setattr(distilling, "train_model", train_model)
    pairs, dev_pairs = (replace(rows, pairs=rows.texts) for rows in (TRAIN, DEV))
    options = replace(OPTIONS, epochs=1)
    distillation = DistillationOptions(layers=(1,), family="distilbert", hidden="last")
    distil(task, teacher, pairs, dev_pairs, options, distillation, tmp_path / "seed-0")
    assert seen == [1]


def test_unlabelled_texts_fit_to_the_labelled_ones(teacher, task, tmp_path):
    pairs = replace(TRAIN, pairs=TRAIN.texts)
    give = {"unlabelled": texts(2)}
    with pytest.raises(ValueError, match="The labelled rows are pairs, but those without labels"):
        distil(task, teacher, pairs, DEV, OPTIONS, DistillationOptions(), tmp_path / "a", **give)
    weighted = replace(task, class_weights=True)
    with pytest.raises(ValueError, match="Texts without labels are of no class"):
        distil(weighted, teacher, TRAIN, DEV, OPTIONS, DistillationOptions(), tmp_path, **give)


def test_without_its_teacher_a_student_is_fine_tuned(teacher, task, tmp_path):
    options = replace(OPTIONS, epochs=1)
    folder = tmp_path / "a" / "alone-0"
    distil(task, teacher, TRAIN, DEV, options, DistillationOptions(), folder, with_teacher=False)
    assert "soft_label_loss" not in (folder / "metrics.jsonl").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be positive"),
        ({"hidden_weight": 5.0}, "`hidden_weight` means nothing without `hidden`"),
        ({"attention_weight": 0.5}, "`attention_weight` means nothing without `attention`"),
        ({"soft_weight": -1.0}, "`soft_weight` must be at least 0"),
        ({"student": "x", "family": "distilbert"}, "leave `family` out"),
    ],
)
def test_options(changes, message):
    with pytest.raises(ValueError, match=message):
        DistillationOptions(**changes).for_task()


def test_students_are_trained_whole(teacher, task, tmp_path):
    with pytest.raises(ValueError, match="train it whole"):
        options = replace(OPTIONS, lora_rank=2)
        distil(task, teacher, TRAIN, DEV, options, DistillationOptions(), tmp_path)


def test_cost(teacher, task):
    cost = cost_of(task, teacher.model, teacher.tokenizer, DEV)
    assert cost.parameters == sum(
        w.numpy().size for w in teacher.model.weights if "seed" not in w.path
    )
    assert cost.megabytes == pytest.approx(4e-6 * cost.parameters)
    assert 0 < cost.milliseconds < 10_000


def test_verdicts():
    scores = {TEACHER: Score(0.9), STUDENT: Score(0.88, 0.01), ALONE: Score(0.85, 0.01)}
    beats = "It beats the same student without a teacher, 0.850 ± 0.010"
    assert beats in distillation_verdict("accuracy", scores, (0.01, 0.05))
    assert "does NOT clearly beat" in distillation_verdict("accuracy", scores, (-0.01, 0.05))
    few = distillation_verdict("accuracy", scores, (0.01, 0.05), 5)
    assert few.endswith("of the difference 0.010 to 0.050), on no more than 5 rows.")
    assert "does NOT clearly beat" in few
    scores[ALONE] = Score(0.85, 0.04)
    assert "does NOT clearly beat" in distillation_verdict("accuracy", scores, (0.01, 0.05))
    scores[ALONE] = Score(0.89)
    assert "does NOT beat" in distillation_verdict("accuracy", scores, None)
    del scores[ALONE]
    assert distillation_verdict("accuracy", scores, None) == (
        "The student keeps 97.8 % of its teacher: accuracy 0.880 ± 0.010 of 0.900."
    )
    lower = {TEACHER: Score(0.5), STUDENT: Score(0.6)}
    assert "has the mean_squared_error 0.600, its teacher 0.500" in distillation_verdict(
        "mean_squared_error", lower, None
    )

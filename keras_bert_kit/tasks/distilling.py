"""Distillation for a task: a smaller model learns from labels and from a fine-tuned teacher."""

import hashlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit import pretrained
from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.compression.distillation import SOFT, DistillationModel
from keras_bert_kit.compression.students import student_encoder
from keras_bert_kit.data.classification import pool_windows
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.prediction import num_segments_of, outputs_of
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.tasks.example_splits import fingerprint
from keras_bert_kit.tasks.fine_tuning import (
    FineTuned,
    rebuilt,
    train_model,
    training_batches,
    within_positions,
)
from keras_bert_kit.tasks.text_task import TextTask
from keras_bert_kit.text_prediction import default_inputs
from keras_bert_kit.training.training_options import TrainingOptions

ANSWERS = "teacher-answers.npz"  # what the teacher says of the training rows, in the run's folder


def distil(
    task,
    teacher: Bundle,
    train,
    dev,
    options: TrainingOptions,
    distillation: DistillationOptions,
    folder: str | Path,
    *,
    seed: int = 0,
    metric: str | None = None,
    unlabelled: LabelledTexts | None = None,
    with_teacher: bool = True,
) -> FineTuned:
    """Trains a student; the same call goes on where an earlier one was stopped.

    Of texts the teacher's answers are computed once, for all seeds, and kept beside `folder`; where
    insides are compared, and for tags and answers, the teacher reads every batch.

    Args:
        task: the task, with the teacher's labels.
        teacher: the fine-tuned model.
        train: training examples.
        dev: development examples, by which the best weights are chosen.
        options: how to train.
        distillation: what the student is and what it learns from its teacher.
        folder: where checkpoints, logs and `metrics.jsonl` go.
        seed: seed of what is new, of dropout and of the order.
        metric: what the best weights are chosen by; by default the task's own.
        unlabelled: more texts, which only the teacher says something of.
        with_teacher: False for the same student that learns from labels alone, for comparison.

    Raises:
        ValueError: if options contradict each other or the models do not fit.
    """
    if options.lora_rank is not None:
        raise ValueError("A student is small: train it whole, without `lora_rank`.")
    distillation = distillation.for_task()
    keras.utils.set_random_seed(seed)
    folder = Path(folder)
    task, model, tokenizer = new_student(task, teacher, train, options, distillation)
    if not with_teacher:
        batches = training_batches(task, train, model, tokenizer, options, seed)
        return train_model(task, model, tokenizer, batches, dev, options, folder, metric=metric)
    is_inside = distillation.hidden is not None or distillation.attention
    reads_along = is_inside or not isinstance(task, TextTask)
    if reads_along:
        _check_reads_along(teacher, tokenizer, unlabelled)
        # A student without segments takes no notice of them, its teacher was trained with them.
        reader = max(model, teacher.model, key=num_segments_of)
        batches = training_batches(task, train, reader, tokenizer, options, seed)
    else:
        batches = _batches_with_answers(
            task, teacher, train, unlabelled, model, tokenizer, options, seed, folder
        )
    learner = DistillationModel(
        model,
        teacher.model if reads_along else None,
        distillation.temperature,
        distillation.hidden,
        distillation.attention,
    )
    return train_model(
        task,
        model,
        tokenizer,
        batches,
        dev,
        options,
        folder,
        metric=metric,
        learner=learner,
        loss_weights=learner.loss_weights_by_output(
            distillation.label_weight,
            distillation.soft_weight,
            distillation.hidden_weight,
            distillation.attention_weight,
        ),
        mean_over_weights=task.mean_over_weights or learner.outputs_by_token,
    )


def new_student(task, teacher: Bundle, train, options, distillation: DistillationOptions) -> tuple:
    """The task, a model that has learned nothing as a student yet, and its tokenizer.

    The head is the teacher's too, as far as the two have the same.
    """
    distillation = distillation.for_task()
    if distillation.student is not None:
        encoder, tokenizer, _ = pretrained.load(
            distillation.student, "encoder", initialize=["pooler"], dtype=options.dtype
        )
        if distillation.layers:
            encoder = student_encoder(encoder, distillation.chosen_layers, distillation.family)
    else:
        tokenizer = teacher.tokenizer
        encoder = student_encoder(
            teacher.model.encoder, distillation.chosen_layers, distillation.family
        )
        if isinstance(task, TextTask) and task.pooling is None:
            task = replace(task, pooling=teacher.model.arguments["pooling"])
    task = within_positions(task, encoder)
    model = task.model(rebuilt(encoder, options), train)
    if distillation.student is None:
        given = {weight.path: weight for weight in teacher.model.weights}
        of_encoder = {weight.path for weight in model.encoder.weights}
        for weight in model.trainable_weights:
            of_teacher = given.get(weight.path)
            is_head = weight.path not in of_encoder and of_teacher is not None
            if is_head and of_teacher.shape == weight.shape:
                weight.assign(of_teacher)
    return task, model, tokenizer


def answers_of(teacher: Bundle, task: TextTask, examples: LabelledTexts, path: Path) -> np.ndarray:
    """The teacher's logits for texts, of windows the mean; computed once and kept in a file.

    Args:
        teacher: the teacher.
        task: the task.
        examples: R texts.
        path: the file; it is used where it is of these texts and of this teacher.

    Returns:
        `(R, C)` float32.
    """
    task = replace(task, inputs=teacher.inputs or default_inputs(teacher.model))
    digest = hashlib.blake2b(fingerprint([examples]).encode(), digest_size=8)
    digest.update(repr(task.inputs).encode())
    for weight in teacher.model.get_weights():
        digest.update(weight.tobytes())
    wanted = digest.hexdigest()
    if path.is_file():
        with np.load(path) as kept:
            if str(kept["of"]) == wanted:
                return kept["logits"]
    features = task.encode(examples, teacher.model, teacher.tokenizer)
    pad_id = teacher.tokenizer.vocabulary.pad_id
    print(f"The teacher reads {len(examples):,} texts.", flush=True)
    logits = outputs_of(teacher.model, features, pad_id)["label"].astype(np.float32)
    logits = pool_windows(features, logits).astype(np.float32)
    write_atomically(path, lambda file: np.savez(file, logits=logits, of=wanted))
    return logits


def _batches_with_answers(
    task, teacher, train, unlabelled, model, tokenizer, options, seed, folder
):
    """Batches of labelled and unlabelled texts, what the teacher says of them among the targets."""
    examples = train
    if unlabelled is not None and (task.class_weights or task.resample):
        raise ValueError(
            "Texts without labels are of no class: leave them out, or do without `class_weights` "
            "and `resample`."
        )
    if unlabelled is not None and len(unlabelled):
        if (train.pairs is None) != (unlabelled.pairs is None):
            raise ValueError(
                f"The labelled rows are {'single texts' if train.pairs is None else 'pairs'}, but "
                "those without labels are not: give files with the same columns of texts."
            )
        # Any label will do: its weight is 0.
        labels = [train.labels[0]] * len(unlabelled)
        examples = replace(
            train,
            texts=train.texts + unlabelled.texts,
            pairs=None if train.pairs is None else train.pairs + unlabelled.pairs,
            labels=train.labels + labels,
            numbers=train.numbers + unlabelled.numbers,
            groups=None,
        )
    logits = answers_of(teacher, task, examples, folder.parent / ANSWERS)
    batches = training_batches(task, examples, model, tokenizer, options, seed)
    rows, weights = batches.features.rows, batches.weights["label"]
    batches.add_target(f"{SOFT}_label", logits[rows], weights)
    batches.weights["label"] = np.where(rows < len(train), weights, 0).astype(weights.dtype)
    return batches


def _check_reads_along(teacher: Bundle, tokenizer, unlabelled) -> None:
    if unlabelled is not None:
        raise ValueError(
            "Texts without labels are for whole texts of which only the answers are compared: "
            "leave them out, or `hidden` and `attention`."
        )
    if teacher.tokenizer.vocabulary.fingerprint != tokenizer.vocabulary.fingerprint:
        raise ValueError(
            "Token by token a student can follow only a teacher with the same vocabulary. Leave "
            "`student` out, to begin with blocks of the teacher, or compare answers alone."
        )

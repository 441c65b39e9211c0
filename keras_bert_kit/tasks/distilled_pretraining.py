"""Pre-training with a teacher: a smaller model learns masked tokens as DistilBERT did.

The loss is `5 T^2 KL(teacher || student) + 2 CE + 1 (1 - cos)`: over the logits of the masked
tokens at a temperature T of 2, over the masked tokens themselves, and over the last hidden states
of all tokens. There are no next sentences. DistilBERT's paper writes the first as a cross-entropy,
which differs by the teacher's entropy, a constant; its code has the divergence. That code takes
the logits of all tokens unless it is told otherwise (`--restrict_ce_to_mask`); here they are those
of the masked tokens, as the head scores no others.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras

from keras_bert_kit.compression.distillation import DistillationModel
from keras_bert_kit.compression.students import student_encoder
from keras_bert_kit.config import EncoderConfig
from keras_bert_kit.continued_pretraining import StartingPoint, load_for_pretraining
from keras_bert_kit.models import PretrainingModel
from keras_bert_kit.tasks.distillation_options import DistillationOptions


class Learner(NamedTuple):
    """What `fit` trains when a student is pre-trained.

    Attributes:
        model: not compiled; a `DistillationModel`, or the student where no teacher counts.
        loss_weights: for `compile`.
    """

    model: keras.Model
    loss_weights: dict[str, float]


def load_teacher(source: str | Path, dtype: str | keras.DTypePolicy | None = None) -> StartingPoint:
    """Loads a pre-trained model to teach: without dropout and without next sentences.

    Args:
        source: what `pretrained.find` takes.
        dtype: dtype policy of the teacher.

    Raises:
        FileNotFoundError: if there is no such model.
        OSError: if it cannot be read or downloaded.
        ValueError: if it is broken or has no masked-token head.
    """
    teacher = load_for_pretraining(source, next_sentence=False, dropout=0.0, dtype=dtype)
    if teacher.new_parts:
        raise ValueError(
            f"{source} has no masked-token head, so it cannot say what stands in a blank: take a "
            "pre-trained model as the teacher, or distil this one for its task with "
            "`python -m recipes.distill`."
        )
    return teacher


def pretraining_student(
    teacher: StartingPoint,
    distillation: DistillationOptions,
    *,
    dropout: float = 0.0,
    dtype: str | keras.DTypePolicy | None = None,
) -> StartingPoint:
    """A student to be pre-trained: blocks, embeddings and masked-token head of its teacher.

    Args:
        teacher: what `load_teacher` returned.
        distillation: what the student is; with `student` another model, or blocks of that.
        dropout: dropout rate of the student; 0.1 in DistilBERT.
        dtype: dtype policy of the student.

    Raises:
        ValueError: if the teacher has no such blocks, or the student another vocabulary.
    """
    distillation = distillation.for_pretraining(teacher.description.family)
    source = teacher
    if distillation.student is not None:
        source = load_for_pretraining(
            distillation.student, next_sentence=False, dropout=dropout, dtype=dtype
        )
        vocabularies = (one.tokenizer.vocabulary.fingerprint for one in (teacher, source))
        if len(set(vocabularies)) > 1:
            raise ValueError(
                f"The vocabulary of {distillation.student} is another than its teacher's: what is "
                "said of a blank cannot be compared. Leave `student` out, to begin with blocks of "
                "the teacher."
            )
        if not distillation.layers:
            return source
    encoder = student_encoder(
        source.model.encoder,
        distillation.chosen_layers,
        distillation.family,
        dropout=dropout,
        dtype=keras.config.dtype_policy() if dtype is None else dtype,
    )
    model = PretrainingModel(encoder, **source.description.head)
    given = {weight.path: weight for weight in source.model.weights}
    of_encoder = {weight.path for weight in encoder.weights}
    for weight in model.weights:
        if weight.path not in of_encoder:
            weight.assign(given[weight.path])
    description = replace(source.description, encoder=EncoderConfig(**encoder.config))
    return StartingPoint(model, source.tokenizer, description, source.new_parts)


def pretraining_learner(
    student: PretrainingModel, teacher: PretrainingModel, distillation: DistillationOptions
) -> Learner:
    """What to compile and fit, so that the student learns from text and from its teacher.

    Args:
        student: the model that learns.
        teacher: the model that says what it would fill in; it does not change.
        distillation: what counts how much.

    Example:
        >>> from keras_bert_kit.encoder import Encoder
        >>> teacher, student = (
        ...     PretrainingModel(Encoder(50, layers, 2, 8, 16), next_sentence=False)
        ...     for layers in (2, 1)
        ... )
        >>> learner = pretraining_learner(student, teacher, DistillationOptions())
        >>> learner.loss_weights
        {'masked_lm': 2.0, 'soft_masked_lm': 5.0, 'hidden_1': 1.0}
    """
    distillation = distillation.for_pretraining("bert")
    if not distillation.learns_from_teacher:
        return Learner(student, {"masked_lm": distillation.label_weight})
    model = DistillationModel(
        student,
        teacher,
        distillation.temperature,
        distillation.hidden if distillation.hidden_weight else None,
        distillation.attention and distillation.attention_weight > 0,
    )
    weights = model.loss_weights_by_output(
        distillation.label_weight,
        distillation.soft_weight,
        distillation.hidden_weight,
        distillation.attention_weight,
    )
    return Learner(model, weights)

"""A student learns from labels and from a teacher, behind `compile` and `fit`.

`keras.distillation.Distiller` does not carry here: it runs a student twice where hidden states are
compared, with other dropout each time, takes no weights of rows and tokens for what the teacher
says, and asks that both models have the same outputs.
"""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_bert_kit.compression.losses import (
    SoftBinaryCrossEntropy,
    SoftCrossEntropy,
    attention_divergence,
    cosine_distance,
    vector_error,
)
from keras_bert_kit.named_inputs import NamedInputs
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.task_model import TaskModel
from keras_bert_kit.training.losses import squared_error

SOFT, HIDDEN, ATTENTION = "soft", "hidden", "attention"  # kinds of what is compared


class Compared(NamedTuple):
    """What an output of the student is compared with.

    Attributes:
        kind: `SOFT`, `HIDDEN` or `ATTENTION`.
        output: the output of the teacher.
        index: which of its tensors, where it is a list.
    """

    kind: str
    output: str
    index: int | None = None


class DistillationModel(NamedInputs, TrainingStep, keras.Model):
    """A student in training: its outputs, and besides them what is compared with its teacher's.

    The outputs are those of the student, `label` say, the same again as `soft_label`, and, where
    asked for, `hidden_<i>` and `attention_<i>`, i being a block of the student counted from 1, and
    0 the embeddings. Labels and weights are given for the student's outputs only: those of the
    others come from the teacher, which reads every batch without dropout and does not learn.
    Without a teacher they are to be in the batch, computed beforehand.

    The student itself is trained, and is what to keep: this model only adds projections, where
    student and teacher differ in width.

    Args:
        student: a model of the kit.
        teacher: a model for the same task, on the same vocabulary; or None.
        temperature: of the soft cross-entropy.
        hidden: None; `"last"` for the direction of the last block's states, as in DistilBERT; or
            `"all"` for those of the embeddings and of every block, as in TinyBERT, block i of S
            being compared with block i L / S of the teacher's L.
        attention: whether what tokens look at is compared too, of the same blocks.
        name: name of the model.

    Raises:
        ValueError: if there is nothing to compare, or insides are to be and there is no teacher, or
            the numbers of heads differ where attention is compared.

    Example:
        >>> from keras_bert_kit.encoder import Encoder
        >>> from keras_bert_kit.models import ClassificationModel
        >>> teacher, student = (
        ...     ClassificationModel(Encoder(50, layers, 2, 8, 16), num_classes=3)
        ...     for layers in (2, 1)
        ... )
        >>> model = DistillationModel(student, teacher, hidden="last")
        >>> sorted(model.output)
        ['hidden_1', 'label', 'soft_label']

    Reference:
        https://arxiv.org/abs/1910.01108, https://arxiv.org/abs/1909.10351
    """

    def __init__(
        self,
        student: TaskModel,
        teacher: TaskModel | None = None,
        temperature: float = 2.0,
        hidden: str | None = None,
        attention: bool = False,
        name: str = "distillation",
    ):
        if hidden not in (None, "last", "all"):
            raise ValueError(f'`hidden` must be None, "last" or "all"; received {hidden!r}.')
        inside = hidden is not None or attention
        if inside and teacher is None:
            raise ValueError(
                "Hidden states and attention are compared with a teacher that reads the same "
                "batches: give it as `teacher`, or leave `hidden` and `attention` out."
            )
        given = student.with_internals()(student.input) if inside else student.output
        shared = [o for o in student.output if teacher is None or o in teacher.output]
        if not shared:
            raise ValueError(
                f"Student and teacher have no output in common: {sorted(student.output)} and "
                f"{sorted(teacher.output)}. Take models for the same task."
            )
        outputs = {output: given[output] for output in student.output}
        compared = {}
        for output in shared:
            outputs[f"{SOFT}_{output}"] = given[output]
            compared[f"{SOFT}_{output}"] = Compared(SOFT, output)
        if attention:
            _check_heads(student.encoder, teacher.encoder)
        pairs = _pairs(student.encoder, teacher.encoder, hidden == "all") if inside else {}
        for block, of_teacher in pairs.items():
            if hidden:
                state = given["hidden_states"][block]
                outputs[f"{HIDDEN}_{block}"] = _as_wide(state, teacher.encoder, block)
                compared[f"{HIDDEN}_{block}"] = Compared(HIDDEN, "hidden_states", of_teacher)
            if attention and of_teacher:  # embeddings look at nothing
                outputs[f"{ATTENTION}_{block}"] = given["attention"][block - 1]
                compared[f"{ATTENTION}_{block}"] = Compared(ATTENTION, "attention", of_teacher - 1)
        super().__init__(inputs=student.input, outputs=outputs, name=name)
        # Not attributes of the model: what the teacher weighs is no part of a checkpoint.
        reads = teacher.with_internals() if inside else teacher
        self._others = SimpleNamespace(student=student, teacher=reads, compared=compared)
        self._loss_of_kind = {
            SOFT: _soft_loss(student, temperature),
            HIDDEN: vector_error if hidden == "all" else cosine_distance,
            ATTENTION: attention_divergence,
        }

    @property
    def encoder(self):
        """The student's."""
        return self._others.student.encoder

    def losses_by_output(
        self, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> dict[str, Callable]:
        """The student's own losses and those towards the teacher, for `compile(loss=...)`.

        Args:
            label_smoothing: of the student's own.
            focal_gamma: of the student's own.
        """
        losses = self._others.student.losses_by_output(label_smoothing, focal_gamma)
        return losses | {
            name: self._loss_of_kind[compared.kind]
            for name, compared in self._others.compared.items()
        }

    def loss_weights_by_output(
        self, label: float = 1.0, soft: float = 1.0, hidden: float = 1.0, attention: float = 1.0
    ) -> dict[str, float]:
        """Weights for `compile(loss_weights=...)`.

        Args:
            label: of the labels.
            soft: of what the teacher says; DistilBERT has 5 to 2 of the labels and 1 of `hidden`.
            hidden: of all hidden states together.
            attention: of all attention together.
        """
        kinds = {name: compared.kind for name, compared in self._others.compared.items()}
        counts = Counter(kinds.values())
        weights = {
            SOFT: soft,
            HIDDEN: hidden / max(1, counts[HIDDEN]),
            ATTENTION: attention / max(1, counts[ATTENTION]),
        }
        return {name: weights.get(kinds.get(name), label) for name in self.output}

    @property
    def outputs_by_token(self) -> set[str]:
        """The outputs whose losses are means over all tokens of a batch, whatever weighs a row."""
        compared = self._others.compared.items()
        return {name for name, (kind, *_) in compared if kind in (HIDDEN, ATTENTION)}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """The student's."""
        found = self._others.student.metrics_by_output()
        return {
            output: [_renamed(metric, metric.name.removeprefix(f"{output}_")) for metric in metrics]
            for output, metrics in found.items()
        }

    def unpack(self, data):
        """A batch, the teacher's answers added to its labels."""
        return super().unpack(self._with_teacher(data))

    def _with_teacher(self, data):
        """The batch with labels and weights for every output."""
        if self._others.teacher is None:
            return data
        x, y, given = keras.utils.unpack_x_y_sample_weight(data)
        said = self._others.teacher(x, training=False)
        y, weights = dict(y), dict(given or {})
        for name in self._others.student.output:
            if name not in weights:  # one for each term of the loss
                rank = len(self.output[name].shape) - 1
                weights[name] = tf.ones(tf.shape(y[name])[:rank])
        is_token = tf.cast(x["padding_mask"], tf.float32)
        for name, (kind, output, index) in self._others.compared.items():
            y[name] = said[output] if index is None else said[output][index]
            weights[name] = weights[output] if kind == SOFT else is_token
        return x, y, weights


def _soft_loss(student, temperature: float):
    problem = student.arguments.get("problem", "single_label")
    if problem == "regression":
        return squared_error()
    of_problem = SoftBinaryCrossEntropy if problem == "multi_label" else SoftCrossEntropy
    return of_problem(temperature)


def _pairs(student, teacher, every_block: bool) -> dict[int, int]:
    """The teacher's block for those of the student that are compared; 0 is the embeddings."""
    of_student, of_teacher = (encoder.config["num_layers"] for encoder in (student, teacher))
    blocks = range(of_student + 1) if every_block else [of_student]
    return {block: round(block * of_teacher / of_student) for block in blocks}


def _as_wide(state, teacher, block: int):
    """Hidden states `(B, T, D)` of a student, projected if its teacher is of another width."""
    width = teacher.config["hidden_dim"]
    if state.shape[-1] == width:
        return state
    return keras.layers.Dense(width, name=f"projection_{block}")(state)


def _check_heads(student, teacher) -> None:
    found = student.config["num_heads"], teacher.config["num_heads"]
    if found[0] != found[1]:
        raise ValueError(
            f"Attention is compared head by head, but the student has {found[0]} heads a block and "
            f"its teacher {found[1]}. Leave `attention` out."
        )


def _renamed(metric: keras.metrics.Metric, name: str) -> keras.metrics.Metric:
    return type(metric).from_config({**metric.get_config(), "name": name})

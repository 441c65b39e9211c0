"""A student learns from labels and from a teacher, behind `compile` and `fit`.

`keras.distillation.Distiller` does not carry here: it runs a student twice where hidden states are
compared, with other dropout each time, takes no weights of rows and tokens for what the teacher
says, and asks that both models have the same outputs.
"""

from types import SimpleNamespace

import keras
import tensorflow as tf

from keras_bert_kit.compression.losses import (
    AttentionDivergence,
    CosineDistance,
    SoftBinaryCrossEntropy,
    SoftCrossEntropy,
    VectorError,
)
from keras_bert_kit.named_inputs import NamedInputs
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.task_model import TaskModel
from keras_bert_kit.training.losses import squared_error

SOFT, HIDDEN, ATTENTION = "soft_", "hidden_", "attention_"  # before the names of outputs


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
            their widths or heads do not allow it.

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
        outputs |= {SOFT + output: given[output] for output in shared}
        pairs = _pairs(student.encoder, teacher.encoder, hidden == "all") if inside else {}
        if hidden:
            for block in pairs:
                state = given["hidden_states"][block]
                outputs[f"{HIDDEN}{block}"] = _as_wide(state, teacher.encoder, block)
        if attention:
            _check_heads(student.encoder, teacher.encoder)
            for block in pairs:
                if block:  # the embeddings look at nothing
                    outputs[f"{ATTENTION}{block}"] = given["attention"][block - 1]
        super().__init__(inputs=student.input, outputs=outputs, name=name)
        self._is_hidden_all = hidden == "all"
        self._temperature = temperature
        # Not attributes of the model: what the teacher weighs is no part of a checkpoint.
        reads = teacher.with_internals() if inside else teacher
        self._others = SimpleNamespace(student=student, teacher=reads, pairs=pairs)

    @property
    def encoder(self):
        """The student's."""
        return self._others.student.encoder

    def losses_by_output(
        self, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> dict[str, keras.losses.Loss]:
        """The student's own losses and those towards the teacher, for `compile(loss=...)`.

        Args:
            label_smoothing: of the student's own.
            focal_gamma: of the student's own.
        """
        student = self._others.student
        losses = student.losses_by_output(label_smoothing, focal_gamma)
        for name in self.output:
            if name.startswith(SOFT):
                losses[name] = self._soft_loss(student)
            elif name.startswith(HIDDEN):
                losses[name] = VectorError() if self._is_hidden_all else CosineDistance()
            elif name.startswith(ATTENTION):
                losses[name] = AttentionDivergence()
        return losses

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
        counts = {
            kind: sum(name.startswith(kind) for name in self.output) for kind in (HIDDEN, ATTENTION)
        }

        def weight(name: str) -> float:
            if name.startswith(SOFT):
                return soft
            for kind, whole in ((HIDDEN, hidden), (ATTENTION, attention)):
                if name.startswith(kind):
                    return whole / counts[kind]
            return label

        return {name: weight(name) for name in self.output}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """The student's."""
        found = self._others.student.metrics_by_output()
        return {
            output: [_renamed(metric, metric.name.removeprefix(f"{output}_")) for metric in metrics]
            for output, metrics in found.items()
        }

    def train_step(self, data):
        """One step of the optimizer on one batch, the teacher's answers added to its labels."""
        return super().train_step(self._with_teacher(data))

    def test_step(self, data):
        """The losses and metrics of one batch, those towards the teacher included."""
        return super().test_step(self._with_teacher(data))

    def _soft_loss(self, student):
        problem = student.arguments.get("problem", "single_label")
        if problem == "regression":
            return squared_error()
        of_problem = SoftBinaryCrossEntropy if problem == "multi_label" else SoftCrossEntropy
        return of_problem(self._temperature)

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
        for name in self.output:
            kind, _, of = name.rpartition("_")
            if kind == HIDDEN.removesuffix("_"):
                y[name], weights[name] = said["hidden_states"][self._of_teacher(of)], is_token
            elif kind == ATTENTION.removesuffix("_"):
                y[name], weights[name] = said["attention"][self._of_teacher(of) - 1], is_token
            elif name.startswith(SOFT):
                output = name.removeprefix(SOFT)
                y[name], weights[name] = said[output], weights[output]
        return x, y, weights

    def _of_teacher(self, block: str) -> int:
        return self._others.pairs[int(block)]


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

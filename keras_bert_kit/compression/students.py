"""Students: encoders with some of the blocks of a teacher, and its weights to begin with."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_bert_kit.encoder import Encoder


def student_encoder(
    teacher: Encoder,
    layers: int | Sequence[int] | None = None,
    family: str = "same",
    *,
    dropout: float | None = None,
    dtype: str | keras.DTypePolicy | None = None,
) -> Encoder:
    """An encoder as wide as its teacher with fewer blocks, all weights being the teacher's.

    Args:
        teacher: the encoder to take from.
        layers: how many blocks, or which of the teacher's, counted from 0; by default half of them.
            A number of blocks is spread evenly from the first to the last: 6 of 12 are 0, 2, 4, 7,
            9 and 11, as in the released DistilBERT.
        family: `"same"`, or `"distilbert"` for an encoder without segments and without pooler.
            What the teacher adds to tokens of the first segment is then added to the positions, so
            that a single text is embedded as before.
        dropout: dropout rate of the student; by default the teacher's.
        dtype: dtype policy of the student; by default the teacher's.

    Raises:
        ValueError: if there are no such blocks, or no such family.

    Reference:
        https://arxiv.org/abs/1910.01108, section 3
    """
    config = dict(teacher.config)
    if family not in ("same", "distilbert"):
        raise ValueError(f'`family` must be "same" or "distilbert"; received {family!r}.')
    if family == "distilbert" and config["position_offset"]:
        raise ValueError(
            "A RoBERTa has no segments to leave out: take `family='same'` for its student."
        )
    taken = taken_layers(config["num_layers"], layers)
    if family == "distilbert":
        config.update(num_segments=0, pooler=False)
    config["num_layers"] = len(taken)
    if dropout is not None:
        config["dropout"] = dropout
    student = Encoder(**config, dtype=teacher.get_config()["dtype"] if dtype is None else dtype)
    _copy_embeddings(teacher.get_layer("embeddings"), student.get_layer("embeddings"))
    for index, of_teacher in enumerate(taken):
        _copy(teacher.get_layer(f"block_{of_teacher}"), student.get_layer(f"block_{index}"))
    if config["pooler"]:
        _copy(teacher.get_layer("pooler"), student.get_layer("pooler"))
    return student


def taken_layers(num_layers: int, layers: int | Sequence[int] | None = None) -> list[int]:
    """Which blocks of a teacher its student begins with.

    Args:
        num_layers: how many blocks the teacher has.
        layers: see `student_encoder`.

    Raises:
        ValueError: if there are no such blocks, or one comes before one that is below it.

    Example:
        >>> taken_layers(12)
        [0, 2, 4, 7, 9, 11]
        >>> taken_layers(6, 2), taken_layers(6, 1), taken_layers(6, [0, 1, 5])
        ([0, 5], [0], [0, 1, 5])
    """
    if layers is None:
        layers = max(1, num_layers // 2)
    if isinstance(layers, int):
        if not 1 <= layers <= num_layers:
            raise ValueError(
                f"A student of a teacher with {num_layers} blocks has 1 to {num_layers} of them; "
                f"received {layers}."
            )
        return [round(place) for place in np.linspace(0, num_layers - 1, layers)]
    taken = list(layers)
    if not taken or any(not 0 <= layer < num_layers for layer in taken):
        raise ValueError(
            f"`layers` must be numbers from 0 to {num_layers - 1}, the teacher's blocks; received "
            f"{taken}."
        )
    if taken != sorted(set(taken)):
        raise ValueError(f"`layers` must rise, each being there once; received {taken}.")
    return taken


def _copy_embeddings(teacher, student) -> None:
    student.token.table.assign(teacher.token.table)
    positions = keras.ops.convert_to_numpy(teacher.position_table)
    if teacher.num_segments and not student.num_segments:
        positions = positions + keras.ops.convert_to_numpy(teacher.segment_table)[0]
    elif teacher.num_segments:
        student.segment_table.assign(teacher.segment_table)
    student.position_table.assign(positions)
    _copy(teacher.layer_norm, student.layer_norm)


def _copy(teacher, student) -> None:
    # Not the seeds of dropout: who has none has no seeds.
    pairs = zip(_learned(teacher), _learned(student), strict=True)
    for given, weight in pairs:
        weight.assign(given)


def _learned(layer) -> list:
    return [weight for weight in layer.weights if "float" in weight.dtype]

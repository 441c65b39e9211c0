"""Tests of frozen layers: they do not move, the others do."""

import logging

import keras
import numpy as np
import pytest
from fine_tuned_models import classifier, compiled, fit, moved_layers, values

from keras_bert_kit.training.freezing import GradualUnfreezing, freeze
from keras_bert_kit.training.lora import add_lora

HEAD = {"pooler", "classifier"}
ALL = {"embeddings", "block_0", "block_1", *HEAD}


@pytest.mark.parametrize(
    ("up_to", "moving"),
    [
        (0, {"block_0", "block_1", *HEAD}),
        (1, {"block_1", *HEAD}),
        (2, HEAD),
        ("all", HEAD),
    ],
)
def test_frozen_layers_do_not_move(up_to, moving, caplog):
    model = classifier()
    before = values(model)
    with caplog.at_level(logging.INFO):
        count = freeze(model, up_to)
    expected = sum(v.size for path, v in before.items() if path.split("/")[0] in moving)
    assert count == expected
    assert f"{expected:,} of {sum(v.size for v in before.values()):,} parameters" in caplog.text
    fit(compiled(model, run_eagerly=True), 2)
    assert moved_layers(before, values(model)) == moving


@pytest.mark.parametrize("up_to", [-1, 3, True, "half", 1.0])
def test_a_number_of_blocks_that_is_none_is_an_error(up_to):
    with pytest.raises(ValueError, match=rf"'all' or .* from 0 to 2; received {up_to!r}"):
        freeze(classifier(), up_to)


def test_freezing_after_training_has_begun_is_an_error():
    model = compiled(classifier(num_layers=1), run_eagerly=True)
    fit(model, 1)
    with pytest.raises(ValueError, match=r"after training had begun.* Freeze first, then `comp"):
        freeze(model)


class MovesOfSteps(keras.callbacks.Callback):
    """What moved in each step."""

    def __init__(self):
        super().__init__()
        self.moves = []

    def on_train_batch_begin(self, batch, logs=None):
        self.before = values(self.model)

    def on_train_batch_end(self, batch, logs=None):
        self.moves.append(moved_layers(self.before, values(self.model)))


def eager():
    """A graph is made again with each layer: without graphs such a run is shorter."""
    return compiled(classifier(), run_eagerly=True)


def unfrozen(steps, model=None, every=2):
    model = model or compiled(classifier())
    moves = MovesOfSteps()
    fit(model, steps, callbacks=[moves, GradualUnfreezing(every)])
    return model, moves.moves


def test_layers_are_unfrozen_from_the_top():
    _, moves = unfrozen(8)
    expected = [HEAD, HEAD | {"block_1"}, ALL - {"embeddings"}, ALL]
    assert moves == [layers for layers in expected for _ in range(2)]


def test_the_optimizer_has_state_for_all_weights_from_the_start():
    model, _ = unfrozen(1, eager())
    assert len(model.optimizer.variables) == 2 + 2 * len(model.weights)


def test_a_run_that_goes_on_is_unfrozen_as_far_and_ends_the_same():
    whole, moves = unfrozen(6, eager())
    begun, _ = unfrozen(3, eager())
    resumed = eager()
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.set_weights(begun.get_weights())
    for variable, value in zip(resumed.optimizer.variables, begun.optimizer.variables, strict=True):
        variable.assign(value)
    _, later = unfrozen(3, resumed)
    assert later == moves[3:]
    for path, value in values(whole).items():
        np.testing.assert_allclose(values(resumed)[path], value, rtol=0, atol=1e-6, err_msg=path)


def test_what_was_frozen_before_stays_so():
    model = classifier()
    freeze(model, 0)
    _, moves = unfrozen(4, compiled(model, run_eagerly=True), every=1)
    assert moves[-1] == ALL - {"embeddings"}


def test_a_number_of_steps_that_is_none_is_an_error():
    with pytest.raises(ValueError, match=r"`every` must be at least 1 step; received 0"):
        GradualUnfreezing(0)


def test_unfreezing_with_lora_is_an_error():
    model = classifier(num_layers=1)
    add_lora(model)
    with pytest.raises(
        ValueError, match=r"only some weights are trained, as with LoRA\. Choose one"
    ):
        fit(compiled(model), 1, callbacks=[GradualUnfreezing(2)])

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tiny_models import tiny_encoder

from keras_bert_kit import pretrained
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.tasks import fine_tuning
from keras_bert_kit.tasks.fine_tuning import _compile, _prepare, compiling_pays_off, fine_tune
from keras_bert_kit.tasks.text_task import TextTask
from keras_bert_kit.training.averaging import AveragedWeights
from keras_bert_kit.training.freezing import GradualUnfreezing
from keras_bert_kit.training.training_options import TrainingOptions

OPTIONS = TrainingOptions(epochs=4, batch_size=8, learning_rate=2e-3, checkpoint_every=3)


def stars_and_bread(count: int, first: int = 0) -> LabelledTexts:
    """Texts of two subjects, which the encoder of `tiny_run` has read about."""
    stars = ["we see a far star at night", "the night is dark", "a star shines far away"]
    bread = ["we eat soft bread", "the baker bakes warm bread", "a baker wakes early"]
    numbers = range(first, first + count)
    texts = [f"{(stars, bread)[i % 2][i % 3]} number {i % 7}" for i in numbers]
    labels = [("stars", "bread")[i % 2] for i in numbers]
    return LabelledTexts(texts, None, labels, list(numbers), "made up")


TRAIN, DEV = stars_and_bread(48), stars_and_bread(12, first=100)
TASK = TextTask(inputs=InputOptions(16)).with_labels_of(TRAIN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def trained(tiny_run, folder):
    return fine_tune(TASK, tiny_run[0], TRAIN, DEV, OPTIONS, folder)


def test_a_model_learns_and_is_a_bundle_that_speaks(trained):
    assert trained.dev_value == 1.0
    (said,) = trained.bundle.predict_text(["the baker eats warm bread"])
    assert said["label"] == "bread"
    assert said["probability"] > 0.6
    assert "48 training rows in 48 inputs" in trained.description
    assert 4 * 48 * 15 < trained.num_tokens <= 4 * 48 * 16  # most texts are cut to 16 tokens
    assert trained.tokens_per_second > 0


def test_a_run_that_is_stopped_goes_on_and_ends_with_the_same_weights(
    tiny_run, tmp_path, trained, monkeypatch
):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 14:
                raise KeyboardInterrupt

    prepare = fine_tuning._prepare
    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "_prepare", lambda *args: [*prepare(*args), Stop()])
        with pytest.raises(KeyboardInterrupt):
            fine_tune(TASK, tiny_run[0], TRAIN, DEV, OPTIONS, tmp_path)
    again = fine_tune(TASK, tiny_run[0], TRAIN, DEV, OPTIONS, tmp_path)
    for ours, theirs in zip(again.bundle.model.weights, trained.bundle.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_finished_run_is_not_trained_again(tiny_run, folder, trained, capsys):
    again = fine_tune(TASK, tiny_run[0], TRAIN, DEV, OPTIONS, folder)
    assert "Going on from step 24." in capsys.readouterr().out
    for ours, theirs in zip(again.bundle.model.weights, trained.bundle.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_random_start_has_none_of_the_weights(tiny_run):
    encoder, _, _ = pretrained.load(tiny_run[0], "encoder")
    tables = {
        keep: fine_tuning.rebuilt(encoder, OPTIONS, keep).get_layer("embeddings").weights[0].numpy()
        for keep in (True, False)
    }
    np.testing.assert_array_equal(tables[True], encoder.get_layer("embeddings").weights[0])
    assert np.abs(tables[True] - tables[False]).mean() > 0.01
    assert tables[False].std() == pytest.approx(0.0176, rel=0.05)  # normal(0.02), cut at 2


def prepared(**options):
    model = TASK.model(tiny_encoder(num_layers=2), TRAIN)
    options = TrainingOptions(**options)
    callbacks = _prepare(model, options, 10, 30)
    _compile(model, options, 30, False, True, None)
    return model, callbacks


def test_without_options_all_is_trained_and_nothing_else_happens():
    model, callbacks = prepared()
    assert callbacks == []
    assert len(model.trainable_variables) == len(model.weights) - _num_seeds(model)
    assert model.optimizer.layer_decay is None
    assert not model.optimizer.use_ema


def _num_seeds(model) -> int:
    return sum("seed" in variable.path for variable in model.weights)


def test_frozen_blocks_are_not_trained():
    model, _ = prepared(frozen_blocks=1)
    frozen = {v.path for v in model.weights} - {v.path for v in model.trainable_variables}
    parts = {path.split("/")[0] for path in frozen if "seed" not in path}
    assert parts == {"embeddings", "block_0"}


def test_with_lora_only_small_matrices_and_the_head_are_trained():
    model, _ = prepared(lora_rank=2)
    parts = {v.path for v in model.trainable_variables if v.path.startswith(("block", "emb"))}
    assert parts
    assert all("lora" in path for path in parts)


def test_the_optimizer_gets_what_the_options_say():
    model, callbacks = prepared(
        layer_decay=0.5, average=0.9, learning_rate=1e-3, clip_norm=2.0, weight_decay=0.1
    )
    optimizer = model.optimizer
    assert (optimizer.layer_decay, optimizer.ema_momentum, optimizer.global_clipnorm) == (
        0.5,
        0.9,
        2,
    )
    assert optimizer.weight_decay == 0.1
    assert isinstance(callbacks[0], AveragedWeights)
    assert float(optimizer._learning_rate(2)) == pytest.approx(1e-3)  # 3 of 30 steps up


def test_inputs_are_no_longer_than_the_model_reads(tiny_run, tmp_path):
    rows = stars_and_bread(8)
    rows = replace(rows, texts=[100 * "star " + text for text in rows.texts])
    task = TextTask(inputs=InputOptions(500, "truncate"))
    options = TrainingOptions(epochs=1, batch_size=4)
    trained = fine_tune(task.with_labels_of(rows), tiny_run[0], rows, rows, options, tmp_path)
    assert trained.task.inputs.sequence_length == 64
    assert trained.bundle.inputs.sequence_length == 64


def test_unfreezing_counts_epochs():
    _, callbacks = prepared(unfreeze_every=0.5)
    assert isinstance(callbacks[0], GradualUnfreezing)
    assert callbacks[0].every == 5


@pytest.mark.parametrize(
    ("width", "num_layers", "num_lengths", "total_steps", "pays_off"),
    [
        (128, 2, 16, 2_000, True),  # SST-2, once, by a BERT-tiny
        (128, 2, 16, 200, False),
        (128, 2, 64, 2_000, False),
        (384, 6, 64, 700, True),
    ],
)
def test_compiling_for_every_length_has_to_pay_off(
    width, num_layers, num_lengths, total_steps, pays_off
):
    batches = SimpleNamespace(tokens_per_step=lambda: 450, num_lengths=lambda: num_lengths)
    config = {"hidden_dim": width, "num_layers": num_layers}
    assert compiling_pays_off(batches, config, total_steps) == pays_off


def test_the_loss_is_the_one_asked_for():
    y, y_pred = np.array([0, 1]), np.array([[2.0, 0.0], [1.0, 1.0]], "float32")
    plain, smooth, focal = (
        float(prepared(**options)[0].losses_by_output(*arguments)["label"](y, y_pred))
        for options, arguments in (({}, ()), ({}, (0.1,)), ({}, (0.0, 2.0)))
    )
    assert len({round(plain, 4), round(smooth, 4), round(focal, 4)}) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"micro_batches": 3, "label_smoothing": 0.1, "layer_decay": 0.7, "average": 0.5},
        {"lora_rank": 2, "focal_gamma": 2.0, "bucketed": False},
        {"unfreeze_every": 0.5, "frozen_blocks": 1, "patience": 1},
    ],
    ids=lambda options: next(iter(options)),
)
def test_strategies_train_to_the_end_and_leave_a_plain_model(tiny_run, tmp_path, options):
    found = fine_tune(
        TASK, tiny_run[0], TRAIN, DEV, replace(OPTIONS, epochs=2, **options), tmp_path
    )
    assert found.dev_value >= 0.5
    assert type(found.bundle.model).__name__ == "ClassificationModel"
    assert not any("lora" in weight.path for weight in found.bundle.model.weights)

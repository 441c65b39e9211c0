import pytest

from keras_bert_kit.training.training_options import TrainingOptions


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("epochs", 0, "`epochs` must be positive; received 0"),
        ("evaluations", -1, "`evaluations` must be positive; received -1"),
        ("lora_rank", 0, "`lora_rank` must be positive, or left out; received 0"),
        ("unfreeze_every", 0, "`unfreeze_every` must be positive, or left out; received 0"),
        ("average", 1, "`average` must lie between 0 and 1; received 1"),
        ("checkpoint_every", 0, "`checkpoint_every` must be positive; received 0"),
        ("weight_decay", -0.1, "`weight_decay` must not be negative; received -0.1"),
        ("clip_norm", -1, "`clip_norm` must not be negative; received -1"),
        ("frozen_blocks", -1, "`frozen_blocks` must not be negative; received -1"),
        ("dropout", 1.5, "`dropout` must be a share below 1; received 1.5"),
        ("warmup", 1, "`warmup` must be a share of the steps; received 1"),
    ],
)
def test_values_that_cannot_be_are_refused(option, value, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**{option: value})


def test_narrower_encoders_learn_faster_unless_told_otherwise():
    assert TrainingOptions().rate_for(192) == pytest.approx(3e-5 * 8)  # (768 / 192) ** 1.5
    assert TrainingOptions(learning_rate=1e-3).rate_for(192) == 1e-3

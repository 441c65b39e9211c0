"""The best on the development examples is kept and comes first."""

from types import SimpleNamespace

import pytest

from keras_bert_kit.tasks.fine_tuning import FineTuned
from keras_bert_kit.tasks.seeds import train_seeds


class EchoTask:
    def predict(self, model, tokenizer, examples):
        return f"{tokenizer} and {model} on {examples}"


@pytest.mark.parametrize(
    ("dev_values", "order"),
    [
        ((0.5,), [7]),
        ((0.5, 0.7, 0.9), [9, 7, 8]),
        ((0.5, 0.9, 0.7), [8, 7, 9]),
        ((0.9, 0.9, 0.7), [7, 8, 9]),  # of equals the first
        ((float("-inf"), float("-inf")), [7, 8]),  # not defined
    ],
)
def test_the_best_comes_first_and_the_others_as_they_were_trained(dev_values, order):
    def train(seed):
        bundle = SimpleNamespace(model=f"model {seed}", tokenizer="tokenizer")
        return FineTuned(bundle, EchoTask(), dev_values[seed - 7], "", 0, None)

    found = train_seeds(train, range(7, 7 + len(dev_values)), "test")
    assert found.seeds == order
    assert found.best.bundle.model == f"model {order[0]}"
    assert [said for _, said in found.predicted] == [
        f"tokenizer and model {seed} on test" for seed in order
    ]

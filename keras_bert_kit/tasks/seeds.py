"""The same training with several seeds, of which the best on the development examples is kept."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from keras_bert_kit.tasks.fine_tuning import FineTuned


class Trainings(NamedTuple):
    """What several trainings leave, the best on the development examples first.

    Attributes:
        best: the one that is kept.
        seeds: the seed of each.
        predicted: for each its task, with what was decided on the development examples, and what
            its `predict` returned for the test examples.
    """

    best: FineTuned
    seeds: list[int]
    predicted: list[tuple]


def train_seeds(train: Callable[[int], FineTuned], seeds: Iterable[int], test) -> Trainings:
    """Trains with each seed, and predicts the test examples each time.

    Args:
        train: takes a seed and trains.
        seeds: at least one.
        test: the test examples. They choose nothing.
    """
    best, predicted = None, {}
    for seed in seeds:
        trained = train(seed)
        model, tokenizer = trained.bundle.model, trained.bundle.tokenizer
        predicted[seed] = trained.task, trained.task.predict(model, tokenizer, test)
        if best is None or trained.dev_value > best.dev_value:
            best, best_seed = trained, seed
    order = sorted(predicted, key=lambda seed: seed != best_seed)
    return Trainings(best, order, [predicted[seed] for seed in order])

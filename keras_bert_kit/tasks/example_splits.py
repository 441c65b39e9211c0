"""Training, development and test examples: from files of their own, or from parts of one."""

import logging
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.duplicates import duplicates_across, without_duplicates
from keras_bert_kit.data.splits import split_rows

logger = logging.getLogger(__name__)


class ExampleSplits(NamedTuple):
    """The examples of a task, and the task with the labels of the training examples."""

    task: object
    train: object
    dev: object
    test: object


def fingerprint(sets) -> str:
    """A digest of all examples, to see whether those of an earlier run are still the same."""
    digest = blake2b(digest_size=8)
    for examples in sets:
        for name, values in sorted(vars(examples).items()):
            if name not in ("numbers", "source"):
                digest.update(repr(values).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def split_examples(
    task,
    train,
    dev=None,
    test=None,
    *,
    dev_share: float = 0.1,
    limit: int | None = None,
    drop_duplicates: bool = False,
    seed: int = 0,
) -> ExampleSplits:
    """Makes the three sets of examples that a training needs.

    What is not given is taken from the training examples, at random: with each class in its share,
    and with no group in two sets. Texts that are in several sets are counted and told of.

    Args:
        task: the task.
        train: training examples.
        dev: development examples, by which the best weights are chosen.
        test: test examples, by which the model is measured.
        dev_share: share of the training examples for what is missing.
        limit: how many training examples to keep, drawn at random after the split.
        drop_duplicates: whether a text may be in one set only: the test examples if it is there,
            else the development examples. Otherwise such texts are only counted.
        seed: seed of the draws. It should not be that of a single training: all trainings of a
            comparison share their sets.

    Raises:
        ValueError: if there are too few examples, none is left in a set, or there are labels that
            training has not seen.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1; received {limit}.")
    task = task.with_labels_of(train)  # of all of it: a rare class may end up in one part only
    missing = [name for name, given in (("dev", dev), ("test", test)) if given is None]
    if missing:
        if not 0 < dev_share * len(missing) < 1:
            raise ValueError(
                f"`dev_share` is {dev_share}: {' and '.join(missing)} would leave no row to train "
                "on. Give a smaller share, or files of their own."
            )
        fractions = {"train": 1 - dev_share * len(missing)} | dict.fromkeys(missing, dev_share)
        parts = split_rows(
            len(train),
            fractions,
            stratify=task.strata(train),
            group=task.groups(train),
            seed=seed,
        )
        sets = {name: train.select(indices) for name, indices in parts.items()}
    else:
        sets = {"train": train}
    sets |= {name: given for name, given in (("dev", dev), ("test", test)) if given is not None}
    sets = {name: sets[name] for name in ("train", "dev", "test")}

    found = duplicates_across(sets)
    if found.repeated:
        logger.warning("Texts that occur more than once:\n%s", found)
    if drop_duplicates:
        kept = without_duplicates(sets, within=False)
        sets = {name: some.select(kept[name]) for name, some in sets.items()}
    empty = [name for name, some in sets.items() if not len(some)]
    if empty:
        reason = " Are their texts those of the other sets?" if drop_duplicates else ""
        raise ValueError(f"No rows are left in {' and '.join(empty)}.{reason}")
    if limit is not None and limit < len(sets["train"]):
        chosen = np.random.default_rng(seed).choice(len(sets["train"]), limit, replace=False)
        sets["train"] = sets["train"].select(sorted(chosen.tolist()))
    return ExampleSplits(task, sets["train"], task.known(sets["dev"]), task.known(sets["test"]))

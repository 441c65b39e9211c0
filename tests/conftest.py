"""What several test files need: iterators that end, and a run of the pre-training recipe."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes of the tests have one core each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import pytest

# Two subjects whose words do not mix, so that a model can tell them apart after a few steps.
STARS = "the star shines at night . a star is far away . the night is dark . we see a far star ."
BREAD = "the baker bakes bread . warm bread is soft . a baker wakes early . we eat soft bread ."


@pytest.fixture(scope="session", autouse=True)
def iterators_end_at_once():
    """Data of the tests, as the kit's own, has no autotuning, for whose thread its end waits.

    See `keras_bert_kit/data/read_ahead.py`.
    """
    if "tensorflow" not in sys.modules:  # then no test file has it, and it is slow to import
        yield
        return
    import tensorflow as tf

    make_iterator = tf.data.Dataset.__iter__

    def iterator_without_autotuning(dataset):
        options = tf.data.Options()
        options.autotune.enabled = False
        return make_iterator(dataset.with_options(options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.data.Dataset, "__iter__", iterator_without_autotuning)
        yield


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory):
    """A folder with two text files of twelve documents each, a sentence a line."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, text in (("stars.txt", STARS), ("bread.txt", BREAD)):
        sentences = [f"{sentence.strip()} ." for sentence in text.split(".") if sentence.strip()]
        documents = (
            "\n".join((sentences[i % 4 :] + sentences[: i % 4]) * 3 + [f"number {i} ."])
            for i in range(12)
        )
        (folder / name).write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_options(corpus_folder, tmp_path_factory):
    """Options of `recipes.pretrain` for a run of seconds."""
    from recipes.pretrain import Options

    return Options(
        data=(str(corpus_folder),),
        output=str(tmp_path_factory.mktemp("runs")),
        name="first",
        vocabulary_size=80,
        sequence_length=32,
        heldout=0.2,
        steps=300,
        batch_size=8,
        learning_rate=3e-3,
        max_positions=64,
        dropout=0.0,
        evaluate_every=100,
        checkpoint_every=100,
        log_every=50,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_options):
    """The folder and the results of a finished run of `recipes.pretrain`."""
    from pathlib import Path

    from recipes.pretrain import run

    results = run(tiny_options)
    return Path(tiny_options.output) / tiny_options.name, results

import hashlib
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from shard_files import write_shards

from keras_bert_kit.data.masking import Masking
from keras_bert_kit.data.pretraining import PretrainingData
from keras_bert_kit.data.shards import Shards
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

REPOSITORY = Path(__file__).parents[2]
PAD, CLS, SEP, MASK = 0, 2, 3, 4
# Ids 5 to 1004; one in five continues a word.
VOCABULARY = Vocabulary(
    [*SPECIAL_TOKENS, *(f"##p{i}" if i % 5 == 4 else f"w{i}" for i in range(1000))]
)


def random_corpus(num_shards=3, num_documents=12, seed=0):
    rng = np.random.default_rng(seed)
    return [
        [
            [
                rng.integers(5, 1005, rng.integers(1, 20)).tolist()
                for _ in range(rng.integers(1, 12))
            ]
            for _ in range(num_documents)
        ]
        for _ in range(num_shards)
    ]


CORPUS = random_corpus()


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("corpus") / "train", CORPUS, VOCABULARY)


@pytest.fixture
def two_documents(tmp_path):
    documents = [[[5, 6, 7, 8], [10, 11, 12]], [[20, 21], [22, 23, 24, 25]]]
    return write_shards(tmp_path / "two_documents", [documents], VOCABULARY)


def data_of(shards, **options):
    options = {"batch_size": 8, "sequence_length": 32, "tokens_per_window": 1500} | options
    return PretrainingData(shards, VOCABULARY, **options)


def flat(batch) -> dict[str, np.ndarray]:
    x, y, sample_weight = batch
    return x | y | {f"{name}_weight": value for name, value in sample_weight.items()}


def assert_equal(one, other):
    one, other = flat(one), flat(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], name)


def batches(dataset) -> list:
    return list(dataset.as_numpy_iterator())


def digest(batch) -> str:
    return hashlib.sha256(
        b"".join(name.encode() + value.tobytes() for name, value in sorted(flat(batch).items()))
    ).hexdigest()


def restored(batch) -> np.ndarray:
    """The token ids before masking."""
    x, y, sample_weight = batch
    token_ids = x["token_ids"].copy()
    rows, slots = np.nonzero(sample_weight["masked_lm"])
    token_ids[rows, x["mask_positions"][rows, slots]] = y["masked_lm"][rows, slots]
    return token_ids


def segments_of(batch) -> list[list[list[int]]]:
    """Per row, the tokens of its segments, before masking."""
    rows = []
    for token_ids, padding_mask in zip(restored(batch), batch[0]["padding_mask"], strict=True):
        length = padding_mask.sum()
        assert token_ids[0] == CLS and token_ids[length - 1] == SEP
        assert (token_ids[length:] == PAD).all()
        is_sep = np.flatnonzero(token_ids[:length] == SEP)
        rows.append([part[1:].tolist() for part in np.split(token_ids[:length], is_sep)[:-1]])
    return rows


def test_the_batches_are_as_agreed(shards):
    spec = data_of(shards, batch_size=4, sequence_length=20).dataset().element_spec
    positions = tf.TensorSpec((4, 3), tf.int32)
    rows = tf.TensorSpec((4, 20), tf.int32)
    assert spec == (
        {"token_ids": rows, "segment_ids": rows, "padding_mask": rows, "mask_positions": positions},
        {"masked_lm": positions, "next_sentence": tf.TensorSpec((4,), tf.int32)},
        {
            "masked_lm": tf.TensorSpec((4, 3), tf.float32),
            "next_sentence": tf.TensorSpec((4,), tf.float32),
        },
    )


def test_exact_values_for_a_fixed_seed(two_documents):
    # A whole document with B after A, whose middle word became a random one; and the last sentence
    # of the other with a random B, of which the two pieces 23 and 24 make a word.
    batch = data_of(two_documents, batch_size=2, sequence_length=14, seed=8).batch(0)
    assert {name: value.tolist() for name, value in flat(batch).items()} == {
        "token_ids": [
            [CLS, 5, 6, 7, 8, SEP, 10, 618, MASK, SEP, 0, 0, 0, 0],
            [CLS, 22, 199, MASK, 25, SEP, 10, 11, 12, SEP, 0, 0, 0, 0],
        ],
        "segment_ids": [[0] * 6 + [1] * 4 + [0] * 4] * 2,
        "padding_mask": [[1] * 10 + [0] * 4] * 2,
        "mask_positions": [[7, 8, 0], [2, 3, 0]],
        "masked_lm": [[11, 12, 0], [23, 24, 0]],
        "masked_lm_weight": [[1, 1, 0]] * 2,
        "next_sentence": [0, 1],
        "next_sentence_weight": [1, 1],
    }


@pytest.mark.parametrize(("length", "expected"), [(128, 20), (512, 77), (32, 5)])
def test_the_default_number_of_predictions_is_that_of_the_paper(shards, length, expected):
    assert data_of(shards, sequence_length=length).max_predictions == expected


def test_segments_lie_in_the_corpus_and_the_label_tells_whether_b_follows(shards):
    documents = [[*chain(*document)] for documents in CORPUS for document in documents]
    texts = [f" {' '.join(map(str, document))} " for document in documents]

    def owners(tokens):
        return {i for i, text in enumerate(texts) if f" {' '.join(map(str, tokens))} " in text}

    # Segments of one or two tokens may occur anywhere.
    is_telling = 0
    for batch in batches(data_of(shards, short_sequence_rate=0).dataset(num_steps=40)):
        for (a, b), label in zip(segments_of(batch), batch[1]["next_sentence"], strict=True):
            assert owners(a) and owners(b)
            if len(a) > 2 and len(b) > 2:
                is_telling += 1
                assert bool(owners(a) & owners(b)) == (label == 0)
            if label == 0 and len(a) + len(b) < 29:  # nothing was cut off
                assert owners(a + b)
    assert is_telling > 200


def test_segment_ids_and_padding(shards):
    x, _, _ = batch = data_of(shards).batch(3)
    for row, (a, b) in enumerate(segments_of(batch)):
        padding = 32 - len(a) - len(b) - 3
        assert x["segment_ids"][row].tolist() == (
            [0] * (len(a) + 2) + [1] * (len(b) + 1) + [0] * padding
        )
        assert x["padding_mask"][row].tolist() == [1] * (32 - padding) + [0] * padding


def test_going_on_at_a_step_is_skipping_to_it(shards):
    data = data_of(shards)
    steps = 3 * data.steps_per_epoch()
    through = batches(data.dataset(num_steps=steps))
    assert len({digest(batch) for batch in through}) == steps
    for start in (1, steps // 2, steps - 2):
        fresh = data_of(Shards(shards.folder))
        for batch, expected in zip(
            batches(fresh.dataset(start_step=start, num_steps=2)),
            through[start : start + 2],
            strict=True,
        ):
            assert_equal(batch, expected)
    assert_equal(data_of(shards).batch(steps - 1), through[-1])


def test_another_process_makes_the_same_bytes(shards):
    program = (
        "from test_pretraining import *\n"
        f"shards = Shards({str(shards.folder)!r})\n"
        "print(*digests_of_some_batches(shards))"
    )
    paths = [str(REPOSITORY), str(Path(__file__).parent)]
    other = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 0, other.stderr
    assert other.stdout.split() == digests_of_some_batches(shards)


def digests_of_some_batches(shards) -> list[str]:
    return [
        digest(data_of(shards, pairs=pairs, seed=5).batch(step))
        for pairs in ("next_sentence", "full_sentences")
        for step in (40, 3)
    ]


def test_masks_and_pairs_are_drawn_anew_in_each_epoch(shards):
    num_examples = data_of(shards).num_examples()
    data = data_of(shards, batch_size=num_examples)
    first, second = ({row.tobytes() for row in data.batch(k)[0]["token_ids"]} for k in range(2))
    assert len(first) == num_examples
    assert len(first & second) < 0.05 * num_examples


def test_the_seed_decides(shards):
    assert digest(data_of(shards, seed=1).batch(2)) == digest(data_of(shards, seed=1).batch(2))
    assert digest(data_of(shards, seed=1).batch(2)) != digest(data_of(shards, seed=2).batch(2))


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_no_more_predictions_than_asked_for(shards, unit):
    data = data_of(shards, max_predictions=2, masking=Masking(rate=0.5, unit=unit))
    for x, _, sample_weight in batches(data.dataset(num_steps=5)):
        assert x["mask_positions"].shape == (8, 2)
        assert (sample_weight["masked_lm"].sum(axis=1) <= 2).all()


def test_full_sentences_have_no_next_sentence_and_use_every_token(shards):
    data = data_of(shards, pairs="full_sentences")
    used = []
    for batch in batches(data.one_pass()):
        x, y, sample_weight = batch
        assert y.keys() == sample_weight.keys() == {"masked_lm"}
        assert (x["segment_ids"] == 0).all()
        used += [token for row in segments_of(batch) for segment in row for token in segment]
    everything = chain(*(chain(*document) for documents in CORPUS for document in documents))
    assert sorted(used) == sorted(everything)


def test_one_pass_is_the_same_each_time_and_fills_up_the_last_batch(shards):
    data = data_of(shards)
    num_examples = data.num_examples()
    assert num_examples % 8 != 0
    first, again = batches(data.one_pass()), batches(data.one_pass())
    assert len(first) == data.one_pass().cardinality() == -(-num_examples // 8)
    for one, other in zip(first, again, strict=True):
        assert_equal(one, other)
    for step in range(num_examples // 8):
        assert_equal(first[step], data.batch(step))
    x, _, sample_weight = first[-1]
    num_rows = num_examples % 8
    assert sample_weight["next_sentence"].tolist() == [1] * num_rows + [0] * (8 - num_rows)
    assert (sample_weight["masked_lm"][:num_rows].sum(axis=1) > 0).all()
    assert (sample_weight["masked_lm"][num_rows:] == 0).all()
    assert x["token_ids"][-1].tolist() == [CLS, SEP, SEP] + [PAD] * 29
    assert x["padding_mask"][-1].tolist() == [1] * 3 + [0] * 29


def test_one_pass_may_be_smaller_than_a_batch(two_documents):
    data = data_of(two_documents, batch_size=50)
    ((_, _, sample_weight),) = batches(data.one_pass())
    assert sample_weight["next_sentence"].sum() == data.num_examples() <= 4


def test_the_number_of_steps(shards):
    data = data_of(shards)
    assert data.steps_per_epoch(1) == data.num_examples(1) // 8
    assert data.dataset(num_steps=3).cardinality() == 3
    assert data.dataset().cardinality() == tf.data.INFINITE_CARDINALITY


def test_fit_takes_the_dataset(shards):
    token_ids = keras.Input((32,), dtype="int32", name="token_ids")
    positions = keras.Input((5,), dtype="int32", name="mask_positions")
    segment_ids = keras.Input((32,), dtype="int32", name="segment_ids")
    padding_mask = keras.Input((32,), dtype="int32", name="padding_mask")
    hidden = keras.layers.Embedding(1005, 4)(token_ids)
    hidden = hidden * keras.ops.cast(padding_mask + segment_ids, "float32")[:, :, None]
    at_positions = keras.ops.take_along_axis(hidden, positions[:, :, None], axis=1)
    outputs = {
        "masked_lm": keras.layers.Dense(1005, name="masked_lm")(at_positions),
        "next_sentence": keras.layers.Dense(2, name="next_sentence")(hidden[:, 0]),
    }
    model = keras.Model([token_ids, segment_ids, padding_mask, positions], outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=dict.fromkeys(outputs, loss))
    dataset = data_of(shards).dataset()
    history = model.fit(dataset, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_batch_larger_than_the_data_is_refused(two_documents):
    data = data_of(two_documents, batch_size=9)
    with pytest.raises(
        ValueError, match=r"`batch_size` is 9, but the 13 tokens of the shards make"
    ):
        data.dataset()


def test_one_document_is_refused_unless_there_are_no_pairs(tmp_path):
    shards = write_shards(tmp_path / "one", [[[[5, 6], [7, 8]]]], VOCABULARY)
    with pytest.raises(ValueError, match=r"at least 2 documents.*pairs='full_sentences'"):
        data_of(shards)
    assert data_of(shards, batch_size=1, pairs="full_sentences").num_examples() == 1


def test_another_vocabulary_is_refused(shards):
    with pytest.raises(ValueError, match="made with another vocabulary"):
        PretrainingData(shards, Vocabulary([*SPECIAL_TOKENS, "a"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": "nsp"}, "`pairs` must be one of next_sentence, full_sentences; received 'nsp'"),
        ({"batch_size": 0}, "`batch_size` must be positive; received 0"),
        ({"max_predictions": 33}, "`max_predictions` must .* 1 and the 32 tokens.* received 33"),
        ({"max_predictions": 0}, "`max_predictions` must lie between 1 and .* received 0"),
        ({"short_sequence_rate": 2}, r"`short_sequence_rate` must lie in \[0, 1\]; received 2"),
        ({"seed": -1}, r"`seed` must lie in \[0, 2\*\*63\); received -1"),
        ({"sequence_length": 4}, "`sequence_length` must be at least 5"),
        ({"tokens_per_window": 0}, "`tokens_per_window` must be positive; received 0"),
    ],
)
def test_options_out_of_range_are_refused(shards, options, message):
    with pytest.raises(ValueError, match=message):
        data_of(shards, **options)


def test_a_negative_start_is_refused(shards):
    with pytest.raises(ValueError, match="`start_step` must not be negative; received -1"):
        data_of(shards).dataset(start_step=-1)

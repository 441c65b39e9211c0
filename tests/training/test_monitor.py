import json
import math
from collections import defaultdict

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_files import SmallFiles

from keras_bert_kit.training.monitor import Monitor


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Tick(keras.callbacks.Callback):
    """Lets time pass: 100 s for the first step, 2 s for each other, 1,000 s for an evaluation."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.is_first = clock, True

    def on_train_batch_begin(self, batch, logs=None):
        self.clock.now += 100.0 if self.is_first else 2.0
        self.is_first = False

    def on_test_begin(self, logs=None):
        self.clock.now += 1000.0


def build_model(step=0, **arguments):
    """A model that always says 0 and never learns, so that its loss is the square of the label."""
    model = keras.Sequential(
        [keras.Input([1]), keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)]
    )
    # Without a graph these few steps are faster.
    arguments = {"run_eagerly": True} | arguments
    model.compile(keras.optimizers.SGD(0.0), "mse", **arguments)
    model.optimizer.iterations.assign(step)
    return model


def batches(labels):
    """One row a batch."""
    labels = np.array(labels, "float32")[:, None]
    return tf.data.Dataset.from_tensor_slices((np.ones_like(labels), labels)).batch(1)


def fit(model, labels, *callbacks, **arguments):
    return model.fit(
        batches(labels), shuffle=False, callbacks=list(callbacks), verbose=0, **arguments
    )


def read_events(folder):
    """The events of a folder: `{tag: [(step, value), ...]}`."""
    found = defaultdict(list)
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                found[value.tag].append((event.step, tf.make_ndarray(value.tensor)))
    return dict(found)


def read_scalars(folder):
    events = read_events(folder)
    return {tag: [(step, float(value)) for step, value in found] for tag, found in events.items()}


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_point_is_the_mean_of_its_own_window(tmp_path):
    fit(build_model(), [1, 2, 3, 4, 5, 6], Monitor(tmp_path, every=2))
    assert read_scalars(tmp_path / "train") == {
        "loss": [(2, 2.5), (4, 12.5), (6, 30.5)],
        "learning_rate": [(2, 0.0), (4, 0.0), (6, 0.0)],
    }


def test_the_metrics_file_gets_the_same_numbers(tmp_path):
    monitor = Monitor(tmp_path / "logs", every=2, metrics_file=tmp_path / "run" / "metrics.jsonl")
    fit(build_model(), [1, 2, 3, 4], monitor, validation_data=batches([1]))
    assert read_lines(tmp_path / "run" / "metrics.jsonl") == [
        {"step": 2, "split": "train", "loss": 2.5, "learning_rate": 0.0},
        {"step": 4, "split": "train", "loss": 12.5, "learning_rate": 0.0},
        {"step": 4, "split": "heldout", "loss": 1.0},
    ]


def test_a_window_ends_with_the_epoch_and_where_a_multiple_is_passed(tmp_path):
    fit(build_model(), [1, 2, 3], Monitor(tmp_path, every=2), epochs=2)
    # Steps 3 and 4 have labels 3 and 1, but an epoch lies between them.
    expected = [(2, 2.5), (3, 9.0), (4, 1.0), (6, 6.5)]
    assert read_scalars(tmp_path / "train")["loss"] == expected


def test_several_steps_per_call_are_counted_by_the_optimizer(tmp_path):
    fit(
        build_model(steps_per_execution=3, run_eagerly=False),
        range(1, 13),
        Monitor(tmp_path, every=4),
    )
    # Calls end at 3, 6, 9 and 12; the multiples of 4 are passed at 6, 9 and 12.
    expected = [(6, 91 / 6), (9, (49 + 64 + 81) / 3), (12, (100 + 121 + 144) / 3)]
    assert [step for step, _ in read_scalars(tmp_path / "train")["loss"]] == [6, 9, 12]
    np.testing.assert_allclose(read_scalars(tmp_path / "train")["loss"], expected, rtol=1e-6)


def test_a_step_of_several_batches_is_averaged_over_all_of_them(tmp_path):
    model = build_model()
    optimizer = keras.optimizers.SGD(0.0, gradient_accumulation_steps=2)
    model.compile(optimizer, "mse", run_eagerly=True)
    fit(model, [1, 2, 3, 4], Monitor(tmp_path, every=1))
    assert read_scalars(tmp_path / "train")["loss"] == [(1, 2.5), (2, 12.5)]


def test_what_fit_returns_is_not_upset(tmp_path):
    history = fit(build_model(), [1, 2, 3, 4], Monitor(tmp_path, every=2)).history
    assert history["loss"] == [12.5]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_what_fit_returns_is_right_for_data_of_unknown_length(tmp_path):
    data = batches([1, 2, 3, 4]).filter(lambda x, y: True)
    model, monitor = build_model(run_eagerly=False), Monitor(tmp_path, every=2)
    history = model.fit(data, callbacks=[monitor], shuffle=False, verbose=0).history
    assert history["loss"] == [12.5]
    assert read_scalars(tmp_path / "train")["loss"] == [(2, 2.5), (4, 12.5)]


def test_what_is_written_is_on_the_disk_at_once(tmp_path):
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            found.append(len(read_events(tmp_path / "train").get("loss", [])))

        def on_epoch_end(self, epoch, logs=None):
            found.append(len(read_events(tmp_path / "heldout")["loss"]))

    monitor = Monitor(tmp_path, every=2)
    fit(build_model(), [1, 2, 3, 4], monitor, Look(), validation_data=batches([1]))
    assert found == [0, 1, 1, 2, 1]


def test_held_out_results_have_the_tags_of_the_training(tmp_path):
    model = build_model(weighted_metrics=["mae"])
    fit(model, [1, 2], Monitor(tmp_path, every=1), epochs=2, validation_data=batches([3, 3]))
    held_out = read_scalars(tmp_path / "heldout")
    assert held_out == {"loss": [(2, 9.0), (4, 9.0)], "mae": [(2, 3.0), (4, 3.0)]}
    assert read_scalars(tmp_path / "train").keys() >= held_out.keys()


def test_nothing_is_held_out_without_an_evaluation(tmp_path):
    fit(build_model(), [1, 2], Monitor(tmp_path, every=1, samples=lambda: "never"))
    assert read_events(tmp_path / "heldout") == {}


def test_tokens_per_second_leave_out_evaluation_and_the_first_step(tmp_path):
    clock = Clock()
    monitor = Monitor(tmp_path, every=2, tokens_per_step=128, clock=clock)
    fit(build_model(), [1, 2, 3], monitor, Tick(clock), epochs=2, validation_data=batches([1]))
    # 2 s a step are 64 tokens a second; the window of step 3 ends after the evaluation.
    expected = [(2, 64.0), (3, 64.0), (4, 64.0), (6, 64.0)]
    assert read_scalars(tmp_path / "train")["tokens_per_second"] == expected


def test_a_window_of_the_first_step_alone_has_no_tokens_per_second(tmp_path):
    fit(build_model(), [1, 2, 3], Monitor(tmp_path, every=1, tokens_per_step=128))
    speeds = read_scalars(tmp_path / "train")["tokens_per_second"]
    assert [step for step, _ in speeds] == [2, 3]


def test_an_epoch_of_the_first_step_alone_has_no_tokens_per_second(tmp_path):
    fit(build_model(), [1], Monitor(tmp_path, every=50, tokens_per_step=128), epochs=2)
    speeds = read_scalars(tmp_path / "train")["tokens_per_second"]
    assert [step for step, _ in speeds] == [2]


def test_evaluating_without_fit_writes_nothing(tmp_path):
    monitor = Monitor(tmp_path / "logs", metrics_file=tmp_path / "metrics.jsonl")
    build_model().evaluate(batches([1]), callbacks=[monitor], verbose=0)
    assert list(tmp_path.iterdir()) == []


def test_the_learning_rate_is_the_one_that_comes_next(tmp_path):
    model = build_model()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.5, 0.25])
    model.compile(keras.optimizers.SGD(schedule), "mse", run_eagerly=True)
    fit(model, [0, 0, 0, 0, 0, 0], Monitor(tmp_path, every=2))
    rates = read_scalars(tmp_path / "train")["learning_rate"]
    assert rates == [(2, 0.5), (4, 0.25), (6, 0.25)]


def test_a_killed_run_that_goes_on_leaves_the_curve_of_one_that_was_not(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 7:
                raise KeyboardInterrupt

    def run(folder, start, *callbacks):
        monitor = Monitor(
            folder / "logs",
            every=2,
            start_step=start,
            options_text="**lr** 0",
            metrics_file=folder / "metrics.jsonl",
        )
        fit(
            build_model(start),
            range(start + 1, 9),
            monitor,
            *callbacks,
            initial_epoch=start // 4,
            epochs=2,
            steps_per_epoch=4,
            validation_data=batches([1]),
        )

    run(tmp_path / "whole", 0)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", 0, Kill())
    logs, metrics_file = tmp_path / "killed" / "logs", tmp_path / "killed" / "metrics.jsonl"
    assert [line["step"] for line in read_lines(metrics_file)] == [2, 4, 4, 6]
    with metrics_file.open("a") as file:
        file.write('{"step": 8, "spl')
    with max((logs / "train").iterdir()).open("ab") as file:
        file.write(b"\x18\x00\x00\x00")
    run(tmp_path / "killed", 4)

    assert read_lines(metrics_file) == read_lines(tmp_path / "whole" / "metrics.jsonl")
    for split in ("train", "heldout"):
        expected = read_events(tmp_path / "whole" / "logs" / split)
        found = read_events(logs / split)
        assert found.keys() == expected.keys()
        for tag in expected.keys() - {"options"}:
            assert found[tag] == expected[tag]
    assert [step for step, _ in read_events(logs / "train")["options"]] == [0, 4]


def test_a_second_fit_goes_on_with_the_same_monitor(tmp_path):
    model = build_model()
    monitor = Monitor(tmp_path, every=2, start_step=0, options_text="**lr** 0")
    fit(model, [1, 2], monitor)
    fit(model, [3, 4], monitor)
    found = read_events(tmp_path / "train")
    assert found["loss"] == [(2, 2.5), (4, 12.5)]
    assert found["options"] == [(0, b"**lr** 0")]


def test_a_run_that_begins_anew_takes_the_place_of_the_old_one(tmp_path):
    fit(build_model(), [1, 2, 3, 4], Monitor(tmp_path, every=2))
    fit(build_model(), [5, 5], Monitor(tmp_path, every=2))
    assert read_scalars(tmp_path / "train")["loss"] == [(2, 25.0)]


def test_options_and_samples_are_text(tmp_path):
    answers = iter(["first", "second"])
    monitor = Monitor(
        tmp_path, every=1, options_text="| lr | 0 |", samples=lambda: f"**{next(answers)}**"
    )
    fit(build_model(), [1, 2], monitor, epochs=2, validation_data=batches([1]))
    assert read_events(tmp_path / "train")["options"] == [(0, b"| lr | 0 |")]
    samples = read_events(tmp_path / "heldout")["samples"]
    assert samples == [(2, b"**first**"), (4, b"**second**")]


def test_histograms_are_written_on_request(tmp_path):
    fit(build_model(), [1], Monitor(tmp_path / "without"))
    fit(build_model(), [1], Monitor(tmp_path / "with", histograms=True), epochs=2)
    without, found = (read_events(tmp_path / name / "train") for name in ("without", "with"))
    (tag,) = found.keys() - without.keys()
    assert tag.endswith("/kernel")
    assert [step for step, _ in found[tag]] == [1, 2]
    # Buckets are (left, right, count): one weight, which is 0.
    assert found[tag][0][1][:, 2].sum() == 1


def test_histograms_of_weights_in_bfloat16(tmp_path):
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, dtype="bfloat16")])
    model.compile("sgd", "mse", run_eagerly=True)
    fit(model, [1], Monitor(tmp_path, histograms=True))
    assert any(tag.endswith("/kernel") for tag in read_events(tmp_path / "train"))


def test_what_is_not_finite_is_null_in_the_metrics_file(tmp_path):
    monitor = Monitor(tmp_path, every=1, metrics_file=tmp_path / "metrics.jsonl")
    fit(build_model(), [math.inf], monitor)
    assert read_lines(tmp_path / "metrics.jsonl")[0]["loss"] is None
    assert read_scalars(tmp_path / "train")["loss"] == [(1, math.inf)]


def test_a_worker_that_does_not_write_has_the_means_of_the_same_windows(tmp_path):
    class Seen(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.losses = [*getattr(self, "losses", []), float(logs["loss"])]

    seen = []
    for writes in (True, False):
        folder = tmp_path / str(writes)
        monitor = Monitor(
            folder,
            every=2,
            metrics_file=folder / "metrics.jsonl",
            writes=writes,
            samples=(lambda: "") if writes else pytest.fail,
            options_text="- none",
            histograms=True,
        )
        seen.append(Seen())
        fit(build_model(), [1, 3, 5, 7], monitor, seen[-1], validation_data=batches([1]))
    assert seen[0].losses == seen[1].losses == [1.0, 5.0, 25.0, 37.0]
    assert (tmp_path / "True").exists() and not (tmp_path / "False").exists()


def test_a_model_that_is_not_at_the_start_step_is_refused(tmp_path):
    metrics_file = tmp_path / "metrics.jsonl"
    metrics_file.write_text('{"step": 400}\n')
    monitor = Monitor(tmp_path, start_step=400, metrics_file=metrics_file)
    with pytest.raises(ValueError, match="`start_step` is 400, but the optimizer has taken 0"):
        fit(build_model(), [1], monitor)
    assert read_lines(metrics_file) == [{"step": 400}]


def test_a_window_without_steps_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`every` must be at least 1 step, received 0"):
        Monitor(tmp_path, every=0)


def test_steps_without_tokens_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`tokens_per_step` must be at least 1, received 0"):
        Monitor(tmp_path, tokens_per_step=0)


def test_training_goes_on_while_nothing_can_be_written(tmp_path, caplog):
    monitor = Monitor(tmp_path, every=1, metrics_file=tmp_path / "metrics.jsonl")
    fit(build_model(), range(8), SmallFiles(3, 6, size=1), monitor)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7, 8]
    messages = [r.getMessage() for r in caplog.records if "keras_bert_kit" in r.name]
    assert sum("3 line(s) wait for room" in message for message in messages) == 1
    assert any(m.startswith("TensorBoard lacks events that could not be") for m in messages)

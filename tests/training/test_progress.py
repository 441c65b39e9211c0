import io
import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_bert_kit.training.progress import Progress, _duration

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Training:
    """Plays the part of `fit`: each batch takes a second unless told otherwise."""

    def __init__(self, iterations=0, *, terminal=False, **arguments):
        self.clock, self.written = Clock(), io.StringIO()
        console = Console(
            file=self.written, force_terminal=terminal, width=100, color_system=None, _environ={}
        )
        self.progress = Progress(console=console, clock=self.clock, **arguments)
        self.iterations = np.array(iterations)
        variable = SimpleNamespace(numpy=lambda: self.iterations)
        optimizer = SimpleNamespace(iterations=variable)
        self.progress.set_model(SimpleNamespace(optimizer=optimizer))

    def begin(self):
        self.progress.on_train_begin()
        self.progress.on_epoch_begin(0)
        return self

    def batches(self, number, logs=None, seconds=1.0):
        for index in range(number):
            self.clock.now += seconds
            self.iterations = self.iterations + 1
            self.progress.on_train_batch_end(index, logs)
        return self

    def evaluate(self, logs, seconds=0.0):
        self.progress.on_test_begin()
        self.clock.now += seconds
        self.progress.on_test_end()
        self.progress.on_epoch_end(0, logs)
        self.progress.on_epoch_begin(1)
        return self

    def end(self):
        self.progress.on_train_end()
        return self

    @property
    def lines(self):
        return self.written.getvalue().splitlines()


def test_a_line_every_ten_seconds_where_there_is_no_terminal():
    training = Training(total_steps=6000, tokens_per_step=4096).begin()
    training.batches(21, {"loss": 6.2131, "masked_lm_accuracy": 0.1511, "gradient_norm": 1.0})
    # One step a second: 5,990 steps are 1 h 39 min 50 s.
    assert training.lines == [
        "step 10/6,000  loss 6.213  MLM accuracy 0.151  4,096 tokens/s  1 h 39 min left",
        "step 20/6,000  loss 6.213  MLM accuracy 0.151  4,096 tokens/s  1 h 39 min left",
    ]


def test_the_first_step_is_left_out_of_rate_and_time_left():
    training = Training(total_steps=111, tokens_per_step=100, seconds=70).begin()
    training.batches(1, seconds=60.0)  # compiles
    training.batches(10, seconds=1.0)
    assert training.lines == ["step 11/111  100 tokens/s  1 min 40 s left"]


def test_the_rate_is_that_of_the_last_half_minute():
    training = Training(total_steps=1000, tokens_per_step=100, seconds=1000).begin()
    training.batches(10, seconds=100.0).batches(29, seconds=1.0)
    assert training.lines == ["step 10/1,000  1 tokens/s  27 h 30 min left"]
    training.progress.seconds = 1
    training.batches(2, seconds=1.0)
    assert "  100 tokens/s  " in training.lines[-1]


def test_evaluation_slows_the_time_left_but_not_the_rate():
    training = Training(total_steps=100, tokens_per_step=100, seconds=0).begin()
    training.batches(5).evaluate({"val_loss": 1.0}, seconds=20.0).batches(6)
    # 30 s for the ten steps after the first, so 267 s for the 89 to come.
    assert training.lines[-1] == "step 11/100  100 tokens/s  4 min 27 s left"


def test_each_evaluation_is_a_line():
    training = Training(total_steps=6000, seconds=100).begin().batches(3, {"loss": 9.0})
    training.evaluate({"loss": 9.0, "val_loss": 6.30512, "val_masked_lm_accuracy": 0.147})
    assert training.lines == ["step 3/6,000  held out: loss 6.305  MLM accuracy 0.147"]


def test_a_line_is_not_broken_at_the_width_of_a_terminal():
    training = Training(total_steps=6000, seconds=1)
    training.progress.console.width = 20
    training.begin().batches(1, {"loss": 6.2131, "masked_lm_accuracy": 0.1511})
    assert training.lines == ["step 1/6,000  loss 6.213  MLM accuracy 0.151"]


def test_an_epoch_without_evaluation_is_no_line():
    training = Training(total_steps=6000, seconds=100).begin().batches(3)
    training.evaluate({"loss": 9.0})
    assert training.lines == []


def test_missing_logs_are_left_out():
    training = Training(total_steps=4, seconds=1).begin().batches(2, None).evaluate(None)
    training.batches(1, {"masked_lm_accuracy": 0.5})
    assert training.lines == [
        "step 1/4",
        "step 2/4  1.0 steps/s  2 s left",
        "step 3/4  MLM accuracy 0.500  1.0 steps/s  1 s left",
    ]


def test_other_metrics_may_be_asked_for():
    training = Training(total_steps=4, seconds=1, metrics=["f1", "loss"]).begin()
    training.batches(1, {"loss": 0.25, "f1": 0.75, "masked_lm_accuracy": 0.5})
    assert training.lines == ["step 1/4  f1 0.750  loss 0.250"]


def test_a_resumed_training_goes_on_at_the_optimizers_step():
    training = Training(iterations=400, total_steps=500, seconds=1).begin().batches(2)
    assert training.lines == ["step 401/500", "step 402/500  1.0 steps/s  1 min 38 s left"]


def test_a_start_step_counts_on_from_there_with_a_new_optimizer():
    training = Training(total_steps=500, start_step=400, seconds=1).begin().batches(1)
    assert training.lines == ["step 401/500"]


@pytest.mark.parametrize(("steps", "ending"), [(5, "done in 5 s"), (3, "stopped after 3 s")])
def test_the_end_says_how_long_it_took(steps, ending):
    training = Training(total_steps=5, seconds=100).begin().batches(steps).end()
    assert training.lines == [f"step {steps}/5  1.0 steps/s  {ending}"]


def test_more_steps_than_said_leave_no_time():
    training = Training(total_steps=2, seconds=1).begin().batches(4)
    assert training.lines[-1] == "step 4/2  1.0 steps/s  0 s left"


def test_the_bar_has_all_of_it_on_one_line():
    training = Training(terminal=True, total_steps=6000, tokens_per_step=4096).begin()
    training.batches(20, {"loss": 6.2131, "masked_lm_accuracy": 0.1511})
    drawn = training.written.getvalue().split("\r\x1b[2K")[-1]
    assert "\n" not in drawn
    assert drawn.startswith("20/6,000 ")
    assert drawn.endswith("loss 6.213  MLM accuracy 0.151  4,096 tokens/s  1 h 39 min left")
    assert len(drawn) == 100


def test_the_bar_keeps_every_number_on_eighty_columns():
    training = Training(terminal=True, total_steps=6000, tokens_per_step=13400)
    training.progress.console.width = 80
    training.begin().batches(1200, {"loss": 6.2131, "masked_lm_accuracy": 0.1511}, seconds=0.03)
    drawn = training.written.getvalue().split("\r\x1b[2K")[-1]
    assert len(drawn) == 80
    assert drawn.endswith("loss 6.213  MLM accuracy 0.151  446,667 tokens/s  2 min 24 s left")


def test_the_bar_is_not_drawn_more_than_five_times_a_second():
    training = Training(terminal=True, total_steps=6000).begin()
    before = training.written.getvalue().count("\x1b[2K")
    training.batches(1000, seconds=0.01)
    assert 45 <= training.written.getvalue().count("\x1b[2K") - before <= 50


def test_evaluations_stand_above_the_bar():
    training = Training(terminal=True, total_steps=6000).begin().batches(3)
    training.evaluate({"val_loss": 6.30512}).end()
    assert "\x1b[2Kstep 3/6,000  held out: loss 6.305\n3/6,000 " in training.written.getvalue()


def test_the_cursor_is_never_left_hidden():
    written = Training(terminal=True, total_steps=60).begin().batches(3).written.getvalue()
    assert written.rfind(SHOW_CURSOR) > written.rfind(HIDE_CURSOR) >= 0


def test_after_an_exception_nothing_is_printed_but_the_end_of_the_line():
    training = Training(terminal=True, total_steps=60)
    with pytest.raises(KeyboardInterrupt), training.progress:
        training.begin().batches(3, {"loss": 5.0})
        before = training.written.getvalue()
        raise KeyboardInterrupt
    last_drawing = before.split("\r\x1b[2K")[-1]
    after = training.written.getvalue().removeprefix(before)
    assert after == f"\r\x1b[2K{last_drawing}\n{SHOW_CURSOR}"


def test_what_others_print_stands_above_the_bar(capsys):
    training = Training(terminal=True, total_steps=60)
    with training.progress:
        training.begin().batches(3)
        print("checkpoint saved")
    assert "\x1b[2Kcheckpoint saved\n" in training.written.getvalue()
    print("given back")
    assert capsys.readouterr().out == "given back\n"


def test_as_a_mere_callback_it_leaves_no_thread_and_standard_output_alone(capsys):
    threads = set(threading.enumerate())
    training = Training(terminal=True, total_steps=60).begin().batches(3)  # and then it fails
    assert set(threading.enumerate()) == threads
    before = training.written.getvalue()
    print("an error message")
    assert capsys.readouterr().out == "an error message\n"
    assert training.written.getvalue() == before


def test_fit_may_be_called_again_after_it_failed():
    training = Training(terminal=True, total_steps=60).begin().batches(3)
    training.begin().batches(2).end()
    drawn = training.written.getvalue()
    assert drawn.split("\x1b[2K")[-1].startswith("5/60 ")
    training.progress.console.print("nothing is drawn any more")
    assert training.written.getvalue().removeprefix(drawn) == "nothing is drawn any more\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_one_training_may_be_several_calls_of_fit(terminal):
    training = Training(terminal=terminal, total_steps=6, seconds=100)
    with training.progress:
        training.begin().batches(2).end()
        training.begin().batches(4).end()
    assert "stopped after" not in training.written.getvalue()
    last = training.written.getvalue().split("\x1b[2K")[-1].splitlines()[0]
    assert last.startswith("6/6 " if terminal else "step 6/6 ")
    assert last.endswith(" 1.0 steps/s  done in 6 s")
    assert training.written.getvalue().count("done in") == (2 if terminal else 1)


def test_a_block_without_a_training_shows_nothing():
    training = Training(total_steps=6)
    with training.progress:
        pass
    assert training.lines == []


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_behind_fit_optimizer_steps_are_counted(steps_per_execution):
    written = io.StringIO()
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    x = np.ones([8, 1])
    progress = Progress(16, seconds=3600, console=Console(file=written, force_terminal=False))
    model.fit(x, x, batch_size=1, epochs=2, validation_data=(x, x), callbacks=[progress], verbose=0)
    first, second, last = written.getvalue().splitlines()
    assert first == "step 8/16  held out: loss 0.000"
    assert second == "step 16/16  held out: loss 0.000"
    assert last.startswith("step 16/16  loss 0.000  ")


def test_a_training_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="`total_steps` must be at least 1, received 0"):
        Progress(0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (130, "2 min 10 s"),
        (3599.9, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds, text):
    assert _duration(seconds) == text

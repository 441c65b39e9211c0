from keras_bert_kit.training.stopwatch import Stopwatch


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_held_time_is_not_counted():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    clock.now = 5.0
    stopwatch.hold()
    clock.now = 65.0
    assert stopwatch.seconds == 5.0
    stopwatch.go_on()
    clock.now = 70.0
    assert stopwatch.seconds == 10.0


def test_holding_and_going_on_twice_is_as_once():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    clock.now = 5.0
    stopwatch.hold()
    clock.now = 6.0
    stopwatch.hold()
    stopwatch.go_on()
    clock.now = 8.0
    stopwatch.go_on()
    assert stopwatch.seconds == 7.0


def test_restart_begins_from_zero_and_running():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    clock.now = 5.0
    stopwatch.hold()
    stopwatch.restart()
    clock.now = 8.0
    assert stopwatch.seconds == 3.0

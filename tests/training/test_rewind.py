import json
import logging

import pytest
import tensorflow as tf

from keras_bert_kit.training.rewind import rewind_events, rewind_metrics


def write_lines(path, *steps):
    path.write_text("".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in steps))


def steps_of(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def write_events(folder, tags_and_steps):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for tag, step in tags_and_steps:
            tf.summary.scalar(tag, 1.0, step)
    writer.close()


def read_events(folder):
    return [
        (value.tag, event.step)
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        for event in [tf.compat.v1.Event.FromString(record)]
        for value in event.summary.value
    ]


def test_lines_after_the_step_are_dropped(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, 50, 100, 100, 150, 200)
    with caplog.at_level(logging.INFO):
        assert rewind_metrics(path, 100) == 2
    assert steps_of(path) == [50, 100, 100]
    assert f"{path}: dropped 2 line(s) after step 100." in caplog.text
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("torn", ['{"step": 100, "lo', '{"step"', "\0\0\0", "123"])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, 50)
    with path.open("a") as file:
        file.write(torn)
    assert rewind_metrics(path, 100) == 1
    assert path.read_text() == '{"step": 50, "loss": 1.0}\n'


def test_a_whole_last_line_without_its_end_gets_one(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 50}\n{"step": 100}')
    assert rewind_metrics(path, 100) == 0
    assert path.read_text() == '{"step": 50}\n{"step": 100}\n'


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 50}\n{"stop": 100}\n{"step": 150}\n')
    with pytest.raises(ValueError, match=r'metrics.jsonl, line 2: expected .* \'{"stop": 100}\''):
        rewind_metrics(path, 100)
    assert path.read_text().count("\n") == 3


def test_a_file_or_folder_that_is_not_there_is_left_so(tmp_path):
    assert rewind_metrics(tmp_path / "metrics.jsonl", 0) == 0
    assert rewind_events(tmp_path / "train", 0) == 0
    assert list(tmp_path.iterdir()) == []


def test_events_after_the_step_are_dropped_from_every_file(tmp_path):
    write_events(tmp_path, [("loss", 50), ("loss", 100), ("loss", 150)])
    write_events(tmp_path, [("rate", 100), ("rate", 200)])
    assert rewind_events(tmp_path, 100) == 2
    assert sorted(read_events(tmp_path)) == [("loss", 50), ("loss", 100), ("rate", 100)]
    assert len(list(tmp_path.iterdir())) == 2


def test_tags_that_the_start_repeats_are_dropped_at_the_step_too(tmp_path):
    write_events(tmp_path, [("options", 50), ("options", 100), ("loss", 100)])
    assert rewind_events(tmp_path, 100, tags_from_step=("options",)) == 1
    assert read_events(tmp_path) == [("options", 50), ("loss", 100)]


def test_a_torn_event_is_dropped(tmp_path):
    write_events(tmp_path, [("loss", 50), ("loss", 100)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert rewind_events(tmp_path, 100) == 1
    assert read_events(tmp_path) == [("loss", 50)]


def test_a_file_with_nothing_to_drop_is_not_touched(tmp_path):
    write_events(tmp_path, [("loss", 50)])
    (path,) = tmp_path.iterdir()
    before = path.stat()
    assert rewind_events(tmp_path, 50) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

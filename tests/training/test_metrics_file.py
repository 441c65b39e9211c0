"""Tests of the file of metrics on a full disk."""

import resource

import pytest

from keras_bert_kit.training.metrics_file import MetricsFile


@pytest.fixture
def room():
    """Sets how large files may become; what is beyond is not written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_wait_for_room_and_none_is_torn(tmp_path, room, caplog):
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsFile(path)
    metrics.append('{"step": 1}')
    room(18)  # half of the second line
    metrics.append('{"step": 2}')
    metrics.append('{"step": 3}')
    assert path.read_text() == '{"step": 1}\n'
    assert f"{path} could not be written (File too large): 2 line(s) wait for room." in caplog.text
    room(1000)
    metrics.append('{"step": 4}')
    assert path.read_text() == "".join(f'{{"step": {step}}}\n' for step in (1, 2, 3, 4))

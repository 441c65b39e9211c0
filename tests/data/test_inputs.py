"""How long inputs may be, and which parts of a longer text they hold."""

from itertools import pairwise

import pytest

from keras_bert_kit.data.inputs import InputOptions, head_and_tail, windows


@pytest.mark.parametrize(
    ("num_tokens", "room", "stride", "expected"),
    [
        (0, 4, None, [(0, 0)]),
        (4, 4, None, [(0, 4)]),
        (5, 4, None, [(0, 4), (1, 5)]),
        (8, 4, None, [(0, 4), (2, 6), (4, 8)]),
        (9, 4, 4, [(0, 4), (4, 8), (5, 9)]),
        (3, 1, None, [(0, 1), (1, 2), (2, 3)]),
        (5, 4, 1, [(0, 4), (1, 5)]),
    ],
)
def test_windows(num_tokens, room, stride, expected):
    assert [tuple(window) for window in windows(num_tokens, room, stride)] == expected


@pytest.mark.parametrize("room", [1, 2, 5, 8])
def test_windows_hold_every_token_are_full_and_go_on(room):
    for stride in (None, *range(1, room + 1)):
        for num_tokens in range(room, 40):
            found = windows(num_tokens, room, stride)
            assert set().union(*(range(*window) for window in found)) == set(range(num_tokens))
            assert {stop - start for start, stop in found} == {room}
            starts = [start for start, _ in found]
            assert all(a < b for a, b in pairwise(starts))


def test_a_stride_that_leaves_gaps_is_refused():
    with pytest.raises(ValueError, match="`stride` is 5, but a window has room for only 4 tokens"):
        windows(3, 4, 5)


@pytest.mark.parametrize(
    ("num_tokens", "room", "expected"),
    [
        (3, 4, [0, 1, 2]),
        (4, 4, [0, 1, 2, 3]),
        (9, 8, [0, 1, 3, 4, 5, 6, 7, 8]),
        (9, 2, [7, 8]),
        (0, 4, []),
    ],
)
def test_a_quarter_of_what_is_kept_is_the_head(num_tokens, room, expected):
    assert head_and_tail(num_tokens, room).tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 3}, "`sequence_length` must be at least 4, .* received 3"),
        (
            {"long_texts": "cut"},
            "`long_texts` must be one of truncate, head_tail, windows; .*'cut'",
        ),
        ({"stride": 0}, "`stride` must be at least 1 token; received 0"),
    ],
)
def test_options_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InputOptions(**arguments)


def test_options_as_json():
    options = InputOptions(64, "windows", 16)
    assert options.as_dict() == {"sequence_length": 64, "long_texts": "windows", "stride": 16}
    assert InputOptions(**options.as_dict()) == options

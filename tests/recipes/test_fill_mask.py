"""Tests of filling blanks from the command line."""

from recipes.fill_mask import Options, run


def test_prints_a_line_for_every_mask(tiny_run, capsys):
    run(Options(("warm [MASK] is [MASK].",), model=str(tiny_run[0]), top_k=2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "warm [MASK] is [MASK]."
    assert len(lines) == 3
    assert all(len(line.split()) == 4 for line in lines[1:])


def test_shows_what_each_mask_looks_at(tiny_run, capsys):
    run(Options(("a star [MASK].",), model=str(tiny_run[0]), top_k=2, attention=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  looks")[0].split(" looks")[0].strip() for line in lines[2:]] == [
        "layer 1",
        "layer 2",
    ]

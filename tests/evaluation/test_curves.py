import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from keras_bert_kit.evaluation import curves
from keras_bert_kit.evaluation.curves import read_curves, training_curve


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def record(step, split="train", loss=6.0, accuracy=0.1, next_sentence=0.5):
    return {
        "step": step,
        "split": split,
        "masked_lm_loss": loss,
        "masked_lm_accuracy": accuracy,
        "next_sentence_accuracy": next_sentence,
    }


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, to look at what is in them."""
    figures, save = [], Figure.savefig

    def savefig(figure, *arguments, **keywords):
        figures.append(figure)
        return save(figure, *arguments, **keywords)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return figures


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_are_read_by_split_and_name(tmp_path):
    path = write(
        tmp_path / "metrics.jsonl",
        {"step": 50, "split": "train", "loss": 7.0, "learning_rate": 0.1},
        {"step": 100, "split": "train", "loss": None, "learning_rate": 0.2},
        {"step": 100, "split": "heldout", "loss": 6.5},
    )
    found = read_curves(path)
    assert {split: list(curve) for split, curve in found.items()} == {
        "train": ["loss", "learning_rate"],
        "heldout": ["loss"],
    }
    np.testing.assert_array_equal(found["train"]["loss"], ([50, 100], [7.0, np.nan]))
    np.testing.assert_array_equal(found["train"]["learning_rate"], ([50, 100], [0.1, 0.2]))
    np.testing.assert_array_equal(found["heldout"]["loss"], ([100], [6.5]))


@pytest.mark.parametrize(
    "line", ["{", '{"step": 5}', '{"split": "train"}', "[5]", '{"step": 5, "split": "dev"}']
)
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    path = write(tmp_path / "metrics.jsonl", record(1))
    with path.open("a") as file:
        file.write(line)
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 2: expected a JSON object with"):
        read_curves(path)


def test_the_picture_is_a_png_for_a_readme(tmp_path):
    path = write(tmp_path / "metrics.jsonl", record(50), record(100), record(100, "heldout"))
    written = training_curve(path, tmp_path / "docs" / "curve.png", title="A run")
    assert written == tmp_path / "docs" / "curve.png"
    picture = imread(written)
    assert picture.shape == (780, 1660, 4)
    assert picture[:, :, :3].min() < 0.5 < picture[:, :, :3].max()


def test_the_lines_are_the_numbers(tmp_path, drawn):
    path = write(
        tmp_path / "metrics.jsonl",
        *(record(50, loss=7.0), record(100, loss=6.5, accuracy=0.2)),
        record(100, "heldout", loss=6.75, accuracy=0.15, next_sentence=0.625),
    )
    baselines = {"unigram_loss": 6.443, "commonest_rate": 0.059, "majority_rate": 0.509}
    training_curve(path, tmp_path / "curve.png", title="A run", baselines=baselines)
    (figure,) = drawn
    left, right = figure.axes
    assert figure.get_suptitle() == "A run"
    assert [line.get_xydata().tolist() for line in left.lines] == [
        [[50, 7.0], [100, 6.5]],
        [[100, 6.75]],
        [[0, 6.443], [1, 6.443]],
    ]
    assert legend(left) == ["held out: 6.750", "unigram model: 6.443"]
    assert [line.get_xydata()[:, 1].tolist() for line in right.lines] == [
        *([0.1, 0.2], [0.15], [0.059, 0.059]),
        *([0.5, 0.5], [0.625], [0.509, 0.509]),
    ]
    assert legend(right) == [
        *("masked tokens: 0.150", "commonest token: 0.059"),
        *("next sentence: 0.625", "commoner answer: 0.509"),
    ]
    assert left.get_xlim() == right.get_xlim() == (0, 100)
    assert right.get_ylim()[0] == 0


def test_a_run_without_next_sentences_or_baselines_has_fewer_lines(tmp_path, drawn):
    records = [
        {"step": step, "split": "heldout", "masked_lm_loss": 6.0, "masked_lm_accuracy": 0.1}
        for step in (50, 100)
    ]
    training_curve(write(tmp_path / "m.jsonl", *records), tmp_path / "c.png", title="A run")
    assert [len(axes.lines) for axes in drawn[0].axes] == [1, 1]


@pytest.mark.filterwarnings("error")
def test_a_run_that_was_never_evaluated_has_no_legend(tmp_path, drawn):
    path = write(tmp_path / "m.jsonl", record(50))
    training_curve(path, tmp_path / "c.png", title="A run")
    assert [axes.get_legend() for axes in drawn[0].axes] == [None, None]


def test_a_long_run_is_averaged_to_a_line_that_can_be_seen(tmp_path, drawn):
    records = [record(step, loss=float(step % 2)) for step in range(1, 1001)]
    training_curve(write(tmp_path / "m.jsonl", *records), tmp_path / "c.png", title="A run")
    steps, losses = drawn[0].axes[0].lines[0].get_data()
    # 1,000 points are 200 means of 5: steps 1 to 5 hold three odd ones, 6 to 10 hold two.
    assert len(steps) == 200
    np.testing.assert_allclose(steps[:3], [3, 8, 13])
    np.testing.assert_allclose(losses[:3], [0.6, 0.4, 0.6])


def test_the_last_mean_is_over_what_is_left():
    steps, values = curves._average(np.arange(1.0, 8.0), np.arange(0.0, 70.0, 10.0), 3)
    np.testing.assert_allclose(steps, [2, 5, 7])
    np.testing.assert_allclose(values, [10, 40, 60])


def test_an_unknown_baseline_is_refused(tmp_path):
    path = write(tmp_path / "metrics.jsonl", record(1))
    with pytest.raises(ValueError, match=r"may hold unigram_loss, .*; received entropy\."):
        training_curve(path, tmp_path / "c.png", title="A run", baselines={"entropy": 6.0})


def test_a_file_without_masked_token_losses_is_refused(tmp_path):
    path = write(tmp_path / "metrics.jsonl", {"step": 1, "split": "train", "loss": 1.0})
    with pytest.raises(ValueError, match=r"metrics.jsonl holds no `masked_lm_loss`: expected"):
        training_curve(path, tmp_path / "c.png", title="A run")
    assert not (tmp_path / "c.png").exists()


def test_drawing_leaves_pyplot_alone(tmp_path):
    path = write(tmp_path / "metrics.jsonl", record(50), record(50, "heldout"))
    program = (
        "import sys; from keras_bert_kit.evaluation.curves import training_curve;"
        "before = 'matplotlib' in sys.modules;"
        f"training_curve({str(path)!r}, {str(tmp_path / 'c.png')!r}, title='A run');"
        "print(before, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False True False\n", done.stderr

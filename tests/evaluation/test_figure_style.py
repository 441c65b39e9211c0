import io
import subprocess
import sys

import pytest
from matplotlib.image import imread

from keras_bert_kit.evaluation import figure_style
from keras_bert_kit.evaluation.figure_style import name_legend, new_figure, png, shown_names


def test_a_figure_is_830_pixels_wide_at_twice_the_density():
    assert imread(io.BytesIO(png(new_figure("A title")))).shape == (780, 1660, 4)


@pytest.fixture
def one_font(monkeypatch):
    monkeypatch.setattr(figure_style, "FONTS", ("DejaVu Sans",))


def test_names_without_a_font_are_numbers_with_a_legend(one_font):
    assert shown_names(["体育", "news"]) == ["1", "2"]
    assert name_legend(["体育", "news"]) == "1 = 体育, 2 = news"


def test_names_with_a_font_are_themselves(one_font):
    names = ["news", "Ärger", "новости", "עברית", ""]
    assert shown_names(names) == ["news", "Ärger", "новости", "עברית", "(no name)"]
    assert name_legend(names) == ""


def test_a_long_name_keeps_its_beginning_and_its_end():
    (name,) = shown_names(["department of agriculture, north"])
    assert (name, len(name)) == ("department of agr…, north", 25)


@pytest.mark.filterwarnings("error")
def test_a_heading_without_a_font_is_left_out(one_font):
    figure = new_figure("体育")
    assert figure.get_suptitle() == ""
    png(figure)


def test_a_dollar_is_a_dollar():
    figure = new_figure("5$ and 6$")
    assert figure._suptitle.get_text() == r"5\$ and 6\$"
    png(figure)


def test_matplotlib_is_loaded_late_and_without_pyplot():
    program = (
        "import sys; from keras_bert_kit.evaluation import class_figures, score_figures;"
        "before = 'matplotlib' in sys.modules; score_figures.scores_figure({'a': 1.0}, 'f1');"
        "print(before, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False True False\n", done.stderr

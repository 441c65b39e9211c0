import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_bert_kit.evaluation.figure_style import new_figure, png
from keras_bert_kit.evaluation.report import Mistake, Report, write_report
from keras_bert_kit.evaluation.scores import Score

EVIL = "<script>alert('x')</script> & \"quotes\" <img src=http://example.com/a.png>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What tags a page has, and that each that opens also closes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append(text)


def written(tmp_path, **parts):
    report = Report(**({"title": "A title", "verdict": "A verdict."} | parts))
    path = write_report(tmp_path / "new" / "report.html", report)
    assert path == tmp_path / "new" / "report.html"
    return path.read_text(encoding="utf-8")


def everything(text):
    return {
        "title": text,
        "verdict": text,
        "facts": {text: text},
        "results": {text: {text: 0.5}},
        "classes": [{text: text}],
        "figures": [(text, png(new_figure("")))],
        "mistakes": [Mistake(text, text, text, 0.5, 3, pair=text), Mistake(text * 9, "a", "b")],
        "options": {text: [text]},
        "command": text,
        "text_report": text,
    }


def test_the_text_of_users_is_never_markup(tmp_path):
    page = Page(written(tmp_path, **everything(EVIL)))
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert EVIL in page.text
    assert page.text.count(EVIL) > 10


def test_nothing_comes_from_the_network(tmp_path):
    text = written(tmp_path, **everything(EVIL))
    page = Page(text)
    for name, value in page.attributes:
        if name in ("src", "href", "action", "data", "srcset"):
            assert value.startswith("data:image/png;base64,")
    assert not {"link", "iframe", "object", "script", "a", "form"} & set(page.tags)
    style = re.search("<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def test_it_is_made_for_phones_paper_and_dark_screens(tmp_path):
    text = written(tmp_path)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "max-width: 100%" in text


def test_parts_that_are_missing_leave_no_heading(tmp_path):
    assert "<h2>" not in written(tmp_path)


def test_the_verdict_is_the_first_thing_after_the_title(tmp_path):
    page = Page(written(tmp_path, facts={"rows": 5}))
    body = [text for text in page.text if text.strip()]
    assert [text for text in body if "{" not in text][:3] == ["A title", "A title", "A verdict."]


def test_results_are_a_table(tmp_path):
    results = {"accuracy": {"BERT": Score(0.83, 0.01, 0.8, 0.86, 3), "majority": 0.5, "x": None}}
    text = written(tmp_path, results=results)
    for cell in ("accuracy", "0.830 ± 0.010 [0.800, 0.860]", "0.500", "-"):
        assert f'<td dir="auto">{cell}</td>' in text
    assert "± is the standard deviation between seeds; brackets hold the 95 % interval." in text
    assert "standard deviation" not in written(tmp_path, results={"f1": {"BERT": 0.5}})


def test_numbers_are_written_as_people_write_them(tmp_path):
    values = {"a": 3e-05, "b": 0.1, "c": None, "d": math.nan, "e": np.float32(0.5), "f": 12}
    text = written(tmp_path, options=values)
    found = re.findall(r'<dd dir="auto">(.*?)</dd>', text)
    assert found == ["3e-05", "0.1", "-", "-", "0.5", "12"]
    row = {"class": "x", "f1": 1 / 3, "n": 1, "none": None, "nan": np.float64("nan")}
    assert re.findall(r'<td dir="auto">(.*?)</td>', written(tmp_path, classes=[row])) == [
        *("x", "0.333", "1", "-", "-")
    ]


def test_a_long_text_folds_and_a_huge_one_is_cut(tmp_path):
    long = "word " * 100
    page = Page(written(tmp_path, mistakes=[Mistake(long, "a", "b")]))
    assert long[:300] + "…" in page.text
    assert long in page.text
    huge = "x" * 25_000
    text = written(tmp_path, mistakes=[Mistake(huge, "a", "b")])
    assert huge not in text
    assert "… and 5,000 more characters, left out here" in text


def test_a_mistake_says_where_it_is_and_how_sure(tmp_path):
    text = written(tmp_path, mistakes=[Mistake("", "a", "b", 0.987, 17)])
    assert "(empty text)" in text
    assert "with 98.7% · row 17" in text


def test_half_a_surrogate_pair_can_be_written(tmp_path):
    assert "a?b" in written(tmp_path, mistakes=[Mistake("a\ud800b", "x", "y")])


def test_right_to_left_text_has_its_own_direction(tmp_path):
    text = written(tmp_path, mistakes=[Mistake("שלום", "x", "y")])
    assert '<p dir="auto">שלום</p>' in text


def test_a_figure_has_half_its_pixels(tmp_path):
    text = written(tmp_path, figures=[("A caption", png(new_figure("")))])
    assert 'alt="A caption" width="830"' in text


def test_a_figure_that_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match=r"'A caption' must be the bytes of a PNG; received b'GIF"):
        written(tmp_path, figures=[("A caption", b"GIF89a")])
    assert not (tmp_path / "new").exists()


def test_classes_with_other_columns(tmp_path):
    with pytest.raises(ValueError, match="must have the columns class, f1; row 2 has class"):
        written(tmp_path, classes=[{"class": "a", "f1": 1.0}, {"class": "b"}])

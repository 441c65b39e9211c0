import re
import subprocess
import sys

import pytest

from keras_bert_kit.sample_data import sample_files

DOCUMENTS = {
    "baum-the-wonderful-wizard-of-oz": 25,
    "carroll-through-the-looking-glass": 11,
    "dickens-a-christmas-carol": 5,
    "doyle-a-study-in-scarlet": 14,
    "stevenson-the-strange-case-of-dr-jekyll-and-mr-hyde": 10,
    "wells-the-time-machine": 13,
}


def test_six_books_of_a_megabyte_together():
    assert [path.stem for path in sample_files()] == list(DOCUMENTS)
    assert 1_000_000 < sum(path.stat().st_size for path in sample_files()) < 1_100_000


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
def test_a_book_is_paragraphs_with_a_blank_line_between_documents(path):
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    assert "\n\n\n" not in text
    lines = text.removesuffix("\n").split("\n")
    assert all(line == line.strip() for line in lines)
    assert lines.count("") == DOCUMENTS[path.stem] - 1
    assert all(len(document.split()) > 50 for document in text.split("\n\n"))


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
def test_a_book_is_prose_without_markup(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[_*#<>{}|\\`~^=+@\ufffd]|https?:|Gutenberg|&\w+;", text)
    assert set(re.sub(r"[\x20-\x7e\n]", "", text)) <= set("—…éèñö")


def test_the_readme_lists_every_book():
    (readme,) = {path.with_name("README.md") for path in sample_files()}
    text = readme.read_text(encoding="utf-8")
    for path in sample_files():
        words = len(path.read_text(encoding="utf-8").split())
        assert re.search(rf"`{path.name}` .* \| {DOCUMENTS[path.stem]} \| {words:,} \|", text)
    assert f"({sum(DOCUMENTS.values())} documents" in text


def test_asking_for_the_files_imports_nothing_heavy():
    program = (
        "import sys; from keras_bert_kit.sample_data import sample_files; sample_files();"
        "print({'numpy', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr

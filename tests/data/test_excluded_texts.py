"""Documents that equal an excluded text are found, however it is written down."""

import gzip
import json
from pathlib import Path

import pytest

from keras_bert_kit.data.corpus import Corpus, read_documents
from keras_bert_kit.data.excluded_texts import ExcludedTexts

SHARED = Path(__file__).parents[3] / "shared" / "data"


def write_rows(path, texts, field="text"):
    rows = "".join(json.dumps({field: text}) + "\n" for text in texts).encode()
    path.write_bytes(gzip.compress(rows) if path.suffix == ".gz" else rows)
    return path


def test_rows_and_plain_text_exclude_each_other(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl.gz", ["It RAINED.\nWe slept.", "\u6211\u5011 \u7761"])
    text = tmp_path / "text.txt"
    text.write_bytes(
        "\ufeffIt rained.  We\r\nslept.\r\n\r\n\u6211\u5011\r\n\u7761\r\n\r\nkept".encode()
    )
    assert list(read_documents(text, exclude=ExcludedTexts(rows))) == [["kept"]]
    with pytest.raises(ValueError, match=r"All 2 document\(s\) of .*rows\.jsonl\.gz equal a text"):
        list(read_documents(rows, exclude=ExcludedTexts(text)))


def test_a_part_of_a_text_is_another_text(tmp_path):
    excluded = ExcludedTexts(write_rows(tmp_path / "a.jsonl", ["It rained. We slept."]))
    assert ["It rained. We slept."] in excluded
    assert ["It rained."] not in excluded
    assert ["It rained. We slept. Then"] not in excluded


def test_their_fingerprint_is_that_of_the_texts(tmp_path):
    one = ExcludedTexts(write_rows(tmp_path / "a.jsonl", ["a", "b", "A"]))
    same = ExcludedTexts(write_rows(tmp_path / "b.jsonl", ["b ", "a"]))
    other = ExcludedTexts(write_rows(tmp_path / "c.jsonl", ["b", "c"]))
    assert str(one) == str(same) != str(other)
    assert str(one).startswith("2 texts, fingerprint ")
    assert len(one) == 2


def test_positions_count_what_is_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("a\n\nb\n\nc\n\nb")
    (tmp_path / "b.txt").write_text("b\n\nd")
    (tmp_path / "test.txt").write_text("B")
    corpus = Corpus(
        [tmp_path / "a.txt", tmp_path / "b.txt"], exclude=ExcludedTexts(tmp_path / "test.txt")
    )
    expected = [((0, 1), ["a"]), ((0, 3), ["c"]), ((1, 2), ["d"])]
    assert list(corpus.documents()) == expected
    assert corpus.num_excluded == 3
    assert list(corpus.documents((0, 3))) == expected[2:]
    assert corpus.num_excluded == 2
    assert list(corpus.documents((1, 2))) == []


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, r"There is no document in .*test\.jsonl: nothing but white space"),
        ('{"review": "a"}', {}, r"line 1 has no field `text`\. Its fields: review"),
        ("{", {}, r"test\.jsonl, line 1 is not JSON"),
        (b"\xff\n", {}, r"test\.jsonl is not utf-8: byte 0 is 0xff"),
        ("", {"undecodable": "ignore"}, '`undecodable` must be "error" or "skip"'),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, options, message):
    path = tmp_path / "test.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        assert ["a"] in ExcludedTexts(path, **options)


def test_the_field_may_be_another_and_a_file_must_exist(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", ["a"], "review")
    assert ["a"] in ExcludedTexts(path, text_field="review")
    with pytest.raises(FileNotFoundError, match=r"none\.jsonl is no file"):
        ExcludedTexts(tmp_path / "none.jsonl")


@pytest.mark.corpora
@pytest.mark.skipif(not (SHARED / "imdb").exists(), reason="needs ../shared/data")
def test_reviews_of_imdb():
    # Counted with sets of strings: 371 equal a training review and 270 a test review, none both;
    # comparing them without case and white space finds no more.
    imdb = SHARED / "imdb"
    excluded = ExcludedTexts([imdb / "train.jsonl.xz", imdb / "test.jsonl.xz"])
    corpus = Corpus(imdb / "unsup.jsonl.xz", exclude=excluded)
    assert sum(1 for _ in corpus.documents()) == 50_000 - 641
    assert corpus.num_excluded == 641

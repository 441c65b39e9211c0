"""What is read as which document, and what bad input gets."""

import bz2
import gzip
import json
import lzma

import pytest

from keras_bert_kit.data import corpus as corpus_file
from keras_bert_kit.data import text_lines
from keras_bert_kit.data.corpus import Corpus, read_documents

TEXT = "First line.\nSecond line.\n\nAnother document.\n"
DOCUMENTS = [["First line.", "Second line."], ["Another document."]]


def read(*sources, **options):
    return list(read_documents(list(sources), **options))


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\ufeff" + TEXT,
        "\n\n \t\n" + TEXT + "\n\n\n",
        TEXT.replace("\n\n", "\n\f\n"),
        TEXT.replace("Second", "  Second").replace("Another", "\fAnother"),
    ],
    ids=["plain", "no end", "windows", "old mac", "BOM", "blank", "form feed", "indented"],
)
def test_plain_text_has_a_blank_line_between_documents(write, content):
    assert read(write("a.txt", content)) == DOCUMENTS


def test_only_line_ends_end_a_line(write):
    assert read(write("a.txt", "one\u2028two\x0bthree\x85four")) == [
        ["one\u2028two\x0bthree\x85four"]
    ]


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        (".gz", gzip.compress),
        (".xz", lzma.compress),
        (".bz2", bz2.compress),
        (".GZ", gzip.compress),
    ],
)
def test_compressed_text(write, ending, compress):
    assert read(write("a.txt" + ending, compress(TEXT.encode()))) == DOCUMENTS


def test_json_lines_have_a_document_a_row(write):
    rows = [{"text": "First line.\nSecond line."}, {"id": 3, "text": "Another document.\r\n"}]
    content = "\n".join(map(json.dumps, rows)) + "\n\n"
    assert read(write("a.jsonl", content)) == DOCUMENTS
    assert read(write("a.json.xz", lzma.compress(content.encode()))) == DOCUMENTS


def test_json_rows_without_text_are_left_out_and_counted(write, caplog):
    path = write("a.jsonl", '{"text": ""}\n{"text": "x"}\n{"text": " \\n "}\n')
    assert read(path) == [["x"]]
    assert f"{path}: left out 2 row(s) without any text." in caplog.text


def test_half_a_surrogate_pair_in_json_becomes_a_question_mark(write):
    assert read(write("a.jsonl", '{"text": "a \\ud83d b \\ud83d\\ude00 c"}')) == [["a ? b 😀 c"]]


def test_another_text_field(write):
    assert read(write("a.jsonl", '{"body": "x"}'), text_field="body") == [["x"]]


def test_a_folder_is_read_in_the_order_of_names_without_hidden_and_other_files(write, caplog):
    write("corpus/b.txt", "b")
    write("corpus/a/z.jsonl", '{"text": "z"}')
    write("corpus/a/part.0001", "part")
    write("corpus/c", "c")
    write("corpus/.hidden.txt", "hidden")
    write("corpus/.git/config.txt", "hidden")
    write("corpus/photo.jpg", b"\xff\xd8\x00")
    folder = write("corpus/table.csv", "a,b").parent
    assert read(folder) == [["part"], ["z"], ["b"], ["c"]]
    assert f"{folder}: left out 2 file(s) whose names are not those of text" in caplog.text
    assert "photo.jpg" in caplog.text


def test_patterns_and_lists_of_sources(write):
    write("one/b.md", "b")
    write("one/two/a.txt", "a")
    root = write("last.txt", "last").parent
    assert read(root / "last.txt", root / "one" / "**" / "*.*") == [["last"], ["b"], ["a"]]


def test_a_file_named_twice_is_read_once(write, caplog):
    path = write("corpus/a.txt", "a")
    assert read(path, path.parent) == [["a"]]
    assert "Named 1 file(s) more than once; each is read once." in caplog.text


def test_another_encoding(write):
    assert read(write("a.txt", "caf\u00e9".encode("latin-1")), encoding="latin-1") == [
        ["caf\u00e9"]
    ]


def test_positions_are_where_to_go_on(write):
    write("c/1.txt", "a\n\nb\n\nc")
    write("c/2.txt", "d\n\ne")
    corpus = Corpus(write("c/0.txt", "\n").parent)
    everything = list(corpus.documents())
    assert [position for position, _ in everything] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    for index, (position, _) in enumerate(everything):
        assert list(corpus.documents(position)) == everything[index + 1 :]


def test_bytes_read_ends_at_the_size(write):
    write("c/1.txt", "a\n\nb")
    corpus = Corpus(write("c/2.txt", "d").parent)
    assert corpus.size == 5
    assert [corpus.bytes_read for _ in corpus.documents()] == [4, 4, 5]
    assert corpus.bytes_read == 5


# Long lines and documents


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 64])
def test_blocks_do_not_show(write, monkeypatch, block_bytes):
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", block_bytes)
    text = "\ufeffé😀 line\r\nsecond\r\n\r\nthird\n"
    assert read(write("a.txt", text)) == [["é😀 line", "second"], ["third"]]


def test_a_line_of_a_million_characters(write):
    line = "a" * 999_999 + "."
    assert read(write("a.txt", line)) == [[line]]
    assert read(write("a.jsonl", json.dumps({"text": line}))) == [[line]]


def test_a_line_without_end_is_cut_at_a_space_or_between_characters(write, monkeypatch):
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", 4)
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 10)
    assert read(write("a.txt", "abc def ghi jkl mno")) == [["abc def ghi", "jkl mno"]]
    lines = read(write("b.txt", "天" * 10))[0]
    assert "".join(lines) == "天" * 10
    assert max(map(len, lines)) <= 4


def test_a_document_without_end_is_cut_and_counted(write, monkeypatch, caplog):
    monkeypatch.setattr(corpus_file, "LONGEST_DOCUMENT", 5)
    path = write("a.txt", "abc\ndef\nghi\njkl\nm\n")
    assert read(path) == [["abc", "def"], ["ghi", "jkl"], ["m"]]
    assert f"{path}: cut long documents in 2 place(s), after every 5 characters" in caplog.text


def test_a_gap_in_a_table_is_a_document_without_text(write, caplog):
    assert read(write("a.jsonl", '{"text": "x"}\n{"text": null}\n')) == [["x"]]
    assert "left out 1 row(s) without any text" in caplog.text


def test_a_warning_is_logged_once_however_often_the_corpus_is_read(write, caplog):
    corpus = Corpus(write("a.jsonl", '{"text": "x"}\n{"text": ""}'))
    for _ in range(3):
        list(corpus.documents())
    assert len(caplog.records) == 1


# What bad input gets


def test_a_missing_source(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt is no file, no folder, and no patt"):
        read(tmp_path / "nowhere.txt")


def test_a_pattern_that_matches_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\*\.txt is no file, no folder, and no pattern"):
        read(tmp_path / "*.txt")


def test_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no text file in .*The folder is empty\."):
        read(tmp_path)


def test_a_folder_without_text(write):
    folder = write("corpus/photo.jpg", b"\xff").parent
    with pytest.raises(
        FileNotFoundError, match=r"Found 1 other file\(s\), such as photo\.jpg: a f"
    ):
        read(folder)


@pytest.mark.parametrize("sources", [[], "", [""]])
def test_no_source_at_all(sources):
    with pytest.raises(FileNotFoundError, match="No source of text was given"):
        read_documents(sources)


def test_nothing_but_white_space(write):
    write("c/a.txt", "")
    folder = write("c/b.txt", " \n\n").parent
    with pytest.raises(ValueError, match=r"no document in .*a\.txt and 1 other file\(s\): nothing"):
        read(folder)


def test_a_file_that_is_not_utf_8_names_the_byte(write, monkeypatch):
    path = write("a.txt", b"fine\n" * 3 + "caf\u00e9 au lait\n".encode("latin-1"))
    expected = r"a\.txt is not utf-8: byte 18 is 0xe9 \(invalid continuation byte\)\. Give its enc"
    with pytest.raises(ValueError, match=expected):
        read(path)
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", 8)
    with pytest.raises(ValueError, match=expected):
        read(path)


def test_the_byte_is_counted_in_the_text_and_not_in_its_compressed_form(write):
    path = write("a.txt.gz", gzip.compress(b"one\ntw\xe9\n"))
    with pytest.raises(ValueError, match=r"a\.txt\.gz is not utf-8: byte 6 is 0xe9"):
        read(path)


def test_lines_that_are_not_utf_8_are_skipped_and_counted_on_request(write, caplog):
    path = write("a.txt", b"one\ntw\xe9\nthree\n\n\xff\n\nlast")
    assert read(path, undecodable="skip") == [["one", "three"], ["last"]]
    assert f"{path}: skipped 2 line(s) that are not utf-8." in caplog.text


def test_rows_keep_their_numbers_where_lines_are_skipped(write):
    path = write("a.jsonl", b'\xff\n{"text": "x"}\n\xff\nnonsense\n')
    with pytest.raises(ValueError, match="line 4 is not JSON"):
        read(path, undecodable="skip")


def test_a_binary_file(write):
    folder = write("corpus/program", b"\x7fELF\x02\x00\x00").parent
    with pytest.raises(ValueError, match=r"program is not a text file: byte 5 is 0x00\. Remove it"):
        read(folder)


def test_utf_16(write):
    path = write("a.txt", "text".encode("utf-16"))
    with pytest.raises(ValueError, match=r"byte 3 is 0x00\. It looks like UTF-16: convert it"):
        read(path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("not json", r"a\.jsonl, line 2 is not JSON \(Expecting value.*Expected one JSON object"),
        ("[" * 100_000, r"line 2 is not JSON \("),
        ('["text"]', r"line 2 is not a JSON object but '\[\"text\"\]'\. Expected one"),
        ('{"title": "x", "body": "y"}', r"line 2 has no field `text`\. Its fields: title, body\."),
        ('{"text": 1}', r"line 2 has no text in its field `text`, but 1\. Name the right"),
    ],
)
def test_rows_that_cannot_be_read_are_named(write, line, expected):
    with pytest.raises(ValueError, match=expected):
        read(write("a.jsonl", '{"text": "x"}\n' + line + "\n"))


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.txt.gz", b"this is no gzip"),
        ("a.txt.gz", gzip.compress(TEXT.encode(), mtime=0)[:-9]),
        ("a.txt.gz", gzip.compress(TEXT.encode() * 99, mtime=0)[:40] + b"\xff" * 40),
        ("a.txt.xz", b"this is no xz"),
        ("a.txt.xz", lzma.compress(TEXT.encode())[:-9]),
    ],
    ids=["no gzip", "gzip cut off", "gzip of wrong bytes", "no xz", "xz cut off"],
)
def test_a_damaged_archive(write, name, content):
    with pytest.raises(ValueError, match=rf"{name} cannot be decompressed \(.*\)\. It is damaged"):
        read(write(name, content))


def test_unknown_options(write):
    path = write("a.txt", "a")
    with pytest.raises(ValueError, match=r"`encoding` must be one that Python knows.*'utf-88'"):
        read_documents(path, encoding="utf-88")
    with pytest.raises(ValueError, match=r"a line feed is one byte\. Received: 'utf-16'. Convert"):
        read_documents(path, encoding="utf-16")
    with pytest.raises(ValueError, match=r'must be "error" or "skip"\. Received: \'ignore\''):
        read_documents(path, undecodable="ignore")


# TensorFlow Datasets


@pytest.fixture
def dataset(tmp_path):
    import tensorflow_datasets as tfds

    texts = ["First line.\n\nSecond line.", " ", "Another document."]
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny_corpus",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
        split_datasets={"train": list(enumerate({"text": text} for text in texts))},
        data_dir=tmp_path,
        disable_shuffling=True,
    )
    tfds.core.add_data_dir(tmp_path)
    yield "tfds:tiny_corpus"
    tfds.core.utils.file_utils.clear_registered_data_dirs()


@pytest.mark.parametrize("suffix", ["", ":train", ":1.0.0", ":1.0.0:train"])
def test_a_dataset_of_tensorflow_datasets(dataset, suffix, caplog):
    assert read(dataset + suffix) == DOCUMENTS
    assert "left out 1 row(s) without any text" in caplog.text


def test_a_part_of_a_split(dataset):
    assert read(dataset + ":train[:1]") == DOCUMENTS[:1]


def test_wrong_names_in_a_dataset(dataset):
    with pytest.raises(ValueError, match=r"has no split 'test'\. Its splits: train\."):
        read(dataset + ":test")
    with pytest.raises(ValueError, match=r"row 0 has no field `body`\. Its fields: text\."):
        read(dataset, text_field="body")
    with pytest.raises(FileNotFoundError, match="TensorFlow Datasets has no nonsense_name"):
        read("tfds:nonsense_name")


def test_a_dataset_that_cannot_be_fetched(dataset, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(self, **_):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "is_prepared", lambda self: False)
    with pytest.raises(FileNotFoundError, match=r"and could not be fetched: no route$"):
        read(dataset)

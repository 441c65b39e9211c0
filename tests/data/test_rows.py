"""Tables from files: what the formats share, and what bad input gets."""

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tracemalloc

import pytest

from keras_bert_kit.data.rows import Rows, find_column, read_rows, stream_rows

TSV = "text\tlabel\ngood\t1\nbad\t0\n"
COLUMNS = {"text": ["good", "bad"], "label": ["1", "0"]}


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def standard_input(monkeypatch):
    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))

    return give


# The table


def test_a_table_knows_where_its_rows_come_from(write):
    path = write("train.tsv", TSV)
    rows = read_rows(path)
    assert rows.columns == COLUMNS
    assert (len(rows), rows.numbers, rows.source) == (2, [2, 3], str(path))
    assert rows.place(1) == f"{path}, line 3"
    assert rows.select([1, 1]).place(0) == f"{path}, line 3"
    assert rows.select([1, 1]).columns == {"text": ["bad", "bad"], "label": ["0", "0"]}
    assert len(rows.select([])) == 0


@pytest.mark.parametrize("name", ["label", "1", "-1", 1, -1])
def test_a_column_by_its_name_or_position(name):
    assert Rows(COLUMNS, "train.tsv", [2, 3]).column(name) == ["1", "0"]


def test_a_name_goes_before_a_position():
    assert find_column("1", {"1": [], "0": []}, "a.tsv") == "1"


@pytest.mark.parametrize("name", ["sentiment", "2", "-3", 7])
def test_a_column_that_is_not_there(name):
    rows = Rows(COLUMNS, "train.tsv", [2, 3])
    with pytest.raises(ValueError, match=rf"train\.tsv has no column {name!r}\. Its columns: 'tex"):
        rows.column(name)


def test_a_missing_column_says_what_else_may_be_wrong():
    with pytest.raises(ValueError, match=r"'text'\. If the file is not plain text, give its `for"):
        Rows({"text": ["a\tb"]}, "a.txt", [1]).column("label")
    with pytest.raises(ValueError, match=r"'a;b'\. If these are several columns, give the `delim"):
        Rows({"a;b": ["1;2"]}, "a.csv", [1]).column("a")


def test_columns_of_unequal_length():
    with pytest.raises(ValueError, match=r"a\.tsv: columns must have one value for each of the 2 "):
        Rows({"text": ["one"]}, "a.tsv", [1, 2])


# Several sources


def test_several_sources_follow_each_other(write):
    first = write("a.tsv", TSV)
    second = write("b.jsonl", '\n{"label": 5, "text": "so so"}\n')
    rows = read_rows([first, second])
    assert rows.columns == {"text": ["good", "bad", "so so"], "label": ["1", "0", 5]}
    assert rows.place(2) == f"{second}, line 2"
    assert rows.select([2, 0]).place(1) == f"{first}, line 2"
    assert rows.source == f"{first} and 1 more"


def test_units_stay_with_their_source(write):
    rows = read_rows([write("a.tsv", TSV), write("b.json", '[{"text": "x", "label": "1"}]')])
    assert [rows.place(i).rpartition(", ")[2] for i in range(3)] == ["line 2", "line 3", "row 1"]


def test_a_pattern(write):
    folder = write("a.tsv", TSV).parent
    write("b.tsv", TSV)
    assert read_rows(folder / "*.tsv").columns["text"] == ["good", "bad", "good", "bad"]


def test_sources_with_other_columns(write):
    paths = [write("a.tsv", TSV), write("b.tsv", TSV.replace("label", "stars"))]
    with pytest.raises(ValueError, match=r"a\.tsv has 'text', 'label'; .*b\.tsv has 'text', 'star"):
        read_rows(paths)


def test_one_source_at_a_time_is_streamed(write):
    paths = [write("a.tsv", TSV), write("b.tsv", TSV)]
    with pytest.raises(ValueError, match=r"Expected one source of rows\. Received 2: .*a\.tsv, "):
        stream_rows(paths)


def test_a_limit_counts_the_rows_of_all_sources(write):
    paths = [write("a.tsv", TSV), write("b.tsv", TSV), write("c.tsv", "")]
    assert read_rows(paths, limit=3).columns["text"] == ["good", "bad", "good"]
    assert read_rows(paths, limit=2).place(1).endswith("a.tsv, line 3")
    assert len(list(stream_rows(paths[0], limit=1))) == 1
    with pytest.raises(ValueError, match=r"`limit` must be 1 or more, or None.*Received: 0\."):
        read_rows(paths, limit=0)
    with pytest.raises(ValueError, match=r"`limit` must be 1 or more, or None.*Received: -1\."):
        stream_rows(paths[0], limit=-1)


# Plain text


@pytest.mark.parametrize(
    "content",
    ["one\n\n two \n", "one\r\n\r\n two \r\n", "\ufeffone\n\n two ", "one\r\r two \r"],
    ids=["plain", "windows", "BOM", "old mac"],
)
def test_plain_text_has_a_text_a_line_and_keeps_blank_ones(write, content):
    rows = read_rows(write("a.txt", content))
    assert rows.columns == {"text": ["one", "", " two "]}
    assert rows.numbers == [1, 2, 3]


def test_names_without_ending_are_plain_text(write):
    assert read_rows(write("texts", "天气\n")).columns == {"text": ["天气"]}
    assert read_rows(write("part.0001", "x")).columns == {"text": ["x"]}


# Standard input


def test_standard_input_is_plain_text_unless_said(standard_input):
    standard_input("one\ntwo\n")
    assert list(stream_rows("-")) == [(1, {"text": "one"}), (2, {"text": "two"})]
    standard_input(TSV)
    assert read_rows("-", format="tsv").columns == COLUMNS
    standard_input('{"text": "x"}\n')
    assert list(stream_rows("-", format="jsonl")) == [(1, {"text": "x"})]
    assert not sys.stdin.closed


def test_empty_standard_input(standard_input):
    standard_input("")
    with pytest.raises(ValueError, match=r"^standard input is empty: expected rows, read as txt\."):
        list(stream_rows("-"))


def test_prefixes_in_standard_input_are_pointed_out_and_kept(standard_input, caplog):
    standard_input("en:Ada\tB-PER\nen:.\tO\n")
    [(_, row)] = stream_rows("-", format="conll")
    assert row["tokens"] == ["en:Ada", "en:."]
    assert "standard input: the first tokens begin with 'en:'." in caplog.text


def test_a_pipe_is_read_as_it_arrives():
    code = (
        "from keras_bert_kit.data.rows import stream_rows\n"
        "for _, row in stream_rows('-'): print(row['text'].upper(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        for text in (b"one\n", b"two\n"):  # the pipe stays open in between
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline() == text.upper()
        process.stdin.close()


# Memory


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("a.csv", "text,label\n", '"{},\n",1\n'),
        ("a.tsv", "text\tlabel\n", "{}\t1\n"),
        ("a.jsonl", "", '{{"text": "{}"}}\n'),
        ("a.json", "", '{{"text": "{}"}}\n'),
        ("a.txt", "", "{}\n"),
        ("a.conll", "", "{}\tO\nb\tO\n\n"),
        ("a.jsonl.gz", "", '{{"text": "{}"}}\n'),
    ],
)
def test_streaming_needs_no_more_memory_for_a_longer_file(write, name, header, row, monkeypatch):
    monkeypatch.setattr("keras_bert_kit.data.text_lines.BLOCK_BYTES", 1 << 14)
    content = (header + row.format("x" * 500) * 10_000).encode()
    path = write(name, gzip.compress(content) if name.endswith(".gz") else content)
    tracemalloc.start()
    assert sum(1 for _ in stream_rows(path)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000 < len(content) // 10


# What bad input gets


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.txt", "a.jsonl", "a.json", "a.conll", "a.tsv.gz"]
)
def test_an_empty_file_is_named(write, name):
    path = write(name, gzip.compress(b"") if name.endswith("gz") else b"")
    for read in (read_rows, lambda path: list(stream_rows(path))):
        with pytest.raises(ValueError, match=rf"{name} is empty"):
            read(path)


def test_a_header_without_rows(write):
    with pytest.raises(ValueError, match=r"a\.tsv is empty, or has only a header: expected rows b"):
        read_rows(write("a.tsv", "text\tlabel\n\n"))


@pytest.mark.parametrize(
    ("ending", "compress"),
    [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)],
)
def test_compressed_files(write, ending, compress):
    assert read_rows(write("a.tsv" + ending, compress(TSV.encode()))).columns == COLUMNS
    with pytest.raises(ValueError, match=rf"b\.tsv{ending} cannot be decompressed \("):
        read_rows(write("b.tsv" + ending, compress(TSV.encode() * 99)[:-12]))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.jsonl", "a.json", "a.conll"])
def test_binary_files_and_other_encodings_are_named(write, name):
    with pytest.raises(ValueError, match=rf"{name} is not a text file: byte 4 is 0x00"):
        read_rows(write(name, b"PK\x03\x04\x00\x00"))
    with pytest.raises(ValueError, match=rf"{name} is not utf-8: byte 3 is 0xe9"):
        read_rows(write(name, b"caf\xe9\tO\n"))


def test_another_encoding(write):
    rows = read_rows(write("a.txt", "caf\u00e9".encode("latin-1")), encoding="latin-1")
    assert rows.columns == {"text": ["caf\u00e9"]}


def test_lines_of_another_encoding_are_skipped_and_counted_on_request(write, caplog):
    path = write("a.jsonl", b'{"text": "x"}\n{"text": "\xff"}\n{"text": "y"}\n')
    rows = read_rows(path, undecodable="skip")
    assert (rows.columns, rows.numbers) == ({"text": ["x", "y"]}, [1, 3])
    assert f"{path}: skipped 1 line(s) that are not utf-8." in caplog.text


def test_rows_that_are_skipped_are_counted_also_under_a_limit(write, caplog):
    path = write("a.tsv", "text\tlabel\nx\ngood\t1\nbad\t0\n")
    assert read_rows(path, on_bad="skip", limit=1).columns == {"text": ["good"], "label": ["1"]}
    assert f"{path}: skipped 1 row(s) that cannot be read. The first: {path}, line 2" in caplog.text


def test_a_file_of_nothing_but_rows_to_skip(write):
    with pytest.raises(ValueError, match=r"a\.tsv has no row that can be read: all 2 were skipped"):
        read_rows(write("a.tsv", "a\tb\n1\n2\n"), on_bad="skip")


def test_sources_that_do_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv is no file, no folder, and no patt"):
        read_rows(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="No source of rows was given"):
        read_rows([])
    with pytest.raises(FileNotFoundError, match="No source of text was given"):
        stream_rows("")


def test_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder: name a file in it, or a pattern such as "):
        read_rows(tmp_path)


def test_an_unknown_ending(write):
    path = write("a.xlsx", "text")
    with pytest.raises(
        ValueError, match=r"a file that ends in \.xlsx is not known\. Give its `for"
    ):
        read_rows(path)
    assert read_rows(path, format="txt").columns == {"text": ["text"]}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"format": "xml"}, r"`format` must be one of csv, tsv, .*\. Received: 'xml'\."),
        ({"delimiter": ", "}, r"`delimiter` must be one character, .*Received: ', '\."),
        ({"delimiter": '"'}, r"`delimiter` must be one character, neither a quote"),
        ({"on_bad": "ignore"}, r'`on_bad` must be "error" or "skip"\. Received: \'ignore\'\.'),
        ({"undecodable": "no"}, r'`undecodable` must be "error" or "skip"\. Received: \'no\'\.'),
        ({"encoding": "utf-88"}, r"`encoding` must be one that Python knows.*'utf-88'"),
        ({"encoding": "utf-16"}, r"a line feed is one byte\. Received: 'utf-16'"),
    ],
)
def test_options_that_cannot_be(write, options, expected):
    path = write("a.csv", "text\nx\n")
    for read in (read_rows, stream_rows):
        with pytest.raises(ValueError, match=expected):
            read(path, **options)


def test_a_misspelt_option(write):
    with pytest.raises(TypeError, match="headers"):
        read_rows(write("a.csv", "x\ny\n"), headers=False)

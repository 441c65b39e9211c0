"""CSV and TSV files, quoted and not."""

import csv
import io
import random
from pathlib import Path

import pytest

from keras_bert_kit.data.rows import read_rows, stream_rows

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_quoted_fields_hold_commas_quotes_and_line_ends(write, line_end, mark):
    content = 'text,label\n"a, b",1\n"two\n\nlines",0\n\n"say ""hi""",1\n5" nail,0\n"",1\n'
    rows = read_rows(write("a.csv", mark + content.replace("\n", line_end)))
    assert rows.columns == {
        "text": ["a, b", "two\n\nlines", 'say "hi"', '5" nail', ""],
        "label": ["1", "0", "1", "0", "1"],
    }
    assert rows.numbers == [2, 3, 7, 8, 9]  # of each row's first line


def test_random_fields_come_back_from_what_pythons_writer_wrote(write):
    random.seed(0)
    letters = "ab,;\"\n\t' \u2028天😀"
    for delimiter in ",;\t":
        table = [["".join(random.choices(letters, k=6)) for _ in range(3)] for _ in range(300)]
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter).writerows(table)
        path = write("a.csv", file.getvalue())
        rows = read_rows(path, header=False, delimiter=delimiter)
        assert [list(row) for row in zip(*rows.columns.values(), strict=True)] == table


def test_tsv_files_are_not_quoted_unless_said(write):
    path = write("a.tsv", 'text\tlabel\n"open quote\t1\nsaid "no"\t0\n"all"\t1\n')
    assert read_rows(path).columns["text"] == ['"open quote', 'said "no"', '"all"']
    path = write("b.tsv", 'text\tlabel\n"a\tb ""c""\n"\t1\n')
    assert read_rows(path, quoted=True).columns == {"text": ['a\tb "c"\n'], "label": ["1"]}


def test_csv_files_need_not_be_quoted(write):
    assert read_rows(write("a.csv", 'x,y\n"a,b"\n'), quoted=False).columns == {
        "x": ['"a'],
        "y": ['b"'],
    }


def test_quotes_in_a_file_read_without_are_pointed_out_once(write, caplog):
    path = write("a.tsv", 'x\ty\n"say ""hi"""\t1\n"""a"""\t2\n"plain"\t3\n')
    assert read_rows(path).columns["x"] == ['"say ""hi"""', '"""a"""', '"plain"']
    [record] = caplog.records
    assert f"{path}, line 2, perhaps among others, has a field in quotes" in record.getMessage()
    caplog.clear()
    read_rows(write("b.tsv", 'x\ty\n"plain" and ""\t3\n""\t4\n'))
    assert not caplog.records


@pytest.mark.parametrize("delimiter", ["\t", "\\t", "tab"])
def test_the_delimiter_says_that_a_text_file_is_a_table(write, delimiter):
    path = write("a.txt", 'x\ty\n"one\ttwo\n')
    assert read_rows(path, delimiter=delimiter).columns == {"x": ['"one'], "y": ["two"]}
    path = write("b.txt", 'x;y\n"o;ne";two\n')
    assert read_rows(path, delimiter=";").columns == {"x": ["o;ne"], "y": ["two"]}


def test_columns_without_header_are_numbered(write):
    rows = read_rows(write("a.tsv", "gj04\t1\t\tThe sailors.\ncj99\t0\t*\tThey.\n"), header=False)
    assert list(rows.columns) == ["0", "1", "2", "3"]
    assert rows.column(-1) == rows.column("3") == ["The sailors.", "They."]
    assert rows.column("2") == ["", "*"]
    assert rows.numbers == [1, 2]


def test_a_column_without_name_has_its_number(write):
    assert list(read_rows(write("a.csv", ", text ,label\n0,good,1\n")).columns) == [
        "0",
        "text",
        "label",
    ]


def test_blank_lines_are_rows_only_where_they_can_be_one(write):
    assert read_rows(write("a.tsv", "\nx\ty\n1\t2\n\n3\t4\n\n")).numbers == [3, 5]
    assert read_rows(write("a.csv", "\nx,y\n1,2\n\n3,4\n\n")).numbers == [3, 5]
    assert read_rows(write("b.tsv", "text\none\n\ntwo\n")).columns == {"text": ["one", "", "two"]}


def test_a_text_longer_than_pythons_own_limit(write):
    text = "word " * 100_000
    for name in ("a.csv", "a.tsv"):
        path = write(name, f"text{',' if name == 'a.csv' else chr(9)}label\n")
        with path.open("a") as file:
            file.write(text + ("," if name == "a.csv" else "\t") + "1\n")
        assert read_rows(path).columns["text"] == [text]


# What bad input gets


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", "x\ty\n1\t2\n1\t2\t3\n", r"a\.tsv, line 3 has 3 field\(s\), expected 2 \(x, y\)"),
        (
            "a.tsv",
            "x\ty\n\n1\n",
            r"a\.tsv, line 3 has 1 field\(s\), expected 2 \(x, y\) with '\\t'",
        ),
        ("a.csv", 'x,y\n"1\n",2\n3\n', r"a\.csv, line 4 has 1 field\(s\), expected 2"),
        ("a.tsv", 'x\ty\n"1\n2"\t3\n', r"line 2 has .* It has a quote: if fields stand in quotes "),
        (
            "a.csv",
            'x,y\n"1" 2,3\n',
            r"line 2 begins a row whose quotes do not match \(',' expected",
        ),
        (
            "a.csv",
            'x,y\n1,2\n"1,\n2,3\n',
            r"line 3 begins a row .* \(unexpected end of data, in li",
        ),
    ],
)
def test_rows_that_do_not_fit(write, name, content, expected):
    with pytest.raises(ValueError, match=expected):
        read_rows(write(name, content))


def test_the_number_of_a_row_in_an_error_tells_what_to_do(write):
    with pytest.raises(ValueError, match=r'Correct it, or leave such rows out with `on_bad="skip"'):
        read_rows(write("a.tsv", "x\ty\n1\n"))


def test_rows_that_do_not_fit_are_skipped_and_counted_on_request(write, caplog):
    path = write("a.csv", 'x,y\n1,2\n3\n"a"b,4\n5,6,7\n8,9\n"open,\n10,11\n')
    assert list(stream_rows(path, on_bad="skip")) == [
        (2, {"x": "1", "y": "2"}),
        (6, {"x": "8", "y": "9"}),
        (8, {"x": "10", "y": "11"}),
    ]
    assert f"{path}: skipped 4 row(s) that cannot be read. The first: {path}, line 3" in caplog.text


def test_a_repeated_name(write):
    with pytest.raises(
        ValueError, match=r"line 1 should name the columns, but has 'x' more than o"
    ):
        read_rows(write("a.csv", "x,y,x\n1,2,3\n"))


# Real files


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "options", "num_rows", "columns", "labels"),
    [
        ("sst2/train.tsv.xz", {}, 67_349, "sentence label", {"0": 29_780, "1": 37_569}),
        ("sst2/dev.tsv", {}, 872, "sentence label", {"0": 428, "1": 444}),
        (
            "mrpc/test.txt",
            {"format": "tsv"},
            1_725,
            "Quality|#1 ID|#2 ID|#1 String|#2 String",
            {"0": 578, "1": 1_147},
        ),
        (
            "mrpc/train.txt.xz",
            {"format": "tsv"},
            4_076,
            "Quality|#1 ID|#2 ID|#1 String|#2 String",
            {"0": 1_323, "1": 2_753},
        ),
        (
            "rte/dev.tsv",
            {},
            277,
            "index sentence1 sentence2 label",
            {"entailment": 146, "not_entailment": 131},
        ),
        ("cola/dev.tsv", {"header": False}, 1_043, "0 1 2 3", {"0": 322, "1": 721}),
    ],
)
def test_the_tables_of_glue(name, options, num_rows, columns, labels):
    """Counts of the released files, as GLUE and the papers of its tasks give them."""
    rows = read_rows(DATA / name, **options)
    assert len(rows) == num_rows
    assert list(rows.columns) == columns.split("|" if "|" in columns else " ")
    column = next(c for c in ("label", "Quality", "1") if c in rows.columns)
    values = rows.column(column)
    assert {value: values.count(value) for value in set(values)} == labels


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_sts_b_has_scores():
    rows = read_rows(DATA / "stsb/dev.tsv")
    assert len(rows) == 1_500
    assert rows.column("score")[:3] == ["5.000", "4.750", "5.000"]
    assert all(0 <= float(score) <= 5 for score in rows.column("score"))

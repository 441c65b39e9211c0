"""Parquet files, also as Hugging Face's `datasets` writes them."""

import json
import sys

import pytest

from keras_bert_kit.data.rows import read_rows, stream_rows

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def write(tmp_path):
    def write(columns, features=None):
        table = pyarrow.table(columns)
        if features is not None:
            metadata = {"huggingface": json.dumps({"info": {"features": features}})}
            table = table.replace_schema_metadata(metadata)
        path = tmp_path / "a.parquet"
        parquet.write_table(table, path, row_group_size=3)
        return path

    return write


def test_values_and_numbers(write):
    columns = {"text": list("天bcdefg"), "label": [0, 1, None, 1, 0, 1, 1], "score": [0.5] * 7}
    rows = read_rows(write(columns))
    assert rows.columns == columns
    assert rows.place(6).endswith("a.parquet, row 7")
    assert rows.class_names == {}
    assert list(stream_rows(write(columns), limit=1)) == [
        (1, {"text": "天", "label": 0, "score": 0.5})
    ]


def label(*names):
    return {"names": list(names), "_type": "ClassLabel"}


def test_names_of_classes_that_the_file_itself_has(write):
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": label("neg", "pos")}
    rows = read_rows(write({"text": ["a", "b"], "label": [1, 0]}, features))
    assert rows.columns["label"] == [1, 0]
    assert rows.class_names == {"label": ("neg", "pos")}


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": label("O", "B-PER"), "_type": "Sequence"},
        {"feature": label("O", "B-PER"), "_type": "List"},
        [label("O", "B-PER")],
    ],
)
def test_tags_of_words_are_written_out(write, feature):
    columns = {"tokens": [["Ada", "smiled"], ["."]], "ner_tags": [[1, 0], [0]]}
    rows = read_rows(write(columns, {"ner_tags": feature}))
    assert rows.columns == {
        "tokens": [["Ada", "smiled"], ["."]],
        "tags": [["B-PER", "O"], ["O"]],
    }
    assert rows.class_names == {"tags": ("O", "B-PER")}


def test_a_tag_without_name(write):
    features = {"tags": {"feature": label("O"), "_type": "List"}}
    path = write({"tokens": [["a"], ["b", "c"]], "tags": [[0], [0, 1]]}, features)
    with pytest.raises(
        ValueError, match=r"a\.parquet, row 2 has the tag 1 in `tags`, which has 1 "
    ):
        read_rows(path)
    assert read_rows(path, on_bad="skip").columns == {"tokens": [["a"]], "tags": [["O"]]}


def test_words_whose_tags_nobody_knows(write):
    features = {name: {"feature": label("O"), "_type": "List"} for name in ("ner_tags", "pos_tags")}
    columns = {"ner_tags": [[0], None, [-1, -1]], "pos_tags": [None, [0], []]}
    assert read_rows(write(columns, features)).columns == {
        "tags": [["O"], None, None],
        "pos_tags": [None, ["O"], []],
    }


def test_nanoseconds_that_nobody_asked_for(write):
    kinds = {
        "stamp": pyarrow.timestamp("ns"),
        "zoned": pyarrow.timestamp("ns", "UTC"),
        "time": pyarrow.time64("ns"),
        "lasted": pyarrow.duration("ns"),
    }
    columns = {name: pyarrow.array([1_123_456_789, None], kind) for name, kind in kinds.items()}
    rows = read_rows(write({"text": ["a", "b"], **columns}))
    assert rows.columns["text"] == ["a", "b"]
    assert [rows.columns[name][0].microsecond for name in ("stamp", "zoned", "time")] == [
        123456
    ] * 3
    assert rows.columns["lasted"][0].total_seconds() == 1.123456


def test_questions_become_squads_columns(write):
    columns = {
        "id": ["q1", "q2"],
        "title": ["t", "t"],
        "context": ["Ada.", "Ada."],
        "question": ["Who?", "When?"],
        "answers": [{"text": ["Ada"], "answer_start": [0]}, {"text": [], "answer_start": []}],
    }
    assert read_rows(write(columns)).columns == {**columns, "is_impossible": [False, True]}


@pytest.mark.parametrize("features", [[], "x", {"text": None, "label": 3, "tags": []}])
def test_metadata_of_another_shape_is_passed_over(write, features):
    assert read_rows(write({"text": ["a"]}, features)).class_names == {}


def test_streaming_holds_a_part_of_the_file(tmp_path):
    text = pyarrow.array([f"{i:0>1000}" for i in range(20_000)])
    path = tmp_path / "a.parquet"
    parquet.write_table(
        pyarrow.table({"text": text}), path, compression="none", use_dictionary=False
    )
    del text
    before, most, length = pyarrow.total_allocated_bytes(), 0, 0
    for number, row in stream_rows(path):
        length += len(row["text"])
        if number % 500 == 0:
            most = max(most, pyarrow.total_allocated_bytes() - before)
    assert length == 20_000_000
    assert path.stat().st_size > 20_000_000
    assert most < 6_000_000


# What bad input gets


def test_an_empty_table(write):
    with pytest.raises(ValueError, match=r"a\.parquet is empty: expected rows, read as parquet\."):
        read_rows(write({"text": pyarrow.array([], pyarrow.string())}))


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"PAR1 nonsense", lambda b: b[:-20]])
def test_a_damaged_file(write, damage):
    path = write({"text": ["a", "b"]})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.parquet is not a Parquet file that can be read \("):
        read_rows(path)


def test_damage_in_the_middle(write):
    path = write({"text": ["a" * 100 + str(i) for i in range(9)]})
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.parquet is not a Parquet file that can be read \("):
        read_rows(path)


def test_where_parquet_cannot_be_read_from(tmp_path):
    (tmp_path / "a.parquet.gz").touch()
    with pytest.raises(ValueError, match=r"a\.parquet\.gz: Parquet is read from a plain file"):
        read_rows(tmp_path / "a.parquet.gz")
    with pytest.raises(
        ValueError, match=r"^-: Parquet is read from a plain file, not from standard"
    ):
        read_rows("-", format="parquet")


def test_without_pyarrow(write, monkeypatch):
    path = write({"text": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"a\.parquet needs pyarrow: `pip install pyarrow`\."):
        read_rows(path)

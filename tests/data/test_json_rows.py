"""JSON lines, lists of objects and SQuAD's format."""

import json
import lzma
from pathlib import Path

import pytest

from keras_bert_kit.data.rows import read_rows, stream_rows

DATA = Path(__file__).parents[3] / "shared" / "data"

CONTEXT = "Ada lived in London. 😀 She wrote."
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Ada",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "q1",
                            "question": "Who?",
                            "answers": [
                                {"text": "Ada", "answer_start": 0},
                                {"text": "She", "answer_start": 23},
                            ],
                            "is_impossible": False,
                        },
                        {
                            "id": "q2",
                            "question": "When?",
                            "answers": [],
                            "plausible_answers": [{"text": "London", "answer_start": 13}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        },
        {"title": "None", "paragraphs": []},
        {"title": "Bob", "paragraphs": [{"context": "Bob.", "qas": [{"id": 7, "question": "W"}]}]},
    ],
}


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def with_question(**changes):
    content = json.loads(json.dumps(SQUAD))
    content["data"][0]["paragraphs"][0]["qas"][1].update(changes)
    return content


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_json_lines_have_an_object_a_line(write, name):
    rows = read_rows(
        write(name, '\ufeff\n{"text": "天", "n": 1}\r\n\r\n{"text": "b", "n": NaN}\r\n')
    )
    assert rows.columns["text"] == ["天", "b"]
    assert rows.columns["n"][0] == 1
    assert rows.columns["n"][1] != rows.columns["n"][1]  # NaN stays what it is
    assert rows.place(1).endswith("line 4")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects(write, indent):
    content = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    rows = read_rows(write("a.json.xz", lzma.compress(json.dumps(content, indent=indent).encode())))
    assert rows.columns == {"text": ["a", "b"], "labels": [["x", "y"], []]}
    assert rows.place(1).endswith("a.json.xz, row 2")


def test_fields_that_some_rows_lack_are_none_and_counted(write, caplog):
    path = write("a.jsonl", '{"a": 1}\n{"b": 2, "a": 3}\n{"b": null}\n')
    assert read_rows(path).columns == {"a": [1, 3, None], "b": [None, 2, None]}
    assert f"{path}: rows without a field that others have" in caplog.text
    assert "`a` in 1 of 3, `b` in 1 of 3." in caplog.text


def test_half_a_surrogate_pair_becomes_a_question_mark_of_the_same_length(write):
    rows = read_rows(write("a.jsonl", '{"text": ["a \\ud83d b \\uD83D\\uDE00"], "\\uDc00": 1}'))
    assert rows.columns == {"text": [["a ? b 😀"]], "?": [1]}


# SQuAD


@pytest.mark.parametrize("indent", [None, 1])
def test_squad_has_a_row_a_question(write, indent):
    rows = read_rows(write("dev.json", json.dumps(SQUAD, indent=indent)))
    assert rows.columns == {
        "id": ["q1", "q2", "7"],
        "title": ["Ada", "Ada", "Bob"],
        "context": [CONTEXT, CONTEXT, "Bob."],
        "question": ["Who?", "When?", "W"],
        "answers": [
            {"text": ["Ada", "She"], "answer_start": [0, 23]},
            {"text": [], "answer_start": []},
            None,  # the file does not say: it is there to be answered
        ],
        "is_impossible": [False, True, False],
    }
    assert rows.place(2).endswith("dev.json, question 3")


def test_squad_1_does_not_say_that_questions_have_answers(write):
    content = with_question(answers=[{"text": "London", "answer_start": 13}])
    for question in content["data"][0]["paragraphs"][0]["qas"]:
        del question["is_impossible"]
    rows = read_rows(write("dev.json", json.dumps(content)))
    assert rows.columns["is_impossible"] == [False, False, False]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"question": None},
            r"question 2 \(id 'q2'\) is not as in SQuAD: `question` is None, not s",
        ),
        ({"answers": ["x"]}, r"question 2 \(id 'q2'\) is not as in SQuAD: "),
        ({"answers": [{"text": "x"}]}, r"question 2 \(id 'q2'\) .*: no 'answer_start'\. Expected"),
        (
            {"answers": [{"text": "x", "answer_start": "3"}]},
            r"question 2 .*: `answer_start` is '3', not int\.",
        ),
    ],
)
def test_a_question_that_is_not_as_in_squad(write, caplog, changes, expected):
    path = write("dev.json", json.dumps(with_question(**changes)))
    with pytest.raises(ValueError, match=expected):
        read_rows(path)
    assert read_rows(path, on_bad="skip").columns["id"] == ["q1", "7"]
    assert f"{path}: skipped 1 row(s)" in caplog.text


def test_a_paragraph_without_questions_or_context(write):
    content = {
        "data": [{"paragraphs": [{"context": "x"}, {"qas": [{"id": "q", "question": "?"}]}]}]
    }
    with pytest.raises(ValueError, match=r"question 1 \(id 'q'\) .*: no 'context'\."):
        read_rows(write("dev.json", json.dumps(content)))


@pytest.mark.parametrize("paragraphs", [None, ["x"], [{"context": "x", "qas": ["y"]}]])
def test_squad_with_other_things_in_place_of_objects(write, paragraphs):
    with pytest.raises(ValueError, match=r"dev\.json, .*article 1 is not as in SQuAD: its `"):
        read_rows(write("dev.json", json.dumps({"data": [{"paragraphs": paragraphs}]})))


# What bad input gets


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        (
            "a.jsonl",
            "nonsense",
            r"a\.jsonl, line 2 is not JSON \(Expecting value: .*Expected one JSO",
        ),
        ("a.json", "[" * 100_000, r"a\.json, line 2 is not JSON \("),
        (
            "a.jsonl",
            '["text"]',
            r"line 2 is not a JSON object but '\[\"text\"\]'\. Expected one JSON",
        ),
        ("a.json", "3", r"line 2 is not a JSON object but '3'"),
    ],
)
def test_lines_that_are_no_object(write, caplog, name, line, expected):
    path = write(name, '{"text": "x"}\n' + line + '\n{"text": "y"}\n')
    with pytest.raises(ValueError, match=expected):
        read_rows(path)
    assert list(stream_rows(path, on_bad="skip")) == [(1, {"text": "x"}), (3, {"text": "y"})]
    assert f"{path}: skipped 1 row(s)" in caplog.text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "text,label\n",
            r"a\.json is not JSON with rows: it begins with 'text,label'\. Expected a",
        ),
        ('[{"a": 1},', r"a\.json is not JSON with rows: Expecting value: line 1 column 11"),
        ('{"a":\n1,\n}', r"a\.json is not JSON with rows: .*line [23] column"),
        (
            '{"a":\n1, "b": 2}',
            r"a\.json is not JSON with rows: it is one object with the keys a, b\.",
        ),
        ('[{"a": 1}, 5]', r"a\.json, row 2 is not a JSON object but '5'\."),
        ("[]", r"a\.json is empty: expected rows, read as json\."),
        ('{"data": []}', r"a\.json is empty: expected rows, read as json\."),
    ],
)
def test_files_that_are_none_of_the_three(write, content, expected):
    with pytest.raises(ValueError, match=expected):
        read_rows(write("a.json", content))


def test_a_list_under_the_ending_of_json_lines(write):
    path = write("a.jsonl", '[{"a": 1}]')
    with pytest.raises(ValueError, match=r'a list of objects is read with `format="json"`'):
        read_rows(path)
    assert read_rows(path, format="json").columns == {"a": [1]}


# Real files


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "num_rows", "num_impossible"),
    [("train-subset-v1.1", 8_105, 0), ("dev-half-v2.0", 6_078, 3_168)],
)
def test_squad_as_released(name, num_rows, num_impossible):
    """Counts as ../shared/data/README.md gives them."""
    rows = read_rows(DATA / "squad" / f"{name}.json.xz")
    assert len(rows) == num_rows == len(set(rows.column("id")))
    assert sum(rows.column("is_impossible")) == num_impossible
    for context, answers in zip(rows.column("context"), rows.column("answers"), strict=True):
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert context[start : start + len(text)] == text


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_amazon_reviews_as_released():
    rows = read_rows(DATA / "amazon_reviews" / "musical_instruments.jsonl.xz")
    stars = rows.column("stars")
    assert {n: stars.count(n) for n in (5, 4, 3, 2, 1)} == {
        5: 6_938,
        4: 2_084,
        3: 772,
        2: 250,
        1: 217,
    }
    assert sum(not text for text in rows.column("text")) == 7

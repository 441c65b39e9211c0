"""CoNLL columns: what is a word, what is a comment, where a sentence ends."""

from pathlib import Path

import pytest

from keras_bert_kit.data.rows import read_rows, stream_rows

DATA = Path(__file__).parents[3] / "shared" / "data"

TOKENS = [["Ada", "smiled"], ["Rome"]]
TAGS = [["B-PER", "O"], ["B-LOC"]]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("Ada\tB-PER\nsmiled\tO\n\nRome\tB-LOC\n", [1, 4]),
        ("Ada\tB-PER\nsmiled\tO\n\nRome\tB-LOC", [1, 4]),
        ("\ufeffAda B-PER\r\nsmiled O\r\n\r\nRome  B-LOC\r\n", [1, 4]),
        ("\n\nAda\tB-PER\nsmiled\tO\n\t\n \n\u3000\nRome\tB-LOC\n\n\n", [3, 8]),
        ("Ada NNP B-NP B-PER\nsmiled V O O \n\nRome N O B-LOC\n", [1, 4]),
        (
            "-DOCSTART- -X- O O\n\nAda N O B-PER\nsmiled V O O\n-DOCSTART- -X-\nRome N O B-LOC",
            [3, 6],
        ),
        (
            "# id = 1\n# text = A\tb\n#\nAda\tB-PER\n# no word\nsmiled\tO\n\n# id = 2\nRome\tB-LOC",
            [4, 9],
        ),
        ("# id = 1\n# newdoc\nAda B-PER\n# x y\nsmiled O\n\n#hash tag\nRome B-LOC", [3, 8]),
    ],
    ids=[
        "tabs",
        "no end",
        "spaces",
        "blank",
        "columns",
        "documents",
        "comments",
        "comments and spaces",
    ],
)
def test_sentences(write, content, numbers):
    rows = read_rows(write("a.conll", content))
    assert rows.columns == {"tokens": TOKENS, "tags": TAGS}
    assert rows.numbers == numbers


@pytest.mark.parametrize("content", ["#\tO\n#1\tB-X\na\tO\n", "#  O\n#1 B-X\na O\n"])
def test_a_word_may_begin_with_a_hash(write, content):
    assert read_rows(write("a.bio", content)).columns["tokens"] == [["#", "#1", "a"]]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("I\nlove\n#Rome\n# no word\n#nlp\n", {"tagged": False}),
        ("I O\nlove LOC\n#Rome LOC\n# x\n#nlp MISC\n", {}),
        ("I PRP\nlove VB\n#Rome NNP\n#a b c\n#nlp NN\n", {}),
        ("I O PRP\nlove O VB\n#Rome B-LOC NNP\n#nlp O NN\n", {"tag_column": 1}),
    ],
    ids=["no tags", "tags without letters", "parts of speech", "another column"],
)
def test_hashtags_are_words(write, content, options):
    rows = read_rows(write("a.conll", content), **options)
    assert rows.columns["tokens"] == [["I", "love", "#Rome", "#nlp"]]


def test_a_no_break_space_is_part_of_a_word(write):
    rows = read_rows(write("a.conll", "10\u00a0000  O\nin\u3000Rome B-LOC\n"))
    assert rows.columns == {"tokens": [["10\u00a0000", "in\u3000Rome"]], "tags": [["O", "B-LOC"]]}


def test_a_token_may_hold_spaces_where_tabs_separate(write):
    rows = read_rows(write("a.iob", "New York\tB-LOC\n\u00a0\tO\n"))
    assert rows.columns["tokens"] == [["New York", "\u00a0"]]


def test_columns_by_option(write):
    path = write("a.txt", "1 N Ada B-PER x\n2 V smiled O y\n")
    rows = read_rows(path, format="conll", token_column=2, tag_column=-2)
    assert rows.columns == {"tokens": [["Ada", "smiled"]], "tags": [["B-PER", "O"]]}
    assert read_rows(path, format="conll", tag_column=1).columns == {
        "tokens": [["1", "2"]],
        "tags": [["N", "V"]],
    }


def test_a_first_column_that_counts_the_words_is_no_word(write, caplog):
    caplog.set_level("INFO")
    path = write(
        "a.iob2", "# a = b\n1\tAda\tB-PER\t-\t-\n2\tsmiled\tO\t-\t-\n\n1\tRome\tB-LOC\t-\tx\n"
    )
    assert read_rows(path).columns == {"tokens": TOKENS, "tags": TAGS}
    assert caplog.text.count("Read the tokens from column 1 and the tags from column 2") == 1


@pytest.mark.parametrize(
    ("content", "options", "tags"),
    [
        ("1\tAda\tNN\tx\n2\tsmiled\tVB\ty\n", {"tag_column": 2}, ["NN", "VB"]),
        ("1\tAda\tNN\tx\n2\tsmiled\tVB\ty\n", {"tag_column": -2}, ["NN", "VB"]),
        ("0 Ada B-PER\n1 smiled O\n\n0 Rome B-LOC\n", {}, ["B-PER", "O"]),
        ("1\tAda\n2\tsmiled\n\n1\tRome\n", {"tagged": False}, None),
    ],
    ids=["tags by option", "from the end", "from 0", "no tags"],
)
def test_words_are_counted_whatever_is_said_of_tags(write, content, options, tags):
    rows = read_rows(write("a.conll", content), **options)
    assert rows.columns["tokens"][0] == ["Ada", "smiled"]
    assert rows.columns.get("tags", [None])[0] == tags


@pytest.mark.parametrize(
    "content",
    ["1 CD O\n\n1 CD O\n", "1 a O\n2 b O\n\n3 c O\n", "1 N x\n2 V y\n", "1 B-X\n2 O\n"],
    ids=["one word each", "does not start again", "no tags", "two columns"],
)
def test_numbers_that_may_be_words_are_words(write, content):
    tokens = read_rows(write("a.conll", content)).columns["tokens"]
    assert [t for sentence in tokens for t in sentence] == [
        line.split()[0] for line in content.split("\n") if line
    ]


def test_words_without_tags(write):
    rows = read_rows(write("a.conll", "Ada\nsmiled\n\nRome\n"), tagged=False)
    assert rows.columns == {"tokens": TOKENS}
    path = write("b.conll", "Ada\tB-PER\nsmiled\tO\n\nRome\tB-LOC\n")
    assert read_rows(path, tagged=False).columns == {"tokens": TOKENS}


# Prefixes


def test_a_prefix_of_every_token_is_taken_off_and_said(write, caplog):
    caplog.set_level("INFO")
    path = write("a.conll", "en:Ada\tB-PER\nen:smiled\tO\n\nen:Rome\tB-LOC\n")
    assert read_rows(path).columns == {"tokens": TOKENS, "tags": TAGS}
    assert f"{path}: every token begins with 'en:', which is taken off." in caplog.text
    assert [row["tokens"] for _, row in stream_rows(path)] == TOKENS
    assert read_rows(path, strip_prefix="").columns["tokens"][1] == ["en:Rome"]


def test_a_prefix_of_some_tokens_is_kept_unless_said(write, caplog):
    path = write("a.conll", "en:Ada\tB-PER\nen:smiled\tO\n\nRome\tB-LOC\n")
    assert read_rows(path).columns["tokens"] == [["en:Ada", "en:smiled"], ["Rome"]]
    assert not caplog.records
    assert read_rows(path, strip_prefix="en:").columns["tokens"] == TOKENS
    assert f"{path}: 1 token(s) do not begin with 'en:' and stay as they are." in caplog.text


def test_two_prefixes_are_kept(write):
    path = write("a.conll", "en:Ada\tO\nde:Rom\tO\n")
    assert read_rows(path).columns["tokens"] == [["en:Ada", "de:Rom"]]


# What bad input gets


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "Ada\tB-PER\nsmiled\n",
            r"a\.conll, line 2 has a word and no tag: 'smiled'\. Expected a w",
        ),
        ("Ada\n", r"a\.conll, line 1 has a word and no tag: 'Ada'.*read with `tagged=False`"),
        ("Ada\tO\nsmiled O\n", r"line 2 has a word and no tag: 'smiled O'"),
        ("Ada\tO\n\n\nsmiled\t\n", r"line 4 has a word and no tag"),
        ("Ada\tO\n\tO\n", r"line 2 has a tag and no word: '\\tO'"),
        ("Ada N O\nsmiled V B-NP O\n", r"line 2 has 4 columns, expected 3 .* with spaces between"),
        ("Ada\tN\tO\nsmiled\tO\n", r"line 2 has 2 columns, expected 3 .* with tabs between"),
        ("-DOCSTART- O\n\n# id = 1\n", r"a\.conll is empty: expected rows, read as conll\."),
    ],
)
def test_lines_that_do_not_fit(write, content, expected):
    with pytest.raises(ValueError, match=expected):
        read_rows(write("a.conll", content))


def test_a_sentence_with_such_a_line_is_skipped_and_counted_on_request(write, caplog):
    path = write("a.conll", "Ada\tB-PER\nsmiled\tO\n\nHe\tO\nate\nit\tO\n\nRome\tB-LOC\n")
    assert read_rows(path, on_bad="skip").columns == {"tokens": TOKENS, "tags": TAGS}
    assert f"{path}: skipped 1 row(s) that cannot be read. The first: {path}, line 5" in caplog.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"tag_column": 2},
            r"line 1 has 2 column\(s\): `tag_column` must be one of 0 to 1, or of -",
        ),
        ({"token_column": -3}, r"`token_column` must be one of 0 to 1, .*\. Received: -3\."),
    ],
)
def test_columns_that_are_not_there(write, options, expected):
    with pytest.raises(ValueError, match=expected):
        read_rows(write("a.conll", "Ada\tO\n"), **options)


# Real files


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "num_sentences", "num_tags"),
    [
        # The paper has the same but for the first: 3,394 is what lines after blank ones come to.
        ("wnut17/train.conll", 3_394, 13),
        ("wnut17/dev.conll", 1_009, 13),
        ("wnut17/test.conll", 1_287, 13),
        ("uner_ewt/dev.iob2", 2_001, 7),
        ("uner_ewt/test.iob2", 2_077, 7),
        ("wikiann_en/dev.txt.xz", 10_000, 7),
    ],
)
def test_entities_as_released(name, num_sentences, num_tags):
    rows = read_rows(DATA / name, format="conll")
    assert len(rows) == num_sentences
    assert len({tag for tags in rows.column("tags") for tag in tags}) == num_tags
    tokens = rows.column("tokens")
    assert all(token.strip() for sentence in tokens for token in sentence)
    if "wikiann" in name:
        assert tokens[0][:4] == ["Sioux", "Falls", "Arena", "("]

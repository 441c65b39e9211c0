import json

import pytest

from tools.split_texts import Options, run

REVIEWS = [
    "A fine film, and a long one. See it!<br /><br />I did, and I was not bored for a minute.",
    "A fine film, and a long one. 这部电影非常好看，我很喜欢里面的每一个演员和音乐。",
    "Mr. J. R. Smith paid $3.50 for it,\r\nand left before the end of the film.",
]


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(json.dumps({"body": one}) + "\n" for one in REVIEWS), "utf-8")
    return str(path)


def test_every_sentence_of_the_right_length_is_written_once(reviews, tmp_path):
    output = tmp_path / "new" / "sentences.txt"
    assert run(Options((reviews,), output, column="body")) == 5
    lines = output.read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert sorted(lines) == [
        "A fine film, and a long one.",
        "I did, and I was not bored for a minute.",
        "Mr. J. R. Smith paid $3.50 for it,",
        "and left before the end of the film.",
        "这部电影非常好看，我很喜欢里面的每一个演员和音乐。",
    ]


def test_some_are_drawn_by_the_seed(reviews, tmp_path):
    drawn = []
    for number, seed in enumerate((1, 1, 2, 3, 4)):
        output = tmp_path / f"{number}.txt"
        run(Options((reviews,), output, column="0", shortest=1, limit=3, seed=seed))
        drawn.append(output.read_text("utf-8"))
        assert drawn[-1].count("\n") == 3
    assert drawn[0] == drawn[1] and len(set(drawn)) > 2


def test_mistakes_are_told(reviews, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'text'\. Its columns: 'body'"):
        run(Options((reviews,), tmp_path / "a.txt"))
    with pytest.raises(FileExistsError, match="is there already: give another `--output`"):
        run(Options((reviews,), tmp_path / "reviews.jsonl", column="body"))

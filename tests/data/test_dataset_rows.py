"""TensorFlow Datasets, made here: what their features become."""

import pytest

from keras_bert_kit.data.rows import read_rows, stream_rows

ANSWERS = [{"text": ["Ada"], "answer_start": [0]}, {"text": [], "answer_start": []}]


@pytest.fixture
def make(tmp_path):
    import tensorflow_datasets as tfds

    def make(features, rows):
        tfds.dataset_builders.store_as_tfds_dataset(
            name="tiny_rows",
            version="1.0.0",
            features=features,
            split_datasets={"train": list(enumerate(rows)), "test": list(enumerate(rows[:1]))},
            data_dir=tmp_path,
            disable_shuffling=True,
        )
        tfds.core.add_data_dir(tmp_path)
        return "tfds:tiny_rows"

    yield make
    tfds.core.utils.file_utils.clear_registered_data_dirs()


@pytest.fixture
def kinds():
    from tensorflow_datasets import features

    return features


def test_texts_classes_and_numbers(make, kinds):
    import numpy as np

    features = kinds.FeaturesDict(
        {"text": kinds.Text(), "label": kinds.ClassLabel(names=["neg", "pos"]), "idx": np.int32}
    )
    rows = [{"text": "gut 天", "label": "pos", "idx": 7}, {"text": "", "label": -1, "idx": 8}]
    source = make(features, rows)
    table = read_rows(source)
    assert table.columns == {"text": ["gut 天", ""], "label": [1, -1], "idx": [7, 8]}
    assert all(type(value) is int for value in table.columns["label"] + table.columns["idx"])
    assert table.class_names == {"label": ("neg", "pos")}
    assert table.place(1) == "tfds:tiny_rows, row 2"
    assert len(read_rows(source + ":1.0.0:test")) == 1
    assert read_rows([source, source + ":test"]).column("idx") == [7, 8, 7]
    assert list(stream_rows(source, limit=1)) == [(1, {"text": "gut 天", "label": 1, "idx": 7})]
    with pytest.raises(ValueError, match=r"has no split 'dev'\. Its splits: .*train"):
        read_rows(source + ":dev")


@pytest.mark.parametrize("column", ["tags", "ner"])
def test_tags_of_words_are_written_out(make, kinds, column):
    """The features of wikiann and of conll2003."""
    features = {
        "tokens": kinds.Sequence(kinds.Text()),
        column: kinds.Sequence(kinds.ClassLabel(names=["O", "B-PER"])),
    }
    if column == "ner":
        features["pos"] = kinds.Sequence(kinds.ClassLabel(names=["NN", "V"]))
    rows = [{"tokens": ["Ada", "ging"], column: ["B-PER", "O"], "pos": ["NN", "V"]}]
    rows = [{key: row[key] for key in features} for row in rows]
    table = read_rows(make(kinds.FeaturesDict(features), rows))
    expected = {"tokens": [["Ada", "ging"]], "tags": [["B-PER", "O"]]}
    names = {"tags": ("O", "B-PER")}
    if column == "ner":
        expected["pos"], names["pos"] = [["NN", "V"]], ("NN", "V")
    assert table.columns == expected
    assert table.class_names == names


def test_questions_become_squads_columns(make, kinds):
    import numpy as np

    features = kinds.FeaturesDict(
        {
            "id": np.str_,
            "title": kinds.Text(),
            "context": kinds.Text(),
            "question": kinds.Text(),
            "answers": kinds.Sequence({"text": kinds.Text(), "answer_start": np.int32}),
        }
    )
    rows = [
        {"id": f"q{i}", "title": "t", "context": "Ada.", "question": "Who?", "answers": answers}
        for i, answers in enumerate(ANSWERS)
    ]
    table = read_rows(make(features, rows))
    assert table.column("answers") == ANSWERS
    assert table.column("is_impossible") == [False, True]
    assert table.column("id") == ["q0", "q1"]
    assert table.column("context") == ["Ada.", "Ada."]


def test_nested_features_become_columns(make, kinds):
    """As in amazon_us_reviews, whose fields all lie in `data`."""
    import numpy as np

    features = kinds.FeaturesDict(
        {
            "data": {"text": kinds.Text(), "stars": np.int32, "ok": kinds.ClassLabel(names=["Y"])},
            "more": {"stars": np.int32},
            "n": np.bool_,
        }
    )
    row = {"data": {"text": "x", "stars": 5, "ok": "Y"}, "more": {"stars": 1}, "n": True}
    table = read_rows(make(features, [row]))
    assert table.columns == {
        "text": ["x"],
        "data/stars": [5],
        "ok": [0],
        "more/stars": [1],
        "n": [True],
    }
    assert table.class_names == {"ok": ("Y",)}


def test_sources_with_other_names_of_classes(make, kinds, tmp_path):
    import json

    source = make(
        kinds.FeaturesDict({"label": kinds.ClassLabel(names=["a", "b"])}), [{"label": "a"}]
    )
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"label": 0}))
    with pytest.raises(
        ValueError, match=r"must have the same names of classes\. tfds:tiny_rows has"
    ):
        read_rows([source, path])


def test_rows_without_names(make, kinds):
    with pytest.raises(
        ValueError, match=r"has rows without names: Sequence(?s:.*)Expected a dictionary"
    ):
        read_rows(make(kinds.Sequence({"text": kinds.Text()}), [{"text": ["x"]}]))

"""Models and tokenizers from anywhere and to anywhere."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
from reference_bert import randomize
from tiny_bundles import tiny_bundle

from keras_bert_kit import pretrained
from keras_bert_kit.config import EncoderConfig
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.pretrained import (
    HUGGING_FACE,
    KERAS_HUB,
    OURS,
    TENSORFLOW1,
    Source,
    find,
    load,
    load_tokenizer,
    save,
)
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

PIECES = (*SPECIAL_TOKENS, "the", "cat", "##s", "Cat", ".", "café", "cafe")
LETTERS = ("<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "Ġ", "lo", "low", "Ġlow", "<mask>")
MERGES = (("l", "o"), ("lo", "w"), ("Ġ", "low"))
TEXTS = ["The cats. Café", "low low", ""]
SIZE = {
    "vocabulary_size": 12,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 10,
}
FAMILIES = {
    "bert": {},
    "roberta": {
        "num_segments": 0,
        "position_offset": 2,
        "layer_norm_epsilon": 1e-5,
        "pooler": False,
    },
    "distilbert": {"num_segments": 0, "pooler": False},
}
NO_BLOCKS = {"num_layers": 0}  # quicker to build
LABELS = tuple(f"class {i}" for i in range(11))
CLASSES = {"num_classes": 11, "dropout": 0.25}
NO_POOLER = {"pooler": False}
MASKED_LM = {"next_sentence": False}


def description(family="bert", task="encoder", head=None, **changes):
    head = dict(head or {})
    if task == "classification":
        activations = {"bert": None, "roberta": "tanh", "distilbert": "relu"}
        head["hidden_activation"] = activations[family]
    labels = LABELS if "num_classes" in head else None
    return ModelDescription(EncoderConfig(**SIZE | FAMILIES[family] | changes), task, head, labels)


MODELS = {
    "bert encoder": description(),
    "bert encoder, approximate": description(activation="gelu_approximate"),
    "bert pretraining": description(task="pretraining"),
    "bert masked lm": description(task="pretraining", head=MASKED_LM, **NO_POOLER),
    "bert classification": description(task="classification", head=CLASSES),
    "bert classification, approximate": description(
        task="classification", head=CLASSES, activation="gelu_approximate"
    ),
    "bert tagging": description(task="tagging", head=CLASSES, **NO_POOLER),
    "bert span": description(task="span", head={"dropout": 0.0}, **NO_POOLER),
    "roberta encoder": description("roberta"),
    "roberta encoder, segment row": description("roberta", num_segments=1, pooler=True),
    "roberta masked lm": description("roberta", "pretraining", MASKED_LM),
    "roberta classification": description("roberta", "classification", CLASSES),
    "roberta tagging": description("roberta", "tagging", CLASSES),
    "roberta span": description("roberta", "span", {"dropout": 0.0}),
    "distilbert encoder": description("distilbert"),
    "distilbert masked lm": description("distilbert", "pretraining", MASKED_LM),
    "distilbert classification": description("distilbert", "classification", CLASSES),
    # Transformers has no dropout of its own for this head.
    "distilbert tagging": description("distilbert", "tagging", CLASSES | {"dropout": 0.1}),
    "distilbert span": description("distilbert", "span", {"dropout": 0.1}),
}
# For what each format has a place.
PLACES = {
    OURS: [name for name in MODELS if "approximate" not in name],
    HUGGING_FACE: [name for name in MODELS if "classification, " not in name],
    KERAS_HUB: [
        *("bert encoder, approximate", "bert classification, approximate"),
        *("roberta encoder", "roberta masked lm", "roberta classification", "distilbert encoder"),
        *("distilbert masked lm", "distilbert classification"),
    ],
    TENSORFLOW1: ["bert encoder", "bert pretraining", "bert classification"],
}
# What Google's and KerasHub's files do not say.
UNSAID = {
    "labels": (KERAS_HUB, TENSORFLOW1),
    "task": (TENSORFLOW1,),
    "dropout of the head": (TENSORFLOW1,),
}


def word_pieces(**options):
    return WordPieceTokenizer(Vocabulary(PIECES), **options)


def byte_pairs(**options):
    return BytePairTokenizer(BytePairVocabulary(LETTERS, MERGES), **options)


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "bert": word_pieces(lowercase=False),
        "roberta": byte_pairs(add_prefix_space=True),
        "distilbert": word_pieces(),
    }


@pytest.fixture(scope="module")
def made(request):
    """A description, and the model with weights that are all random."""
    expected = MODELS[request.param]
    model = expected.build()
    randomize(model)
    # No token has the rows before the first position; KerasHub does not keep them.
    table = next(weight for weight in model.weights if weight.path.endswith("position_table"))
    values = np.array(table)
    values[: expected.encoder.position_offset] = 0
    table.assign(values)
    return expected, model


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A pre-training model and the run folder, as a recipe leaves it, that it is in."""
    model = description(task="pretraining", **NO_BLOCKS).build()
    randomize(model)
    folder = tmp_path_factory.mktemp("ours")
    save(model, word_pieces(), folder)
    return model, folder


def assert_same_weights(model, expected, paths=None):
    values = {weight.path: np.asarray(weight.value) for weight in expected.weights}
    for weight in model.weights:
        if paths is None or weight.path in paths:
            np.testing.assert_array_equal(weight, values[weight.path], err_msg=weight.path)


@pytest.mark.parametrize(
    ("made", "file_format"),
    [
        (name, file_format)
        for name in MODELS
        for file_format in PLACES
        if name in PLACES[file_format]
    ],
    indirect=["made"],
)
def test_there_and_back_keeps_every_bit(made, tokenizers, file_format, tmp_path):
    expected, model = made
    save(model, tokenizers[expected.family], tmp_path, file_format, labels=expected.labels)
    assert find(tmp_path) == Source(file_format, tmp_path)
    asked = {"labels": expected.labels} if file_format in UNSAID["labels"] else {}
    if file_format in UNSAID["task"] and expected.task == "classification":
        asked["task"] = expected.task
    again, tokenizer, found = load(tmp_path, **asked)
    assert {w.path for w in again.weights} == {w.path for w in model.weights}
    assert_same_weights(again, model)
    assert (found.task, found.heads, found.labels, found.family) == (
        *(expected.task, expected.heads, expected.labels, expected.family),
    )
    assert asdict(found.encoder) == asdict(expected.encoder)
    if file_format not in UNSAID["dropout of the head"]:
        assert found.head.get("dropout") == expected.head.get("dropout")
    assert tokenizer(TEXTS).to_list() == tokenizers[expected.family](TEXTS).to_list()


@pytest.mark.parametrize(
    "tokenizer",
    [
        word_pieces(),
        word_pieces(lowercase=False),
        word_pieces(lowercase=True, strip_accents=False),
        word_pieces(lowercase=False, strip_accents=True),
        byte_pairs(),
        byte_pairs(add_prefix_space=True),
    ],
    ids=["uncased", "cased", "accents stay", "accents go", "byte pairs", "prefix space"],
)
@pytest.mark.parametrize("file_format", [OURS, HUGGING_FACE])
def test_options_of_a_tokenizer_are_kept(tokenizer, file_format, ours, tmp_path):
    save(ours[0], tokenizer, tmp_path, file_format)
    again = load_tokenizer(tmp_path)
    for option in ("lowercase", "strip_accents", "add_prefix_space"):
        assert getattr(again, option, None) == getattr(tokenizer, option, None)
    assert again.vocabulary.fingerprint == tokenizer.vocabulary.fingerprint


def test_an_unknown_task_is_an_error(ours):
    message = r"`task` must be one of encoder, pretraining, .*, span; received 'translation'\."
    with pytest.raises(ValueError, match=message):
        load(ours[1], "translation")


def test_what_is_no_model_of_ours_is_refused(tmp_path):
    message = r"`model` must be an `Encoder` or one of pretraining, .*; received Sequential\."
    with pytest.raises(TypeError, match=message):
        save(keras.Sequential(), word_pieces(), tmp_path)


def test_another_number_of_labels_than_classes_is_an_error(tmp_path):
    model = description(task="tagging", head=CLASSES, **NO_BLOCKS).build()
    message = r"There must be a label for each of the 11 classes; received 2: no, yes\."
    with pytest.raises(ValueError, match=message):
        save(model, word_pieces(), tmp_path, labels=["no", "yes"])


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", r"config\.json is not JSON: "), ("[]", r"config\.json holds a list, not an object\.")],
)
def test_a_broken_configuration_is_an_error(content, message, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        find(tmp_path)


def test_an_unknown_format_is_an_error(ours, tmp_path):
    message = (
        r"must be one of keras_bert_kit, hugging_face, keras_hub, tensorflow1; received 'onnx'\."
    )
    with pytest.raises(ValueError, match=message):
        save(ours[0], word_pieces(), tmp_path, "onnx")


def test_a_weight_without_a_place_is_an_error_or_left_out(ours, tmp_path):
    with pytest.raises(ValueError, match=r"KerasHub has no place for next_sentence/linear/kernel"):
        save(ours[0], word_pieces(), tmp_path, KERAS_HUB)
    save(ours[0], word_pieces(), tmp_path, KERAS_HUB, leave_out=["next_sentence"])
    assert find(tmp_path) == Source(KERAS_HUB, tmp_path)


@pytest.mark.parametrize("file_format", [KERAS_HUB, TENSORFLOW1])
def test_a_save_that_is_refused_leaves_what_was_there(file_format, tmp_path):
    save(description(**NO_BLOCKS).build(), word_pieces(), tmp_path, file_format)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    tagger = tiny_bundle("tagging")
    with pytest.raises(ValueError, match=r"no place for tagger|has no"):
        save(tagger.model, tagger.tokenizer, tmp_path, file_format, labels=tagger.labels)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def write(folder, name, **content):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("file", "content", "file_format"),
    [
        ("config.json", {"recipe": "recipes.pretrain", "options": {}}, OURS),
        ("config.json", {"encoder": {"num_layers": 2}}, OURS),
        ("config.json", {"model_type": "bert"}, HUGGING_FACE),
        ("config.json", {"hidden_size": 16}, HUGGING_FACE),
        ("config.json", {"module": "keras_hub.src.models", "config": {}}, KERAS_HUB),
        ("config.json", {"registered_name": "keras_hub>BertBackbone"}, KERAS_HUB),
        ("bert_config.json", {"hidden_size": 16}, TENSORFLOW1),
    ],
)
def test_the_format_of_a_folder_is_told_by_its_configuration(file, content, file_format, tmp_path):
    write(tmp_path, file, **content)
    assert find(tmp_path) == Source(file_format, tmp_path)
    assert find(str(tmp_path)) == Source(file_format, tmp_path)


def test_two_configurations_are_taken_for_transformers(tmp_path):
    write(tmp_path, "bert_config.json", hidden_size=16)
    write(tmp_path, "config.json", hidden_size=16)
    assert find(tmp_path).format == HUGGING_FACE


@pytest.mark.parametrize("name", ["config.json", "bert_config.json"])
def test_a_file_stands_for_its_folder(name, tmp_path):
    write(tmp_path, "config.json", model_type="bert")
    (tmp_path / name).touch()
    assert find(tmp_path / name) == Source(HUGGING_FACE, tmp_path)


def test_a_checkpoint_stands_for_its_folder(tmp_path):
    write(tmp_path, "bert_config.json", hidden_size=16)
    (tmp_path / "bert_model.ckpt.index").touch()
    (tmp_path / "model.ckpt-5.index").touch()
    for name in ("bert_model.ckpt", "model.ckpt-5"):
        assert find(tmp_path / name) == Source(TENSORFLOW1, tmp_path / name)
        assert find(tmp_path / f"{name}.index") == Source(TENSORFLOW1, tmp_path / name)


def test_a_file_of_weights_does_not_say_what_the_model_is(tmp_path):
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match=r"is a file of a model: give its folder"):
        find(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize("argument", ["initialize", "ignore", "labels"])
def test_a_string_alone_is_no_list(argument, ours):
    with pytest.raises(TypeError, match=f"`{argument}` must be a list of strings; received 'abc'"):
        load(ours[1], **{argument: "abc"})


def test_the_path_of_the_home_folder_is_known(ours, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(ours[0], word_pieces(), "~/mine")
    assert find("~/mine") == Source(OURS, tmp_path / "mine")


@pytest.mark.parametrize("source", [".", "./", "/"])
def test_a_folder_that_is_no_model_is_said_to_be_none(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no model"):
        find(source)


def test_what_is_misspelt_in_initialize_is_an_error(ours):
    with pytest.raises(ValueError, match=r"names 'clasifier', but no weight .* classifier"):
        load(ours[1], "classification", initialize=["clasifier"])


@pytest.mark.parametrize("file_format", [OURS, HUGGING_FACE])
def test_who_may_do_with_a_new_pooler_may_do_with_none(file_format, tmp_path):
    save(MODELS["distilbert masked lm"].build(), word_pieces(), tmp_path, file_format)
    assert not load(tmp_path, "encoder", initialize=["pooler"]).description.encoder.pooler


@pytest.mark.parametrize("file_format", [OURS, HUGGING_FACE, TENSORFLOW1])
def test_a_save_that_is_cut_off_leaves_no_model(ours, file_format, tmp_path, monkeypatch):
    model, _ = ours
    save(model, word_pieces(), tmp_path, file_format)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    for module, name in (
        (pretrained.RunFolder, "write_weights"),
        (pretrained.hugging_face, "write_safetensors"),
        (pretrained.google, "written_weights"),
    ):
        monkeypatch.setattr(module, name, stop)
    with pytest.raises(KeyboardInterrupt):
        save(model, word_pieces(), tmp_path, file_format)
    with pytest.raises(FileNotFoundError, match="holds no model"):
        find(tmp_path)


def test_a_run_is_not_written_over(ours, tmp_path):
    write(tmp_path, "config.json", recipe="pretrain", options={})
    with pytest.raises(ValueError, match="holds a run with its card and curve"):
        save(ours[0], word_pieces(), tmp_path)


def test_a_vocabulary_larger_than_the_table_is_not_saved(ours, tmp_path):
    tokenizer = WordPieceTokenizer(Vocabulary([*PIECES, "more"]))
    with pytest.raises(ValueError, match=r"has 13 tokens, but the model only 12"):
        save(ours[0], tokenizer, tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_casing_of_a_checkpoint_is_kept(tmp_path):
    model = description(**NO_BLOCKS).build()
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]), lowercase=False)
    save(model, tokenizer, tmp_path, TENSORFLOW1)
    assert load_tokenizer(tmp_path).lowercase is False


def test_a_label_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="Each label must occur once; received a, a"):
        ModelDescription(EncoderConfig(), "tagging", {"num_classes": 2}, ("a", "a"))


def test_the_way_to_a_keras_hub_preset_may_be_missing(tmp_path, monkeypatch):
    def missing():
        raise ImportError

    monkeypatch.setattr(pretrained, "keras_hub_models", missing)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(pretrained, "local_folder", lambda source, **_: tmp_path / "here")
    with pytest.raises(FileNotFoundError, match="holds no model"):
        find("my_bert")


@pytest.mark.parametrize(
    "source",
    ["kaggle://keras/bert/keras/bert_tiny_en_uncased/3", "hf://keras/bert", "bert_tiny_en_uncased"],
)
def test_presets_of_keras_hub_are_known_by_name(source, monkeypatch):
    monkeypatch.setattr(pretrained, "local_folder", None)
    assert find(source) == Source(KERAS_HUB, source)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"model_type": "bert"}, Source(HUGGING_FACE, Path("cache"))),
        (
            {"registered_name": "keras_hub>BertBackbone"},
            Source(KERAS_HUB, "hf://owner/some_model"),
        ),
    ],
)
def test_an_id_of_the_hub_is_downloaded(content, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("cache"), "config.json", **content)
    asked = []

    def local_folder(source, **options):
        asked.append((source, options))
        return Path("cache")

    monkeypatch.setattr(pretrained, "local_folder", local_folder)
    options = {"revision": "v1", "cache_dir": "there", "offline": True, "token": "secret"}
    assert find("owner/some_model", **options) == expected
    assert asked == [("owner/some_model", options)]


def test_a_name_that_is_no_preset_is_an_id(monkeypatch):
    def local_folder(source, **options):
        raise FileNotFoundError(f"asked for {source}")

    monkeypatch.setattr(pretrained, "local_folder", local_folder)
    with pytest.raises(FileNotFoundError, match=r"asked for no_such_preset"):
        find("no_such_preset")


def test_a_folder_of_the_name_of_a_preset_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("bert_tiny_en_uncased"), "config.json", model_type="bert")
    assert find("bert_tiny_en_uncased") == Source(HUGGING_FACE, Path("bert_tiny_en_uncased"))


def test_a_folder_without_a_model_is_an_error(tmp_path):
    message = r"holds no model: it has neither config\.json nor bert_config\.json\. Train one with"
    with pytest.raises(FileNotFoundError, match=message):
        find(tmp_path)


def test_a_folder_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError, match=r"The folder \./nowhere does not exist"):
        find("./nowhere")


def test_a_run_that_has_not_ended_has_no_model(tmp_path):
    write(tmp_path, "config.json", recipe="recipes.pretrain")
    with pytest.raises(
        FileNotFoundError, match=r"holds no trained model: model\.weights\.h5 is mi"
    ):
        load(tmp_path, with_tokenizer=False)


def test_a_weights_file_that_is_cut_off_is_an_error(ours, tmp_path):
    folder = shutil.copytree(ours[1], tmp_path / "cut")
    file = folder / "model.weights.h5"
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"model\.weights\.h5 is broken or of another model: "):
        load(folder)


def test_weights_of_another_model_are_an_error(ours, tmp_path):
    folder = shutil.copytree(ours[1], tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    config["encoder"]["max_sequence_length"] = 9
    write(folder, "config.json", **config)
    with pytest.raises(ValueError, match=r"model\.weights\.h5 is broken or of another model: "):
        load(folder)


def test_a_model_of_ours_gets_another_head(ours, caplog):
    model, folder = ours
    message = r"not those of this model: missing: classifier/linear/kernel, classifier/linear/bias"
    with pytest.raises(ValueError, match=message):
        load(folder, "classification", labels=["no", "yes"])
    again, _, found = load(
        folder, "classification", labels=["no", "yes"], initialize=["classifier"]
    )
    assert (found.task, found.labels) == ("classification", ("no", "yes"))
    assert "with first values: classifier/linear/bias, classifier/linear/kernel." in caplog.text
    assert_same_weights(again.encoder, model)


def test_the_encoder_of_ours_is_taken_from_under_its_heads(ours):
    model, folder = ours
    again, tokenizer, found = load(folder, "encoder", with_tokenizer=False)
    assert (tokenizer, found.task) == (None, "encoder")
    assert found.encoder == description(**NO_BLOCKS).encoder
    assert_same_weights(again, model)


def test_other_labels_of_ours_are_other_names_or_a_new_head(tmp_path):
    model = description(task="tagging", head=CLASSES, **NO_POOLER, **NO_BLOCKS).build()
    randomize(model)
    save(model, word_pieces(), tmp_path, labels=LABELS)
    names = [label.upper() for label in LABELS]
    again, _, found = load(tmp_path, labels=names)
    assert found.labels == tuple(names)
    assert_same_weights(again, model)
    with pytest.raises(ValueError, match=r"of another shape: tagger/linear/kernel \(\(8, 11\) in"):
        load(tmp_path, labels=["a", "b"])
    again, _, found = load(tmp_path, labels=["a", "b"], initialize=["tagger"])
    assert found.head["num_classes"] == 2


@pytest.mark.parametrize("changes", [{"activation": "gelu_approximate"}, {"dropout": 0.0}])
def test_another_head_leaves_the_encoder_as_it_was(changes, tmp_path):
    encoder = description("roberta", **changes, **NO_BLOCKS)
    save(encoder.build(), byte_pairs(), tmp_path)
    _, _, found = load(tmp_path, "span", initialize=["span"])
    assert found.encoder == encoder.encoder


def test_an_older_run_is_one_with_both_heads(ours, tmp_path):
    folder = shutil.copytree(ours[1], tmp_path / "older")
    config = json.loads((folder / "config.json").read_text())
    for entry in ("task", "head", "labels", "tokenizer"):
        del config[entry]
    config["encoder"].pop("activation")
    (folder / "config.json").write_text(json.dumps(config | {"next_sentence": True}))
    again, tokenizer, _ = load(folder)
    assert_same_weights(again, ours[0])
    assert tokenizer.lowercase


def test_another_vocabulary_than_that_of_training_is_refused(tmp_path):
    save(description("distilbert", **NO_BLOCKS).build(), word_pieces(), tmp_path)
    tokens = (tmp_path / "vocab.txt").read_text().splitlines()
    tokens[-2:] = tokens[:-3:-1]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    with pytest.raises(ValueError, match="is not the one that the model was trained"):
        load(tmp_path)


def test_a_vocabulary_larger_than_the_table_is_refused(tmp_path):
    model = description("distilbert", **NO_BLOCKS).build()
    save(model, word_pieces(), tmp_path, HUGGING_FACE)
    (tmp_path / "tokenizer.json").unlink(missing_ok=True)
    with (tmp_path / "vocab.txt").open("a") as file:
        file.write("more\n")
    message = r"has 13 tokens, but the model was built for 12\. Restore the vocabulary that it was"
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    assert load(tmp_path, with_tokenizer=False).tokenizer is None


@pytest.mark.parametrize("file_format", [OURS, HUGGING_FACE])
def test_a_vocabulary_smaller_than_the_table_is_fine(file_format, tmp_path):
    model = description("distilbert", vocabulary_size=16, **NO_BLOCKS).build()
    save(model, word_pieces(), tmp_path, file_format)
    assert len(load(tmp_path).tokenizer.vocabulary) == 12


def test_a_dtype_policy_may_be_asked_for(ours):
    model, folder = ours
    again = load(folder, dtype="mixed_bfloat16").model
    assert again.encoder.get_layer("embeddings").compute_dtype == "bfloat16"
    assert_same_weights(again, model)


def test_lowercase_may_be_said_for_files_that_do_not(tmp_path):
    save(description(**NO_BLOCKS).build(), word_pieces(lowercase=False), tmp_path, TENSORFLOW1)
    assert not load_tokenizer(tmp_path).lowercase  # there is "Cat"
    assert load(tmp_path, lowercase=True).tokenizer.lowercase


def test_left_over_layers_of_ours_are_an_error(tmp_path):
    save(description().build(), word_pieces(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["encoder"]["num_layers"] = 0
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"holds 19 weights, but the model that config.json"):
        load(tmp_path)


def test_saving_does_not_write_over_another_format(tmp_path):
    model = description(**NO_BLOCKS).build()
    save(model, word_pieces(), tmp_path, HUGGING_FACE)
    for file_format in (OURS, KERAS_HUB, TENSORFLOW1):
        with pytest.raises(ValueError, match="holds a model in the format hugging_face: choose"):
            save(model, word_pieces(), tmp_path, file_format)
    save(model, word_pieces(), tmp_path, HUGGING_FACE)

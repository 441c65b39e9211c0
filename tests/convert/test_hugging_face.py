"""Folders of Transformers: its own models in, ours out, and what is refused."""

import gc
import json
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open
from transformers_models import (
    TINY,
    assert_same_outputs,
    batch,
    config_of,
    make,
    outputs_of,
    torch,
    transformers,
)

from keras_bert_kit.config import EncoderConfig, encoder_config
from keras_bert_kit.convert.hugging_face import read_model, write_model
from keras_bert_kit.convert.hugging_face_config import Request, read_description, write_config
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.models import PretrainingModel

CASES = {  # with arguments of `make`
    "BertModel": {},
    "BertModel without pooler": {"pooler": False},
    "BertForPreTraining": {},
    "BertForMaskedLM": {},
    "BertForNextSentencePrediction": {},
    "BertForSequenceClassification": {},
    "BertForTokenClassification": {},
    "BertForQuestionAnswering": {},
    "RobertaModel": {},
    "RobertaModel without pooler": {"pooler": False},
    "RobertaForMaskedLM": {},
    "RobertaForSequenceClassification": {},
    "RobertaForTokenClassification": {},
    "RobertaForQuestionAnswering": {},
    "DistilBertModel": {},
    "DistilBertForMaskedLM": {},
    "DistilBertForSequenceClassification": {},
    "DistilBertForTokenClassification": {},
    "DistilBertForQuestionAnswering": {},
}
BASE = {
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 768,
    "intermediate_size": 3072,
}
ONE_LAYER = TINY | {"num_hidden_layers": 1}
NO_LAYERS = TINY | {"num_hidden_layers": 0}  # quicker to build
transformers.utils.logging.disable_progress_bar()


def save(folder, case, **options):
    """Saves a model of Transformers that is made for the purpose, and returns it."""
    model = make(case.split()[0], **CASES[case] | options)
    model.save_pretrained(folder)
    return model


def load_in_transformers(case, folder):
    """The model of a folder, once Transformers has found nothing to complain of."""
    options = {"add_pooling_layer": False} if "without" in case else {}
    model, found = getattr(transformers, case.split()[0]).from_pretrained(
        folder, output_loading_info=True, **options
    )
    assert not any(found.values()), found
    return model.eval()


def inputs_for(theirs, case, length=6):
    return batch(theirs.config.vocab_size, length, segments=case.startswith("Bert"))


def read(folder, *, ignore=(), **request):
    return read_model(folder, Request(**request), ignore)


def weights_of(model):
    return {weight.path: np.asarray(weight.value) for weight in model.weights}


def assert_same_weights(model, expected, paths=None):
    values, expected = weights_of(model), weights_of(expected)
    for path in values if paths is None else paths:
        np.testing.assert_array_equal(values[path], expected[path], err_msg=path)


def tensors_of(folder):
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A tiny model of Transformers, its folder, and ours read from there."""
    folder = tmp_path_factory.mktemp("theirs")
    # Building models is what takes the time; a second layer is needed once for each family.
    theirs = save(folder, request.param, size=TINY if "Model" in request.param else ONE_LAYER)
    ours, description = read(folder)
    inputs = inputs_for(theirs, request.param)
    return SimpleNamespace(
        name=request.param,
        theirs=theirs,
        folder=folder,
        ours=ours,
        description=description,
        inputs=inputs,
        expected=outputs_of(theirs, inputs),
    )


@pytest.fixture
def their_warnings(caplog):
    """What Transformers warns of, which it does not pass on by itself."""
    transformers.utils.logging.enable_propagation()
    yield caplog
    transformers.utils.logging.disable_propagation()


def test_a_loaded_model_computes_what_transformers_does(case):
    assert_same_outputs(case.ours(case.inputs), case.expected, case.inputs)


def test_a_saved_model_is_in_transformers_bit_by_bit(case, their_warnings, tmp_path):
    write_model(case.ours, tmp_path)
    again = load_in_transformers(case.name, tmp_path)
    state = again.state_dict()
    assert set(state) == set(case.theirs.state_dict())
    for name, value in case.theirs.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert_same_outputs(outputs_of(again, case.inputs), case.expected, case.inputs, atol=0)
    assert not [r.message for r in their_warnings.records if r.levelno >= logging.WARNING]


def test_a_saved_model_has_its_class_and_its_file_the_same_tensors(case, tmp_path):
    write_model(case.ours, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [case.name.split()[0]]
    theirs, ours = tensors_of(case.folder), tensors_of(tmp_path)
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["BertForPreTraining", "RobertaForMaskedLM", "DistilBertForMaskedLM"]
)
def test_base_size(name, tmp_path):
    family = next(f for f in ("Distil", "Roberta", "Bert") if name.startswith(f))
    size = (
        BASE
        | {
            "Bert": {"vocab_size": 30_522, "max_position_embeddings": 512},
            # Fewer blocks, in less time: they are alike, and BERT has all of them.
            "Roberta": {
                "vocab_size": 50_265,
                "max_position_embeddings": 514,
                "num_hidden_layers": 3,
            },
            "Distil": {
                "vocab_size": 30_522,
                "max_position_embeddings": 512,
                "num_hidden_layers": 3,
            },
        }[family]
    )
    theirs = save(tmp_path / "theirs", name, size=size, deviation=0.02)
    inputs = inputs_for(theirs, name, length=32)
    expected = outputs_of(theirs, inputs)
    del theirs
    ours, description = read(tmp_path / "theirs")
    assert len([w for w in ours.weights if w.path.endswith("query_key_value/kernel")]) == (
        description.encoder.num_layers
    )
    assert_same_outputs(ours(inputs), expected, inputs)
    write_model(ours, tmp_path / "ours")
    del ours
    gc.collect()
    load_in_transformers(name, tmp_path / "ours")
    with (
        safe_open(tmp_path / "theirs" / "model.safetensors", "pt") as first,
        safe_open(tmp_path / "ours" / "model.safetensors", "pt") as second,
    ):
        assert set(first.keys()) == set(second.keys())
        for tensor in first.keys():  # noqa: SIM118
            assert torch.equal(first.get_tensor(tensor), second.get_tensor(tensor)), tensor
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretraining")
    save(folder, "BertForPreTraining", size=NO_LAYERS)
    return SimpleNamespace(folder=folder, ours=read(folder)[0])


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    save(folder, "BertForSequenceClassification", size=NO_LAYERS)
    return SimpleNamespace(folder=folder, ours=read(folder)[0])


def changed(folder, to, **config):
    """A copy of a folder, with another configuration; `None` removes an entry."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    values = json.loads((folder / "config.json").read_text()) | config
    values = {key: value for key, value in values.items() if value is not None}
    (to / "config.json").write_text(json.dumps(values))
    return to


def old_norms(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
        "LayerNorm.bias", "LayerNorm.beta"
    )


RENAMINGS = {
    "gamma and beta": old_norms,
    "no prefix": lambda name: name.removeprefix("bert."),
    "bias of the decoder": lambda name: name.replace(
        "cls.predictions.bias", "cls.predictions.decoder.bias"
    ),
}


@pytest.mark.parametrize("renaming", RENAMINGS)
def test_names_of_other_versions_are_understood(pretraining, renaming, tmp_path):
    changed(pretraining.folder, tmp_path)
    tensors = tensors_of(pretraining.folder)
    renamed = {RENAMINGS[renaming](name): tensor for name, tensor in tensors.items()}
    assert set(renamed) != set(tensors)
    transformers.modeling_utils.safe_save_file(renamed, tmp_path / "model.safetensors")
    ours, _ = read(tmp_path)
    assert_same_weights(ours, pretraining.ours)


def test_copies_and_constants_of_other_versions_are_passed_over(pretraining, tmp_path):
    changed(pretraining.folder, tmp_path)
    tensors = tensors_of(pretraining.folder)
    tensors |= {
        "bert.embeddings.position_ids": torch.arange(20)[None],
        "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"].clone(),
        "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone(),
    }
    transformers.modeling_utils.safe_save_file(tensors, tmp_path / "model.safetensors")
    assert_same_weights(read(tmp_path)[0], pretraining.ours)


def test_pytorch_files_are_read(pretraining, tmp_path):
    changed(pretraining.folder, tmp_path)
    torch.save(tensors_of(pretraining.folder), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    assert_same_weights(read(tmp_path)[0], pretraining.ours)


def test_shards_are_read(pretraining, tmp_path):
    theirs = transformers.BertForPreTraining.from_pretrained(pretraining.folder)
    theirs.save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_same_weights(read(tmp_path)[0], pretraining.ours)


def test_shards_are_written(pretraining, tmp_path):
    write_model(pretraining.ours, tmp_path, max_shard_bytes=4e3)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    state = load_in_transformers("BertForPreTraining", tmp_path).state_dict()
    for name, tensor in tensors_of(pretraining.folder).items():
        assert torch.equal(state[name], tensor)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32_without_rounding(dtype, tmp_path):
    theirs = make("BertModel", size=NO_LAYERS).to(dtype)
    theirs.save_pretrained(tmp_path)
    ours, _ = read(tmp_path)
    weights = weights_of(ours)
    assert {str(values.dtype) for values in weights.values()} == {"float32"}
    expected = theirs.state_dict()["embeddings.word_embeddings.weight"].float().numpy()
    np.testing.assert_array_equal(weights["embeddings/token/table"], expected)
    expected = theirs.state_dict()["pooler.dense.weight"].float().numpy().T
    np.testing.assert_array_equal(weights["pooler/kernel"], expected)


def test_a_dtype_policy_may_be_asked_for(pretraining):
    ours, _ = read_model(pretraining.folder, Request(), dtype="mixed_bfloat16")
    assert ours.encoder.get_config()["dtype"]["config"]["name"] == "mixed_bfloat16"
    assert_same_weights(ours, pretraining.ours)


@pytest.mark.parametrize("activation", ["gelu_new", "gelu_pytorch_tanh"])
def test_the_approximate_gelu_is_known_by_both_names(activation, tmp_path):
    theirs = save(tmp_path / "theirs", "BertForMaskedLM", size=ONE_LAYER, hidden_act=activation)
    ours, description = read(tmp_path / "theirs")
    assert description.encoder.activation == "gelu_approximate"
    inputs = inputs_for(theirs, "Bert")
    expected = outputs_of(theirs, inputs)
    assert_same_outputs(ours(inputs), expected, inputs, atol=2e-6)
    write_model(ours, tmp_path / "ours")
    again = load_in_transformers("BertForMaskedLM", tmp_path / "ours")
    assert_same_outputs(outputs_of(again, inputs), expected, inputs, atol=2e-6)


def test_robertas_segment_row_is_left_away_where_it_is_zeros(tmp_path):
    theirs = make("RobertaModel", size=NO_LAYERS)
    with torch.no_grad():
        theirs.embeddings.token_type_embeddings.weight.zero_()
    theirs.save_pretrained(tmp_path / "theirs")
    ours, description = read(tmp_path / "theirs")
    assert description.encoder.num_segments == 0
    inputs = inputs_for(theirs, "Roberta")
    assert_same_outputs(ours(inputs), outputs_of(theirs, inputs), inputs)
    write_model(ours, tmp_path / "ours")
    again = load_in_transformers("RobertaModel", tmp_path / "ours").state_dict()
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, again[name]), name


def test_robertas_segment_row_is_kept_where_it_is_not(tmp_path):
    save(tmp_path, "RobertaModel without pooler", size=NO_LAYERS)
    ours, description = read(tmp_path)
    assert description.encoder.num_segments == 1
    assert "segment_ids" not in ours.input


def test_roberta_may_have_two_segments(tmp_path):
    theirs = save(tmp_path, "RobertaForMaskedLM", size=ONE_LAYER, type_vocab_size=2)
    ours, description = read(tmp_path)
    assert (description.family, description.encoder.num_segments) == ("roberta", 2)
    inputs = batch(50, segments=True)
    assert_same_outputs(ours(inputs), outputs_of(theirs, inputs), inputs)


def test_a_pretraining_head_is_read_where_it_is_there(tmp_path, pretraining):
    changed(pretraining.folder, tmp_path)
    tensors = {n: t for n, t in tensors_of(tmp_path).items() if "seq_relationship" not in n}
    transformers.modeling_utils.safe_save_file(tensors, tmp_path / "model.safetensors")
    _, description = read(tmp_path, ignore=["bert.pooler"])
    assert description.heads == ("masked_lm",)


def test_an_encoder_is_taken_from_under_its_heads(pretraining, caplog):
    with caplog.at_level(logging.INFO, "keras_bert_kit"):
        ours, description = read(pretraining.folder, task="encoder")
    assert (description.task, description.encoder.pooler) == ("encoder", True)
    assert_same_weights(ours, pretraining.ours)
    assert "as not asked for: cls.predictions.bias, cls.predictions." in caplog.text


def test_a_head_that_is_missing_is_an_error(tmp_path):
    save(tmp_path, "BertForMaskedLM", size=NO_LAYERS)
    message = (
        r"are not those of this model: missing: pooler/kernel, pooler/bias, "
        r"classifier/linear/kernel, classifier/linear/bias\. Load them as what they are \(`task`\)"
    )
    with pytest.raises(ValueError, match=message):
        read(tmp_path, task="classification")


def test_a_new_head_keeps_its_first_values_and_nothing_else_does(tmp_path, caplog):
    save(tmp_path, "BertForMaskedLM", size=NO_LAYERS)
    pretrained, _ = read(tmp_path)
    new = ("classifier", "pooler")
    ours, description = read(tmp_path, task="classification", labels=("no", "yes"), initialize=new)
    assert description.labels == ("no", "yes")
    assert (
        "with first values: classifier/linear/bias, classifier/linear/kernel, pooler/bias, "
        "pooler/kernel."
    ) in caplog.text
    kept = [w.path for w in ours.weights if not w.path.startswith(new)]
    assert_same_weights(ours, pretrained, kept)
    values = weights_of(ours)
    for part in ("classifier/linear", "pooler"):
        assert 0.01 < values[f"{part}/kernel"].std() < 0.03
        assert not values[f"{part}/bias"].any()


def test_another_number_of_classes_is_an_error_or_a_new_head(classifier):
    labels = ("a", "b", "c", "d")
    message = (
        r"of another shape: classifier/linear/kernel \(\(3, 16\) in the file, \(4, 16\) in the "
        r"model\), classifier/linear/bias \(\(3,\) in the file, \(4,\) in the model\)\."
    )
    with pytest.raises(ValueError, match=message):
        read(classifier.folder, labels=labels)
    ours, description = read(classifier.folder, labels=labels, initialize=("classifier",))
    assert description.head["num_classes"] == 4
    kept = [w.path for w in ours.weights if not w.path.startswith("classifier")]
    assert_same_weights(ours, classifier.ours, kept)


def test_a_layer_that_is_left_over_is_an_error_or_ignored(tmp_path, caplog):
    save(tmp_path / "two", "DistilBertModel")
    folder = changed(tmp_path / "two", tmp_path / "one", n_layers=1)
    message = r"left over: distilbert\.transformer\.layer\.1\.attention\.k_lin\.bias, .* and 6 more"
    with pytest.raises(ValueError, match=message):
        read(folder)
    ours, _ = read(folder, ignore=["distilbert.transformer.layer.1."])
    assert len([w for w in ours.weights if w.path.startswith("block_")]) == 12


def test_another_size_of_the_vocabulary_is_an_error(pretraining, tmp_path):
    folder = changed(pretraining.folder, tmp_path, vocab_size=51)
    message = r"embeddings/token/table \(\(50, 16\) in the file, \(51, 16\) in the model\)"
    with pytest.raises(ValueError, match=message):
        read(folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "albert"},
            r"config\.json is a model of the type 'albert'; this package reads bert, roberta, dis",
        ),
        ({"model_type": None, "hidden_size": None}, r"is a model of the type None; this package"),
        ({"hidden_act": "relu"}, r"has the activation 'relu'; .* has gelu, gelu_pytorch_tanh, ge"),
        (
            {"position_embedding_type": "relative_key"},
            r"has `position_embedding_type` 'relative_key', but .* is built for 'absolute' only",
        ),
        ({"is_decoder": True}, r"has `is_decoder` True, but .* is built for False only"),
        ({"add_cross_attention": True}, r"has `add_cross_attention` True, but .* for False only"),
        ({"tie_word_embeddings": False}, r"has `tie_word_embeddings` False, but .* for True only"),
        ({"hidden_size": None}, r"lacks hidden_size: it describes no whole model\."),
        (
            {"architectures": ["BertForMultipleChoice"]},
            r"is a BertForMultipleChoice, for which this package has no model\. Give a `task` to",
        ),
        (
            {"architectures": None},
            r"does not say whether its classifier is for texts or for tokens\. Give `task='clas",
        ),
    ],
)
def test_what_is_none_of_our_models_is_refused(classifier, config, message, tmp_path):
    folder = changed(classifier.folder, tmp_path, **config)
    with pytest.raises(ValueError, match=message):
        read(folder)


def test_another_class_is_read_as_what_is_asked_for(classifier, tmp_path):
    folder = changed(classifier.folder, tmp_path, architectures=["BertForMultipleChoice"])
    ours, _ = read(folder, task="encoder")
    assert_same_weights(ours, classifier.ours)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("BertForPreTraining", "pretraining"),
        ("DistilBertForQuestionAnswering", "span"),
        ("DistilBertModel", "encoder"),
    ],
)
def test_without_a_class_the_heads_say_what_a_model_is(name, task, tmp_path):
    save(tmp_path / "theirs", name, size=NO_LAYERS)
    folder = changed(tmp_path / "theirs", tmp_path / "older", architectures=None)
    assert read(folder)[1].task == task


def test_a_folder_without_weights_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(FileNotFoundError, match=r"has neither `model\.safetensors` nor `pytorch_m"):
        read(tmp_path)


def test_a_folder_without_a_configuration_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config\.json: give the folder of a model"):
        read(tmp_path)


def test_labels_come_in_the_order_of_their_numbers(tmp_path):
    labels = tuple(f"tag {chr(ord('z') - i)}" for i in range(12))
    theirs = save(
        tmp_path / "theirs",
        "BertForTokenClassification",
        size=NO_LAYERS,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        num_labels=12,
    )
    ours, description = read(tmp_path / "theirs")
    assert description.labels == labels
    write_model(ours, tmp_path / "ours", labels)
    config = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    assert config.id2label == theirs.config.id2label == dict(enumerate(labels))
    assert config.label2id == theirs.config.label2id


def test_labels_without_names_get_those_of_transformers(classifier, tmp_path):
    write_model(classifier.ours, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}


def test_the_number_of_classes_may_be_all_that_is_known(classifier, tmp_path):
    folder = changed(classifier.folder, tmp_path, id2label=None, label2id=None, num_labels=3)
    _, description = read(folder)
    assert (description.head["num_classes"], description.labels) == (3, None)


@pytest.mark.parametrize(
    ("problem_type", "num_labels", "problem"),
    [
        (None, 3, "single_label"),
        (None, 1, "regression"),
        ("single_label_classification", 3, "single_label"),
        ("multi_label_classification", 3, "multi_label"),
        ("regression", 1, "regression"),
    ],
)
def test_the_problem_of_a_classifier_goes_both_ways(problem_type, num_labels, problem):
    name = "DistilBertForSequenceClassification"
    options = {"problem_type": problem_type, "num_labels": num_labels}
    theirs = config_of(name, size=NO_LAYERS, **options).to_dict() | {"architectures": [name]}
    description = read_description(theirs, "here", lambda part: True, Request())
    assert description.head["problem"] == problem
    written = write_config(description, {})
    # Transformers' own reading of what is not said, from the forward pass of its classifiers
    assert written.get("problem_type", "single_label_classification").startswith(problem)
    again = read_description(written, "there", lambda part: True, Request())
    assert again.head["problem"] == problem


def test_other_labels_make_a_regression_a_classifier():
    name = "DistilBertForSequenceClassification"
    theirs = config_of(name, size=NO_LAYERS, num_labels=1, problem_type="regression").to_dict()
    request = Request(labels=("no", "yes"), initialize=("classifier",))
    description = read_description(
        theirs | {"architectures": [name]}, "here", lambda part: True, request
    )
    assert (description.head["num_classes"], description.head["problem"]) == (2, "single_label")


@pytest.mark.parametrize(
    ("problem_type", "message"),
    [
        ("ordinal", r"has `problem_type` 'ordinal'; one of single_label_classification, multi_l"),
        (["regression"], r"has `problem_type` \['regression'\]; one of single"),
        ("regression", r"is a regression of 3 values; this package's has one\. Load its encoder"),
    ],
)
def test_a_problem_that_is_none_of_ours_is_refused(problem_type, message):
    name = "DistilBertForSequenceClassification"
    theirs = config_of(name, size=NO_LAYERS, num_labels=3).to_dict()
    theirs |= {"architectures": [name], "problem_type": problem_type}
    with pytest.raises(ValueError, match=message):
        read_description(theirs, "config.json", lambda part: True, Request())


@pytest.mark.parametrize(
    ("name", "config", "dropout"),
    [
        ("BertForSequenceClassification", {"classifier_dropout": 0.3}, 0.3),
        ("BertForTokenClassification", {"classifier_dropout": 0.3}, 0.3),
        ("BertForSequenceClassification", {"hidden_dropout_prob": 0.2}, 0.2),
        ("BertForQuestionAnswering", {}, 0.0),
        ("RobertaForSequenceClassification", {"classifier_dropout": 0.3}, 0.3),
        ("DistilBertForSequenceClassification", {"seq_classif_dropout": 0.3}, 0.3),
        ("DistilBertForTokenClassification", {"seq_classif_dropout": 0.3}, 0.1),
        ("DistilBertForQuestionAnswering", {"qa_dropout": 0.3}, 0.3),
    ],
)
def test_dropout_of_the_head_is_where_the_class_has_it(name, config, dropout):
    theirs = config_of(name, size=NO_LAYERS, **config).to_dict() | {"architectures": [name]}
    description = read_description(theirs, "here", lambda part: True, Request())
    assert description.head["dropout"] == dropout
    written = write_config(description, {})
    again = read_description(written, "there", lambda part: True, Request())
    assert again.head["dropout"] == dropout


def test_the_configuration_goes_both_ways(case, tmp_path):
    write_model(case.ours, tmp_path, special_ids={"pad_token_id": 0})
    theirs = case.theirs.config.to_dict()
    ours = transformers.AutoConfig.from_pretrained(tmp_path).to_dict()
    passing = {"dtype", "transformers_version", "classifier_dropout", "pad_token_id"}
    passing |= {"_name_or_path", "bos_token_id", "eos_token_id"}
    assert {k: v for k, v in ours.items() if k not in passing} == {
        k: v for k, v in theirs.items() if k not in passing
    }


def tiny_config(**changes):
    return EncoderConfig(
        **{
            "vocabulary_size": 50,
            "num_layers": 0,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 24,
            "max_sequence_length": 20,
        }
        | changes
    )


def test_a_weight_without_a_place_is_an_error_or_left_out(tmp_path, caplog):
    description = ModelDescription(tiny_config(), "pretraining", {"next_sentence": False})
    model = description.build()
    message = (
        r"Transformers' BertForMaskedLM has no place for pooler/kernel, pooler/bias of this model\."
        r" To go without them, say `leave_out=\['pooler'\]`, as an"
    )
    with pytest.raises(ValueError, match=message):
        write_model(model, tmp_path)
    assert not list(tmp_path.iterdir())
    write_model(model, tmp_path, leave_out=["pooler"])
    assert "Left out, as Transformers' BertForMaskedLM has no place for them: pool" in caplog.text
    load_in_transformers("BertForMaskedLM", tmp_path)


def test_next_sentences_of_roberta_have_no_place(tmp_path):
    encoder = Encoder(**vars(tiny_config(position_offset=2, num_segments=0)))
    message = r"has no place for .*next_sentence/linear/kernel"
    with pytest.raises(ValueError, match=message):
        write_model(PretrainingModel(encoder), tmp_path)
    write_model(PretrainingModel(encoder), tmp_path, leave_out=["pooler", "next_sentence"])
    load_in_transformers("RobertaForMaskedLM", tmp_path)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (
            ModelDescription(encoder_config("distil", "distilbert", layer_norm_epsilon=1e-5)),
            r"Transformers' DistilBERT has the epsilon 1e-12 in its .*; this model has 1e-05\.",
        ),
        (
            ModelDescription(
                encoder_config("tiny"),
                "classification",
                {"num_classes": 3, "dropout": 0.1, "hidden_activation": "relu"},
            ),
            r"Transformers' Bert classifiers have no dense .* `hidden_activation='relu'`\.",
        ),
        (
            ModelDescription(
                encoder_config("tiny"), "classification", {"num_classes": 1, "dropout": 0.1}
            ),
            r"no classifier of one class.* has `num_classes=1` and `problem='single_label'`\.",
        ),
    ],
)
def test_what_transformers_has_no_model_for_is_refused(description, message):
    with pytest.raises(ValueError, match=message):
        write_config(description, {})


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            {"head_activation": "gelu_approximate"},
            "one `activation` for the encoder and the masked-token head: the head will have gelu "
            "in place of gelu_approximate.",
        ),
        ({"head_layer_norm_epsilon": 1e-5}, "the head will have 1e-12 in place of 1e-05."),
    ],
)
def test_a_head_that_transformers_computes_otherwise_is_warned_of(head, message, caplog):
    write_config(ModelDescription(encoder_config("tiny"), "pretraining", head), {})
    assert message in caplog.text


def test_special_ids_are_written(tmp_path, pretraining):
    write_model(pretraining.ours, tmp_path, special_ids={"pad_token_id": 3})
    assert json.loads((tmp_path / "config.json").read_text())["pad_token_id"] == 3


def test_roberta_counts_positions_from_its_padding_id(tmp_path):
    theirs = save(tmp_path, "RobertaModel without pooler", size=NO_LAYERS, pad_token_id=4)
    _, description = read(tmp_path)
    assert description.encoder.position_offset == 5
    assert description.encoder.max_sequence_length == theirs.config.max_position_embeddings - 5


@pytest.mark.parametrize(
    ("family", "task"), [("distilbert", "tagging"), ("bert", "span"), ("roberta", "span")]
)
def test_a_dropout_rate_that_has_no_place_is_said(family, task, caplog):
    head = {"dropout": 0.25} | ({"num_classes": 2} if task == "tagging" else {})
    encoder = encoder_config("tiny", family)
    write_config(ModelDescription(encoder, task, head), {})
    assert "has no dropout rate of its own in its head: 0.25 is not kept" in caplog.text


def test_the_dropout_rate_of_distilberts_span_head_is_kept(caplog):
    encoder = encoder_config("tiny", "distilbert")
    config = write_config(ModelDescription(encoder, "span", {"dropout": 0.25}), {})
    assert config["qa_dropout"] == 0.25
    assert not caplog.text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hidden_size", "128", "`hidden_size` '128'; a whole number of at least 1"),
        ("num_attention_heads", 0, "`num_attention_heads` 0; a whole number of at least 1"),
        ("num_hidden_layers", 1.5, "`num_hidden_layers` 1.5; a whole number of at least 0"),
        ("hidden_dropout_prob", "0.1", "`hidden_dropout_prob` '0.1'; a number of at least 0"),
        ("num_labels", True, "`num_labels` True; a whole number of at least 1"),
        ("architectures", "BertModel", "`architectures` 'BertModel', not a list"),
        ("id2label", {"0": "a", "5": "b"}, "a label for each of 0, 1, ... was expected"),
        ("id2label", ["a"], "a label for each of 0, 1, ... was expected"),
        ("hidden_act", ["gelu"], r"has the activation \['gelu'\]"),
        ("model_type", ["bert"], r"a model of the type \['bert'\]"),
    ],
)
def test_a_value_of_another_kind_is_named(key, value, message):
    config = write_config(ModelDescription(encoder_config("tiny")), {}) | {key: value}
    with pytest.raises(ValueError, match=message):
        read_description(config, "config.json", lambda part: False, Request())


def test_another_dropout_rate_in_attention_is_said(caplog):
    config = write_config(ModelDescription(encoder_config("tiny")), {})
    read_description(config, "config.json", lambda part: False, Request())
    assert not caplog.text
    config["attention_probs_dropout_prob"] = 0.25
    read_description(config, "config.json", lambda part: False, Request())
    assert "drops 0.25 of the attention weights and 0.1 elsewhere" in caplog.text

"""SavedModels as others use them: loaded in a process that knows nothing of Keras or this kit."""

import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 (its operations are in the SavedModels)
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.saved_model import write_saved_models
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary

TEXTS = [text.replace("\ud83d", "") for text in odd_texts(5, 20, 40)]
LOADED = """
import json, sys
import tensorflow as tf, tensorflow_text

served = tf.saved_model.load(sys.argv[1] + "/strings").signatures["serving_default"]
texts = json.loads(sys.stdin.buffer.read())
said = served(text=tf.constant([text.encode() for text in texts]))
foreign = [m for m in sys.modules if m.startswith("keras_bert_kit")]
labels = said["label"].numpy().astype(str).tolist()
print(json.dumps([labels, said["probabilities"].numpy().tolist(), foreign]))
"""


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    bundle = tiny_bundle("classification")
    folder = tmp_path_factory.mktemp("exported")
    write_saved_models(bundle, folder)
    return bundle, folder


def test_a_process_without_keras_code_answers_as_predict_text(classifier):
    bundle, folder = classifier
    found = subprocess.run(
        [sys.executable, "-c", LOADED, str(folder)],
        input=json.dumps(TEXTS).encode(),
        capture_output=True,
        check=True,
    )
    labels, probabilities, foreign = json.loads(found.stdout)
    expected = bundle.predict_text(TEXTS)
    assert labels == [one["label"] for one in expected]
    np.testing.assert_allclose(
        probabilities, [list(one["probabilities"].values()) for one in expected], atol=1e-6
    )
    assert not foreign


def test_every_weight_is_written_once(classifier):
    bundle, folder = classifier
    for name in ("strings", "tokens"):
        shapes = [
            shape
            for key, shape in tf.train.list_variables(str(folder / name / "variables/variables"))
            if key != "_CHECKPOINTABLE_OBJECT_GRAPH"
        ]
        assert sum(map(np.prod, shapes)) == bundle.model.count_params()


def test_tokens_are_read_without_tensorflow_text(classifier):
    bundle, folder = classifier
    served = tf.saved_model.load(folder / "tokens").signatures["serving_default"]
    for texts in (["Ada smiled ."], TEXTS[:1] * 3):
        inputs = {name: x[:, :18] for name, x in bundle.pack([t[:12] for t in texts]).items()}
        logits = bundle.model(inputs)["label"]
        np.testing.assert_allclose(served(**inputs)["logits"], logits, atol=1e-5)
    graph = (folder / "tokens" / "saved_model.pb").read_bytes()
    assert b"FastBertNormalize" not in graph
    assert b"FastBertNormalize" in (folder / "strings" / "saved_model.pb").read_bytes()


def test_too_long_an_input_is_refused(classifier):
    _, folder = classifier
    served = tf.saved_model.load(folder / "tokens").signatures["serving_default"]
    ones = tf.ones([1, 19], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more tokens in an input than the 18"):
        served(token_ids=ones, segment_ids=ones, padding_mask=ones)


def test_an_encoder_gives_embeddings(tmp_path):
    tagger = tiny_bundle("tagging")
    bundle = Bundle(tagger.tokenizer, tagger.encoder, inputs=InputOptions(16, "truncate"))
    write_saved_models(bundle, tmp_path)
    served = tf.saved_model.load(tmp_path / "strings").signatures["texts"]
    found = served(text=tf.constant(["the star shines"]))["embedding"]
    states = tagger.encoder(bundle.pack(["the star shines"]))["sequence_output"]
    np.testing.assert_allclose(found, tf.reduce_mean(states, axis=1), atol=1e-6)


def test_another_precision_becomes_float32(tmp_path, caplog):
    bundle = tiny_bundle("classification")
    model = ModelDescription.of(bundle.model).build("mixed_bfloat16")
    model.set_weights(bundle.model.get_weights())
    write_saved_models(replace(bundle, model=model), tmp_path)
    assert "computes in bfloat16; it is exported in float32" in caplog.text
    served = tf.saved_model.load(tmp_path / "strings").signatures["texts"]
    expected = list(bundle.predict_text(["Ada"])[0]["probabilities"].values())
    np.testing.assert_allclose(
        served(text=tf.constant(["Ada"]))["probabilities"], [expected], atol=1e-6
    )


def test_classes_without_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"classes without names.*`--labels`"):
        write_saved_models(replace(tiny_bundle("classification"), labels=None), tmp_path)


def byte_pair_bundle(task):
    vocabulary = BytePairVocabulary(
        ["<s>", "<pad>", "</s>", "<unk>", *"lowĠ", "lo", "Ġlo", "<mask>"],
        merges=[("l", "o"), ("Ġ", "lo")],
    )
    bundle = tiny_bundle(task, InputOptions(8, "windows"))
    return replace(bundle, tokenizer=BytePairTokenizer(vocabulary))


@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_byte_level_bpe_is_served_too(task, tmp_path):
    bundle = byte_pair_bundle(task)
    texts = ["low low", "", "wool  owl low\n low low low low", "x"]
    write_saved_models(bundle, tmp_path)
    served = tf.saved_model.load(tmp_path / "strings").signatures["texts"](text=tf.constant(texts))
    expected = bundle.predict_text(texts)
    if task == "tagging":
        count = (served["starts"].numpy() >= 0).sum(axis=1)
        assert count.tolist() == [len(one["entities"]) for one in expected]
    else:
        probabilities = [list(one["probabilities"].values()) for one in expected]
        np.testing.assert_allclose(served["probabilities"], probabilities, atol=1e-6)


def test_byte_level_bpe_has_no_answers_in_the_graph(tmp_path):
    with pytest.raises(ValueError, match=r"no offsets inside the graph.*TFLite or ONNX"):
        write_saved_models(byte_pair_bundle("questions"), tmp_path)


def test_what_is_exported_are_models_of_text(tmp_path):
    bundle = tiny_bundle("classification")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in bundle.model.input}
    other = keras.Model(inputs, {"x": inputs["token_ids"]})
    with pytest.raises(TypeError, match="Only encoders and models of tasks are exported"):
        serve(other, bundle.pack(["Ada"]))

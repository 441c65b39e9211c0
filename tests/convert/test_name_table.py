"""The tables of names: how rows expand, and that the families' tables are whole."""

import itertools

import pytest

from keras_bert_kit.convert.families import FAMILIES
from keras_bert_kit.convert.name_table import FORMATS, Family, dense, norm, output, single
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

SMALL = Family(
    name="small",
    prefixes={"hugging_face": "small."},
    encoder=(
        single("table", hugging_face="words.weight", keras_hub="words/embeddings"),
        dense(
            "block_{i}/both",
            hugging_face="layer.{i}.{left,right}.linear",
            google="layer_{i}/{left,right}",
        ),
        dense("pooler", hugging_face="pool"),
    ),
    heads={
        "classifier": (output("classifier/linear", hugging_face="out", google="top/"),),
        "tagger": (norm("tagger/norm", hugging_face="norm"),),
    },
)
ARGUMENTS = {
    "vocabulary_size": 7,
    "num_layers": 2,
    "num_heads": 1,
    "hidden_dim": 2,
    "intermediate_dim": 3,
    "max_sequence_length": 4,
}
STRUCTURES = {
    "bert": {},
    "roberta": {"position_offset": 2},
    "distilbert": {"num_segments": 0, "pooler": False},
}
HEADS = {
    "masked_lm": lambda encoder: PretrainingModel(encoder, next_sentence=False),
    "next_sentence": lambda encoder: PretrainingModel(encoder, masked_lm=False),
    "classifier": lambda encoder: ClassificationModel(encoder, 3),
    "tagger": lambda encoder: TaggingModel(encoder, 3),
    "span": SpanModel,
}


def test_a_row_expands_by_its_kind_its_blocks_and_its_alternatives():
    assert SMALL.names("hugging_face", 2, ["classifier", "tagger"]) == {
        "table": ("small.words.weight",),
        "block_0/both/kernel": (
            "small.layer.0.left.linear.weight",
            "small.layer.0.right.linear.weight",
        ),
        "block_1/both/kernel": (
            "small.layer.1.left.linear.weight",
            "small.layer.1.right.linear.weight",
        ),
        "block_0/both/bias": (
            "small.layer.0.left.linear.bias",
            "small.layer.0.right.linear.bias",
        ),
        "block_1/both/bias": (
            "small.layer.1.left.linear.bias",
            "small.layer.1.right.linear.bias",
        ),
        "pooler/kernel": ("small.pool.weight",),
        "pooler/bias": ("small.pool.bias",),
        "classifier/linear/kernel": ("out.weight",),
        "classifier/linear/bias": ("out.bias",),
        "tagger/norm/gamma": ("norm.weight",),
        "tagger/norm/beta": ("norm.bias",),
    }


def test_a_format_has_only_the_rows_with_a_name_in_it():
    assert SMALL.names("google", 1, ["classifier", "tagger"]) == {
        "block_0/both/kernel": ("layer_0/left/kernel", "layer_0/right/kernel"),
        "block_0/both/bias": ("layer_0/left/bias", "layer_0/right/bias"),
        "classifier/linear/kernel": ("top/output_weights",),
        "classifier/linear/bias": ("top/output_bias",),
    }
    assert SMALL.names("keras_hub", 9) == {"table": ("words/embeddings",)}


def test_a_bare_encoder_has_no_prefix():
    assert SMALL.names("hugging_face", 0, bare=True)["table"] == ("words.weight",)


def test_a_part_is_a_head_or_the_pooler():
    assert SMALL.part("hugging_face", "pooler") == {"small.pool.weight", "small.pool.bias"}
    assert SMALL.part("hugging_face", "classifier") == {"out.weight", "out.bias"}
    assert SMALL.part("google", "pooler") == set()


def test_a_part_is_there_where_all_of_its_names_are():
    assert SMALL.has("hugging_face", "classifier", ["out.weight", "out.bias", "more"])
    assert not SMALL.has("hugging_face", "classifier", ["out.weight"])
    assert not SMALL.has("google", "pooler", ["anything"])


def test_others_are_the_parts_that_are_not_asked_for():
    others = SMALL.others("hugging_face", ["classifier"])
    assert others == {"small.pool.weight", "small.pool.bias", "norm.weight", "norm.bias"}


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_name_stands_for_two_weights(family, file_format):
    for head in family.heads:
        names = family.names(file_format, 3, [head])
        theirs = list(itertools.chain.from_iterable(names.values()))
        assert len(theirs) == len(set(theirs))


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_name_is_left_with_a_brace(family, file_format):
    for path, names in family.names(file_format, 2, family.heads).items():
        assert not set("{}") & set(path + "".join(names))


@pytest.fixture(scope="module", params=FAMILIES)
def family_and_encoder(request):
    """The family, and its encoder with all that the table has names for."""
    return FAMILIES[request.param], Encoder(**ARGUMENTS | STRUCTURES[request.param])


def test_every_weight_has_a_name_in_transformers(family_and_encoder):
    family, encoder = family_and_encoder
    for head in family.heads:
        model = HEADS[head](encoder)
        names = family.names("hugging_face", 2, [head])
        assert set(names) == {weight.path for weight in model.weights}


def test_names_in_other_formats_are_of_weights_that_we_have(family_and_encoder):
    family, encoder = family_and_encoder
    for head in family.heads:
        paths = {weight.path for weight in HEADS[head](encoder).weights}
        for file_format in ("google", "keras_hub"):
            assert set(family.names(file_format, 2, [head])) <= paths

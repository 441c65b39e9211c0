import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, astuple
from pathlib import Path

import pytest

from keras_bert_kit.config import FAMILIES, SIZES, EncoderConfig, encoder_config, family_of


def test_sizes_are_the_published_ones():
    shapes = {name: astuple(size)[1:5] for name, size in SIZES.items()}
    assert shapes == {
        "tiny": (2, 2, 128, 512),
        "mini": (4, 4, 256, 1024),
        "small": (4, 8, 512, 2048),
        "medium": (8, 8, 512, 2048),
        "base": (12, 12, 768, 3072),
        "large": (24, 16, 1024, 4096),
        "distil": (6, 12, 768, 3072),
    }
    assert {size.vocabulary_size for size in SIZES.values()} == {30_522}


def test_defaults_are_bert_base():
    assert EncoderConfig() == SIZES["base"]


def test_a_size_with_changes():
    config = encoder_config("mini", vocabulary_size=8_000, dropout=0.0)
    assert asdict(config) == asdict(SIZES["mini"]) | {"vocabulary_size": 8_000, "dropout": 0.0}


def test_an_unknown_size_is_an_error():
    with pytest.raises(ValueError, match=r"one of tiny, mini, .*, distil; received 'huge'"):
        encoder_config("huge")


def test_roberta_and_distilbert_are_as_released():
    # config.json of roberta-base (514 rows of positions, the first two unused) and of
    # distilbert-base-uncased
    assert asdict(encoder_config("base", "roberta")) == asdict(SIZES["base"]) | {
        "vocabulary_size": 50_265,
        "num_segments": 0,
        "layer_norm_epsilon": 1e-5,
        "position_offset": 2,
        "pooler": False,
    }
    assert asdict(encoder_config("distil", "distilbert")) == asdict(SIZES["base"]) | {
        "num_layers": 6,
        "num_segments": 0,
        "pooler": False,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_an_encoder_tells_its_family(family):
    assert family_of(encoder_config("base", family)) == family
    assert family_of(encoder_config("tiny", family, vocabulary_size=9)) == family


def test_an_unknown_family_is_an_error():
    with pytest.raises(ValueError, match=r"one of bert, roberta, distilbert; received 'albert'"):
        encoder_config("base", "albert")


def test_a_misspelt_change_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'vocab_size'"):
        encoder_config("tiny", vocab_size=8_000)


def test_a_config_does_not_change():
    with pytest.raises(FrozenInstanceError):
        SIZES["tiny"].dropout = 0.0


def test_imports_neither_keras_nor_tensorflow():
    program = (
        "import sys, keras_bert_kit.config; "
        "assert not {'keras', 'tensorflow'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=True)

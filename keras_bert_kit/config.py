"""The shape of an encoder, and the published sizes by name; needs neither Keras nor TensorFlow."""

import dataclasses
from dataclasses import dataclass

__all__ = ["FAMILIES", "SIZES", "EncoderConfig", "encoder_config", "family_of"]


@dataclass(frozen=True)
class EncoderConfig:
    """The arguments of `keras_bert_kit.encoder.Encoder`; its defaults are BERT-base, uncased.

    Attributes:
        vocabulary_size: number of token ids, V.
        num_layers: number of transformer blocks.
        num_heads: attention heads a block, N; divides `hidden_dim`.
        hidden_dim: width of the token vectors, D.
        intermediate_dim: width inside the feed-forward part, F.
        dropout: rate of all dropouts, those on attention weights too.
        max_sequence_length: number of positions that have an embedding.
        num_segments: number of segment embeddings; 0 for none (RoBERTa, DistilBERT). 1 is a vector
            added to every token, as Transformers has it in RoBERTa; there are no segment ids then.
        layer_norm_epsilon: 1e-12 for BERT and DistilBERT, 1e-5 for RoBERTa.
        position_offset: the position of the first token; 2 for RoBERTa, whose table starts with
            two rows that no token uses.
        pooler: whether there is a dense tanh layer over the first token.
        activation: `"gelu"`, the exact one, or `"gelu_approximate"`, which KerasHub's BERT and
            Google's later code have.
    """

    vocabulary_size: int = 30_522
    num_layers: int = 12
    num_heads: int = 12
    hidden_dim: int = 768
    intermediate_dim: int = 3072
    dropout: float = 0.1
    max_sequence_length: int = 512
    num_segments: int = 2
    layer_norm_epsilon: float = 1e-12
    position_offset: int = 0
    pooler: bool = True
    activation: str = "gelu"


def _bert(num_layers: int, num_heads: int, hidden_dim: int) -> EncoderConfig:
    return EncoderConfig(
        num_layers=num_layers,
        num_heads=num_heads,
        hidden_dim=hidden_dim,
        intermediate_dim=4 * hidden_dim,
    )


SIZES = {
    # "Well-Read Students Learn Better", https://arxiv.org/abs/1908.08962, section 4
    "tiny": _bert(2, 2, 128),
    "mini": _bert(4, 4, 256),
    "small": _bert(4, 8, 512),
    "medium": _bert(8, 8, 512),
    # BERT, https://arxiv.org/abs/1810.04805, section 3
    "base": _bert(12, 12, 768),
    "large": _bert(24, 16, 1024),
    # DistilBERT, https://arxiv.org/abs/1910.01108, section 3: every second layer of BERT-base
    "distil": _bert(6, 12, 768),
}

# What each family changes in a size of BERT.
FAMILIES = {
    "bert": {},
    # https://arxiv.org/abs/1907.11692, and the epsilon and positions of the released models
    "roberta": {
        "vocabulary_size": 50_265,
        "num_segments": 0,
        "layer_norm_epsilon": 1e-5,
        "position_offset": 2,
        "pooler": False,
    },
    "distilbert": {"num_segments": 0, "pooler": False},
}


def encoder_config(size: str, family: str = "bert", **changes) -> EncoderConfig:
    """The published size `size` of a family, with some of its values changed.

    Args:
        size: a key of `SIZES`; the released DistilBERT is of the size `"distil"`.
        family: a key of `FAMILIES`.
        **changes: fields of `EncoderConfig`.

    Raises:
        ValueError: if there is no such size or family.
        TypeError: if `changes` names no field.

    Example:
        >>> encoder_config("tiny", vocabulary_size=8_000).hidden_dim
        128
        >>> encoder_config("base", "roberta").position_offset
        2
    """
    if size not in SIZES:
        raise ValueError(f"`size` must be one of {', '.join(SIZES)}; received {size!r}.")
    if family not in FAMILIES:
        raise ValueError(f"`family` must be one of {', '.join(FAMILIES)}; received {family!r}.")
    return dataclasses.replace(SIZES[size], **(FAMILIES[family] | changes))


def family_of(config: EncoderConfig) -> str:
    """The family that an encoder belongs to by its structure.

    RoBERTa counts positions from 2, DistilBERT has neither segments nor pooler; all else is BERT.

    Returns:
        A key of `FAMILIES`.

    Example:
        >>> family_of(encoder_config("distil", "distilbert"))
        'distilbert'
    """
    if config.position_offset:
        return "roberta"
    return "bert" if config.num_segments or config.pooler else "distilbert"

"""The shape of an encoder, and the published sizes by name; needs neither Keras nor TensorFlow."""

import dataclasses
from dataclasses import dataclass

__all__ = ["SIZES", "EncoderConfig", "encoder_config"]


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
        num_segments: number of segment embeddings; 0 for none (DistilBERT).
        layer_norm_epsilon: 1e-12 for BERT and DistilBERT, 1e-5 for RoBERTa.
        position_offset: the position of the first token; 2 for RoBERTa, whose table starts with
            two rows that no token uses.
        pooler: whether there is a dense tanh layer over the first token.
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
}


def encoder_config(size: str, **changes) -> EncoderConfig:
    """The published size `size` with some of its values changed.

    Args:
        size: a key of `SIZES`.
        **changes: fields of `EncoderConfig`.

    Raises:
        ValueError: if there is no such size.
        TypeError: if `changes` names no field.

    Example:
        >>> encoder_config("tiny", vocabulary_size=8_000).hidden_dim
        128
    """
    if size not in SIZES:
        raise ValueError(f"`size` must be one of {', '.join(SIZES)}; received {size!r}.")
    return dataclasses.replace(SIZES[size], **changes)

"""What enters the first block: token, position and segment embeddings, summed and normalised."""

import keras
from keras import ops

from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.initializers import truncated_normal
from keras_bert_kit.layers.layer_norm import LayerNormalization
from keras_bert_kit.layers.product import times_transposed


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class TokenEmbedding(keras.layers.Layer):
    """A table of token vectors that can also be read backwards, from vectors to token scores.

    Args:
        vocabulary_size: number of rows, V.
        hidden_dim: width of a row, D.

    Reference:
        Tied output weights: https://arxiv.org/abs/1608.05859
    """

    def __init__(self, vocabulary_size: int, hidden_dim: int, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim

    def build(self, input_shape=None):
        """Makes the table."""
        self.table = self.add_weight(
            name="table",
            shape=(self.vocabulary_size, self.hidden_dim),
            initializer=truncated_normal(),
            autocast=False,  # so that `call` casts the rows it takes and not the whole table
        )
        self.built = True

    def call(self, token_ids):
        """Looks up `token_ids (B, T)`; returns `(B, T, D)`."""
        return ops.cast(ops.take(self.table, token_ids, axis=0), self.compute_dtype)

    def scores(self, hidden):
        """Scores every token against `hidden (..., D)`; returns `(..., V)`."""
        return times_transposed(hidden, ops.cast(self.table, self.compute_dtype))

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
        }


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class Embeddings(keras.layers.Layer):
    """`LayerNorm(token[ids] + position[offset + t] + segment[s])`, then dropout.

    Args:
        vocabulary_size: number of tokens, V.
        hidden_dim: width, D.
        max_sequence_length: number of positions.
        num_segments: number of segments; 0 leaves the segment embedding out, 1 adds the same vector
            to every token and takes no `segment_ids`.
        position_offset: row of the position table that the first token gets.
        dropout: dropout rate.
        layer_norm_epsilon: epsilon of the layer norm.

    Raises:
        ValueError: if a sequence is longer than `max_sequence_length`, or if there are segments
            and no `segment_ids`.

    Reference:
        BERT, section 3, "Input/Output Representations", https://arxiv.org/abs/1810.04805
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        position_offset: int = 0,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-12,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.position_offset = position_offset
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.token = TokenEmbedding(
            vocabulary_size, hidden_dim, dtype=self.dtype_policy, name="token"
        )
        self.layer_norm = LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
        )
        self.output_dropout = Dropout(dropout, dtype=self.dtype_policy, name="output_dropout")

    def build(self, token_ids_shape, segment_ids_shape=None):
        """Makes the tables."""
        self.token.build()
        self.position_table = self.add_weight(
            name="position_table",
            shape=(self.position_offset + self.max_sequence_length, self.hidden_dim),
            initializer=truncated_normal(),
        )
        if self.num_segments:
            self.segment_table = self.add_weight(
                name="segment_table",
                shape=(self.num_segments, self.hidden_dim),
                initializer=truncated_normal(),
            )
        self.layer_norm.build((*token_ids_shape, self.hidden_dim))
        self.built = True

    def call(self, token_ids, segment_ids=None, training=None):
        """Embeds `token_ids (B, T)` with `segment_ids (B, T)`; returns `(B, T, D)`."""
        length = ops.shape(token_ids)[1]
        if isinstance(length, int) and length > self.max_sequence_length:
            raise ValueError(
                f"Sequences of {length} tokens were given, but this encoder has only "
                f"`max_sequence_length={self.max_sequence_length}` positions. Cut the sequences, "
                "or build the encoder with more positions."
            )
        if self.num_segments > 1 and segment_ids is None:
            raise ValueError(
                f"`segment_ids` is missing, but there are `num_segments={self.num_segments}` "
                "segments to embed. Give zeros where the text has one segment only, or build the "
                "encoder with `num_segments=0`."
            )
        positions = self.position_table[self.position_offset : self.position_offset + length]
        x = self.token(token_ids) + positions
        if self.num_segments == 1:
            x = x + self.segment_table
        elif self.num_segments:
            # A product with one-hot rows, as in the original code: the gradient of a look-up in so
            # small a table would add all tokens into two rows, one after the other.
            one_hot = ops.one_hot(segment_ids, self.num_segments, dtype=self.compute_dtype)
            x = x + ops.matmul(one_hot, self.segment_table)
        x = self.layer_norm(x, training=training)
        return self.output_dropout(x, training=training)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        """`(B, T, D)`; told here, as JAX cannot infer it from a slice of unknown length."""
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "max_sequence_length": self.max_sequence_length,
            "num_segments": self.num_segments,
            "position_offset": self.position_offset,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }

"""The masked-token head: which token stood at each masked position?"""

import keras
from keras import ops

from keras_bert_kit.layers.activations import activation as activation_of
from keras_bert_kit.layers.embeddings import TokenEmbedding
from keras_bert_kit.layers.initializers import truncated_normal
from keras_bert_kit.layers.layer_norm import LayerNormalization


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class MaskedLMHead(keras.layers.Layer):
    """`LayerNorm(gelu(h W + b)) E^T + c` at the masked positions only, E the token embeddings.

    Only about one token in seven is masked: scoring the others too would make the largest product
    of a small model seven times larger, for nothing.

    Args:
        token_embedding: the encoder's `TokenEmbedding`, whose table is used again.
        layer_norm_epsilon: epsilon of the layer norm.
        activation: `"gelu"` or `"gelu_approximate"`, see `FeedForward`.

    Reference:
        BERT, section 3.1, task 1, https://arxiv.org/abs/1810.04805; `get_masked_lm_output` in
        https://github.com/google-research/bert/blob/master/run_pretraining.py
    """

    def __init__(
        self,
        token_embedding: TokenEmbedding,
        layer_norm_epsilon: float = 1e-12,
        activation: str = "gelu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.token_embedding = token_embedding
        self.layer_norm_epsilon = layer_norm_epsilon
        self.activation = activation
        self._activate = activation_of(activation)

    def build(self, sequence_output_shape, mask_positions_shape=None):
        """Makes the transform and the output bias."""
        if not self.token_embedding.built:  # a head from a config, without an encoder
            self.token_embedding.build()
        hidden_dim = sequence_output_shape[-1]
        self.transform = keras.layers.Dense(
            hidden_dim,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="transform",
        )
        self.transform.build(sequence_output_shape)
        self.layer_norm = LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
        )
        self.layer_norm.build(sequence_output_shape)
        self.output_bias = self.add_weight(
            name="output_bias",
            shape=(self.token_embedding.vocabulary_size,),
            initializer="zeros",
        )
        self.built = True

    def call(self, sequence_output, mask_positions):
        """Scores the vocabulary at the masked positions.

        Args:
            sequence_output: `(B, T, D)`.
            mask_positions: `(B, M)` int32, positions in `[0, T)`.

        Returns:
            Logits `(B, M, V)`, float32.
        """
        batch, length, hidden_dim = ops.shape(sequence_output)
        first_of_row = ops.expand_dims(ops.arange(batch, dtype="int32") * length, 1)
        rows = ops.reshape(sequence_output, (batch * length, hidden_dim))
        positions = ops.cast(mask_positions, "int32") + first_of_row
        # As a matrix, to which TensorFlow adds the bias within the product
        masked = ops.take(rows, ops.reshape(positions, (-1,)), axis=0)
        hidden = self.layer_norm(self._activate(self.transform(masked)))
        logits = self.token_embedding.scores(hidden)
        # Not `+`: of `ops.add` TensorFlow takes the gradient of a bias, at half the time
        logits = ops.add(ops.cast(logits, "float32"), ops.cast(self.output_bias, "float32"))
        shape = (*ops.shape(mask_positions), self.token_embedding.vocabulary_size)
        return ops.reshape(logits, shape)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "token_embedding": keras.saving.serialize_keras_object(self.token_embedding),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "activation": self.activation,
        }

    @classmethod
    def from_config(cls, config):
        """A head from what `get_config` returned."""
        config = dict(config)
        config["token_embedding"] = keras.saving.deserialize_keras_object(config["token_embedding"])
        return cls(**config)

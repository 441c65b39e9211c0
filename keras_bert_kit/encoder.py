"""The encoder: embeddings, then blocks; BERT, RoBERTa and DistilBERT are settings of this one."""

import keras

from keras_bert_kit.layers.block import Block
from keras_bert_kit.layers.embeddings import Embeddings
from keras_bert_kit.layers.initializers import truncated_normal
from keras_bert_kit.named_inputs import NamedInputs


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class Encoder(NamedInputs, keras.Model):
    """BERT's bidirectional transformer encoder, without any head.

    Takes a dict of `token_ids (B, T)` int32, `padding_mask (B, T)` int32 (1 = token, 0 = padding)
    and, with two segments or more, `segment_ids (B, T)` int32; other entries are left alone.
    Returns a dict of `sequence_output (B, T, D)` and, with the pooler, `pooled_output (B, D)`.

    Args:
        vocabulary_size: number of token ids, V.
        num_layers: number of blocks.
        num_heads: attention heads a block, N.
        hidden_dim: width of the token vectors, D.
        intermediate_dim: width inside the feed-forward parts, F.
        dropout: rate of all dropouts.
        max_sequence_length: longest sequence.
        num_segments: number of segment embeddings; 0 for none (RoBERTa, DistilBERT).
        layer_norm_epsilon: 1e-12 for BERT and DistilBERT, 1e-5 for RoBERTa.
        position_offset: position of the first token; 2 for RoBERTa.
        pooler: whether there is a dense tanh layer over the first token.
        activation: of the feed-forward parts, `"gelu"` or `"gelu_approximate"`.
        dtype: dtype policy of all layers, for instance `"mixed_bfloat16"`.
        name: name of the model.

    Example:
        >>> import numpy as np
        >>> from dataclasses import asdict
        >>> from keras_bert_kit.config import encoder_config
        >>> encoder = Encoder(**asdict(encoder_config("tiny", vocabulary_size=100)))
        >>> ids = np.array([[2, 17, 33, 3]], "int32")
        >>> inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
        >>> encoder(inputs)["sequence_output"].shape
        TensorShape([1, 4, 128])

    Reference:
        https://arxiv.org/abs/1810.04805, section 3
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        layer_norm_epsilon: float = 1e-12,
        position_offset: int = 0,
        pooler: bool = True,
        activation: str = "gelu",
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "encoder",
    ):
        embeddings = Embeddings(
            vocabulary_size,
            hidden_dim,
            max_sequence_length,
            num_segments,
            position_offset,
            dropout,
            layer_norm_epsilon,
            dtype=dtype,
            name="embeddings",
        )
        blocks = [
            Block(
                num_heads,
                intermediate_dim,
                dropout,
                layer_norm_epsilon,
                activation,
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]

        inputs = {
            key: keras.Input((None,), dtype="int32", name=key)
            for key in ("token_ids", "segment_ids", "padding_mask")
            if key != "segment_ids" or num_segments > 1
        }
        x = embeddings(inputs["token_ids"], inputs.get("segment_ids"))
        for block in blocks:
            x, _ = block(x, inputs["padding_mask"], return_weights=True)  # see `with_internals`
        outputs = {"sequence_output": x}
        if pooler:
            outputs["pooled_output"] = keras.layers.Dense(
                hidden_dim,
                activation="tanh",
                kernel_initializer=truncated_normal(),
                dtype=dtype,
                name="pooler",
            )(x[:, 0])
        super().__init__(inputs=inputs, outputs=outputs, name=name)

        self.config = {
            "vocabulary_size": vocabulary_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "intermediate_dim": intermediate_dim,
            "dropout": dropout,
            "max_sequence_length": max_sequence_length,
            "num_segments": num_segments,
            "layer_norm_epsilon": layer_norm_epsilon,
            "position_offset": position_offset,
            "pooler": pooler,
            "activation": activation,
        }
        self._policy = embeddings.dtype_policy

    @property
    def token_embedding(self):
        """The table of token vectors, a `TokenEmbedding`; the masked-token head is tied to it."""
        return self.get_layer("embeddings").token

    def with_internals(self) -> keras.Model:
        """This encoder, on the same weights, with its insides among the outputs.

        Returns:
            A model on the same inputs that returns, besides the encoder's outputs,
            `hidden_states`, a list of `num_layers + 1` tensors `(B, T, D)` from the embeddings
            to the last block, and `attention`, a list of `num_layers` tensors `(B, N, T, T)`:
            axis 2 is the token that looks, axis 3 the token looked at.
        """
        states = [self.get_layer("embeddings").output]
        attention = []
        for index in range(self.config["num_layers"]):
            state, weights = self.get_layer(f"block_{index}").output
            states.append(state)
            attention.append(weights)
        outputs = {**self.output, "hidden_states": states, "attention": attention}
        return _WithInternals(self.input, outputs, name=f"{self.name}_with_internals")

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **self.config,
            "dtype": keras.dtype_policies.serialize(self._policy),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An encoder, newly initialised, from what `get_config` returned."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**config)


class _WithInternals(NamedInputs, keras.Model):
    """What `Encoder.with_internals` returns."""

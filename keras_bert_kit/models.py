"""Encoder and heads as models for `compile`, `fit`, `evaluate` and `predict`, one per task."""

import keras

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.heads.masked_lm import MaskedLMHead
from keras_bert_kit.heads.next_sentence import NextSentenceHead
from keras_bert_kit.named_inputs import NamedInputs
from keras_bert_kit.training.losses import pretraining_losses

if keras.config.backend() == "tensorflow":
    from keras_bert_kit.step import TrainingStep
else:

    class TrainingStep:
        """Elsewhere than on TensorFlow, Keras's own step trains."""


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class PretrainingModel(NamedInputs, TrainingStep, keras.Model):
    """An encoder with the two heads of BERT's pre-training.

    Takes the encoder's inputs and `mask_positions (B, M)` int32. Returns a dict of logits,
    `masked_lm (B, M, V)` and, with next-sentence prediction, `next_sentence (B, 2)`, float32.

    Args:
        encoder: an `Encoder`; it needs a pooler for next-sentence prediction.
        next_sentence: whether there is a next-sentence head.
        name: name of the model.

    Raises:
        ValueError: if there is to be a next-sentence head on an encoder without pooler.

    Example:
        >>> from dataclasses import asdict
        >>> from keras_bert_kit.config import encoder_config
        >>> encoder = Encoder(**asdict(encoder_config("tiny", vocabulary_size=100)))
        >>> model = PretrainingModel(encoder)
        >>> model.compile("adam", loss=model.losses_by_output())

    Reference:
        https://arxiv.org/abs/1810.04805, section 3.1
    """

    def __init__(self, encoder: Encoder, next_sentence: bool = True, name: str = "pretraining"):
        if next_sentence and not encoder.config["pooler"]:
            raise ValueError(
                "Next-sentence prediction reads the pooled output, but the encoder was built with "
                "`pooler=False`. Build it with a pooler, or set `next_sentence=False`."
            )
        policy = encoder.get_layer("embeddings").dtype_policy
        inputs = {
            **{key: keras.Input((None,), dtype="int32", name=key) for key in encoder.input},
            "mask_positions": keras.Input((None,), dtype="int32", name="mask_positions"),
        }
        encoded = encoder({key: inputs[key] for key in encoder.input})
        head = MaskedLMHead(
            encoder.token_embedding,
            encoder.config["layer_norm_epsilon"],
            dtype=policy,
            name="masked_lm",
        )
        outputs = {"masked_lm": head(encoded["sequence_output"], inputs["mask_positions"])}
        if next_sentence:
            head = NextSentenceHead(dtype=policy, name="next_sentence")
            outputs["next_sentence"] = head(encoded["pooled_output"])
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.next_sentence = next_sentence
        self._encoder_name = encoder.name

    @property
    def encoder(self) -> Encoder:
        """The encoder, to be put under another head."""
        return self.get_layer(self._encoder_name)

    def losses_by_output(self) -> dict[str, keras.losses.Loss]:
        """A cross-entropy for each output of this model, for `compile(loss=...)`."""
        return {name: pretraining_losses()[name] for name in self.output}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """An accuracy for each output of this model, for `compile(weighted_metrics=...)`.

        In the logs they are called `<output>_accuracy`.
        """
        # Keras puts the output's name before the metric's only where there are several outputs.
        names = {
            output: "accuracy" if len(self.output) > 1 else f"{output}_accuracy"
            for output in self.output
        }
        return {
            output: [keras.metrics.SparseCategoricalAccuracy(name=name)]
            for output, name in names.items()
        }

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "next_sentence": self.next_sentence,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model, newly initialised, from what `get_config` returned."""
        config = dict(config)
        config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config)

"""Encoder and heads as models for `compile`, `fit`, `evaluate` and `predict`, one per task."""

import keras

from keras_bert_kit.config import EncoderConfig, family_of
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.heads.classifier import ClassifierHead
from keras_bert_kit.heads.masked_lm import MaskedLMHead
from keras_bert_kit.heads.next_sentence import NextSentenceHead
from keras_bert_kit.heads.span import SpanHead
from keras_bert_kit.heads.tagger import TaggerHead
from keras_bert_kit.layers.pooling import MeanPooling
from keras_bert_kit.task_model import (
    TaskModel,
    encoder_inputs,
    errors_of_values,
    head_options,
    loss_of,
)

# Of the dense layer that a classifier has of its own, by the encoder's family; BERT has none.
HIDDEN_ACTIVATIONS = {"roberta": "tanh", "distilbert": "relu"}
PROBLEMS = ("single_label", "multi_label", "regression")  # what a classifier's output may mean


def encoder_of(model: Encoder | TaskModel) -> Encoder:
    """The encoder of a model, which is the model itself where there is no head."""
    return model if isinstance(model, Encoder) else model.encoder


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class PretrainingModel(TaskModel):
    """An encoder with the heads of BERT's pre-training, both or one of them.

    Takes the encoder's inputs and, for masked tokens, `mask_positions (B, M)` int32. Returns a dict
    of logits, `masked_lm (B, M, V)` and `next_sentence (B, 2)`, float32.

    Args:
        encoder: an `Encoder`; it needs a pooler for next-sentence prediction.
        next_sentence: whether there is a next-sentence head.
        masked_lm: whether there is a masked-token head.
        head_activation: activation in the masked-token head; by default the encoder's.
        head_layer_norm_epsilon: epsilon in the masked-token head; by default the encoder's.
        name: name of the model.

    Raises:
        ValueError: if there is to be a next-sentence head on an encoder without pooler, or no head.

    Example:
        >>> from dataclasses import asdict
        >>> from keras_bert_kit.config import encoder_config
        >>> encoder = Encoder(**asdict(encoder_config("tiny", vocabulary_size=100)))
        >>> model = PretrainingModel(encoder)
        >>> model.compile("adam", loss=model.losses_by_output())

    Reference:
        https://arxiv.org/abs/1810.04805, section 3.1
    """

    def __init__(
        self,
        encoder: Encoder,
        next_sentence: bool = True,
        masked_lm: bool = True,
        head_activation: str | None = None,
        head_layer_norm_epsilon: float | None = None,
        name: str = "pretraining",
    ):
        if not next_sentence and not masked_lm:
            raise ValueError(
                "A pre-training model has one head or both, but `next_sentence` and `masked_lm` "
                "are both false. Use the `Encoder` itself where no head is wanted."
            )
        if next_sentence and not encoder.config["pooler"]:
            raise ValueError(
                "Next-sentence prediction reads the pooled output, but the encoder was built with "
                "`pooler=False`. Build it with a pooler, or set `next_sentence=False`."
            )
        if head_activation is None:
            head_activation = encoder.config["activation"]
        if head_layer_norm_epsilon is None:
            head_layer_norm_epsilon = encoder.config["layer_norm_epsilon"]
        inputs = encoder_inputs(encoder)
        if masked_lm:
            inputs["mask_positions"] = keras.Input((None,), dtype="int32", name="mask_positions")
            masked_lm_head = MaskedLMHead(
                encoder.token_embedding,
                head_layer_norm_epsilon,
                head_activation,
                **head_options(encoder, "masked_lm"),
            )
        if next_sentence:
            next_sentence_head = NextSentenceHead(**head_options(encoder, "next_sentence"))

        def heads(encoded, inputs):
            outputs = {}
            if masked_lm:
                outputs["masked_lm"] = masked_lm_head(
                    encoded["sequence_output"], inputs["mask_positions"]
                )
            if next_sentence:
                outputs["next_sentence"] = next_sentence_head(encoded["pooled_output"])
            return outputs

        super().__init__(
            encoder,
            inputs,
            heads,
            name,
            next_sentence=next_sentence,
            masked_lm=masked_lm,
            head_activation=head_activation,
            head_layer_norm_epsilon=head_layer_norm_epsilon,
        )


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class ClassificationModel(TaskModel):
    """An encoder and a classifier of whole texts or pairs of texts.

    Takes the encoder's inputs. Returns a dict of `label (B, C)` float32: logits of classes of which
    one is right, logits of classes of which any number may be right, or with `C = 1` a value.

    Args:
        encoder: an `Encoder`.
        num_classes: number of classes, C.
        dropout: dropout rate in the head; by default the encoder's.
        hidden_activation: activation of a dense layer of the head's own, over the first token. By
            default as the encoder's family has it: BERT has none and classifies the pooled output,
            RoBERTa has `"tanh"`, DistilBERT `"relu"`.
        problem: `"single_label"`, labels `(B,)`; `"multi_label"`, labels `(B, C)` of 0 and 1; or
            `"regression"`, labels `(B,)` of numbers. Losses and metrics go by it.
        pooling: `"first"` to classify the first token's vector, as above; `"mean"` to classify the
            mean of all tokens' vectors, for encoders whose first token has learned little. There is
            no dense layer then, unless `hidden_activation` asks for one.
        name: name of the model.

    Raises:
        ValueError: if the pooled output is to be classified and there is none, if there is no such
            problem or pooling, or more than one output for a regression.

    Reference:
        https://arxiv.org/abs/1810.04805, section 4.1
    """

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        dropout: float | None = None,
        hidden_activation: str | None = None,
        problem: str = "single_label",
        pooling: str = "first",
        name: str = "classification",
    ):
        if problem not in PROBLEMS:
            raise ValueError(
                f"`problem` must be one of {', '.join(PROBLEMS)}; received {problem!r}."
            )
        if problem == "regression" and num_classes != 1:
            raise ValueError(
                "A regression has one output, the value; received `problem='regression'` with "
                f"`num_classes={num_classes}`. Give `num_classes=1`, or another problem."
            )
        if pooling not in ("first", "mean"):
            raise ValueError(f'`pooling` must be "first" or "mean"; received {pooling!r}.')
        if dropout is None:
            dropout = encoder.config["dropout"]
        if hidden_activation is None and pooling == "first":
            hidden_activation = HIDDEN_ACTIVATIONS.get(family_of(EncoderConfig(**encoder.config)))
        if hidden_activation is None and pooling == "first" and not encoder.config["pooler"]:
            raise ValueError(
                "A BERT classifier reads the pooled output, but the encoder was built with "
                "`pooler=False`. Build it with a pooler, or give the head a dense layer of its own "
                "with `hidden_activation='tanh'`, or classify the mean with `pooling='mean'`."
            )
        head = ClassifierHead(
            num_classes, dropout, hidden_activation, **head_options(encoder, "classifier")
        )
        if pooling == "mean":
            pool = MeanPooling(**head_options(encoder, "mean_pooling"))

        def heads(encoded, inputs):
            if pooling == "mean":
                features = pool(encoded["sequence_output"], inputs["padding_mask"])
            elif hidden_activation is None:
                features = encoded["pooled_output"]
            else:
                features = encoded["sequence_output"][:, 0]
            return {"label": head(features)}

        super().__init__(
            encoder,
            encoder_inputs(encoder),
            heads,
            name,
            num_classes=num_classes,
            dropout=dropout,
            hidden_activation=hidden_activation,
            problem=problem,
            pooling=pooling,
        )

    def losses_by_output(
        self, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> dict[str, keras.losses.Loss]:
        """The loss of the problem: cross-entropy, binary cross-entropy or squared error.

        Args:
            label_smoothing: see `cross_entropy` and `binary_cross_entropy`.
            focal_gamma: if not 0, the gamma of the focal form of the loss.

        Raises:
            ValueError: if both are asked for, or one of them for a regression.
        """
        return {"label": loss_of(self.arguments["problem"], label_smoothing, focal_gamma)}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """The metrics of the problem, for `compile(weighted_metrics=...)`.

        In the logs: `label_accuracy`; for several labels `label_accuracy`, of single answers, and
        `label_roc_auc`, the mean over classes (from 200 thresholds, so for watching only); for a
        regression `label_mean_squared_error` and `label_mean_absolute_error`.
        """
        if self.arguments["problem"] == "single_label":
            return super().metrics_by_output()
        if self.arguments["problem"] == "multi_label":
            area = keras.metrics.AUC(
                multi_label=True,
                num_labels=self.arguments["num_classes"],
                from_logits=True,
                name="label_roc_auc",
            )
            accuracy = keras.metrics.BinaryAccuracy(name="label_accuracy", threshold=0.0)
            return {"label": [accuracy, area]}
        return {"label": errors_of_values("label")}


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class TaggingModel(TaskModel):
    """An encoder and a classifier of every token, for named entities and their like.

    Takes the encoder's inputs. Returns a dict of logits, `tags (B, T, C)` float32.

    Args:
        encoder: an `Encoder`.
        num_classes: number of tags, C.
        dropout: dropout rate in the head; by default the encoder's.
        name: name of the model.

    Reference:
        https://arxiv.org/abs/1810.04805, section 5.3
    """

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        dropout: float | None = None,
        name: str = "tagging",
    ):
        if dropout is None:
            dropout = encoder.config["dropout"]
        head = TaggerHead(num_classes, dropout, **head_options(encoder, "tagger"))
        super().__init__(
            encoder,
            encoder_inputs(encoder),
            lambda encoded, inputs: {"tags": head(encoded["sequence_output"])},
            name,
            num_classes=num_classes,
            dropout=dropout,
        )


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SpanModel(TaskModel):
    """An encoder and a pointer to the first and the last token of an answer in the text.

    Takes the encoder's inputs. Returns a dict of logits over the tokens, `start (B, T)` and
    `end (B, T)` float32, those of padding and of the question not left out.

    Args:
        encoder: an `Encoder`.
        dropout: dropout rate in the head; 0 in BERT and RoBERTa, 0.1 in DistilBERT.
        name: name of the model.

    Reference:
        https://arxiv.org/abs/1810.04805, section 4.2
    """

    def __init__(self, encoder: Encoder, dropout: float = 0.0, name: str = "span"):
        head = SpanHead(dropout, **head_options(encoder, "span"))

        def heads(encoded, inputs):
            start, end = head(encoded["sequence_output"])
            return {"start": start, "end": end}

        super().__init__(encoder, encoder_inputs(encoder), heads, name, dropout=dropout)

    def losses_by_output(
        self, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> dict[str, keras.losses.Loss]:
        """As `TaskModel.losses_by_output`, without label smoothing.

        Raises:
            ValueError: if there is to be label smoothing: the classes are tokens, padding among
                them, which would be taught to be answers.
        """
        if label_smoothing:
            raise ValueError(
                "`label_smoothing` is not for questions: it would be spread over padding too. "
                "Leave it at 0."
            )
        return super().losses_by_output(0.0, focal_gamma)

"""Questions to their answers, as parts of a text: SQuAD 1.1, and 2.0 with questions without one."""

import math
from dataclasses import dataclass, replace

from keras_bert_kit.data.answers import Answer
from keras_bert_kit.data.batching import Batches
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.questions import Questions, questions
from keras_bert_kit.data.rows import Rows
from keras_bert_kit.data.spans import QuestionFeatures, encode_questions, span_targets
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.evaluation.question_baselines import question_baselines
from keras_bert_kit.evaluation.row_scores import mean_score
from keras_bert_kit.evaluation.squad_metrics import question_scores, squad_metrics
from keras_bert_kit.models import SpanModel
from keras_bert_kit.prediction import answer, num_segments_of


@dataclass(frozen=True)
class QuestionTask:
    """Answers to questions about texts.

    Attributes:
        inputs: how long inputs may be; the paper's are 384 tokens and a stride of 128.
        on_bad: `"error"`, or `"skip"` to leave bad questions out and count them.
        no_answer_threshold: how much higher no answer must score than the best answer to be given;
            None where every question has an answer. `with_labels_of` says whether there are
            questions without, `tuned` finds the best threshold.
    """

    inputs: InputOptions = InputOptions(384, "windows", 128)  # noqa: RUF009 (frozen)
    on_bad: str = "error"
    no_answer_threshold: float | None = None

    name = "span"
    mean_over_weights = True  # every prediction counts the same
    metric = "f1"
    labels = None

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What the best weights may be chosen by; `best_` is with the best threshold."""
        names = ("f1", "exact_match")
        return (
            names if self.no_answer_threshold is None else (*names, "best_f1", "best_exact_match")
        )

    def examples(self, rows: Rows) -> Questions:
        """Questions, contexts and answers of some rows, each of them checked."""
        return questions(rows, on_bad=self.on_bad)

    def with_labels_of(self, train: Questions) -> "QuestionTask":
        """The task, with "no answer" as a possibility if training has such questions."""
        has_answerless = any(not some for some in train.answers)
        return replace(self, no_answer_threshold=0.0 if has_answerless else None)

    def known(self, examples: Questions) -> Questions:
        """All examples: there are no labels to know."""
        return examples

    def strata(self, examples: Questions) -> None:
        """None: questions have no classes."""
        return None

    def groups(self, examples: Questions) -> list[str]:
        """What must not be split: questions about the same text."""
        return examples.contexts

    def model(self, encoder: Encoder, train: Questions) -> SpanModel:
        """A new model on an encoder."""
        return SpanModel(encoder)

    def encode(self, examples: Questions, model, tokenizer) -> QuestionFeatures:
        """The inputs of the model."""
        return encode_questions(
            examples.questions,
            examples.contexts,
            tokenizer,
            self.inputs,
            num_segments=num_segments_of(model),
        )

    def batches(self, examples: Questions, model, tokenizer, **options) -> Batches:
        """Training batches; `options` are those of `Batches`."""
        encoded = self.encode(examples, model, tokenizer)
        no_answers = "skip" if self.no_answer_threshold is None else "cls"
        targets, weights = span_targets(encoded, examples.answers, no_answer_windows=no_answers)
        return Batches(encoded.features, tokenizer.vocabulary.pad_id, targets, weights, **options)

    def predict(
        self, model, tokenizer, examples: Questions, batch_size=64, encoded=None
    ) -> list[Answer]:
        """The best answer to every question, and how much rather it has none.

        `encoded` is what `encode` made, if it was called.
        """
        if encoded is None:
            encoded = self.encode(examples, model, tokenizer)
        may_have_none = self.no_answer_threshold is not None
        return answer(
            model,
            tokenizer,
            encoded,
            examples.contexts,
            math.inf if may_have_none else None,  # the threshold is for the metrics to apply
            batch_size,
        )

    def tuned(self, examples: Questions, predictions: list[Answer]) -> "QuestionTask":
        """The task with the threshold for no answer that is best for some development rows."""
        if self.no_answer_threshold is None:
            return self
        found = self.metrics(examples, predictions)
        if found["best_f1"] * found["questions"] <= found["no_answer_questions"]:
            # The script's 0 fits probabilities. Here: a score that no question is above of.
            lowest = min(answer.no_answer_score for answer in predictions)
            return replace(self, no_answer_threshold=lowest - 1.0)
        return replace(self, no_answer_threshold=found["best_f1_threshold"])

    def metrics(self, examples: Questions, predictions: list[Answer]) -> dict:
        """Everything that is measured."""
        return squad_metrics(*self._as_official(examples, predictions))

    def score(self, examples: Questions, predictions: list[Answer]):
        """A score of questions, for the bootstrap."""
        return mean_score(question_scores(*self._as_official(examples, predictions)))

    def baselines(self, train: Questions, test: Questions, seed: int) -> dict:
        """Predictions for the test rows by name of a baseline."""
        found = question_baselines(
            test.ids,
            test.questions,
            test.contexts,
            may_be_unanswerable=self.no_answer_threshold is not None,
        )
        return {
            name: [Answer(texts[i], 0, 0, 1.0, -math.inf) for i in test.ids]
            for name, texts in found.items()
        }

    def _as_official(self, examples: Questions, predictions: list[Answer]) -> tuple:
        """What the official script takes: references, texts, scores of no answer, threshold."""
        ids = examples.ids
        references = {
            name: [text for text, _ in some]
            for name, some in zip(ids, examples.answers, strict=True)
        }
        texts = {name: found.text for name, found in zip(ids, predictions, strict=True)}
        if self.no_answer_threshold is None or predictions[0].no_answer_score == -math.inf:
            return references, texts
        scores = {n: found.no_answer_score for n, found in zip(ids, predictions, strict=True)}
        return references, texts, scores, self.no_answer_threshold

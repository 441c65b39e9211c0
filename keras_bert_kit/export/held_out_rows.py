"""Rows that no training has seen, to ask a model and the file made of it the same questions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.entities import split_words
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.questions import Questions
from keras_bert_kit.data.tagged_words import TaggedWords
from keras_bert_kit.export.embedding_task import EmbeddingTask
from keras_bert_kit.models import ClassificationModel, SpanModel, TaggingModel
from keras_bert_kit.tasks.question_task import QuestionTask
from keras_bert_kit.tasks.tagging_task import TaggingTask
from keras_bert_kit.tasks.text_task import TextTask
from keras_bert_kit.text_prediction import default_inputs, names_of_classes


@dataclass(frozen=True)
class HeldOutRows:
    """Rows and what is to be predicted of them.

    Attributes:
        task: a task of `keras_bert_kit.tasks` with its labels, or `EmbeddingTask`.
        examples: its examples.
        is_labelled: whether they say what is right, so that the task's metric can be measured.
    """

    task: TextTask | TaggingTask | QuestionTask | EmbeddingTask
    examples: LabelledTexts | TaggedWords | Questions
    is_labelled: bool = True

    @classmethod
    def of_texts(
        cls, bundle: Bundle, texts: Sequence[str], pairs: Sequence[str] | None = None
    ) -> "HeldOutRows":
        """Rows of which nobody knows what is right.

        Args:
            bundle: the model that they are for.
            texts: R texts; for a model of questions, the questions.
            pairs: for each the second text of its pair; for questions where the answer is.

        Raises:
            ValueError: if there is no text, or for questions no pairs.
        """
        texts, model = list(texts), bundle.model
        if not texts:
            raise ValueError("There are no texts to compare the file and the model on: give some.")
        numbers, source = list(range(1, len(texts) + 1)), "the texts"
        plain = LabelledTexts(texts, pairs and list(pairs), None, numbers, source)
        if not isinstance(model, ClassificationModel | TaggingModel | SpanModel):
            longest = bundle.encoder.config["max_sequence_length"]
            return cls(EmbeddingTask(InputOptions(min(512, longest))), plain, False)
        inputs = bundle.inputs or default_inputs(model)
        if isinstance(model, SpanModel):
            if pairs is None:
                raise ValueError("A model of questions needs the text of each as `pairs`.")
            ids, contexts, titles = list(map(str, numbers)), list(pairs), [""] * len(texts)
            asked = Questions(ids, texts, contexts, None, titles, numbers, source)
            return cls(QuestionTask(inputs, "error", bundle.no_answer_threshold), asked, False)
        labels = tuple(names_of_classes(model, bundle.labels))
        if isinstance(model, TaggingModel):
            words = TaggedWords([split_words(text)[0] for text in texts], None, numbers, source)
            task = TaggingTask(inputs, labels=labels, tag_scheme=bundle.tag_scheme)
            return cls(task, words, False)
        return cls(TextTask(model.arguments["problem"], inputs, labels=labels), plain, False)

    @property
    def texts(self) -> tuple[list[str], list[str] | None]:
        """The rows as texts and, where there are any, the second texts of their pairs.

        Of questions, those and their contexts; sentences in words have a space between words.
        """
        if isinstance(self.examples, TaggedWords):
            return [" ".join(words) for words in self.examples.words], None
        if isinstance(self.examples, Questions):
            return self.examples.questions, self.examples.contexts
        return self.examples.texts, self.examples.pairs

    def within(self, sequence_length: int | None) -> "HeldOutRows":
        """The same rows, in inputs of at most so many tokens."""
        inputs = self.task.inputs
        if sequence_length is None or inputs.sequence_length <= sequence_length:
            return self
        inputs = replace(inputs, sequence_length=sequence_length)
        return replace(self, task=replace(self.task, inputs=inputs))

    def alike(self, ours: object, theirs: object) -> float | None:
        """The share of answers that are the same in two predictions.

        Of classes, sets of classes and answers: of the rows; of tags: of the words. Of embeddings
        the mean cosine instead. None for a regression, whose answers are never quite the same.
        """
        if self.task.name == "embedding":
            lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
            return float(np.mean((ours * theirs).sum(axis=1) / lengths))
        if self.task.name == "classification":
            if self.task.problem == "regression":
                return None
            if self.task.problem == "multi_label":
                return float(np.mean(((ours >= 0.5) == (theirs >= 0.5)).all(axis=1)))
            return float(np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)))
        if self.task.name == "tagging":
            pairs = [
                (a, b)
                for one, other in zip(ours, theirs, strict=True)
                for a, b in zip(one.tags, other.tags, strict=True)
            ]
        else:
            pairs = [(a.text, b.text) for a, b in zip(ours, theirs, strict=True)]
        return sum(a == b for a, b in pairs) / len(pairs)

    def metric(self, predictions: object) -> float | None:
        """The task's metric; None where the rows do not say what is right."""
        if not self.is_labelled:
            return None
        return self.task.metrics(self.examples, predictions)[self.task.metric]

"""A pre-trained student, its teacher, and the student alone, on the same masked tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from keras_bert_kit.evaluation.bootstrap import paired_bootstrap
from keras_bert_kit.evaluation.masked_tokens import MaskedTokenScores, masked_token_scores
from keras_bert_kit.evaluation.scores import Score, format_apart, format_number
from keras_bert_kit.evaluation.verdict import VERBS, beats
from keras_bert_kit.tasks.cost import EXAMPLES, Cost, cost_of_inputs
from keras_bert_kit.tasks.distillation_comparison import (
    ALONE,
    STUDENT,
    distillation_verdict,
)


@dataclass(frozen=True)
class PretrainingComparison:
    """What was measured of `TEACHER`, `STUDENT` and perhaps `ALONE`.

    Attributes:
        scores: how well each fills in the masked tokens, by its name.
        costs: what each costs.
    """

    scores: Mapping[str, MaskedTokenScores]
    costs: Mapping[str, Cost]

    @property
    def table(self) -> str:
        """Quality and cost in Markdown.

        Example:
            >>> import numpy as np
            >>> scores = MaskedTokenScores(*(np.array([x]) for x in (8.0, 1.0, 4.0)))
            >>> cost = Cost(1_000_000, 4.0, 1.5)
            >>> print(PretrainingComparison({"teacher": scores}, {"teacher": cost}).table)
            |  | parameters | MB | ms | masked-token loss | accuracy |
            | --- | ---: | ---: | ---: | ---: | ---: |
            | teacher | 1,000,000 | 4.0 | 1.5 | 2.000 | 0.250 |
        """
        lines = [
            "|  | parameters | MB | ms | masked-token loss | accuracy |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for who, scores in self.scores.items():
            cost = self.costs[who]
            lines.append(
                f"| {who} | {cost.parameters:,} | {cost.megabytes:.1f} | {cost.milliseconds:.1f} | "
                f"{scores.loss:.3f} | {scores.accuracy:.3f} |"
            )
        return "\n".join(lines)

    @property
    def verdict(self) -> str:
        """What the student keeps of its teacher, and whether that was of use, in words."""
        differences = self.differences()
        accuracies = {who: Score(scores.accuracy) for who, scores in self.scores.items()}
        said = distillation_verdict(
            "masked-token accuracy", accuracies, differences.get("accuracy")
        )
        if ALONE not in self.scores:
            return said
        student, alone = (self.scores[who].loss for who in (STUDENT, ALONE))
        verb = VERBS[beats(alone - student, None, differences["loss"])]
        own, other = format_apart(student, alone)
        low, high = map(format_number, differences["loss"])
        return (
            f"{said} By the loss it {verb} it: {own} against {other} nats "
            f"(95 % interval of the difference {low} to {high})."
        )

    def differences(self) -> dict[str, tuple[float, float]]:
        """The 95 % intervals of student minus student alone, of `loss` and of `accuracy`."""
        if ALONE not in self.scores:
            return {}
        student, alone = self.scores[STUDENT], self.scores[ALONE]
        found = paired_bootstrap(student.score, alone.score, len(student.counts))
        return {name: (one["low"], one["high"]) for name, one in found.items()}

    @property
    def card_section(self) -> str:
        """What a model card says of quality and cost."""
        return f"""{self.verdict}

{self.table}

Milliseconds are for one example by itself, in Python on the machine that trained it; loss in nats \
and accuracy are of the {round(self.scores[STUDENT].counts.sum()):,} masked tokens of the held-out \
text."""


def compare_pretrained(models: Mapping[str, keras.Model], heldout) -> PretrainingComparison:
    """Measures pre-trained models on the same masked tokens, and what each costs.

    Args:
        models: by name, `TEACHER`, `STUDENT` and perhaps `ALONE`.
        heldout: batches `(x, y, sample_weight)`, one pass over the held-out examples.
    """
    inputs = [
        {name: values[at : at + 1] for name, values in x.items()}
        for x, _, _ in heldout.take(EXAMPLES).as_numpy_iterator()
        for at in range(len(x["token_ids"]))
    ][:EXAMPLES]
    return PretrainingComparison(
        {who: masked_token_scores(model, heldout) for who, model in models.items()},
        {who: cost_of_inputs(model, inputs) for who, model in models.items()},
    )

"""How good a pre-trained model is on held-out text, beside what needs no model at all."""

import keras
import numpy as np

from keras_bert_kit.evaluation.baselines import (
    commonest_rate,
    majority_rate,
    unigram_entropy,
    unigram_loss,
    wilson_interval,
)


def evaluate_pretraining(
    model: keras.Model, dataset, training_counts: np.ndarray
) -> dict[str, float]:
    """Evaluates masked tokens and next sentences, each against its baselines on the same rows.

    Args:
        model: a `PretrainingModel`; if it is not compiled, it is with its own losses.
        dataset: batches `(x, y, sample_weight)`, one pass over the held-out examples.
        training_counts: how often each token occurs in the text trained on, `(V,)`.

    Returns:
        Losses in nats, rates and counts by name:

        - `masked_lm_loss`, `masked_lm_accuracy`, `masked_lm_count`;
        - `unigram_loss`: the loss of a model that sees no context and knows how frequent each
          token was in training;
        - `unigram_entropy`: the loss of one that is told the frequencies of these very tokens. No
          model can know them; the fewer the tokens, the lower it is;
        - `commonest_rate`: the accuracy of always guessing the commonest of them;
        - and, with next-sentence prediction, `next_sentence_loss`, `next_sentence_accuracy`,
          `next_sentence_count`, `next_sentence_low` and `next_sentence_high`, the 95 % interval of
          the accuracy, and `majority_rate`.
    """
    if not model.compiled:
        model.compile(loss=model.losses_by_output(), weighted_metrics=model.metrics_by_output())
    logs = model.evaluate(dataset, return_dict=True, verbose=0)
    results = {name: float(value) for name, value in logs.items()}
    parts = {name: [] for name in model.output}
    for _, y, weight in dataset.as_numpy_iterator():
        for name, found in parts.items():
            found.append(y[name][weight[name] > 0])
    labels = {name: np.concatenate(found) for name, found in parts.items()}
    tokens = np.bincount(labels["masked_lm"])
    results["masked_lm_count"] = int(tokens.sum())
    results["unigram_loss"] = unigram_loss(tokens, training_counts)
    results["unigram_entropy"] = unigram_entropy(tokens)
    results["commonest_rate"] = commonest_rate(tokens)
    if "next_sentence" in labels:
        count = len(labels["next_sentence"])
        hits = round(results["next_sentence_accuracy"] * count)
        low, high = wilson_interval(hits, count)
        results["next_sentence_count"] = count
        results["next_sentence_low"], results["next_sentence_high"] = low, high
        results["majority_rate"] = majority_rate(labels["next_sentence"])
    return results


def results_table(results: dict[str, float]) -> str:
    """The results of `evaluate_pretraining` as a Markdown table, model beside baseline."""
    rows = [
        ("held-out", "model", "baseline", "the baseline"),
        (
            "masked-token loss (nats)",
            f"{results['masked_lm_loss']:.3f}",
            f"{results['unigram_loss']:.3f}",
            "a unigram model of the training text",
        ),
        (
            "",
            "",
            f"{results['unigram_entropy']:.3f}",
            "unigram entropy of these very tokens",
        ),
        (
            "masked-token accuracy",
            f"{results['masked_lm_accuracy']:.3f}",
            f"{results['commonest_rate']:.3f}",
            "always the commonest token",
        ),
    ]
    if "next_sentence_accuracy" in results:
        rows.append(
            (
                "next-sentence accuracy",
                f"{results['next_sentence_accuracy']:.3f} "
                f"[{results['next_sentence_low']:.3f}, {results['next_sentence_high']:.3f}]",
                f"{results['majority_rate']:.3f}",
                "always the majority",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    right = (1, 2)

    def line(row):
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = [
        "-" * (width - 1) + ":" if i in right else "-" * width for i, width in enumerate(widths)
    ]
    table = "\n".join(line(row) for row in (rows[0], rule, *rows[1:]))
    counts = f"{results['masked_lm_count']:,} masked tokens"
    if "next_sentence_count" in results:
        counts += f", {results['next_sentence_count']:,} sentence pairs; 95 % interval in brackets"
    return f"{table}\n\nMeasured on {counts}."

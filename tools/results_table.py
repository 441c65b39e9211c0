"""A Markdown table of trained models, a line each, from the `metrics.json` of their folders.

    python tools/results_table.py saved_models/sst2-tiny saved_models/mrpc-tiny

The metric is the one that chose the weights, on the test rows: mean and deviation over trainings
with other seeds, and the 95 % interval over rows.
"""

import json
from pathlib import Path

import tyro

COLUMNS = (
    "run", "test", "metric", "BERT", "beats the best baseline", "baselines", "tokens", "tokens/s"
)  # fmt: skip


def main(folders: tyro.conf.Positional[tuple[Path, ...]]) -> None:
    """Prints the table.

    Args:
        folders: what `recipes.finetune` or `recipes.evaluate` wrote.
    """
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * 3} ---: | --- | --- | ---: | ---: |")
    for folder in folders:
        numbers = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        print(f"| {' | '.join(cells(numbers))} |")


def cells(numbers: dict) -> tuple[str, ...]:
    """The cells of a run's line."""
    from keras_bert_kit.evaluation.scores import Score, format_number

    metric = numbers["metric"]
    interval = numbers["intervals"].get(metric) or (None, None)
    score = Score(numbers["mean"][metric], numbers["deviation"][metric], *interval)
    baselines = {
        name: format_number(found[metric])
        for name, found in numbers["baselines"].items()
        if found.get(metric) is not None
    }
    beats = numbers.get("beats_best_baseline") or "-"
    return (
        numbers["name"],
        numbers["test"],
        metric,
        str(score),
        "**no**" if beats == "no" else beats,
        ", ".join(f"{name} {value}" for name, value in baselines.items()),
        *(
            f"{numbers[name]:,}" if numbers.get(name) else "-"
            for name in ("tokens trained on", "tokens per second")
        ),
    )


if __name__ == "__main__":
    tyro.cli(main)

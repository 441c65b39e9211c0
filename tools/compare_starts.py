"""Is pre-training worth it? Learning curves from pre-trained and from random weights.

    python tools/compare_starts.py --train train.tsv --test dev.tsv --text sentence --limits 100 0

Runs `recipes.finetune` for every number of training rows, both starts and several seeds, all with
the same options, and prints a Markdown table of means and deviations over seeds. Where few rows are
trained on there are more epochs, so that every training has at least `minimum_steps`. The runs lie
in `output`, so that a call that was stopped goes on where it was.
"""

import math
from pathlib import Path

import tyro


def main(
    train: str,
    test: str,
    text: str = "text",
    label: str = "label",
    model: str = "saved_models/bert-tiny",
    metric: str = "accuracy",
    limits: tuple[int, ...] = (100, 1_000, 10_000, 0),
    seeds: int = 3,
    epochs: float = 3.0,
    minimum_steps: int = 300,
    batch_size: int = 32,
    learning_rate: float | None = None,
    dev_share: float = 0.03,
    output: str = "saved_models/starts",
    figure: Path | None = None,
) -> None:
    """Prints the table.

    Args:
        train: training rows.
        test: test rows.
        text: the column of texts.
        label: the column of labels.
        model: the encoder.
        metric: what is compared.
        limits: numbers of training rows; 0 for all.
        seeds: trainings of each.
        epochs: times that the rows are read.
        minimum_steps: fewest steps of a training.
        batch_size: rows of a batch.
        learning_rate: the highest learning rate.
        dev_share: share of the training rows that chooses the best weights.
        output: where the runs go.
        figure: a PNG file to draw into.
    """
    from keras_bert_kit.evaluation.figure_style import png
    from keras_bert_kit.evaluation.rows_figure import rows_figure
    from keras_bert_kit.evaluation.scores import Score
    from keras_bert_kit.training.training_options import TrainingOptions
    from recipes.finetune import Options, run

    found: dict[str, dict[int, Score]] = {}
    baselines: dict[str, dict[int, float]] = {}
    for limit in limits:
        for start in ("pretrained", "random"):
            needed = minimum_steps * batch_size / limit if limit else 0
            options = Options(
                train=(train,),
                test=(test,),
                text=text,
                label=label,
                model=model,
                start=start,
                limit=limit or None,
                seeds=seeds,
                dev_share=dev_share,
                output=output,
                name=f"{start}-{limit or 'all'}",
                baselines=start == "pretrained",
                training=TrainingOptions(
                    epochs=max(epochs, math.ceil(needed)),
                    evaluations=min(1.0, epochs / max(epochs, needed) * 2),
                    batch_size=batch_size,
                    learning_rate=learning_rate,
                    checkpoint_every=1_000,
                ),
            )
            numbers = run(options)
            score = Score(numbers["mean"][metric], numbers["deviation"][metric], seeds=seeds)
            rows = int(numbers["train"].split()[0].replace(",", ""))
            found.setdefault(start, {})[rows] = score
            for name, metrics in numbers["baselines"].items():
                baselines.setdefault(name, {})[rows] = metrics[metric]

    columns = [*found, *baselines]
    print(f"\n| rows | {' | '.join(columns)} |")
    print(f"| ---: | {' | '.join('---:' for _ in columns)} |")
    for rows in found["pretrained"]:
        cells = [str(found[start][rows]) for start in found]
        cells += [f"{values[rows]:.3f}" for values in baselines.values()]
        print(f"| {rows:,} | {' | '.join(cells)} |")
    if figure:
        figure.write_bytes(png(rows_figure(found, baselines, metric)))


if __name__ == "__main__":
    tyro.cli(main)

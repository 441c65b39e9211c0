"""Predicts with a fine-tuned model: of texts, of files, of standard input.

    python -m recipes.predict --model saved_models/my-task --text "One text." "Another."
    python -m recipes.predict --model saved_models/my-task --input reviews.csv --output out.csv
    zcat texts.txt.gz | python -m recipes.predict --model saved_models/my-task --input - | head
    python -m recipes.predict --model saved_models/answers --text "Who was late?" --pair "He was."
    python -m recipes.predict --model saved_models/names --input test.conll --output tagged.conll

Files of any size are read, predicted and written in chunks. Rows keep their own columns; results
stand behind them. Only results go to standard output.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import tyro

from keras_bert_kit.data.row_options import RowOptions
from recipes.command_line import INTERRUPTED, main

STANDARD_INPUT = STANDARD_OUTPUT = "-"
BATCHES_AT_ONCE = 16  # of rows of a file: enough to sort them by length


@dataclass(frozen=True)
class Options:
    """What to predict, with what, and where to."""

    model: str
    """The folder of a fine-tuned model, of any format, or an id of the Hugging Face Hub."""
    text: tuple[str, ...] = ()
    """Texts; for a model of questions, the questions."""
    pair: tuple[str, ...] = ()
    """For each the second text of its pair, or one for all; for questions, where the answer is."""
    input: tuple[str, ...] = ()
    """Files or `tfds:` names of rows; `-` is standard input, by default a text a line."""
    output: str = "-"
    """A file that ends in .jsonl, .csv or .conll; `-` is JSON lines on standard output."""
    overwrite: bool = False
    """Whether that file may be there already."""

    text_column: str | None = None
    """Column of texts, questions, or lists of words; by default as in training."""
    pair_column: str | None = None
    """Column of second texts; by default as in training, for questions `context`."""
    files: tyro.conf.OmitArgPrefixes[RowOptions] = field(default_factory=RowOptions)
    batch_size: int = 32
    """Texts that are computed at once. Of standard input, so many are read before an answer."""


def run(options: Options) -> int:
    """Writes what the model says; returns of how many rows."""
    if bool(options.text) == bool(options.input):
        raise ValueError("Give texts with `--text`, or files with `--input`: one of the two.")
    if options.input and options.pair:
        raise ValueError("Second texts of files are a column of them: give `--pair-column`.")
    if options.text and (options.text_column or options.pair_column):
        raise ValueError("Columns are those of files: leave them out beside `--text`.")
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.data.rows import open_sources
    from keras_bert_kit.prediction_files import check_output, open_output, output_format
    from keras_bert_kit.row_prediction import RowPredictor
    from keras_bert_kit.text_prediction import QUESTIONS
    from recipes.task_options import options_of_run

    files = open_sources(options.input, options.files) if options.input else []
    check_output(options.output, options.overwrite, [file.path for file in files])
    reads_pipe = STANDARD_INPUT in options.input
    is_typed = reads_pipe and sys.stdin.isatty()
    predictor = RowPredictor(
        Bundle.from_pretrained(options.model),
        "text" if options.text else options.text_column,
        "pair" if options.pair else options.pair_column,
        usual=options_of_run(options.model) if options.input else None,
        on_bad=options.files.on_bad,
        batch_size=options.batch_size,
        rows_at_once=1 if is_typed else options.batch_size * (1 if reads_pipe else BATCHES_AT_ONCE),
        output_format=output_format(options.output),
    )
    if predictor.task == QUESTIONS and options.text and not options.pair:
        raise ValueError("A question is asked about a text: give it with `--pair`.")
    to_terminal = options.output == STANDARD_OUTPUT and sys.stdout.isatty()
    shows_progress = sys.stderr.isatty() and not is_typed and not to_terminal
    if is_typed:
        print("A text a line; Ctrl-D ends.", file=sys.stderr)
    given = [predictor.predict(given_rows(options), "`--text`")] if options.text else []
    started = time.monotonic()
    try:
        with open_output(options.output, options.overwrite) as write:
            for rows in chain(*given, *map(predictor.predict_file, files)):
                write(rows)
                if shows_progress:
                    print(f"\r{predictor.num_rows:,} rows ", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        _sum_up(predictor, started, "Stopped: ")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `| head` has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return predictor.num_rows
    _sum_up(predictor, started)
    return predictor.num_rows


def given_rows(options: Options) -> Iterator[tuple[int, dict]]:
    """The texts of the command line as rows, with their numbers.

    Raises:
        ValueError: if there are pairs, but neither one nor as many as texts.
    """
    if len(options.pair) not in (0, 1, len(options.text)):
        raise ValueError(
            f"There are {len(options.text)} texts and {len(options.pair)} of `--pair`: give one "
            "for each, or one for all."
        )
    pairs = options.pair * (len(options.text) if len(options.pair) == 1 else 1)
    for number, text in enumerate(options.text, start=1):
        yield number, {"text": text} | ({"pair": pairs[number - 1]} if pairs else {})


def _sum_up(predictor, started: float, begins: str = "") -> None:
    seconds = time.monotonic() - started
    of_which = (
        f"; {predictor.num_cut:,} longer than the model reads, cut" if predictor.num_cut else ""
    )
    begins = "\r" + begins if sys.stderr.isatty() else begins
    print(f"{begins}{predictor.num_rows:,} rows in {seconds:.1f} s{of_which}.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))

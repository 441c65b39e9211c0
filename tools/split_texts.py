"""Single sentences from long texts: texts without labels for a task on sentences.

    python -m tools.split_texts reviews.jsonl --limit 60000 --output sentences.txt
    python -m recipes.distill --teacher saved_models/my-sentiment --unlabelled sentences.txt

A student learns from what its teacher says of texts like those of the task: of sentences, where
the labels are of sentences. Writes a sentence a line, each once, in random order. A `<br />`, as
reviews have it, ends a line.
"""

import random
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.data.row_options import RowOptions

_LINE_BREAK = re.compile(r"<br\s*/?>|[\r\n]+", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """What to split, and which sentences to keep."""

    input: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Files or `tfds:` names of rows."""
    output: Path = Path("sentences.txt")
    """The file to write; it must not be there yet."""
    column: str = "text"
    """Column of texts, by its name or position."""
    shortest: int = 20
    """Characters that a sentence must have."""
    longest: int = 250
    """Characters that a sentence may have."""
    limit: int | None = None
    """How many sentences to keep, drawn at random; by default all."""
    seed: int = 0
    """Another seed, others drawn."""
    files: tyro.conf.OmitArgPrefixes[RowOptions] = field(default_factory=RowOptions)


def run(options: Options) -> int:
    """Writes the file; returns the number of sentences."""
    from keras_bert_kit.data.labelled_texts import labelled_texts
    from keras_bert_kit.data.rows import read_rows

    if options.output.exists():
        raise FileExistsError(f"{options.output} is there already: give another `--output`.")
    rows = read_rows(options.input, **asdict(options.files))
    texts = labelled_texts(
        rows, text=options.column, on_bad=options.files.on_bad, with_labels=False
    ).texts
    found = dict.fromkeys(sentences_of(texts))
    kept = [one for one in found if options.shortest <= len(one) <= options.longest]
    random.Random(options.seed).shuffle(kept)
    kept = kept[: options.limit]
    lines = "".join(f"{sentence}\n" for sentence in kept)
    write_atomically(options.output, lambda file: file.write(lines.encode()))
    print(f"{len(kept):,} sentences in {options.output}")
    return len(kept)


def sentences_of(texts: Iterable[str]) -> Iterator[str]:
    """The sentences of some texts.

    Example:
        >>> list(sentences_of(["One. Two!<br /><br />Three"]))
        ['One.', 'Two!', 'Three']
    """
    from keras_bert_kit.data.sentences import split_sentences

    for text in texts:
        for line in _LINE_BREAK.split(text):
            yield from split_sentences(line)


if __name__ == "__main__":
    try:
        run(tyro.cli(Options, description=__doc__))
    except (ValueError, OSError) as error:
        sys.exit(str(error))

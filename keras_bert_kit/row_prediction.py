"""Predictions for the rows of a file: a chunk is read, predicted and handed on, then the next."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.labelled_texts import text_columns, usual_text
from keras_bert_kit.data.row_files import NoRowsError, RowFile
from keras_bert_kit.data.rows import Rows, find_column
from keras_bert_kit.data.tagged_words import USUAL_WORDS
from keras_bert_kit.data.unreadable_rows import UnreadableRows
from keras_bert_kit.prediction_files import CONLL, CSV, JSON_LINES
from keras_bert_kit.text_prediction import (
    QUESTIONS,
    TAGGING,
    predict_text,
    predict_words,
    task_of,
)

MOST_CHARACTERS = 1_000_000  # of a chunk, unless a single row has more: what bounds memory
RENAMED = "predicted_"  # before a result that the input has a column of the same name for

logger = logging.getLogger(__name__)


class ReadColumns(NamedTuple):
    """Which columns are read; of texts, or of sentences that are lists of words."""

    text: str
    pair: str | None = None
    words: bool = False


class RowPredictor:
    """Predicts row after row, in constant memory.

    The columns are found in the first row of each source. Rows without a text (or with something
    else in its place) are an error, or are left out and counted.

    Args:
        bundle: the model.
        text: the column of texts, by name or position; for questions that of the questions; for a
            model that tags words, a column of lists of words will do too. By default what `usual`
            says, or what public data sets call it.
        pair: the column of second texts; for questions that of the texts with the answers.
        usual: what the columns `text`, `pair` and `words` were called in training.
        on_bad: `"error"` or `"skip"`.
        batch_size: inputs that are computed at once.
        rows_at_once: rows in a chunk.
        output_format: what the rows are for. `"csv"`: each class has a column of its own,
            `probability_<label>`, instead of all of them `probabilities`. `"conll"`: sentences of
            words with `tokens` and `tags` alone.

    Attributes:
        num_rows: how many rows were predicted.
        num_cut: how many of them are longer than what the model reads.

    Raises:
        ValueError: if the model is for nothing of this kind, `pair` is not for it, or a number is
            not positive.

    Example:
        >>> predictor = RowPredictor(Bundle.from_pretrained("saved_models/x"))  # doctest: +SKIP
        >>> for rows in predictor.predict([(1, {"text": "Good."})], "here"):  # doctest: +SKIP
        ...     print(rows)
        [{'text': 'Good.', 'label': 'positive', 'probability': 0.9, 'probabilities': {...}}]
    """

    def __init__(
        self,
        bundle: Bundle,
        text: str | None = None,
        pair: str | None = None,
        *,
        usual: dict | None = None,
        on_bad: str = "error",
        batch_size: int = 32,
        rows_at_once: int = 512,
        output_format: str = JSON_LINES,
    ):
        if batch_size < 1 or rows_at_once < 1:
            raise ValueError(
                f"`batch_size` and `rows_at_once` must be 1 or more; received {batch_size} and "
                f"{rows_at_once}."
            )
        self.bundle = bundle
        self.task = task_of(bundle.model)
        if pair is not None and self.task == TAGGING:
            raise ValueError("A model that tags words reads single texts: leave the pairs out.")
        self.text, self.pair, self.usual = text, pair, dict(usual or {})
        self.on_bad = on_bad
        self.batch_size, self.rows_at_once = batch_size, rows_at_once
        self.output_format = output_format
        self.num_rows = self.num_cut = 0
        self._names: dict[str, str] = {}  # of results that are called otherwise in the output

    def predict_file(self, file: RowFile) -> Iterator[list[dict]]:
        """Predicts the rows of a file; one without rows gives nothing, which is logged.

        Yields:
            The rows of a chunk: their own columns, then what the model says of them.

        Raises:
            ValueError: if a column is missing or a row is bad; all rows before it were yielded.
        """
        try:
            yield from self.predict(file, file.name, lambda: file.unit)
        except NoRowsError as error:
            logger.warning("%s Nothing is written.", error)

    def predict(
        self, rows: Iterable[tuple[int, dict]], source: str, unit=lambda: "line"
    ) -> Iterator[list[dict]]:
        """As `predict_file`, of the number and the values of each row.

        Args:
            rows: numbers and rows.
            source: what messages call their source.
            unit: what the numbers count, once the first row is read.
        """
        bad, columns = UnreadableRows(self.on_bad), None
        for chunk, error in _chunks(rows, self.rows_at_once):
            good = []
            for number, row in chunk:
                columns = columns or self._columns(row, source)
                if self.output_format == CONLL and not columns.words:
                    raise ValueError(
                        "Only tags of words are written as CoNLL: give a model that tags words, "
                        f"and input with the words of each sentence. {source} has texts in "
                        f"{columns.text!r}; write them to .jsonl or .csv."
                    )
                reason = self._what_is_wrong(row, columns)
                if reason is None:
                    good.append(row)
                    continue
                try:
                    bad.add(f"{source}, {unit()} {number}: {reason}.")
                except ValueError as found:
                    error = found
                    break
            if good:
                yield self._predicted(good, columns)
            if error is not None:
                raise error
        bad.report(source)

    def _columns(self, row: dict, source: str) -> ReadColumns:
        """The columns to read, by the first row."""
        text, pair, usual = self.text, self.pair, self.usual
        try:
            if self.task == TAGGING:
                names = [usual.get("words"), *USUAL_WORDS]
                text = text or next((name for name in names if name in row), None)
            if text is not None or self.task == QUESTIONS:
                text = find_column("question" if text is None else text, row, source)
                if pair is None and self.task != TAGGING:
                    pair = "context" if self.task == QUESTIONS else usual.get("pair")
                pair = None if pair is None else find_column(pair, row, source)
                return ReadColumns(text, pair, _is_list(row[text]) and self.task == TAGGING)
            one = Rows({name: [value] for name, value in row.items()}, source, [1])
            pair = usual.get("pair") if pair is None else pair
            text = usual_text(usual.get("text"), row, source)
            return ReadColumns(*text_columns(one, text, pair))
        except ValueError as error:
            message = str(error).split(" Say which one to take")[0]
            raise ValueError(
                f"{message} Say which ones to take with `text_column` and `pair_column`."
            ) from None

    def _what_is_wrong(self, row: dict, columns: ReadColumns) -> str | None:
        """Why a row cannot be read, or None."""
        for name in (columns.text, columns.pair):
            value = None if name is None else row.get(name)
            if name is None:
                continue
            if columns.words and (
                not _is_list(value) or any(not isinstance(w, str) for w in value)
            ):
                return f"{name!r} must be a list of words, received {value!r:.60}"
            if not columns.words and not isinstance(value, str):
                return f"{name!r} must be a string, received {value!r:.60}"
        return None

    def _predicted(self, rows: list[dict], columns: ReadColumns) -> list[dict]:
        texts = [row[columns.text] for row in rows]
        bundle = self.bundle
        options = {
            "labels": bundle.labels,
            "options": bundle.inputs,
            "tag_scheme": bundle.tag_scheme,
            "batch_size": self.batch_size,
        }
        with _counted_here():
            if columns.words:
                found = predict_words(
                    bundle.model, bundle.tokenizer, [list(words) for words in texts], **options
                )
            else:
                pairs = None if columns.pair is None else [row[columns.pair] for row in rows]
                options["no_answer_threshold"] = bundle.no_answer_threshold
                found = predict_text(bundle.model, bundle.tokenizer, texts, pairs, **options)
        self.num_rows += len(rows)
        self.num_cut += int((found.num_cut > 0).sum())
        if self.output_format == CONLL:
            return [
                {"tokens": list(words), "tags": one["tags"]}
                for words, one in zip(texts, found.results, strict=True)
            ]
        return [self._joined(row, one) for row, one in zip(rows, found.results, strict=True)]

    def _joined(self, row: dict, result: dict) -> dict:
        """A row and what is said of it; nothing of the row is written over."""
        shares = result.get("probabilities")
        if self.output_format == CSV and isinstance(shares, dict):
            del result["probabilities"]
            result |= {f"probability_{name}": share for name, share in shares.items()}
        renamed = {}
        for name in result:
            free = self._names.get(name, name)
            while free in row:
                free = RENAMED + free
            if free != self._names.get(name, name):
                renamed[name] = free
        if renamed:
            self._names |= renamed
            logger.warning(
                "The input has columns that are called like results. They stay as they are; the "
                "results are %s.",
                ", ".join(f"`{name}`" for name in renamed.values()),
            )
        return row | {self._names.get(name, name): value for name, value in result.items()}


def _chunks(
    rows: Iterable[tuple[int, dict]], rows_at_once: int
) -> Iterator[tuple[list[tuple[int, dict]], ValueError | None]]:
    """Chunks of rows, and with the last one the error that reading ended with, if it did."""
    chunk, size = [], 0
    rows = iter(rows)
    while True:
        try:
            number, row = next(rows)
        except StopIteration:
            break
        except ValueError as error:
            yield chunk, error
            return
        chunk.append((number, row))
        size += sum(len(value) for value in row.values() if isinstance(value, str | list))
        if len(chunk) == rows_at_once or size >= MOST_CHARACTERS:
            yield chunk, None
            chunk, size = [], 0
    if chunk:
        yield chunk, None


def _is_list(value) -> bool:
    return isinstance(value, list | tuple) or hasattr(value, "tolist")


@contextmanager
def _counted_here() -> Iterator[None]:
    """Keeps what is cut of texts out of the log: one line for each chunk would say it."""
    loggers = [logging.getLogger(f"keras_bert_kit.data.{name}") for name in ("spans", "tagging")]
    for one in loggers:
        one.addFilter(_nothing)
    try:
        yield
    finally:
        for one in loggers:
            one.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False

"""How files of rows are to be read: the options that all readers share."""

from dataclasses import dataclass

from keras_bert_kit.data.corpus import check_encoding

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "conll", "txt")


@dataclass(frozen=True)
class RowOptions:
    """What a file of rows does not say itself.

    Attributes:
        format: `"csv"`, `"tsv"`, `"jsonl"`, `"json"` (a list of objects, JSON lines or SQuAD's),
            `"parquet"`, `"conll"` or `"txt"`; `None` goes by the ending of the file's name, and
            takes standard input for `"txt"`.
        header: whether the first line of a CSV or TSV file names the columns. Otherwise they are
            called `"0"`, `"1"` and so on.
        delimiter: what stands between the fields of a line: one character. `None` is a comma in
            CSV and a tab in TSV files.
        quoted: whether a field in quotes may hold delimiters and line ends. `None`: in CSV files it
            may; in TSV files, such as those of GLUE, a quote is a character like any other.
        encoding: of text files; one in which a line feed is the byte 0A.
        undecodable: what to do with a line that is not valid in `encoding`: `"error"`, or `"skip"`
            it and log how many were skipped. In a CoNLL file, such a line ends its sentence.
        on_bad: what to do with a row that cannot be read, such as one with too many fields:
            `"error"`, or `"skip"` it and log how many were skipped.
        token_column: the column of a CoNLL file with the tokens, counted from 0, or from -1 for the
            last one. `None`: the first; the second where the first counts the tokens.
        tag_column: the column of a CoNLL file with the tags. `None`: the last; where the first
            counts the tokens, the last of those with tags.
        tagged: whether a CoNLL file has tags at all.
        strip_prefix: what to take off the tokens of a CoNLL file, such as WikiANN's `en:`. `None`:
            a language code and a colon, if every token of the file begins with the same.

    Raises:
        ValueError: if an option has a value that it cannot have.
    """

    format: str | None = None
    header: bool = True
    delimiter: str | None = None
    quoted: bool | None = None
    encoding: str = "utf-8"
    undecodable: str = "error"
    on_bad: str = "error"
    token_column: int | None = None
    tag_column: int | None = None
    tagged: bool = True
    strip_prefix: str | None = None

    def __post_init__(self):
        """Checks the values, and writes a tab as one character."""
        if self.format not in (None, *FORMATS):
            raise ValueError(
                f"`format` must be one of {', '.join(FORMATS)}. Received: {self.format!r}."
            )
        if self.delimiter in ("\\t", "tab"):  # what can be typed in a shell
            object.__setattr__(self, "delimiter", "\t")
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter in '\n\r"\ufeff'
        ):
            raise ValueError(
                "`delimiter` must be one character, neither a quote nor a line end. "
                f"Received: {self.delimiter!r}."
            )
        for name in ("undecodable", "on_bad"):
            if getattr(self, name) not in ("error", "skip"):
                raise ValueError(
                    f'`{name}` must be "error" or "skip". Received: {getattr(self, name)!r}.'
                )
        check_encoding(self.encoding)

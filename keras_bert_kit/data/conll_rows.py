"""CoNLL columns, a word and its tag on each line, to rows: one a sentence."""

import itertools
import logging
import re
from collections.abc import Iterable, Iterator

from keras_bert_kit.data.text_lines import TextLines
from keras_bert_kit.data.unreadable_rows import UnreadableRows

SAMPLE = 20  # sentences that tell whether the first column counts the words
DOCUMENT_START = "-DOCSTART-"

_TAG = re.compile(r"O|[BIESLUM]-.+")
_COMMENT = re.compile(r"# ?[\w:]+ = ")  # such as "# sent_id = 3"; its value may hold a tab
_LANGUAGE_PREFIX = re.compile(r"[a-z]{2,3}:")

logger = logging.getLogger(__name__)


def conll_rows(
    lines: TextLines,
    bad: UnreadableRows,
    token_column: int | None = None,
    tag_column: int | None = None,
    tagged: bool = True,
    strip_prefix: str | None = None,
) -> Iterator[tuple[int, dict[str, list[str]]]]:
    r"""Reads sentences, which end at a line with nothing but white space.

    Columns are separated by tabs, or by spaces if the first word's line has no tab. `-DOCSTART-`
    lines are passed over, and so are comments: lines that begin with `#` and have no tab (in a file
    separated by spaces: that have not the columns of a word, or no tag where all so far end with
    one such as `O` or `B-PER`). All lines have as many columns.

    Args:
        lines: the lines of the file.
        bad: takes the sentences with a line that has no tag, or another number of columns.
        token_column: as `RowOptions` says.
        tag_column: as `RowOptions` says.
        tagged: whether there are tags at all.
        strip_prefix: is taken off the tokens that begin with it, if there is one.

    Yields:
        The number of the line of a sentence's first word, and `tokens` and `tags` (if `tagged`).

    Example:
        >>> import io
        >>> file = io.BytesIO(b"Ada\tB-PER\nsmiled\tO\n\nRome\tB-LOC\n")
        >>> for row in conll_rows(TextLines(file, "a.conll"), UnreadableRows()):
        ...     print(row)
        (1, {'tokens': ['Ada', 'smiled'], 'tags': ['B-PER', 'O']})
        (4, {'tokens': ['Rome'], 'tags': ['B-LOC']})
    """
    sentences = _sentences(lines, bad, 2 if tagged else 1)
    sample = list(itertools.islice(sentences, SAMPLE))
    if not sample:
        return
    if token_column is None:
        token_column, tag_column = _find_columns(sample, tag_column, tagged)
        if token_column is not None and strip_prefix is not None:  # not twice for one file
            logger.info(
                "%s: the first column counts the words. Read the tokens from column %d%s, counted "
                "from 0.",
                lines.name,
                token_column,
                f" and the tags from column {tag_column}" if tagged else "",
            )
    token_column = 0 if token_column is None else token_column
    tag_column = -1 if tag_column is None else tag_column
    width = len(sample[0][1][0])
    for option, column in (("token_column", token_column), ("tag_column", tag_column)):
        if not -width <= column < width:
            raise ValueError(
                f"{lines.name}, line {sample[0][0]} has {width} column(s): `{option}` must be one "
                f"of 0 to {width - 1}, or of -1 to -{width} from the end. Received: {column}."
            )
    num_without = 0
    for number, words in itertools.chain(sample, sentences):
        tokens = [word[token_column] for word in words]
        if strip_prefix:
            num_without += sum(not token.startswith(strip_prefix) for token in tokens)
            tokens = [token.removeprefix(strip_prefix) for token in tokens]
        row = {"tokens": tokens}
        if tagged:
            row["tags"] = [word[tag_column] for word in words]
        yield number, row
    if num_without:
        logger.warning(
            "%s: %d token(s) do not begin with %r and stay as they are.",
            lines.name,
            num_without,
            strip_prefix,
        )


def shared_prefix(rows: Iterable[tuple[int, dict[str, list[str]]]]) -> str:
    """The language code and colon that all tokens begin with, or an empty string.

    Example:
        >>> shared_prefix([(1, {"tokens": ["en:Ada", "en:smiled"]}), (4, {"tokens": ["en:."]})])
        'en:'
        >>> shared_prefix([(1, {"tokens": ["en:Ada", "smiled"]})])
        ''
    """
    prefix = None
    for _, row in rows:
        for token in row["tokens"]:
            if prefix is None:
                match = _LANGUAGE_PREFIX.match(token)
                prefix = match[0] if match else ""
            if not prefix or not token.startswith(prefix):
                return ""
    return prefix or ""


def _sentences(
    lines: TextLines, bad: UnreadableRows, least_columns: int
) -> Iterator[tuple[int, list[list[str]]]]:
    """The number of each sentence's first line, and the columns of its words."""
    separator, width = None, None
    words: list[list[str]] = []
    first, wrong = 0, ""
    has_tags = least_columns > 1  # such as `O` at the end of every word's line, as far as is known
    for number, line in enumerate(itertools.chain(lines, [""]), start=1):
        if not line.strip() or line.startswith(DOCUMENT_START):
            if wrong:
                bad.add(wrong)
            elif words:
                yield first, words
            words, wrong = [], ""
            continue
        tabs = "\t" in line
        # Not `split()`, which also splits at the no-break space of `10 000`.
        columns = line.rstrip("\t ").split("\t") if tabs else line.strip(" ").split(" ")
        columns = columns if tabs else [column for column in columns if column]
        expected = least_columns if width is None else width
        if line.startswith("#") and _is_comment(line, columns, separator, expected, has_tags):
            continue
        if width is None and len(columns) >= least_columns:
            separator, width = "\t" if tabs else " ", len(columns)
        if separator == "\t" and not tabs:
            columns = [line]
        elif separator == " " and tabs:
            columns = [column for column in re.split("[ \t]", line) if column]
        if not words and not wrong:
            first = number
        words.append(columns)
        has_tags = has_tags and _TAG.fullmatch(columns[-1]) is not None
        if not wrong and (len(columns) != width or not columns[0]):
            wrong = _what_is_wrong(f"{lines.name}, line {number}", line, columns, separator, width)


def _is_comment(
    line: str, columns: list[str], separator: str | None, width: int, has_tags: bool
) -> bool:
    """Whether a line that begins with `#` is not a word."""
    if _COMMENT.match(line):
        return True
    if separator == "\t" or "\t" in line:
        return "\t" not in line
    needs_tag = has_tags or (columns[0] == "#" and width > 1)
    return len(columns) != width or (needs_tag and not _TAG.fullmatch(columns[-1]))


def _what_is_wrong(
    where: str, line: str, columns: list[str], separator: str | None, width: int | None
) -> str:
    if len(columns) == 1:
        return (
            f"{where} has a word and no tag: {line[:40]!r}. Expected a word and its tag, with a "
            "tab or spaces between them; a file without tags is read with `tagged=False`."
        )
    if len(columns) == width:
        return f"{where} has a tag and no word: {line[:40]!r}."
    return (
        f"{where} has {len(columns)} columns, expected {width} as in the lines before, with "
        f"{'tabs' if separator == chr(9) else 'spaces'} between them: {line[:40]!r}."
    )


def _find_columns(
    sample: list[tuple[int, list[list[str]]]], tag_column: int | None, tagged: bool
) -> tuple[int | None, int | None]:
    """The columns of token and tag where the first column counts the words (Universal NER)."""
    sentences = [words for _, words in sample]
    width = len(sentences[0][0])
    is_numbered = any(len(words) > 1 for words in sentences)
    for words in sentences:
        numbers = [word[0] for word in words if word[0].isdecimal()]
        first = 0 if numbers[:1] == ["0"] else 1
        is_numbered &= numbers == [str(first + i) for i in range(len(numbers))] and bool(numbers)
        is_numbered &= all(word[0][:1].isdecimal() for word in words)
    none = None, tag_column
    if not is_numbered or width < 2 + tagged:
        return none
    if not tagged:
        return 1, tag_column
    if tag_column is not None:
        return (1, tag_column) if tag_column % width > 1 else none
    for column in range(width - 1, 1, -1):
        if all(_TAG.fullmatch(word[column]) for words in sentences for word in words):
            return 1, column
    return none

"""A table in memory, whose rows know where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rows:
    """A table in memory, column by column.

    Attributes:
        columns: values by column, as the source has them: strings from CSV and TSV files. All of
            the same length.
        source: what error messages call it: a file, or the name of a dataset.
        numbers: where each row is in its source, from 1: its first line in a text file, otherwise
            its place among the rows.
        class_names: by column, the names of classes that the source itself keeps as numbers. The
            column holds the numbers, or the names where its values are lists (tags of words).
        unit: what the numbers count: `"line"`, `"row"` or `"question"`.
        origins: the source and the unit of each row, if it came of several sources.

    Raises:
        ValueError: if the columns are not of the same length.

    Example:
        >>> rows = Rows({"text": ["good", "bad"], "label": ["1", "0"]}, "train.tsv", [2, 3])
        >>> len(rows), rows.column("label"), rows.place(1)
        (2, ['1', '0'], 'train.tsv, line 3')
        >>> rows.select([1]).columns
        {'text': ['bad'], 'label': ['0']}
    """

    columns: dict[str, list]
    source: str
    numbers: list[int]
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = "line"
    origins: list[tuple[str, str]] | None = None

    def __post_init__(self):
        """Checks the lengths of the columns."""
        lengths = {name: len(values) for name, values in self.columns.items()}
        if any(length != len(self.numbers) for length in lengths.values()):
            raise ValueError(
                f"{self.source}: columns must have one value for each of the {len(self.numbers)} "
                f"rows. Received: {lengths}."
            )

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def column(self, name: str | int) -> list:
        """The values of a column, by its name or its position (from 0, or from -1 at the end).

        Raises:
            ValueError: if there is no such column.
        """
        return self.columns[find_column(name, self.columns, self.source)]

    def select(self, indices: Sequence[int]) -> "Rows":
        """The rows at `indices`, in that order."""

        def chosen(values: list) -> list:
            return [values[index] for index in indices]

        return Rows(
            {name: chosen(values) for name, values in self.columns.items()},
            self.source,
            chosen(self.numbers),
            self.class_names,
            self.unit,
            None if self.origins is None else chosen(self.origins),
        )

    def place(self, index: int) -> str:
        """Where a row is to be found, as error messages say it."""
        source, unit = self.origins[index] if self.origins else (self.source, self.unit)
        return f"{source}, {unit} {self.numbers[index]}"


def find_column(name: str | int, columns: Mapping[str, object], source: str) -> str:
    """The name of a column that is given by its name or its position.

    Args:
        name: a name; or a position, counted from 0 or from -1 at the end.
        columns: the columns there are: those of `Rows`, or a row of `stream_rows`.
        source: what the error message calls them.

    Raises:
        ValueError: if there is no such column; the message lists those there are.

    Example:
        >>> find_column("-1", {"text": [], "label": []}, "train.csv")
        'label'
    """
    if name in columns:
        return name
    names = list(columns)
    try:
        return names[int(name)]
    except (ValueError, IndexError):
        pass
    hint = ""
    if names == ["text"]:
        hint = " If the file is not plain text, give its `format`, such as tsv."
    elif len(names) == 1:
        hint = " If these are several columns, give the `delimiter` between them."
    raise ValueError(
        f"{source} has no column {name!r}. Its columns: {', '.join(map(repr, names))}.{hint}"
    )

"""What stands in the column of labels, as labels: names, numbers or several names.

The same label comes in several guises: `1` from JSON, `"1"` from a TSV, `1.0` from a table that
once had a gap, an index into the names of a TFDS set. They must not become different classes.
"""

import ast
import math
from collections.abc import Sequence
from numbers import Integral, Real

KINDS = ("single_label", "multi_label", "regression")


def class_label(value, class_names: Sequence[str] | None = None) -> str:
    """The name of the class that `value` stands for.

    Strings lose the white space around them; whole numbers become the class of that index where the
    source names its classes, else their digits (`1.0` is `"1"`); true and false are named so.

    Args:
        value: what stands in the row.
        class_names: the names of the classes 0, 1, ... where the source has them.

    Raises:
        ValueError: if there is no label (nothing, NaN, `""`, `"nan"`), or it names no class. The
            message is a reason, for whoever knows the row.

    Example:
        >>> class_label(1.0), class_label(" good "), class_label(1, ("neg", "pos"))
        ('1', 'good', 'pos')
    """
    value = _plain(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f"there is no label ({value})")
    if isinstance(value, str):
        name = value.strip()
        if not name or name.lower() == "nan":
            raise ValueError(f"there is no label ({value!r})")
        return name
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Real) and math.isfinite(value):
        if value != int(value):
            return repr(float(value))
        if class_names is None:
            return str(int(value))
        if 0 <= value < len(class_names):
            return class_names[int(value)]
        hint = " (-1 is how TFDS marks rows without one)" if value == -1 else ""
        raise ValueError(f"the label {int(value)} is none of {len(class_names)} classes{hint}")
    raise ValueError(f"the label must be a string or a whole number, received {value!r:.60}")


def number_label(value) -> float:
    """The number that `value` stands for.

    Raises:
        ValueError: if it is no finite number; the message is a reason, as with `class_label`.

    Example:
        >>> number_label("4.750")
        4.75
    """
    value = _plain(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"there is no label ({value!r})")
    try:
        # Python reads 1_000 as a thousand, and True as 1; nobody means them as numbers here.
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError):
        comma = " (numbers are written with a point)" if isinstance(value, str) else ""
        comma = comma if comma and "," in value else ""
        raise ValueError(f"the label {value!r:.60} is not a number{comma}") from None
    if not math.isfinite(number):
        raise ValueError(f"the label is {number}, which is not a finite number")
    return number


def several_labels(
    value, separator: str = ",", class_names: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The names of the classes that `value` stands for, each once, in their order there.

    An empty list or string says that the row belongs to none of the classes, which is a label too.

    Args:
        value: a list of what `class_label` takes, or a string that holds several names.
        separator: what stands between the names of such a string.
        class_names: as with `class_label`.

    Raises:
        ValueError: if there is no label, or one between two separators is empty.

    Example:
        >>> several_labels("sad, angry"), several_labels([0, 2], class_names=("a", "b", "c"))
        (('sad', 'angry'), ('a', 'c'))
    """
    value = _plain(value)
    if isinstance(value, str):
        if value.strip().lower() == "nan":
            raise ValueError(f"there is no label ({value!r})")
        value = _written_list(value) or (value.split(separator) if value.strip() else [])
    elif not isinstance(value, list | tuple):
        value = [value]
    return tuple(dict.fromkeys(class_label(name, class_names) for name in value))


def _written_list(text: str) -> list | None:
    """The list that a table holds as Python writes it, such as `['joy', 'anger']`; else None."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, list) else None


def _plain(value):
    """A value of NumPy as one of Python."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return value

"""What stands in the column of labels, as labels: names, numbers or several names.

The same label comes in several guises: `1` from JSON, `"1"` from a TSV, `1.0` from a table that
once had a gap, an index into the names of a TFDS set. They must not become different classes.
"""

import ast
import io
import math
import re
import tokenize
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real

KINDS = ("single_label", "multi_label", "regression")

_BRACKETS = ("[]", "{}", "()")
_WHOLE = re.compile(r"-?\d+(\.0)?")


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
    except (TypeError, ValueError, OverflowError):
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
    A string may be a list as Python or NumPy writes it: `['joy', 'anger']`, `['joy' 'anger']`.

    Args:
        value: a list of what `class_label` takes, or a string that holds several names.
        separator: what stands between the names of such a string.
        class_names: as with `class_label`.

    Raises:
        ValueError: if there is no label, one between two separators is empty, or the string looks
            like a list and is none.

    Example:
        >>> several_labels("sad, angry"), several_labels([0, 2], class_names=("a", "b", "c"))
        (('sad', 'angry'), ('a', 'c'))
    """
    value = _plain(value)
    if isinstance(value, str):
        if value.strip().lower() == "nan":
            raise ValueError(f"there is no label ({value!r})")
        written = _written_list(value.strip(), separator)
        value = value.split(separator) if written is None and value.strip() else written or []
    elif not isinstance(value, list | tuple):
        value = [value]
    return tuple(dict.fromkeys(class_label(name, class_names) for name in value))


def without_fractions(labels: Sequence[str | None]) -> list[str | None]:
    """Labels that are all whole numbers, those of a table that once had a gap without their `.0`.

    Example:
        >>> without_fractions(["1.0", "0", None]), without_fractions(["1.0", "1.1"])
        (['1', '0', None], ['1.0', '1.1'])
    """
    if not all(label is None or _WHOLE.fullmatch(label) for label in labels):
        return list(labels)
    return [label and label.removesuffix(".0") for label in labels]


def _written_list(text: str, separator: str) -> list | None:
    """What a list holds that was written as text; None if it is no list.

    NumPy puts no commas between, and Python would make one string of such names.
    """
    is_name = text[:1] == "(" and "," not in text  # `(other)`
    if f"{text[:1]}{text[-1:]}" not in _BRACKETS or is_name:
        return None
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text[1:-1].replace("\n", " ")).readline))
        found = [one for one in tokens if one.string.strip(", \n")]
        if all(one.type in (tokenize.STRING, tokenize.NUMBER) for one in found):
            return [ast.literal_eval(one.string) for one in found]
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    if text[0] == "(" or not any(sign in text for sign in (separator, " ", "'", '"')):
        return None  # a name in brackets, such as `[URL]`
    raise ValueError(
        f"{text!r:.60} looks like a list that cannot be read: write it as ['joy', 'anger'] or as "
        f"joy{separator} anger"
    )


def _plain(value):
    """A value of NumPy, or a decimal of Parquet, as one of Python."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return value

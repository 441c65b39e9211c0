"""How every figure of the kit looks: size, colours, axes, and names in scripts without a font."""

import io
from collections.abc import Sequence

BLUE, ORANGE, INK, FAINT = "#1f5fa8", "#c2571a", "#333333", "#e4e4e4"
DASHES = (0, (4, 2))
WIDTH = 8.3  # inches: 830 pixels, drawn at twice that
LONGEST_NAME = 24  # characters of a class beside an axis
FONTS = (  # the first is matplotlib's own, the others are used where they are installed
    "DejaVu Sans",
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "SimHei"),
    *("Malgun Gothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Noto Sans Devanagari"),
    *("Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Arial Unicode MS"),
)


def new_figure(title: str, height: float = 3.9):
    """An empty matplotlib figure, 830 pixels wide at twice that density, with a heading.

    Args:
        title: what stands above it; left out if it is "" or no font has its letters.
        height: in hundreds of pixels.
    """
    # Not at the top: whoever only trains need not wait for it. Not through `pyplot` either, which
    # would keep the figure and may look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=200, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title and not name_legend([title]):  # what no font has would be a row of boxes
        style = {"fontsize": 11, "color": INK, "fontweight": "bold"}
        figure.suptitle(literal(title), x=0.01, ha="left", **style)
    return figure


def tidy(axes, title: str = "", x_label: str = "", y_label: str = "") -> None:
    """The house's axes: no frame, a faint grid behind, small dark labels."""
    axes.set_title(literal(title), loc="left", fontsize=10, color=INK)
    axes.set_xlabel(literal(x_label), fontsize=8.5, color=INK)
    axes.set_ylabel(literal(y_label), fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8.5, colors=INK, length=0)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def png(figure) -> bytes:
    """The figure as the bytes of a PNG file.

    Example:
        >>> png(new_figure("A title"))[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def literal(text: str) -> str:
    """Text that matplotlib shows as it is: in one line, without a formula between two dollars.

    Example:
        >>> print(literal("5$ to 9$"))
        5\\$ to 9\\$
    """
    return " ".join(str(text).split()).replace("$", r"\$")


def name_labels(axis, positions: Sequence[float], names: Sequence[str], **style) -> None:
    """Writes names along an axis, for instance what `shown_names` made of them."""
    style = {"fontsize": 8.5, "color": INK, "family": _installed_fonts()} | style
    axis.set_ticks(positions, labels=[literal(name) for name in names], **style)


def shown_names(names: Sequence[str], longest: int = LONGEST_NAME) -> list[str]:
    """Names as a figure can show them: shortened, or numbers where no font has their letters.

    Example:
        >>> shown_names(["good", "a class with a very long name indeed"])
        ['good', 'a class with a ve… indeed']
    """
    if name_legend(names):
        return [str(number) for number in range(1, len(names) + 1)]
    return [_shorten(str(name), longest) for name in names]


def name_legend(names: Sequence[str]) -> str:
    """What the numbers of `shown_names` stand for, to set beside a figure; "" if it has none.

    Matplotlib's own font has no Chinese, Japanese, Korean, Thai or Indian letters, and a figure of
    empty boxes helps nobody. Where no font of `FONTS` that is installed has them all, the classes
    are numbered from 1 in the figure, and this text, shown by a browser or a terminal, names them.

    Example:
        >>> name_legend(["good", "schön", "добро"])
        ''
    """
    from matplotlib import font_manager

    fonts = [font_manager.get_font(_font_file(family)) for family in _installed_fonts()]
    for character in {c for name in names for c in str(name) if not c.isspace()}:
        if not any(font.get_char_index(ord(character)) for font in fonts):
            return ", ".join(f"{number} = {name}" for number, name in enumerate(names, start=1))
    return ""


def _installed_fonts() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [family for family in FONTS if family in installed]


def _font_file(family: str):
    from matplotlib import font_manager

    return font_manager.findfont(font_manager.FontProperties(family=family))


def _shorten(name: str, longest: int) -> str:
    """The beginning and the end: classes of one family often differ in their last word."""
    name = " ".join(name.split()) or "(no name)"
    return name if len(name) <= longest else f"{name[: longest - 7]}…{name[-7:]}".replace(" …", "…")

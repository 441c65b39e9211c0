"""The HTML of a report: everything of the user's is escaped, nothing is loaded from elsewhere."""

import base64
from collections.abc import Iterable, Mapping
from html import escape
from numbers import Integral, Real

from keras_bert_kit.evaluation.scores import NOT_DEFINED, as_score, columns_of, is_defined

SHOWN = 300  # of longer texts this many characters stand open, the rest folds out
MAXIMUM_FOLDED = 20_000  # a text of 100,000 tokens would make the file slow to open on a phone
PNG_START = b"\x89PNG\r\n\x1a\n"
STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #666; --line: #ddd; --box: #f6f6f4;
  --paper: #fff; --accent: #1f5fa8; --wrong: #c2571a; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --soft: #a0a0a0; --line: #444;
  --box: #242424; --paper: #181818; --accent: #7fb2ee; --wrong: #ee9d6c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 54rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.1rem; font-weight: 600; border-left: 4px solid var(--accent);
  background: var(--box); padding: .6rem .8rem; margin: .8rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { color: var(--soft); white-space: normal; vertical-align: bottom; overflow-wrap: normal; }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0;
  background: var(--paper); }
table.results td:nth-child(2) { font-weight: 600; }
table.results th:not(:first-child) { min-width: 7rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
figure { margin: 1rem 0; break-inside: avoid; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
@media (max-width: 30rem) { figure img { max-width: min(44rem, 200vw); } }
figcaption, .note { color: var(--soft); font-size: .9rem; }
.mistake { border-top: 1px solid var(--line); padding: .6rem 0; break-inside: avoid; }
.mistake p { margin: 0 0 .2rem; white-space: pre-wrap; }
.mistake .labels { color: var(--soft); font-size: .9rem; white-space: normal; }
.mistake b { color: var(--ink); } .mistake b.wrong { color: var(--wrong); }
summary { cursor: pointer; } details[open] > summary { color: var(--soft); }
details.text > div { white-space: pre-wrap; margin: .3rem 0; }
pre { background: var(--box); padding: .7rem; overflow-x: auto; font-size: .82rem;
  overflow-wrap: normal; }
pre.command { white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { max-width: none; font-size: 11pt; } .wide { overflow: visible; } }
"""


def page(report) -> str:
    """The whole page of a `report.Report`, as `report.write_report` writes it."""
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            f'<h1 dir="auto">{escape(report.title)}</h1>',
            f'<p class="verdict">{escape(report.verdict)}</p>',
            *_section("What was measured", _mapping(report.facts)),
            *_section("Results", _results(report.results)),
            *_section("Classes", _classes(report.classes)),
            *_section("Figures", "".join(_figure(*figure) for figure in report.figures)),
            *_section("Mistakes", _mistakes(report.mistakes)),
            *_section("Report", _preformatted(report.text_report)),
            *_section("How it was made", _preformatted(report.command, "command")),
            *_section("Options", _mapping(report.options)),
            "</body></html>\n",
        )
    )


def _section(heading: str, content: str) -> Iterable[str]:
    return (f"<section><h2>{heading}</h2>", content, "</section>") if content else ()


def _mapping(values: Mapping[str, object]) -> str:
    rows = (
        f'<dt>{escape(str(name))}</dt><dd dir="auto">{escape(_plain(value))}</dd>'
        for name, value in values.items()
    )
    return f"<dl>{''.join(rows)}</dl>" if values else ""


def _results(results: Mapping[str, Mapping]) -> str:
    if not results:
        return ""
    names = columns_of(results)
    rows = (
        (metric, *(str(as_score(found.get(name))) for name in names))
        for metric, found in results.items()
    )
    scores = [as_score(score) for found in results.values() for score in found.values()]
    notes = []
    if any(score.deviation is not None for score in scores):
        notes.append("± is the standard deviation between seeds")
    if any(score.low is not None for score in scores):
        notes.append("brackets hold the 95 % interval")
    note = f'<p class="note">{"; ".join(notes)}.</p>' if notes else ""
    return _table(("", *names), rows, "results") + note


def _classes(classes) -> str:
    if not classes:
        return ""
    columns = tuple(classes[0])
    for number, row in enumerate(classes, start=1):
        if tuple(row) != columns:
            raise ValueError(
                f"The rows of `classes` must have the columns {', '.join(columns)}; row {number} "
                f"has {', '.join(row)}."
            )
    return _table(
        columns, ([_measured(row[name]) for name in columns] for row in classes), "classes"
    )


def _table(header: Iterable[str], rows: Iterable[Iterable[str]], kind: str) -> str:
    head = "".join(f'<th dir="auto">{escape(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    return f'<td dir="auto">{escape(text)}</td>'


def _figure(caption: str, png: bytes) -> str:
    if not bytes(png).startswith(PNG_START):
        raise ValueError(
            f"The figure {caption!r} must be the bytes of a PNG; received {bytes(png)[:8]!r}."
        )
    # The header's first number is the width in pixels; figures are drawn at twice their size.
    width = int.from_bytes(png[16:20], "big") // 2
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><div class="wide"><img alt="{escape(caption)}" width="{width}" '
        f'src="data:image/png;base64,{data}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _mistakes(mistakes) -> str:
    return "".join(_mistake(mistake) for mistake in mistakes)


def _mistake(mistake) -> str:
    labels = (
        f"expected <b><bdi>{escape(str(mistake.expected))}</bdi></b>, predicted "
        f'<b class="wrong"><bdi>{escape(str(mistake.predicted))}</bdi></b>'
    )
    if mistake.confidence is not None:
        labels += f" with {mistake.confidence:.1%}"
    if mistake.number is not None:
        labels += f" · row {mistake.number}"
    texts = [mistake.text] if mistake.pair is None else [mistake.text, mistake.pair]
    return (
        f'<div class="mistake">{"".join(map(_clipped, texts))}<p class="labels">{labels}</p></div>'
    )


def _clipped(text: str) -> str:
    if not text.strip():
        return '<p class="labels">(empty text)</p>'
    if len(text) <= SHOWN:
        return f'<p dir="auto">{escape(text)}</p>'
    left = len(text) - MAXIMUM_FOLDED
    rest = f"\n… and {left:,} more characters, left out here" if left > 0 else ""
    return (
        f'<details class="text"><summary dir="auto">{escape(text[:SHOWN])}…</summary>'
        f'<div dir="auto">{escape(text[:MAXIMUM_FOLDED] + rest)}</div></details>'
    )


def _preformatted(text: str, kind: str = "") -> str:
    return f'<pre class="{kind}" dir="ltr">{escape(text)}</pre>' if text.strip() else ""


def _plain(value: object) -> str:
    """Six digits of a number, "-" where there is none."""
    if _is_fraction(value):
        return f"{value:.6g}" if is_defined(value) else NOT_DEFINED
    return NOT_DEFINED if value is None else str(value)


def _measured(value: object) -> str:
    """A cell of the table of classes: numbers as in the table of results."""
    return str(as_score(value)) if _is_fraction(value) else _plain(value)


def _is_fraction(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, Integral)

"""Small pieces of HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO

from matplotlib.figure import Figure

__all__ = ["bullets", "card", "escape", "figure_html", "light", "section", "table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """A table; the first columns hold text, the others numbers. Cells are escaped.

    Empty if there are no rows.
    """
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=text' if 0 < k < text_columns else ''}>{escape(cell)}</td>"
            for k, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    head = "".join(
        f"<th{' class=text' if 0 < k < text_columns else ''}>{escape(cell)}</th>"
        for k, cell in enumerate(header)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure_html(figure: Figure | None, name: str, caption: str) -> str:
    """A figure as an embedded SVG picture, so that it stays sharp and the page is one file."""
    if figure is None:
        return ""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    # An inch of the printed figure is 140 pixels wide at most: text as large as the page's.
    width = round(figure.get_figwidth() * 128)
    return (
        f'<figure id="{escape(name)}"><img alt="{escape(name)}" style="width: {width}px"'
        f' src="data:image/svg+xml;base64,{data}"><figcaption>{escape(caption)}</figcaption>'
        "</figure>"
    )


def card(name: str, value: str, note: str, colour: str = "") -> str:
    """One figure, large."""
    return (
        f'<div class="card {colour}"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}</div><div class="note">{escape(note)}</div></div>'
    )


def light(colour: str, text: str) -> str:
    """A line with a coloured light."""
    return f'<p><span class="light {colour}" title="{colour}"></span>{escape(text)}</p>'


def bullets(items: Iterable[str]) -> str:
    """A list of sentences; empty if there are none."""
    body = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{body}</ul>" if body else ""


def section(name: str, title: str, *parts: str) -> str:
    """A section; empty if it has no content."""
    content = "\n".join(part for part in parts if part)
    return f'<section id="{name}"><h2>{escape(title)}</h2>\n{content}</section>' if content else ""

"""Sections as text and as HTML."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable

from skdistill.report._sections import Section

_WIDTH = 88

_STYLE = """
<style>
.skdistill-report table {border-collapse: collapse; margin: 0.3em 0 0.8em}
.skdistill-report th, .skdistill-report td {
  padding: 0.15em 0.7em; text-align: right; white-space: nowrap}
.skdistill-report th:first-child, .skdistill-report td:first-child {text-align: left}
.skdistill-report thead th {border-bottom: 1px solid currentColor}
.skdistill-report h4 {margin: 0.6em 0 0}
.skdistill-report .verdict {font-weight: bold}
</style>
"""


def as_text(verdict: str, sections: Iterable[Section]) -> str:
    """The report for a terminal: the verdict, then tables in columns."""
    blocks = [textwrap.fill(verdict, _WIDTH)]
    for section in sections:
        lines = [section.title, *_columns([section.header, *section.rows])]
        lines += [textwrap.fill(note, _WIDTH) for note in section.notes]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([f"  {first}", *rest]).rstrip())
    return lines


def as_html(verdict: str, sections: Iterable[Section]) -> str:
    """The report for a notebook."""
    parts = [f'<p class="verdict">{html.escape(verdict)}</p>']
    for section in sections:
        parts.append(f"<h4>{html.escape(section.title)}</h4>")
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in section.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>"
            for row in section.rows
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>")
        parts.append("</table>")
        parts += [f"<p>{html.escape(note)}</p>" for note in section.notes]
    return f'<div class="skdistill-report">{_STYLE}{"".join(parts)}</div>'

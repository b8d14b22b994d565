"""The content as one HTML file: no script, no request, everything escaped.

A Content-Security-Policy in the page forbids all but its own style sheet, by digest, so that a
mistake here could still load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files

from shredder.certificate import qr
from shredder.certificate.content import (
    Banner,
    Block,
    Cell,
    Certificate,
    Commands,
    Digest,
    Facts,
    Inline,
    Kind,
    Paragraph,
    Section,
    Table,
    moment,
)

_INLINE = {
    Kind.PLAIN: "{}",
    Kind.NAME: "<bdi>{}</bdi>",
    Kind.MONO: "<code>{}</code>",
    Kind.STRONG: "<strong>{}</strong>",
    Kind.BREAK: "<br>",
}


def to_html(certificate: Certificate) -> bytes:
    """Render a self-contained page, in UTF-8."""
    style = _style(certificate.attestation_id)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    )
    sections = "\n".join(_section(n, each) for n, each in enumerate(certificate.sections, 1))
    title = escape(f"{certificate.title}: {certificate.attestation_id}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<h1>{escape(certificate.title)}</h1>
<p class="subtitle">{_cell(certificate.subtitle)}</p>
<p class="id">Attestation <code>{escape(certificate.attestation_id)}</code>, \
signed {escape(moment(certificate.issued).text)}</p>
</header>
{_banner(certificate.banner)}
{sections}
</main>
</body>
</html>
""".encode()


def _style(attestation_id: str) -> str:
    """The style sheet. An identifier has no character that means anything in a CSS string."""
    sheet = files("shredder.certificate").joinpath("style.css").read_text("utf-8")
    return sheet.replace("ATTESTATION-ID", attestation_id)


def _inline(part: Inline) -> str:
    return _INLINE[part.kind].format(escape(part.text))


def _cell(of: Cell) -> str:
    return "".join(map(_inline, of))


def _banner(of: Banner) -> str:
    words = "".join(f"<li>{escape(each)}</li>" for each in of.words)
    sentences = "".join(f"<p>{_cell(each)}</p>" for each in of.sentences)
    return (
        f'<section class="banner {"good" if of.good else "caution"}" aria-label="Outcome">'
        f'<ul class="words">{words}</ul>{sentences}</section>'
    )


def _section(number: int, of: Section) -> str:
    blocks = "\n".join(map(_block, of.blocks))
    return (
        f'<section aria-labelledby="s{number}">\n'
        f'<h2 id="s{number}">{number}. {escape(of.title)}</h2>\n{blocks}\n</section>'
    )


def _block(of: Block) -> str:
    match of:
        case Paragraph():
            return f"<p>{_cell(of.text)}</p>"
        case Facts():
            return _facts(of)
        case Table():
            return _table(of)
        case Commands():
            return f"<pre><code>{escape(chr(10).join(of.lines))}</code></pre>"
        case Digest():
            return (
                f'<figure class="digest">{qr.svg(of.text, "QR code of the digest beside it")}'
                f"<figcaption><p>{escape(of.caption)}</p>"
                f"<code>{escape(of.text)}</code></figcaption></figure>"
            )


def _facts(of: Facts) -> str:
    rows = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{_cell(answer)}</dd></div>" for term, answer in of.rows
    )
    return f'<dl class="facts">{rows}</dl>'


def _table(of: Table) -> str:
    """A table in a frame of its own, which scrolls where the screen is narrower."""
    numeric = [column.number for column in of.columns]
    head = "".join(
        f'<th scope="col"{_class(column.number)}>{escape(column.title)}</th>'
        for column in of.columns
    )
    bodies = []
    for group in of.groups:
        title = (
            f'<tr><th class="group" scope="rowgroup" colspan="{len(numeric)}">'
            f"{_cell(group.title)}</th></tr>"
            if group.title
            else ""
        )
        rows = "".join(_row(row, numeric) for row in group.rows)
        bodies.append(f"<tbody>{title}{rows}</tbody>")
    foot = f"<tfoot>{_row(of.total, numeric)}</tfoot>" if of.total else ""
    label = escape(of.caption)
    return (
        f'<div class="table" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead>{''.join(bodies)}{foot}"
        f"</table></div>"
    )


def _row(cells: tuple[Cell, ...], numeric: list[bool]) -> str:
    first, *rest = cells
    others = "".join(
        f"<td{_class(number)}>{_cell(each)}</td>"
        for each, number in zip(rest, numeric[1:], strict=True)
    )
    return f'<tr><th scope="row">{_cell(first)}</th>{others}</tr>'


def _class(number: bool) -> str:
    return ' class="number"' if number else ""

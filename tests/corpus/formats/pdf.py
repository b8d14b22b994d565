"""PDF with text in it, typeset by Typst: fonts are subsets, glyphs have numbers of their own."""

from __future__ import annotations

import json
import random

import typst

from tests.corpus.tables import Table


def pdf(rng: random.Random, table: Table) -> bytes:
    """A table, or a paragraph for each record."""
    if rng.random() < 0.5:
        cells = [f"[#{json.dumps(v, ensure_ascii=False)}]" for row in _shown(table) for v in row]
        body = f"#table(columns: {len(table.names)}, {', '.join(cells)})"
    else:
        body = "\n\n".join(
            " ".join(f"#{json.dumps(f'{n}: {v};', ensure_ascii=False)}" for n, v in r.items())
            for r in table.records()
        )
    page = "#set page(width: 60cm, height: 30cm)\n#set text(size: 9pt, hyphenate: false)\n"
    made: bytes = typst.compile((page + body).encode(), format="pdf")
    return made


def _shown(table: Table) -> list[tuple[str, ...]]:
    return [table.names, *table.rows] if table.header else list(table.rows)

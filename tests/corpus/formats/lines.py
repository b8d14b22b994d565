"""Text that people and programs write line by line."""

from __future__ import annotations

import json
import random
from urllib.parse import urlencode

from tests.corpus.tables import Kind, Table


def yaml(rng: random.Random, table: Table) -> str:
    """Scalars in double quotes, as JSON writes them, or plain where that is safe."""
    text = "respondents:\n"
    for record in table.records():
        mark = "  - "
        for name, value in record.items():
            plain = value.isalnum() and rng.random() < 0.9
            shown = value if plain else json.dumps(value, ensure_ascii=False)
            text += f"{mark}{name}: {shown}\n"
            mark = "    "
    return text


def ini(rng: random.Random, table: Table) -> str:
    blocks = []
    for number, record in enumerate(table.records()):
        lines = [f"{n} = {v.replace(chr(10), ' ')}" for n, v in record.items()]
        blocks.append("\n".join([f"[respondent.{number}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def log(rng: random.Random, table: Table) -> str:
    """Each record in a line of a log, now and then a line of something else between."""
    lines = []
    for number, record in enumerate(table.records()):
        stamp = f"2018-06-{1 + number // 1000 % 28:02}T10:{number // 60 % 60:02}:{number % 60:02}Z"
        pairs = " ".join(f"{n}={json.dumps(v, ensure_ascii=False)}" for n, v in record.items())
        lines.append(f"{stamp} INFO  survey.save[{rng.randrange(1000, 9999)}]: stored {pairs}")
        if rng.random() < 0.2:
            lines.append(f"{stamp} DEBUG pool.connection: {rng.randrange(20)} idle")
    return "\n".join(lines) + "\n"


def urlencoded(rng: random.Random, table: Table) -> str:
    lines = []
    for record in table.records():
        query = urlencode(record)
        lines.append(f'10.0.0.{rng.randrange(255)} - - "GET /save?{query}&v=2 HTTP/1.1" 200 17')
    return "\n".join(lines) + "\n"


def python_repr(rng: random.Random, table: Table) -> str:
    """All in one line, as print() and debuggers show it."""
    rows = [tuple(row) for row in table.native()]
    if rng.random() < 0.5:
        return repr(rows)
    return repr([dict(zip(table.names, row, strict=True)) for row in rows])


def prose(rng: random.Random, table: Table) -> str:
    """Records in a letter or a ticket: a sentence or two for each."""
    parts = [f"Dear all,\n\nas discussed, here are {len(table.rows)} of the answers.\n"]
    kinds = [column.kind for column in table.columns]
    for row in table.rows:
        words = []
        for kind, name, value in zip(kinds, table.names, row, strict=True):
            words.append(f'said "{value}"' if kind is Kind.TEXT else f"{name} {value}")
        parts.append("Next one: " + rng.choice((", ", "; ", " / ")).join(words) + ".\n")
    return "\n".join(parts) + "\nKind regards\n"

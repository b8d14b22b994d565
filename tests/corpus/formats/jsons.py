"""JSON in the shapes that programs give it."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

from tests.corpus.tables import Table


def _records(table: Table) -> list[dict[str, Any]]:
    names = table.names
    return [
        {n: v.isoformat() if isinstance(v, date) else v for n, v in zip(names, row, strict=True)}
        for row in table.native()
    ]


def array(rng: random.Random, table: Table) -> str:
    return json.dumps(
        _records(table), indent=rng.choice((1, 2, 4)), ensure_ascii=rng.random() < 0.5
    )


def one_line(rng: random.Random, table: Table) -> str:
    separators = rng.choice(((",", ":"), (", ", ": ")))
    return json.dumps(_records(table), separators=separators, ensure_ascii=rng.random() < 0.5)


def lines(rng: random.Random, table: Table) -> str:
    ascii_ = rng.random() < 0.5
    return "".join(json.dumps(r, ensure_ascii=ascii_) + "\n" for r in _records(table))


def nested(rng: random.Random, table: Table) -> str:
    """Each value an object of its own, below the record's parts; records by a running number."""
    records = [
        {
            "meta": {"n": n, "ok": True},
            "fields": [{"name": k, "value": v} for k, v in record.items()],
        }
        for n, record in enumerate(_records(table))
    ]
    whole = {"version": 2, "page": {"size": len(records)}, "data": {"respondents": records}}
    return json.dumps(whole, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5)

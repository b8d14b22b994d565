"""Base64 in the values of rows: what it says is found, of whatever type the column is."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

from backends.conformance import Row, records
from tests.backends.postgres.place import Place, examined, holding


def _token(record: Row) -> str:
    """Return a token as of JSON Web Tokens: three parts, not filled up."""
    said = [{"alg": "HS256"}, {"sub": record.respondent_id}]
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in said]
    return b".".join([*parts, b"x8Yb-1q_" * 5]).decode()


def _packed(record: Row) -> str:
    return base64.b64encode(gzip.compress(",".join(record).encode())).decode()


def _lines(record: Row) -> str:
    """Return lines of which the first one ends within the record's identifier."""
    said = f"what comes before takes up a part of it: {record.respondent_id}"
    return base64.encodebytes(said.encode()).decode()


# The type of a column; a value with a record in base64; how many records five such values hold.
IN_BASE64: dict[str, tuple[str, Callable[[Row], object], int]] = {
    "text": ("text", lambda each: base64.b64encode(",".join(each).encode()).decode(), 5),
    "lines": ("varchar", _lines, 5),
    "token": ("text", _token, 5),
    "packed": ("text", _packed, 5),
    "json": ("json", lambda each: json.dumps({"a": 1, "content": _packed(each)}), 5),
    "jsonb": ("jsonb", lambda each: json.dumps({"a": _lines(each)}), 5),
    "array": ("text[]", lambda each: ["x", _packed(each), "y"], 5),
    "bytea": ("bytea", lambda each: _token(each).encode(), 5),
    "none": ("text", lambda each: base64.b64encode(each.respondent_id.encode()[::-1]).decode(), 0),
}


def test_base64_within_values_is_looked_into(any_place: Place) -> None:
    for name, (kind, value, _) in IN_BASE64.items():
        any_place.sql(f'CREATE TABLE "{name}" (v {kind})')
        for each in records(5):
            any_place.sql(f'INSERT INTO "{name}" VALUES (%s::{kind})', value(each))
    with any_place.store() as store:
        for name, (*_, number) in IN_BASE64.items():
            found = examined(store, any_place.locator(name))
            assert found.gap is None, name
            told = [
                (there.records, there.foreign_records, there.partial) for there in found.holdings
            ]
            # Nobody takes a record out of base64.
            assert [(number, None, None)] * bool(number) == told, name


def test_base64_does_not_go_on_in_the_next_row(any_place: Place) -> None:
    """As in lines of a file, where it does: whatever is left of the first row shifts the second."""
    any_place.sql("CREATE TABLE t (v text)")
    for each in records(5):
        said = f"a remark of about so many words: {each.respondent_id}"
        any_place.sql(
            "INSERT INTO t VALUES (%s)", base64.b64encode(said.encode()).rstrip(b"=").decode()
        )
    with any_place.store() as store:
        assert 5 == holding(store, any_place.locator("t")).records

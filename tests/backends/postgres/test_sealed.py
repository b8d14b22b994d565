"""Sealed values in a table: the sweep looks into them while the key is to be had."""

from __future__ import annotations

import pytest

from backends.conformance import records
from backends.contract import Examination, Verdict
from backends.reference import ReferenceMatcher
from backends.sealedvalue import Cell, Values, to_text
from tests.backends.postgres.place import Place, unit

KEY = bytes(range(32))
IDS = [row.respondent_id for row in records(12)]


def swept(place: Place, at: str, *keys: bytes) -> Examination:
    with place.store() as store:
        return store.examine(unit(store, at), ReferenceMatcher(IDS, identities=keys))


@pytest.fixture
def at(any_place: Place) -> str:
    """A table in which nothing of the dataset stands in the clear."""
    any_place.sql("CREATE TABLE answers (id int, who bytea)")
    with Values(KEY) as values:
        for number, each in enumerate(IDS):
            sealed = values.seal(each, Cell("answers", "who", str(number)))
            any_place.sql("INSERT INTO answers VALUES (%s, %s)", number, sealed)
    return any_place.locator("answers")


def test_they_are_found_by_the_key(any_place: Place, at: str) -> None:
    found = swept(any_place, at, KEY)
    (holding,) = found.holdings
    assert (holding.records, holding.verdict) == (len(IDS), Verdict.COPY)
    assert "sealed" in holding.limitations


@pytest.mark.parametrize("kind", ["bytea", "text"])
@pytest.mark.parametrize("size", [1, 40])
def test_a_sealed_column_makes_no_table_a_mixed_one(any_place: Place, kind: str, size: int) -> None:
    any_place.sql(f"CREATE TABLE mails (id text, mail {kind})")
    with Values(KEY) as values:
        for each in IDS:
            sealed = values.seal(f"{each} again " * size, Cell("mails", "mail", each))
            value = sealed if kind == "bytea" else to_text(sealed)
            any_place.sql("INSERT INTO mails VALUES (%s, %s)", each, value)
    for strangers in (0, 1):
        (holding,) = swept(any_place, any_place.locator("mails"), KEY).holdings
        assert (holding.foreign_records, holding.limitations) == (strangers, ("sealed",))
        assert holding.partial is not None
        any_place.sql("INSERT INTO mails VALUES ('a stranger', NULL)")


def test_a_sealed_document_may_hold_others(any_place: Place) -> None:
    any_place.sql("CREATE TABLE files (id text, file bytea)")
    with Values(KEY) as values:
        file = "\n".join([*IDS, "a stranger"]).encode()
        any_place.sql(
            "INSERT INTO files VALUES (%s, %s)",
            IDS[0],
            values.seal(file, Cell("files", "file", IDS[0])),
        )
    (holding,) = swept(any_place, any_place.locator("files"), KEY).holdings
    assert holding.foreign_records is None


def test_without_it_they_are_a_gap(any_place: Place, at: str) -> None:
    found = swept(any_place, at)
    assert found.holdings == ()
    assert found.gap is not None
    assert found.gap.reason == "encrypted"

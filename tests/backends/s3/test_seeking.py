"""Objects whose containers are read at several places, by ranges."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest

from backends.errors import ChangedWhileRead
from backends.s3 import _content
from backends.s3._store import S3Store
from tests.backends.content.wrapping import stored_forward
from tests.backends.s3.conftest import MATCHER, Place, found, text, units


def test_a_container_is_read_by_ranges(versioned: Place) -> None:
    """Only the directory at the end of this archive says how long its members are."""
    body = stored_forward(a=text(1, 2), b=text(others=1), c=bytes(6 << 20))
    versioned.put("a.zip", body)
    store = versioned.open()
    (holding,) = found(store)
    assert (2, 1, len(body)) == (holding.records, holding.foreign_records, holding.size)
    (unit,) = units(store, versioned.name)
    assert store.examine(unit, MATCHER).gap is None


def test_a_stretch_of_another_content_is_never_taken(versioned: Place) -> None:
    version = versioned.put("k", b"one")
    store = versioned.open()
    assert isinstance(store, S3Store)
    bucket = store._bucket(versioned.name)
    with pytest.raises(ChangedWhileRead):
        _content._fetch(bucket, "k", version, {}, '"00000000000000000000000000000000"', 0, 2)
    etag = versioned.client.head_object(Bucket=versioned.name, Key="k")["ETag"]
    assert b"ne" == _content._fetch(bucket, "k", version, {}, etag, 1, 2)

"""Objects that are sealed to the dataset: files of age, and those under keys that are sent along."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import io
import os

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from backends.agefile import encrypted
from backends.contract import Examination, Unit
from backends.reference import ReferenceMatcher
from backends.s3 import _ranges
from backends.sealedvalue import KeyTree, Values, customer_key, identity
from tests.backends.s3.conftest import ABSENT, DESTROYED, IDS, Place, findings, order, results, text

KEY, OTHER = bytes(range(32)), bytes(32)


def examined(place: Place, *identities: bytes) -> Examination:
    store = place.open()
    matcher = ReferenceMatcher(private=IDS, identities=identities)
    (unit,) = (each for each in store.units(place.name) if isinstance(each, Unit))
    return store.examine(unit, matcher)


def put(place: Place, key: str, body: bytes, dataset: bytes = KEY) -> None:
    with Values(dataset) as values:
        place.put(key, body, **customer_key(values, key))


def test_an_object_under_a_derived_key_is_found_and_destroyed(versioned: Place) -> None:
    put(versioned, "a/secret.csv", text(1, 2, others=1))
    with pytest.raises(ClientError):
        versioned.client.get_object(Bucket=versioned.name, Key="a/secret.csv")
    (holding,) = examined(versioned, OTHER, KEY).holdings
    assert (2, 1) == (holding.records, holding.foreign_records)
    assert "sealed" in holding.limitations
    store = versioned.open()
    assert [DESTROYED] == results(store, [order(holding, whole=True)])
    assert [ABSENT] == findings(store, [order(holding, whole=True)])


@pytest.mark.parametrize("identities", [(), (OTHER,)], ids=["no key", "another's"])
def test_without_the_key_it_is_a_gap(plain: Place, identities: tuple[bytes, ...]) -> None:
    put(plain, "secret.csv", text(1))
    found = examined(plain, *identities)
    assert found.gap is not None
    assert "sse-c" == found.gap.reason
    assert () == found.holdings


def test_a_large_one_is_read_by_ranges(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ranges, "LARGE", 1 << 20)
    monkeypatch.setattr(_ranges, "PIECE", 1 << 20)
    body = text(1) + os.urandom(3 << 20).hex().encode() + b"\n" + text(2)
    put(plain, "large.csv", body)
    found = examined(plain, identity(KEY, KeyTree.made()))
    assert (None, len(body)) == (found.gap, found.bytes_read)
    assert [2] == [holding.records for holding in found.holdings]


def test_each_object_has_a_key_of_its_own() -> None:
    with Values(KEY) as values, Values(OTHER) as others:
        keys = [values.object_key(name) for name in ("a", "b", "")] + [others.object_key("a")]
        assert keys[0] == values.object_key("a")
    assert 4 == len(set(keys))
    assert {32} == set(map(len, keys))


def test_a_sealed_file_as_an_object(plain: Place) -> None:
    public = X25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()
    plain.put("survey.age", b"".join(encrypted(io.BytesIO(text(1, 2, 3)), public)))
    (holding,) = examined(plain, KEY).holdings
    assert (3, 0) == (holding.records, holding.foreign_records)
    assert "sealed" in holding.limitations
    gap = examined(plain).gap
    assert gap is not None
    assert "encrypted" == gap.reason

"""Sealed values are found by the dataset's key, wherever a copy of them lies."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from backends.agefile import encrypted
from backends.content import Reading, examine_stream
from backends.contract import Verdict
from backends.reference import ReferenceMatcher
from backends.sealedvalue import Cell, KeyTree, Values, identity, to_text

KEY, OTHER = bytes(range(32)), bytes(32)
IDS = [f"resp-{n:08d}" for n in range(300)]
VALUES = Values(KEY)


def read(data: bytes, *keys: bytes) -> Reading:
    return examine_stream(io.BytesIO(data), ReferenceMatcher(IDS, identities=keys))


def sealed(value: str | bytes, row: str = "1") -> bytes:
    return VALUES.seal(value, Cell("answers", "email", row))


def table(foreign: int = 0, *, shown: bool = True) -> bytes:
    """Rows whose mail is sealed; not `shown`: the identifier, and nothing of it in the clear."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "secret", "answer"])
    for each in IDS:
        cell = to_text(sealed("jane@example.org" if shown else each, each))
        writer.writerow([each if shown else "x", cell, "yes"])
    writer.writerows([f"else-{n:08d}", "none", "no"] for n in range(foreign))
    return out.getvalue().encode()


@pytest.mark.parametrize(
    ("wrap", "layers"),
    [
        (bytes, ("sealed-value",)),
        (gzip.compress, ("gzip", "sealed-value")),
        (lambda data: to_text(data).encode(), ("base64", "sealed-value")),
    ],
    ids=["bare", "in gzip", "in base64"],
)
def test_a_single_value(wrap: object, layers: tuple[str, ...]) -> None:
    reading = read(wrap(sealed(IDS[7])), OTHER, KEY)  # type: ignore[operator]
    assert (reading.evidence.records, reading.evidence.verdict) == (1, Verdict.COPY)
    assert (reading.reason, reading.layers, reading.limitations) == ("", layers, ("sealed",))


def test_a_document_in_a_value_is_opened() -> None:
    packed = gzip.compress("\n".join(IDS).encode())
    reading = read(sealed(packed), KEY)
    assert (reading.evidence.records, reading.layers) == (300, ("sealed-value", "gzip"))


@pytest.mark.parametrize("foreign", [0, 5])
def test_a_table_with_a_sealed_column_is_read_by_its_rows(foreign: int) -> None:
    reading = read(table(foreign), KEY)
    assert (reading.evidence.records, reading.foreign_records) == (300, foreign)
    assert (reading.reason, reading.limitations) == ("", ("sealed",))


def test_what_is_in_sealed_columns_alone_is_found() -> None:
    assert read(table(shown=False), KEY).evidence.records == 300


@pytest.mark.parametrize("keys", [(), (OTHER,)], ids=["no key", "another's"])
def test_without_the_key_it_is_a_gap(keys: tuple[bytes, ...]) -> None:
    for data in (sealed(IDS[0]), to_text(sealed(IDS[0])).encode(), table(shown=False)):
        reading = read(data, *keys)
        assert (reading.reason, reading.evidence.records) == ("encrypted", 0)
        assert reading.limitations == ()


def test_a_value_that_was_altered_is_a_gap() -> None:
    assert read(sealed(IDS[0])[:-1], KEY).reason == "damaged-container"


def test_what_is_under_a_records_own_key() -> None:
    """Opened by the tree; without one a gap; where the record's key is destroyed, nothing at all."""
    tree = KeyTree.made()
    with Values(KEY, KeyTree.unpacked(tree.packed())) as values:
        cell = Cell("answers", "email", "1")
        data = values.seal(IDS[0], cell, record="r1")
        path = values.path("r1")
    assert read(data, identity(KEY, tree)).evidence.records == 1
    assert read(data, KEY).reason == "encrypted"
    gone = read(data, identity(KEY, tree.without([path])))
    assert (gone.reason, gone.evidence.records, gone.evidence.foreign) == ("", 0, 0)


def test_a_tree_behind_the_key_does_not_hinder_sealed_files() -> None:
    public = X25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()
    data = b"".join(encrypted(io.BytesIO("\n".join(IDS).encode()), public))
    assert read(data, identity(KEY, KeyTree.made())).evidence.records == len(IDS)

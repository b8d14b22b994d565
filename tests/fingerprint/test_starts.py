"""What a catalogue keeps for anchor mode: the starts of tokens, and the binary forms of values."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from shredder.fingerprint import Role, catalogue, enrol, raw, starts
from shredder.fingerprint.keys import derive
from shredder.fingerprint.siphash import PADDING, siphash24
from tests.fingerprint.made import KEY, Table

KEYS = derive(KEY)


def read(path: Path, columns: tuple[str, ...], *rows: tuple[str, ...]) -> catalogue.Catalogue:
    roles = dict.fromkeys(columns, Role.PRIVATE)
    enrol([Table(columns, rows)], roles=roles, key=KEY, path=path)
    return catalogue.read(path, KEYS.seal)[0]


def hashed(start: bytes) -> np.uint64:
    text = np.frombuffer(start + bytes(PADDING), np.uint8)
    hashes = starts.mixed(starts.multipliers(KEYS), text, np.zeros(1, np.int64), len(start))
    return np.uint64(hashes[0])


def known(found: catalogue.Catalogue, start: bytes) -> bool:
    words = starts.unveiled(found.starts, KEYS)
    return bool(starts.passes(words, np.array([hashed(start)]))[0])


def test_a_catalogue_knows_the_first_bytes_of_its_tokens(tmp_path: Path) -> None:
    found = read(tmp_path / "f", ("id",), ("resp-0001112",), ("resp-77788899900",), ("tok12345",))
    assert found.start_lengths == (starts.SHORT, starts.LONG)
    for start in (b"resp-0001112", b"RESP-7778889", b"tok123"):
        assert known(found, start)
    for strange in (b"resp-0", b"tok124", b"resp-1234567"):
        assert not known(found, strange)


def test_the_filter_of_starts_tells_strangers(tmp_path: Path) -> None:
    names = [f"token-{n:09}" for n in range(300)]
    found = read(tmp_path / "f", ("id",), *((name,) for name in names))
    assert found.start_lengths == (starts.LONG,)
    assert all(known(found, name[: starts.LONG].encode()) for name in names)
    words = starts.unveiled(found.starts, KEYS)
    strange = np.array([hashed(b"other-%06d" % n) for n in range(3000)])
    assert starts.passes(words, strange).mean() < 0.05


def test_the_filter_of_starts_lies_under_a_veil(tmp_path: Path) -> None:
    one = read(tmp_path / "a", ("id",), ("resp-0001112",))
    two = read(tmp_path / "b", ("id",), ("resp-0001112",))
    assert (one.starts == two.starts).all()  # the same dataset has the same commitment
    other = read(tmp_path / "c", ("id",), ("resp-0001113",))
    assert not (one.starts == other.starts).any()
    plain = starts.unveiled(one.starts, KEYS)
    assert sum(int(word).bit_count() for word in plain) <= 3
    assert sum(int(word).bit_count() for word in one.starts) > 100


def test_the_hash_spreads() -> None:
    """Of starts that differ in little, few hashes share a word of the filter or its bits."""
    hashes = np.array([hashed(b"user%08d" % n) for n in range(4096)])
    for bits in (
        hashes >> np.uint64(52),
        hashes & np.uint64(63),
        hashes >> np.uint64(6) & np.uint64(63),
    ):
        counts = np.unique_counts(bits).counts
        assert counts.max() < 8 * counts.mean()
        assert counts.min() > 0.4 * counts.mean()


def test_uuids_are_enrolled_as_bytes_in_both_orders(tmp_path: Path) -> None:
    one = uuid.uuid4()
    found = read(tmp_path / "f", ("id",), (str(one),), (one.hex,))
    expected = sorted(siphash24(KEYS.raw, form) for form in (one.bytes, one.bytes_le))
    assert np.unique(found.raw).tolist() == expected
    assert set(found.raw_kinds.tolist()) == {catalogue.PRIVATE_TOKEN}
    assert sorted(found.raw_records.tolist()) == [0, 0, 1, 1]
    nil = "00000000-0000-0000-0000-000000000000"
    assert read(tmp_path / "g", ("id",), (nil,)).raw.size == 0


def test_whole_numbers_are_enrolled_in_the_bytes_they_need(tmp_path: Path) -> None:
    found = read(tmp_path / "f", ("id",), ("1234567890",), ("0981234567890.0",), ("9" * 25,))
    assert found.widths == (4, 5)
    assert found.raw.tolist() == sorted(
        siphash24(KEYS.raw, number.to_bytes(width, "little"))
        for number, width in ((1234567890, 4), (981234567890, 5))
    )
    assert set(found.raw_kinds.tolist()) == {catalogue.INTEGER}
    assert raw.of_number("1,234,567,890", "1234567890") == ()
    assert raw.of_number("000000000", "") == ()


def test_an_integer_of_a_person_is_not_kept(tmp_path: Path) -> None:
    table = Table(("id", "customer"), [("resp-0001112", "1234567890")])
    roles = {"id": Role.PRIVATE, "customer": Role.PERSON}
    enrol([table], roles=roles, key=KEY, path=tmp_path / "f")
    assert catalogue.read(tmp_path / "f", KEYS.seal)[0].raw.size == 0

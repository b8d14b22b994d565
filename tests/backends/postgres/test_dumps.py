"""What pg_dump of two versions writes, in each of its formats, is opened and read."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from backends.conformance import records, strangers
from backends.content import Reading, examine_stream
from tests.backends.postgres.place import DATASET, Place

# The options, and how many of the fixture's ten records can be told: scripts call lowrite() with
# what is in large objects.
FORMATS = {
    "plain": (["-Fp"], 8),
    "plain-gzip": (["-Fp", "-Z6"], 8),
    "custom": (["-Fc"], 10),
    "custom-unpacked": (["-Fc", "-Z0"], 10),
    "tar": (["-Ft"], 10),
    "directory": (["-Fd"], 10),
    "directory-unpacked": (["-Fd", "-Z0"], 10),
}


def dump(place: Place, *options: str) -> bytes:
    """Return the file; of a folder, a tar archive of it."""
    path = place.scratch / "dump"
    program, conninfo = place.server.bin_dir / "pg_dump", place.server.conninfo
    subprocess.run(
        [program, *options, "-f", path, "-d", f"{conninfo} dbname={place.name}"],
        env={"PGPASSWORD": place.server.password}, check=True,
    )  # fmt: skip
    try:
        return path.read_bytes() if path.is_file() else _tarred(path)
    finally:
        subprocess.run(["rm", "-r", path], check=True)


def _tarred(folder: Path) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(folder, "dump")
    return file.getvalue()


def examined(data: bytes) -> Reading:
    return examine_stream(io.BytesIO(data), DATASET)


@pytest.fixture
def filled(any_place: Place) -> Place:
    """Records 0 to 4 in a table; 5 in a comment, 6 and 7 in a large object, 8 packed in a value."""
    ids = [each.respondent_id for each in records(10)]
    any_place.plant("a", [*records(5), *strangers(3)])
    any_place.sql(f"COMMENT ON TABLE a IS 'from {ids[5]}'")
    any_place.sql("SELECT lo_from_bytea(0, %s)", gzip.compress("\n".join(ids[6:8]).encode()))
    any_place.sql("CREATE TABLE b (n int, v bytea, w bytea)")
    packed = gzip.compress(ids[8].encode())
    any_place.sql(
        "INSERT INTO b VALUES (1, %s, %s), (2, NULL, 'x')", packed, f"id\t{ids[9]}\n".encode()
    )
    return any_place


@pytest.mark.parametrize("form", FORMATS)
def test_a_dump_in_every_format_is_opened(filled: Place, form: str) -> None:
    options, told = FORMATS[form]
    reading = examined(dump(filled, *options))
    assert ("", told) == (reading.reason, reading.evidence.records)
    assert reading.foreign_records != 0


def test_a_cut_archive_is_a_gap_and_read_up_to_there(filled: Place) -> None:
    filled.plant("z", records(400)[10:])
    whole = dump(filled, "-Fc")
    seen = set()
    for end in range(len(whole) - 1, 40, -max(1, len(whole) // 40)):
        reading = examined(whole[:end])
        seen.add(reading.evidence.records)
        assert reading.reason == "damaged-container" or reading.evidence.records == 400, end
    assert len(seen) > 3


def test_a_newer_version_of_the_format_is_a_gap(filled: Place) -> None:
    data = bytearray(dump(filled, "-Fc"))
    data[6] = 99
    assert "container-not-opened" == examined(bytes(data)).reason


def test_numbers_that_are_too_large_are_damage(filled: Place) -> None:
    whole = dump(filled, "-Fc", "-Z0")
    for at in range(5, 600, 4):
        data = bytearray(whole)
        data[at] ^= 0xFF
        reading = examined(bytes(data))
        assert reading.reason or reading.evidence.verdict is not None, at

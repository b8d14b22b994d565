"""A mixed table of a Postgres that is written anew, and its free space after that, by one store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from backends.contract import Finding, Result, Technique
from tests.backends.postgres import leftovers
from tests.forensic.images import Kind, mounted

# From 16 on tables grow by blocks that are set aside, which no scrubbing reaches.
pytestmark = [pytest.mark.needs("root", "loop", "postgres-15")]

_EXT4 = Kind(("mkfs.ext4", "-q"), size=512 << 20)
_SETTINGS = {
    "fsync": "on",
    "logging_collector": "off",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
_STEP, _LAP = 16 << 20, 1 << 16


def in_image(file: Path) -> dict[str, int]:
    found: dict[str, set[bytes]] = {sort: set() for sort in "ENTI"}
    with file.open("rb") as raw:
        at = 0
        while data := raw.read(_STEP + _LAP):
            if any(data):
                for sort, seen in leftovers.canaries(data, "m").items():
                    found[sort] |= seen
            at += _STEP
            raw.seek(at)
    return {sort: len(seen) for sort, seen in found.items()}


def test_old_files_are_scrubbed_by_the_store_itself(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server runs as nobody
        with mounted(_EXT4, Path(folder)) as image:
            with leftovers.server(image.place, 15, **_SETTINGS) as place:
                leftovers.table(place, "mixed", [*leftovers.rows("m"), *leftovers.rows("s")])
                place.sql("CHECKPOINT")
                dataset = leftovers.enrolled_matcher(tmp_path)
                with place.store(
                    residue=True,
                    data_directory=str(place.server.data_directory),
                    scrub=True,
                    scrub_reserve="1MiB",
                ) as store:
                    planned = leftovers.orders(leftovers.looked(store, dataset)[0])
                    *before, last = planned
                    assert {order.technique.stage for order in before} == {0, 1}
                    assert last.technique is Technique.SCRUB_FREE_SPACE
                    _, answers = leftovers.carried_out(store, before, dataset)
                    assert {answer.finding for answer in answers} == {Finding.ABSENT}
                    (looked,) = store.verify([last], dataset)
                    assert looked.finding is Finding.RESIDUE
                    os.sync()
                    assert in_image(image.file)["E"] > leftovers.RECORDS // 2
                    (outcome,), (answer,) = leftovers.carried_out(store, [last], dataset)
                assert outcome.result is Result.DESTROYED
                assert answer.finding is Finding.ABSENT
                assert place.sql("SELECT count(*) FROM mixed") == [(leftovers.RECORDS,)]
                place.close()
                place.server.stop()
            image.unmount()
        assert in_image(image.file) == leftovers.NONE

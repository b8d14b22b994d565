"""Nothing of the dataset is left in the data directory: with SQL alone, and on the server's host.

Byte by byte: deleted rows, TOAST, indexes, statistics, large objects, the write-ahead log.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS


@pytest.mark.slow
@pytest.mark.parametrize("way", ["sql", "host"])
@pytest.mark.parametrize("version", VERSIONS, ids="postgres-{}".format)
def test_nothing_is_left_in_the_data_directory(
    tmp_path: Path, version: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "sql":  # the server's host is another one
        monkeypatch.setattr("backends.postgres.raw.access.host_files", lambda *_: None)
    dataset = leftovers.enrolled_matcher(tmp_path)
    with leftovers.server(tmp_path, version) as place, place.store(residue=True) as store:
        leftovers.planted(place)
        leftovers.assert_nothing_is_left(place, store, dataset, host=way == "host")

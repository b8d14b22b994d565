"""Servers of the versions between: what is in them is found, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.conformance import records
from tests.backends.postgres import leftovers, versions
from tests.backends.postgres.place import DATASET, OPERATOR, unit

pytestmark = pytest.mark.needs("postgres-packages")

RECORDS = 200
ID = records(1)[0].respondent_id
HOST = {13, 16}  # the others are reached by SQL alone


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return versions.installed(tmp_path_factory.mktemp("versions") / "packages")


def test_the_lock_holds_digests_and_no_addresses() -> None:
    text = (versions.FOLDER / "package-lock.json").read_text("utf-8")
    assert "http" not in text
    assert text.count('"integrity": "sha512-') == len(versions.VERSIONS)


@pytest.mark.parametrize("version", versions.VERSIONS, ids="postgres-{}".format)
def test_what_is_left_is_found_and_goes(
    programs: dict[int, Path], tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version not in HOST:  # the server's host is another one
        monkeypatch.setattr("backends.postgres.raw.access.host_files", lambda *_: None)
    dataset = leftovers.enrolled_matcher(tmp_path)
    with (
        leftovers.server(tmp_path, programs[version], wal_compression="on") as place,
        place.store(residue=True) as store,
    ):
        ((told,),) = place.sql("SELECT current_setting('server_version_num')::int / 10000")
        assert told == version
        leftovers.planted(place, RECORDS)
        place.plant("lost", leftovers.rows("m", RECORDS))
        place.sql("DELETE FROM lost")
        found = leftovers.assert_nothing_is_left(
            place, store, dataset, host=version in HOST, count=RECORDS
        )
        # These are found by nothing but their bytes.
        assert found[f"{place.name}/public.lost:pages"].records == RECORDS
        assert found["pg_wal"].records == RECORDS
        ((rows,),) = place.sql("SELECT count(*) FROM mixed")
        assert rows == RECORDS


@pytest.mark.parametrize("version", versions.VERSIONS, ids="postgres-{}".format)
def test_names_are_told_to_others_than_the_superuser(
    programs: dict[int, Path], tmp_path: Path, version: int
) -> None:
    with leftovers.server(tmp_path, programs[version]) as place:
        place.sql(f'CREATE TABLE "{ID}" ()')
        with place.store(user=OPERATOR) as store:
            seen = store.examine(unit(store, f"{place.name}/definitions"), DATASET)
    assert seen.gap is None
    assert [each.records for each in seen.holdings] == [1]

"""What lies in a server's files and no row shows: found, cleaned, and looked at again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Finding, Gap, Holding, Result, Technique
from backends.errors import CouldNotTell
from backends.postgres.raw import log, relations
from backends.postgres.raw.access import (
    Entry,
    Files,
    HostFiles,
    ServerFiles,
    host_files,
    is_servers,
)
from backends.postgres.residue.places import CATALOGUE, LOST, OTHERS, PAGES, SERVER, WAL
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import OPERATOR, Place

RECORDS = 300


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with leftovers.server(tmp_path, request.param) as place:
        yield place


def found(holdings: list[Holding], kind: str) -> list[str]:
    return [each.locator for each in holdings if each.kind == kind]


def test_what_others_have_deleted_is_found_cleaned_and_gone(place: Place, tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    place.plant("lost", [*leftovers.rows("m", RECORDS), *leftovers.rows("s", RECORDS)])
    place.sql("CREATE INDEX ON lost (respondent_id)")
    place.sql("ALTER TABLE lost ADD long text")
    place.sql("UPDATE lost SET long = repeat(respondent_id || ' ', 300)")
    place.sql("ANALYZE lost")
    place.sql("DELETE FROM lost WHERE email LIKE 'Em%'")
    place.sql("VACUUM lost")
    place.plant("clean", leftovers.rows("s", RECORDS))
    with place.store(residue=True) as store:
        holdings, gaps = leftovers.looked(store, dataset)
        assert gaps == []
        assert found(holdings, PAGES) == [f"{place.name}/public.lost:pages"]
        assert found(holdings, WAL) == ["pg_wal"]
        assert found(holdings, LOST) == found(holdings, OTHERS) == []
        assert f"{place.name}/pg_catalog.pg_statistic:pages" in found(holdings, CATALOGUE)
        (pages,) = (each for each in holdings if each.kind == PAGES)
        assert (pages.whole, pages.records) == (Technique.COMPACT, RECORDS)
        before = leftovers.counted(place.server.data_directory, "m")
        assert before["E"] == before["N"] == before["I"] == RECORDS
        planned = leftovers.orders(holdings)
        outcomes, answers = leftovers.carried_out(store, planned, dataset)
        assert {each.result for each in outcomes} == {Result.DESTROYED}
        assert {each.finding for each in answers} == {Finding.ABSENT}
        assert leftovers.counted(place.server.data_directory, "m") == dict.fromkeys("ENTI", 0)
        again, _ = leftovers.looked(store, dataset)
        assert again == []


def test_what_shared_catalogues_keep_is_found(place: Place, tmp_path: Path) -> None:
    """A comment on a role, and a setting of one, both gone since."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    gone = leftovers.row("m", 7)
    place.sql(f"COMMENT ON ROLE {OPERATOR} IS '{gone.respondent_id} {gone.email}'")
    place.sql(f"COMMENT ON ROLE {OPERATOR} IS NULL")
    place.sql(f"ALTER ROLE {OPERATOR} SET shredder.note = '{gone.respondent_id} {gone.email}'")
    place.sql(f"ALTER ROLE {OPERATOR} RESET shredder.note")
    with place.store(residue=True) as store:
        holdings, gaps = leftovers.looked(store, dataset)
        assert gaps == []
        named = {each.locator: each for each in holdings if each.kind == CATALOGUE}
        assert set(named) == {
            f"{place.name}/pg_catalog.{name}:pages"
            for name in ("pg_db_role_setting", "pg_shdescription")
        }
        planned = leftovers.orders(list(named.values()))
        assert len(planned) == 2
        outcomes, answers = leftovers.carried_out(store, planned, dataset)
    assert {each.result for each in outcomes} == {Result.DESTROYED}
    assert {each.finding for each in answers} == {Finding.ABSENT}


def test_what_catalogues_show_is_named(place: Place, tmp_path: Path) -> None:
    """Of a table and of a schema, which wait for a word, and of what no text tells of."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    said = [f"{each.respondent_id} {each.email}" for each in leftovers.rows("m", 3)]
    place.sql(f'CREATE TABLE "{said[0]}" ()')
    place.sql(f'CREATE SCHEMA "{said[1]}"')
    place.sql(f'CREATE ACCESS METHOD "{said[2]}" TYPE TABLE HANDLER heap_tableam_handler')
    with place.store(residue=True) as store:
        holdings, gaps = leftovers.looked(store, dataset)
    assert gaps == []
    named = {each.locator: (each.records, each.obstacle) for each in holdings if each.obstacle}
    assert named == {
        f"{place.name}/definitions": (2, "no-rewrite-of-definitions"),
        f"{place.name}/pg_catalog.pg_am:pages": (1, "server-files-not-cleaned"),
    }


def test_rows_that_are_there_are_no_residue(place: Place, tmp_path: Path) -> None:
    """They are a holding of their own, and so is what the log has of them."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    place.plant("kept", leftovers.rows("m", RECORDS))
    place.sql("CREATE INDEX ON kept (respondent_id)")
    place.sql("UPDATE kept SET answer = answer || '!'")
    with place.store(residue=True) as store:
        holdings, _ = leftovers.looked(store, dataset)
    assert found(holdings, PAGES) == []
    assert f"{place.name}/public.kept" in [each.locator for each in holdings]


def test_a_rewriting_that_did_not_happen_is_not_believed(place: Place, tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    place.plant("lost", leftovers.rows("m", RECORDS) + leftovers.rows("s", RECORDS))
    place.sql("DELETE FROM lost WHERE email LIKE 'Em%'")
    with place.store(residue=True) as store:
        holdings, _ = leftovers.looked(store, dataset)
        planned = leftovers.orders(holdings)
        # The file is another one, and rows were deleted in it since.
        place.sql("VACUUM FULL lost")
        place.fill("lost", leftovers.rows("m", RECORDS))
        place.sql("DELETE FROM lost WHERE email LIKE 'Em%'")
        answers = {
            order.technique: answer
            for order, answer in zip(planned, store.verify(planned, dataset), strict=True)
        }
    assert answers[Technique.COMPACT].finding is Finding.RESIDUE
    assert answers[Technique.COMPACT].numbers == {"records": RECORDS}
    assert answers[Technique.RECYCLE_WAL].finding is Finding.RESIDUE


def test_without_the_right_to_read_files_everything_of_them_is_a_gap(place: Place) -> None:
    with place.store(OPERATOR, residue=True) as store:
        gaps = [
            entry
            for scope in store.scopes()
            for entry in store.units(scope.name)
            if isinstance(entry, Gap) and entry.locator.endswith(":files")
        ]
    assert {(gap.scope, gap.reason) for gap in gaps} == {
        (place.name, "server-files-not-readable"),
        (SERVER, "server-files-not-readable"),
    }


def test_a_copy_of_the_directory_is_not_taken_for_it(place: Place, tmp_path: Path) -> None:
    place.sql("CHECKPOINT")
    copy = tmp_path / "copy"
    shutil.copytree(place.server.data_directory, copy, symlinks=True)
    place.sql("CHECKPOINT")
    assert not is_servers(place.connection, HostFiles(copy))
    assert is_servers(place.connection, HostFiles(place.server.data_directory))
    with place.store(residue=True, data_directory=str(copy)) as store:
        reasons = {
            entry.reason
            for scope in store.scopes()
            for entry in store.units(scope.name)
            if isinstance(entry, Gap)
        }
    assert reasons == {"data-directory-not-this-servers"}


def test_both_ways_to_the_files_give_the_same(place: Place) -> None:
    place.plant("t", leftovers.rows("s", RECORDS))
    place.sql("CHECKPOINT")
    host = host_files(place.connection)
    assert host is not None
    server = ServerFiles(place.connection)
    ((path,),) = place.sql("SELECT pg_relation_filepath('t')")
    folder = path.rpartition("/")[0]
    assert [e.path for e in host.walk(folder)] == [e.path for e in server.walk(folder)]
    size = host.size(path)
    assert size == server.size(path)
    assert host.read(path, 0, size or 0) == server.read(path, 0, size or 0) != b""
    assert host.read(path, 8192, 100) == server.read(path, 8192, 100)
    assert host.size("base/none") is server.size("base/none") is None
    assert host.read("base/none", 0, 10) == server.read("base/none", 0, 10) == b""
    host.close()


class Lacking:
    """The files of a server, without some of them."""

    def __init__(self, files: Files, *lacking: str) -> None:
        self._files, self._lacking = files, lacking

    def walk(self, below: str) -> Iterator[Entry]:
        return (each for each in self._files.walk(below) if not self._is_lacking(each.path))

    def size(self, path: str) -> int | None:
        return None if self._is_lacking(path) else self._files.size(path)

    def read(self, path: str, offset: int, size: int) -> bytes:
        return b"" if self._is_lacking(path) else self._files.read(path, offset, size)

    def close(self) -> None:
        self._files.close()

    def _is_lacking(self, path: str) -> bool:
        return path.startswith(self._lacking)


def test_what_was_not_there_to_be_read_is_no_absence(place: Place, tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    place.plant("t", leftovers.rows("m", RECORDS))
    place.sql("CHECKPOINT")
    ((oid, path),) = place.sql("SELECT 't'::regclass::oid, pg_relation_filepath('t')")
    host = host_files(place.connection)
    assert host is not None
    whole = relations.look_at(place.connection, host, oid, dataset)
    assert (whole.rows.records, whole.rest.reason) == (RECORDS, "")
    lacking = Lacking(host, path, "pg_wal/")
    both = relations.look_at(place.connection, lacking, oid, dataset)
    assert (both.rest.verdict, both.rest.reason) == (None, "changed-while-read")
    with pytest.raises(CouldNotTell):
        log.look_at_log(place.connection, lacking, dataset)
    host.close()


def test_a_table_that_is_written_anew_meanwhile_was_not_looked_at(place: Place) -> None:
    place.plant("t", leftovers.rows("m", RECORDS))
    place.sql("CHECKPOINT")
    ((oid,),) = place.sql("SELECT 't'::regclass::oid")

    class Rewriting(Lacking):
        def read(self, path: str, offset: int, size: int) -> bytes:
            if not rewritten:
                rewritten.append(True)
                place.sql("VACUUM FULL t")
            return super().read(path, offset, size)

    rewritten: list[bool] = []
    host = host_files(place.connection)
    assert host is not None
    seen = relations.look_at(place.connection, Rewriting(host, "nothing"), oid, leftovers.matcher())
    assert seen.rest.reason == "changed-while-read"
    host.close()


def test_a_file_that_no_relation_has_is_found(place: Place, tmp_path: Path) -> None:
    """As a server leaves it that dies in the transaction that made it."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    place.plant("t", leftovers.rows("m", RECORDS))
    place.sql("CHECKPOINT")
    ((path,),) = place.sql("SELECT pg_relation_filepath('t')")
    source = place.server.data_directory / path
    lost = source.with_name("99999")
    shutil.copyfile(source, lost)
    with place.store(residue=True) as store:
        holdings, _ = leftovers.looked(store, dataset)
    (held,) = (each for each in holdings if each.kind == LOST)
    assert (held.whole, held.obstacle) == (None, "server-files-not-cleaned")
    assert held.records == RECORDS

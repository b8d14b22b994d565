"""What cannot be reached, may not be read or makes no sense: said, and never read as absence."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.conformance import records, strangers
from backends.contract import CheckStatus, Context, Finding, Result, SourceSpec, Technique
from backends.errors import AccessDenied, BackendError, CouldNotTell, SettingError, Unreachable
from backends.postgres import BACKEND
from backends.postgres._session import Cluster
from backends.postgres._store import PostgresStore
from demo.servers.postgres import PostgresServer
from tests.backends.postgres.place import (
    DATASET,
    OPERATOR,
    Place,
    destroyed,
    examined,
    holding,
    order,
    unit,
    verified,
)

HERE = Context(Path(), Path())


def refusal(conninfo: str, **more: object) -> BackendError:
    store = BACKEND.open("warehouse", {"conninfo": conninfo, **more}, HERE)
    with pytest.raises(BackendError) as caught:
        store.scopes()
    with pytest.raises(type(caught.value)):
        assert store.identity
    assert [CheckStatus.FAILED] == [check.status for check in store.check()]
    store.close()
    assert "\n" not in caught.value.message
    return caught.value


def test_a_wrong_password_is_refused(new_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "not-the-password")
    error = refusal(new_place.server.conninfo)
    assert isinstance(error, AccessDenied)
    assert "store warehouse: the server refused the log-in" == error.message
    assert "PGPASSWORD" in error.hint


def test_no_password_is_refused(new_place: Place) -> None:
    assert isinstance(refusal(new_place.server.conninfo), AccessDenied)


def test_an_unknown_role_is_refused(new_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", new_place.server.password)
    assert isinstance(refusal(f"{new_place.server.conninfo} user=nobody_here"), AccessDenied)


@pytest.mark.parametrize(
    "conninfo", ["host=/nonexistent", "host=127.0.0.1 port=1", "host=no-such-host.invalid"]
)
def test_a_server_that_is_not_there_is_unreachable(conninfo: str) -> None:
    error = refusal(conninfo)
    assert isinstance(error, Unreachable)
    assert 8 == error.exit_code


def test_an_unknown_database_is_no_empty_one(
    new_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", new_place.server.password)
    assert isinstance(refusal(f"{new_place.server.conninfo} dbname=no_such"), CouldNotTell)


@pytest.mark.parametrize(
    "conninfo",
    [
        "host=db.example password=s3cret-word",
        "postgresql://me:s3cret-word@db.example/shop",
        "host=db.example sslpassword=s3cret-word",
    ],
)
def test_a_password_in_the_conninfo_is_refused_and_not_repeated(conninfo: str) -> None:
    with pytest.raises(SettingError) as caught:
        BACKEND.open("warehouse", {"conninfo": conninfo}, HERE)
    said = f"{caught.value!r} {caught.value.hint}"
    assert "s3cret-word" not in said
    assert "PGPASSWORD" in said


@pytest.mark.parametrize(
    "conninfo", ["no words here", "colour=red", "host='db", "postgresql://[x/"]
)
def test_a_conninfo_that_libpq_does_not_take_is_refused_and_not_repeated(conninfo: str) -> None:
    with pytest.raises(SettingError) as caught:
        BACKEND.open("warehouse", {"conninfo": conninfo}, HERE)
    assert conninfo not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_lock_time_out_of_nonsense_is_refused(seconds: int) -> None:
    with pytest.raises(SettingError, match="lock_timeout_s"):
        BACKEND.open("warehouse", {"conninfo": "", "lock_timeout_s": seconds}, HERE)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    return done.stdout.strip()


def test_importing_it_loads_no_driver() -> None:
    assert "[]" == run(
        "import sys, backends.postgres; print([m for m in sys.modules if 'psycopg' in m])"
    )


def test_a_missing_driver_is_named_with_what_to_install() -> None:
    said = run(
        "import sys; sys.modules['psycopg'] = None\n"
        "from pathlib import Path\n"
        "from backends.contract import Context\n"
        "from backends.errors import MissingDriver\n"
        "from backends.postgres import BACKEND\n"
        "try: BACKEND.open('w', {'conninfo': ''}, Context(Path(), Path()))\n"
        "except MissingDriver as error: print(error.message, '|', error.hint)\n"
    )
    assert "store w: psycopg is not installed | pip install 'shredder-toolkit[postgres]'" == said


def test_no_password_is_in_what_a_store_says_of_itself(new_place: Place) -> None:
    with new_place.store() as store:
        store.scopes()
        assert new_place.server.password not in repr(store)
        assert new_place.server.password not in store.identity


def test_the_identity_is_the_cluster_s_own(new_place: Place) -> None:
    ((number,),) = new_place.sql("SELECT system_identifier FROM pg_control_system()")
    with new_place.store(OPERATOR) as store:
        assert f"postgresql:{number}" == store.identity


def test_an_identity_that_is_withheld_has_a_stable_substitute(new_place: Place) -> None:
    new_place.sql("REVOKE EXECUTE ON FUNCTION pg_control_system FROM public")
    try:
        with new_place.store(OPERATOR) as first, new_place.store(OPERATOR) as second:
            assert first.identity == second.identity
            assert first.identity.startswith("postgresql-at:")
            assert first.scopes()
    finally:
        new_place.sql("GRANT EXECUTE ON FUNCTION pg_control_system TO public")


def test_a_table_that_is_locked_away_is_not_examined(new_place: Place) -> None:
    at = new_place.plant("t", records(3))
    with new_place.store(lock_timeout_s=1) as store:
        listed = unit(store, at)
        with new_place.connect() as other:
            other.execute("BEGIN")
            other.execute("LOCK TABLE t")
            with pytest.raises(CouldNotTell) as caught:
                store.examine(listed, DATASET)
    assert "lock-timeout" == caught.value.code
    assert '"t"' not in caught.value.message


def test_what_the_server_says_of_data_is_not_passed_on(new_place: Place) -> None:
    """A server's message quotes values: here a function fails with one in its text."""
    at = new_place.plant("t", records(3))
    new_place.sql(
        "CREATE FUNCTION leak(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN RAISE EXCEPTION 'failed at %', $1; END $$"
    )
    new_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    with new_place.store() as store:
        found = holding(store, new_place.locator("v"))
        assert 3 == holding(store, at).records
        new_place.sql("CREATE OR REPLACE VIEW w AS SELECT public.leak(email) FROM t")
        with pytest.raises(CouldNotTell) as caught:
            list(store.source(SourceSpec("warehouse", query="SELECT * FROM w")))
    assert "member" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    assert Technique.REFRESH_VIEW is found.whole


class Standby(PostgresServer):
    """A hot standby of another server."""

    def __init__(self, primary: PostgresServer, directory: Path) -> None:
        super().__init__(directory, bin_dir=primary.bin_dir)
        self.primary = primary
        self.password = primary.password

    def _initdb(self) -> None:
        source = f"{self.primary.conninfo} password={self.password}"
        self._run("pg_basebackup", "-D", str(self.data_directory), "-R", "-X", "stream",
                  "-c", "fast", "--no-sync", "-d", source)  # fmt: skip
        with (self.data_directory / "postgresql.auto.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self._socket}'\nhot_standby = on\n")


@contextlib.contextmanager
def standby_of(place: Place, directory: Path) -> Iterator[Standby]:
    with Standby(place.server, directory / "standby") as standby:
        yield standby


def test_a_standby_is_swept_and_left_alone(new_place: Place, tmp_path: Path) -> None:
    at = new_place.plant("t", records(3))
    with new_place.store() as store:
        identity = store.identity
    with standby_of(new_place, tmp_path) as standby:
        settings = dict(new_place.settings())
        settings["conninfo"] = str(settings["conninfo"]) + " " + standby.conninfo.split()[0]
        store = BACKEND.open("warehouse", settings, HERE)
        assert identity == store.identity
        assert all(scope.as_of for scope in store.scopes())
        found = holding(store, at)
        assert (None, None, "read-only-server") == (found.whole, found.partial, found.obstacle)
        assert 3 == found.records
        with new_place.store() as primary:
            wanted = order(holding(primary, at))
        outcome = destroyed(store, wanted)
        assert (Result.FAILED, "read-only-server") == (outcome.result, outcome.reason)
        assert Finding.RESIDUE is verified(store, wanted).finding
        assert CheckStatus.MISSING in {check.status for check in store.check()}
        store.close()
    assert 3 == len(new_place.rows("t"))


def test_the_doctor_names_what_is_missing(new_place: Place) -> None:
    new_place.sql("CREATE TABLE closed (a text)")
    new_place.plant("open", [])
    with new_place.store(OPERATOR) as store:
        checks = {check.what: check for check in store.check()}
    database = checks[f"database {new_place.name}"]
    assert CheckStatus.MISSING is database.status
    assert "1 cannot be read" in database.detail
    assert CheckStatus.MISSING is checks["durability"].status
    assert CheckStatus.OK is checks["writing"].status
    assert CheckStatus.MISSING is checks["statistics"].status
    assert "swap of this machine" in checks


def test_the_doctor_finds_no_database_that_matches(new_place: Place) -> None:
    with new_place.store(databases=["nothing-like-*"]) as store:
        assert CheckStatus.FAILED in {check.status for check in store.check()}


def test_an_examination_leaves_no_transaction_behind(new_place: Place) -> None:
    at = new_place.plant("t", records(3))
    with new_place.store() as store:
        examined(store, at)
        list(store.units(new_place.name))
        states = new_place.sql(
            "SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'shredder'"
        )
    assert [("idle",)] == states


def test_no_setting_of_ours_stays_in_a_session(new_place: Place) -> None:
    """Behind a pooler it would become someone else's."""
    show = "SELECT name, setting FROM pg_settings ORDER BY name"
    at = new_place.plant("t", [*records(3), *strangers(1)])
    conninfo = str(new_place.settings()["conninfo"])
    cluster = Cluster("warehouse", conninfo)
    with cluster.use() as connection:
        before = connection.execute(show).fetchall()
    with new_place.store() as store:
        wanted = order(holding(store, at))
        other = PostgresStore("warehouse", cluster)
        destroyed(other, wanted)
        assert other.identity == store.identity
    for database in ("", new_place.name):
        with cluster.use(database) as connection:
            assert before == connection.execute(show).fetchall()
    cluster.close()

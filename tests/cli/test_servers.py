"""Real servers that refuse, are down, vanish, or hold things with awkward names."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import COLUMNS, Record, as_csv, other_records, records
from tests.backends.s3.proxy import Answer, Pass, Proxy, Request
from tests.cli.gate import Gate
from tests.cli.operating import SURVEY, HereOperator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MINE, THEIRS = records(40), other_records(40)
AWKWARD_TABLE = 'answers"; DROP TABLE canteen; --'
# SeaweedFS takes no segment that is ".." and nothing else: this is as near as a key comes here.
AWKWARD_KEY = "tmp/\n../line\nbreak\r\n/ä b+c%2F.csv"
_numbers = itertools.count(1)


class Cellar:
    """A desk with a database and a bucket of its own on the servers that all tests share."""

    def __init__(
        self, folder: Path, postgres: PostgresServer, seaweedfs: SeaweedFS, tsa: TimestampAuthority
    ) -> None:
        self.postgres, self.seaweedfs = postgres, seaweedfs
        self.name = f"cellar-{next(_numbers)}"
        self.folder = folder
        folder.mkdir()
        secrets = folder.parent / "secrets"
        secrets.mkdir(mode=0o700)
        self.pgpass = postgres.pgpass(secrets / "pgpass")
        self.service = postgres.service_file(secrets / "pg_service.conf")
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        self.client: S3Client = seaweedfs.client()
        self.client.create_bucket(Bucket=self.name)
        self.operator = HereOperator(
            folder,
            {
                "PGSERVICEFILE": str(self.service),
                "PGPASSFILE": str(self.pgpass),
                **seaweedfs.environment(),
            },
        )
        self.operator.config.write_text(
            f"""
[stores.warehouse]
backend = "postgres"
conninfo = "service=warehouse dbname={self.name}"
databases = ["{self.name}"]

[stores.lake]
backend = "s3"
endpoint_url = "{seaweedfs.endpoint_url}"
buckets = ["{self.name}"]

[datasets.{SURVEY}]
sources = [{{ store = "warehouse", table = "public.survey" }}]
[datasets.{SURVEY}.columns]
respondent_id = "private"

[timestamp]
authorities = ["{tsa.url}"]
"""
        )
        self.fill("survey", MINE)
        self.fill("canteen", THEIRS)
        self.put("exports/survey.csv", MINE)
        for words in (["init"], ["enroll", SURVEY]):
            done = self.operator.run(*words)
            assert done.code == 0, done.err

    def connect(self, database: str = "") -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.postgres.conninfo, password=self.postgres.password,
            dbname=database or self.name, autocommit=True,
        )  # fmt: skip

    def fill(self, table: str, rows: list[Record]) -> None:
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in COLUMNS)
        name = sql.Identifier(table)
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
                for row in rows:
                    copy.write_row(row)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
            return connection.execute(query).fetchall()

    def put(self, key: str, rows: list[Record]) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=as_csv(rows).encode())

    def keys(self) -> list[str]:
        listing = self.client.list_objects_v2(Bucket=self.name)
        return [entry["Key"] for entry in listing.get("Contents", ())]

    def remove(self) -> None:
        for key in self.keys():
            self.client.delete_object(Bucket=self.name, Key=key)
        self.client.delete_bucket(Bucket=self.name)
        self.client.close()
        with self.connect("postgres") as connection:
            statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(self.name)))


@pytest.fixture
def cellar(
    tmp_path: Path, postgres: PostgresServer, seaweedfs: SeaweedFS, authority: TimestampAuthority
) -> Iterator[Cellar]:
    made = Cellar(tmp_path / "cellar", postgres, seaweedfs, authority)
    yield made
    made.remove()


def coverage(answer: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {entry["store"]: (entry["status"], entry["reason"]) for entry in answer["coverage"]}


def blind(
    cellar: Cellar, store: str, reasons: set[str], environment: dict[str, str] | None = None
) -> None:
    """Nobody takes a store that cannot be looked at for an empty one, and nothing is touched."""
    other = {"warehouse": "lake", "lake": "warehouse"}[store]
    for words in (["locate", SURVEY], ["destroy", SURVEY, "--yes"]):
        done = cellar.operator.run(*words, "--json", environment=environment)
        assert (done.code, done.json["outcome"]) == (8, "inconclusive"), done.out
        seen = coverage(done.json)
        assert seen[other] == ("examined", None)
        assert seen[store][0] == "unreachable"
        assert seen[store][1] in reasons
        assert {h["store"] for h in done.json["holdings"]} == {other}
    assert (
        done.error == f"not all of the stores could be examined, so nothing of {SURVEY} was touched"
    )
    assert len(cellar.rows("survey")) == len(MINE)
    assert cellar.keys() == ["exports/survey.csv"]


def told_by_the_doctor(
    cellar: Cellar, store: str, environment: dict[str, str] | None = None
) -> str:
    done = cellar.operator.run("doctor", "--json", environment=environment)
    assert done.code == 8
    checks = done.json["stores"][store]
    assert "failed" in {check["status"] for check in checks}
    return json.dumps(checks)


# --- Credentials --------------------------------------------------------------------------


def test_a_wrong_password_for_postgres(cellar: Cellar) -> None:
    wrong = cellar.pgpass.with_name("wrong")
    wrong.touch(mode=0o600)
    wrong.write_text("*:*:*:*:hunter2\n")
    by = {"PGPASSFILE": str(wrong)}
    blind(cellar, "warehouse", {"access-denied"}, by)
    told = told_by_the_doctor(cellar, "warehouse", by)
    assert "hunter2" not in told
    enrolled = cellar.operator.run("enroll", SURVEY, environment=by)
    assert enrolled.code == 8
    assert enrolled.hint


def test_a_wrong_key_for_s3(cellar: Cellar) -> None:
    by = {"AWS_SECRET_ACCESS_KEY": "hunter2hunter2"}
    blind(cellar, "lake", {"access-denied"}, by)
    assert "hunter2" not in told_by_the_doctor(cellar, "lake", by)


def test_a_key_for_s3_without_rights(cellar: Cellar) -> None:
    blind(cellar, "lake", {"access-denied"}, cellar.seaweedfs.environment("nobody"))


def test_no_credentials_for_s3(cellar: Cellar) -> None:
    cellar.operator.environment.pop("AWS_ACCESS_KEY_ID")
    cellar.operator.environment.pop("AWS_SECRET_ACCESS_KEY")
    blind(cellar, "lake", {"access-denied", "no-credentials"})


# --- Down, and gone -----------------------------------------------------------------------


def test_postgres_is_down(cellar: Cellar) -> None:
    cellar.service.write_text(f"[warehouse]\nhost={cellar.folder / 'nowhere'}\nuser=postgres\n")
    blind(cellar, "warehouse", {"unreachable"})
    told_by_the_doctor(cellar, "warehouse")


def test_s3_is_down(cellar: Cellar) -> None:
    cellar.operator.edit(cellar.seaweedfs.endpoint_url, "http://127.0.0.1:9")
    begun = time.monotonic()
    blind(cellar, "lake", {"unreachable"})
    told_by_the_doctor(cellar, "lake")
    assert time.monotonic() - begun < 45, "retries must end while somebody waits"


def test_postgres_vanishes_in_mid_sweep(cellar: Cellar) -> None:
    """Gone while the third of four tables is read: what was seen stands, the rest is unknown."""
    for table in ("zz_a", "zz_b"):
        cellar.fill(table, MINE[:5])
    behind = Path(cellar.postgres.conninfo.split("host=")[1].split()[0], ".s.PGSQL.5432")
    with tempfile.TemporaryDirectory() as short:  # a socket's path has 107 bytes
        with Gate(Path(short, ".s.PGSQL.5432"), behind, b"zz_a") as gate:
            text = cellar.service.read_text().replace(str(behind.parent), short)
            cellar.service.write_text(text)
            cellar.pgpass.write_text(f"*:*:*:*:{cellar.postgres.password}\n")
            done = cellar.operator.run("locate", SURVEY, "--json")
            assert gate.shut
        assert (done.code, done.json["outcome"]) == (8, "inconclusive")
        assert coverage(done.json)["warehouse"][0] in {"unreachable", "failed"}
        assert coverage(done.json)["lake"] == ("examined", None)
        blind(cellar, "warehouse", {"unreachable"})


def test_s3_vanishes_in_mid_sweep(cellar: Cellar) -> None:
    for number in range(6):
        cellar.put(f"exports/part-{number}.csv", MINE[:3])
    proxy = Proxy(cellar.seaweedfs.endpoint_url)
    cellar.operator.edit(cellar.seaweedfs.endpoint_url, proxy.url)
    read = itertools.count(1)

    def vanish(request: Request, forward: Pass) -> Answer | None:
        content = request.method == "GET" and "part-" in urlsplit(request.path).path
        if content and next(read) > 2:
            proxy.rule = lambda _request, _forward: None
            return None
        return forward()

    with proxy.lying(vanish):
        done = cellar.operator.run("locate", SURVEY, "--json")
        gone_for_good = next(read) > 2
    proxy.close()
    assert gone_for_good
    assert (done.code, done.json["outcome"]) == (8, "inconclusive")
    assert coverage(done.json)["lake"][0] == "unreachable"
    assert coverage(done.json)["warehouse"] == ("examined", None)


# --- Names --------------------------------------------------------------------------------


def test_names_that_are_traps(cellar: Cellar) -> None:
    """A table with quotes and a semicolon, a key with line breaks and `../`: they go, and they alone."""
    cellar.fill(AWKWARD_TABLE, MINE)
    cellar.put(AWKWARD_KEY, MINE)
    cellar.put("line", THEIRS)
    cellar.put(AWKWARD_KEY + ".bak", THEIRS)
    canteen = cellar.rows("canteen")
    listed = cellar.operator.run("locate", SURVEY)
    assert listed.code == 0
    assert len([line for line in listed.out.splitlines() if " copy " in line]) == 4
    done = cellar.operator.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete")
    assert {h["status"] for h in done.json["holdings"]} == {"destroyed-verified"}
    assert len(done.json["holdings"]) == 4
    assert cellar.rows(AWKWARD_TABLE) == []
    assert cellar.rows("survey") == []
    assert cellar.rows("canteen") == canteen
    left = cellar.client.list_objects_v2(Bucket=cellar.name)["Contents"]
    assert sorted(entry["Key"] for entry in left) == sorted(["line", AWKWARD_KEY + ".bak"])
    again = cellar.operator.run("destroy", SURVEY, "--yes", "--json")
    assert (again.code, again.json["holdings"]) == (0, [])


def test_a_source_that_is_not_there(cellar: Cellar) -> None:
    cellar.operator.edit('table = "public.survey"', 'table = "public.surveys"')
    done = cellar.operator.run("enroll", SURVEY, "--json")
    assert done.code == 2
    assert done.hint

"""Sealed values of a Postgres and sealed objects of a SeaweedFS: all stays, and nothing opens it.

Both servers' folders, the state directory and the key store lie on one image, the records come from
outside. The key is destroyed by the command, and then the raw image is searched: for the records,
for the key in every spelling, and for all that was derived from it. Memory and swap of this process
and of the servers lie outside of it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg.rows import dict_row

from backends.sealedvalue import customer_key
from backends.sealedvalue.postgres import ToSeal, opening, register
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from shredder.config import load
from shredder.keystores import KeyDestroyed
from shredder.sealing.keys import key_store, known_record, record_keys
from shredder.sealing.values import Cell, Values, values_of
from shredder.state import State
from tests.cli.keyed import FILES
from tests.cli.operating import SURVEY, HereOperator
from tests.forensic.images import Image, Kind, canary, mounted
from tests.forensic.test_keys import spellings

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "loop")]

RECORDS, SOME, OBJECTS = 20_000, 10, 40
VALUES, OWN, LINES, AGE, WITNESS = 1, 2, 3, 4, 9  # what sort of canary lies where
_KINDS = {
    "ext4": Kind(("mkfs.ext4", "-q"), size=288 << 20),
    "xfs": Kind(("mkfs.xfs", "-q"), size=320 << 20),
}
_LAKE = """
[stores.lake]
backend = "s3"
endpoint_url = "{}"
buckets = ["lake"]
"""


@dataclass
class World:
    """Two servers and an operator on one image."""

    image: Image
    postgres: PostgresServer
    lake: SeaweedFS
    operator: HereOperator

    @property
    def connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.postgres.conninfo, password=self.postgres.password)

    def run(self, *words: str | Path) -> None:
        done = self.operator.run(*words)
        assert done.code == 0, done.err

    def stop(self) -> None:
        """Have all that is in memory on the image, as far as it ever comes there."""
        self.postgres.close()
        self.lake.stop()
        self.image.unmount()


@dataclass(frozen=True)
class Everything:
    """Sealed values of rows, objects that are there and shut, and sealed bytes."""

    values: int
    shut: int
    sealed: bytes
    chosen: bytes


@pytest.fixture(params=["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # Postgres runs as nobody
        image = stack.enter_context(mounted(_KINDS[request.param], folder))
        settings = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
        postgres = stack.enter_context(PostgresServer(image.place / "pg", settings=settings))
        assert postgres.data_directory.is_relative_to(image.mount)
        lake = stack.enter_context(SeaweedFS(image.place / "weed"))
        operator = HereOperator(image.place, lake.environment())
        text = FILES.replace('erasure = "best-effort"\n', "")
        operator.config.write_text(text + _LAKE.format(lake.endpoint_url))
        made = World(image, postgres, lake, operator)
        made.run("init")
        made.run("key", "create", SURVEY)
        made.run("key", "records", SURVEY)
        yield made


def sealed_rows(world: World, values: Values) -> None:
    """A value in each of many rows, and in some of them another under the record's own key."""
    with world.connection as connection:
        register(connection, values)
        connection.execute("CREATE TABLE answers (id int PRIMARY KEY, mail bytea, note bytea)")
        with connection.cursor() as cursor, cursor.copy("COPY answers FROM STDIN") as copy:
            for number in range(RECORDS):
                mail, note = (Cell("answers", name, str(number)) for name in ("mail", "note"))
                own = ToSeal(canary(OWN, number), note, f"R-{number}")
                row = (ToSeal(canary(VALUES, number), mail), None if number % SOME else own)
                copy.write_row((number, *row))
        connection.execute("CREATE TABLE bare AS SELECT %s AS mail", (canary(WITNESS, 1),))


def sealed_objects(world: World, values: Values) -> None:
    """Objects under keys that are sent along; and one that this machine has sealed."""
    client = world.lake.client()
    client.create_bucket(Bucket="lake")
    for number in range(OBJECTS):
        each = range(number, RECORDS, OBJECTS)
        body = "".join(f"{line},{canary(LINES, line)}\n" for line in each).encode()
        sent: Any = customer_key(values, f"part-{number}.csv")
        client.put_object(Bucket="lake", Key=f"part-{number}.csv", Body=body, **sent)
    client.put_object(Bucket="lake", Key="bare.csv", Body=canary(WITNESS, 2).encode() * 9)
    client.close()
    outside = world.image.file.parent / "plain.csv"
    rows = (f"{number},{canary(AGE, number)}\n" for number in range(RECORDS))
    outside.write_text("row,answer\n" + "".join(rows))
    world.run("seal", SURVEY, outside, "--to", "lake:survey.age")
    world.run("seal", SURVEY, outside, "-o", "chosen.csv", "--columns", "answer", "--row", "row")


def secrets_of(world: World, values: Values) -> dict[str, bytes]:
    """The key in every spelling, what objects are under, and what records' own keys come from."""
    config = load(world.operator.config)
    state = State.open(config.state)
    keys = record_keys(config, state, SURVEY)
    store = key_store(config, state)
    with store.using(known_record(store, SURVEY).id) as given:
        found = spellings(bytes(given))
        tree = keys.tree(given)
    assert tree is not None
    for number in range(OBJECTS):
        found[f"object {number}"] = values.object_key(f"part-{number}.csv")
    return found | {"tree": bytes(tree.packed())[9:]}


def test_nothing_opens_what_servers_hold(world: World) -> None:
    outside = world.image.file.parent
    with values_of(SURVEY, world.operator.config) as values:
        sealed_rows(world, values)
        sealed_objects(world, values)
        wanted = secrets_of(world, values)
        rows = opening(values, "answers", row="id", columns={"mail", "note"}, then=dict_row)
        with world.connection as connection, connection.cursor(row_factory=rows) as cursor:
            (row,) = cursor.execute("SELECT * FROM answers WHERE id = 70").fetchall()
        assert row == {"id": 70, "mail": canary(VALUES, 70), "note": canary(OWN, 70)}
    world.run("open", SURVEY, "--from", "lake:survey.age", "-o", outside / "opened.csv")
    assert (outside / "opened.csv").read_bytes() == (outside / "plain.csv").read_bytes()
    subprocess.run(["sync", "-f", world.image.mount], check=True)
    assert world.image.counts({"raw": wanted["raw"]}) == {"raw": 2}, "it is there before"
    before = everything(world)
    assert (before.values, before.shut) == (RECORDS + RECORDS // SOME, OBJECTS)

    world.run("key", "destroy", SURVEY, "--yes")
    for words in (
        ("--from", "lake:survey.age"),
        ("chosen.csv", "--columns", "answer", "--row", "row"),
    ):
        refused = world.operator.run("open", SURVEY, *words, "-o", outside / "again.csv")
        assert (refused.code, (outside / "again.csv").exists()) == (6, False)
    with pytest.raises(KeyDestroyed), values_of(SURVEY, world.operator.config):
        pass
    assert everything(world) == before, "all is still there"
    world.stop()
    assert world.image.counts(wanted) == {}
    assert world.image.canaries() == {WITNESS: {1, 2}}, f"0 of {RECORDS} records in each"


def everything(world: World) -> Everything:
    """What the servers hold of what was sealed."""
    with world.connection as connection:
        ((values,),) = connection.execute(
            "SELECT count(*) FROM answers, unnest(ARRAY[mail, note]) AS each WHERE length(each) > 32"
        ).fetchall()
    client, shut = world.lake.client(), 0
    for number in range(OBJECTS):
        with pytest.raises(ClientError, match="must provide the customer key"):
            client.get_object(Bucket="lake", Key=f"part-{number}.csv")
        shut += 1
    sealed = client.get_object(Bucket="lake", Key="survey.age")["Body"].read()
    client.close()
    chosen = (world.image.place / "chosen.csv").read_bytes()
    return Everything(values, shut, sealed, chosen)

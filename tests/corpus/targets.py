"""Where cases are planted: a tree of files, a bucket, a database. What is planted is examined."""

from __future__ import annotations

import io
import itertools
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg

from backends import csv, files, postgres, s3
from backends.contract import Backend, Context, Examination, Matcher, Store, Unit
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from tests.corpus import relations
from tests.corpus.cases import Case, packed
from tests.corpus.tables import Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MEMORY = Path("/dev/shm")  # a tmpfs, where there is one
DUMPS = {"pg-dump-custom": "-Fc", "pg-dump-tar": "-Ft", "pg-dump-directory": "-Fd"}
_numbers = itertools.count()


class Target(Protocol):
    """A place of one backend's."""

    def store(self, case: Case) -> str:
        """Return the backend's name, and what a case is in it where there is a choice."""

    def examined(self, case: Case, matcher: Matcher) -> list[Examination]:
        """Plant a case, have everything that is there examined, and take it away again."""


@contextmanager
def scratch() -> Iterator[Path]:
    parent = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="corpus-", dir=parent) as name:
        yield Path(name)


def _examined(store: Store, matcher: Matcher) -> list[Examination]:
    units = [u for scope in store.scopes() for u in store.units(scope.name)]
    return [store.examine(unit, matcher) for unit in units if isinstance(unit, Unit)]


class Tree:
    """A folder of real files, by the backend ``files`` or ``csv``."""

    def __init__(self, folder: Path, name: str = "files") -> None:
        self._name = name
        backend: Backend = csv.BACKEND if name == "csv" else files.BACKEND
        self._root = folder / "root"
        self._root.mkdir(parents=True)
        context = Context(base=folder, state=folder / "state")
        self._store = backend.open("share", {"roots": ["root"]}, context)

    def store(self, case: Case) -> str:
        return self._name

    def examined(self, case: Case, matcher: Matcher) -> list[Examination]:
        path = self._root / case.file.name
        path.write_bytes(case.file.data)
        try:
            return _examined(self._store, matcher)
        finally:
            path.unlink()


class Bucket:
    """A bucket of its own on a real server, with credentials in the environment."""

    def __init__(self, server: SeaweedFS, client: S3Client, folder: Path) -> None:
        self._client = client
        self._name = f"corpus-{next(_numbers)}"
        client.create_bucket(Bucket=self._name)
        settings = {"endpoint_url": server.endpoint_url, "buckets": [self._name]}
        self._store = s3.BACKEND.open("lake", settings, Context(folder, folder))

    def store(self, case: Case) -> str:
        return "s3"

    def examined(self, case: Case, matcher: Matcher) -> list[Examination]:
        self._client.put_object(Bucket=self._name, Key=case.file.name, Body=case.file.data)
        try:
            return _examined(self._store, matcher)
        finally:
            self._client.delete_object(Bucket=self._name, Key=case.file.name)


class Database:
    """A database of its own on a real server."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self._name = f"corpus_{next(_numbers)}"
        with psycopg.connect(server.conninfo, password=server.password, autocommit=True) as link:
            link.execute(f"CREATE DATABASE {self._name}")
        passfile = folder / "pgpass"
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{server.password}\n")
        self._conninfo = f"{server.conninfo} dbname={self._name} passfile={passfile}"
        self._link = psycopg.connect(self._conninfo, autocommit=True)
        settings = {"conninfo": self._conninfo, "databases": [self._name]}
        self._store = postgres.BACKEND.open("warehouse", settings, Context(folder, folder))

    def store(self, case: Case) -> str:
        if isinstance(case.body, Table):
            return "postgres"
        return "postgres-large-object" if case.rng().random() < 0.5 else "postgres-bytea"

    def examined(self, case: Case, matcher: Matcher) -> list[Examination]:
        self.plant(case)
        try:
            return _examined(self._store, matcher)
        finally:
            self.clean()

    def plant(self, case: Case) -> None:
        if isinstance(case.body, Table):
            relations.SHAPES[case.format](case.rng(), self._link, case.body)
        elif self.store(case) == "postgres-large-object":
            relations.large_object(self._link, case.body.data)
        else:
            relations.file_in_bytea(self._link, case.body.data)

    def clean(self) -> None:
        self._link.execute("DROP SCHEMA IF EXISTS app CASCADE")
        self._link.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")

    def close(self) -> None:
        self._store.close()
        self._link.close()

    def dumped(self, case: Case) -> Case:
        """Return a table's case as a file that pg_dump makes, in one of its own formats."""
        self.plant(case)
        rng = case.rng()
        form = rng.choice(list(DUMPS))
        try:
            with scratch() as folder:
                self._pg_dump(DUMPS[form], folder / "dump")
                body = (
                    (folder / "dump").read_bytes()
                    if (folder / "dump").is_file()
                    else _tarred(folder)
                )
        finally:
            self.clean()
        return replace(case, format=form, body=packed(rng, body))

    def _pg_dump(self, option: str, path: Path) -> None:
        program = self._server.bin_dir / "pg_dump"
        subprocess.run([program, option, "-f", path, "-d", self._conninfo], check=True)


def _tarred(folder: Path) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(folder / "dump", "dump")
    return file.getvalue()

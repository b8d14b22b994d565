"""The judge over all backends: the same files in a tree, a bucket and a database; tables; dumps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from tests.corpus import cases
from tests.corpus.judge import Answer, Enrolled, answer, named
from tests.corpus.targets import Bucket, Database, Tree

FILES = (cases.COPY, cases.DECOY)
TABLES = (cases.TABLE_COPY, cases.TABLE_DECOY)


# pg_dump writes what a view is computed from, and the rows of that are gone here.
_NOT_DUMPED = frozenset({"materialised-view"})


def run(
    s3: SeaweedFS,
    postgres: PostgresServer,
    folder: Path,
    seeds: Sequence[int],
    files: int,
    tables: int,
) -> Iterator[Answer]:
    """Judge so many copies and as many decoys: files in each store, and tables with their dumps.

    The credentials of `s3` are in the environment.
    """
    enrolled = Enrolled(folder)
    client = s3.client()
    database = Database(postgres, folder)
    tree = Tree(folder / "files")
    targets = (tree, Tree(folder / "csv", "csv"), Bucket(s3, client, folder), database)
    for seed in seeds:
        for kind in FILES:
            for name in named(seeds, seed, kind, files):
                case = cases.make(seed, name)
                for target in targets:
                    yield answer(case, target, enrolled)
        for kind in TABLES:
            for name in named(seeds, seed, kind, tables):
                case = cases.make(seed, name)
                yield answer(case, database, enrolled)
                if case.format not in _NOT_DUMPED:
                    yield answer(database.dumped(case), tree, enrolled)
    database.close()
    client.close()

"""The demo's world: one survey scattered over real stores, among things that must survive.

::

    world = World.plant(directory, postgres, s3)
    before = world.snapshot_decoys()
    …                                       # shredder destroy survey-2018-05
    assert world.snapshot_decoys() == before
    assert sum(world.count_survivors().values()) == 0

What is counted here is counted by other means than shredder's: psycopg and COPY, boto3, grep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo._buckets import Buckets
from demo._files import FileTrees
from demo._postgres import Cluster
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.survey import NAME, ROLES, TITLE, Record, other_records, records

RECORDS = 20_000
OTHERS = 5_000


@dataclass(frozen=True, slots=True)
class Planted:
    """One holding as it was planted."""

    store: str  # the name in shredder.toml
    what: str  # for people
    records: int


@dataclass(frozen=True)
class World:
    """The planted stores. The servers stay the caller's to stop."""

    directory: Path
    postgres: PostgresServer
    s3: SeaweedFS
    survey: Sequence[Record]
    cluster: Cluster
    buckets: Buckets
    trees: FileTrees

    @classmethod
    def plant(
        cls,
        directory: Path,
        postgres: PostgresServer,
        s3: SeaweedFS,
        *,
        count: int = RECORDS,
        with_undecidable: bool = False,
    ) -> World:
        """Fill two running, empty servers and two new folders in `directory`.

        `with_undecidable` adds a log and an S3 object that hold records among foreign lines and
        cannot be parted, and an unfinished upload whose parts nobody can read: with them a run's
        outcome is not complete until the operator decides.
        """
        survey, others = records(count), other_records(OTHERS)
        cluster, buckets, trees = Cluster(postgres), Buckets(s3.client()), FileTrees(directory)
        trees.plant(survey, others, with_undecidable=with_undecidable)
        cluster.plant(survey, others)
        buckets.plant(survey, others, with_undecidable=with_undecidable)
        return cls(directory, postgres, s3, survey, cluster, buckets, trees)

    def holdings(self) -> list[Planted]:
        """Every holding that was planted, and how many records it has.

        Not counted: the second name of a file, a delete marker and an unfinished upload, which
        have no content of their own that could be examined.
        """
        found = [
            Planted("warehouse", ".".join(place), count)
            for place, count in self.cluster.holdings.items()
        ]
        large = self.cluster.large_object
        found.append(
            Planted("warehouse", f"large object {large}", self.cluster.large_object_records)
        )
        found += [
            Planted("lake", f"{bucket}/{key!r}", count)
            for (bucket, key, _), count in self.buckets.holdings.items()
        ]
        seen: set[int] = set()
        for path, count in self.trees.holdings.items():
            if (inode := path.stat().st_ino) in seen:
                continue
            seen.add(inode)
            store = "exports" if self.trees.exports in path.parents else "share"
            name = str(path.relative_to(self.directory)).encode("utf-8", "surrogateescape")
            found.append(Planted(store, name.decode("utf-8", "backslashreplace"), count))
        return found

    def snapshot_decoys(self) -> dict[str, str]:
        """Digest everything in the stores that is no holding, by what it is.

        Files with owner, mode, time and extended attributes; relations and large objects by
        their rows; object versions, markers and uploads with their identity. Of mixed holdings,
        the foreign part. Whatever is new in a store shows as well.
        """
        return self.trees.decoys() | self.cluster.decoys() | self.buckets.decoys()

    def count_survivors(self) -> dict[str, int]:
        """Count what is left of the survey, in every place of every store."""
        ids = "".join(f"{row.respondent_id}\n" for row in self.survey).encode()
        return self.trees.survivors(ids) | self.cluster.survivors() | self.buckets.survivors()

    def configuration(self, authorities: Sequence[str] = ()) -> str:
        """Return a ``shredder.toml`` for these stores, to lie in `directory`. Holds no secret."""
        roles = "".join(f'{column} = "{role}"\n' for column, role in ROLES.items())
        urls = ", ".join(f'"{url}"' for url in authorities)
        return (
            '[stores.warehouse]\nbackend = "postgres"\nconninfo = "service=warehouse"\n\n'
            f'[stores.lake]\nbackend = "s3"\nendpoint_url = "{self.s3.endpoint_url}"\n'
            'buckets = ["*"]\n\n'
            '[stores.share]\nbackend = "files"\nroots = ["share"]\n\n'
            '[stores.exports]\nbackend = "csv"\nroots = ["exports"]\n\n'
            f'[datasets.{NAME}]\ntitle = "{TITLE}"\n'
            'basis = "gdpr-art-17-1-d"\n'
            'sources = [{ store = "warehouse", table = "public.survey_2018_05" }]\n\n'
            f"[datasets.{NAME}.columns]\n{roles}\n"
            f"[timestamp]\nauthorities = [{urls}]\n"
        )

    def environment(self, directory: Path) -> Mapping[str, str]:
        """Write libpq's files to `directory` and return the variables that lead to the stores.

        `directory` must not be in one of the stores: a password is in it (mode 0600).
        """
        passfile = self.postgres.pgpass(directory / "pgpass")
        service = self.postgres.service_file(directory / "pg_service.conf")
        return {
            "PGSERVICEFILE": str(service),
            "PGPASSFILE": str(passfile),
            **self.s3.environment(),
        }

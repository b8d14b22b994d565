"""A cluster as a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from backends.contract import (
    Check,
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Scope,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
    Verification,
)
from backends.errors import SettingError, Vanished
from backends.postgres import _catalog, _check, _destroy, _examine, _source, _verify
from backends.postgres._session import Cluster, parse_conninfo

BLIND_SPOTS = (
    "postgres-wal",
    "postgres-dead-tuples",
    "postgres-freed-blocks",
    "postgres-server-log",
    "postgres-query-texts",
    "postgres-standbys",
    "postgres-backups",
    "postgres-system-catalogs",
    "postgres-uncommitted-transactions",
)
_TRAITS = Traits(
    batch=64,
    concurrency=4,
    techniques=frozenset(
        {
            Technique.TRUNCATE,
            Technique.DELETE_ROWS,
            Technique.REFRESH_VIEW,
            Technique.UNLINK_LARGE_OBJECT,
        }
    ),
    blind_spots=BLIND_SPOTS,
    portable=True,
)


@dataclass(frozen=True)
class PostgresStore:
    """See :class:`backends.contract.Store`. Connects at first use."""

    name: str
    cluster: Cluster
    databases: tuple[str, ...] = ("*",)
    choice: _catalog.Choice = field(default_factory=_catalog.Choice)
    traits: Traits = _TRAITS

    @property
    def identity(self) -> str:
        """``postgresql:`` and the cluster's system identifier; may connect, and so may raise."""
        return self.cluster.identity

    def scopes(self) -> Sequence[Scope]:
        """Return the databases."""
        return _catalog.scopes(self.cluster, self.databases)

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield what a database holds."""
        if not _catalog.database_exists(self.cluster, scope):
            raise Vanished(f"store {self.name}: there is no database {scope}")
        yield from _catalog.units(self.cluster, scope, after, self.choice)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one unit."""
        return _examine.examine(self.cluster, unit, matcher)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return True: only a transaction alters a relation, and each moves the state."""
        del unit, matcher
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: indexes, TOAST and statistics go with their relation."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Truncate, delete rows, refresh views, unlink large objects."""
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        return _destroy.destroy(self.cluster, orders, matcher)

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look at rows and statistics again."""
        return _verify.verify(self.cluster, orders, matcher)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open a table or a query of the database that conninfo names."""
        return _source.open_source(self.cluster, spec)

    def check(self) -> Iterator[Check]:
        """Say what is reachable and which rights are there."""
        return _check.check(self.cluster, self.databases)

    def close(self) -> None:
        """Close the connections."""
        self.cluster.close()


def open_store(name: str, settings: Mapping[str, object]) -> PostgresStore:
    """Open a store from its settings; see `PostgresBackend.open`."""
    conninfo = str(settings["conninfo"])
    parse_conninfo(name, conninfo)
    seconds = cast("int", settings.get("lock_timeout_s", 5))
    if not 0 < seconds <= 3600:
        raise SettingError(
            f"store {name}: lock_timeout_s is {seconds}", hint="give 1 to 3600 seconds"
        )
    databases = cast("Sequence[str]", settings.get("databases", ["*"]))
    choice = _catalog.Choice(
        tuple(cast("Sequence[str]", settings.get("exclude", []))),
        tuple(cast("Sequence[str]", settings.get("foreign_tables", []))),
    )
    return PostgresStore(name, Cluster(name, conninfo, seconds), tuple(databases), choice)

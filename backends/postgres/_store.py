"""A cluster as a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
    Tell,
    Traits,
    Unit,
    Verification,
    untold,
)
from backends.errors import SettingError, Vanished
from backends.fsops import swap
from backends.postgres import _catalog, _check, _destroy, _examine, _source, _verify
from backends.postgres._session import Cluster, parse_conninfo
from backends.postgres.raw import places
from backends.postgres.residue import logs, missing
from backends.postgres.residue.companions import companions
from backends.postgres.residue.places import LOG, MISSING, SERVER, Residue, Rewrite

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
    "memory-of-servers",
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
            Technique.REMOVE_COMMENTS,
            Technique.DROP_DEFINITIONS,
            Technique.COMPACT,
            Technique.REWRITE_CATALOGUE,
            Technique.RESET_STATISTICS,
            Technique.REMOVE_LOG,
            Technique.RECYCLE_WAL,
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
    residue: Residue = field(default_factory=Residue)
    traits: Traits = field(default_factory=lambda: swap.named(_TRAITS))

    @property
    def identity(self) -> str:
        """``postgresql:`` and the cluster's system identifier; may connect, and so may raise."""
        return self.cluster.identity

    def scopes(self) -> Sequence[Scope]:
        """Return the databases, and the server itself where residue of it is looked for."""
        found = _catalog.scopes(self.cluster, self.databases)
        if not self.residue.wanted:
            return found
        if any(scope.name == SERVER for scope in found):
            raise SettingError(
                f"store {self.name}: a database is called {SERVER}, as the server itself is",
                hint="leave it out of `databases`, or rename it",
            )
        return [*found, Scope(SERVER, found[0].as_of if found else "")]

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield what a database, or the server beside them, holds."""
        if self.residue.wanted and scope == SERVER:
            yield from logs.units(self.cluster, after)
            yield from self._places(scope, after)
            return
        if not _catalog.database_exists(self.cluster, scope):
            raise Vanished(f"store {self.name}: there is no database {scope}")
        yield from _catalog.units(self.cluster, scope, after, self.choice)
        yield from missing.units(self.cluster, scope, after, self.choice)
        if self.residue.wanted:
            yield from self._places(scope, after)

    def _places(self, scope: str, after: str) -> Iterator[Unit | Gap]:
        return places.units(self.cluster, scope, after, self.residue, self.choice)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one unit."""
        if unit.kind in places.KINDS:
            return places.examine(self.cluster, unit, self.residue, matcher)
        if unit.kind == MISSING:
            return missing.examine(self.cluster, unit, self.residue, matcher)
        if unit.kind == LOG:
            return logs.examine(self.cluster, unit, matcher, self.residue.data_directory)
        return _examine.examine(self.cluster, unit, matcher, residue=self.residue.wanted)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return True: only a transaction alters a relation, and each moves the state."""
        del unit, matcher
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield where bytes of the holdings will be left, if the store goes after these.

        Indexes, TOAST and statistics go with their relation.
        """
        del matcher
        if self.residue.wanted:
            yield from companions(self.cluster, self.residue, holdings)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Truncate, delete rows, refresh views, unlink large objects; then what is left of them."""
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        return _destroy.destroy(self.cluster, orders, matcher, self.residue)

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look at rows, statistics and what may be left of them again."""
        return _verify.verify(self.cluster, self.residue, orders, matcher)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open a table or a query of the database that conninfo names."""
        return _source.open_source(self.cluster, spec)

    def check(self) -> Iterator[Check]:
        """Say what is reachable and which rights are there."""
        return _check.check(self.cluster, self.databases, self.residue)

    def close(self) -> None:
        """Close the connections."""
        self.cluster.close()


def open_store(
    name: str, settings: Mapping[str, object], state: Path, tell: Tell = untold
) -> PostgresStore:
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
    cluster = Cluster(name, conninfo, seconds, tell)
    return PostgresStore(name, cluster, tuple(databases), choice, _residue(name, settings, state))


def _residue(name: str, settings: Mapping[str, object], state: Path) -> Residue:
    wanted, way = bool(settings.get("residue", False)), settings.get("rewrite")
    directory = str(settings.get("data_directory", ""))
    for setting in ("rewrite", "data_directory"):
        if setting in settings and not wanted:
            raise SettingError(
                f"store {name}: {setting} is set, and residue is not",
                hint=f"add residue = true, or leave {setting} out",
            )
    try:
        rewrite = Rewrite(str(way)) if way else Rewrite.EXCLUSIVE
        return Residue(wanted, rewrite, directory, state / "postgres")
    except ValueError:
        raise SettingError(
            f"store {name}: there is no such way to rewrite", hint="exclusive, online or none"
        ) from None

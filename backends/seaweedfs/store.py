"""The store of a SeaweedFS's buckets, and round it what the server keeps of deleted objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backends.contract import (
    Check,
    CheckStatus,
    CoverageStatus,
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Scope,
    Store,
    Technique,
    Tell,
    Traits,
    Unit,
    Verdict,
    Verification,
    strongest,
    untold,
)
from backends.errors import BackendError, Vanished
from backends.seaweedfs._http import Server
from backends.seaweedfs._look import Files
from backends.seaweedfs._place import SCOPE, Place
from backends.seaweedfs._places import ChangeLog, EntryStore, Volumes
from backends.seaweedfs._server_log import NAMES_LOGGED, ServerLog
from backends.seaweedfs.settings import ServerSettings
from backends.wrappers import Selected, Wrapper

_NOTHING = frozenset({"no-such-bucket", "no-matching-bucket"})
_WILDCARDS = frozenset("*?[")  # in a pattern of names; no bucket has them


class ResidueStore(Wrapper):
    """See :class:`backends.contract.Store`. The scope ``(server)`` has the places of residue."""

    def __init__(self, inner: Store, settings: ServerSettings, tell: Tell = untold) -> None:
        super().__init__(inner)
        self._server = Server(inner.name, settings.master, settings.filer, tell)
        folder = settings.data_directory
        self._files = Files(folder, f"store {inner.name}") if folder is not None else None
        self._logs = settings.server_logs

    @property
    def traits(self) -> Traits:
        """Those of the buckets' store. What the server keeps is seen in its files only."""
        inner = super().traits
        spots = inner.blind_spots
        if self._files is not None:
            spots = tuple(spot for spot in spots if spot != "s3-freed-blocks")
        techniques = inner.techniques | {Technique.COMPACT, Technique.REMOVE_LOG}
        if not self._logs:
            spots = (*spots, "seaweedfs-server-log")
        return replace(inner, techniques=techniques, blind_spots=spots)

    def scopes(self) -> Sequence[Scope]:
        """Those of the buckets' store, and the server's own."""
        inner = super().scopes()
        seen = self._files is not None or self._server.filer or self._logs
        return [*inner, Scope(SCOPE)] if seen else inner

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """The places that can be looked at, and as gaps those that are not known."""
        if scope != SCOPE:
            yield from super().units(scope, after)
            return
        scopes = super().scopes()
        volumes = (self._volumes(bucket) for bucket in _buckets(scopes))
        places = [place for place in (*self._of_names(), *volumes) if place.visible]
        units = sorted((place.unit for place in places), key=lambda unit: unit.cursor)
        yield from (unit for unit in units if unit.cursor > after)
        for each in scopes:
            place = self._volumes(each.name)
            if place.visible and _is_pattern(each) and each.problem not in _NOTHING:
                yield Gap(SCOPE, CoverageStatus.FAILED, each.problem, place.locator)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for what was deleted and is there all the same."""
        if unit.scope != SCOPE:
            examination = super().examine(unit, matcher)
            if self._logs:
                return examination
            named = tuple(_with_names_logged(each) for each in examination.holdings)
            return replace(examination, holdings=named)
        place = self._place(unit.locator)
        seen = place.look(matcher)
        holdings: tuple[Holding, ...] = ()
        if seen.verdict is not None:
            holdings = (place.holding(seen.verdict, seen.records, seen.size),)
        gap = None
        if seen.reason:
            gap = Gap(SCOPE, CoverageStatus.FAILED, seen.reason, unit.locator)
        return Examination(unit, holdings, gap, seen.size)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Nothing tells whether a place has been written to."""
        return unit.scope != SCOPE and super().glance(unit, matcher)

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Those of the objects, and the places where their destruction will leave something."""
        objects = Selected(holdings, lambda each: each.scope != SCOPE)
        yield from super().companions(objects, matcher)
        verdicts: dict[str, Verdict] = {}  # by bucket; empty: of those whose names hold records
        for holding in objects:
            if holding.store != self.name:
                continue
            told = [holding.scope]
            if holding.details.get("records-in-labels") or holding.kind == "delete-marker":
                told.append("")
            for name in told:
                verdicts[name] = strongest((verdicts.get(name), holding.verdict)) or holding.verdict
        for name, verdict in sorted(verdicts.items()):
            for place in [self._volumes(name)] if name else self._of_names():
                yield place.holding(verdict, None)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Carry out orders; the server's places one by one, after the objects."""
        outer = [order for order in orders if order.holding.scope == SCOPE]
        inner = [order for order in orders if order.holding.scope != SCOPE]
        done = {each.order: each for each in super().destroy(inner, matcher)} if inner else {}
        for order in outer:
            done[order.id] = self._place(order.holding.locator).destroy(order, matcher)
        return [done[order.id] for order in orders]

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look again."""
        inner = [order for order in orders if order.holding.scope != SCOPE]
        rest = super().verify(inner, matcher) if inner else iter(())
        for order in orders:
            if order.holding.scope == SCOPE:
                yield self._place(order.holding.locator).verify(order, matcher)
            else:
                yield next(rest)

    def check(self) -> Iterator[Check]:
        """Say what is reachable beside the buckets."""
        yield from super().check()
        yield self._tried("ask the master about volumes", self._server.volumes)
        if self._server.filer:
            yield self._tried("read the filer's log", lambda: next(self._server.log_files(), None))
        else:
            yield Check(
                "clean the filer's log and store",
                CheckStatus.MISSING,
                "no filer is named: names and tags of deleted objects stay there",
                "set filer",
            )
        if not self._logs:
            yield Check(
                "clean the server's own log",
                CheckStatus.MISSING,
                "it is not named: keys that the server logs stay in it",
                "set server_logs, if it is written to files on this host",
            )
        else:
            yield self._tried("clean the server's own log", self._server_log().try_out)
        if self._files is None:
            yield Check(
                "look into the server's files",
                CheckStatus.MISSING,
                "no data directory is named: what compacting leaves cannot be seen",
                "set data_directory, if the server runs on this host",
            )
        else:
            files = self._files
            yield self._tried("look into the server's files", lambda: files.volumes(""))

    def _tried(self, what: str, ask: object) -> Check:
        assert callable(ask)
        try:
            ask()
        except BackendError as error:
            return Check(what, CheckStatus.FAILED, error.message, error.hint)
        return Check(what, CheckStatus.OK)

    def _known(self) -> list[str]:
        return _buckets(super().scopes())

    def _of_names(self) -> list[Place]:
        """Where names, tags and metadata stay. The log's files lie in volumes without a name."""
        given = self.name, self._server, self._files, self._known
        kept = [ChangeLog(*given), EntryStore(*given), self._volumes("")]
        return [*kept, *([self._server_log()] if self._logs else [])]

    def _server_log(self) -> ServerLog:
        return ServerLog(self.name, self._server, self._files, self._known, self._logs)

    def _volumes(self, collection: str) -> Volumes:
        return Volumes(self.name, self._server, self._files, collection)

    def _place(self, locator: str) -> Place:
        kind, _, name = locator.removeprefix(f"{SCOPE}/").partition("/")
        for place in self._of_names():
            if place.kind == kind:
                return self._volumes(name) if name else place
        raise Vanished(f"store {self.name}: there is no such place of the server's")


def _buckets(scopes: Sequence[Scope]) -> list[str]:
    """Those with a name. What is deleted in one that may not be listed is seen in its files."""
    named = (each for each in scopes if not _is_pattern(each))
    return [each.name for each in named if each.problem not in _NOTHING]


def _is_pattern(scope: Scope) -> bool:
    """Whether it stands for buckets that are not known, for the server does not list them."""
    return bool(_WILDCARDS.intersection(scope.name))


def _with_names_logged(holding: Holding) -> Holding:
    """The server logs the keys of what it deletes, and of what is asked for and gone."""
    if not holding.details.get("records-in-labels"):
        return holding
    return replace(holding, limitations=(*holding.limitations, NAMES_LOGGED))

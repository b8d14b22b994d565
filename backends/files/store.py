"""Directory trees as a store. What is done with a file's content is the reader's business."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backends import content
from backends.contract import (
    Check,
    CoverageStatus,
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
from backends.errors import BY_VALUES, SourceError
from backends.files import _check, _destroy, _verify
from backends.files._companions import Companions
from backends.files._identity import machine_digest
from backends.files._links import Links
from backends.files._look import Sight, look
from backends.files._offers import Offers
from backends.files._settled import Settled
from backends.files._sharers import Sharers
from backends.files.reader import Reader
from backends.files.trees import Root, Trees, cursor, parts_of
from backends.fsops import linux, swap
from backends.fsops.identity import Version
from backends.fsops.reasons import RootUnavailable, root_reason, told
from backends.fsops.sharing import NOT_COUNTED, NOT_TOLD
from backends.fsops.tree import Found, open_root

_MOST_MOUNT = 150  # characters
FREED = frozenset({"earlier-versions-in-free-space", "file-system-journal"})
"""The blind spots that are none where free space is scrubbed."""

_BLIND_SPOTS = (
    *sorted(FREED),
    "copies-in-others-homes",
    "reflinks-and-snapshots",
    "memory-of-processes",
    "remapped-sectors",
    "containers-within-binary-files",
)


class TreeStore:
    """See :class:`backends.contract.Store`. Holds nothing open between calls."""

    def __init__(
        self,
        trees: Trees,
        reader: Reader,
        encoding: str = "",
        delimiter: str = "",
        *,
        neighbours: bool = True,
        tell: Tell = untold,
    ) -> None:
        self._trees = trees
        self._reader = reader
        self._links = Links(trees)
        self._encoding = encoding
        self._delimiter = delimiter
        self._neighbours = neighbours
        self._tell = tell
        self._traits = swap.named(
            Traits(
                batch=64,
                concurrency=2,  # more contend for the interpreter; a crew has a process a core
                techniques=reader.techniques,
                blind_spots=_BLIND_SPOTS,
                portable=True,
            )
        )

    @property
    def name(self) -> str:
        """The store's name."""
        return self._trees.store

    @property
    def identity(self) -> str:
        """Which machine and which roots, without telling either; see `machine_digest`."""
        paths = sorted(os.fsencode(root.path.absolute()) for root in self._trees.roots)
        return f"{self._reader.kind}:{machine_digest(paths)}"

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._traits

    def scopes(self) -> Sequence[Scope]:
        """Return the roots, as of now; one that cannot be opened has a problem."""
        return [_scope(root) for root in self._trees.roots]

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield the files below a root, in the order of their names."""
        root = self._trees.root(scope)
        try:
            settled = Settled(root)
            for found in self._trees.walk.files(root.path, parts_of(after)):
                if isinstance(found, Found):
                    yield Unit(
                        scope=scope,
                        locator=root.locator(found.parts),
                        version=str(Version.of(found.status)),
                        kind="file",
                        size=found.status.st_size,
                        cursor=cursor(found.parts),
                        state=settled.state(found.status),
                    )
                else:
                    yield Gap(scope, found.status, found.reason, root.locator(found.parts))
        except RootUnavailable as error:
            raise told(error, self._trees.where(root)) from None

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one file."""
        root = self._trees.root(unit.scope)
        parts = root.parts(unit.locator)
        where = self._trees.where(root)
        sight = look(root.path, parts, self._reader, matcher, where, self._links)
        reading = sight.content.reading
        gap = None
        if reading.reason:
            gap = Gap(unit.scope, CoverageStatus.FAILED, reading.reason, unit.locator)
        return Examination(
            unit,
            (self._holding(unit, sight),) if reading.evidence.verdict else (),
            gap,
            bytes_read=reading.bytes_read,
            records_read=reading.evidence.windows,
        )

    def _holding(self, unit: Unit, sight: Sight) -> Holding:
        content, version = sight.content, sight.version
        evidence = content.reading.evidence
        assert evidence.verdict is not None
        limitations = sight.ground
        if sight.links > 1 and sight.links > self._links.names(version.device, version.inode):
            limitations = (*limitations, "hard-link-outside-roots")
        if sight.shared and not self._neighbours:
            told = (code for code in limitations if code != NOT_COUNTED)
            limitations = tuple(dict.fromkeys((*told, NOT_TOLD)))
        if evidence.promoted:
            limitations = (*limitations, BY_VALUES)
        partial = content.partial
        obstacle = content.obstacle
        if partial and not evidence.matched:
            partial, obstacle = None, "no-certain-records"
        if partial and sight.links > 1:
            # The successor would take one name only; under the others everything would go.
            partial, obstacle = None, "hard-linked"
        if sight.barred:
            partial, obstacle = None, sight.barred
        return Holding(
            store=self.name,
            scope=unit.scope,
            locator=unit.locator,
            version=str(version),
            kind=unit.kind,
            verdict=evidence.verdict,
            records=evidence.records,
            foreign_records=content.reading.foreign_records,
            size=version.size,
            whole=None if sight.barred else Technique.OVERWRITE,
            partial=partial,
            obstacle=obstacle,
            limitations=(*limitations, *content.reading.limitations),
            details={
                "folder-device": sight.folder_device,
                "handle": sight.handle,
                "links": sight.links,
                "promoted": int(evidence.promoted),
            },
            signs=evidence.signs,
            sealed=content.reading.sealed,
        )

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return True: a file's state covers its content and its attributes."""
        del unit, matcher
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield the holdings' neighbours that the sweep has not recognised, or not met."""
        if self._neighbours:
            offers = Offers(self._trees, self._reader, matcher)
            yield from Companions(self._trees, offers).of(holdings)
            yield from Sharers(self._trees, offers, self._tell).of(holdings)
            offers.settle()

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Carry out orders, one after the other."""
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        trees, reader, tell = self._trees, self._reader, self._tell
        return [_destroy.destroy(order, trees, reader, matcher, tell) for order in orders]

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look at what the names lead to now."""
        for order in orders:
            yield _verify.verify(order, self._trees, self._reader, matcher)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open a delimited file as a source; its first record names the columns."""
        if not spec.path:
            raise SourceError(
                f"store {self.name}: a source of this kind of store is a file",
                hint='name it as path = "…", relative to shredder.toml',
            )
        from backends.files import _source  # noqa: PLC0415 - clevercsv takes a while to import

        return _source.open_rows(self._trees, spec, self._encoding, self._delimiter)

    def check(self) -> Iterator[Check]:
        """Look at each root: reachable, readable, writable, and what can be proved there."""
        for root in self._trees.roots:
            yield from _check.check(root)
        yield swap.check()
        yield from content.check()

    def close(self) -> None:
        """Do nothing: nothing is held open."""


def _scope(root: Root) -> Scope:
    try:
        fd = open_root(root.path)
    except RootUnavailable as error:
        return Scope(root.name, problem=root_reason(error))
    try:
        return Scope(root.name, as_of=f"{_mounted(fd)}, {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    finally:
        os.close(fd)


def _mounted(fd: int) -> str:
    """The file system and how it is mounted: no device, and no option that names anything."""
    mount = linux.mount_of(fd)
    if mount is None:
        return "unknown file system"
    options = sorted(o for o in mount.options if o.isalpha() or o.startswith("data="))
    return f"{mount.kind} ({','.join(options)})"[:_MOST_MOUNT]

"""What lies near a holding and may be of it: copies that editors and desktops made by themselves.

Beside it: undo files, swap files and locks, which content does not tell for certain, and backups
that could not be examined; whatever else is within the roots the sweep finds by itself. Outside of
the roots: the trash and the thumbnails of its owner and of this user. None of these is called a
copy, so that nothing of it goes without the operator's word.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby, islice

from backends.contract import Holding, Matcher, Technique, Verdict
from backends.errors import CouldNotTell, Vanished
from backends.files._desktop import Thumbnails, Trash, read_trashes
from backends.files._look import look
from backends.files._neighbours import opaque, readable
from backends.files.reader import Reader
from backends.files.trees import EVERYWHERE, OUTSIDE, Root, Trees
from backends.fsops import linux
from backends.fsops.identity import Version
from backends.fsops.reasons import told
from backends.fsops.tree import Parts, descend

_AT_ONCE = 1024  # holdings
_LISTED_FOR = 16  # holdings of a folder: then it is read, not asked for each name
_LONGEST_NAME = 255  # bytes


class Alone(Enum):
    """What the place and the name of a file earn it, where its content is not the dataset's."""

    NOTHING = "nothing"
    IF_UNREAD = "unread"  # `maybe`, if it could not be examined in full
    MAYBE = "maybe"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class _Near:
    """Something that may be of a holding."""

    kind: str
    scope: str
    root: Root
    parts: Parts
    alone: Alone

    @property
    def outside(self) -> bool:
        return self.root is EVERYWHERE


class Companions:
    """Looks for the neighbours of holdings."""

    def __init__(self, trees: Trees, reader: Reader, matcher: Matcher) -> None:
        self._trees = trees
        self._reader = reader
        self._matcher = matcher
        self._stack = contextlib.ExitStack()
        self._tops: dict[int, bytes] = {}  # of mounts, by their numbers
        self._trashes: dict[tuple[int, bytes], Trash] = {}
        self._thumbnails: dict[int, Thumbnails] = {}
        self._told: set[tuple[Root, Parts]] = set()
        self._gone_through: set[tuple[int, bytes, bytes]] = (
            set()
        )  # a trash, and a folder's part of it
        self._real = {root.name: os.path.realpath(os.fsencode(root.path)) for root in trees.roots}
        self._bases = {
            root.name: sorted({self._real[root.name], os.path.normpath(os.fsencode(root.path))})
            for root in trees.roots
        }

    def of(self, holdings: Iterable[Holding]) -> Iterator[Holding]:
        """Yield what is found. Raises BackendError where nobody can tell."""
        with self._stack:
            for (scope, folder), group in groupby(holdings, key=self._folder):
                while names := [
                    self._trees.root(scope).parts(each.locator)[-1]
                    for each in islice(group, _AT_ONCE)
                ]:
                    for near in self._near(self._trees.root(scope), folder, names):
                        if (near.root, near.parts) in self._told:
                            continue
                        offered = self._offered(near)
                        if offered is not None:
                            self._told.add((near.root, near.parts))
                            yield offered

    def _folder(self, holding: Holding) -> tuple[str, Parts]:
        return holding.scope, self._trees.root(holding.scope).parts(holding.locator)[:-1]

    def _near(self, root: Root, folder: Parts, names: list[bytes]) -> Iterator[_Near]:
        try:
            with descend(root.path, folder) as way:
                if way.missing:
                    return
                top = self._top(way.fd)
                beside = _Beside(way.fd, names)
                for name in names:
                    for other, kind, alone in beside.of(name):
                        if not self._trees.walk.excluded((*folder, other)):
                            yield _Near(kind, root.name, root, (*folder, other), alone)
                    status = linux.stat_of(name, way.fd)
                    owners = {os.geteuid()} | ({status.st_uid} if status else set())
                    for owner in sorted(owners):
                        yield from self._at_desks(root, (*folder, name), owner, top)
        except OSError as error:
            raise told(error, self._trees.where(root)) from None

    def _top(self, fd: int) -> bytes:
        number = linux.mount_number(fd)
        if number not in self._tops:
            mount = linux.mount_of(fd)
            self._tops[number] = mount.top if mount else b"/"
        return self._tops[number]

    def _at_desks(self, root: Root, parts: Parts, owner: int, top: bytes) -> Iterator[_Near]:
        """Yield what a user's desktop keeps of a file, by either way to write its path."""
        if owner not in self._thumbnails:
            self._thumbnails[owner] = self._stack.enter_context(Thumbnails(owner))
        if (owner, top) not in self._trashes:
            bases = [base for each in self._bases.values() for base in each]
            self._trashes[owner, top] = read_trashes(owner, top, bases)
        trash = self._trashes[owner, top]
        for base in self._bases[root.name]:
            *folder, name = (base.rstrip(b"/"), *parts)
            at = b"/".join(folder)
            for place in self._thumbnails[owner].of(at + b"/" + name):
                yield self._placed("thumbnail", root, place, Alone.LIKELY)
            for other in (name, *readable(name)):
                for place in trash.of(at, other):
                    yield self._placed("trashed-file", root, place, Alone.IF_UNREAD)
            for other, _ in opaque(name):
                for place in trash.of(at, other):
                    yield self._placed("trashed-file", root, place, Alone.MAYBE)
            if (owner, top, at) not in self._gone_through:
                self._gone_through.add((owner, top, at))
                for place in trash.all_of(at):
                    yield self._placed("trashed-file", root, place, Alone.NOTHING)

    def _placed(self, kind: str, of: Root, at: Parts, alone: Alone) -> _Near:
        """Tell of something by its way from ``/``, or from a root that it lies below."""
        path = b"/" + b"/".join(at)
        for root in self._trees.roots:
            real = self._real[root.name].rstrip(b"/") + b"/"
            if path.startswith(real):
                below = tuple(path.removeprefix(real).split(b"/"))
                return _Near(kind, root.name, root, below, alone)
        return _Near(kind, of.name, EVERYWHERE, at, alone)

    def _offered(self, near: _Near) -> Holding | None:
        """Look at it, and say what it is; None: nothing of the dataset, or the sweep's to say."""
        where = f"store {self._trees.store}, near its holdings"
        try:
            sight = look(near.root.path, near.parts, self._reader, self._matcher, where)
        except Vanished:
            return None
        except CouldNotTell as error:
            return None if near.alone is Alone.NOTHING else self._unread(near, error.code)
        reading = sight.content.reading
        found = reading.evidence.verdict
        if found is not None and not near.outside:
            return None  # the sweep has found it by itself
        verdict = Verdict.LIKELY if found is Verdict.COPY else found
        if verdict is None and near.alone is Alone.LIKELY:
            verdict = Verdict.LIKELY
        if verdict is None:
            unread = near.alone is Alone.IF_UNREAD and reading.reason
            if not unread and near.alone is not Alone.MAYBE:
                return None
            verdict = Verdict.MAYBE
        # Whoever may write there can have given any file of theirs such a name, too.
        linked = sight.links > 1
        holding = self._unread(near, "hard-linked" if linked else "no-record-rewrite")
        return holding and replace(
            holding,
            version=str(sight.version),
            verdict=verdict,
            records=reading.evidence.records if found else None,
            foreign_records=reading.foreign_records if found else None,
            size=sight.version.size,
            whole=None if linked else Technique.OVERWRITE,
            limitations=sight.ground,
            details={**holding.details, "folder-device": sight.folder_device},
            signs=reading.evidence.signs,
        )

    def _unread(self, near: _Near, obstacle: str) -> Holding | None:
        """Tell of something by its name alone, with no technique: it must be looked at first."""
        try:
            with descend(near.root.path, near.parts[:-1]) as way:
                status = None if way.missing else linux.stat_of(near.parts[-1], way.fd)
                device = way.device
        except OSError:
            return None  # a link, by now, or nothing that we may see
        return status and Holding(
            store=self._trees.store,
            scope=near.scope,
            locator=near.root.locator(near.parts),
            version=str(Version.of(status)),
            kind=near.kind,
            verdict=Verdict.MAYBE,
            records=None,
            foreign_records=None,
            size=status.st_size,
            whole=None,
            obstacle=obstacle,
            details={"folder-device": device, **({OUTSIDE: 1} if near.outside else {})},
        )


class _Beside:
    """What lies in the folder of some holdings, by name."""

    def __init__(self, fd: int, known: Sequence[bytes]) -> None:
        self._fd = fd
        self._known = frozenset(known)
        self._all = (
            frozenset(map(os.fsencode, os.listdir(fd))) if len(known) > _LISTED_FOR else None
        )

    def of(self, name: bytes) -> Iterator[tuple[bytes, str, Alone]]:
        """Yield what has a neighbour's name: the name, a kind, what that earns it."""
        for other, kind in opaque(name):
            if self._is_file(other):
                yield other, kind, Alone.MAYBE
        for other in readable(name):
            if self._is_file(other):
                yield other, "editor-backup", Alone.IF_UNREAD

    def _is_file(self, name: bytes) -> bool:
        if name in self._known or len(name) > _LONGEST_NAME:
            return False
        if self._all is not None and name not in self._all:
            return False
        status = linux.stat_of(name, self._fd)
        return status is not None and stat.S_ISREG(status.st_mode) and status.st_size > 0

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
from itertools import groupby, islice

from backends.contract import Holding
from backends.errors import CouldNotTell
from backends.files._desktop import Thumbnails, Trash, read_trashes
from backends.files._neighbours import opaque, readable
from backends.files._offers import Alone, Near, Offers
from backends.files.trees import Root, Trees
from backends.fsops import linux
from backends.fsops.reasons import told
from backends.fsops.tree import Parts, descend

_AT_ONCE = 1024  # holdings
_LISTED_FOR = 16  # holdings of a folder: then it is read, not asked for each name
_LONGEST_NAME = 255  # bytes


class Companions:
    """Looks for the neighbours of holdings."""

    def __init__(self, trees: Trees, offers: Offers) -> None:
        self._trees = trees
        self._offers = offers
        self._stack = contextlib.ExitStack()
        self._tops: dict[int, bytes] = {}  # of mounts, by their numbers
        self._trashes: dict[tuple[int, bytes], Trash] = {}
        self._thumbnails: dict[int, Thumbnails] = {}
        self._told: set[tuple[Root, Parts]] = set()
        self._gone_through: set[tuple[int, bytes, bytes]] = (
            set()
        )  # a trash, and a folder's part of it
        self._bases = {root.name: offers.bases(root) for root in trees.roots}

    def of(self, holdings: Iterable[Holding]) -> Iterator[Holding]:
        """Yield what is found; what could not be told is among the problems of the offers."""
        with self._stack:
            for (scope, folder), group in groupby(holdings, key=self._folder):
                while names := [
                    self._trees.root(scope).parts(each.locator)[-1]
                    for each in islice(group, _AT_ONCE)
                ]:
                    for near in self._near(self._trees.root(scope), folder, names):
                        if (near.root, near.parts) in self._told:
                            continue
                        offered = self._offers.offered(near)
                        if offered is not None:
                            self._told.add((near.root, near.parts))
                            yield offered

    def _folder(self, holding: Holding) -> tuple[str, Parts]:
        return holding.scope, self._trees.root(holding.scope).parts(holding.locator)[:-1]

    def _near(self, root: Root, folder: Parts, names: list[bytes]) -> Iterator[Near]:
        try:
            with descend(root.path, folder) as way:
                if way.missing:
                    return
                top = self._top(way.fd)
                beside = _Beside(way.fd, names)
                for name in names:
                    for other, kind, alone in beside.of(name):
                        if not self._trees.walk.excluded((*folder, other)):
                            yield Near(kind, root.name, root, (*folder, other), alone)
                    status = linux.stat_of(name, way.fd)
                    owners = {os.geteuid()} | ({status.st_uid} if status else set())
                    for owner in sorted(owners):
                        yield from self._at_desks(root, (*folder, name), owner, top)
        except OSError as error:
            self._offers.problems.add(told(error, self._trees.where(root)).code)

    def _top(self, fd: int) -> bytes:
        number = linux.mount_number(fd)
        if number not in self._tops:
            mount = linux.mount_of(fd)
            self._tops[number] = mount.top if mount else b"/"
        return self._tops[number]

    def _at_desks(self, root: Root, parts: Parts, owner: int, top: bytes) -> Iterator[Near]:
        """Yield what a user's desktop keeps of a file, by either way to write its path."""
        if owner not in self._thumbnails:
            self._thumbnails[owner] = self._stack.enter_context(Thumbnails(owner))
        if (owner, top) not in self._trashes:
            self._trashes[owner, top] = self._trash(owner, top, root)
        trash = self._trashes[owner, top]
        for base in self._bases[root.name]:
            *folder, name = (base.rstrip(b"/"), *parts)
            at = b"/".join(folder)
            for place in self._thumbnails[owner].of(at + b"/" + name):
                yield self._offers.placed("thumbnail", root, place, Alone.LIKELY)
            for other in (name, *readable(name)):
                for place in trash.of(at, other):
                    yield self._offers.placed("trashed-file", root, place, Alone.IF_UNREAD)
            for other, _ in opaque(name):
                for place in trash.of(at, other):
                    yield self._offers.placed("trashed-file", root, place, Alone.MAYBE)
            if (owner, top, at) not in self._gone_through:
                self._gone_through.add((owner, top, at))
                for place in trash.all_of(at):
                    yield self._offers.placed("trashed-file", root, place, Alone.NOTHING)

    def _trash(self, owner: int, top: bytes, root: Root) -> Trash:
        """Read a user's trash; one that cannot be is a problem, and as if it were empty."""
        bases = [base for each in self._bases.values() for base in each]
        try:
            return read_trashes(owner, top, bases)
        except CouldNotTell as error:
            self._offers.problems.add(error.code)
        except OSError as error:
            self._offers.problems.add(told(error, self._trees.where(root)).code)
        return Trash()


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

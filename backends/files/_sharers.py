"""What has blocks in common with a holding: reflinks and snapshots, outside of the roots as well.

They keep the bytes when the holding is overwritten. One that is a holding itself is not told again;
within the roots others are what the sweep leaves out, and what shows no record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from backends.contract import Holding, Tell, Verdict, untold
from backends.files._look import open_to_read
from backends.files._offers import Alone, Near, Offers
from backends.files.trees import EVERYWHERE, Root, Trees, cursor
from backends.fsops.filesystem import file_system_of
from backends.fsops.ground import BLOCKS_SHARED
from backends.fsops.identity import Version
from backends.fsops.reasons import reason_for
from backends.fsops.sharing import Hidden, Search, Shared, search_of
from backends.fsops.tree import Parts, descend

_NOT_MOUNTED = "subvolume-not-mounted"


class Sharers:
    """Looks for the files that have blocks in common with holdings."""

    def __init__(self, trees: Trees, offers: Offers, tell: Tell = untold) -> None:
        self._trees = trees
        self._offers = offers
        self._tell = tell
        self._stack = ExitStack()
        self._by_device: dict[int, Search | None] = {}  # of folders
        self._by_name: dict[tuple[str, int], tuple[Root, Search]] = {}  # of file systems
        self._within: dict[tuple[Root, Parts], Near] = {}  # the roots, by their places there

    def of(self, holdings: Sequence[Holding]) -> Iterator[Holding]:
        """Yield what is found; what could not be told is among the problems of the offers."""
        with self._stack:
            yield from self._of(holdings)

    def _of(self, holdings: Sequence[Holding]) -> Iterator[Holding]:
        problems = self._offers.problems
        for holding in holdings:
            try:
                for found in self._meet(holding):
                    yield from self._told(found, self._trees.root(holding.scope))
            except OSError as error:
                problems.add(reason_for(error))
        for root, search in self._by_name.values():
            try:
                for found in search.rest():
                    yield from self._told(found, root)
            except OSError as error:
                problems.add(reason_for(error))
            problems |= search.problems
        for holding in holdings if self._within else ():
            self._within.pop(self._trees.place(holding), None)
        for near in self._within.values():
            yield from self._offered(near)

    def _meet(self, holding: Holding) -> Iterator[Shared | Hidden]:
        """Have the search of its file system meet a holding. Raises OSError."""
        device = holding.details.get("folder-device")
        if not isinstance(device, int) or self._by_device.get(device, ...) is None:
            return
        root, parts = self._trees.place(holding)
        with descend(root.path, parts[:-1]) as way:
            if way.missing or way.device != device:
                return
            search = self._search(self._trees.root(holding.scope), way.fd, device)
            if search is None or not (search.every or BLOCKS_SHARED in holding.limitations):
                return
            try:
                fd = open_to_read(way.fd, parts[-1])
            except FileNotFoundError:
                return
            try:
                inode = os.fstat(fd).st_ino
                if inode == Version.parse(holding.version).inode:
                    yield from search.meet(fd, inode)
            finally:
                os.close(fd)

    def _search(self, root: Root, fd: int, device: int) -> Search | None:
        if device not in self._by_device:
            found = file_system_of(fd)
            name = found.name, found.device  # a volume and its snapshot have the same UUID
            if name not in self._by_name and (search := search_of(fd, self._tell)):
                self._stack.callback(search.close)
                self._by_name[name] = root, search
            _, self._by_device[device] = self._by_name.get(name, (root, None))
        return self._by_device[device]

    def _told(self, found: Shared | Hidden, root: Root) -> Iterator[Holding]:
        if isinstance(found, Hidden):
            yield self._hidden(found, root)
            return
        kind = "snapshot-file" if found.snapshot else "reflink"
        alone = Alone.KEEPS if found.keeps else Alone.IF_UNREAD
        near = self._offers.placed(kind, root, found.parts, alone)
        if near.outside:
            yield from self._offered(near)
        else:  # whether it is a holding is known when all were met
            anywhere = replace(near, scope=root.name, root=EVERYWHERE, parts=found.parts)
            self._within[near.root, near.parts] = anywhere

    def _offered(self, near: Near) -> Iterator[Holding]:
        offered = self._offers.offered(near)
        if offered is not None:
            yield offered

    def _hidden(self, found: Hidden, root: Root) -> Holding:
        """Tell of a subvolume that nobody can look into."""
        place = f" ({cursor(found.top)})" if found.top else ""
        return Holding(
            store=self._trees.store,
            scope=root.name,
            locator=f"btrfs subvolume {found.id}{place}",
            version=f"subvolume:{found.id}",
            kind="subvolume",
            verdict=Verdict.LIKELY,
            records=None,
            foreign_records=None,
            size=None,
            whole=None,
            obstacle=_NOT_MOUNTED,
        )

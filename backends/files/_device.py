"""Looking for the dataset on a file system's device, whatever the file system shows of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from backends.contract import Evidence, Matcher, Scan, Step, Tell, untold
from backends.errors import CouldNotTell
from backends.fsops import linux
from backends.fsops.filesystem import FileSystem, nodes_of
from backends.fsops.raw import blocks_of, open_device, size_of
from backends.fsops.reasons import reason_for
from backends.fsops.space import Space, space_of

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENXIO})


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands on a device, by what its blocks are used for.

    `apart`: blocks in files are told from those that are the file system's own, and from free ones.
    Where nothing is told, all of them count as used.
    """

    free: Evidence
    own: Evidence
    used: Evidence
    apart: bool
    bytes_read: int


def look_at_device(
    folder: int, file_system: FileSystem, matcher: Matcher, tell: Tell = untold
) -> Seen:
    """Read the devices beneath an open folder, as they are on the medium.

    Raises CouldNotTell: a device that cannot be read says nothing of what is on it.
    """
    if any(option.startswith("compress") for option in file_system.options):
        raise CouldNotTell("its blocks hold content compressed", reason="content-encoded")
    nodes = nodes_of(folder, file_system.kind)
    if not nodes:
        raise CouldNotTell("its device is not shown", reason="device-not-readable")
    spaces = {space: _Run(matcher.scan()) for space in Space}
    apart, read = False, 0
    try:
        linux.sync(folder)
        for node, number in nodes:
            device = open_device(node, number)
            try:
                space = _Map(folder if len(nodes) == 1 else None)
                size = size_of(device)
                for place, block in blocks_of(device):
                    tell(Step("reading-device", place, size, size=True))
                    for start, end, use in space.within(place, place + len(block)):
                        spaces[use].take(start, block[start - place : end - place])
                    read += len(block)
                apart = space.apart
            finally:
                os.close(device)
    except OSError as error:
        code = "device-not-readable" if error.errno in _REFUSED else reason_for(error)
        raise CouldNotTell("its device cannot be read", reason=code) from None
    found = {space: run.scan.evidence() for space, run in spaces.items()}
    return Seen(found[Space.FREE], found[Space.OWN], found[Space.USED], apart, read)


class _Run:
    """Has a scan probe stretches of bytes, and lets nothing be found across a gap."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._end = -1

    def take(self, start: int, data: memoryview) -> None:
        if start != self._end:
            self.scan.probe(b"")
        self.scan.probe(bytes(data))
        self._end = start + len(data)


class _Map:
    """The uses of a device's stretches, asked for in order; all are used where there is no map."""

    def __init__(self, folder: int | None) -> None:
        self.apart = False
        self._stretches: Iterator[tuple[int, int, Space]] = iter(())
        if folder is not None:
            stretches = space_of(folder)
            try:
                first = next(stretches, None)
            except OSError:  # the file system has none, or shows it to others
                first = None
            if first is not None:
                self._stretches = chain((first,), stretches)
        self._now = next(self._stretches, None)

    def within(self, start: int, end: int) -> Iterator[tuple[int, int, Space]]:
        """Yield the stretches of a part of the device, cut to it.

        ext4 leaves out blocks of files that follow a group's own; none that is free (measured).
        """
        while start < end:
            if self._now is None:
                yield start, end, Space.USED
                return
            first, last, use = self._now
            if last <= start:
                self._now = next(self._stretches, None)
                continue
            if first > start:
                yield start, min(first, end), Space.USED
                start = min(first, end)
                continue
            self.apart = self.apart or use is Space.OWN
            yield start, min(last, end), use
            start = min(last, end)

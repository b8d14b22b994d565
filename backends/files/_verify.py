"""Looking again at the names of one holding."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from backends.contract import Finding, Matcher, Order, Verification
from backends.errors import BackendError
from backends.files._destroy import same_file_system
from backends.files._look import content_of, look
from backends.files.reader import Reader
from backends.files.trees import Root, Trees
from backends.fsops import by_handle, linux
from backends.fsops.condemn import Names
from backends.fsops.identity import Version
from backends.fsops.reasons import RootUnavailable, reason_for, root_reason
from backends.fsops.tree import Parts, descend

_NAMES = ("name", "condemned-name")
_INODE = "inode"


def verify(order: Order, trees: Trees, reader: Reader, matcher: Matcher) -> Verification:
    """Say what survives of a holding; what cannot be looked at is inconclusive."""
    try:
        return _verified(order, trees, reader, matcher)
    except BackendError as error:
        return Verification(order.id, Finding.INCONCLUSIVE, reason=error.code)
    except ValueError:
        return Verification(order.id, Finding.INCONCLUSIVE, reason="order-not-understood")
    except RootUnavailable as error:
        return Verification(order.id, Finding.INCONCLUSIVE, reason=root_reason(error))
    except OSError as error:
        return Verification(order.id, Finding.INCONCLUSIVE, reason=reason_for(error))


def _verified(order: Order, trees: Trees, reader: Reader, matcher: Matcher) -> Verification:
    root, parts = trees.place(order.holding)
    version = Version.parse(order.holding.version)
    left = _left(order, root, parts, version)
    if not isinstance(left, Verification):
        left = _content(order, root, (*parts[:-1], left), version, trees, reader, matcher)
    if left.finding is Finding.ABSENT:
        return _elsewhere(left, order, root, parts, version, reader, matcher)
    return left


def _left(order: Order, root: Root, parts: Parts, version: Version) -> bytes | Verification:
    """Return the name that is still there, or what is known without reading anything."""
    names = Names.of(parts[-1], order.id, order.holding.version)
    with descend(root.path, parts[:-1]) as way:
        if not way.missing:
            for name in (names.condemned, names.fresh, names.blank):
                status = linux.stat_of(name, way.fd)
                # Somebody's own file may have the short, random-looking last name.
                if status and (name is not names.blank or status.st_ino == version.inode):
                    return name
            status = linux.stat_of(names.original, way.fd)
            if status and stat.S_ISREG(status.st_mode):
                return names.original
            if status:  # a folder, a symlink, a FIFO has the name now: no file does
                return Verification(order.id, Finding.ABSENT, (*_NAMES, "name-reused"))
        return Verification(order.id, Finding.ABSENT, _NAMES)


def _content(
    order: Order,
    root: Root,
    parts: Parts,
    version: Version,
    trees: Trees,
    reader: Reader,
    matcher: Matcher,
) -> Verification:
    """Judge what a name that is still there leads to."""
    sight = look(root.path, parts, reader, matcher, trees.where(root))
    reading = sight.content.reading
    looked = (*_NAMES, "content")
    numbers = {"records": reading.evidence.records}
    if reading.evidence.matched or sight.version == version:
        return Verification(order.id, Finding.RESIDUE, looked, "records-left", numbers)
    if reading.reason:
        return Verification(order.id, Finding.INCONCLUSIVE, looked, reading.reason)
    if parts[-1] != trees.place(order.holding)[1][-1]:
        return Verification(order.id, Finding.INCONCLUSIVE, looked, "half-destroyed")
    return Verification(order.id, Finding.ABSENT, looked)


def _elsewhere(
    absent: Verification,
    order: Order,
    root: Root,
    parts: Parts,
    version: Version,
    reader: Reader,
    matcher: Matcher,
) -> Verification:
    """Look whether the file lives on: under a name that it was moved to, or held open without one.

    It is as it was then, while what was destroyed is empty under all names that it still has. On
    another file system than it was found on, nothing is absent, whatever has its name there.
    """
    with descend(root.path, parts[:-1]) as way:
        if not same_file_system(order.holding, way):
            return Verification(
                order.id, Finding.INCONCLUSIVE, absent.looked, reason="other-filesystem"
            )
        try:
            fd = by_handle.open_again(way.fd, str(order.holding.details.get("handle", "")))
        except by_handle.NotLooked:
            return absent
    looked = (*absent.looked, _INODE)
    if fd is None:
        return replace(absent, looked=looked)
    try:
        content, _ = content_of(fd, os.fstat(fd).st_size, reader, matcher)
    finally:
        os.close(fd)
    reading = content.reading
    numbers = {"records": reading.evidence.records}
    if reading.evidence.matched or (version.digest and reading.digest == version.digest):
        return Verification(order.id, Finding.RESIDUE, looked, "file-moved", numbers)
    if reading.reason:
        return Verification(order.id, Finding.INCONCLUSIVE, looked, reading.reason)
    return replace(absent, looked=looked)

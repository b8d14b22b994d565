"""What file systems have freed, as holdings: looked for on the raw device, destroyed by scrubbing.

What a tree's files leave in free blocks, in the journal and in free inodes is a place that holds
copies. A store goes after it where its setting ``scrub`` says so. There is one such place for each
file system, by the name that the file system has for itself, whichever roots lie on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backends.contract import (
    Check,
    CheckStatus,
    Cost,
    CoverageStatus,
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    Technique,
    Tell,
    Unit,
    Verdict,
    Verification,
    untold,
)
from backends.errors import BackendError, CouldNotTell, SettingError
from backends.files._device import Seen, look_at_device
from backends.files.trees import Trees
from backends.fsops.filesystem import FileSystem, file_system_of, mounts_below, nodes_of, opened
from backends.fsops.raw import open_device
from backends.fsops.tree import descend
from backends.scrub import KINDS, Limits, Reserve, scrub

KIND = "free-space"
_IN_PART = "scrubbed-in-part"
_ON_DEVICE = "records-on-device"
_TWICE = "file-system-twice"
# A journal that comes round, inodes or trees, and a trim: seconds (bench/scrub.py). Then bytes a
# second, half of what virtual disks took.
_BEGINNING, _RATE = 10, 400 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the operator wants free space to be scrubbed."""

    reserve: Reserve
    seconds: int


def wanted_from(name: str, settings: Mapping[str, object]) -> Wanted | None:
    """Return what a configuration wants; None: nothing. Raises SettingError."""
    if not settings.get("scrub", False):
        for key in ("scrub_reserve", "scrub_seconds"):
            if key in settings:
                raise SettingError(f"store {name}: `{key}` without `scrub = true`")
        return None
    try:
        reserve = Reserve.parse(str(settings.get("scrub_reserve", "5%")))
    except ValueError as error:
        raise SettingError(f"store {name}: `scrub_reserve` is {error}") from None
    seconds = settings.get("scrub_seconds", 3600)
    if not isinstance(seconds, int) or seconds < 1:
        raise SettingError(f"store {name}: `scrub_seconds` is no time")
    return Wanted(reserve, seconds)


class FreeSpaces:
    """The free space of the file systems that a store's trees lie on; see `TreeStore`."""

    def __init__(self, trees: Trees, wanted: Wanted, tell: Tell = untold) -> None:
        self._trees = trees
        self._wanted = wanted
        self._tell = tell
        self._by_device: dict[int, str] = {}

    def scopes(self) -> list[Scope]:
        """Return a scope for each file system that a root, or a mount below one, is on."""
        return [
            Scope(name, problem="" if path else _TWICE) for name, path in self._places().items()
        ]

    def has(self, scope: str) -> bool:
        """Whether a scope is a file system's free space."""
        return scope in self._places()

    def units(self, scope: str) -> Iterator[Unit | Gap]:
        """Yield the one unit of a scope."""
        with self._opened(scope) as (fd, found):
            if found.kind in KINDS:
                size = _free(fd)
                yield Unit(scope, scope, found.name, KIND, size, cursor=KIND)
            else:
                yield Gap(scope, CoverageStatus.FAILED, "file-system-not-known", scope)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look at all of a device; where that cannot be, it is a gap."""
        with self._opened(unit.scope) as (fd, found):
            try:
                seen = look_at_device(fd, found, matcher, self._tell)
            except CouldNotTell as error:
                gap = Gap(unit.scope, CoverageStatus.FAILED, error.code, unit.locator)
                return Examination(unit, gap=gap)
            holding = self._holding(unit.scope, fd, found)
        held: tuple[Holding, ...] = ()
        if seen.free.verdict is Verdict.COPY:
            held = (replace(holding, records=seen.free.records, signs=seen.free.signs),)
        gap = Gap(unit.scope, CoverageStatus.FAILED, _ON_DEVICE, unit.locator)
        return Examination(unit, held, gap if _untold(seen) else None, seen.bytes_read)

    def companions(self, holdings: Iterable[Holding]) -> Iterator[Holding]:
        """Yield the free space of each file system that holdings lie on."""
        told = set[str]()
        places = self._places()
        for holding in holdings:
            name = self._name_of(holding)
            if places.get(name) and name not in told:
                told.add(name)
                with self._opened(name) as (fd, found):
                    if found.kind in KINDS:
                        yield self._holding(name, fd, found)

    def every(self) -> Iterator[Holding]:
        """Yield the free space of each file system that a root, or a mount below one, is on."""
        for name, path in self._places().items():
            if path is None:
                continue
            with self._opened(name) as (fd, found):
                if found.kind in KINDS:
                    yield self._holding(name, fd, found)

    def _name_of(self, holding: Holding) -> str:
        """The file system that a holding lies on; empty: it is gone, or cannot be reached."""
        device = holding.details.get("folder-device")
        if not isinstance(device, int):
            return ""
        if device not in self._by_device:
            try:
                root, parts = self._trees.place(holding)
                with descend(root.path, parts[:-1]) as way:
                    here = not way.missing and way.device == device
                    self._by_device[device] = _name(file_system_of(way.fd)) if here else ""
            except (OSError, ValueError):
                return ""
        return self._by_device[device]

    def _holding(self, scope: str, fd: int, found: FileSystem) -> Holding:
        free = max(0, _free(fd) - self._wanted.reserve.bytes_of(fd))
        return Holding(
            store=self._trees.store,
            scope=scope,
            locator=scope,
            version=found.name,
            kind=KIND,
            verdict=Verdict.COPY,
            records=None,
            foreign_records=None,
            size=_free(fd),
            whole=Technique.SCRUB_FREE_SPACE,
            cost=Cost(writes=free, seconds=min(self._wanted.seconds, _BEGINNING + free // _RATE)),
        )

    def destroy(self, order: Order) -> Destruction:
        """Scrub. Repeatable: what it writes is in files without names, which end with it."""
        try:
            with self._opened(order.holding.locator) as (fd, found):
                if found.name != order.holding.version:
                    return Destruction(order.id, Result.FAILED, reason="other-filesystem")
                limits = Limits(self._wanted.reserve.bytes_of(fd), self._wanted.seconds)
                done = scrub(Path(f"/proc/self/fd/{fd}"), limits, self._tell)
        except BackendError as error:
            return Destruction(order.id, Result.FAILED, reason=error.code)
        if not done.filled and not done.trimmed:
            reason = done.codes[0] if done.codes else _IN_PART
            return Destruction(order.id, Result.FAILED, reason=reason)
        in_part = () if done.complete else (_IN_PART,)
        return Destruction(
            order.id,
            Result.DESTROYED,
            limitations=(*in_part, *done.codes, *done.limitations),
            numbers={
                "bytes-filled": done.filled,
                "bytes-trimmed": done.trimmed,
                "inodes-used": done.inodes,
            },
        )

    def verify(self, order: Order, matcher: Matcher) -> Verification:
        """Look at the device again, and say of its free space what was seen there."""
        try:
            with self._opened(order.holding.locator) as (fd, found):
                if found.name != order.holding.version:
                    raise CouldNotTell("another file system", reason="other-filesystem")
                seen = look_at_device(fd, found, matcher, self._tell)
        except BackendError as error:
            return Verification(order.id, Finding.INCONCLUSIVE, reason=error.code)
        finding, reason = _judged(seen)
        numbers = {
            "records": seen.free.records,
            _ON_DEVICE: max(seen.own.records, seen.used.records),
        }
        return Verification(order.id, finding, ("device",), reason, numbers)

    def check(self) -> Iterator[Check]:
        """Say of each file system whether it can be scrubbed, and looked at."""
        for name in self._places():
            try:
                with self._opened(name) as (fd, found):
                    yield _check(name, fd, found)
            except CouldNotTell as error:
                yield Check(name, CheckStatus.FAILED, error.code)

    def _places(self) -> dict[str, Path | None]:
        """Where each file system can be entered; None: two have the same name for themselves.

        As a snapshot of a volume has that is mounted beside it: nobody could tell which is meant.
        """
        found: dict[str, Path | None] = {}
        devices: dict[str, int] = {}
        for root in self._trees.roots:
            below = mounts_below(root.path) if self._trees.walk.cross else ()
            for path in (root.path, *below):
                fd = opened(path)
                if fd is not None:
                    here = file_system_of(fd)
                    os.close(fd)
                    name = _name(here)
                    found.setdefault(name, path)
                    if devices.setdefault(name, here.device) != here.device:
                        found[name] = None
        return found

    @contextmanager
    def _opened(self, scope: str) -> Iterator[tuple[int, FileSystem]]:
        """Enter a file system. Raises CouldNotTell."""
        places = self._places()
        path = places.get(scope)
        if path is None and scope in places:
            raise CouldNotTell(
                f"store {self._trees.store}: two file systems are mounted that have the same UUID",
                hint="unmount one of them, or give it a UUID of its own",
                reason=_TWICE,
            )
        fd = opened(path) if path else None
        if fd is None:
            raise CouldNotTell(
                f"store {self._trees.store}: a file system is not there any more",
                hint="mount it again",
                reason="other-filesystem",
            )
        try:
            yield fd, file_system_of(fd)
        finally:
            os.close(fd)


def _name(found: FileSystem) -> str:
    return f"free space of {found.kind} {found.name}"


def _free(fd: int) -> int:
    space = os.fstatvfs(fd)
    return space.f_bfree * space.f_frsize


def _untold(seen: Seen) -> bool:
    """Whether there are records that can be a file's that is there, or left of one that is not.

    Blocks that are known to be in files are no such place: those of the roots the sweep examines.
    """
    return Verdict.COPY in {seen.own.verdict, None if seen.apart else seen.used.verdict}


def _judged(seen: Seen) -> tuple[Finding, str]:
    """Judge what is there after a scrubbing.

    In bytes without delimiters an identifier can be part of a longer word, and so no certain
    record: file systems write names and values without anything between them.
    """
    if seen.free.verdict is Verdict.COPY:
        return Finding.RESIDUE, "records-left"
    if _untold(seen):
        return Finding.INCONCLUSIVE, _ON_DEVICE
    places = (seen.free, seen.own) if seen.apart else (seen.free, seen.own, seen.used)
    if any(each.verdict is not None for each in places):
        return Finding.INCONCLUSIVE, "traces-on-device"
    return Finding.ABSENT, ""


def _check(name: str, fd: int, found: FileSystem) -> Check:
    if found.kind not in KINDS:
        hint = "take `scrub` out of this store, or move what is on it"
        return Check(
            name, CheckStatus.FAILED, f"it is not known how {found.kind} is scrubbed", hint
        )
    nodes = nodes_of(fd, found.kind)
    try:
        for node, number in nodes:
            os.close(open_device(node, number))
    except OSError:
        nodes = []
    if not nodes:
        hint = "run as root to have verified what is left"
        return Check(name, CheckStatus.MISSING, "scrubbed; its device may not be read", hint)
    return Check(name, CheckStatus.OK, "scrubbed, and looked at on its device")

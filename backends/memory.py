r"""A store in the memory of this process: the smallest backend that keeps the whole contract.

It serves tests, and readers who want to see the contract without a server in the way. A
*space* is a named, process-wide set of scopes; a scope holds units; a unit is a byte string
whose records are its lines, the first of which may be a header of column names::

    place = space("playground")
    place.put("desk", "survey.csv", b"respondent_id,email\n…")

``[stores.NAME]`` with ``backend = "memory"`` and ``space = "playground"`` opens it. What is
forgotten here is a ``logical-delete``: Python neither overwrites freed bytes nor says where
other references to them are.
"""

from __future__ import annotations

import csv
import io
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.contract import (
    Check,
    CheckStatus,
    Context,
    Destruction,
    Evidence,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    RecordClass,
    Result,
    Scope,
    Setting,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
    Verification,
)
from backends.errors import BY_VALUES, SourceError, Unreachable, Vanished

_LIMITATIONS = ("freed-memory-not-overwritten",)
_TRAITS = Traits(
    batch=100,
    concurrency=8,
    techniques=frozenset({Technique.FORGET, Technique.REWRITE_WITHOUT_RECORDS}),
    blind_spots=("process-memory",),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One unit's content; `version` is new with every write."""

    content: bytes
    version: str


class Space:
    """Scopes of units, shared by all stores of this process that name it. Thread-safe."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token = secrets.token_hex(8)  # tells it from one of the same name, at another time
        self._lock = threading.Lock()
        self._writes = 0
        self._scopes: dict[str, dict[str, Entry]] = {}

    def put(self, scope: str, key: str, content: bytes) -> None:
        """Write a unit, as another program would. A scope's name has no slash."""
        if not scope or "/" in scope:
            raise ValueError("the name of a scope is not empty and has no slash")
        with self._lock:
            self._write(scope, key, content)

    def remove(self, scope: str, key: str) -> None:
        """Take a unit away, as another program would; it may be gone already."""
        with self._lock:
            self._scopes.get(scope, {}).pop(key, None)

    def contents(self) -> dict[tuple[str, str], bytes]:
        """Return what is there, by scope and key."""
        with self._lock:
            return {
                (s, k): e.content for s, units in self._scopes.items() for k, e in units.items()
            }

    def listing(self, scope: str) -> dict[str, Entry] | None:
        """Return the units of a scope by key; None: there is no such scope."""
        with self._lock:
            units = self._scopes.get(scope)
            return None if units is None else dict(units)

    def scopes(self) -> list[str]:
        """Return the names of the scopes in order."""
        with self._lock:
            return sorted(self._scopes)

    def entry(self, scope: str, key: str) -> Entry | None:
        """Return a unit; None: it is not there."""
        with self._lock:
            return self._scopes.get(scope, {}).get(key)

    def exchange(self, scope: str, key: str, old: Entry, new: bytes | None) -> bool:
        """Put `new` (None: nothing) in the place of `old`; False if another is there now."""
        with self._lock:
            if self._scopes.get(scope, {}).get(key) is not old:
                return False
            if new is None:
                del self._scopes[scope][key]
            else:
                self._write(scope, key, new)
            return True

    def _write(self, scope: str, key: str, content: bytes) -> None:
        self._writes += 1
        self._scopes.setdefault(scope, {})[key] = Entry(bytes(content), str(self._writes))


_spaces: dict[str, Space] = {}
_spaces_lock = threading.Lock()


def space(name: str) -> Space:
    """Return the space of this name, created at first use."""
    with _spaces_lock:
        return _spaces.setdefault(name, Space(name))


def register(place: Space) -> None:
    """Make a space known by its name; ``space()`` does so by itself."""
    with _spaces_lock:
        _spaces[place.name] = place


def discard(name: str) -> None:
    """Take a space away: stores on it are unreachable from now on."""
    with _spaces_lock:
        _spaces.pop(name, None)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A unit's lines and what the matcher says of each of them."""

    lines: tuple[bytes, ...]
    classes: bytes
    evidence: Evidence

    def without_records(self) -> bytes:
        record = {RecordClass.RECORD}
        if self.evidence.promoted:
            record.add(RecordClass.TRACE)
        return b"".join(
            line for line, kind in zip(self.lines, self.classes, strict=True) if kind not in record
        )


def _read(content: bytes, matcher: Matcher) -> _Reading:
    lines = tuple(content.splitlines(keepends=True))
    scan = matcher.scan()
    classes = bytearray()
    for number, line in enumerate(lines):
        if number == 0 and _is_header(line, matcher.columns):
            classes.append(RecordClass.BLANK)  # column names are no one's record
        else:
            classes += scan.feed(line, [len(line)])
    return _Reading(lines, bytes(classes), scan.evidence())


def _is_header(line: bytes, columns: frozenset[str]) -> bool:
    names = line.decode("utf-8", "replace").strip().lower().split(",")
    return all(name.strip('" ') in columns for name in names)


@dataclass(frozen=True)
class MemoryStore:
    """A space as a store; see :class:`backends.contract.Store`."""

    name: str
    space_name: str
    traits: Traits = _TRAITS

    @property
    def identity(self) -> str:
        """The space's name."""
        return f"memory:{self.space_name}"

    def scopes(self) -> Sequence[Scope]:
        """Return the scopes."""
        return [Scope(name) for name in self._space().scopes()]

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield the units of a scope by key."""
        listing = self._space().listing(scope)
        if listing is None:
            raise Vanished(f"store {self.name}: there is no scope {scope}")
        for key in sorted(listing):
            if key > after:
                entry = listing[key]
                locator = f"{scope}/{key}"
                state = f"{self._space().token}:{entry.version}"
                yield Unit(scope, locator, entry.version, "bytes", len(entry.content), key, state)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one unit."""
        entry = self._entry(unit.locator)
        if entry is None or entry.version != unit.version:
            raise Vanished(f"store {self.name}, scope {unit.scope}: a unit is not there any more")
        reading = _read(entry.content, matcher)
        evidence = reading.evidence
        holdings: tuple[Holding, ...] = ()
        if evidence.verdict is not None:
            holding = Holding(
                store=self.name,
                scope=unit.scope,
                locator=unit.locator,
                version=unit.version,
                kind=unit.kind,
                verdict=evidence.verdict,
                records=evidence.records,
                foreign_records=evidence.others,
                size=len(entry.content),
                whole=Technique.FORGET,
                partial=Technique.REWRITE_WITHOUT_RECORDS,
                limitations=(*_LIMITATIONS, *([BY_VALUES] if evidence.promoted else [])),
                signs=evidence.signs,
            )
            holdings = (holding,)
        return Examination(
            unit, holdings, bytes_read=len(entry.content), records_read=len(reading.lines)
        )

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return True: a unit's state covers all of it."""
        del unit, matcher
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: a unit in memory has one name and one version."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Forget units, or rewrite them without the records."""
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        self._space()  # unreachable is no outcome of any order
        return [self._destroy(order, matcher) for order in orders]

    def _destroy(self, order: Order, matcher: Matcher) -> Destruction:
        holding = order.holding
        entry = self._entry(holding.locator)
        if entry is None:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        reading = _read(entry.content, matcher)
        if entry.version != holding.version:
            # A rewriting whose outcome was lost leaves another version without the records.
            gone = reading.evidence.verdict is None or (
                order.technique is Technique.REWRITE_WITHOUT_RECORDS
                and not reading.evidence.matched
            )
            return Destruction(order.id, Result.ALREADY_ABSENT if gone else Result.CHANGED)
        new: bytes | None = None
        if order.technique is Technique.REWRITE_WITHOUT_RECORDS:
            new = reading.without_records()
        elif order.technique is not Technique.FORGET:
            return Destruction(order.id, Result.FAILED, reason="technique-not-offered")
        elif not order.whole and reading.evidence.others:
            return Destruction(order.id, Result.FAILED, reason="foreign-records-inside")
        if not self._space().exchange(holding.scope, self._key(holding.locator), entry, new):
            return Destruction(order.id, Result.CHANGED)
        forgotten = len(entry.content) - len(new or b"")
        return Destruction(
            order.id,
            Result.DESTROYED,
            limitations=_LIMITATIONS,
            numbers={"bytes-forgotten": forgotten},
        )

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look at what each unit's name leads to now."""
        looked = ("unit",)
        for order in orders:
            entry = self._entry(order.holding.locator)
            if entry is None:
                yield Verification(order.id, Finding.ABSENT, looked)
                continue
            evidence = _read(entry.content, matcher).evidence
            if evidence.matched or entry.version == order.holding.version:
                numbers = {"records": evidence.records}
                yield Verification(order.id, Finding.RESIDUE, looked, "records-left", numbers)
            else:
                yield Verification(order.id, Finding.ABSENT, looked)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open a unit as a source: `key` is ``scope/key``, the first line names the columns."""
        if spec.sealed:
            raise SourceError(f"store {self.name}: a unit of memory is no sealed source")
        entry = self._entry(spec.key) if "/" in spec.key else None
        if entry is None:
            raise SourceError(
                f"store {self.name}: the source is not there",
                hint='name a unit of this space: key = "scope/key"',
            )
        try:
            text = entry.content.decode()
        except UnicodeDecodeError:
            raise SourceError(f"store {self.name}: the source is not text in UTF-8") from None
        return MemoryRows(spec.key, text)

    def check(self) -> Iterator[Check]:
        """Say whether the space is there."""
        there = self.space_name in _spaces
        status = CheckStatus.OK if there else CheckStatus.FAILED
        yield Check("space", status, "" if there else "no such space in this process")

    def close(self) -> None:
        """Do nothing: the space stays."""

    def _space(self) -> Space:
        with _spaces_lock:
            found = _spaces.get(self.space_name)
        if found is None:
            raise Unreachable(
                f"store {self.name}: this process has no space {self.space_name}",
                hint="a space lives and ends with its process; create it with space()",
            )
        return found

    def _entry(self, locator: str) -> Entry | None:
        scope, _, key = locator.partition("/")
        return self._space().entry(scope, key)

    @staticmethod
    def _key(locator: str) -> str:
        return locator.partition("/")[2]


class MemoryRows:
    """The records of a unit in CSV; see :class:`backends.contract.SourceRows`."""

    def __init__(self, locator: str, text: str) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""))
        self.locator = locator
        self.columns = tuple(next(self._reader, ()))

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Yield each record."""
        return (tuple(row) for row in self._reader)


class MemoryBackend:
    """The backend ``memory``; see :class:`backends.contract.Backend`."""

    settings: Mapping[str, Setting] = {"space": Setting.TEXT}
    required: frozenset[str] = frozenset({"space"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> MemoryStore:
        """Open a store on a space that this process has."""
        del context
        store = MemoryStore(name, str(settings["space"]))
        store.scopes()
        return store


BACKEND = MemoryBackend()

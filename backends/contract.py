"""The contract of a store: what shredder asks of a backend, and what it gets.

A *store* is one configured place that can hold copies of a dataset; a *backend* is the
code that speaks to one kind of store. shredder finds a backend by the entry point group
``shredder.backends``; the object found there satisfies :class:`Backend`.

The life of a store in one run::

    scopes() -> units(scope) -> examine(unit, matcher)          reads only; lazy; resumable
    companions(holdings)                                        what goes along with them
    destroy(orders, matcher)                                    bounded; durable; repeatable
    verify(orders, matcher)                                     trusts nothing destroy() said
    close()

Rules that the conformance suite (``backends.conformance``) holds every backend to:

* An answer is per item. An exception means "nothing is known"; it is never "absent".
  A refused credential, a time-out or an empty answer is not absence either.
* ``destroy`` touches exactly the version named in the order. What is gone already is
  ``ALREADY_ABSENT``; what has been altered since the plan is ``CHANGED`` and left alone.
  When it returns, what it reports is durable (fsync, COMMIT, a listing that shows it).
* Nothing it says in an error, a reason, a limitation or a step holds a locator or record content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from backends.progress import Step as Step  # noqa: PLC0414 - told on from here
from backends.progress import Tell as Tell  # noqa: PLC0414 - told on from here
from backends.progress import untold as untold  # noqa: PLC0414 - told on from here
from backends.techniques import Cost as Cost  # noqa: PLC0414 - told on from here
from backends.techniques import KeyErasure as KeyErasure  # noqa: PLC0414 - told on from here
from backends.techniques import Known as Known  # noqa: PLC0414 - told on from here
from backends.techniques import Method as Method  # noqa: PLC0414 - told on from here
from backends.techniques import Technique as Technique  # noqa: PLC0414 - told on from here

CONTRACT_VERSION = 1

_CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def is_code(text: str) -> bool:
    """Whether `text` has the form of a reason or limitation code: ``lower-case-words``."""
    return len(text) <= 64 and _CODE.fullmatch(text) is not None


# --- Recognising records -------------------------------------------------------------------


class RecordClass(IntEnum):
    """What a matcher says of one record window (a line, a row)."""

    FOREIGN = 0  # holds something, and nothing of the dataset
    RECORD = 1  # certainly holds a record of the dataset
    PERSON = 2  # holds a person who is in the dataset, and no more: not evidence by itself
    BLANK = 3  # holds nothing that could be data: white space, punctuation
    TRACE = 4  # holds what is evidence only together with the rest of the holding


class Verdict(StrEnum):
    """What a holding is, judged by the records in it; the strongest first."""

    COPY = "copy"  # destroyed by plan
    LIKELY = "likely"  # shown, waits for the operator's decision
    MAYBE = "maybe"  # shown, waits for the operator's decision


def strongest(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Return the strongest of some verdicts; None where there is none."""
    found = set(verdicts)
    return next((verdict for verdict in Verdict if verdict in found), None)


@dataclass(frozen=True, slots=True)
class Signs:
    """What was seen of the dataset, by kind: how many windows have at least one of it."""

    ids: int = 0  # private values, whole
    persons: int = 0  # e-mail addresses and other values that point to a person
    names: int = 0  # of persons, in two words
    passages: int = 0  # stretches of a record's free text
    values: int = 0  # a record's other values beside its person, its name or its number
    probed: int = 0  # what was found outside of windows, in bytes without delimiters


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a scan saw, by number.

    `windows` = `matched` + `person` + `foreign` + `blank` + `trace`. Whether windows of class
    TRACE count is known only at the end: with `promoted` they do, and are among `matched`.
    """

    windows: int
    matched: int  # windows that certainly hold a record
    records: int  # distinct records of the dataset in them
    person: int  # windows with a person of the dataset and no more
    foreign: int  # windows with something, and nothing of the dataset
    blank: int
    verdict: Verdict | None  # None: not a holding
    trace: int = 0  # windows of class TRACE, where they do not count
    promoted: bool = False
    signs: Signs = Signs()

    @property
    def others(self) -> int:
        """Windows that hold something and are not certainly the dataset's."""
        return self.foreign + self.person + self.trace


class Digest(Protocol):
    """A keyed, incremental digest of content: tells versions apart, reveals nothing."""

    def update(self, data: bytes, /) -> None:
        """Take in more content."""

    def hexdigest(self) -> str:
        """Return the digest so far, lower-case hex."""


class Scan(Protocol):
    """One pass over one unit's records."""

    def feed(self, block: bytes, ends: Sequence[int]) -> bytes:
        """Classify the records of a block.

        `ends` holds ascending offsets into `block`, one past the last byte of each record;
        the last one equals ``len(block)``. Returns one :class:`RecordClass` byte a record.
        Text is expected in UTF-8 or another superset of ASCII.
        """

    def probe(self, block: bytes) -> None:
        """Look for the dataset in bytes without delimiters: heap files, freed pages, pickles.

        The blocks of consecutive calls are consecutive bytes of one run; an empty block ends
        it, so that nothing is found across. There are no windows here, so nobody can tell how
        many foreign records lie among what is found: whoever probes must say so.
        """

    def evidence(self) -> Evidence:
        """Sum up all that was fed, and what was probed, which ends a run."""


class Matcher(Protocol):
    """Recognises the dataset's records in bytes. Picklable; holds no plaintext."""

    @property
    def commitment(self) -> str:
        """A keyed commitment to the fingerprint: ``sha256:…``."""

    @property
    def columns(self) -> frozenset[str]:
        """The dataset's column names, lower case: they tell a header from a record."""

    def scan(self, *, promoted: bool = False) -> Scan:
        """Begin a pass over one unit.

        With `promoted`, a second pass over what a first one has seen, whose evidence said so:
        what was TRACE then is RECORD now, so that it can be taken out.
        """

    def digest(self) -> Digest:
        """Begin a keyed digest of content."""

    def identities(self) -> Sequence[bytes]:
        """Return what opens what is sealed to the dataset: its key, X25519, in the first 32 bytes.

        What follows them, if anything does, are keys of its records; see ``sealedvalue.identity``.

        None where it has no key, or the key is not to be had here; what is sealed stays shut then.
        """


# --- Looking -------------------------------------------------------------------------------


class CoverageStatus(StrEnum):
    """What became of a unit in a sweep. Never implied."""

    EXAMINED = "examined"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of a store that coverage is stated for: a root, a database, a bucket.

    `as_of` is the store's own point in time of the listing (an LSN, a server's clock), where
    it has one. `problem` says that the scope exists but cannot be listed at all.
    """

    name: str
    as_of: str = ""
    problem: str = ""  # a reason code


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest thing of a store that is examined by itself.

    `locator` is unique in the store with `version`; `cursor` orders units in their scope.
    `state` differs from what it was whenever the content may have been altered in between; what
    was examined in this state need not be read again. Empty: nobody can tell.
    """

    scope: str
    locator: str
    version: str
    kind: str  # file, table, object, …
    size: int | None  # bytes, where the store tells
    cursor: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something of a scope that was not examined, or not in full."""

    scope: str
    status: CoverageStatus  # any but EXAMINED
    reason: str  # a code, see is_code()
    locator: str = ""  # for the operator only: never logged, never attested


@dataclass(frozen=True, slots=True)
class Holding:
    """One copy found.

    `whole` is the technique that destroys all of it; `partial` the one that takes out the
    dataset's records and leaves every foreign byte. None: this backend has no such technique
    for it, for the reason in `obstacle`. Residue is a holding, too: a place where bytes stay after
    a deletion, such as a write-ahead log, whose technique has a stage of its own.
    """

    store: str
    scope: str
    locator: str
    version: str
    kind: str
    verdict: Verdict
    records: int | None  # distinct records of the dataset; None: cannot be counted
    foreign_records: int | None
    size: int | None  # bytes
    whole: Technique | None
    partial: Technique | None = None
    obstacle: str = ""  # a reason code
    retained_until: str = ""  # RFC 3339 UTC; a lock of the store's forbids destruction until
    retention: str = ""  # the lock's reason code, e.g. object-lock-compliance
    limitations: tuple[str, ...] = ()  # codes: what this store cannot promise of this holding
    details: Mapping[str, str | int] = field(default_factory=dict)  # the backend's own
    signs: Signs = Signs()  # what it was recognised by
    cost: Cost | None = None  # of its destruction, where that is worth the operator's thought
    sealed: bool = False  # all of it, to the dataset's key and to nobody else's

    @property
    def mixed(self) -> bool:
        """Whether records of others are in it, or might be, that its destruction could harm."""
        return self.foreign_records != 0 and not self.residue

    @property
    def residue(self) -> bool:
        """Whether it is a place of what was freed, where nothing is anybody's."""
        return self.whole is not None and self.whole.residue


@dataclass(frozen=True, slots=True)
class Examination:
    """What examining one unit gave. A gap beside holdings: it was not examined in full."""

    unit: Unit
    holdings: tuple[Holding, ...] = ()
    gap: Gap | None = None
    bytes_read: int = 0
    records_read: int = 0


# --- Destroying ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """One line of an approved plan: this holding, by this technique.

    Without `whole`, a foreign record is never destroyed, whatever the technique.
    """

    id: str  # opaque; safe to log
    holding: Holding
    technique: Technique
    whole: bool


class Result(StrEnum):
    """What became of one order."""

    DESTROYED = "destroyed"  # done and durable; not yet verified
    ALREADY_ABSENT = "already-absent"
    CHANGED = "changed"  # altered since the plan; left alone
    RETAINED = "retained"  # a lock of the store's
    PENDING = "pending"  # accepted; a provider's waiting period runs
    FAILED = "failed"  # left alone or left half-way; `reason` says why


@dataclass(frozen=True, slots=True)
class Destruction:
    """The record of one attempt on one holding."""

    order: str
    result: Result
    method: Method = Method.LOGICAL_DELETE
    reason: str = ""  # a code
    until: str = ""  # RFC 3339 UTC, with RETAINED and PENDING
    limitations: tuple[str, ...] = ()  # codes
    numbers: Mapping[str, int] = field(default_factory=dict)  # e.g. bytes-overwritten
    erasure: KeyErasure | None = None  # by CRYPTOGRAPHIC_ERASE: what a purge depends on


class Finding(StrEnum):
    """What looking for residue gave."""

    ABSENT = "absent"
    RESIDUE = "residue"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verification:
    """What survives of one holding, measured after its destruction."""

    order: str
    finding: Finding
    looked: tuple[str, ...] = ()  # codes: where was looked, e.g. listing, rows, statistics
    reason: str = ""  # a code, where not ABSENT
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a backend can do at the best, fixed for a store's life."""

    batch: int  # orders a call of destroy() takes at the most
    concurrency: int  # examine() calls that may run at once on one store object
    techniques: frozenset[Technique]
    blind_spots: tuple[str, ...]  # codes: where it cannot look, whatever the holding
    portable: bool = False  # opened with its settings in another process, it is the same store


# --- Sources and rights --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where a dataset's records are read: exactly one of table, query, path and key is set."""

    store: str
    table: str = ""
    query: str = ""
    path: str = ""
    key: str = ""
    sealed: bool = False  # in the format of age; a store raises SourceError where it is not
    keys: tuple[bytes | bytearray, ...] = field(default=(), repr=False, compare=False)  # one fits


class SourceRows(Protocol):
    """A source's records, streamed once."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names."""

    @property
    def locator(self) -> str:
        """The locator of the unit that is the source; empty for a query."""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Yield each record's values as text, in the order of `columns`."""


class CheckStatus(StrEnum):
    """What doctor found of one thing."""

    OK = "ok"
    MISSING = "missing"  # a right or feature that would be needed; the rest works
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``shredder doctor``."""

    what: str
    status: CheckStatus
    detail: str = ""
    hint: str = ""


@runtime_checkable
class Store(Protocol):
    """One configured place that can hold copies."""

    @property
    def name(self) -> str:
        """The name it has in the configuration."""

    @property
    def identity(self) -> str:
        """Stable and free of secrets, e.g. ``postgresql:7301…``: it gets signed."""

    @property
    def traits(self) -> Traits:
        """What it can do at the best."""

    def scopes(self) -> Sequence[Scope]:
        """Return the scopes, also those that cannot be read. Raises if nothing is known."""

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield everything of a scope that can hold data, in cursor order, after a cursor.

        What cannot be examined is yielded as a gap. Raises if the listing cannot go on: what
        was yielded stands, the rest of the scope is unknown.
        """

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look for the dataset in one unit. Reads only; safe in `traits.concurrency` threads.

        Raises :class:`backends.errors.BackendError` if nothing is known of the unit.
        """

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Whether a unit of an unaltered state still is no holding. Reads little; raises likewise.

        Looks at what can be altered without another `state`, such as an object's tags. False:
        it must be examined anew.
        """

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield what belongs to these holdings and cannot be recognised by its content.

        A delete marker, an unfinished upload, another name of the same file.
        """

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Carry out orders (at most `traits.batch`): one durable outcome each, in order."""

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look for what survives of each order's holding, in order."""

    def source(self, spec: SourceSpec) -> SourceRows:
        """Open a source. Raises BackendError if this store cannot serve it."""

    def check(self) -> Iterator[Check]:
        """Say what is reachable, which rights are there, and what can be proved here."""

    def close(self) -> None:
        """Release what is held open."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a store may know of its surroundings."""

    base: Path  # the folder of shredder.toml: relative paths start here
    state: Path  # the state directory: never a holding
    tell: Tell = untold  # how far it is with what takes over a second


class Setting(StrEnum):
    """The type of one setting in ``[stores.NAME]``."""

    TEXT = "a string"
    TEXTS = "a list of strings"
    FLAG = "true or false"
    NUMBER = "a whole number"


@runtime_checkable
class Backend(Protocol):
    """What the entry point names. Importing it must be cheap: drivers load in open()."""

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The keys that ``[stores.NAME]`` may have, beside ``backend``."""

    @property
    def required(self) -> frozenset[str]:
        """Those of them that it must have."""

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
        """Open a store. Raises :class:`backends.errors.BackendError`.

        The values have the types of `settings`; that was checked.
        """

"""A plain matcher for tests of backends: the shortest code that keeps the contract.

It holds the dataset's private and person values in the clear, so it is for made-up data only;
the product's matcher is ``shredder.fingerprint``. Both pass the same tests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backends.contract import Digest, Evidence, RecordClass, Signs, Verdict

_ENOUGH = 3  # windows with no more than a trace, that count from so many on
_TOKEN = re.compile(rb"[0-9A-Za-z_.@+\-\x80-\xff]{6,}")
_SOMETHING = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_SHORTEST = 6  # bytes of a value
_MASK = np.uint64((1 << 8 * _SHORTEST) - 1)
_LONGEST = 128  # bytes of a value that is found across two blocks of a run


@dataclass
class ReferenceScan:
    """One pass; see :class:`backends.contract.Scan`."""

    private: Mapping[bytes, int]  # token -> number of the record
    person: frozenset[bytes]
    trace: Mapping[bytes, int]
    promoted: bool = False
    counts: dict[RecordClass, int] = field(default_factory=lambda: dict.fromkeys(RecordClass, 0))
    seen: set[int] = field(default_factory=set)
    traced: set[int] = field(default_factory=set)
    persons: int = 0
    ids: int = 0
    run: bytes = b""  # the end of what was probed
    probed: set[bytes] = field(default_factory=set)  # values found there

    def feed(self, block: bytes, ends: Sequence[int]) -> bytes:
        """Classify each record by its tokens."""
        classes = bytearray()
        start = 0
        for end in ends:
            window = block[start:end]
            tokens = [t.strip(b"._@+-").lower() for t in _TOKEN.findall(window)]
            found = {self.private[t] for t in tokens if t in self.private}
            traced = {self.trace[t] for t in tokens if t in self.trace}
            named = any(t in self.person for t in tokens)
            self.ids += bool(found)
            self.persons += named
            if found:
                kind = RecordClass.RECORD
                self.seen |= found
            elif traced:
                kind = RecordClass.RECORD if self.promoted else RecordClass.TRACE
                self.traced |= traced
            elif named:
                kind = RecordClass.PERSON
            elif _SOMETHING.search(window):
                kind = RecordClass.FOREIGN
            else:
                kind = RecordClass.BLANK
            self.counts[kind] += 1
            classes.append(kind)
            start = end
        return bytes(classes)

    def probe(self, block: bytes) -> None:
        """Look for the values anywhere in a run of blocks."""
        run = self.run + block.lower()
        self.run = run[-_LONGEST:] if block else b""
        self.probed |= _occurring(run, {*self.private, *self.person})

    def evidence(self) -> Evidence:
        """Sum up."""
        matched, person = self.counts[RecordClass.RECORD], self.counts[RecordClass.PERSON]
        trace = self.counts[RecordClass.TRACE]
        promoted = self.promoted or (trace > 0 and (matched > 0 or trace >= _ENOUGH))
        if promoted:
            matched, trace = matched + trace, 0
        probed = {self.private[value] for value in self.probed if value in self.private}
        verdict = None
        if matched or probed:
            verdict = Verdict.COPY
        elif person or trace or self.probed:
            verdict = Verdict.MAYBE
        return Evidence(
            windows=sum(self.counts.values()),
            matched=matched,
            records=len(self.seen | probed | (self.traced if promoted else set())),
            person=person,
            foreign=self.counts[RecordClass.FOREIGN],
            blank=self.counts[RecordClass.BLANK],
            verdict=verdict,
            trace=trace,
            promoted=promoted,
            signs=Signs(
                ids=self.ids,
                persons=self.persons,
                passages=len(self.traced),
                probed=len(self.probed),
            ),
        )


def _occurring(run: bytes, values: set[bytes]) -> set[bytes]:
    """Return which values occur anywhere: at the places where the first bytes of one do."""
    text = np.frombuffer(run + bytes(8), np.uint8)
    words = np.ndarray((len(run),), "<u8", text.data, 0, (1,)) & _MASK
    begins = {int.from_bytes(value[:_SHORTEST], "little") for value in values}
    places = np.flatnonzero(np.isin(words, np.array(sorted(begins), np.uint64))).tolist()
    sizes = {len(value) for value in values}
    return {run[place : place + size] for place in places for size in sizes} & values


class ReferenceMatcher:
    """Recognises records by exact values; see :class:`backends.contract.Matcher`.

    `private` holds one value per record that occurs nowhere else (an id); `person` values that
    occur elsewhere honestly (an e-mail address); `trace` values that count only beside a private
    one or in three windows (a word of an answer, one a record, in the order of `private`).
    Values are at least six token characters long.
    """

    def __init__(
        self,
        private: Iterable[str],
        person: Iterable[str] = (),
        columns: Iterable[str] = ("respondent_id", "email", "answer"),
        trace: Iterable[str] = (),
        identities: Iterable[bytes] = (),
    ) -> None:
        self._private = {value.lower().encode(): n for n, value in enumerate(private)}
        self._person = frozenset(value.lower().encode() for value in person)
        self._trace = {value.lower().encode(): n for n, value in enumerate(trace)}
        self._identities = tuple(identities)
        self._columns = frozenset(name.lower() for name in columns)

    @property
    def commitment(self) -> str:
        """A digest of the private values; not keyed, for they are made up."""
        return "sha256:" + hashlib.sha256(b"\n".join(sorted(self._private))).hexdigest()

    @property
    def columns(self) -> frozenset[str]:
        """The column names, lower case."""
        return self._columns

    def scan(self, *, promoted: bool = False) -> ReferenceScan:
        """Begin a pass."""
        return ReferenceScan(self._private, self._person, self._trace, promoted)

    def digest(self) -> Digest:
        """Begin a digest keyed with a fixed, public key."""
        return hashlib.blake2b(key=b"reference", digest_size=16)

    def identities(self) -> tuple[bytes, ...]:
        """Return the keys that it was given."""
        return self._identities

"""Made-up sources, and a naive matcher that says what the right answer is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Evidence, RecordClass, Signs, Verdict
from shredder.fingerprint import FingerprintMatcher, Role, enrol

KEY = bytes(range(32))


@dataclass(frozen=True)
class Table:
    """A source that lies in memory."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str | None, ...]]
    locator: str = ""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        return iter(self.rows)


def enrolled(path: Path, table: Table, roles: Mapping[str, Role]) -> FingerprintMatcher:
    enrol([table], roles=roles, key=KEY, path=path)
    return FingerprintMatcher(path, KEY)


class Naive:
    """Window by window, regular expressions and a dictionary; tokens in the clear."""

    ASCII = re.compile(rb"[0-9A-Za-z_.@+\-]+")
    MIXED = re.compile(rb"[0-9A-Za-z_.@+\-\x80-\xff]+")

    def __init__(self, private: Mapping[bytes, set[int]], person: Mapping[bytes, set[int]]) -> None:
        self.private, self.person = private, person
        self.counts = dict.fromkeys(RecordClass, 0)
        self.hits = 0
        self.persons = 0
        self.seen: set[int] = set()
        self.order: list[int] = []

    def feed(self, block: bytes, ends: Sequence[int]) -> bytes:
        classes = bytearray()
        start = 0
        for end in ends:
            kind = self._classify(block[start:end])
            self.counts[kind] += 1
            classes.append(kind)
            start = end
        return bytes(classes)

    def _classify(self, window: bytes) -> RecordClass:
        found = [(m.start(), 0, m[0]) for m in self.ASCII.finditer(window)]
        found += [
            (m.start(), 1, m[0])
            for m in self.MIXED.finditer(window)
            if not m[0].strip(b"_.@+-").isascii()
        ]
        trimmed = []
        for at, mixed, run in found:
            left = len(run) - len(run.lstrip(b"_.@+-"))
            token = run.strip(b"_.@+-").lower()
            if 6 <= len(token) <= 128:
                trimmed.append((at + left, mixed, token))
        tokens = [token for *_, token in sorted(trimmed)]
        private = [token for token in tokens if token in self.private]
        persons = [token for token in tokens if token in self.person]
        self.persons += bool(persons)
        if private:
            self.hits += len(set(private))
            self.seen |= set().union(*(self.private[token] for token in private))
            return RecordClass.RECORD
        if persons:
            self.order.append(min(self.person[persons[0]]))
            return RecordClass.PERSON
        if re.search(rb"[0-9A-Za-z\x80-\xff]", window):
            return RecordClass.FOREIGN
        return RecordClass.BLANK

    def longest(self) -> int:
        best = length = 0
        last: int | None = None
        for record in self.order:
            if record == last:
                continue
            length = length + 1 if last is not None and 0 < record - last <= 3 else 1
            best, last = max(best, length), record
        return best

    def evidence(self) -> Evidence:
        matched, person = self.counts[RecordClass.RECORD], self.counts[RecordClass.PERSON]
        verdict = None
        if matched:
            verdict = Verdict.COPY
        elif self.longest() >= 8:
            verdict = Verdict.LIKELY
        elif person:
            verdict = Verdict.MAYBE
        return Evidence(
            windows=sum(self.counts.values()),
            matched=matched,
            records=min(len(self.seen), self.hits),
            person=person,
            foreign=self.counts[RecordClass.FOREIGN],
            blank=self.counts[RecordClass.BLANK],
            verdict=verdict,
            signs=Signs(ids=matched, persons=self.persons),
        )

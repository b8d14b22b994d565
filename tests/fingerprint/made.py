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

    UUID = re.compile(
        rb"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE
    )

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
        tokens = [window[a:b].lower() for a, b in self._tokens(window)]
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

    def _tokens(self, window: bytes) -> Iterator[tuple[int, int]]:
        """Yield where known tokens stand that are not within others, by place."""
        found = []
        for mixed, pattern in enumerate((self.ASCII, self.MIXED)):
            word = rb"[0-9A-Za-z\x80-\xff]+" if mixed else rb"[0-9A-Za-z]+"
            for run in pattern.finditer(window):
                words = [
                    (run.start() + m.start(), run.start() + m.end())
                    for m in re.finditer(word, run[0])
                ]
                for n, (start, _) in enumerate(words):
                    for _, end in words[n:]:
                        token = window[start:end]
                        known = token.lower() in self.private or token.lower() in self.person
                        if mixed and token.isascii():
                            continue
                        if known and self._stands(window, run.span(), start, end):
                            found.append((start, -end))
        furthest = -1
        for start, minus_end in sorted(found):
            if -minus_end > furthest:
                furthest = -minus_end
                yield start, furthest

    def _stands(self, window: bytes, run: tuple[int, int], start: int, end: int) -> bool:
        """Whether nothing is glued to a token that makes another of it."""
        before, after = window[run[0] : start], window[end : run[1]]
        if self.UUID.fullmatch(window[start:end]):
            return True
        if b"@" in window[start:end]:
            return not before.strip(b"_.@+-") and (
                not after.strip(b"_.@+-") or after.startswith(b"_")
            )
        return not re.search(rb"[0-9][.@+\-]\Z", before) and not re.match(rb"[.@+\-][0-9]", after)

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

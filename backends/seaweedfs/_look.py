"""Looking through what the server's files hold, live and not, with the matcher."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backends.content import examine_stream
from backends.contract import Evidence, Matcher, Verdict, strongest
from backends.errors import AccessDenied, ChangedWhileRead, CouldNotTell
from backends.seaweedfs._churn import own_folders
from backends.seaweedfs._leveldb import Damaged, Entry, entries
from backends.seaweedfs._volumes import Volume

CODED = "erasure-coded-volume"
_AT_ONCE = 256 << 10  # bytes of entries that are probed together
_APART = b"\0\n\0"
_DIGEST = 16  # bytes that a key begins with: an MD5 (weed/filer/leveldb2)
_TRIES = 3  # of a store that is being compacted while it is read


@dataclass
class Seen:
    """What was found in one place, summed up."""

    verdict: Verdict | None = None
    records: int = 0  # not distinct: one may be in several pieces
    size: int = 0  # bytes that were looked at
    live: bool = False  # whether what exists holds records, too
    reason: str = ""  # why not all of it could be looked at

    def add(self, evidence: Evidence) -> None:
        """Take in what one piece showed."""
        self.verdict = strongest((self.verdict, evidence.verdict))
        self.records += evidence.records


@dataclass(frozen=True)
class Files:
    """The server's data directory; what it raises tells nothing of what is in it."""

    folder: Path
    where: str = field(compare=False)  # how messages name the store

    def volumes(self, collection: str) -> list[Path]:
        """The files of a collection's volumes: ``name_7.dat``; ``7.dat`` where it has no name."""
        first = f"{collection}_" if collection else ""
        return sorted(
            path
            for path in self._all(f"{first}*.dat")
            if path.name[len(first) : -len(".dat")].isdigit()
        )

    def erasure_coded(self, collection: str) -> bool:
        """Whether some volume of it lies here in pieces, which are not looked into."""
        first = f"{collection}_" if collection else ""
        return any(
            path.stem[len(first) :].isdigit() for path in self._all(f"{first}*.ec[0-9][0-9]")
        )

    def store(self) -> list[Path]:
        """The folders of the filer's LevelDBs; none if it keeps its entries elsewhere."""
        return sorted(path for path in self._all("filerldb2/*") if path.is_dir())

    def _all(self, pattern: str) -> list[Path]:
        try:
            if not self.folder.is_dir():
                raise CouldNotTell(f"{self.where}: the data directory is gone")
            return list(self.folder.glob(pattern))
        except PermissionError:
            raise denied(self.where) from None


def denied(where: str) -> AccessDenied:
    """The error for a file of the server's that this user may not read."""
    return AccessDenied(
        f"{where}: the server's files may not be read",
        hint="run as root or as the server's user, or leave data_directory out",
    )


def in_volumes(files: Files, collection: str, matcher: Matcher, *, live: bool) -> Seen:
    """Look through a collection's volumes: at what was deleted, and with `live` at all."""
    seen = Seen()
    for path in files.volumes(collection):
        try:
            with Volume(path) as volume:
                _one_volume(volume, matcher, seen, live=live)
        except PermissionError:
            raise denied(files.where) from None
        except FileNotFoundError:
            seen.reason = "changed-while-read"  # compacted, moved or deleted meanwhile
        except OSError:
            seen.reason = "input-output-error"
    if files.erasure_coded(collection):
        seen.reason = CODED
    return seen


def _one_volume(volume: Volume, matcher: Matcher, seen: Seen, *, live: bool) -> None:
    for needle in volume.needles(live=live, dead=True):
        seen.size += len(needle.content)
        reading = examine_stream(io.BytesIO(needle.content), matcher, digested=False)
        beside = _probed(matcher, [needle.labels])
        found = reading.evidence.verdict is not None or beside.verdict is not None
        if needle.live:
            seen.live |= found
            continue
        seen.add(reading.evidence)
        seen.add(beside)
        seen.reason = seen.reason or reading.reason
    if volume.broken:
        rest = _probed(matcher, volume.rest())
        seen.add(rest)
        seen.reason = seen.reason or "volume-not-understood"


def in_store(folders: Sequence[Path], matcher: Matcher, where: str) -> Seen:
    """Look through the filer's LevelDBs. What is live is told by the newest entry of its key."""
    for attempt in range(_TRIES):
        seen = Seen()
        try:
            for folder in folders:
                _one_store(folder, matcher, seen)
        except PermissionError:
            raise denied(where) from None
        except (Damaged, FileNotFoundError):
            if attempt + 1 < _TRIES:
                continue
            raise ChangedWhileRead(
                f"{where}: the filer's store changes while it is read, again and again"
            ) from None
        break
    return seen


def _one_store(folder: Path, matcher: Matcher, seen: Seen) -> None:
    matching: dict[bytes, list[tuple[int, Evidence]]] = {}
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    others = (entry for entry in _every(files, seen) if entry.key[:_DIGEST] not in own_folders())
    for entry, evidence in _matching(others, matcher):
        matching.setdefault(entry.key, []).append((entry.number, evidence))
    if not matching:
        return
    newest = dict.fromkeys(matching, (-1, False))
    for path in files:
        if path.name.startswith("MANIFEST-"):
            continue  # it names keys that may be gone
        for entry in entries(path):
            if entry.key in newest:
                newest[entry.key] = max(newest[entry.key], (entry.number, entry.put))
    for key, found in matching.items():
        last, there = newest[key]
        for number, evidence in found:
            if there and number == last:
                seen.live = True
            else:
                seen.add(evidence)


def _every(files: Sequence[Path], seen: Seen) -> Iterator[Entry]:
    for path in files:
        seen.size += path.stat().st_size
        yield from entries(path)


def _matching(every: Iterable[Entry], matcher: Matcher) -> Iterator[tuple[Entry, Evidence]]:
    """Yield the entries that hold something of the dataset. Probed together: most hold nothing."""
    for group in _grouped(every):
        if _probed(matcher, (_APART.join(map(_whole, group)),)).verdict is None:
            continue
        for entry in group:
            evidence = _probed(matcher, (_whole(entry),))
            if evidence.verdict is not None:
                yield entry, evidence


def _whole(entry: Entry) -> bytes:
    """Apart: the digest of a file's folder, its name, and what is known of it."""
    digest, name = entry.key[:_DIGEST], entry.key[_DIGEST:]
    return _APART.join((digest, name, entry.value))


def _grouped(every: Iterable[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in every:
        group.append(entry)
        size += len(entry.key) + len(entry.value)
        if size >= _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def in_bytes(matcher: Matcher, data: bytes) -> Evidence:
    """Look through bytes of no form."""
    return _probed(matcher, [data])


def _probed(matcher: Matcher, blocks: Iterable[bytes]) -> Evidence:
    scan = matcher.scan()
    for block in blocks:
        if block:
            scan.probe(block)
    scan.probe(b"")
    return scan.evidence()

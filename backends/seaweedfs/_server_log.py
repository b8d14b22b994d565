"""The server's own log: lines with records in them are written over where they are.

The server has it open and appends to it, so it can neither be removed nor written anew. No byte is
moved: a line becomes as many dashes, and what is appended meanwhile is not touched. A crash leaves
lines that were and lines that were not written over; the same order then does the rest.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from backends.contract import Cost, Matcher, Step, Technique
from backends.errors import CouldNotTell
from backends.fsops.directly import ALIGNED
from backends.fsops.overwrite import read_from_medium
from backends.fsops.reasons import reason_for
from backends.seaweedfs._look import Seen, denied, in_bytes
from backends.seaweedfs._place import PlaceOfNames

NAMES_LOGGED = "names-in-server-log"
_NOT_PLAIN = "log-packed"
_ELSEWHERE = "log-elsewhere"
_PIECE = 256 << 10  # bytes that are looked through at once; more where a line is longer
_LONGEST = 16 << 20  # of a line
_READ_BACK = 1 << 20
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")


@dataclass(frozen=True)
class ServerLog(PlaceOfNames):
    """Files, and folders whose files it is, as the operator names them."""

    logs: Sequence[Path] = ()

    kind: ClassVar[str] = "server-log"
    technique: ClassVar[Technique] = Technique.REMOVE_LOG
    phase: ClassVar[int] = 4  # whatever is asked of the server can get into it
    limitation: ClassVar[str] = "log-lines-written-over"
    looked: ClassVar[str] = "server-log-files"

    @property
    def visible(self) -> bool:
        """Where it lies is known only if it is named."""
        return bool(self.logs)

    def look(self, matcher: Matcher, *, thorough: bool = False) -> Seen:
        """Look through all of its files, unpacked where they are packed."""
        del thorough
        seen = Seen()
        for path in self._files():
            with self._opened(path, os.O_RDONLY) as fd:
                seen.size += os.fstat(fd).st_size
                if _packed(fd):
                    _unpacked(fd, matcher, seen)
                    continue
                for _, piece in _pieces(fd, self.where):
                    seen.add(in_bytes(matcher, piece))
        if self._is_elsewhere():
            seen.reason = seen.reason or _ELSEWHERE
        return seen

    def cost(self) -> Cost:
        """As long as it takes to read it."""
        return Cost(writes=0, seconds=1)

    def clean(self, matcher: Matcher) -> Mapping[str, int]:
        """Write over the lines. Raises CouldNotTell for a packed file that holds records."""
        lines, packed = 0, Seen()
        for path in self._files():
            with self._opened(path, os.O_RDWR) as fd:
                if _packed(fd):
                    _unpacked(fd, matcher, packed)
                else:
                    lines += self._written_over(fd, matcher)
        if packed.verdict or packed.reason:
            raise CouldNotTell(
                f"{self.where}: a file of the server's log is packed, and holds records",
                hint="unpack it, or remove it as any other file",
                reason=_NOT_PLAIN,
            )
        return {"lines-written-over": lines}

    def try_out(self) -> None:
        """Open each file as it is opened to clean it. Raises BackendError."""
        for path in self._files():
            with self._opened(path, os.O_RDWR):
                pass

    def _written_over(self, fd: int, matcher: Matcher) -> int:
        lines = 0
        for at, piece in _pieces(fd, self.where):
            self.server.tell(Step("rewriting", at, os.fstat(fd).st_size, size=True))
            places = list(_lines_with_records(piece, matcher))
            if places:
                _write_over(fd, at, piece, places, self.where)
            lines += len(places)
        return lines

    def _files(self) -> list[Path]:
        found: list[Path] = []
        try:
            for named in self.logs:
                inside = named.is_dir()
                here = sorted(named.iterdir()) if inside else [named]
                found += [path for path in here if stat.S_ISREG(path.lstat().st_mode)]
                if not inside and named not in found:
                    raise CouldNotTell(f"{self.where}: a log is not there", reason="log-not-there")
        except PermissionError:
            raise denied(self.where) from None
        except FileNotFoundError:
            raise CouldNotTell(
                f"{self.where}: a log is not there", reason="log-not-there"
            ) from None
        return found

    def _is_elsewhere(self) -> bool:
        """Whether a folder of logs leads to what is not looked at: folders in it, and links."""
        known = {path.resolve() for path in (*self.logs, *self._files())}
        try:
            leading = (
                path
                for named in self.logs
                if named.is_dir()
                for path in named.iterdir()
                if path.is_symlink() or path.is_dir()
            )
            return any(path.exists() and path.resolve() not in known for path in leading)
        except OSError:
            return True

    @contextmanager
    def _opened(self, path: Path, how: int) -> Iterator[int]:
        """Open a file of the log. A name that anybody may have put there leads nowhere else."""
        try:
            fd = os.open(path, how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise denied(self.where) from None
        except OSError:
            raise CouldNotTell(
                f"{self.where}: a file of the log cannot be opened", reason="log-not-there"
            ) from None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise CouldNotTell(
                    f"{self.where}: a file of the log has other names", reason="log-hard-linked"
                )
            yield fd
        except OSError as error:
            reason = reason_for(error)
            raise CouldNotTell(
                f"{self.where}: a file of the log cannot be read ({reason})", reason=reason
            ) from None
        finally:
            os.close(fd)


def _packed(fd: int) -> bool:
    return os.pread(fd, 8, 0).startswith(_PACKED)


def _unpacked(fd: int, matcher: Matcher, seen: Seen) -> None:
    """Look through what is packed by gzip, as logs are; into other forms nobody looks."""
    scan = matcher.scan()
    try:
        with open(fd, "rb", closefd=False) as raw, gzip.open(raw) as file:
            while data := file.read(_PIECE):
                scan.probe(data)
    except (OSError, EOFError, zlib.error):
        seen.reason = _NOT_PLAIN
    scan.probe(b"")
    seen.add(scan.evidence())


def _pieces(fd: int, where: str) -> Iterator[tuple[int, bytes]]:
    """Yield places and whole lines from there on; the last one may have no end yet."""
    at, size = 0, _PIECE
    while data := os.pread(fd, size, at):
        end = data.rfind(b"\n") + 1
        if not end:
            if len(data) == size:  # a longer line
                if size >= _LONGEST:
                    raise CouldNotTell(
                        f"{where}: the log is not one of lines", reason="log-not-of-lines"
                    )
                size *= 2
                continue
            end = len(data)
        yield at, data[:end]
        at, size = at + end, _PIECE


def _lines_with_records(piece: bytes, matcher: Matcher) -> Iterator[tuple[int, int]]:
    """Yield where lines begin and end (before the line's end) that hold something; by halves."""
    starts = [0]
    while (found := piece.find(b"\n", starts[-1])) >= 0 and found + 1 < len(piece):
        starts.append(found + 1)
    waiting = [(0, len(starts))]
    starts.append(len(piece))
    while waiting:
        first, last = waiting.pop()
        start, end = starts[first], starts[last]
        if in_bytes(matcher, piece[start:end]).verdict is None:
            continue
        if last - first == 1:
            yield start, start + len(piece[start:end].rstrip(b"\r\n"))
        else:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]


def _write_over(
    fd: int, at: int, piece: bytes, places: Sequence[tuple[int, int]], where: str
) -> None:
    """Make dashes of lines, durably, and read them back, past the cache where that goes.

    `places` are within `piece`, which was read at `at`. A line is not touched where something else
    stands by now: a log may be cut, and grow again. Raises CouldNotTell.
    """
    try:
        for start, end in places:
            if os.pread(fd, end - start, at + start) != piece[start:end]:
                raise CouldNotTell(f"{where}: the log is being cut", reason="changed-while-read")
            os.pwrite(fd, b"-" * (end - start), at + start)
        os.fdatasync(fd)
        if not all(_is_dashes(fd, at + start, at + end) for start, end in places):
            raise CouldNotTell(f"{where}: the log reads differently", reason="read-back-differs")
    except OSError:
        raise CouldNotTell(
            f"{where}: the server's log cannot be written over", reason="log-not-written-over"
        ) from None


def _is_dashes(fd: int, start: int, end: int) -> bool:
    at = start // ALIGNED * ALIGNED
    while at < end:
        data, _ = read_from_medium(fd, _READ_BACK, at)
        found = data[max(0, start - at) : end - at]
        if not found or found.strip(b"-"):
            return False
        at += len(data)
    return True

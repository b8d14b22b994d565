"""A file sealed into another, and opened, a chunk in memory at a time; durable, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from backends.agefile import Damaged, NoMatch, NotAge, decrypted, encrypted
from shredder.errors import Inconclusive, UsageError
from shredder.observer import Observer
from shredder.outputs import hand_over

_BUFFER = 1 << 18  # bytes read at a time


def seal_file(source: Path, output: Path, public: bytes, observer: Observer) -> int:
    """Seal a file to a public key; returns its size. The file itself is left as it is."""
    return seal_to(source, partial(hand_over, output, replacing=False), public, observer)


def seal_to(
    source: Path, write: Callable[[Iterator[bytes]], None], public: bytes, observer: Observer
) -> int:
    """The same to wherever `write` writes what is sealed."""
    with reading(source) as file:
        size = os.fstat(file.fileno()).st_size
        chunks = encrypted(file, public)
        write(_watched(chunks, "sealing", size, observer))
        counted = file.raw
        assert isinstance(counted, _Counted)
        return counted.given


def open_file(source: Path, output: Path, key: bytearray, dataset: str, observer: Observer) -> int:
    """Open a sealed file; returns the size of what was in it. Raises UsageError, Inconclusive.

    Where it does not hold together, nothing is left of what was opened.
    """
    with reading(source) as file:
        size = os.fstat(file.fileno()).st_size
        return open_stream(file, size, str(source), output, key, dataset, observer)


def open_stream(
    file: io.BufferedReader,
    size: int,
    source: str,
    output: Path,
    key: bytearray,
    dataset: str,
    observer: Observer,
) -> int:
    """The same of a stream of a known size; `source` is what it is called."""
    try:
        chunks = decrypted(file, [key])
        hand_over(output, _watched(chunks, "opening", size, observer), replacing=False)
    except NotAge as error:
        raise UsageError(f"{source} is not sealed: {error}") from None
    except NoMatch as error:
        raise UsageError(
            f"{source} is not sealed to the key of {dataset}: {error}",
            hint="is it another dataset's, or of an earlier key?",
        ) from None
    except Damaged as error:
        raise Inconclusive(
            f"{source} does not hold together: {error}; what was opened of it is thrown away",
            hint="open another copy of it",
        ) from None
    return output.stat().st_size


class _Counted(io.FileIO):
    """A file, and how much of it was given out: a pipe cannot tell where it is."""

    given = 0

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self.given += count
        return count


def reading(source: Path) -> io.BufferedReader:
    """A file to be read from its beginning. Raises UsageError."""
    try:
        return io.BufferedReader(_Counted(source), _BUFFER)
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from None


def _watched(chunks: Iterator[bytes], what: str, size: int, observer: Observer) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        observer.progress(what, units=min(done, size), size=done, total=size)

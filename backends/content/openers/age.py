"""Sealed files, in the format of age: opened by the dataset's key, where it is to be had."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from backends.agefile import AgeError, decrypted, fits, is_age, recipients
from backends.content import Bounds, Declined, Member, Opener, Part, Source, Stop

_HEADER = 64 << 10  # bytes; several hundred recipients


class Age(Opener):
    """Opens what is sealed to the dataset; what is sealed to others is left as it is."""

    name = "age"

    def recognises(self, head: bytes) -> bool:
        """Tell by the first line."""
        return is_age(head)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield one member."""
        keys = [identity[:32] for identity in bounds.identities()]
        head = source.peek(_HEADER)
        if not fits(head, keys):
            raise Declined
        # Whoever else it is sealed to opens it when the dataset's key is gone.
        bounds.shared = bounds.shared or recipients(head) != 1
        yield Member(Source(_plain(source, keys)))


AGE = Age()


class _Raw(io.RawIOBase):
    """A source as a stream of Python's."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as one piece goes."""
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _plain(source: Source, keys: Sequence[bytes]) -> Iterator[bytes]:
    try:
        yield from decrypted(io.BufferedReader(_Raw(source)), keys)
    except AgeError:
        raise Stop("damaged-container") from None

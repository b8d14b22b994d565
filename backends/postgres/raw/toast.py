"""Values that lie in a TOAST table, put together from their chunks ("TOAST" in the manual).

A chunk is a row: the value's number, the chunk's, and up to 1,996 bytes of it; the last chunk has
fewer, as a rule. Whether the value is compressed stands where it is referred to, and nowhere else:
a compressed one begins with its size, and is told by being what that says.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.postgres.raw import packed

CHUNK = 1996  # bytes, on pages of 8 KiB
_MOST = 256 << 20  # bytes of values that are not complete yet
_INFO = 4


class Gatherer:
    """Puts values together, in whatever order their chunks come."""

    def __init__(self) -> None:
        self._values: dict[int, dict[int, bytes]] = {}
        self._held = 0
        self.torn = 0  # values of which the beginning is not there

    def take(self, value: int, number: int, data: bytes) -> Iterator[bytes]:
        """Take a chunk; yield the values that are whole with it."""
        chunks = self._values.setdefault(value, {})
        if chunks.get(number, data) != data:  # the number was given anew
            yield from self._give(value)
            chunks = self._values.setdefault(value, {})
        if number not in chunks:
            chunks[number] = data
            self._held += len(data)
        last = max(chunks)
        if len(chunks[last]) < CHUNK and len(chunks) == last + 1:
            yield from self._give(value)
        while self._held > _MOST:
            yield from self._give(next(iter(self._values)))

    def rest(self) -> Iterator[bytes]:
        """Yield what there is of values that are not whole."""
        for value in list(self._values):
            yield from self._give(value)

    def _give(self, value: int) -> Iterator[bytes]:
        chunks = self._values.pop(value)
        self._held -= sum(map(len, chunks.values()))
        beginning = []
        for number in range(len(chunks)):
            if number not in chunks:
                break
            beginning.append(chunks[number])
        if len(beginning) < len(chunks):
            self.torn += 1
        if beginning:
            yield opened(b"".join(beginning))


def opened(stored: bytes) -> bytes:
    """Return a value that was stored so, compressed or not. Raises NoLibrary."""
    if len(stored) <= _INFO:
        return stored
    found = packed.value(stored[:_INFO], stored[_INFO:])
    # Of text the first four bytes hardly ever say a size that the rest could have come from.
    return stored if found is None or len(found) < len(stored) else found

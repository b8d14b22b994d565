"""What is in a sealed file, as a stream: opened chunk by chunk, and never written anywhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, cast

from backends.agefile import Damaged, NoMatch, NotAge, decrypted
from backends.errors import SourceError

_BUFFER = 1 << 16


def unsealed(
    opener: Callable[[], BinaryIO], keys: Sequence[bytes | bytearray], where: str
) -> Callable[[], BinaryIO]:
    """What opens the content of the file that `opener` opens, by whichever of the keys fits.

    The stream raises SourceError where that is not sealed, not to these keys, or not whole.
    """
    return lambda: cast("BinaryIO", io.BufferedReader(_Content(opener, keys, where), _BUFFER))


class _Content(io.RawIOBase):
    """The content; a seek backwards opens the file anew."""

    def __init__(
        self, opener: Callable[[], BinaryIO], keys: Sequence[bytes | bytearray], where: str
    ) -> None:
        super().__init__()
        self._opener = opener
        self._keys = keys
        self._where = where
        self._begin()

    def _begin(self) -> None:
        self._file: io.BufferedReader = io.BufferedReader(cast("io.RawIOBase", self._opener()))
        self._chunks = self._told(decrypted(self._file, self._keys))
        self._rest = b""
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("where it ends is known when it was read")
        wanted = offset + (self._at if whence == io.SEEK_CUR else 0)
        if wanted < self._at:
            self._file.close()
            self._begin()
        while self._at < wanted and self._fill():
            self._take(wanted - self._at)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self._take(len(buffer)) if self._fill() else b""
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _fill(self) -> bool:
        """Have something of it at hand; whether there is any left."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = chunk
        return True

    def _take(self, most: int) -> bytes:
        data, self._rest = self._rest[:most], self._rest[most:]
        self._at += len(data)
        return data

    def _told(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except NotAge:
            raise SourceError(
                f"{self._where}: the source is not sealed",
                hint="leave out its `sealed`, and know that the data lies in the clear there",
            ) from None
        except NoMatch:
            raise SourceError(
                f"{self._where}: the source is not sealed to the dataset's key",
                hint="is it another dataset's, or of an earlier key?",
            ) from None
        except Damaged as error:
            raise SourceError(
                f"{self._where}: the sealed source does not hold together: {error}",
                hint="take another copy of it",
            ) from None

"""An object as a source: delimited text with a header, plain or gzipped."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backends.delimited import Rows
from backends.errors import ChangedWhileRead, SourceError
from backends.s3._bucket import Bucket
from backends.s3._errors import is_gone, speaking, status_of
from backends.s3._model import locator

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_BUFFER = 1 << 20


def open_rows(
    bucket: Bucket,
    key: str,
    encoding: str,
    delimiter: str,
    keys: Sequence[bytes | bytearray] | None = None,
) -> Rows:
    """Open the current version of an object; all passes read the same. Raises SourceError.

    `keys`: what opens it, where it is sealed.
    """
    opener, _ = opener_of(bucket, key)
    return Rows(opener, locator(bucket.name, key), bucket.where, encoding, delimiter, keys)


def opener_of(bucket: Bucket, key: str) -> tuple[Callable[[], io.BufferedReader], int]:
    """What opens the version of an object that is the current one now, and its size in bytes.

    Raises SourceError if there is none.
    """
    with speaking(bucket.where):
        try:
            found = bucket.client.head_object(Bucket=bucket.name, Key=key)
        except ClientError as error:
            if not is_gone(error):
                raise
            raise SourceError(
                f"{bucket.where}: the source is not there",
                hint='name it as key = "bucket/key"; its current version is read',
            ) from None
    pinned = {"Key": key, "IfMatch": found["ETag"]}
    if "VersionId" in found:
        pinned["VersionId"] = found["VersionId"]
    size = int(found["ContentLength"])
    return lambda: io.BufferedReader(_Object(bucket, pinned, size), _BUFFER), size


class _Object(io.RawIOBase):
    """The bytes of one version; a seek asks for them anew from there on."""

    def __init__(self, bucket: Bucket, pinned: dict[str, str], size: int) -> None:
        super().__init__()
        self._bucket = bucket
        self._pinned = pinned
        self._size = size
        self._at = 0
        self._body: StreamingBody | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset != self._at:
            self._at = max(0, base + offset)
            self._drop()
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        if self._at >= self._size:
            return 0
        with speaking(self._bucket.where):
            if self._body is None:
                self._body = self._open()
            data: bytes = self._body.read(len(buffer))
        if not data:
            raise ChangedWhileRead(f"{self._bucket.where}: the source breaks off before its end")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _open(self) -> StreamingBody:
        asked: dict[str, Any] = dict(self._pinned)
        if self._at:
            asked["Range"] = f"bytes={self._at}-"
        try:
            return self._bucket.client.get_object(Bucket=self._bucket.name, **asked)["Body"]
        except ClientError as error:
            if status_of(error) == 412 or is_gone(error):
                raise ChangedWhileRead(
                    f"{self._bucket.where}: the source was altered while it was read",
                    hint="enrol again when nobody writes to it",
                ) from None
            raise

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

"""A large version read by ranges, some of them ahead of who reads; never many bytes at once.

One connection gives what one connection can; a few give as much as line and server have. An object
that may have several is read by short ranges, which are fetched ahead and held; one that may have
no more than one, since others are read at the same time, by long ranges as they come, which costs
both sides less. All ranges are of one state: of the version and the ETag that the first one had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from backends.s3._bucket import Bucket
from backends.s3._errors import is_gone, speaking, status_of

PIECE = 8 << 20  # bytes of a range that is held
AHEAD = 3  # pieces fetched beside the one that is being read, at the most
LONG = 64 << 20  # bytes of a range that is read as it comes
LARGE = 16 << 20  # bytes; what is smaller comes in one answer
_ATTEMPTS = 3


class Moved(Exception):
    """The version is not the one any more whose first bytes were read."""


class Ranges:
    """The body of a version, as a stream. Not for several threads."""

    def __init__(
        self,
        get: Callable[[int, int, str], Mapping[str, Any]],
        first: tuple[StreamingBody, int],
        total: int,
        etag: str,
        share: Callable[[], int],
    ) -> None:
        """`get` asks for the bytes from one place to another, if the ETag is the one given.

        `first`: what it gave from the beginning on, and how many bytes these are. `share`: how
        many connections this version may have now.
        """
        self._get, self._etag, self._total, self._share = get, etag, total, share
        self._at = 0
        self._body: StreamingBody | None
        self._body, self._stop = first  # the range that is read, as it comes
        self._piece = b""  # or the range that is read, if it was fetched ahead
        self._failures = 0
        self._asked = self._stop
        self._pool = ThreadPoolExecutor(AHEAD)
        self._coming: deque[Future[bytes]] = deque()
        self._ask()

    def read(self, size: int | None = None) -> bytes:
        """Read on, up to `size` bytes; none at the end only. Without a size, all that is left.

        Raises Moved, or what `get` does.
        """
        if size is None:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        if self._at == self._stop:
            if self._at == self._total:
                return b""
            self._next()
        size = min(size, self._stop - self._at)
        if self._piece:
            start = len(self._piece) - (self._stop - self._at)
            data = self._piece[start : start + size]
        else:
            data = self._as_it_comes(size)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Ask for no more, and wait for what is under way."""
        self._drop()
        self._pool.shutdown(cancel_futures=True)

    def _next(self) -> None:
        """Go on to the next range."""
        self._drop()
        self._piece = b""  # not held while the next one is waited for
        if self._coming:
            self._piece = self._coming.popleft().result()
            self._stop = self._at + len(self._piece)
        else:
            self._failures = 0
            self._stop = self._asked = min(self._at + length(self._share()), self._total)
        self._ask()

    def _ask(self) -> None:
        while self._asked < self._total and len(self._coming) < min(AHEAD, self._share() - 1):
            stop = min(self._asked + PIECE, self._total)
            self._coming.append(self._pool.submit(self._fetch, self._asked, stop))
            self._asked = stop

    def _as_it_comes(self, size: int) -> bytes:
        while True:
            try:
                if self._body is None:
                    self._body = self._open(self._at, self._stop)
                if data := self._body.read(size):
                    return data
                broken: Exception = _short(0, self._stop - self._at)
            except (BotoCoreError, HTTPError, OSError) as error:
                broken = error
            self._drop()
            self._failures += 1
            if self._failures == _ATTEMPTS:
                raise broken

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def _fetch(self, start: int, stop: int) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._once(start, stop)
            except (BotoCoreError, HTTPError, OSError):
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, start: int, stop: int) -> bytes:
        body = self._open(start, stop)
        try:
            data: bytes = body.read()
        finally:
            body.close()
        if len(data) != stop - start:
            raise _short(len(data), stop - start)
        return data

    def _open(self, start: int, stop: int) -> StreamingBody:
        answer = self._get(start, stop, self._etag)
        body: StreamingBody = answer["Body"]
        told = answer.get("ContentRange"), answer.get("ETag")
        if told != (f"bytes {start}-{stop - 1}/{self._total}", self._etag):
            body.close()
            raise Moved
        return body


def _short(got: int, wanted: int) -> IncompleteReadError:
    return IncompleteReadError(actual_bytes=got, expected_bytes=wanted)


def length(connections: int) -> int:
    """Return how long a range is to be asked for, with so many connections for its object."""
    return PIECE if connections > 1 else LONG


def asking(
    bucket: Bucket, key: str, version_id: str, customer: Mapping[str, Any]
) -> Callable[[int, int, str], Mapping[str, Any]]:
    """Return what asks for a range of a version. It raises Moved, or a BackendError.

    `customer`: the key that is sent along for it, if it is under one.
    """

    def get(start: int, stop: int, etag: str) -> Mapping[str, Any]:
        span = f"bytes={start}-{stop - 1}"
        with speaking(bucket.where):
            try:
                answer: Mapping[str, Any] = bucket.client.get_object(
                    Bucket=bucket.name,
                    Key=key,
                    VersionId=version_id,
                    Range=span,
                    IfMatch=etag,
                    **customer,
                )
            except ClientError as error:
                if status_of(error) in {405, 412, 416} or is_gone(error):
                    raise Moved from None
                raise
        return answer

    return get


def first_of(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many bytes an answer has from the beginning on, and how many there are in all.

    Both are -1 where the server answers with something else than that range.
    """
    span, _, total = str(answer.get("ContentRange", "")).removeprefix("bytes 0-").partition("/")
    return (int(span) + 1, int(total)) if span.isdigit() and total.isdigit() else (-1, -1)

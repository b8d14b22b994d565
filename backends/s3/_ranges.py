"""A large version read by ranges, some of them ahead of who reads; never many bytes at once.

One connection gives what one connection can; a few give as much as line and server have. All
ranges are of one state: of the version and the ETag that the first one had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from urllib3.exceptions import HTTPError

from backends.s3._bucket import Bucket
from backends.s3._errors import is_gone, speaking, status_of

PIECE = 4 << 20  # bytes
AHEAD = 4  # pieces fetched beside the one that is being read
LARGE = 16 << 20  # bytes; what is smaller comes in one answer
_ATTEMPTS = 3


class Moved(Exception):
    """The version is not the one any more whose first bytes were read."""


class Ranges:
    """The body of a version, as a stream. Not for several threads."""

    def __init__(
        self, get: Callable[[str, str], Mapping[str, Any]], first: bytes, total: int, etag: str
    ) -> None:
        """`get` asks for a range, if the ETag is the one given; `first`: what is there already."""
        self._get, self._etag, self._total = get, etag, total
        self._asked = len(first)  # bytes asked for so far, from the beginning on
        self._piece, self._at = first, 0
        self._pool = ThreadPoolExecutor(AHEAD)
        self._coming: deque[Future[bytes]] = deque()
        self._ask()

    def read(self, size: int | None = None) -> bytes:
        """Read on, up to `size` bytes; none at the end only. Without a size, all that is left.

        Raises Moved, or what `get` does.
        """
        if size is None:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        if self._at == len(self._piece) and self._coming:
            self._piece, self._at = b"", 0  # not held while the next one is waited for
            self._piece = self._coming.popleft().result()
            self._ask()
        stop = min(len(self._piece), self._at + size)
        data = self._piece[self._at : stop]
        self._at = stop
        return data

    def close(self) -> None:
        """Ask for no more, and wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)

    def _ask(self) -> None:
        while self._asked < self._total and len(self._coming) < AHEAD:
            stop = min(self._asked + PIECE, self._total)
            self._coming.append(self._pool.submit(self._fetch, self._asked, stop))
            self._asked = stop

    def _fetch(self, start: int, stop: int) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._once(start, stop)
            except (BotoCoreError, HTTPError, OSError):
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, start: int, stop: int) -> bytes:
        answer = self._get(f"bytes={start}-{stop - 1}", self._etag)
        body = answer["Body"]
        try:
            told = answer.get("ContentRange"), answer.get("ETag")
            if told != (f"bytes {start}-{stop - 1}/{self._total}", self._etag):
                raise Moved
            data: bytes = body.read()
        finally:
            body.close()
        if len(data) != stop - start:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=stop - start)
        return data


def asking(bucket: Bucket, key: str, version_id: str) -> Callable[[str, str], Mapping[str, Any]]:
    """Return what asks for a range of a version. It raises Moved, or a BackendError."""

    def get(span: str, etag: str) -> Mapping[str, Any]:
        with speaking(bucket.where):
            try:
                answer: Mapping[str, Any] = bucket.client.get_object(
                    Bucket=bucket.name, Key=key, VersionId=version_id, Range=span, IfMatch=etag
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

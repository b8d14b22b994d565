"""Reading one version's bytes, once, in bounded memory, and being sure that it was all of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from backends.content import Reading, examine_stream
from backends.contract import Matcher
from backends.errors import ChangedWhileRead
from backends.s3 import _ranges
from backends.s3._bucket import Bucket
from backends.s3._checksum import Check, check_of
from backends.s3._errors import code_of, is_denied, is_gone, speaking, status_of, translated
from backends.s3._ranges import Moved, Ranges, asking, first_of
from backends.sealedvalue import customer_key, values_of_identity

_ATTEMPTS = 3
_STRETCH = 4 << 20  # bytes that are read at once elsewhere than in order
_PRECONDITION_FAILED = 412
CUSTOMER = "sse-c"
_KMS_CODES = {
    "KMS.DisabledException": "kms-key-disabled",
    "KMS.KMSInvalidStateException": "kms-key-state",
    "KMS.NotFoundException": "kms-key-missing",
}


class Unreadable(Exception):
    """The server keeps the content of this version from us, for a reason of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Content:
    """What reading gave. `mismatch`: the bytes are not those that the server speaks of."""

    reading: Reading
    answer: Mapping[str, Any]  # the headers of GetObject, parsed
    mismatch: bool
    sealed: bool = False  # the server had it under a key that the dataset's gives


def read(bucket: Bucket, key: str, version_id: str, matcher: Matcher, size: int) -> Content:
    """Read a version in full; again if the connection breaks. Raises Unreadable, CouldNotTell.

    `size`: what the listing said, in bytes. A large one is read by ranges.
    """
    with bucket.connections.reading() as connections:
        share = connections if size >= _ranges.LARGE else None
        try:
            return _read(bucket, key, version_id, matcher, share, {})
        except Unreadable as unreadable:
            if unreadable.reason != CUSTOMER:
                raise
        for identity in matcher.identities():
            with values_of_identity(identity) as values:
                customer = customer_key(values, key)
            try:
                content = _read(bucket, key, version_id, matcher, share, customer)
            except Unreadable:
                continue  # it is another's
            return replace(content, sealed=True)
        raise Unreadable(CUSTOMER)


def _read(
    bucket: Bucket,
    key: str,
    version_id: str,
    matcher: Matcher,
    share: Callable[[], int] | None,
    customer: Mapping[str, str | bytes],
) -> Content:
    for attempt in range(1, _ATTEMPTS + 1):
        stream: _Watched | None = None
        try:
            answer, stream = _begun(bucket, key, version_id, share, customer)
            reading = examine_stream(stream, matcher, digested=False)
            stream.finish()
        except (BotoCoreError, HTTPError, OSError, _Short, Moved) as error:
            failure = (stream.failure if stream is not None else None) or error
            if attempt < _ATTEMPTS:
                continue
            if isinstance(failure, FlexibleChecksumError):
                raise Unreadable("content-mismatch") from None
            if isinstance(failure, Moved):
                raise ChangedWhileRead(
                    f"{bucket.where}: an object changed while it was read, again and again",
                    hint="stop the program that writes to it, then sweep again",
                ) from None
            if isinstance(failure, (_Short, IncompleteReadError, ResponseStreamingError)):
                raise ChangedWhileRead(
                    f"{bucket.where}: an object breaks off before its end, again and again",
                    hint="is something between here and the server cutting answers off?",
                ) from None
            raise translated(failure, bucket.where) from None
        finally:
            if stream is not None:
                stream.close()
        return Content(reading, answer, not stream.check.holds())
    raise AssertionError("unreachable: the last attempt returns or raises")


def _begun(
    bucket: Bucket,
    key: str,
    version_id: str,
    share: Callable[[], int] | None,
    customer: Mapping[str, str | bytes],
) -> tuple[Mapping[str, Any], _Watched]:
    """Begin to read; with `share`, see Ranges, by ranges, if the server knows these."""
    first = {"Range": f"bytes=0-{_ranges.length(share()) - 1}"} if share else {}
    answer = _get(bucket, key, version_id, first, customer)
    etag = str(answer.get("ETag", ""))
    fetch = partial(_fetch, bucket, key, version_id, customer, etag)
    size, total = first_of(answer)
    if share is None or size < 0:
        length = int(answer.get("ContentLength", -1))
        return answer, _Watched(answer["Body"], length, fetch, check_of(answer))
    begun = answer["Body"], size
    get = asking(bucket, key, version_id, customer)
    ranges = Ranges(get, begun, total, etag, share)
    check = check_of(answer, _told(bucket, key, version_id, customer))
    return answer, _Watched(ranges, total, fetch, check)


def _get(
    bucket: Bucket,
    key: str,
    version_id: str,
    more: Mapping[str, Any],
    customer: Mapping[str, Any],
) -> Mapping[str, Any]:
    with speaking(bucket.where):
        try:
            answer: Mapping[str, Any] = bucket.client.get_object(
                Bucket=bucket.name, Key=key, VersionId=version_id, **more, **customer
            )
        except ClientError as error:
            if more and status_of(error) == 416:  # overwritten since it was listed: it is empty
                return _get(bucket, key, version_id, {}, customer)
            reason = _unreadable(error)
            if not reason:
                raise
            raise Unreadable(reason) from None
    return answer


def _told(
    bucket: Bucket, key: str, version_id: str, customer: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Ask for the checksum of a version, which no answer with a range has; it may have none."""
    try:
        return bucket.client.head_object(
            Bucket=bucket.name, Key=key, VersionId=version_id, ChecksumMode="ENABLED", **customer
        )
    except (BotoCoreError, ClientError, HTTPError, OSError):
        return {}  # then by its ETag, if that tells


def _fetch(
    bucket: Bucket,
    key: str,
    version_id: str,
    customer: Mapping[str, Any],
    etag: str,
    start: int,
    size: int,
) -> bytes:
    """Read a stretch of a version that is still the one whose reading has begun."""
    with speaking(bucket.where):
        try:
            answer = bucket.client.get_object(
                Bucket=bucket.name,
                Key=key,
                VersionId=version_id,
                IfMatch=etag,
                Range=f"bytes={start}-{start + size - 1}",
                **customer,
            )
        except ClientError as error:
            if status_of(error) != _PRECONDITION_FAILED:
                raise
            raise ChangedWhileRead(f"{bucket.where}: an object was overwritten") from None
        with closing(answer["Body"]) as body:
            data: bytes = body.read()
    return data


def _unreadable(error: ClientError) -> str:
    """The reason that concerns this version alone; empty if the error is about more."""
    code, status = code_of(error), status_of(error)
    said = str(error.response.get("Error", {}).get("Message", "")).lower()
    if is_gone(error):
        return "vanished"
    if status == 405:  # a delete marker has taken its place
        return "changed"
    if code == "InvalidObjectState":
        return "archived"
    if code in _KMS_CODES or code.startswith("KMS."):
        return _KMS_CODES.get(code, "kms-refused")
    if is_denied(error):
        return "kms-access-denied" if "kms:" in said else "access-denied"
    if status == 400 and ("customer" in said or "server side encryption" in said):
        return CUSTOMER
    return (
        "request-refused" if status == 400 and code in {"InvalidRequest", "InvalidArgument"} else ""
    )


class _Short(Exception):
    """Fewer or more bytes came than were announced."""


class _Watched(io.RawIOBase):
    """The body of an answer; remembers why it broke, whatever the reader made of it.

    Whoever seeks gets stretches by requests of their own, and goes on in the body where it was.
    """

    def __init__(
        self,
        body: StreamingBody | Ranges,
        length: int,
        fetch: Callable[[int, int], bytes],
        check: Check,
    ) -> None:
        super().__init__()
        self._body = body
        self._length = length
        self._fetch = fetch
        self._count = 0
        self._place = 0
        self._stretch, self._begin = b"", 0
        self.check = check  # takes in what is read
        self.failure: Exception | None = None

    def seekable(self) -> bool:
        """Whether the size is known."""
        return self._length >= 0

    def tell(self) -> int:
        """Return the place of what is read next."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; nothing is asked of the server yet."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}
        self._place = base[whence] + offset
        return self._place

    def read(self, size: int = -1, /) -> bytes:
        """Read on; all that is left if `size` is negative."""
        if self._place != self._count and size >= 0:
            return self._elsewhere(size)
        try:
            data = self._body.read(size if size >= 0 else None)
        except (BotoCoreError, HTTPError, OSError, Moved) as error:
            self.failure = error
            raise
        self._count += len(data)
        self._place = self._count
        self.check.update(data)
        return data

    def _elsewhere(self, size: int) -> bytes:
        at = self._place - self._begin
        if not 0 <= at < len(self._stretch):
            left = max(0, self._length - self._place)
            if not min(size, left):
                return b""
            try:
                self._stretch = self._fetch(self._place, min(left, max(size, _STRETCH)))
            except (BotoCoreError, HTTPError, OSError) as error:
                self.failure = error
                raise
            self._begin, at = self._place, 0
        data = self._stretch[at : at + size]
        self._place += len(data)
        return data

    def close(self) -> None:
        """Close the body."""
        self._body.close()
        super().close()

    def finish(self) -> None:
        """Check that everything announced was read. Raises what reading raised."""
        if self.failure is not None:
            raise self.failure
        self._place = self._count
        while self.read(1 << 16):
            pass
        if self._length >= 0 and self._count != self._length:
            raise _Short

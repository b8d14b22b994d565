"""Holding the bytes that were read to what the server says of them as a whole.

A version may have a checksum that was given or made when it was written: the cheapest of those
that the standard library knows is compared. Where there is none, the ETag is the MD5 of what came
in one part and lies there as it came. Of other versions nothing is told but the length.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

try:
    from isal.isal_zlib import crc32  # extra `fast`: several times as fast
except ImportError:
    from zlib import crc32

_MD5 = re.compile(r"[0-9a-f]{32}")


class _Sum(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 of ISO/HDLC, big-endian, as S3 writes it."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_new_md5 = partial(hashlib.md5, usedforsecurity=False)
_KINDS: Mapping[str, Callable[[], _Sum]] = {  # the cheapest first
    "ChecksumCRC32": _Crc32,
    "ChecksumSHA256": hashlib.sha256,
    "ChecksumSHA1": partial(hashlib.sha1, usedforsecurity=False),
}


class Check:
    """Takes in all bytes of a version, in order, and compares."""

    def __init__(self, sum_: _Sum | None = None, expected: bytes = b"") -> None:
        self._sum, self._expected = sum_, expected

    def update(self, data: bytes) -> None:
        """Take in more."""
        if self._sum:
            self._sum.update(data)

    def holds(self) -> bool:
        """Whether the bytes are those that the server speaks of, as far as it does."""
        return self._sum is None or self._sum.digest() == self._expected


def check_of(answer: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> Check:
    """Return the check for what GetObject gives.

    `told`: the answer of HeadObject, for an object that comes in several answers. One that comes
    in one is compared by the driver with the checksum that it has, and once is enough.
    """
    if answer.get("ResponseMetadata", {}).get("ChecksumAlgorithm"):
        return Check()
    if told and told.get("ETag") == answer.get("ETag"):
        for name, new in _KINDS.items():
            # Of an upload in parts, it may be the checksum of their checksums.
            expected = _decoded(str(told.get(name, "")))
            if expected and told.get("ChecksumType") != "COMPOSITE":
                return Check(new(), expected)
    if _is_md5(answer):
        return Check(_new_md5(), bytes.fromhex(answer["ETag"].strip('"')))
    return Check()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _is_md5(answer: Mapping[str, Any]) -> bool:
    """Whether the ETag is the MD5 of the content: neither of parts nor under a customer's key."""
    encryption = str(answer.get("ServerSideEncryption", ""))
    return (
        _MD5.fullmatch(str(answer.get("ETag", "")).strip('"')) is not None
        and not encryption.startswith("aws:kms")
        and "SSECustomerAlgorithm" not in answer
    )

"""What a bucket holds, as values; and how a unit's and a holding's texts are made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backends.locator import escape, unescape

OBJECT, MARKER, UPLOAD = "object", "delete-marker", "upload"
_LAST = 10**12  # cursors count time down from here: the newest version of a key comes first


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an object, or one delete marker, as a listing shows it.

    `version_id` is ``null`` for what was written while versioning was off: the only kind of
    version that another write can replace.
    """

    key: str
    version_id: str
    kind: str
    etag: str  # without the quotes; empty for a marker
    size: int  # bytes
    modified: int  # seconds of the epoch
    latest: bool

    @property
    def version(self) -> str:
        """The version as units and holdings state it: id, ETag, time of writing."""
        return f"{self.version_id} {self.etag or MARKER} {self.modified}"

    @property
    def cursor(self) -> str:
        """Orders by key, then from the newest to the oldest, whatever is deleted or added."""
        return (
            f"{key_cursor(self.key)}.{_LAST - self.modified:013}.{self.version_id}.{self.kind[:1]}"
        )


@dataclass(frozen=True, slots=True)
class Version:
    """What `Entry.version` says, read back."""

    version_id: str
    etag: str
    modified: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises ValueError if this is not the text of a version."""
        version_id, rest = text.split(" ", 1)
        etag, modified = rest.rsplit(" ", 1)
        return cls(version_id, etag, int(modified))


@dataclass(frozen=True, slots=True)
class Pending:
    """An unfinished multipart upload."""

    key: str
    upload_id: str
    initiated: int  # seconds of the epoch


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an unfinished upload. Its bytes cannot be read through the API."""

    number: int
    etag: str
    size: int


def upload_version(upload_id: str, parts: Sequence[Part]) -> str:
    """The version of an upload: its id, and a digest of which parts it has."""
    state = "\n".join(f"{part.number} {part.etag} {part.size}" for part in parts)
    return f"{upload_id} {hashlib.sha256(state.encode()).hexdigest()[:32]}"


def locator(bucket: str, key: str) -> str:
    """``bucket/key``, the key escaped. A bucket's name has no slash."""
    return f"{bucket}/{escape(key.encode('utf-8', 'surrogatepass'))}"


def key_of(bucket: str, text: str) -> str:
    """The key in a locator of this bucket."""
    return unescape(text.removeprefix(f"{bucket}/")).decode("utf-8", "surrogatepass")


def key_cursor(key: str) -> str:
    """A text that orders as the key does in the listing of S3, by its bytes in UTF-8."""
    return key.encode("utf-8", "surrogatepass").hex()


def cursor_key(cursor: str) -> str:
    """The key that a cursor stands at; empty for the beginning."""
    return bytes.fromhex(cursor.partition(".")[0]).decode("utf-8", "surrogatepass")


def server_time(answer: Mapping[str, Any]) -> int:
    """The server's clock in an answer's headers, seconds of the epoch; 0 if it does not tell."""
    value = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except ValueError:
        return 0


def stamp(seconds: int) -> str:
    """Seconds of the epoch in RFC 3339 UTC; empty for 0, which stands for an unknown time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""

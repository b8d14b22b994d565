"""The small notations: base64, digests, times, and text as it may be shown on a terminal."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from datetime import UTC, datetime

from attestations.errors import Code, Malformed

TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z"
_TIME = re.compile(TIME, re.ASCII)

#: General categories that may move the cursor, hide or reorder text: Cc, Cf, Zl, Zp, Cs, Co, Cn.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})


def sha256(data: bytes) -> str:
    """Return ``sha256:`` and 64 lower-case hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding (RFC 4648, 4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """Decode canonical base64, of the standard or the URL-safe alphabet (RFC 4648, 4 and 5).

    Refused: junk, white space, missing padding, both alphabets in one text, and unused bits
    that are not zero, for each of them would give two texts of one meaning.
    """
    try:
        raw = text.encode("ascii")
        urlsafe = b"-" in raw or b"_" in raw
        data = base64.b64decode(raw, altchars=b"-_" if urlsafe else None, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise Malformed(Code.E_BASE64, f"{what}: not base64") from None
    again = base64.urlsafe_b64encode(data) if urlsafe else base64.b64encode(data)
    if again != raw:
        raise Malformed(Code.E_BASE64, f"{what}: not canonical base64")
    return data


def format_time(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, to the microsecond where it has any."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_time(text: str) -> datetime | None:
    """Read ``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``; None for anything else."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def shown(text: str, limit: int = 200) -> str:
    """Return `text` safe for a terminal: one line, nothing that steers, hides or reorders."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    return "".join(
        c.encode("unicode_escape").decode("ascii") if unicodedata.category(c) in _UNSHOWABLE else c
        for c in cut
    )

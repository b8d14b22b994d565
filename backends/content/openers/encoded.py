"""Documents that are nothing but base64 (RFC 4648 section 4), in lines or in one."""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Iterator

from backends.content import (
    CHUNK,
    Bounds,
    Member,
    Opener,
    Part,
    Source,
    Stop,
    identify,
    wide_encoding,
)

_ALL = re.compile(rb"[A-Za-z0-9+/\r\n]{200,}={0,2}\s*")
_KINDS = (re.compile(rb"[A-Z]"), re.compile(rb"[a-z]"), re.compile(rb"[0-9+/]"))
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


class Base64(Opener):
    """Opens base64 if what it encodes has a form: that of a text or of another container.

    Whatever else is made of these characters, a list of codes for instance, is a text.
    """

    name = "base64"

    def recognises(self, head: bytes) -> bool:
        """Tell by the length of lines, and by what comes out."""
        if not _ALL.fullmatch(head):
            return False
        first, _, rest = head.partition(b"\n")
        if not all(kind.search(head) for kind in _KINDS):
            return False
        # Lines as in PEM and MIME, or one that fills the head.
        if rest and len(first.rstrip(b"\r")) not in {64, 76}:
            return False
        packed = b"".join(head.split())
        return _has_form(binascii.a2b_base64(packed[: len(packed) // 4 * 4]))

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield what is encoded."""
        del bounds
        yield Member(Source(_decoded(source)))


BASE64 = Base64()


def _has_form(data: bytes) -> bool:
    """Whether bytes are not such as come out of codes: all values about equally often."""
    if any(identify(data)) or wide_encoding(data)[0]:
        return True
    if _TEXT.fullmatch(data) and b"\n" in data:
        return True
    return Counter(data).most_common(1)[0][1] > len(data) / 24 + 4


def _decoded(source: Source) -> Iterator[bytes]:
    kept = b""
    while data := source.read(CHUNK):
        packed = kept + b"".join(data.split())
        whole = len(packed) // 4 * 4
        kept = packed[whole:]
        try:
            yield binascii.a2b_base64(packed[:whole], strict_mode=True)
        except binascii.Error:
            source.give_back(data)
            raise Stop("damaged-container") from None
    if kept:
        raise Stop("damaged-container")

"""Documents that are nothing but base64 (RFC 4648 section 4), in lines or in one."""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Iterator

from backends.content import (
    CHUNK,
    HEAD,
    Beside,
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
_SHORT = re.compile(rb"\s*[A-Za-z0-9+/\r\n]{22,}={0,2}\s*")  # 16 bytes and more
_KINDS = (re.compile(rb"[A-Z]"), re.compile(rb"[a-z]"), re.compile(rb"[0-9+/]"))
_PRINTED = re.compile(r"[\0\t\n\r\x20-\x7e\xa0-\U0010ffff]+")
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


class Base64(Opener):
    """Opens base64 if what it encodes has a form: that of a text or of another container.

    Whatever else is made of these characters, a list of codes for instance, is a text.
    """

    name = "base64"

    def recognises(self, head: bytes) -> bool:
        """Tell by the length of lines, and by what comes out."""
        if is_short_base64(head):
            return True
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
        """Yield what is encoded; if it is short, it may be a word of its own: this, too."""
        del bounds
        head = source.peek(HEAD)
        if len(head) < HEAD:
            yield Beside(iter([(head, [len(head)])]))
        yield Member(Source(_decoded(source)))


BASE64 = Base64()


def is_short_base64(data: bytes) -> bool:
    """Whether a document, or a value, of fewer than 512 bytes is text or a container in base64.

    Of texts that are none, one in a hundred million becomes a text of 16 characters.
    """
    if len(data) >= HEAD or not _SHORT.fullmatch(data):
        return False
    packed = b"".join(data.split())
    if len(packed) % 4:
        return False
    inner = binascii.a2b_base64(packed)
    if identify(inner)[0]:
        return True
    try:
        return _PRINTED.fullmatch(inner.decode()) is not None
    except UnicodeDecodeError:
        return False


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

"""OLE 2 compound files ([MS-CFB]): documents of older Office programs, and encrypted newer ones.

Their text lies in pieces and in forms of each program's own, so they are searched as bytes, and
count as not examined in full. A document that has a password is named as encrypted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from backends.content import Bounds, Opaque, Opener, Part, Raw, Source

_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_AHEAD = 1 << 20  # bytes in which the directory is looked for
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO] section 2.3.4


class Ole(Opener):
    """Searches a compound file as bytes."""

    name = "ole"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(_MAGIC)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield all of it as bytes, and why that is not enough."""
        del bounds
        yield Opaque("encrypted" if _is_encrypted(source) else "container-not-opened")
        yield Raw(source.chunks())


OLE = Ole()


def _is_encrypted(source: Source) -> bool:
    """Look into the first sector of the directory for the stream of an encrypted package."""
    head = source.peek(512)
    if len(head) < 512:
        return False
    shift, first = struct.unpack_from("<H", head, 30)[0], struct.unpack_from("<I", head, 48)[0]
    if shift not in {9, 12}:
        return False
    place = (first + 1) << shift
    if place > _AHEAD:
        return False
    return _ENCRYPTED in source.peek(place + (4 << shift))[place:]
